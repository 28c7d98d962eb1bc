"""Findings to figures: the score, and how the requirements of frameworks stand.

Findings stream through once and are counted by what they have in common (`counted`); everything else is made
of these counts, so that nothing grows with findings times requirements. One check is one control asked of one
subject; a score never counts what is unknown as passed, and has no value where nothing was judged.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from scanner.evaluate.standards import Standards
from scanner.model.compliance import (
    Assessment,
    Figures,
    Framework,
    FrameworkView,
    Requirement,
    RequirementView,
    Score,
    Standing,
)
from scanner.model.control import Control
from scanner.model.finding import Finding, Severity, Status

NONE: Final = ""
"""The key of what has no tier, or whose organizational unit is not known."""

NOT_KNOWN: Final = "not known"
"""The key of what has a tier, or none, and nobody knows which. No tier can be called so."""

_JUDGED: Final = frozenset((Status.PASS, Status.FAIL, Status.WAIVED))


class Cell(NamedTuple):
    """What findings that are counted together have in common."""

    control: str
    severity: Severity
    account: str
    region: str
    type: str
    tier: str
    status: Status


Cells = Mapping[Cell, int]


def counted(findings: Iterable[Finding], cells: Counter[Cell]) -> Iterator[Finding]:
    """Count findings into `cells` as they pass. Memory by what differs between them, subjects aside."""
    for each in findings:
        cell = Cell(
            each.control,
            each.severity,
            each.account,
            each.region,
            each.subject_type,
            _tier(each.details),
            each.status,
        )
        cells[cell] += 1
        yield each


def _tier(details: Mapping[str, Any]) -> str:
    tier = details.get("tier", NONE)
    return tier if isinstance(tier, str) else NOT_KNOWN


def assess(
    cells: Cells,
    controls: Iterable[Control],
    standards: Standards,
    units: Mapping[str, tuple[str, ...]],
) -> Assessment:
    """Say what counted findings come to.

    `units` are the organizational units above each account whose place is known, the root among them: an
    account counts in each of them, so that the figures of a unit are those of everything below it.
    """
    asked = tuple(controls)
    by_control = {each.id: Figures() for each in asked}
    by_control |= _grouped(cells, standards.weights, lambda cell: (cell.control,))
    groups = {
        "control": by_control,
        "account": _grouped(cells, standards.weights, lambda cell: (cell.account,)),
        "ou": _grouped(cells, standards.weights, lambda cell: units.get(cell.account, (NONE,))),
        "region": _grouped(cells, standards.weights, lambda cell: (cell.region,)),
        "type": _grouped(cells, standards.weights, lambda cell: (cell.type,)),
        "tier": _grouped(cells, standards.weights, lambda cell: (cell.tier,)),
    }
    score = Score(standards.weights, summed(by_control.values()), groups)
    views = (_framework(each, asked, standards.known, by_control) for each in standards.frameworks)
    return Assessment(score, tuple(views))


def _grouped(
    cells: Cells, weights: Mapping[str, float], keys: Callable[[Cell], tuple[str, ...]]
) -> dict[str, Figures]:
    found: defaultdict[str, dict[Cell, int]] = defaultdict(dict)
    for cell, number in cells.items():
        for key in keys(cell):
            found[key][cell] = number
    return {name: _figures(found[name], weights) for name in sorted(found)}


def _figures(cells: Cells, weights: Mapping[str, float]) -> Figures:
    counts: Counter[Status] = Counter()
    passed = judged = 0.0
    for cell, number in sorted(cells.items()):  # sorted: the same sum whatever the order of the findings
        counts[cell.status] += number
        weight = weights.get(cell.severity, 1.0) * number
        passed += weight if cell.status is Status.PASS else 0.0
        judged += weight if cell.status in _JUDGED else 0.0
    return Figures({status: counts[status] for status in Status if counts[status]}, passed, judged)


def summed(figures: Iterable[Figures]) -> Figures:
    """Put figures together."""
    every = tuple(figures)
    counts: Counter[Status] = Counter()
    for each in every:
        counts.update(each.counts)
    return Figures(
        {status: counts[status] for status in Status if counts[status]},
        sum(each.weight_passed for each in every),
        sum(each.weight_judged for each in every),
    )


def _framework(
    framework: Framework,
    asked: tuple[Control, ...],
    known: tuple[Control, ...],
    by_control: Mapping[str, Figures],
) -> FrameworkView:
    serving = [each for each in asked if framework.id in each.frameworks]
    possible = {one for each in known for one in each.frameworks.get(framework.id, ())}
    views = (
        _requirement(
            each,
            [one for one in serving if each.id in one.frameworks[framework.id]],
            by_control,
            Standing.NOT_ASKED if each.id in possible else Standing.NOT_COVERED,
        )
        for each in framework.requirements
    )
    total = summed(by_control[each.id] for each in serving)
    return FrameworkView(framework.id, framework.title, framework.source, total, tuple(views))


def _requirement(
    requirement: Requirement,
    serving: list[Control],
    by_control: Mapping[str, Figures],
    otherwise: Standing,
) -> RequirementView:
    figures = summed(by_control[each.id] for each in serving)
    standing = figures.standing if serving else otherwise
    controls = tuple((each.id, by_control[each.id]) for each in serving)
    return RequirementView(requirement, standing, figures, _subjects(serving, by_control), controls)


def _subjects(serving: Iterable[Control], by_control: Mapping[str, Figures]) -> int:
    """Count the subjects: every control is asked of each row of its table, so the most of a table are all."""
    most: defaultdict[str, int] = defaultdict(int)
    for each in serving:
        most[each.subject] = max(most[each.subject], by_control[each.id].total)
    return sum(most.values())
