"""Resumption of an interrupted collection: finished shards are not read again."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Final

from scanner.collect.environment import Opening, ScanEnvironment, open_scan, set_up
from scanner.collect.journal import (
    NAME,
    Journal,
    JournalState,
    RequestedScope,
    checked_against_files,
    remove_organization,
    remove_parts,
    remove_unfinished,
)
from scanner.collect.request import Collected, CollectRequest, Unwatched, Watcher
from scanner.collect.retry import steady
from scanner.collect.runner import Collection, begin, collected_of, read
from scanner.collect.scope import Resolved, survey
from scanner.errors import UsageError
from scanner.evidence.writer import rfc3339
from scanner.model.inventory import ShardStatus
from scanner.model.manifest import CollectedReads, Excluded, Scope, ShardRecord
from scanner.model.names import AWS_GLOBAL, ORG, Shard

_TOLERANCE: Final = timedelta(minutes=5)
"""How far the clock may be set back before a resumption, as in `audit verify`."""
_OPTIONS: Final = {
    "organization": "--org",
    "accounts": "--account",
    "organizational_units": "--ou",
    "regions": "--region",
    "excluded": "scope.exclude",
    "role_name": "--role-name",
}
"""Fields of a request that must be equal, and their options."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeOptions:
    """The options of a resumption; None: not given, so that those of the journal apply.

    `needs`: what the controls and formats of the resumption need; None: not compared.
    """

    organization: bool | None = None
    accounts: tuple[str, ...] | None = None
    organizational_units: tuple[str, ...] | None = None
    regions: tuple[str, ...] | None = None
    excluded: tuple[Excluded, ...] | None = None
    role_name: str | None = None
    session_name: str | None = None
    duration_seconds: int | None = None
    collects_all: bool | None = None
    needs: CollectedReads | None = None


@dataclass(frozen=True, slots=True)
class Resumed:
    """A collection that is complete now. `had_all`: it was complete before, and no call was made."""

    collected: Collected
    had_all: bool


