"""What a shard's selections make of a resource besides selecting it: passing it over, and the opt-in.

Answers the engineer's question why a resource is not protected. Resources that no selection can tell apart
share one answer, so that each selection is asked once a likeness, not once a resource.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from scanner.graph.shard_graph import ShardGraph
from scanner.model.facts import PassedOver
from scanner.model.inventory import BackupPlan, BackupSelection, Resource, SelectionTerms
from scanner.model.names import rule_subject
from scanner.model.reading import EvidenceRef, Gap, Known, Unread
from scanner.model.ternary import Answer, Ternary, all_of, any_of, conjunction
from scanner.protection.equivalence import EquivalenceClass
from scanner.protection.opt_in import OptIn, opted_in
from scanner.protection.selection import ClauseResults, clause_results

PASSED_OVER_AT_MOST: Final = 20


@dataclass(frozen=True, slots=True)
class UnknownColumn:
    """Why a column is not known, and the read that is missing."""

    column: str
    because: str
    gap: Gap | None


@dataclass(frozen=True, slots=True)
class SelectionResult:
    """What selections make of a resource.

    `opt_in_decides`: a selection reaches it and leaves it in by conditions and exclusions, and the opt-in
    decides; `opted_in`: the opt-in lets it through wherever it decides, and where it never does, what its
    own account's says. `passed_over` ends with None where there are more, or may be.
    """

    opt_in_decides: Ternary
    opted_in: Ternary
    opt_in_reason: str
    passed_over: tuple[PassedOver | None, ...]
    opens: tuple[UnknownColumn, ...]
    settings_refs: tuple[EvidenceRef, ...]


@dataclass(slots=True)
class _Accumulator:
    """What was gathered so far of one likeness."""

    decides: list[Ternary] = field(default_factory=list)
    surely: list[Answer] = field(default_factory=list)  # what the opt-in says where it decides
    perhaps: list[Answer] = field(default_factory=list)  # … and where it may decide
    passed_over: list[PassedOver] = field(default_factory=list)
    opens: list[UnknownColumn] = field(default_factory=list)
    refs: dict[EvidenceRef, None] = field(default_factory=dict)


class SelectionResults:
    """The answers of one shard, made when they are asked for."""

    def __init__(self, graph: ShardGraph) -> None:
        inventory = graph.inventory
        self._own = OptIn(inventory.settings, f"account {inventory.shard.account}")
        self._managements = graph.opt_in(from_organization=True)
        self._asked = tuple(selections_of(graph))
        terms = (one.terms.value for _, one, _ in self._asked if isinstance(one.terms, Known))
        self._likeness = EquivalenceClass(terms)
        self._unlisted = tuple(graph.unread_selections())
        self._selection_results: dict[Hashable, SelectionResult] = {}

    @property
    def asked(self) -> int | None:
        """How many selections of its account and Region were asked; None: not all were listed."""
        return None if self._unlisted else len(self._asked)

    @property
    def asked_open(self) -> tuple[UnknownColumn, ...]:
        """Why it is not known how many were asked."""
        return tuple(UnknownColumn("selections_asked", doubt.because, doubt.gap) for doubt in self._unlisted)

    def of(self, resource: Resource) -> SelectionResult:
        """Return what the selections make of a resource of the shard."""
        return self.of_likeness(resource, self.likeness(resource))

    def likeness(self, resource: Resource) -> Hashable:
        """Return what is equal for resources that the selections cannot tell apart."""
        return self._likeness.of(resource)

    def of_likeness(self, resource: Resource, likeness: Hashable) -> SelectionResult:
        """Return what the selections make of a resource whose likeness is known."""
        if (known := self._selection_results.get(likeness)) is None:
            known = self._selection_results[likeness] = self._regard(resource)
        return known

    def _regard(self, resource: Resource) -> SelectionResult:
        told = _Accumulator()
        for plan, selection, opt_in in self._asked:
            if isinstance(selection.terms, Unread):
                because = f"the backup selection {selection.name} of plan {plan.name} was not read"
                self._not_told(told, resource, opt_in, because, selection.terms.gap)
            else:
                _ask(told, resource, (plan, selection, opt_in), selection.terms.value)
        for doubt in self._unlisted:
            # A plan that nobody listed may be an Organizations plan.
            self._not_told(told, resource, self._own, doubt.because, doubt.gap)
            self._not_told(told, resource, self._managements, doubt.because, doubt.gap)
        return self._joined(told, resource)

    def _not_told(
        self, told: _Accumulator, resource: Resource, opt_in: OptIn, because: str, gap: Gap | None
    ) -> None:
        told.opens += [UnknownColumn(column, because, gap) for column in ("opt_in_decides", "passed_over")]
        told.decides.append(None)
        _decides(told, opted_in(resource, opt_in), None, opt_in, because)

    def _joined(self, told: _Accumulator, resource: Resource) -> SelectionResult:
        decides = any_of(told.decides)
        lets_through = self._lets_through(told, resource, decides)
        opens = [one for one in told.opens if one.column != "opt_in_decides" or decides is None]
        if lets_through.value is None:
            gap = _gap_of(self._own) or _gap_of(self._managements)
            opens.append(UnknownColumn("opted_in", lets_through.because, gap))
        return SelectionResult(
            opt_in_decides=decides,
            opted_in=lets_through.value,
            opt_in_reason="" if lets_through.value else lets_through.because,
            passed_over=_shown(told),
            opens=tuple(dict.fromkeys(opens)),
            settings_refs=tuple(told.refs),
        )

    def _lets_through(self, told: _Accumulator, resource: Resource, decides: Ternary) -> Answer:
        """Say what the opt-in comes to; where it may decide, only what it would come to either way."""
        if decides:
            perhaps = (one if one.value else replace(one, value=None) for one in told.perhaps)
            return conjunction((*told.surely, *perhaps))
        own = opted_in(resource, self._own)
        if decides is False:
            told.refs.update(dict.fromkeys(_refs(self._own)))
            return own
        other = next((one for one in told.perhaps if one.value is not own.value), None)
        return own if other is None else replace(other, value=None)


def selections_of(graph: ShardGraph) -> Iterator[tuple[BackupPlan, BackupSelection, OptIn]]:
    """Return the selections of a shard with their plans, and the settings whose opt-in decides for them."""
    for plan in graph.inventory.plans:
        opt_in = graph.opt_in(from_organization=plan.from_organization)
        for selection in plan.selections.value if isinstance(plan.selections, Known) else ():
            yield plan, selection, opt_in


def _ask(
    told: _Accumulator,
    resource: Resource,
    asked: tuple[BackupPlan, BackupSelection, OptIn],
    terms: SelectionTerms,
) -> None:
    """Ask one selection whether it passes the resource over, and whether the opt-in decides."""
    plan, selection, opt_in = asked
    reach = clause_results(terms, resource, opt_in)
    if reach is None:
        return
    name = f"selection {selection.name} of plan {plan.name}"
    verdict = reach.verdict
    decides = all_of((reach.matched.value, reach.not_excluded.value, reach.opt_in_decides))
    gap = reach.gap(resource, opt_in)
    if decides is None:
        because = f"whether the opt-in applies to {name} is unknown: {verdict.because}"
        told.opens.append(UnknownColumn("opt_in_decides", because, gap))
    if decides is not False:
        _decides(told, reach.opted_in, decides, opt_in, name)
    told.decides.append(decides)
    because, certain = _passed_over(plan, reach, verdict)
    if certain and because:
        subject = rule_subject(plan.arn, selection.id)
        told.passed_over.append(PassedOver(subject, plan.name, selection.name, because))
    elif not certain:
        gap = gap or (plan.rules.gap if isinstance(plan.rules, Unread) else None)
        told.opens.append(UnknownColumn("passed_over", f"{name}: {because}", gap))


def _passed_over(plan: BackupPlan, reach: ClauseResults, verdict: Answer) -> tuple[str, bool]:
    """Say why a selection that may reach a resource passes it over, and whether that is certain.

    Empty and certain: it does not pass it over.
    """
    if verdict.value is None:
        return verdict.because, False
    if verdict.value is False:
        return verdict.because, reach.matched.value is True
    if isinstance(plan.rules, Unread):
        return "the rules of its plan were not read", False
    return "" if plan.rules.value else "its plan has no rule", True


def _decides(told: _Accumulator, answer: Answer, decides: Ternary, opt_in: OptIn, where: str) -> None:
    """Note what the opt-in says of the resource, where it decides for a selection, or may."""
    answer = Answer(answer.value, f"{answer.because} ({where})")
    (told.surely if decides else told.perhaps).append(answer)
    if decides:
        told.refs.update(dict.fromkeys(_refs(opt_in)))


def _shown(told: _Accumulator) -> tuple[PassedOver | None, ...]:
    kept: tuple[PassedOver | None, ...] = tuple(told.passed_over[:PASSED_OVER_AT_MOST])
    more = len(told.passed_over) > PASSED_OVER_AT_MOST
    return (*kept, None) if more or any(one.column == "passed_over" for one in told.opens) else kept


def _refs(opt_in: OptIn) -> tuple[EvidenceRef, ...]:
    return opt_in.settings.refs if isinstance(opt_in.settings, Known) else ()


def _gap_of(opt_in: OptIn) -> Gap | None:
    return opt_in.settings.gap if isinstance(opt_in.settings, Unread) else None
