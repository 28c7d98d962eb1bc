"""Open and Collect: resolve the scope, then read an account, in as many rounds as it takes."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from scanner.collect.account import collect_account
from scanner.collect.journal import NAME as JOURNAL
from scanner.collect.journal import JournalState
from scanner.collect.retry import Deadline
from scanner.collect.runner import open_collection
from scanner.distributed import workspace
from scanner.distributed.account_files import (
    AccountJournal,
    State,
    fetch_missing,
    own_records,
    read_state,
    write_state,
)
from scanner.distributed.events import Collect, Failed, Note
from scanner.distributed.options import Answer, Invocation
from scanner.errors import UsageError, VaultproofError
from scanner.evidence.bundle import Bundle
from scanner.evidence.manifest import NAME, manifest_bytes, manifest_document
from scanner.evidence.writer import Call, Failure, ShardWriter
from scanner.judging.batches import write_plane
from scanner.model.known import NOT_COLLECTED
from scanner.model.manifest import Manifest, ShardRecord
from scanner.model.names import AWS_GLOBAL, AccountId, Shard

_SHARE: Final = 0.85
"""The share of the time for calling AWS; the rest is for the account's summary and uploads."""

_BEFORE: Final = 0.25
"""The share of the time, at the end of collecting, in which no further Region is started."""

_MOST_STALE: Final = 4
"""Consecutive rounds without a finished Region after which the account is abandoned."""

_PATIENCE: Final = 2
"""Consecutive rounds without a finished Region after which one is recorded even if incomplete."""


def collect(event: Collect, step: Invocation) -> Answer:
    """Collect an account, or what is left of it. `more` in the answer: call again."""
    account = AccountId(event.account)
    state = read_state(step.work, account)
    # Step Functions may repeat a step whose answer was lost.
    if state.done:
        return {"more": False, "rounds": state.rounds}
    if state.stale > _MOST_STALE:
        raise VaultproofError(
            f"Nothing new was read of account {account} in {state.stale} rounds. "
            "Give the function more time or memory, and start another scan."
        )
    journal = AccountJournal(step.work, account, step.folder)
    done = own_records(journal.past(), account)
    state = _begun(state, len(done))
    # Before anything is read, so that a round whose function is terminated counts as well.
    write_state(step.work, account, state)
    # The account's Regions are found in the answers of its global services; other finished files are not
    # needed.
    fetch_missing(
        step.work, [record.file for shard, record in done.items() if shard.region == AWS_GLOBAL], step.folder
    )
    deadline = Deadline.within(
        step.seconds * _SHARE, margin=step.seconds * _BEFORE, gives_up=state.stale >= _PATIENCE
    )
    collected = collect_account(
        step.request.collecting(deadline),
        step.folder,
        account,
        journal.upload,
        # After a round without progress, one Region gets all of the time.
        shards_at_most=1 if state.stale else None,
    )
    if collected.has_more:
        return {"more": True, "rounds": state.rounds}
    mark_done(step, account, replace(state, done=True, records=collected.records))
    return {"more": False, "rounds": state.rounds}


def _begun(state: State, finished: int) -> State:
    """Return the state for a new round. `stale` counts rounds that finished no shard."""
    is_stale = state.rounds > 0 and finished <= state.finished
    return State(rounds=state.rounds + 1, finished=finished, stale=state.stale + 1 if is_stale else 0)


def note(event: Note, step: Invocation) -> Answer:
    """Record that an account could not be read further: all remaining Regions have failed."""
    account = AccountId(event.account)
    state = read_state(step.work, account)
    if not state.done:
        fail(step, account, reason_of(event.error), state)
    return {"account": account}


