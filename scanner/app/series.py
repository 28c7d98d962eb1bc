"""A series of earlier scans: which of them a scan is compared with, and what each adds to the history."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final, Generic, TypeVar

from scanner.evidence.manifest import JUDGED_SCHEMA, rfc3339
from scanner.evidence.report_checksums import NAME as CHECKSUMS
from scanner.evidence.scan_files import FINDINGS, FIRST_SEEN, FOREIGN
from scanner.history.first_seen import read_first_seen
from scanner.history.timeline import History
from scanner.model.manifest import Manifest
from scanner.report.read import SUMMARY, read_counted

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Candidate(Generic[T]):
    """A scan that may belong to the series. `source`: where it is; `name`: the same for people."""

    source: T
    name: str
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Chosen(Generic[T]):
    """The scans of a series, oldest first, and why others were left out."""

    scans: tuple[Candidate[T], ...]
    left_out: tuple[str, ...]


def choose(candidates: Iterable[Candidate[T]], own: Manifest | None, now: datetime) -> Chosen[T]:
    """Return the scans that can be compared over time, each once.

    `own`: the manifest of the new scan; None: it does not exist yet, and is of the organization of the latest
    of the others. `now`: the time that it is evaluated as of.
    """
    ordered = sorted(candidates, key=lambda scan: (scan.manifest.evaluated_as_of, scan.name))
    reference = own or (ordered[-1].manifest if ordered else None)
    left_out: list[str] = []
    chosen: dict[str, Candidate[T]] = {}
    for candidate in ordered:
        if reason := _unfit(candidate.manifest, reference, own, now):
            left_out.append(f"{candidate.name} is left out: {reason}.")
            continue
        identity = candidate.manifest.scan_id or candidate.name
        if (same := chosen.pop(identity, None)) is not None:
            is_later = same.manifest.evaluated_as_of < candidate.manifest.evaluated_as_of
            what = "a later evaluation of the same scan" if is_later else "the same scan"
            left_out.append(f"{same.name} is left out: {candidate.name} is {what}.")
        # Put back at the end, which keeps the order by time.
        chosen[identity] = candidate
    return Chosen(tuple(chosen.values()), tuple(left_out))


def _unfit(manifest: Manifest, reference: Manifest | None, own: Manifest | None, now: datetime) -> str:
    """Return why a scan cannot be one of the series; empty: it can."""
    organizations = (manifest.scope.organization_id, reference and reference.scope.organization_id)
    if None not in organizations and organizations[0] != organizations[1]:
        return f"it is of the organisation {organizations[0]}, not of {organizations[1]}"
    if own is not None and own.scan_id and manifest.scan_id == own.scan_id:
        return "it is an evaluation of the same scan"
    return _not_earlier(manifest.evaluated_as_of, now)


def _not_earlier(earlier: datetime, now: datetime) -> str:
    if earlier < now:
        return ""
    return f"it was evaluated as of {rfc3339(earlier)}, which is not before this scan ({rfc3339(now)})"


def files_of(manifest: Manifest) -> tuple[str, ...]:
    """Return the names of the files that `continued` reads, besides the manifest; some may not exist."""
    below = f"{FINDINGS[0]}/"
    filed = tuple(name for name in manifest.files if name.startswith(below))
    always = (SUMMARY, CHECKSUMS, FIRST_SEEN)
    if filed or manifest.schema == JUDGED_SCHEMA:
        return (*always, *filed)
    return (*always, FOREIGN, *FINDINGS[1:])


def continued(history: History, folder: Path) -> History:
    """Return the history with the scan in a folder, which is later than those before.

    Raises:
        BundleError: it is no judged scan, or a file of it is missing or changed.
    """
    scan = read_counted(folder)
    # Only of the first scan: the times of later ones follow from the scans themselves.
    stored = None if history.points else read_first_seen(folder)
    return history.after(scan, stored)


def with_notes(history: History, left_out: Sequence[str]) -> History:
    """Return a history that says which scans were left out."""
    shown = tuple(left_out[:MOST])
    more = (f"{len(left_out) - MOST:,} more scans were left out.",) if len(left_out) > MOST else ()
    return replace(history, notes=(*shown, *more))


MOST: Final = 20
"""The most scans that a report names as left out."""
