"""The totals of a series of scans, and what makes two neighbours incomparable."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from scanner.history.criteria import control_differences
from scanner.history.fix_times import fix_times, median_days
from scanner.history.streaks import Step, Streaks
from scanner.model.inventory import ShardStatus
from scanner.model.manifest import Scope
from scanner.model.names import AWS_GLOBAL, ORG
from scanner.model.scan import Scan
from scanner.model.timeline import FirstSeenTimes, Timeline, TrendPoint

_NEIGHBOURS: Final = ("the scan before", "this scan")
_NOT_READ: Final = frozenset({ShardStatus.PARTIAL, ShardStatus.FAILED, ShardStatus.MISSING})
_TWO: Final = 2


@dataclass(frozen=True, slots=True)
class History:
    """The scans before the one that is reported, oldest first. `last`: the latest of them.

    `notes`: the scans that were left out, each with its reason.
    """

    streaks: Streaks = field(default_factory=Streaks)
    points: tuple[TrendPoint, ...] = ()
    last: Scan | None = None
    notes: tuple[str, ...] = ()

    def after(self, scan: Scan, stored: FirstSeenTimes | None = None) -> "History":
        """Return the history with the next scan. `stored`: the times in its file. BundleError: as there."""
        step = self.streaks.after(scan, stored)
        point = self._point(scan, step)
        # The last scan is compared with the next one: its findings are not needed for that.
        last = replace(scan, findings=(), resources=None, protection_groups=None, structures={})
        return replace(self, streaks=step.streaks, points=(*self.points, point), last=last)

    def until(self, scan: Scan) -> tuple[Timeline, FirstSeenTimes] | None:
        """Return the series with the scan that is reported, and when its findings were first seen.

        None: it is no later scan of the same organization, or there is none before it.
        """
        if self.last is None or not continues(self.last, scan):
            return None
        step = self.streaks.after(scan)
        points = (*self.points, self._point(scan, step))
        times = fix_times(step.streaks.ended, step.open, len(points) - 1)
        return Timeline(points, times, self.notes), step.first_seen

    def _point(self, scan: Scan, step: Step) -> TrendPoint:
        manifest, number = scan.manifest, len(self.points)
        fixed = [end for end in step.streaks.ended if end.is_fixed and end.number_of_scan == number]
        return TrendPoint(
            scan_id=manifest.scan_id,
            evaluated_as_of=manifest.evaluated_as_of,
            failed=step.failed,
            totals=step.totals,
            score=None if scan.assessment is None else scan.assessment.score.total.score,
            tool=f"{manifest.tool_name} {manifest.tool_version}".strip(),
            differences=() if self.last is None else tuple(differences(self.last, scan)),
            notes=tuple(_notes(self.last, scan)),
            fixed=sum(end.number for end in fixed),
            fix_days=median_days(fixed),
        )


def continues(old: Scan, new: Scan) -> bool:
    """Check whether a scan is later than another one, and of the same organization, as far as it is known."""
    was, now = old.manifest, new.manifest
    organizations = {was.scope.organization_id, now.scope.organization_id} - {None}
    # Pseudonyms of one copy are not the names of another.
    is_readable = not old.redacted and not new.redacted
    return is_readable and len(organizations) < _TWO and was.evaluated_as_of < now.evaluated_as_of


def differences(old: Scan, new: Scan) -> Iterator[str]:
    """Yield sentences on why the totals of two neighbours are not comparable; none: they are.

    Accounts that an organization gained or lost are a fact about it: where both scans cover the whole
    organization, they are no reason.
    """
    was, now = old.manifest.scope, new.manifest.scope
    if reason := _scope_difference(was, now):
        yield reason
    yield from control_differences(old, new, _NEIGHBOURS)


def _scope_difference(was: Scope, now: Scope) -> str:
    texts = []
    if set(was.accounts) != set(now.accounts) and not _are_whole(was, now):
        texts.append(f"{len(was.accounts):,} accounts, and now {len(now.accounts):,} or others")
    if set(was.regions) != set(now.regions):
        texts.append(f"{len(was.regions):,} Regions, and now {len(now.regions):,} or others")
    return f"The scope was {' and '.join(texts)}." if texts else ""


def _are_whole(was: Scope, now: Scope) -> bool:
    """Check whether both scopes are the whole of the same organization, less the same accounts."""
    is_same = was.organization_id is not None and was.organization_id == now.organization_id
    is_whole = not was.limited_to and not now.limited_to
    left_out = [{str(entry.account) for entry in scope.excluded} for scope in (was, now)]
    # An account that only one of them excludes was in the other one's scope by choice.
    moved = (left_out[0] & set(now.accounts)) | (left_out[1] & set(was.accounts))
    return is_same and is_whole and not moved


def _notes(old: Scan | None, new: Scan) -> Iterator[str]:
    """Yield sentences on what else changed, and on what the scan did not read."""
    if old is not None:
        was, now = old.manifest, new.manifest
        if set(was.scope.accounts) != set(now.scope.accounts) and _are_whole(was.scope, now.scope):
            numbers = len(now.scope.accounts), len(was.scope.accounts)
            yield "The organisation has {:,} accounts, and had {:,}.".format(*numbers)
        if (was.tool_name, was.tool_version) != (now.tool_name, now.tool_version):
            tools = (f"{manifest.tool_name} {manifest.tool_version}" for manifest in (now, was))
            yield "Judged by {}, before by {}.".format(*tools)
    unread = _unread(new)
    # Said once, where it changes: most series have the same gaps in every scan.
    if unread != (0 if old is None else _unread(old)):
        yield f"{unread:,} account-Regions were not fully read."


def _unread(scan: Scan) -> int:
    """Return the number of account-Regions that were not fully read."""
    return sum(
        record.status in _NOT_READ
        for record in scan.manifest.shards
        if record.region not in (ORG, AWS_GLOBAL)
    )


def first_scan(scan: Scan) -> FirstSeenTimes:
    """Return the times of a scan without an earlier one: all are its own, and may be older."""
    return Streaks().after(scan).first_seen
