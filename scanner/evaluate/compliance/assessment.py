"""Findings to figures: the score, and the results of the requirements of frameworks.

Everything is computed from counts of findings (`FindingCounts`) and from groups of subjects that are alike
(`SubjectGroups`), so that nothing grows with findings times requirements. One check is one control and one
subject; a score never counts what is unknown as passed, and has no value where nothing was evaluated, nor
where less than half of the scope was judged. It counts checks of resources only, and as failed those that
need a backup that the resource does not have (ADR 0010). Key controls decide a requirement (ADR 0013).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Final

from scanner.evaluate.compliance.subjects import decided_subjects, scope_counts
from scanner.evaluate.controls.requirements import Standards
from scanner.findings.subject_groups import SubjectGroups
from scanner.model.compliance import (
    Assessment,
    DecidedSubjects,
    Figures,
    Framework,
    FrameworkView,
    Requirement,
    RequirementStatus,
    RequirementView,
    ScopeCounts,
    Score,
    TagScope,
)
from scanner.model.control import Control
from scanner.model.finding import FindingCounts, GroupCount, Severity, Status
from scanner.model.manifest import ReadShare

NONE: Final = ""
"""The key of what has no tier, or whose organizational unit is not known."""

NOT_KNOWN: Final = "not known"
"""The key of subjects whose tier is unknown. No tier can have this name."""

_JUDGED: Final = frozenset((Status.PASS, Status.FAIL, Status.WAIVED))


_Group = tuple[Severity, Status, int]
"""The number of findings with one severity and one status."""

_Row = tuple[str, _Group]
"""The key of a group, and some of its findings."""


@dataclass(frozen=True, slots=True)
class _Basis:
    """What the results of requirements rest on.

    `decide`: returns the subjects that some controls decide for a framework. `withheld`: as in `Figures`.
    """

    by_control: Mapping[str, Figures]
    groups: SubjectGroups
    decide: Callable[[str, frozenset[str]], DecidedSubjects]
    unlisted: Container[str]
    withheld: bool
    scopes: Mapping[str, TagScope]

    def of_framework(self, framework: str, controls: Iterable[str]) -> Mapping[str, Figures]:
        """Return the figures of controls, over the subjects that are in the framework's scope."""
        if framework not in self.scopes:
            return self.by_control
        counts = {name: self.decide(framework, frozenset((name,))).checks.counts for name in controls}
        return {name: Figures(of, withheld=self.withheld and bool(of)) for name, of in counts.items()}


_SCORED: Final = _JUDGED | {Status.NOT_APPLICABLE}
"""Statuses that the score counts. What it is given as not applicable has no backup, and counts as failed."""


@dataclass(frozen=True, slots=True)
class _Results:
    """The figures of controls over the subjects that a framework concerns, and what they rest on."""

    figures: Mapping[str, Figures]
    basis: _Basis


def assess(  # noqa: PLR0913, PLR0917 -- what the figures and results rest on
    counts: FindingCounts,
    groups: SubjectGroups,
    controls: Iterable[Control],
    standards: Standards,
    units: Mapping[str, tuple[str, ...]],
    reach: ReadShare | None = None,
    *,
    unlisted: Container[str] = (),
    scored: FindingCounts | None = None,
    scopes: Mapping[str, TagScope] | None = None,
) -> Assessment:
    """Compute the score and the results of requirements from the counts of all findings.

    `groups`: the subjects of all controls that serve a requirement. `reach`: how much of the scope was read.
    `units` are the organizational units above each account whose place is known, the root among them: an
    account counts in each of them, so that the figures of a unit are those of everything below it. `unlisted`
    are controls whose subjects the scan did not list: what they serve is at best unknown. `scored`: the
    checks that the score counts, not applicable ones as failed; None: all that were evaluated. `scopes`: the
    declared scopes of frameworks, those of `groups`.
    """
    selected = tuple(controls)
    reason = _reason_to_withhold(counts, reach)
    checks = _grouped(counts, units)
    points = _grouped(scored or _evaluated(counts), units)
    figures = {
        name: _figures(checks[name], points[name], standards.weights, withheld=bool(reason))
        for name in checks
    }
    by_control = {control.id: Figures() for control in selected} | figures["control"]
    by_group = {**figures, "control": by_control}
    score = Score(standards.weights, summed(by_control.values()), by_group, reason)
    decide = cache(partial(decided_subjects, groups))
    basis = _Basis(by_control, groups, decide, unlisted, bool(reason), scopes or {})
    views = (
        _framework(framework, selected, standards.all_controls, basis) for framework in standards.frameworks
    )
    return Assessment(score, tuple(views))


def _reason_to_withhold(counts: FindingCounts, reach: ReadShare | None) -> str:
    """Return why there is no score: less than half of the scope was judged. Empty: there may be one."""
    if reach is not None and reach.is_minor:
        return f"only {reach.read:,} of {reach.in_scope:,} account-Regions in scope could be read"
    numbers: Counter[bool] = Counter()
    for row in counts.controls:
        if row.status is not Status.NOT_APPLICABLE:
            numbers[row.status in _JUDGED] += row.number
    if numbers[True] and numbers[True] < numbers[False]:
        return f"only {numbers[True]:,} of {numbers.total():,} checks could be evaluated"
    return ""


def _evaluated(counts: FindingCounts) -> FindingCounts:
    """Return the counts without findings that are not applicable."""
    return replace(
        counts,
        controls=tuple(row for row in counts.controls if row.status is not Status.NOT_APPLICABLE),
        accounts=tuple(row for row in counts.accounts if row.status is not Status.NOT_APPLICABLE),
        regions=tuple(row for row in counts.regions if row.status is not Status.NOT_APPLICABLE),
        tiers=tuple(row for row in counts.tiers if row.status is not Status.NOT_APPLICABLE),
    )


