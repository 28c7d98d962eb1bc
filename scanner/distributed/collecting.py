"""Collect: an account is read, round after round, until all of it is."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from scanner.collect.account import collect_account
from scanner.collect.deadline import Deadline
from scanner.collect.journal import Past
from scanner.distributed import names
from scanner.distributed.account_files import (
    AccountJournal,
    State,
    fetch_missing,
    own_records,
    read_state,
    write_state,
)
from scanner.distributed.events import Collect, Failed, Note
from scanner.distributed.invocation import Answer, Invocation
from scanner.errors import VaultproofError
from scanner.evidence.bundle import Bundle
from scanner.evidence.manifest import NAME, manifest_bytes, manifest_document
from scanner.evidence.writer import Call, Failure, ShardWriter
from scanner.judging.plane import write_plane
from scanner.model.manifest import Manifest, ShardRecord
from scanner.model.names import AWS_GLOBAL, AccountId, Shard
from scanner.model.reading import NOT_COLLECTED

_SHARE: Final = 0.85
"""The part of the time in which AWS is called; the summary of the account and uploads have the rest."""

_BEFORE: Final = 0.25
"""The part of the time, before collecting stops, in which no Region is begun any more."""

_MOST_STALE: Final = 4
"""Rounds in a row without a finished Region after which the account is given up."""

_PATIENCE: Final = 2
"""Rounds in a row without a finished Region after which the next one is recorded as far as it was read."""


def collect(event: Collect, here: Invocation) -> Answer:
    """Go on with an account. `more`: call again."""
    account = AccountId(event.account)
    state = read_state(here.work, account)
    if state.done:
        return {"more": False, "rounds": state.rounds}
    if state.stale > _MOST_STALE:
        raise VaultproofError(
            f"Nothing new was read of account {account} in {state.stale} rounds. "
            "Give the function more time or memory, and start another scan."
        )
    journal = AccountJournal(here.work, account, here.folder)
    done = own_records(journal.past(), account)
    state = _begun(state, len(done))
    write_state(here.work, account, state)
    fetch_missing(
        here.work, [record.file for shard, record in done.items() if shard.region == AWS_GLOBAL], here.folder
    )
    deadline = Deadline.within(
        here.seconds * _SHARE, margin=here.seconds * _BEFORE, gives_up=state.stale >= _PATIENCE
    )
    collected = collect_account(
        here.asked.collecting(deadline),
        here.folder,
        account,
        journal.upload,
        shards_at_most=1 if state.stale else None,
    )
    if collected.has_more:
        return {"more": True, "rounds": state.rounds}
    settle(here, account, replace(state, done=True, records=collected.records))
    return {"more": False, "rounds": state.rounds}


def _begun(state: State, finished: int) -> State:
    """Return the state of a round that begins; stale: the last one finished no shard."""
    is_stale = state.rounds > 0 and finished <= state.finished
    return State(rounds=state.rounds + 1, finished=finished, stale=state.stale + 1 if is_stale else 0)


def note(event: Note, here: Invocation) -> Answer:
    """Record that an account could not be read any further: every Region that is left has failed."""
    account = AccountId(event.account)
    state = read_state(here.work, account)
    if not state.done:
        fail(here, account, reason_of(event.error), state)
    return {"account": account}


def fail(here: Invocation, account: AccountId, reason: str, state: State) -> State:
    """Write the evidence of an account that could not be read, and settle it."""
    journal = AccountJournal(here.work, account, here.folder)
    past = journal.past()
    records = dict(own_records(past, account))
    regions = past.scope.regions if past.scope else ()
    for shard in (Shard(account, region) for region in (AWS_GLOBAL, *regions)):
        if shard not in records:
            records[shard] = _failed(here, shard, reason)
    ordered = tuple(records[shard] for shard in sorted(records))
    settled = replace(state, done=True, failure=reason, records=ordered)
    settle(here, account, settled)
    return settled


def _failed(here: Invocation, shard: Shard, reason: str) -> ShardRecord:
    """Write the evidence of a shard that was not read, and why."""
    service, _, operation = NOT_COLLECTED.partition(":")
    failure = Failure("AccountNotRead", f"The account could not be read, because {reason}", 0, 0)
    with ShardWriter(here.folder, shard) as writer:
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
    here.work.write_file(record.file, here.folder / record.file)
    return record


def reason_of(error: Failed) -> str:
    """Return in words why Step Functions gave up on an account."""
    match error.Error:
        case "Sandbox.Timedout" | "States.Timeout":
            return f"the function did not end in time ({error.Error}), and neither did its retries."
        case "":
            return "its collection did not end."
        case "Runtime.ExitError" | "Lambda.Unknown":
            return f"the function was ended, for want of memory most often ({error.Error})."
        case name:
            return f"the function failed ({name[:100]}): {' '.join(error.Cause.split())[:500]}"


def settle(here: Invocation, account: AccountId, state: State) -> None:
    """Write what a done account contributes to the control plane, and then that it is done."""
    past = AccountJournal(here.work, account, here.folder).past()
    write_account_plane(here, past, account, state.records)
    here.work.write_file(names.account_plane(account), here.folder / names.account_plane(account))
    write_state(here.work, account, state)


def write_account_plane(
    here: Invocation, past: Past, account: AccountId, records: tuple[ShardRecord, ...]
) -> None:
    """Write the plane file of an account into the folder; fetch the evidence that is not there."""
    fetch_missing(here.work, [record.file for record in records], here.folder)
    assert past.scope is not None  # noqa: S101 -- the journal of an opened scan has one
    manifest = Manifest(
        evaluated_as_of=past.header.started_at,
        scope=replace(past.scope, accounts=(account,)),
        accounts=past.accounts,
        shards=records,
        reads=past.header.asked.reads,
    )
    (here.folder / NAME).write_bytes(manifest_bytes(manifest_document(manifest)))
    write_plane(Bundle(here.folder, (account,)), here.folder / names.account_plane(account))
