"""The links of the chains that controls check, and the conditions that prove one broken.

A condition has three answers. Only a true one makes a cause: what is unknown never explains a failure.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from scanner.graph.protection_walk import ProtectionWalk
from scanner.model.known import EvidenceRef, Ternary, all_of, negate
from scanner.model.names import AWS_GLOBAL, parse_arn
from scanner.model.root_causes import ORGANIZATION, Blocker, CauseKind, RootCause, Trace

Row: TypeAlias = Mapping[str, Any]

_ACCOUNT: Final = "aws:account:"
_SHOWN: Final = 5
"""Lines of evidence that a cause has."""


@dataclass(frozen=True, slots=True)
class Structures:
    """The rows of rules and selections by subject, which links of resources lead to."""

    rules: Mapping[str, Row] = field(default_factory=dict)
    selections: Mapping[str, Row] = field(default_factory=dict)

    def name_of(self, subject: str) -> str:
        """Return the name of a rule, a copy action or a selection; empty: it is none of these."""
        row = self.rules.get(subject) or self.selections.get(subject)
        return "" if row is None else Facts(row).text("name")

    def evidence_of(self, subject: str) -> tuple[EvidenceRef, ...]:
        """Return the evidence of a rule or selection as a whole; none: it is neither."""
        row = self.rules.get(subject) or self.selections.get(subject)
        return () if row is None else Facts(row).evidence(())


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about the subject of a finding. `walk`: from its group; None: it has none."""

    row: Row
    structures: Structures = field(default_factory=Structures)
    walk: ProtectionWalk | None = None

    def ternary(self, column: str) -> Ternary:
        """Return a column that is true, false or not known; a column that the row lacks is not known."""
        # A bool is the only certain answer; a row that was not projected with the column has none.
        value = self.row.get(column)
        return value if isinstance(value, bool) else None

    def text(self, column: str) -> str:
        """Return a text; empty: it is empty or not known."""
        value = self.row.get(column)
        return value if isinstance(value, str) else ""

    def complete(self, column: str) -> tuple[Row, ...] | None:
        """Return the members of a list; None: it is not known, or incomplete."""
        members = self.row.get(column)
        # A trailing None makes the list incomplete, and nothing may be concluded from what it lacks.
        if members is None or any(member is None for member in members):
            return None
        return tuple(members)

    @property
    def place(self) -> str:
        """The name of its account and Region, as findings have it."""
        return f"aws:account-region:{self.text('account')}/{self.text('region')}"

    def evidence(self, columns: Iterable[str]) -> tuple[EvidenceRef, ...]:
        """Return the lines of evidence of columns; if these have none, those of the row as a whole."""
        references = self.row.get("evidence") or ()
        # Lines of the columns explain more than those of the whole row.
        for abouts in (frozenset(columns), frozenset(("",))):
            lines = {EvidenceRef(ref["file"], ref["line"]) for ref in references if ref["about"] in abouts}
            if lines:
                return tuple(sorted(lines)[:_SHOWN])
        return ()


Condition: TypeAlias = Callable[[Facts], Ternary]
Text: TypeAlias = Callable[[Facts], str]


def is_false(column: str) -> Condition:
    """Return the condition that a column is false."""
    return lambda facts: negate(facts.ternary(column))


def is_true(column: str) -> Condition:
    """Return the condition that a column is true."""
    return lambda facts: facts.ternary(column)


def is_text(column: str, *values: str) -> Condition:
    """Return the condition that a text is one of some values. NULL is not known."""
    return lambda facts: None if facts.row.get(column) is None else facts.row[column] in values


def is_number(column: str, number: int) -> Condition:
    """Return the condition that a number is this one. NULL is not known."""
    return lambda facts: None if facts.row.get(column) is None else facts.row[column] == number


def has_members(column: str) -> Condition:
    """Return the condition that a list has a known member."""
    return lambda facts: (
        None if facts.row.get(column) is None else any(member is not None for member in facts.row[column])
    )


def each_of(*conditions: Condition) -> Condition:
    """Return the condition that all conditions are true."""
    return lambda facts: all_of(condition(facts) for condition in conditions)


def always(_: Facts) -> Ternary:
    """Hold for every failure: the control checks nothing but this setting of its subject."""
    return True


def of_column(column: str) -> Text:
    """Return what takes the subject from a column."""
    return lambda facts: facts.text(column)


def first_of(column: str) -> Text:
    """Return what takes the subject from a list of texts."""
    # The first by name: any would do, but each run must choose the same.
    return lambda facts: min(filter(None, facts.row.get(column) or ()), default="")


def own(facts: Facts) -> str:
    """Return the subject of the row."""
    return facts.text("subject")


def place(facts: Facts) -> str:
    """Return the name of the row's account and Region."""
    return facts.place


def nothing(_: Facts) -> str:
    """Return an empty text."""
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One possible broken link.

    `columns`: those that the condition reads, whose evidence the cause has. `control`: the control that
    checks this link of the row: a failure of another control hangs on the failure of this one. Empty: none.
    """

    kind: CauseKind
    columns: tuple[str, ...]
    broken: Condition
    subject: Text = own
    about: Text = nothing
    control: str = ""

    def trace(self, facts: Facts) -> Trace | None:
        """Return the trace that ends here; None: the link is not broken for sure, or names no subject."""
        # Only True: an unknown condition must never be shown as a cause.
        subject = self.subject(facts) if self.broken(facts) is True else ""
        if not subject:
            return None
        # Evidence of the rule or selection, since that is what has to be changed.
        evidence = facts.structures.evidence_of(subject) or facts.evidence(self.columns)
        cause = cause_of(self.kind, subject, facts, evidence)
        cause = replace(cause, about=self.about(facts), control=self.control)
        return Trace(cause, Blocker(self.control, own(facts)) if self.control else None)


def cause_of(
    kind: CauseKind,
    subject: str,
    facts: Facts,
    evidence: tuple[EvidenceRef, ...] = (),
) -> RootCause:
    """Build a root cause. Its place is that of its subject, where it is fixed, if the name says it."""
    # A cause may be elsewhere, such as a vault policy in the destination account.
    account, region = _place_of(subject) or (facts.text("account"), facts.text("region"))
    name = facts.text("name") if subject == own(facts) else facts.structures.name_of(subject)
    return RootCause(
        kind=kind,
        subject=subject,
        name=name,
        account=account,
        region=region,
        evidence=evidence,
    )


def _place_of(subject: str) -> tuple[str, str] | None:
    """Return account and Region of a name; None: it does not say its account."""
    if subject == ORGANIZATION:
        return "", AWS_GLOBAL
    if subject.startswith(_ACCOUNT):
        return subject.removeprefix(_ACCOUNT), AWS_GLOBAL
    arn = parse_arn(subject)
    return (arn.account, arn.region or AWS_GLOBAL) if arn is not None and arn.account else None


Step: TypeAlias = Link | Callable[[Facts], Trace | None]
"""A link of the row itself, or a walk to the links of other rows."""


def first_trace(steps: Iterable[Step], facts: Facts) -> Trace | None:
    """Return the trace to the first broken link; None: none is broken for sure."""
    for step in steps:
        trace = step.trace(facts) if isinstance(step, Link) else step(facts)
        if trace is not None:
            return trace
    return None
