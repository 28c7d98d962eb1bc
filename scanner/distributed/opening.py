"""Open: the scope is resolved, the organization is read, and the accounts are listed."""

from dataclasses import replace

from scanner.collect.journal import NAME as JOURNAL
from scanner.collect.runner import open_collection
from scanner.distributed import names
from scanner.distributed.invocation import Answer, Invocation
from scanner.errors import UsageError


def open_scan(here: Invocation) -> Answer:
    """Write the scan's journal and the list of its accounts. Doing it again changes nothing."""
    if here.evidence.names():
        raise UsageError(
            f"{here.evidence.place} is not empty: an id names one scan only. Start another execution."
        )
    if (items := here.work.read_json(names.ACCOUNTS)) is not None:
        return {"accounts": len(items)}
    reads = here.asked.reads()  # a mistake in audit.yaml is reported before anything is read
    request = replace(here.asked.collecting(), reads=reads)
    resolved = open_collection(request, here.folder, as_of=here.asked.options.as_of, scan_id=here.scan_id)
    if (here.folder / names.ORGANIZATION).is_file():
        here.work.write_file(names.ORGANIZATION, here.folder / names.ORGANIZATION)
    here.work.write_file(names.OPENED, here.folder / JOURNAL)
    here.work.write_json(names.ACCOUNTS, [{"account": account} for account in resolved.scope.accounts])
    return {"accounts": len(resolved.scope.accounts)}