def resume(
    options: ResumeOptions,
    access: CollectRequest,
    folder: Path,
    watcher: Watcher | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Resumed:
    """Continue the collection in `folder` as its journal states.

    Only the options for accessing AWS are taken from `access`: profile, external id, concurrency, retries.
    Raises the errors of `runner.collect`, UsageError if there is nothing to resume or an option contradicts
    the journal, and CredentialsError if the credentials are those of another account.
    """
    # Before the journal is opened, which may cut off a torn line and so change the time.
    written_at = _written_at(folder)
    journal, state = Journal.reopen(folder)
    with journal:
        request = journal_request(options, access, state)
        state = checked_against_files(state, folder)
        remove_parts(folder)
        # The organization is read again, because the scope depends on its answers.
        if state.scope is None:
            remove_organization(folder)
        # Nothing is left to read: no credentials are needed.
        if state.scope is not None and state.finished_at is not None:
            return Resumed(_complete(state, state.scope, state.finished_at), had_all=True)
        check_access_options(access, state)
        clock = steady(clock)
        _check_clock(clock(), max(written_at, state.header.started_at))
        environment = set_up(request, watcher or Unwatched(), clock, state.header.home)
        opening = _open(state, environment)
        # Only now that the credentials work: a resumption that fails early removes no evidence.
        remove_unfinished(folder, state.finished)
        collection = Collection(
            request=request,
            folder=folder,
            environment=environment,
            opening=opening,
            header=state.header,
            journal=journal,
            finished=state.finished,
            keys=state.keys,
        )
        return Resumed(_go_on(collection, state), had_all=False)


def _written_at(folder: Path) -> datetime:
    """Return when the journal was last written, by the clock of that time."""
    try:
        return datetime.fromtimestamp((folder / NAME).stat().st_mtime, UTC)
    except (OSError, ValueError, OverflowError):  # reopening it raises the proper error
        return datetime.min.replace(tzinfo=UTC)


def _check_clock(now: datetime, latest: datetime) -> None:
    """Raise UsageError if the clock was set back since the scan was interrupted.

    Its times would contradict each other, and `audit verify` would report the scan as changed.
    """
    if now < latest - _TOLERANCE:
        raise UsageError(
            f"The clock of this machine says {rfc3339(now)}, but the scan to be resumed was last written at "
            f"{rfc3339(latest)}. Correct the clock and resume again, or start another scan with --out."
        )


def journal_request(options: ResumeOptions, access: CollectRequest, state: JournalState) -> CollectRequest:
    """Build the request from the journal. UsageError: an option contradicts it."""
    request = state.header.requested
    _check_mode(options, request)
    _check_reads(options, request)
    for field, option in _OPTIONS.items():
        value, recorded = getattr(options, field), getattr(request, field)
        if value is not None and _in_any_order(value) != _in_any_order(recorded):
            raise UsageError(
                f"{option} differs from that of the scan to be resumed, which is "
                f"{_shown(recorded)}. Omit it, or start another scan with --out."
            )
    return replace(
        access,
        **{field: getattr(request, field) for field in _OPTIONS},
        reads=request.reads,
        session_name=options.session_name or request.session_name,
        duration_seconds=options.duration_seconds or request.duration_seconds,
    )


def _check_reads(options: ResumeOptions, request: RequestedScope) -> None:
    """Raise UsageError if controls and formats need more than the scan collects."""
    if options.needs is None or request.reads is None:
        return
    more = sorted(set(options.needs.operations) - set(request.reads.operations))
    if more:
        flags = " ".join(f"--controls {name}" for name in request.reads.controls)
        formats = f" --format {','.join(request.reads.formats)}" if request.reads.formats else ""
        raise UsageError(
            "The scan to be resumed collects only what its controls need, and what is selected now needs "
            f"more ({', '.join(more)}). Resume it with its own options ({flags}{formats}), "
            "start another scan with --out, or evaluate the collected evidence with audit evaluate: checks "
            "that need more are unknown."
        )


def _check_mode(options: ResumeOptions, request: RequestedScope) -> None:
    """Raise UsageError if --collect differs from that of the scan."""
    if options.collects_all is None or options.collects_all == (request.reads is None):
        return
    collected = "everything" if request.reads is None else "only what its controls need"
    raise UsageError(
        f"The scan to be resumed collects {collected}, but --collect differs. Omit --collect, "
        "or start another scan with --out."
    )


def _in_any_order(value: object) -> object:
    return frozenset(value) if isinstance(value, tuple) else value


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        words = (word.account if isinstance(word, Excluded) else str(word) for word in value)
        return ", ".join(words) or "none"
    return "none" if value is False else str(value)


def check_access_options(access: CollectRequest, state: JournalState) -> None:
    """Raise UsageError if the rest of the evidence could not be collected in the same way."""
    here = version("vaultproof")
    if state.header.tool_version != here:
        raise UsageError(
            f"The scan was started by version {state.header.tool_version}, and this is {here}, which may "
            "make other calls. Resume it with that version, or start another scan with --out."
        )
    if state.header.requested.external_id and access.external_id is None:
        raise UsageError(
            "The scan was started with an external id, which is not recorded: specify --external-id again."
        )


def _complete(state: JournalState, scope: Scope, finished_at: datetime) -> Collected:
    """Return the collection that was complete; Regions without a record are not enabled in their account."""
    records = dict(state.finished)
    for account in scope.accounts:
        for region in scope.regions:
            skipped = ShardRecord(account=account, region=region, status=ShardStatus.SKIPPED)
            records.setdefault(Shard(account, region), skipped)
    first = tuple(record for shard, record in records.items() if shard.region == ORG)
    others = tuple(records[shard] for shard in sorted(records) if shard.region != ORG)
    return collected_of(state.header, Resolved(scope, state.accounts), (*first, *others), finished_at)


def _go_on(collection: Collection, state: JournalState) -> Collected:
    if state.scope is None:
        return begin(collection)
    records = _organization(collection, state.scope)
    return read(collection, Resolved(state.scope, state.accounts), records)


def _open(state: JournalState, environment: ScanEnvironment) -> Opening:
    """Request the caller's identity, and its Regions unless the file with that answer is finished."""
    caller = state.header.caller_account
    # Where the answer about Regions was recorded (`scope.survey`).
    in_scope = state.scope is not None and caller in state.scope.accounts
    place = Shard(caller, AWS_GLOBAL if in_scope else ORG)
    return open_scan(
        environment.wiring,
        environment.credential_store,
        environment.own,
        environment.home,
        expected=caller,
        asks_regions=state.scope is None or place not in state.finished,
    )


def _organization(collection: Collection, scope: Scope) -> tuple[ShardRecord, ...]:
    """Return the record of the organisation's file, reading it again if it is missing."""
    account = collection.opening.account
    record = collection.finished.get(Shard(account, ORG))
    if record is not None:
        return (record,)
    if not collection.request.organization and account in scope.accounts:
        return ()
    here = collection
    _, records = survey(
        here.request, here.environment, here.opening, here.folder
    )  # the scope is known already
    for record in records:
        collection.journal.note(record)
    return records
