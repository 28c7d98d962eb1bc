"""Frameworks, how their requirements stand, and the score: figures, each with its denominator.

One check is one control asked of one subject. Judged are pass, fail and waived; what is unknown, not
applicable or in error stands beside a share and never in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from scanner.model.finding import Status


class Source(StrEnum):
    """Who says that a check serves a requirement (facts part 11, marks V and M)."""

    STATED = "stated"  # AWS, or a conformance pack
    READING = "reading"  # we

    @property
    def words(self) -> str:
        """Say it to a reader of a report."""
        return "stated by AWS or a conformance pack" if self is Source.STATED else "our reading"


class RequirementStatus(StrEnum):
    """How a requirement, or a control that serves it, stands; worst first."""

    FAILED = "failed"
    UNKNOWN = "unknown"  # nothing failed, and something is unknown or in error
    WAIVED = "waived"  # nothing is open, and a failure was accepted
    MET = "met"  # every subject that was judged passed, and none is open
    NOT_APPLICABLE = "not_applicable"  # asked, and of no subject did the question arise
    NOT_ASKED = "not_asked"  # a control serves it, and was not selected
    NOT_COVERED = "not_covered"  # no control serves it


@dataclass(frozen=True, slots=True)
class Figures:
    """How many checks have each status, and what the judged ones weigh.

    `withheld`: shares have no value, because too little of the scope was judged (`Score.withheld`).
    """

    counts: Mapping[Status, int] = field(default_factory=dict)
    weight_passed: float = 0.0
    weight_judged: float = 0.0
    withheld: bool = False

    def of(self, status: Status) -> int:
        """Give the number of checks with a status."""
        return self.counts.get(status, 0)

    @property
    def passed(self) -> int:
        """The numerator."""
        return self.of(Status.PASS)

    @property
    def failed(self) -> int:
        """What does not hold, without what was waived."""
        return self.of(Status.FAIL)

    @property
    def judged(self) -> int:
        """The denominator: pass, fail and waived."""
        return self.passed + self.failed + self.of(Status.WAIVED)

    @property
    def open(self) -> int:
        """What is owed: unknown, and error."""
        return self.of(Status.UNKNOWN) + self.of(Status.ERROR)

    @property
    def total(self) -> int:
        """All checks, those that do not apply among them."""
        return sum(self.counts.values())

    @property
    def percent(self) -> float | None:
        """The share that passed, 0 to 100; None: no subject was judged (which is not 100), or withheld."""
        return 100 * self.passed / self.judged if self.judged and not self.withheld else None

    @property
    def score(self) -> float | None:
        """The weighted share that passed, 0 to 100; None as above."""
        return 100 * self.weight_passed / self.weight_judged if self.judged and not self.withheld else None

    @property
    def standing(self) -> RequirementStatus:
        """What these checks together come to."""
        for standing, number in (
            (RequirementStatus.FAILED, self.failed),
            (RequirementStatus.UNKNOWN, self.open),
            (RequirementStatus.WAIVED, self.of(Status.WAIVED)),
            (RequirementStatus.MET, self.passed),
        ):
            if number:
                return standing
        return RequirementStatus.NOT_APPLICABLE


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement of a framework. `title`: the official one; empty where it is not free to reproduce."""

    id: str
    title: str
    source: Source


@dataclass(frozen=True, slots=True)
class Framework:
    """A framework as its YAML file has it: every requirement that concerns backup."""

    id: str
    title: str
    source: str
    requirements: tuple[Requirement, ...]


@dataclass(frozen=True, slots=True)
class RequirementView:
    """How one requirement stands in a scan.

    `subjects` is the number of distinct subjects that its controls were asked of; `controls` are those that
    serve it, each with its own figures, where the checks are subjects.
    """

    requirement: Requirement
    standing: RequirementStatus
    figures: Figures
    subjects: int
    controls: tuple[tuple[str, Figures], ...]


@dataclass(frozen=True, slots=True)
class FrameworkView:
    """How a framework stands in a scan."""

    id: str
    title: str
    source: str
    figures: Figures  # each check once, however many requirements its control serves
    requirements: tuple[RequirementView, ...]

    def standing(self, standing: RequirementStatus) -> int:
        """Count the requirements that stand so."""
        return sum(each.standing is standing for each in self.requirements)

    @property
    def tally(self) -> tuple[tuple[RequirementStatus, int], ...]:
        """Give the standings that occur with their numbers, worst first."""
        return tuple((each, number) for each in RequirementStatus if (number := self.standing(each)))


@dataclass(frozen=True, slots=True)
class Score:
    """The score of a scan: all checks, and by `control`, `account`, `ou`, `region`, `type`, `tier`.

    `withheld`: why there is no score, although checks were judged; empty where there is one.
    """

    weights: Mapping[str, float]  # by severity
    total: Figures
    groups: Mapping[str, Mapping[str, Figures]]
    withheld: str = ""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What all findings of a scan come to."""

    score: Score
    frameworks: tuple[FrameworkView, ...]
