"""Contradictions between a manifest and the evidence, which show without a signature (evidence format).

A bundle of another program need not record times, counts and statuses: what it does not record is not
compared, and `audit verify` says so.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from scanner.errors import BundleError
from scanner.evidence.answers import says_there_is_none
from scanner.evidence.bundle import Bundle
from scanner.evidence.file_checks import listed
from scanner.evidence.lines import EvidenceLine
from scanner.evidence.manifest import rfc3339
from scanner.evidence.reader import read_lines, shard_file
from scanner.evidence.verification import Check, CheckResult
from scanner.model.inventory import INACTIVE_STATUSES, ShardStatus
from scanner.model.manifest import Manifest, ShardRecord
from scanner.model.names import Shard

OWN_TOOL: Final = "vaultproof"
TOLERANCE: Final = timedelta(minutes=5)
"""Clocks of the machines that collect a scan may differ by this much."""

_MOST: Final = 5


@dataclass(slots=True)
class _Lines:
    """The numbers of lines in a file, and the first ones whose time does not fit the manifest."""

    calls: int = 0
    errors: int = 0
    refusals: int = 0  # errors that do not mean "there is none"
    undated: int = 0
    misdated: int = 0
    examples: list[str] = field(default_factory=list)


def contradictions(bundle: Bundle, *, as_of_is_given: bool = False) -> tuple[Check, ...]:
    """Check a bundle for contradictions. Every evidence file is read, with one line in memory at a time.

    `as_of_is_given`: the bundle is evaluated with --as-of, so the clock of the manifest does not matter.
    """
    manifest = bundle.manifest
    damaged: list[str] = []
    lines: dict[str, _Lines] = {}
    # Two records may name one file, which is read once.
    for name in dict.fromkeys(filter(None, (_file(bundle, record) for record in manifest.shards))):
        if not (bundle.folder / name).is_file():
            continue  # reported as a missing file
        try:
            lines[name] = _read(bundle.folder, name, manifest)
        except BundleError as problem:
            damaged.append(str(problem))
    clock = () if as_of_is_given else (_evaluation_time(manifest),)
    return (
        *_damaged(damaged),
        _line_times(manifest, lines.values()),
        _counts(bundle, lines),
        _shards(bundle),
        _accounts(bundle),
        *clock,
    )


def _file(bundle: Bundle, record: ShardRecord) -> str:
    """Return the file of a shard's record; empty: it has none."""
    if record.file:
        return record.file
    try:
        return shard_file(bundle.folder, Shard(record.account, record.region)) or ""
    except BundleError:
        return ""


def _damaged(problems: list[str]) -> Iterator[Check]:
    if problems:
        yield Check("evidence_lines", CheckResult.FAILED, " ".join(problems[:_MOST]))


def _read(folder: Path, name: str, manifest: Manifest) -> _Lines:
    """Count the lines of a file. BundleError: a line is damaged."""
    first = None if manifest.started_at is None else manifest.started_at - TOLERANCE
    last = None if manifest.finished_at is None else manifest.finished_at + TOLERANCE
    lines = _Lines()
    for line in read_lines(folder, name):
        lines.calls += 1
        if line.error is not None:
            lines.errors += 1
            lines.refusals += not says_there_is_none(line.name, line.error.code, line.error.message)
        at = _moment(line)
        if at is None:
            lines.undated += 1
        elif (first is not None and at < first) or (last is not None and at > last):
            lines.misdated += 1
            lines.examples.append(f"{name}:{line.ref.line} ({line.at})")
            # An edited file may have millions of such lines.
            del lines.examples[_MOST:]
    return lines


def _moment(line: EvidenceLine) -> datetime | None:
    """Return when a call was made; None: the line has no time, or not one of RFC 3339."""
    try:
        at = datetime.fromisoformat(line.at)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _line_times(manifest: Manifest, files: Iterable[_Lines]) -> Check:
    name, every = "line_times", tuple(files)
    period = f"started_at ({rfc3339(manifest.started_at)}) and finished_at ({rfc3339(manifest.finished_at)})"
    if misdated := sum(lines.misdated for lines in every):
        examples = [example for lines in every for example in lines.examples][:_MOST]
        what = "1 call was" if misdated == 1 else f"{misdated:,} calls were"
        detail = f"{what} recorded more than 5 minutes outside {period}: {', '.join(examples)}."
        return Check(name, CheckResult.FAILED, detail)
    if manifest.started_at is None or manifest.finished_at is None:
        return Check(name, CheckResult.NOT_CHECKED, "The manifest has no started_at or no finished_at.")
    if undated := sum(lines.undated for lines in every):
        return Check(name, CheckResult.NOT_CHECKED, f"{undated:,} lines of the evidence have no valid time.")
    if not every:
        return Check(name, CheckResult.NOT_CHECKED, "There is no evidence in this folder.")
    return Check(name, CheckResult.OK, f"All calls were recorded between {period}.")


def _counts(bundle: Bundle, files: dict[str, _Lines]) -> Check:
    """Compare the numbers of calls and errors with those that the manifest records."""
    name, compared, wrong = "call_counts", 0, []
    recorded = _recorded_shards(bundle.document)
    for record in bundle.manifest.shards:
        lines = files.get(_file(bundle, record))
        numbers = recorded.get((record.account, record.region), {})
        if lines is None or "calls" not in numbers:
            continue
        compared += 1
        if record.calls != lines.calls:
            wrong.append(
                f"{_place(record)} has {lines.calls:,} calls, and the manifest says {record.calls:,}"
            )
        # Another program may count all errors, also those that mean "there is none".
        elif "errors" in numbers and record.errors not in (lines.refusals, lines.errors):
            wrong.append(
                f"{_place(record)} has {lines.refusals:,} errors, and the manifest says {record.errors:,}"
            )
    if wrong:
        return Check(name, CheckResult.FAILED, f"{listed(wrong)}.")
    if not compared:
        return Check(name, CheckResult.NOT_CHECKED, "There are no counts of calls, or no evidence.")
    return Check(name, CheckResult.OK, f"Calls and errors of {compared:,} files are those of the manifest.")


