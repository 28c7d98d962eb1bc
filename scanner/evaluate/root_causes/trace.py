"""The trace of one finding, and the counts of root causes over all failures."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from scanner.evaluate.root_causes.links import Facts, Row, Structures
from scanner.evaluate.root_causes.resources import RESOURCE_LINKS, resource_trace
from scanner.evaluate.root_causes.structures import STRUCTURE_LINKS, structure_trace
from scanner.graph.protection_graph import Graph, Kind
from scanner.graph.protection_walk import ProtectionWalk
from scanner.model.explanation import Advice
from scanner.model.known import EvidenceRef
from scanner.model.root_causes import Blocker, CauseCount, CauseKind, RootCause, RootCauseSummary, Trace

SHOWN: Final = 100
"""Root causes of a summary, so that it stays small; those that explain most come first."""

NOT_TRACED: Final = Trace()

LINKED: Final = frozenset((*RESOURCE_LINKS, *STRUCTURE_LINKS))
"""The controls whose failures can be traced."""


@dataclass(frozen=True, slots=True)
class Tracer:
    """Traces failures of one scan. `controls`: those of the scan, which a failure may hang on."""

    structures: Structures
    graph: "Graph | None" = None
    controls: Collection[str] = ()
    _groups: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Find the group nodes by their first resource, which names them."""
        if self.graph is not None:
            for name, facts in self.graph.nodes(data=True):
                if facts["kind"] is Kind.RESOURCE_GROUP:
                    self._groups[facts["examples"][0]] = name

    def failure(self, control: str, row: Row, subject: str = "", group: str = "") -> Trace:
        """Return the trace of a failure: to a root cause that facts prove, or none.

        `row`: the columns of `columns.COLUMNS`. `group`: the first resource of its protection group.
        """
        if control in RESOURCE_LINKS:
            facts = Facts({"subject": subject, **row}, self.structures, self._walk(group))
            trace = resource_trace(control, facts)
        else:
            trace = structure_trace(control, Facts(row, self.structures))
            # Rows of structures have a subject of their own.
            subject = str(row.get("subject") or subject)
        return NOT_TRACED if trace is None else self._without_itself(trace, control, subject)

    def _walk(self, group: str) -> ProtectionWalk | None:
        name = self._groups.get(group, "")
        return ProtectionWalk(self.graph, name) if self.graph is not None and name else None

    def _without_itself(self, trace: Trace, control: str, subject: str) -> Trace:
        """Drop the failure that it hangs on if that is the failure itself, or of a control not evaluated."""
        blocker = trace.blocked_by
        if blocker is None:
            return trace
        # A failure cannot hang on itself.
        is_itself = blocker.control == control and blocker.subject in ("", subject)
        # A control that was not evaluated has no finding to point at.
        is_evaluated = blocker.control in self.controls
        return trace if is_evaluated and not is_itself else replace(trace, blocked_by=None)


_TABLES: Final = (
    ("account_region", "account-region-"),
    ("account", "account-"),
    ("plan", "plan-"),
    ("plan", "rule-overlap-"),
    ("rule", "rule-"),
    ("selection", "selection-"),
    ("copy_action", "copy-"),
    ("vault", "vault-"),
)
"""The fact table of each control with links that is not of resources, by how its id starts."""


def table_of(control: str) -> str:
    """Return the fact table that a control with links evaluates; empty: it has no links."""
    if control in RESOURCE_LINKS:
        return "resource"
    if control not in STRUCTURE_LINKS:
        return ""
    # Prefixes in this order: "account-region-" also starts with "account-".
    return next(table for table, prefix in _TABLES if control.startswith(prefix))


