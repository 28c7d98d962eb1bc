"""Why the selections of a shard do not select a resource: clauses that exclude it, and the service opt-in.

Resources that all selections treat alike form a group, and each selection is evaluated once for a group, not
once for each resource.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from scanner.graph.shard_graph import ShardGraph
from scanner.model.facts import PassedOver
from scanner.model.inventory import BackupPlan, BackupSelection, Resource, SelectionTerms
from scanner.model.known import Answer, EvidenceRef, Gap, Known, Ternary, Unread, all_of, any_of, conjunction
from scanner.model.names import rule_subject
from scanner.protection.equivalence import SelectionGrouping
from scanner.protection.selection import ClauseResults, OptIn, clause_results, opted_in

MAX_PASSED_OVER: Final = 20


@dataclass(frozen=True, slots=True)
class UnknownColumn:
    """Why a column is not known, and the read that is missing."""

    column: str
    because: str
    gap: Gap | None


@dataclass(frozen=True, slots=True)
class SelectionResult:
    """The results of all selections for a resource.

    `opt_in_decides`: a selection matches it and does not exclude it, so the opt-in decides. `opted_in`: the
    opt-in is on wherever it decides; if it never decides, the opt-in of the resource's own account.
    `passed_over` ends with None if there are, or may be, more.
    """

    opt_in_decides: Ternary
    opted_in: Ternary
    opt_in_reason: str
    passed_over: tuple[PassedOver | None, ...]
    unknown: tuple[UnknownColumn, ...]
    settings_refs: tuple[EvidenceRef, ...]


@dataclass(slots=True)
class _Accumulator:
    """The results of the selections so far, for one group."""

    decides: list[Ternary] = field(default_factory=list)
    certain: list[Answer] = field(default_factory=list)  # the opt-in, if it decides
    possible: list[Answer] = field(default_factory=list)  # the opt-in, if it may decide
    passed_over: list[PassedOver] = field(default_factory=list)
    unknown: list[UnknownColumn] = field(default_factory=list)
    refs: dict[EvidenceRef, None] = field(default_factory=dict)


class SelectionResults:
    """The results of one shard's selections, computed on demand."""

    def __init__(self, graph: ShardGraph) -> None:
        inventory = graph.inventory
        self._own_settings = OptIn(inventory.settings, f"account {inventory.shard.account}")
        self._management_settings = graph.opt_in(from_organization=True)
        self._asked = tuple(selections_of(graph))
        terms = (
            selection.terms.value for _, selection, _ in self._asked if isinstance(selection.terms, Known)
        )
        self._grouping = SelectionGrouping(terms)
        self._unlisted = tuple(graph.unread_selections())
        self._selection_results: dict[Hashable, SelectionResult] = {}

    @property
    def selection_count(self) -> int | None:
        """How many selections its account and Region have; None: not all were listed."""
        return None if self._unlisted else len(self._asked)

    @property
    def unknown_count(self) -> tuple[UnknownColumn, ...]:
        """Why the number of selections is not known."""
        return tuple(UnknownColumn("selections_asked", doubt.because, doubt.gap) for doubt in self._unlisted)

    def of(self, resource: Resource) -> SelectionResult:
        """Return the results of all selections for a resource of the shard."""
        return self.of_group(resource, self.group(resource))

    def group(self, resource: Resource) -> Hashable:
        """Return the same value for all resources that the selections treat alike."""
        return self._grouping.key(resource)

    def of_group(self, resource: Resource, group: Hashable) -> SelectionResult:
        """Return the results of all selections for a resource of a known group."""
        if (result := self._selection_results.get(group)) is None:
            result = self._selection_results[group] = self._evaluate_all(resource)
        return result

    def _evaluate_all(self, resource: Resource) -> SelectionResult:
        results = _Accumulator()
        for plan, selection, opt_in in self._asked:
            if isinstance(selection.terms, Unread):
                because = f"the backup selection {selection.name} of plan {plan.name} was not read"
                self._add_unread(results, resource, opt_in, because, selection.terms.gap)
            else:
                _evaluate(results, resource, (plan, selection, opt_in), selection.terms.value)
        for doubt in self._unlisted:
            # A plan that was not listed may be an Organizations plan, with the other account's opt-in.
            self._add_unread(results, resource, self._own_settings, doubt.because, doubt.gap)
            self._add_unread(results, resource, self._management_settings, doubt.because, doubt.gap)
        return self._result(results, resource)

    def _add_unread(
        self, results: _Accumulator, resource: Resource, opt_in: OptIn, because: str, gap: Gap | None
    ) -> None:
        results.unknown += [
            UnknownColumn(column, because, gap) for column in ("opt_in_decides", "passed_over")
        ]
        results.decides.append(None)
        _add_opt_in(results, opted_in(resource, opt_in), None, opt_in, because)

    def _result(self, results: _Accumulator, resource: Resource) -> SelectionResult:
        decides = any_of(results.decides)
        opt_in_answer = self._opt_in_answer(results, resource, decides)
        unknown = [
            column for column in results.unknown if column.column != "opt_in_decides" or decides is None
        ]
        if opt_in_answer.value is None:
            gap = _gap_of(self._own_settings) or _gap_of(self._management_settings)
            unknown.append(UnknownColumn("opted_in", opt_in_answer.because, gap))
        return SelectionResult(
            opt_in_decides=decides,
            opted_in=opt_in_answer.value,
            opt_in_reason="" if opt_in_answer.value else opt_in_answer.because,
            passed_over=_passed_over_rows(results),
            unknown=tuple(dict.fromkeys(unknown)),
            settings_refs=tuple(results.refs),
        )

    def _opt_in_answer(self, results: _Accumulator, resource: Resource, decides: Ternary) -> Answer:
        """Return what the opt-in decides; if it only may decide, the answer that is the same either way."""
        if decides:
            possible = (
                answer if answer.value else replace(answer, value=None) for answer in results.possible
            )
            return conjunction((*results.certain, *possible))
        own = opted_in(resource, self._own_settings)
        if decides is False:
            results.refs.update(dict.fromkeys(_refs(self._own_settings)))
            return own
        differing = next((answer for answer in results.possible if answer.value is not own.value), None)
        return own if differing is None else replace(differing, value=None)