def _grouped(counts: FindingCounts, units: Mapping[str, tuple[str, ...]]) -> dict[str, list[_Row]]:
    """Return the rows of each grouping of the score."""
    return {
        "control": [(row.control, (row.severity, row.status, row.number)) for row in counts.controls],
        "account": [*map(_keyed, counts.accounts)],
        "ou": [(unit, _keyed(row)[1]) for row in counts.accounts for unit in _units_of(row, units)],
        "region": [*map(_keyed, counts.regions)],
        "type": [*map(_keyed, counts.types)],
        "tier": [*map(_keyed, counts.tiers)],
    }


def _keyed(row: GroupCount) -> _Row:
    return NOT_KNOWN if row.key is None else row.key, (row.severity, row.status, row.number)


def _units_of(row: GroupCount, units: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    return units.get(row.key or "", (NONE,))


def _figures(
    checks: Iterable[_Row], scored: Iterable[_Row], weights: Mapping[str, float], *, withheld: bool
) -> dict[str, Figures]:
    """Compute the figures of each group, from rows of its key and some of its findings."""
    counts: defaultdict[str, Counter[Status]] = defaultdict(Counter)
    for key, (_, status, number) in checks:
        counts[key][status] += number
    points: defaultdict[str, Counter[tuple[Severity, Status]]] = defaultdict(Counter)
    for key, (severity, status, number) in scored:
        points[key][severity, status] += number
    return {
        key: replace(_points(points[key], weights), counts=_in_order(counts[key]), withheld=withheld)
        for key in sorted(counts)
    }


def _points(numbers: Mapping[tuple[Severity, Status], int], weights: Mapping[str, float]) -> Figures:
    """Compute the part of figures that the score is made of."""
    passed = judged = 0.0
    statuses: Counter[Status] = Counter()
    for (severity, status), number in sorted(numbers.items()):  # sorted: the same sum whatever the order
        if status in _SCORED:
            weight = weights.get(severity, 1.0) * number
            passed += weight if status is Status.PASS else 0.0
            judged += weight
            statuses[status] += number
    return Figures(
        weight_passed=passed,
        weight_judged=judged,
        scored=statuses.total(),
        scored_passed=statuses[Status.PASS],
        without_backup=statuses[Status.NOT_APPLICABLE],
    )


def _in_order(counts: Mapping[Status, int]) -> dict[Status, int]:
    return {status: counts[status] for status in Status if counts[status]}


def summed(figures: Iterable[Figures]) -> Figures:
    """Return the sum of figures."""
    every = tuple(figures)
    counts: Counter[Status] = Counter()
    for part in every:
        counts.update(part.counts)
    return Figures(
        _in_order(counts),
        sum(part.weight_passed for part in every),
        sum(part.weight_judged for part in every),
        any(part.withheld for part in every),
        sum(part.scored for part in every),
        sum(part.scored_passed for part in every),
        sum(part.without_backup for part in every),
    )


def _framework(
    framework: Framework,
    selected: tuple[Control, ...],
    every: tuple[Control, ...],
    basis: _Basis,
) -> FrameworkView:
    serving = [control for control in selected if framework.id in control.frameworks]
    selected_ids = {control.id for control in selected}
    others: defaultdict[str, list[str]] = defaultdict(list)
    for control in every:
        if control.id not in selected_ids:
            for name in control.frameworks.get(framework.id, ()):
                others[name].append(control.id)
    figures = basis.of_framework(framework.id, [control.id for control in serving])
    views = (
        _requirement(
            framework,
            requirement,
            [control for control in serving if requirement.id in control.frameworks[framework.id]],
            tuple(sorted(others[requirement.id])),
            _Results(figures, basis),
        )
        for requirement in framework.requirements
    )
    declared = basis.scopes.get(framework.id)
    return FrameworkView(
        framework.id,
        framework.title,
        framework.source,
        summed(figures[control.id] for control in serving),
        tuple(views),
        framework.edition,
        framework.scope,
        declared,
        scope_counts(basis.groups, framework.id) if declared else ScopeCounts(),
    )


def _requirement(
    framework: Framework,
    requirement: Requirement,
    serving: list[Control],
    others: tuple[str, ...],
    results: _Results,
) -> RequirementView:
    figures, basis = results.figures, results.basis
    view = RequirementView(
        requirement=requirement,
        standing=RequirementStatus.NOT_COVERED,
        figures=summed(figures[control.id] for control in serving),
        subjects=_subjects(serving, figures),
        controls=tuple((control.id, figures[control.id]) for control in serving),
        not_evaluated=others,
    )
    deciding = frozenset(name for name, _ in view.deciding)
    decided = basis.decide(framework.id, deciding)
    standing = _standing(view, decided, incomplete=any(name in basis.unlisted for name in deciding))
    return replace(view, standing=standing, decided=decided)


def _standing(view: RequirementView, decided: DecidedSubjects, *, incomplete: bool) -> RequirementStatus:
    """Return the status. `incomplete`: a scan did not list the subjects of a deciding control."""
    if not view.deciding:
        # Supporting controls alone never decide, so that without the key controls there is no result.
        is_paired = view.controls or view.undecided
        return RequirementStatus.NOT_ASKED if is_paired else RequirementStatus.NOT_COVERED
    if incomplete and decided.standing is not RequirementStatus.FAILED:
        return RequirementStatus.UNKNOWN
    return decided.standing


def _subjects(serving: Iterable[Control], by_control: Mapping[str, Figures]) -> int:
    """Count the subjects. A control has a finding for each row of its table: the largest number is all."""
    most: defaultdict[str, int] = defaultdict(int)
    for control in serving:
        most[control.subject] = max(most[control.subject], by_control[control.id].total)
    return sum(most.values())
