"""Counting answers, with their denominators.

Of what was *asked*, only what passed, failed or was waived is *judged*. Unknown answers, and those of
a control that broke, are asked and not judged: they never enter a share of what passes.
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
        """Answers that say yes or no, waived failures among them."""
        return self.passed + self.failed + self.waived

    @property
    def open(self) -> int:
        """Answers that are owed: unknown ones, and those of a control that broke."""
        return self.unknown + self.error

    @property
    def asked(self) -> int:
        """Judged and open answers: the denominator that leaves nothing out but what does not apply."""
        return self.judged + self.open

    @property
    def total(self) -> int:
        """All findings, those that do not apply among them."""
        return self.asked + self.not_applicable

    def of(self, status: Status) -> int:
        """Give the number of findings with one status."""
        return {
            Status.PASS: self.passed,
            Status.FAIL: self.failed,
            Status.WAIVED: self.waived,
            Status.UNKNOWN: self.unknown,
            Status.ERROR: self.error,
            Status.NOT_APPLICABLE: self.not_applicable,
        }[status]

    def less(self, other: "Counts") -> "Counts":
        """Give what is left without `other`."""
        return _counts(Counter({status: self.of(status) - other.of(status) for status in Status}))

    def parts(self) -> tuple[tuple[Status, int], ...]:
        """Give the statuses that occur with their numbers, worst first."""
        return tuple((status, self.of(status)) for status in STATUS_WORDS if self.of(status))


@dataclass(frozen=True, slots=True)
class Group:
    """The answers about one account, Region, type … `key` is its id, `label` what people call it."""

    key: str
    label: str
    counts: Counts


def counts_of(numbers: Mapping[Status, int]) -> Counts:
    """Give counts of what was counted elsewhere."""
    return _counts(Counter(numbers))


def count(statuses: Iterable[Status]) -> Counts:
    """Count statuses."""
    return _counts(Counter(statuses))


class Tally(Generic[K]):
    """Counts answers by a key, one after the other."""

    def __init__(self) -> None:
        self._found: dict[K, Counter[Status]] = {}

    def add(self, key: K, status: Status, number: int = 1) -> None:
        """Count findings that have one status."""
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = Counter()
        found[status] += number

    def counts(self) -> dict[K, Counts]:
        """Give what was counted, by key."""
        return {key: _counts(found) for key, found in self._found.items()}


def groups(
    counts: Mapping[str, Counts],
    label: Callable[[str], str] = str,
    order: Callable[[str], int] | None = None,
) -> tuple[Group, ...]:
    """Give what was counted as groups, in `order`, else those with most failures first."""
    found = [Group(key, label(key), each) for key, each in counts.items()]
    if order is not None:
        return tuple(sorted(found, key=lambda each: (order(each.key), each.key)))
    return tuple(sorted(found, key=lambda each: (-each.counts.failed, -each.counts.open, each.key)))


def total(counts: Iterable[Counts]) -> Counts:
    """Add counts up."""
    whole: Counter[Status] = Counter()
    for each in counts:
        whole.update({status: each.of(status) for status in Status})
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