def selections_of(graph: ShardGraph) -> Iterator[tuple[BackupPlan, BackupSelection, OptIn]]:
    """Yield the selections of a shard with their plans, and the settings whose opt-in decides for them."""
    for plan in graph.inventory.plans:
        opt_in = graph.opt_in(from_organization=plan.from_organization)
        for selection in plan.selections.value if isinstance(plan.selections, Known) else ():
            yield plan, selection, opt_in


def _evaluate(
    results: _Accumulator,
    resource: Resource,
    question: tuple[BackupPlan, BackupSelection, OptIn],
    terms: SelectionTerms,
) -> None:
    """Evaluate one selection: whether it passes the resource over, and whether the opt-in decides."""
    plan, selection, opt_in = question
    clauses = clause_results(terms, resource, opt_in)
    if clauses is None:
        return
    name = f"selection {selection.name} of plan {plan.name}"
    verdict = clauses.verdict
    decides = all_of((clauses.matched.value, clauses.not_excluded.value, clauses.opt_in_decides))
    gap = clauses.gap(resource, opt_in)
    if decides is None:
        because = f"whether the opt-in applies to {name} is unknown: {verdict.because}"
        results.unknown.append(UnknownColumn("opt_in_decides", because, gap))
    if decides is not False:
        _add_opt_in(results, clauses.opted_in, decides, opt_in, name)
    results.decides.append(decides)
    because, certain = _passed_over(plan, clauses, verdict)
    if certain and because:
        subject = rule_subject(plan.arn, selection.id)
        results.passed_over.append(PassedOver(subject, plan.name, selection.name, because))
    elif not certain:
        gap = gap or (plan.rules.gap if isinstance(plan.rules, Unread) else None)
        results.unknown.append(UnknownColumn("passed_over", f"{name}: {because}", gap))


def _passed_over(plan: BackupPlan, clauses: ClauseResults, verdict: Answer) -> tuple[str, bool]:
    """Return why a selection that may match a resource does not select it, and whether that is certain.

    Empty and certain: the selection selects it.
    """
    if verdict.value is None:
        return verdict.because, False
    if verdict.value is False:
        return verdict.because, clauses.matched.value is True
    if isinstance(plan.rules, Unread):
        return "the rules of its plan were not read", False
    return "" if plan.rules.value else "its plan has no rule", True


def _add_opt_in(results: _Accumulator, answer: Answer, decides: Ternary, opt_in: OptIn, where: str) -> None:
    """Add the opt-in's answer for a selection for which it decides, or may decide."""
    answer = Answer(answer.value, f"{answer.because} ({where})")
    (results.certain if decides else results.possible).append(answer)
    if decides:
        results.refs.update(dict.fromkeys(_refs(opt_in)))


def _passed_over_rows(results: _Accumulator) -> tuple[PassedOver | None, ...]:
    rows: tuple[PassedOver | None, ...] = tuple(results.passed_over[:MAX_PASSED_OVER])
    more = len(results.passed_over) > MAX_PASSED_OVER
    return (
        (*rows, None) if more or any(column.column == "passed_over" for column in results.unknown) else rows
    )


def _refs(opt_in: OptIn) -> tuple[EvidenceRef, ...]:
    return opt_in.settings.refs if isinstance(opt_in.settings, Known) else ()


def _gap_of(opt_in: OptIn) -> Gap | None:
    return opt_in.settings.gap if isinstance(opt_in.settings, Unread) else None
