"""The counts of findings, made one by one in Python: what the counts in SQL are compared with."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from scanner.evaluate.compliance.assessment import NONE, NOT_KNOWN
from scanner.findings.subject_groups import SubjectGroup, SubjectGroups
from scanner.model.control import Control
from scanner.model.finding import ControlCount, Finding, FindingCounts, GroupCount, Severity, Status

K = TypeVar("K", bound=tuple[str, ...])


class Cell(NamedTuple):
    """What findings that are counted together have in common."""

    control: str
    severity: Severity
    account: str
    region: str
    type: str
    tier: str
    status: Status


Cells = Mapping[Cell, int]


def counted(findings: Iterable[Finding], cells: Counter[Cell]) -> Iterator[Finding]:
    """Count findings into `cells` as they pass. Memory by what differs between them, subjects aside."""
    for each in findings:
        cell = Cell(
            each.control,
            each.severity,
            each.account,
            each.region,
            each.subject_type,
            _tier(each.details),
            each.status,
        )
        cells[cell] += 1
        yield each


def _tier(details: Mapping[str, Any]) -> str:
    tier = details.get("tier", NONE)
    return tier if isinstance(tier, str) else NOT_KNOWN


def counts_of(cells: Cells) -> FindingCounts:
    """Build the counts of findings that were counted one by one."""
    controls = _summed_by(cells, lambda cell: (cell.control, cell.type, cell.severity, cell.status))
    return FindingCounts(
        controls=tuple(ControlCount(*key, number) for key, number in controls),
        accounts=_group_counts(cells, lambda cell: cell.account),
        regions=_group_counts(cells, lambda cell: cell.region),
        tiers=_group_counts(cells, lambda cell: cell.tier),
    )


def _group_counts(cells: Cells, key: Callable[[Cell], str]) -> tuple[GroupCount, ...]:
    numbers = _summed_by(cells, lambda cell: (key(cell), cell.severity, cell.status))
    return tuple(GroupCount(*group, number) for group, number in numbers)


def _summed_by(cells: Cells, key: Callable[[Cell], K]) -> list[tuple[K, int]]:
    numbers: Counter[K] = Counter()
    for cell, number in cells.items():
        numbers[key(cell)] += number
    return sorted(numbers.items())


_MASKS = {
    Status.FAIL: "failed",
    Status.UNKNOWN: "unknown",
    Status.ERROR: "unknown",
    Status.WAIVED: "waived",
    Status.PASS: "passed",
}


def groups_of(findings: Iterable[Finding], controls: Iterable[Control]) -> SubjectGroups:
    """Build the groups of subjects of some controls, subject by subject: each is a group of its own."""
    kinds = {control.id: control.subject for control in controls}
    names = tuple(sorted(kinds))
    masks: dict[tuple[str, ...], Counter[str]] = {}
    for each in findings:
        if each.control in kinds and each.status is not Status.NOT_APPLICABLE:
            key = (kinds[each.control], each.subject_type, each.account, each.region, each.subject)
            masks.setdefault(key, Counter())[_MASKS[each.status]] |= 1 << names.index(each.control)
    groups = (
        SubjectGroup(kind, type_, 1, bits["failed"], bits["unknown"], bits["waived"], bits["passed"])
        for (kind, type_, *_), bits in sorted(masks.items())
    )
    return SubjectGroups(names, tuple(groups))
