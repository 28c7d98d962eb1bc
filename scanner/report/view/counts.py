"""Counts of findings with their denominators.

`asked` counts all checks that apply; `judged` those that were evaluated: passed, failed or waived. Failed,
waived and passed checks are a part of `judged`; unknown ones and errors of `asked`, in every format
(docs/formats.md, denominators).
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from scanner.model.finding import Status
from scanner.report.wording import STATUS_WORDS

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many findings have each status."""

    passed: int = 0
    failed: int = 0
    waived: int = 0
    unknown: int = 0
    error: int = 0
    not_applicable: int = 0

    @property
    def judged(self) -> int:
        """Evaluated checks: passed and failed ones, including waived failures."""
        # A waived failure was evaluated: leaving it out would raise the share of passes.
        return self.passed + self.failed + self.waived

    @property
    def open(self) -> int:
        """Checks that could not be evaluated: unknown ones and errors."""
        return self.unknown + self.error

    @property
    def asked(self) -> int:
        """All checks that apply, evaluated or not: the denominator without hidden omissions."""
        # Without what could not be evaluated, a scan that read little would look complete.
        return self.judged + self.open

    @property
    def total(self) -> int:
        """All findings, including not applicable ones."""
        return self.asked + self.not_applicable

    def of(self, status: Status) -> int:
        """Return the number of findings with one status."""
        return {
            Status.PASS: self.passed,
            Status.FAIL: self.failed,
            Status.WAIVED: self.waived,
            Status.UNKNOWN: self.unknown,
            Status.ERROR: self.error,
            Status.NOT_APPLICABLE: self.not_applicable,
        }[status]

    def denominator(self, status: Status) -> int:
        """Return the number of checks that those with a status are a part of; 0: they are not a share."""
        if status is Status.NOT_APPLICABLE:
            return 0
        # A share of passes among unknown checks would hide what could not be read.
        return self.asked if status in (Status.UNKNOWN, Status.ERROR) else self.judged

    def less(self, part: "Counts") -> "Counts":
        """Return the difference to `other`."""
        return _counts(Counter({status: self.of(status) - part.of(status) for status in Status}))

    def parts(self) -> tuple[tuple[Status, int], ...]:
        """Return the statuses that occur with their numbers, worst first."""
        return tuple((status, self.of(status)) for status in STATUS_WORDS if self.of(status))


@dataclass(frozen=True, slots=True)
class Group:
    """The counts of one account, Region, type or the like. `key`: its id; `label`: its name."""

    key: str
    label: str
    counts: Counts


def counts_of(numbers: Mapping[Status, int]) -> Counts:
    """Return counts for numbers by status."""
    return _counts(Counter(numbers))


def count(statuses: Iterable[Status]) -> Counts:
    """Count statuses."""
    return _counts(Counter(statuses))


class Tally(Generic[K]):
    """Counts findings by a key."""

    def __init__(self) -> None:
        self._numbers: dict[K, Counter[Status]] = {}

    def add(self, key: K, status: Status, number: int = 1) -> None:
        """Count findings with one status."""
        numbers = self._numbers.get(key)
        if numbers is None:
            numbers = self._numbers[key] = Counter()
        numbers[status] += number

    def counts(self) -> dict[K, Counts]:
        """Return the counts by key."""
        return {key: _counts(numbers) for key, numbers in self._numbers.items()}


def groups(
    counts: Mapping[str, Counts],
    label: Callable[[str], str] = str,
    order: Callable[[str], int] | None = None,
) -> tuple[Group, ...]:
    """Return counts as groups, sorted by `order`, else by the number of failures."""
    unsorted = [Group(key, label(key), number_by_status) for key, number_by_status in counts.items()]
    if order is not None:
        return tuple(sorted(unsorted, key=lambda group: (order(group.key), group.key)))
    # The key breaks ties, so that equal scans give equal reports.
    return tuple(sorted(unsorted, key=lambda group: (-group.counts.failed, -group.counts.open, group.key)))


def total(counts: Iterable[Counts]) -> Counts:
    """Return the sum of counts."""
    whole: Counter[Status] = Counter()
    for part in counts:
        whole.update({status: part.of(status) for status in Status})
    return _counts(whole)


def _counts(tally: Counter[Status]) -> Counts:
    return Counts(
        passed=tally[Status.PASS],
        failed=tally[Status.FAIL],
        waived=tally[Status.WAIVED],
        unknown=tally[Status.UNKNOWN],
        error=tally[Status.ERROR],
        not_applicable=tally[Status.NOT_APPLICABLE],
    )
