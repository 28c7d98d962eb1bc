"""Resume a collection that was killed or cut short: what is complete is not read again."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from scanner.collect.environment import Opening, ScanEnvironment, open_scan, set_up
from scanner.collect.journal import (
    Journal,
    JournalState,
    RequestedScope,
    held_against_files,
    remove_organization,
    remove_parts,
    remove_unfinished,
)
from scanner.collect.request import Collected, CollectRequest, Unwatched, Watcher
from scanner.collect.runner import Collection, begin, collected_of, read
from scanner.collect.scope import Resolved, survey
from scanner.errors import UsageError
from scanner.model.collected import CollectedReads
from scanner.model.inventory import ShardStatus
from scanner.model.manifest import Excluded, Scope, ShardRecord
from scanner.model.names import AWS_GLOBAL, ORG, Shard

_OPTIONS: Final = {
    "organization": "--org",
    "accounts": "--account",
    "organizational_units": "--ou",
    "regions": "--region",
    "excluded": "scope.exclude",
    "role_name": "--role-name",
}
"""The fields of a request that are compared as they are, and their options."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeOptions:
    """The options of a resumption; None: not given, so that the journal's apply.

    `needs`: what the controls and formats of the resumption need; None: they are not compared.
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
    """A collection that is complete now. `had_all`: it was complete before, and nothing was called."""

    collected: Collected
    had_all: bool


def resume(
    given: ResumeOptions,
    means: CollectRequest,
    folder: Path,
    watcher: Watcher | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Resumed:
    """Resume the collection in `folder`, with the request of its journal.

    Of `means` only how AWS is reached is taken: profile, external id, concurrency, retries. Raises what
    `runner.collect` raises, UsageError where there is nothing to go on with or an option contradicts the
    journal, and CredentialsError when they are those of another account.
    """
    journal, past = Journal.reopen(folder)
    with journal:
        request = journal_request(given, means, past)
        past = held_against_files(past, folder)
        remove_parts(folder)
        if past.scope is None:
            remove_organization(folder)
        if past.scope is not None and past.finished_at is not None:
            return Resumed(_complete(past, past.scope, past.finished_at), had_all=True)
        check_means(means, past)
        environment = set_up(request, watcher or Unwatched(), clock, past.header.home)
        opening = _open(past, environment)
        remove_unfinished(folder, past.finished)
        collection = Collection(
            request=request,
            folder=folder,
            environment=environment,
            opening=opening,
            header=past.header,
            journal=journal,
            finished=past.finished,
            keys=past.keys,
        )
        return Resumed(_go_on(collection, past), had_all=False)


def journal_request(given: ResumeOptions, means: CollectRequest, past: JournalState) -> CollectRequest:
    """Return the request of the journal. UsageError: an option contradicts it."""
    asked = past.header.asked
    _check_mode(given, asked)
    _check_reads(given, asked)
    for field, option in _OPTIONS.items():
        said, known = getattr(given, field), getattr(asked, field)
        if said is not None and _in_any_order(said) != _in_any_order(known):
            raise UsageError(
                f"{option} says otherwise than the scan that is to be resumed, which has "
                f"{_told(known)}. Leave it out, or start another scan with --out."
            )
    return replace(
        means,
        **{field: getattr(asked, field) for field in _OPTIONS},
        reads=asked.reads,
        session_name=given.session_name or asked.session_name,
        duration_seconds=given.duration_seconds or asked.duration_seconds,
    )


def _check_reads(given: ResumeOptions, asked: RequestedScope) -> None:
    """Refuse controls and formats that need more than the scan collects. UsageError."""
    if given.needs is None or asked.reads is None:
        return
    more = sorted(set(given.needs.operations) - set(asked.reads.operations))
    if more:
        options = " ".join(f"--controls {name}" for name in asked.reads.controls)
        formats = f" --format {','.join(asked.reads.formats)}" if asked.reads.formats else ""
        raise UsageError(
            "The scan to be resumed collects only what its controls need, and what is selected now needs "
            f"more ({', '.join(more)}). Resume it as it was begun ({options}{formats}), "
            "start another scan with --out, or judge what was collected with audit evaluate: what was left "
            "out is unknown."
        )


def _check_mode(given: ResumeOptions, asked: RequestedScope) -> None:
    """Refuse another --collect than that of the scan. UsageError."""
    if given.collects_all is None or given.collects_all == (asked.reads is None):
        return
    known = "everything" if asked.reads is None else "only what its controls need"
    raise UsageError(
        f"The scan to be resumed collects {known}, and --collect says otherwise. Leave --collect out, "
        "or start another scan with --out."
    )


def _in_any_order(value: object) -> object:
    return frozenset(value) if isinstance(value, tuple) else value


def _told(value: object) -> str:
    if isinstance(value, tuple):
        words = (word.account if isinstance(word, Excluded) else str(word) for word in value)
        return ", ".join(words) or "none"
    return "none" if value is False else str(value)


def check_means(means: CollectRequest, past: JournalState) -> None:
    """Refuse what would make the rest of the evidence another scan's. UsageError."""
    here = version("vaultproof")
    if past.header.tool_version != here:
        raise UsageError(
            f"The scan was begun by version {past.header.tool_version}, and this is {here}, which may ask "
            "other questions. Resume it with that version, or start another scan with --out."
        )
    if past.header.asked.external_id and means.external_id is None:
        raise UsageError(
            "The scan was begun with an external id, which is not kept: give --external-id again."
        )


def _complete(past: JournalState, scope: Scope, finished_at: datetime) -> Collected:
    """Return a collection that is complete: a Region without a record is not enabled in its account."""
    records = dict(past.finished)
    for account in scope.accounts:
        for region in scope.regions:
            skipped = ShardRecord(account=account, region=region, status=ShardStatus.SKIPPED)
            records.setdefault(Shard(account, region), skipped)
    first = tuple(record for shard, record in records.items() if shard.region == ORG)
    others = tuple(records[shard] for shard in sorted(records) if shard.region != ORG)
    return collected_of(past.header, Resolved(scope, past.accounts), (*first, *others), finished_at)


def _go_on(collection: Collection, past: JournalState) -> Collected:
    if past.scope is None:
        return begin(collection)
    records = _organization(collection, past.scope)
    return read(collection, Resolved(past.scope, past.accounts), records)


def _open(past: JournalState, environment: ScanEnvironment) -> Opening:
    """Ask who is calling; and for the Regions, unless the file that their answer is in is finished."""
    caller = past.header.caller_account
    in_scope = past.scope is not None and caller in past.scope.accounts
    place = Shard(caller, AWS_GLOBAL if in_scope else ORG)
    return open_scan(
        environment.wiring,
        environment.credential_store,
        environment.own,
        environment.home,
        expected=caller,
        asks_regions=past.scope is None or place not in past.finished,
    )


def _organization(collection: Collection, scope: Scope) -> tuple[ShardRecord, ...]:
    """Return the record of the organization's file, if the scan has one. A missing file is read again."""
    account = collection.opening.account
    record = collection.finished.get(Shard(account, ORG))
    if record is not None:
        return (record,)
    if not collection.request.organization and account in scope.accounts:
        return ()
    here = collection
    _, records = survey(here.request, here.environment, here.opening, here.folder)  # the scope is settled
    for record in records:
        collection.journal.note(record)
    return records
