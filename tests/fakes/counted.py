"""The counts of findings, made one by one in Python: what the counts in SQL are compared with."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from scanner.evaluate.compliance.assessment import NONE, NOT_KNOWN
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
