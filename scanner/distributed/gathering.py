"""Gather: the accounts become one scan, and batches of them are packed for judging."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Final

from scanner.app.collection import manifest_of
from scanner.collect.account import ask_owners, owners
from scanner.collect.deadline import Deadline
from scanner.collect.journal import NAME as JOURNAL
from scanner.collect.journal import Past, read_journal
from scanner.collect.runner import collected_of
from scanner.collect.scope import Resolved
from scanner.distributed import names
from scanner.distributed.account_files import State, read_state
from scanner.distributed.collecting import fail, write_account_plane
from scanner.distributed.invocation import Answer, Invocation
from scanner.errors import BundleError
from scanner.evidence.manifest import manifest_bytes, manifest_document
from scanner.model.manifest import Scope, ShardRecord
from scanner.model.names import ORG, AccountId, Shard
from scanner.storage.s3 import CONNECTIONS

MOST: Final = 250
"""Accounts that a batch has at most."""


def gather(here: Invocation) -> Answer:
    """Put the accounts together. Doing it again changes nothing."""
    if (plan := here.work.read_json(names.PLAN)) is not None and here.work.names(names.MANIFEST):
        return {"batches": len(plan["batches"])}
    past = _journal(here)
    assert past.scope is not None  # noqa: S101 -- checked in _journal
    states = _states(here, past.scope)
    records = {Shard(row.account, row.region): row for state in states.values() for row in state.records}
    changed = _ask_owners(here, past, records)
    records |= changed
    _write_plane(here, past, records, changed)
    batches = pack(
        _sizes(past.scope.accounts, records.values()),
        here.asked.environment.batch_bytes,
        single=_needs_all(here),
    )
    organization = tuple(record for shard, record in past.finished.items() if shard.region == ORG)
    collected = collected_of(
        past.header,
        Resolved(past.scope, past.accounts),
        (*organization, *(records[shard] for shard in sorted(records))),
        datetime.now(UTC),
    )
    here.work.write_json(names.BATCHES, [{"batch": number} for number in range(len(batches))])
    rewritten = sorted(record.file for record in changed.values())
    here.work.write_json(names.PLAN, {"batches": batches, "rewritten": rewritten})
    manifest = manifest_of(collected, here.asked.options.as_of)
    here.work.write(names.MANIFEST, manifest_bytes(manifest_document(manifest)))
    return {"batches": len(batches)}


def pack(sizes: Mapping[AccountId, int], most: int, *, single: bool = False) -> list[list[AccountId]]:
    """Pack accounts into batches of at most `most` bytes of evidence, in their order.

    An account that alone has more is a batch of its own. `single`: all are one batch.
    """
    batches: list[list[AccountId]] = []
    room = 0
    for account, size in sizes.items():
        if not batches or (not single and (size > room or len(batches[-1]) >= MOST)):
            batches.append([])
            room = most
        batches[-1].append(account)
        room -= size
    return batches


def _needs_all(here: Invocation) -> bool:
    """Whether an account cannot be judged without the resources of others: tiers and owners go by tags."""
    judgement = here.asked.judging()
    return bool(judgement.tiers.tiers or judgement.tiers.overrides or judgement.owners)


def _sizes(accounts: Sequence[AccountId], records: Iterable[ShardRecord]) -> dict[AccountId, int]:
    sizes = dict.fromkeys(sorted(accounts), 0)
    for record in records:
        sizes[record.account] += record.bytes
    return sizes


def _journal(here: Invocation) -> Past:
    """Put the journals of all accounts behind that of the scan. BundleError: the scan was not opened."""
    opened = here.work.read(names.OPENED)
    here.folder.mkdir(parents=True, exist_ok=True)
    own = _read_all(here, sorted(here.work.names("journal/")))
    (here.folder / JOURNAL).write_bytes(b"".join((opened or b"", *own)))
    past = read_journal(here.folder) if opened else None
    if past is None or past.scope is None:
        raise BundleError(f"{here.work.place} has no journal: the scan was not opened, or its files expired.")
    return past


def _read_all(here: Invocation, found: Sequence[str]) -> list[bytes]:
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return [content or b"" for content in pool.map(here.work.read, found)]


def _states(here: Invocation, scope: Scope) -> Mapping[AccountId, State]:
    """Return the state of each account; record of one that is not done that it was not read."""
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        states = dict(
            zip(
                scope.accounts,
                pool.map(lambda account: read_state(here.work, account), scope.accounts),
                strict=True,
            )
        )
    for account, state in states.items():
        if not state.done:
            states[account] = fail(here, account, "its collection did not end.", state)
    return states


def _ask_owners(
    here: Invocation, past: Past, records: Mapping[Shard, ShardRecord]
) -> dict[Shard, ShardRecord]:
    """Ask the owners of keys that other accounts name; return the records of the files that got answers."""
    asked = owners(past, records)
    if not asked:
        return {}
    here.work.fetch_all([record.file for record in asked], here.folder)
    changed: dict[Shard, ShardRecord] = {}

    def keep(record: ShardRecord) -> None:
        here.work.write_file(names.rewritten(record.file), here.folder / record.file)
        changed[Shard(record.account, record.region)] = record

    deadline = Deadline.within(here.seconds * 0.5, margin=here.seconds * 0.05)
    ask_owners(here.asked.collecting(deadline), here.folder, keep, records)
    return changed


def _write_plane(
    here: Invocation, past: Past, records: Mapping[Shard, ShardRecord], changed: Mapping[Shard, ShardRecord]
) -> None:
    """Write what all accounts contribute to the control plane, those with new answers as they are now."""
    assert past.scope is not None  # noqa: S101 -- as in gather
    again = {shard.account for shard in changed}
    excluded = {entry.account for entry in past.scope.excluded}
    whole = here.folder / names.PLANE
    with whole.open("wb") as file:
        for account in sorted(set(past.scope.accounts) - excluded):
            path = here.folder / names.account_plane(account)
            if account in again:
                own = tuple(records[shard] for shard in sorted(records) if shard.account == account)
                write_account_plane(here, past, account, own)
            else:
                here.work.fetch_all([names.account_plane(account)], here.folder)
            file.write(path.read_bytes())
            path.unlink()
    here.work.write_file(names.PLANE, whole)