def fail(step: Invocation, account: AccountId, reason: str, state: State) -> State:
    """Write the evidence that an account could not be read, and mark it as done."""
    journal = AccountJournal(step.work, account, step.folder)
    past = journal.past()
    records = dict(own_records(past, account))
    regions = past.scope.regions if past.scope else ()
    for shard in (Shard(account, region) for region in (AWS_GLOBAL, *regions)):
        if shard not in records:
            records[shard] = _failed(step, shard, reason)
    ordered = tuple(records[shard] for shard in sorted(records))
    done = replace(state, done=True, failure=reason, records=ordered)
    mark_done(step, account, done)
    return done


def _failed(step: Invocation, shard: Shard, reason: str) -> ShardRecord:
    """Write the evidence that a shard was not read, with the reason."""
    service, _, operation = NOT_COLLECTED.partition(":")
    failure = Failure("AccountNotRead", f"The account could not be read, because {reason}", 0, 0)
    with ShardWriter(step.folder, shard) as writer:
        writer.write(
            Call(
                service=service,
                operation=operation,
                parameters={},
                at=datetime.now(UTC),
                shard=shard,
                failure=failure,
            )
        )
    record = writer.finish()
    step.work.write_file(record.file, step.folder / record.file)
    return record


def reason_of(error: Failed) -> str:
    """Return a clause that says why Step Functions abandoned an account."""
    match error.Error:
        # The names that AWS Lambda and Step Functions have for a timeout.
        case "Sandbox.Timedout" | "States.Timeout":
            return f"the function and its retries timed out ({error.Error})."
        case "":
            return "its collection did not end."
        case "Runtime.ExitError" | "Lambda.Unknown":
            return f"the function was terminated, most likely out of memory ({error.Error})."
        case name:
            return f"the function failed ({name[:100]}): {' '.join(error.Cause.split())[:500]}"


def mark_done(step: Invocation, account: AccountId, state: State) -> None:
    """Write an account's part of the control plane, then mark the account as done."""
    # Read again, because the journal has grown since the account was opened.
    past = AccountJournal(step.work, account, step.folder).past()
    write_account_plane(step, past, account, state.records)
    step.work.write_file(workspace.account_plane(account), step.folder / workspace.account_plane(account))
    # Last: an account that is done is never collected again.
    write_state(step.work, account, state)


def write_account_plane(
    step: Invocation, past: JournalState, account: AccountId, records: tuple[ShardRecord, ...]
) -> None:
    """Write the plane file of an account into the folder. Missing evidence is fetched first."""
    fetch_missing(step.work, [record.file for record in records], step.folder)
    assert past.scope is not None  # nosec B101 # noqa: S101 -- the journal of an opened scan has one
    manifest = Manifest(
        evaluated_as_of=past.header.started_at,
        scope=replace(past.scope, accounts=(account,)),
        accounts=past.accounts,
        shards=records,
        reads=past.header.requested.reads,
    )
    (step.folder / NAME).write_bytes(manifest_bytes(manifest_document(manifest)))
    write_plane(Bundle(step.folder, (account,)), step.folder / workspace.account_plane(account))


def open_scan(step: Invocation) -> Answer:
    """Write the scan's journal and the list of its accounts. Idempotent."""
    if step.evidence.names():
        raise UsageError(
            f"{step.evidence.place} is not empty: an id names one scan only. Start another execution."
        )
    # Written last by an earlier attempt of this step, which is complete then.
    if (items := step.work.read_json(workspace.ACCOUNTS)) is not None:
        return {"accounts": len(items)}
    reads = step.request.reads()  # reports mistakes in audit.yaml before anything is read
    collect_request = replace(step.request.collecting(), reads=reads)
    resolved = open_collection(
        collect_request, step.folder, as_of=step.request.options.as_of, scan_id=step.scan_id
    )
    if (step.folder / workspace.ORGANIZATION).is_file():
        step.work.write_file(workspace.ORGANIZATION, step.folder / workspace.ORGANIZATION)
    step.work.write_file(workspace.OPENED, step.folder / JOURNAL)
    step.work.write_json(workspace.ACCOUNTS, [{"account": account} for account in resolved.scope.accounts])
    return {"accounts": len(resolved.scope.accounts)}
