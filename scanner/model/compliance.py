"""The score, and the status of the requirements of compliance frameworks: figures with their denominators.

Also frameworks of AWS Backup Audit Manager, compared with our controls one by one.

One check is one control evaluated for one subject. Pass, fail and waived count as evaluated; unknown, not
applicable and error are shown with a percentage, but are never part of it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from scanner.model.finding import Status

Value: TypeAlias = bool | int | str | tuple[str, ...]
"""A value of one of our parameters that corresponds to a framework's."""


class Source(StrEnum):
    """Whether others than we pair one of our controls with a requirement."""

    STATED = "stated"  # at least one pairing is made by others, too
    READING = "reading"  # every pairing is our own reading


class PairedBy(StrEnum):
    """Who else pairs one of our controls, or an equivalent of theirs, with a requirement."""

    AWS = "aws"  # Security Hub or a conformance pack
    PROWLER = "prowler"
    TURBOT = "turbot"

    @property
    def words(self) -> str:
        """The name for readers of a report."""
        return "AWS" if self is PairedBy.AWS else self.value.capitalize()


class Baseline(StrEnum):
    """A control baseline of NIST SP 800-53B."""

    LOW = "low"
    MODERATE = "moderate"
    HIGH = "high"

    @property
    def words(self) -> str:
        """The name as NIST writes it."""
        return self.value.upper()


class Obligation(StrEnum):
    """What the HIPAA Security Rule says of an implementation specification (45 CFR 164.306(d))."""

    REQUIRED = "required"
    ADDRESSABLE = "addressable"  # to be implemented if reasonable and appropriate, else documented
    STANDARD = "standard"  # not a specification, but a standard, which is required


class RequirementStatus(StrEnum):
    """The status of a requirement, or of a control that serves it; worst first."""

    FAILED = "failed"
    UNKNOWN = "unknown"  # nothing failed, but something is unknown or in error
    WAIVED = "waived"  # nothing is unknown, but a failure was waived
    MET = "met"  # every evaluated subject passed, and none is unknown
    NOT_APPLICABLE = "not_applicable"  # evaluated, but applies to no subject
    NOT_ASKED = "not_asked"  # a control serves it, but was not selected
    NOT_COVERED = "not_covered"  # no control serves it


@dataclass(frozen=True, slots=True)
class Figures:
    """How many checks have each status, and the checks that the score counts, with their weight.

    `withheld`: percentages have no value, because too little of the scope was evaluated (`Score.withheld`).
    `scored`: the checks of resources that the score counts (ADR 0010): evaluated ones, and `without_backup`,
    which do not apply because the resource is in no backup plan, and count as failed. `weight_judged` is
    the weight of `scored`.
    """

    counts: Mapping[Status, int] = field(default_factory=dict)
    weight_passed: float = 0.0
    weight_judged: float = 0.0
    withheld: bool = False
    scored: int = 0
    scored_passed: int = 0
    without_backup: int = 0

    def of(self, status: Status) -> int:
        """Return the number of checks with a status."""
        return self.counts.get(status, 0)

    @property
    def passed(self) -> int:
        """The number of checks that passed: the numerator."""
        return self.of(Status.PASS)

    @property
    def failed(self) -> int:
        """The number of checks that failed, without waived ones."""
        return self.of(Status.FAIL)

    @property
    def judged(self) -> int:
        """The number of evaluated checks: pass, fail and waived. The denominator."""
        return self.passed + self.failed + self.of(Status.WAIVED)

    @property
    def open(self) -> int:
        """The number of checks that could not be evaluated: unknown and error."""
        return self.of(Status.UNKNOWN) + self.of(Status.ERROR)

    @property
    def total(self) -> int:
        """The number of all checks, including those that do not apply."""
        return sum(self.counts.values())

    @property
    def percent(self) -> float | None:
        """The percentage that passed; None: nothing was evaluated (which is not 100), or withheld."""
        return 100 * self.passed / self.judged if self.judged and not self.withheld else None

    @property
    def score(self) -> float | None:
        """The weighted percentage of scored checks that passed; None: the score counts none, or withheld."""
        if not self.weight_judged or self.withheld:
            return None
        return 100 * self.weight_passed / self.weight_judged

    @property
    def standing(self) -> RequirementStatus:
        """The status that these checks together give a requirement."""
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
    """One requirement of a framework. `title`: the official one; empty where it is not free to reproduce.

    `pairings`: the controls that others pair with it, by who does; all other pairings are our own reading.
    `baselines`: those that select it; None: its framework has none, or they are not recorded.
    `manual`: what no control checks, and other evidence has to show; empty: not recorded.
    `key_controls`: those of its controls that decide the result, the others only support it; empty: all do.
    """

    id: str
    title: str
    source: Source
    pairings: tuple[tuple[PairedBy, tuple[str, ...]], ...] = ()
    baselines: tuple[Baseline, ...] | None = None
    obligation: Obligation | None = None
    manual: str = ""
    key_controls: tuple[str, ...] = ()

    def is_outside(self, baseline: Baseline | None) -> bool:
        """Whether a baseline does not select it. None, or unknown baselines: it is not outside."""
        return baseline is not None and self.baselines is not None and baseline not in self.baselines

    def paired_by(self, control: str) -> tuple[PairedBy, ...]:
        """Return who else pairs a control with the requirement."""
        return tuple(pairer for pairer, controls in self.pairings if control in controls)


