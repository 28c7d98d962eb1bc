"""Controls as their YAML files declare them, once loaded and checked, and packs of controls."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from scanner.model.finding import Severity, Status

ALL: Final = "all"
"""The value of `--controls` for all packaged controls."""

BASELINE: Final = "baseline"
"""The pack that scans evaluate by default (docs/adr/0012-scans-evaluate-a-baseline-by-default.md)."""


@dataclass(frozen=True, slots=True)
class Remediation:
    """What to do about a failure: in words, as commands, and as templates. Empty: not given.

    `specific` names a column of the fact table that says what to do about one subject (text and cli).
    """

    text: str
    effort: str = "medium"  # low, medium, high
    cli: str = ""
    terraform: str = ""
    cloudformation: str = ""
    specific: str = ""


@dataclass(frozen=True, slots=True)
class ReasonCase:
    """One of several texts for a status: it is used when the SQL condition `when` is true."""

    when: str
    text: str


@dataclass(frozen=True, slots=True)
class ParameterRule:
    """The values that a parameter accepts, besides the type of its default. Empty `one_of`: any."""

    minimum: float | None = None
    maximum: float | None = None
    one_of: tuple[Any, ...] = ()
    doc: str = ""


@dataclass(frozen=True, slots=True)
class BaselineMembership:
    """Whether a control belongs to the pack `baseline`, and why, in one sentence."""

    included: bool
    reason: str

    def document(self) -> dict[str, Any]:
        """Return the JSON document."""
        return {"included": self.included, "reason": self.reason}


def baseline_of(document: Mapping[str, Any] | None) -> BaselineMembership | None:
    """Parse what its `document` wrote; None: the control does not say. KeyError: another shape."""
    if document is None:
        return None
    return BaselineMembership(bool(document["included"]), str(document["reason"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One check that is evaluated for every subject of a fact table.

    `population` and `require` are SQL booleans over one row. Reasons are texts with SQL expressions in
    braces; the first of `reason_cases` whose condition is true takes precedence. `evidence` names the columns
    that go into a finding's details (`column`, or `expression as name`). `parameters` are the defaults, and
    `frameworks` maps a framework to the requirements that the control serves.
    """

    id: str
    title: str
    failure_title: str = ""
    severity: Severity
    subject: str
    population: str
    require: str
    reason: str
    reasons: Mapping[str, str] = field(default_factory=dict)  # pass, unknown, not_applicable
    reason_cases: Mapping[str, tuple[ReasonCase, ...]] = field(default_factory=dict)  # by status, fail too
    parameters: Mapping[str, Any] = field(default_factory=dict)
    parameter_rules: Mapping[str, ParameterRule] = field(default_factory=dict)
    evidence: tuple[str, ...] = ()
    motivation: str = ""
    remediation: Remediation = field(default_factory=lambda: Remediation(""))
    frameworks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    documentation: str = ""  # the page of AWS's documentation that describes what it checks
    audit_manager: str = ""  # the AWS Backup Audit Manager control that it corresponds to
    aliases: tuple[str, ...] = ()  # earlier ids, which keep working
    baseline: BaselineMembership | None = None  # None: the file does not say, as those of other authors may
    file: str = ""
    line: int = 0

    @property
    def is_baseline(self) -> bool:
        """Return whether the pack `baseline` has the control."""
        return self.baseline is not None and self.baseline.included

    @property
    def failure(self) -> str:
        """Return the title of a failure, as `failure_title` does."""
        return failure_title(self.id, self.title, self.failure_title)

    def title_of(self, status: Status) -> str:
        """Return the title for a finding: that of the failure if it failed, else the requirement."""
        return self.failure if status in _FAILED else self.title


@dataclass(frozen=True, slots=True)
class LeftOutControl:
    """A packaged control that a scan did not evaluate."""

    id: str
    title: str
    severity: Severity
    baseline: BaselineMembership | None


@dataclass(frozen=True, slots=True)
class ControlSelection:
    """Which controls a scan evaluated.

    `words`: the values of `--controls`, with stored names instead of paths. `number`: of evaluated controls.
    `left_out`: the packaged controls that were not evaluated, by id.
    """

    words: tuple[str, ...]
    number: int
    left_out: tuple[LeftOutControl, ...] = ()


_FAILED: Final = frozenset({Status.FAIL, Status.WAIVED})


def failure_title(control: str, title: str, failure: str) -> str:
    """Return the title of a failure of a control. Without one, the requirement is marked as not met.

    A list of failures must not show the bare requirement: "Vault is locked" would read as if it were.
    A control that is known by its id alone (of another program) has that as its title.
    """
    if failure or title == control:
        return failure or title
    return f"Not met: {title}"


@dataclass(frozen=True, slots=True)
class Query:
    """SQL, and the names of the parameters that are bound to it."""

    sql: str
    parameters: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A control that is ready to run."""

    control: Control
    sql: Query  # status and texts of each row
    open_sql: Query  # the same, without reasons of pass and not_applicable
    status_sql: Query  # the status alone
    population: frozenset[str]  # the columns that the population reads
    require: frozenset[str]  # the columns that the requirement reads
    columns: frozenset[str]  # all that must be loaded

    @property
    def judges(self) -> frozenset[str]:
        """The columns that decide the verdict."""
        return self.population | self.require

    @property
    def parameters(self) -> frozenset[str]:
        """The parameters that the verdict or the texts use."""
        return self.sql.parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """A pack of controls, which it names by id.

    `parameters`, by control id, apply unless audit.yaml sets others. `differences`, by control id: where a
    verdict differs on purpose from that of the original that the pack reproduces.
    """

    id: str
    title: str
    description: str
    caveat: str = ""
    controls: tuple[str, ...]  # sorted
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    differences: Mapping[str, str] = field(default_factory=dict)
    framework: str = ""  # the pack has every control that serves this framework
    file: str = ""
    line: int = 0
