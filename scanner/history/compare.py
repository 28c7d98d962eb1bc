"""Compares two scans: their findings are merged in filing order, with one of each in memory."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from scanner.errors import BundleError
from scanner.history.criteria import SAME, Criteria, RuleChange
from scanner.history.reach import ScanReach
from scanner.history.transition import OPEN, kind_of
from scanner.model.changes import Change, Kind
from scanner.model.finding import Finding

Key = tuple[str, str, str, str]

Pair = tuple[Finding | None, Finding | None]
"""The findings of OLD and NEW for one control and subject; at least one is not None."""

_FIGURES: Final = re.compile(r"\d[\d.,:TZ+-]*")
_JUDGED_BY: Final = ("tier", "parameters")


Judging = tuple[Criteria, Criteria]
"""The criteria of OLD and NEW."""


def compare(
    old: Iterable[Finding],
    new: Iterable[Finding],
    reach: ScanReach,
    before: Sequence[Iterable[Finding]] = (),
    judging: Judging | None = None,
) -> Iterator[Change]:
    """Yield how each finding of either scan changed, in filing order.

    `reach` is that of NEW; `before` are scans older than OLD, in any order. `judging` None: not recorded, so
    no rule is known to have changed.

    Raises:
        BundleError: findings of a scan are not in filing order, or one is filed twice.
    """
    return changes_of(pairs_of(old, new), reach, before, judging)


def changes_of(
    pairs: Iterable[Pair],
    reach: ScanReach,
    before: Iterable[Iterable[Finding]] = (),
    judging: Judging | None = None,
) -> Iterator[Change]:
    """Yield how each pair changed; pairs come in filing order. As `compare` otherwise."""
    # Each earlier scan is read once, in step with the pairs.
    earlier = [_Cursor(filed(scan, "--before")) for scan in before]
    for was, now in pairs:
        finding = now or was
        if finding is not None:
            yield _change(was, now, reach, judging, earlier=_any_open(earlier, finding.order))


def pairs_of(old: Iterable[Finding], new: Iterable[Finding]) -> Iterator[Pair]:
    """Yield the findings of both scans, paired by control and subject. BundleError as in `compare`."""
    return _pairs(filed(old, "OLD"), filed(new, "NEW"))


def _any_open(earlier: list["_Cursor"], key: Key) -> bool:
    """Advance every earlier scan to the key, and check whether the finding is open in any of them."""
    findings = [cursor.at(key) for cursor in earlier]
    return any(finding is not None and finding.status in OPEN for finding in findings)


def _change(
    was: Finding | None, now: Finding | None, reach: ScanReach, judging: Judging | None, *, earlier: bool
) -> Change:
    if now is None:
        assert was is not None  # nosec B101 # noqa: S101 -- a pair has one side at least
        absence = reach.why_absent(was)
        return Change(kind_of(was.status, absence.kind), was, None, why=absence.why)
    # Without recorded criteria no rule is known to have changed.
    rule = SAME if judging is None else judging[0].change_to(judging[1], was, now)
    status = None if was is None else was.status
    kind = kind_of(status, now.status, failed_earlier=earlier, rule_changed=bool(rule))
    if kind is Kind.CHANGED_RULE:
        return Change(kind, was, now, rule.what, rule.why)
    if kind is Kind.STILL_OPEN and was is not None and (what := _differences(was, now, rule)):
        return Change(Kind.CHANGED, was, now, what)
    return Change(kind, was, now)


def _differences(was: Finding, now: Finding, rule: RuleChange) -> tuple[str, ...]:
    """Return what differs. Figures in a reason (ages, counts) change every day and are ignored."""
    names = [name for name in _JUDGED_BY if was.details.get(name) != now.details.get(name)]
    if "parameters" in rule.what and "parameters" not in names:
        names.append("parameters")
    # "26 hours" and "50 hours" are the same reason, a day later.
    if was.reason != now.reason and _FIGURES.sub("#", was.reason) != _FIGURES.sub("#", now.reason):
        names.insert(0, "reason")
    return (("severity",) if was.severity is not now.severity else ()) + tuple(names)


def filed(findings: Iterable[Finding], scan: str) -> Iterator[tuple[Key, Finding]]:
    """Yield findings with their keys. BundleError names the scan whose findings are not in filing order."""
    last: Key | None = None
    for finding in findings:
        key = finding.order
        # Merging needs this order: a finding out of it would count as both gone and new.
        if last is not None and key <= last:
            fault = "is filed twice" if key == last else "is out of order"
            raise BundleError(f"{scan}: the finding of {finding.control} for {finding.subject} {fault}.")
        last = key
        yield key, finding


def _pairs(old: Iterator[tuple[Key, Finding]], new: Iterator[tuple[Key, Finding]]) -> Iterator[Pair]:
    left, right = next(old, None), next(new, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left[0] < right[0]):
            assert left is not None  # nosec B101 # noqa: S101 -- the loop ends when both are
            yield left[1], None
            left = next(old, None)
        elif left is None or right[0] < left[0]:
            yield None, right[1]
            right = next(new, None)
        else:
            yield left[1], right[1]
            left, right = next(old, None), next(new, None)


class _Cursor:
    """A position in the findings of one scan; it only moves forward."""

    def __init__(self, filed: Iterator[tuple[Key, Finding]]) -> None:
        self._filed, self._here = filed, next(filed, None)

    def at(self, key: Key) -> Finding | None:
        """Return the finding with this key; None: there is none. Keys come in ascending order."""
        while self._here is not None and self._here[0] < key:
            self._here = next(self._filed, None)
        return self._here[1] if self._here is not None and self._here[0] == key else None