@dataclass(frozen=True, slots=True)
class Framework:
    """A framework as its YAML file defines it: every requirement that concerns backup.

    `edition`: the version and date of its text; empty: not recorded. `scope`: the systems that it concerns;
    empty: all.
    """

    id: str
    title: str
    source: str
    requirements: tuple[Requirement, ...]
    edition: str = ""
    scope: str = ""


@dataclass(frozen=True, slots=True)
class SubjectCounts:
    """How many distinct subjects have a gap, are unknown, have only waived gaps, or passed."""

    gaps: int = 0
    unknown: int = 0
    waived: int = 0
    passed: int = 0

    @property
    def number(self) -> int:
        """The number of subjects to which at least one control applies."""
        return self.gaps + self.unknown + self.waived + self.passed

    def __add__(self, other: "SubjectCounts") -> "SubjectCounts":
        """Return the sum."""
        return SubjectCounts(
            self.gaps + other.gaps,
            self.unknown + other.unknown,
            self.waived + other.waived,
            self.passed + other.passed,
        )


@dataclass(frozen=True, slots=True)
class DecidedSubjects:
    """The distinct subjects that decide a requirement, by kind (`resource`, `vault`) and type (`EBS`).

    `checks`: the checks of the deciding controls on them.
    """

    by_type: tuple[tuple[str, str, SubjectCounts], ...] = ()
    checks: Figures = field(default_factory=Figures)

    @property
    def by_kind(self) -> Mapping[str, SubjectCounts]:
        """The subjects of each kind, in the order of `by_type`."""
        kinds: dict[str, SubjectCounts] = {}
        for kind, _, counts in self.by_type:
            kinds[kind] = kinds.get(kind, SubjectCounts()) + counts
        return kinds

    @property
    def total(self) -> SubjectCounts:
        """All subjects."""
        return sum((counts for _, _, counts in self.by_type), SubjectCounts())

    @property
    def standing(self) -> RequirementStatus:
        """The status that these subjects together give a requirement."""
        total = self.total
        for standing, number in (
            (RequirementStatus.FAILED, total.gaps),
            (RequirementStatus.UNKNOWN, total.unknown),
            (RequirementStatus.WAIVED, total.waived),
            (RequirementStatus.MET, total.passed),
        ):
            if number:
                return standing
        return RequirementStatus.NOT_APPLICABLE


@dataclass(frozen=True, slots=True)
class RequirementView:
    """The result of one requirement in a scan.

    `figures`, `subjects`: of all controls that serve it, `subjects` with those that do not apply.
    `controls`: those that serve it, each with figures of its own. `not_evaluated`: others that serve it, but
    were not selected. `decided`: the subjects of the controls that decide it; None: an earlier version
    evaluated the scan, and all controls decided.
    """

    requirement: Requirement
    standing: RequirementStatus
    figures: Figures
    subjects: int
    controls: tuple[tuple[str, Figures], ...]
    not_evaluated: tuple[str, ...] = ()
    decided: DecidedSubjects | None = None

    @property
    def deciding(self) -> tuple[tuple[str, Figures], ...]:
        """The evaluated controls that decide the result: its key controls, or all if it has none."""
        if not self.requirement.key_controls:
            return self.controls
        evaluated = dict(self.controls)
        # In the order of the framework's file: the most important first.
        return tuple((name, evaluated[name]) for name in self.requirement.key_controls if name in evaluated)

    @property
    def supporting(self) -> tuple[tuple[str, Figures], ...]:
        """The evaluated controls that do not decide the result, but may explain it."""
        keys = self.requirement.key_controls
        return tuple((name, figures) for name, figures in self.controls if keys and name not in keys)

    @property
    def undecided(self) -> tuple[str, ...]:
        """The controls that would decide the result, too, but were not evaluated."""
        evaluated = {name for name, _ in self.controls}
        keys = self.requirement.key_controls
        return tuple(name for name in keys if name not in evaluated) if keys else self.not_evaluated


