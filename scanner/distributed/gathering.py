"""Gather: combines the accounts into one scan, and divides them into batches for judging."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Final

from scanner.app.collection import manifest_of
from scanner.collect.account import ask_owners, owners
from scanner.collect.journal import NAME as JOURNAL
from scanner.collect.journal import JournalState, read_journal
from scanner.collect.retry import Deadline
from scanner.collect.runner import collected_of
from scanner.collect.scope import Resolved
from scanner.distributed import workspace
from scanner.distributed.account_files import State, read_state
from scanner.distributed.collecting import fail, write_account_plane
from scanner.distributed.options import Answer, Invocation
from scanner.errors import BundleError
from scanner.evidence.manifest import manifest_bytes, manifest_document
from scanner.model.manifest import Scope, ShardRecord
from scanner.model.names import ORG, AccountId, Shard
from scanner.storage.s3 import CONNECTIONS

MOST: Final = 250
"""The most accounts in a batch."""


def gather(step: Invocation) -> Answer:
    """Combine the accounts into one scan. Idempotent."""
    if (plan := step.work.read_json(workspace.PLAN)) is not None and step.work.names(workspace.MANIFEST):
        return {"batches": len(plan["batches"])}
    past = _journal(step)
    assert past.scope is not None  # nosec B101 # noqa: S101 -- checked in _journal
    states = _states(step, past.scope)
    records = {Shard(row.account, row.region): row for state in states.values() for row in state.records}
    changed = _ask_owners(step, past, records)
    # These files are longer now, and have other checksums.
    records |= changed
    _write_plane(step, past, records, changed)
    batches = pack(
        _sizes(past.scope.accounts, records.values()),
        step.request.environment.batch_bytes,
        single=_needs_all(step),
    )
    organization = tuple(record for shard, record in past.finished.items() if shard.region == ORG)
    collected = collected_of(
        past.header,
        Resolved(past.scope, past.accounts),
        (*organization, *(records[shard] for shard in sorted(records))),
        datetime.now(UTC),
    )
    step.work.write_json(workspace.BATCHES, [{"batch": number} for number in range(len(batches))])
    rewritten = sorted(record.file for record in changed.values())
    step.work.write_json(workspace.PLAN, {"batches": batches, "rewritten": rewritten})
    manifest = manifest_of(collected, step.request.options.as_of)
    step.work.write(workspace.MANIFEST, manifest_bytes(manifest_document(manifest)))
    return {"batches": len(batches)}


def pack(sizes: Mapping[AccountId, int], most: int, *, single: bool = False) -> list[list[AccountId]]:
    """Pack accounts into batches of at most `most` bytes of evidence, in their order.

    An account that has more is a batch of its own. `single`: all accounts are one batch.
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


def _needs_all(step: Invocation) -> bool:
    """Whether all accounts must be judged together: tiers and owners depend on tags in any account."""
    judgement = step.request.judging()
    return bool(judgement.tiers.tiers or judgement.tiers.overrides or judgement.owners)


def _sizes(accounts: Sequence[AccountId], records: Iterable[ShardRecord]) -> dict[AccountId, int]:
    sizes = dict.fromkeys(sorted(accounts), 0)
    for record in records:
        sizes[record.account] += record.bytes
    return sizes


def _journal(step: Invocation) -> JournalState:
    """Append the journals of all accounts to that of the scan. BundleError: the scan was not opened."""
    opened = step.work.read(workspace.OPENED)
    step.folder.mkdir(parents=True, exist_ok=True)
    # Sorted, so that a repeated step has the same journal.
    own = _read_all(step, sorted(step.work.names("journal/")))
    (step.folder / JOURNAL).write_bytes(b"".join((opened or b"", *own)))
    past = read_journal(step.folder) if opened else None
    if past is None or past.scope is None:
        raise BundleError(f"{step.work.place} has no journal: the scan was not opened, or its files expired.")
    return past


def _read_all(step: Invocation, object_names: Sequence[str]) -> list[bytes]:
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return [content or b"" for content in pool.map(step.work.read, object_names)]


def _states(step: Invocation, scope: Scope) -> Mapping[AccountId, State]:
    """Return the state of each account. One that is not done is recorded as not read."""
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        states = dict(
            zip(
                scope.accounts,
                pool.map(lambda account: read_state(step.work, account), scope.accounts),
                strict=True,
            )
        )
    for account, state in states.items():
        if not state.done:
            states[account] = fail(step, account, "its collection did not end.", state)
    return states


def _ask_owners(
    step: Invocation, past: JournalState, records: Mapping[Shard, ShardRecord]
) -> dict[Shard, ShardRecord]:
    """Read keys that other accounts name from their owners. Return the records of the changed files."""
    records_of_owners = owners(past, records)
    if not records_of_owners:
        return {}
    step.work.fetch_all([record.file for record in records_of_owners], step.folder)
    changed: dict[Shard, ShardRecord] = {}

    def keep(record: ShardRecord) -> None:
        # Under another name, since a repeated step needs the file as it was collected.
        step.work.write_file(workspace.rewritten(record.file), step.folder / record.file)
        changed[Shard(record.account, record.region)] = record

    # The other half is for the control plane and the manifest.
    deadline = Deadline.within(step.seconds * 0.5, margin=step.seconds * 0.05)
    ask_owners(step.request.collecting(deadline), step.folder, keep, records)
    return changed


def _write_plane(
    step: Invocation,
    past: JournalState,
    records: Mapping[Shard, ShardRecord],
    changed: Mapping[Shard, ShardRecord],
) -> None:
    """Write the control plane of all accounts, with those that changed as they are now."""
    assert past.scope is not None  # nosec B101 # noqa: S101 -- as in gather
    again = {shard.account for shard in changed}
    excluded = {entry.account for entry in past.scope.excluded}
    whole = step.folder / workspace.PLANE
    with whole.open("wb") as file:
        for account in sorted(set(past.scope.accounts) - excluded):
            path = step.folder / workspace.account_plane(account)
            if account in again:
                own = tuple(records[shard] for shard in sorted(records) if shard.account == account)
                write_account_plane(step, past, account, own)
            else:
                step.work.fetch_all([workspace.account_plane(account)], step.folder)
            # Gzip files one after the other are one gzip file (RFC 1952, section 2.2).
            file.write(path.read_bytes())
            # One account's part at a time, because the function's disk is small.
            path.unlink()
    step.work.write_file(workspace.PLANE, whole)