def _recorded_shards(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the shards that the manifest lists, as they are: a count that is not there is not zero."""
    shards = document.get("shards") or ()
    return {
        (str(shard.get("account") or ""), str(shard.get("region") or "")): shard
        for shard in shards
        if isinstance(shard, dict)
    }


def _place(record: ShardRecord) -> str:
    return f"{record.account}/{record.region}" if record.account else record.region


def _shards(bundle: Bundle) -> Check:
    """Check that every account-Region that was read has a file."""
    name = "shards"
    read = [
        record
        for record in bundle.manifest.shards
        if record.status in (ShardStatus.COMPLETE, ShardStatus.PARTIAL)
    ]
    files = [bundle.folder / _file(bundle, record) for record in read]
    absent = [record for record, path in zip(read, files, strict=True) if not path.is_file()]
    # A scan that was evaluated into another folder than its bundle has no evidence of its own.
    if bundle.manifest.source_sha256 and len(absent) == len(read):
        return Check(name, CheckResult.NOT_CHECKED, "The evidence is in the bundle that was evaluated.")
    if absent:
        places = listed(f"{_place(record)} ({record.status.value})" for record in absent)
        return Check(
            name, CheckResult.FAILED, f"{places}: the manifest has a status, but there is no evidence."
        )
    return Check(name, CheckResult.OK, f"There is evidence of {len(read):,} account-Regions that were read.")


def _accounts(bundle: Bundle) -> Check:
    """Compare the accounts of a complete ListAccounts with the scope."""
    name, scope = "organization_accounts", bundle.manifest.scope
    try:
        members = _members(bundle)
    except BundleError as problem:
        return Check(name, CheckResult.NOT_CHECKED, str(problem))
    if members is None:
        return Check(
            name, CheckResult.NOT_CHECKED, "There is no complete list of the organization's accounts."
        )
    expected = {account for account, status in members.items() if status not in INACTIVE_STATUSES}
    missing = expected - set(scope.accounts) - {exclusion.account for exclusion in scope.excluded}
    if scope.limited_to:
        # Which accounts are in an organizational unit is not checked: the tree may not have been read.
        limits = set(scope.limited_to)
        missing = missing & limits if all(limit.isdecimal() for limit in limits) else set()
    if missing:
        detail = f"{listed(sorted(missing))}: in the organization, but neither in the scope nor excluded."
        if bundle.manifest.tool_name == OWN_TOOL:
            return Check(name, CheckResult.FAILED, detail)
        # Another program need not record that its scope was limited to some accounts.
        detail += " Whether the scan was limited to some accounts is not recorded."
        return Check(name, CheckResult.NOT_CHECKED, detail)
    limited = " that the scan is limited to" if scope.limited_to else ""
    return Check(name, CheckResult.OK, f"All accounts of the organization{limited} are in scope or excluded.")


def _members(bundle: Bundle) -> dict[str, str] | None:
    """Return the status of each account of the organization; None: they were not listed to the end."""
    listed_accounts = bundle.organization_answers().one("organizations:ListAccounts")
    if listed_accounts.gap is not None or listed_accounts.absent:
        return None
    rows = (row for page in listed_accounts.pages for row in page.children("Accounts"))
    return {row.need("Id"): row.text("State") or row.text("Status") or "" for row in rows}


def _evaluation_time(manifest: Manifest) -> Check:
    """Check the clock of the evaluation: the time of --as-of, or else when the collection finished."""
    result, detail = _clock(manifest)
    return Check(
        "evaluation_time", result, f"evaluated_as_of is {rfc3339(manifest.evaluated_as_of)}{detail}."
    )


def _clock(manifest: Manifest) -> tuple[CheckResult, str]:
    """Return the result of the check of the clock, and the end of its sentence."""
    as_of, finished, inputs = manifest.evaluated_as_of, manifest.finished_at, manifest.inputs
    if inputs.as_of is not None:
        # As text, because a manifest has times to the millisecond only.
        is_same = rfc3339(inputs.as_of) == rfc3339(as_of)
        requested = ", as" if is_same else f", but {rfc3339(inputs.as_of)} is what"
        return CheckResult.OK if is_same else CheckResult.FAILED, f"{requested} --as-of requested"
    if finished is None:
        return CheckResult.NOT_CHECKED, ", and the manifest has no finished_at"
    # Without --as-of, the clock is that of the end of the collection, or a later one.
    if as_of == finished or (as_of > finished - TOLERANCE and not inputs.has_as_of):
        return CheckResult.OK, ", not before the collection finished"
    end = f", but the collection finished at {rfc3339(finished)}"
    if inputs.has_as_of:
        return CheckResult.FAILED, f"{end}, and --as-of was not given"
    if manifest.tool_name == OWN_TOOL:  # an earlier version, or the record was removed
        return CheckResult.NOT_CHECKED, f"{end}; whether --as-of was given is not recorded"
    return CheckResult.FAILED, end
