"""Open: resolves the scope, reads the organization, and lists the accounts."""

from dataclasses import replace

from scanner.collect.journal import NAME as JOURNAL
from scanner.collect.runner import open_collection
from scanner.distributed import names
from scanner.distributed.invocation import Answer, Invocation
from scanner.errors import UsageError


def open_scan(step: Invocation) -> Answer:
    """Write the scan's journal and the list of its accounts. Idempotent."""
    if step.evidence.names():
        raise UsageError(
            f"{step.evidence.place} is not empty: an id names one scan only. Start another execution."
        )
    if (items := step.work.read_json(names.ACCOUNTS)) is not None:
        return {"accounts": len(items)}
    reads = step.request.reads()  # reports mistakes in audit.yaml before anything is read
    collect_request = replace(step.request.collecting(), reads=reads)
    resolved = open_collection(
        collect_request, step.folder, as_of=step.request.options.as_of, scan_id=step.scan_id
    )
    if (step.folder / names.ORGANIZATION).is_file():
        step.work.write_file(names.ORGANIZATION, step.folder / names.ORGANIZATION)
    step.work.write_file(names.OPENED, step.folder / JOURNAL)
    step.work.write_json(names.ACCOUNTS, [{"account": account} for account in resolved.scope.accounts])
    return {"accounts": len(resolved.scope.accounts)}