@dataclass(frozen=True, slots=True)
class TagScope:
    """The resources that a framework concerns: those with all tag keys, each with one of its values.

    `*` in a value matches any text.
    """

    tags: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class ScopeCounts:
    """How many resources and recovery points are inside a declared scope, outside it, or may be either."""

    inside: int = 0
    outside: int = 0
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class FrameworkView:
    """The result of a framework in a scan. `declared`: the scope that audit.yaml declares; None: none.

    With a declared scope, all numbers are of the subjects in it.
    """

    id: str
    title: str
    source: str
    figures: Figures  # each check once, however many requirements its control serves
    requirements: tuple[RequirementView, ...]
    edition: str = ""
    scope: str = ""
    declared: TagScope | None = None
    scope_counts: ScopeCounts = ScopeCounts()

    @property
    def has_baselines(self) -> bool:
        """Whether it is recorded which baselines select its requirements."""
        return any(view.requirement.baselines is not None for view in self.requirements)

    @property
    def has_obligations(self) -> bool:
        """Whether its requirements are required or addressable."""
        return any(view.requirement.obligation is not None for view in self.requirements)

    @property
    def has_key_controls(self) -> bool:
        """Whether key controls decide any of its requirements."""
        return any(view.requirement.key_controls for view in self.requirements)

    def inside(self, baseline: Baseline | None) -> tuple[RequirementView, ...]:
        """Return the requirements that a baseline selects; None: all."""
        return tuple(view for view in self.requirements if not view.requirement.is_outside(baseline))

    def outside(self, baseline: Baseline | None) -> tuple[RequirementView, ...]:
        """Return the requirements that a baseline does not select; None: none."""
        return tuple(view for view in self.requirements if view.requirement.is_outside(baseline))

    @property
    def tally(self) -> tuple[tuple[RequirementStatus, int], ...]:
        """The number of requirements of each status that occurs, worst first."""
        return tally(self.requirements)


def tally(requirements: Iterable[RequirementView]) -> tuple[tuple[RequirementStatus, int], ...]:
    """Return the number of requirements of each status that occurs, worst first."""
    numbers = Counter(view.standing for view in requirements)
    return tuple((standing, numbers[standing]) for standing in RequirementStatus if numbers[standing])


@dataclass(frozen=True, slots=True)
class Score:
    """The score of a scan: all checks, and by `control`, `account`, `ou`, `region`, `type`, `tier`.

    `withheld`: why there is no score although checks were evaluated; empty where there is one.
    """

    weights: Mapping[str, float]  # by severity
    total: Figures
    groups: Mapping[str, Mapping[str, Figures]]
    withheld: str = ""


@dataclass(frozen=True, slots=True)
class Assessment:
    """The score and the framework results of a scan."""

    score: Score
    frameworks: tuple[FrameworkView, ...]


class Comparison(StrEnum):
    """How our parameters compare with the framework's."""

    EQUAL = "equal"
    STRICTER = "stricter"
    WEAKER = "weaker"
    NOT_COMPARABLE = "not comparable"
    NOT_ASKED = "not asked"  # our control was not selected
    NO_COUNTERPART = "no counterpart"  # we have no control for it


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditManagerControl:
    """One control of a framework, and our control that corresponds to it.

    `name`, `parameters` and the scope (`resource_ids`, `resource_types`, `tags` as `key=value`; all empty:
    not limited) are Audit Manager's. `ours` is our control's id (empty: there is none), `translated` its
    equivalent parameters, `notes` what these cannot express.
    `judges`: the kind of subject that Audit Manager evaluates (resource, plan, vault, recovery_point; empty:
    unknown); its control on vault locks evaluates resources, ours vaults. `subjects`: their number in the
    framework's account and Region; `covered`: how many of them its scope covers for certain; `doubtful`: for
    how many this is unknown. None: the scope has a part that this version does not know.
    """

    name: str
    parameters: tuple[tuple[str, str], ...] = ()
    resource_ids: tuple[str, ...] = ()
    resource_types: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    ours: str = ""
    translated: tuple[tuple[str, Value], ...] = ()
    notes: tuple[str, ...] = ()
    comparison: Comparison = Comparison.NO_COUNTERPART
    judges: str = ""
    subjects: int | None = None
    covered: int | None = None
    doubtful: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditManagerFramework:
    """One framework. `controls` None: unknown, since it could not be described.

    `status`: ACTIVE, PARTIALLY_ACTIVE, INACTIVE, UNAVAILABLE; None: unknown.
    """

    arn: str
    name: str
    account: str
    region: str
    status: str | None
    deployment_status: str | None
    controls: tuple[AuditManagerControl, ...] | None