def in_order(advice: Sequence[Advice]) -> tuple[Advice, ...]:
    """Sort advice so that a failure comes after the one that it hangs on; else the order stays."""
    by_failure = {Blocker(failure.control, failure.subject): failure for failure in advice}
    ordered: dict[Blocker, Advice] = {}

    def add(failure: Advice, waiting: frozenset[Blocker]) -> None:
        name = Blocker(failure.control, failure.subject)
        blocker = failure.blocked_by
        # Failures that wait for each other are not followed in circles.
        if blocker is not None and blocker in by_failure and blocker not in waiting:
            add(by_failure[blocker], waiting | {name})
        ordered.setdefault(name, failure)

    for failure in advice:
        add(failure, frozenset())
    return tuple(ordered.values())


def missing_read(row: Row, columns: Collection[str]) -> RootCause | None:
    """Return the cause of an unknown finding: the first missing read that its columns need; None: no read is.

    `columns`: those that the control reads.
    """
    # Notes without an operation are about what AWS does not report: no read is missing.
    notes = (note for note in row.get("not_known") or () if note["operation"])
    needed = (note for note in notes if note["about"] in columns)
    first = min(needed, key=_order, default=None)
    if first is None:
        return None
    return RootCause(
        kind=CauseKind.MISSING_READ,
        subject=first["operation"],
        about=first["of"],
        account=first["account"],
        region=first["region"],
    )


def _order(note: Row) -> tuple[str, ...]:
    return tuple(str(note[name]) for name in ("operation", "of", "account", "region"))


@dataclass(slots=True)
class RootCauseTally:
    """Counts failures by root cause. Its memory grows with the causes: settings, of which there are few."""

    _controls: dict[tuple[str, ...], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    _causes: dict[tuple[str, ...], RootCause] = field(default_factory=dict)
    _untraced: Counter[str] = field(default_factory=Counter)
    _unknown: int = 0
    _reads: dict[RootCause, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add_unknown(self, control: str, read: RootCause | None, number: int) -> None:
        """Count unknown findings of a control that need the same missing read; None: no read is missing."""
        self._unknown += number
        if read is not None:
            self._reads[read][control] += number

    def add(self, control: str, trace: Trace, number: int = 1) -> None:
        """Count failures of a control with the same trace."""
        cause = trace.root_cause
        if cause is None:
            self._untraced[control] += number
            return
        self._controls[cause.key][control] += number
        earlier = self._causes.get(cause.key)
        # One of the equal causes, whatever the order of the rows: one that has a name and evidence.
        if earlier is None or _preference(cause) < _preference(earlier):
            self._causes[cause.key] = cause

    def summary(self, limit: int = SHOWN) -> RootCauseSummary:
        """Return the causes, those that explain most first."""
        counts = _ranked((self._causes[key], counter) for key, counter in self._controls.items())
        traced, untraced = sum(count.failures for count in counts), self._untraced.total()
        return RootCauseSummary(
            failures=traced + untraced,
            traced=traced,
            number=len(counts),
            causes=tuple(counts[:limit]),
            untraced=_sorted(self._untraced),
            unknown=self._unknown,
            missing_reads=tuple(_ranked(self._reads.items())[:limit]),
        )


def _ranked(causes: Iterable[tuple[RootCause, Counter[str]]]) -> list[CauseCount]:
    counts = (CauseCount(cause, _sorted(counter)) for cause, counter in causes)
    # Ties are broken by the key, for equal output on every run.
    return sorted(counts, key=lambda count: (-count.failures, count.cause.key))


def _preference(cause: RootCause) -> tuple[bool, bool, str, str, tuple[EvidenceRef, ...]]:
    # Causes with a name and evidence first: they are what the reader can use.
    return (not cause.name, not cause.evidence, cause.name, cause.control, cause.evidence)


def _sorted(counter: Counter[str]) -> dict[str, int]:
    return dict(sorted(counter.items()))


def named(columns: Iterable[str], rows: Iterable[tuple[object, ...]]) -> Iterator[Row]:
    """Yield the rows of an answer as mappings of their columns."""
    names = tuple(columns)
    for row in rows:
        yield dict(zip(names, row, strict=True))
