"""The score and the frameworks of findings.json: written, and read back."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from scanner.model.compliance import (
    Assessment,
    Baseline,
    Figures,
    FrameworkView,
    Obligation,
    PairedBy,
    Requirement,
    RequirementStatus,
    RequirementView,
    Score,
    Source,
    tally,
)
from scanner.model.finding import Status
from scanner.report.wording import count_word, percent

Document = dict[str, Any]


def assessment_document(assessment: Assessment | None, baseline: Baseline | None = None) -> Document:
    """Return the keys `score` and `frameworks` of a summary; empty without an assessment.

    `baseline`: that of NIST SP 800-53B whose requirements are counted separately; None: no choice.
    """
    if assessment is None:
        return {}
    score = assessment.score
    groups = {
        name: {key: _figures(figures) for key, figures in members.items()}
        for name, members in score.groups.items()
    }
    # A score over an incomplete scan would look better than it is.
    withheld = {"withheld": score.withheld} if score.withheld else {}
    total = _figures(score.total)
    return {
        "score": {"weights": dict(score.weights), **withheld, "total": total, "groups": groups},
        "frameworks": [_framework(framework, baseline) for framework in assessment.frameworks],
    }


def _figures(figures: Figures) -> Document:
    """Return every status with its number, and the shares; null: none was judged, or they are withheld."""
    return {
        **{status.value: figures.of(status) for status in Status},
        "judged": figures.judged,
        "percent": _rounded(figures.percent),
        "weight_passed": figures.weight_passed,
        "weight_judged": figures.weight_judged,
        "score": _rounded(figures.score),
        "scored": figures.scored,
        "scored_passed": figures.scored_passed,
        "without_backup": figures.without_backup,
    }


def standing_sentence(view: RequirementView) -> str:
    """Return the status of a requirement with its figures: `142 of 203 checks failed (69.9 %)`.

    It ends with the number of its controls that were not evaluated, if there are any next to evaluated ones.
    """
    partly = not_evaluated_words(view)
    return f"{_standing(view)}; {partly}" if partly else _standing(view)


def not_evaluated_words(view: RequirementView) -> str:
    """Return how many of a requirement's controls were not evaluated; empty: all, or none, were."""
    left_out, number = len(view.not_evaluated), len(view.controls)
    if not left_out or not number:
        return ""
    return f"{left_out:,} of its {count_word(number + left_out, 'control')} not evaluated"


def _standing(view: RequirementView) -> str:
    figures = view.figures
    waived, judged = figures.of(Status.WAIVED), count_word(figures.judged, "check")
    return {
        RequirementStatus.FAILED: f"{figures.failed:,} of {judged} failed"
        + share_words(figures.failed, figures.judged),
        RequirementStatus.UNKNOWN: _inconclusive(figures),
        RequirementStatus.WAIVED: f"{waived:,} of {judged} waived{share_words(waived, figures.judged)}",
        RequirementStatus.MET: f"No gap found in {judged}",
        RequirementStatus.NOT_APPLICABLE: "Applies to nothing that was scanned",
        RequirementStatus.NOT_ASKED: "Its controls were not selected",
        RequirementStatus.NOT_COVERED: "No control covers it: manual evidence needed",
    }[view.standing]


def _inconclusive(figures: Figures) -> str:
    # Without an unknown check, the scan did not list the subjects of a control.
    if not figures.open:
        return "Inconclusive: not all subjects were listed"
    applicable = figures.judged + figures.open
    return (
        f"Inconclusive: {figures.open:,} of {count_word(applicable, 'check')} unknown"
        f"{share_words(figures.open, applicable)}"
    )


def share_words(number: int, of: int) -> str:
    """Return a share in brackets, ` (69.9 %)`, rounded down; empty: there is no denominator.

    A share that is not zero never reads as 0 %, as one that is not complete never reads as 100 %.
    """
    if not of:
        return ""
    share = 100 * number / of
    return f" (under {_LEAST} %)" if 0 < share < _LEAST else f" ({percent(share)} %)"


_LEAST: Final = 0.1
"""The smallest percentage that is printed as a number."""

_TALLIES: Final = {
    RequirementStatus.FAILED: "with gaps",
    RequirementStatus.UNKNOWN: "inconclusive",
    RequirementStatus.WAIVED: "with waived gaps only",
    RequirementStatus.MET: "without a gap found",
    RequirementStatus.NOT_APPLICABLE: "that apply to nothing scanned",
    RequirementStatus.NOT_ASKED: "whose controls were not selected",
    RequirementStatus.NOT_COVERED: "needing manual evidence",
}


def tally_sentence(view: FrameworkView, baseline: Baseline | None = None) -> str:
    """Return how many requirements of a framework have which status, of how many.

    `baseline`: only those that it selects are counted, and those outside it named as such.
    """
    inside, outside = view.inside(baseline), view.outside(baseline)
    parts = ", ".join(f"{number:,} {_TALLIES[standing]}" for standing, number in tally(inside))
    if baseline is None or not view.has_baselines:
        return f"{count_word(len(inside), 'requirement')}: {parts}"
    whole = f"{len(inside):,} of {count_word(len(view.requirements), 'requirement')}"
    verb = "is" if len(inside) == 1 else "are"
    selected = f"{whole} {verb} in the {baseline.words} baseline{': ' if parts else ''}{parts}"
    return f"{selected}; {len(outside):,} outside it"


def manual_sentence(view: FrameworkView, baseline: Baseline | None = None) -> str:
    """Return which share of a framework no control can check; empty: it is not recorded.

    `baseline`: as in `tally_sentence`.
    """
    inside = view.inside(baseline)
    if not any(requirement_view.requirement.manual for requirement_view in inside):
        return ""
    whole = [
        requirement_view.requirement.id
        for requirement_view in inside
        if requirement_view.standing is RequirementStatus.NOT_COVERED
    ]
    partly = sum(
        bool(requirement_view.requirement.manual) and requirement_view.requirement.id not in whole
        for requirement_view in inside
    )
    number = count_word(len(inside), "requirement")
    names = f" ({', '.join(whole)})" if whole else ""
    return (
        f"Manual evidence: {len(whole):,} of {number}{names} have no control, and {partly:,} have a part "
        "that no control checks."
    )


def scope_sentence(view: FrameworkView) -> str:
    """Return that a framework concerns only some resources; empty: it concerns all, or it is not known."""
    return f"No scope is declared: it concerns {view.scope}; all subjects are counted." if view.scope else ""


def baseline_words(requirement: Requirement) -> str:
    """Return the baselines of NIST SP 800-53B that select a requirement; empty: not recorded."""
    if requirement.baselines is None:
        return ""
    return ", ".join(level.words for level in requirement.baselines) or "none"


def obligation_words(requirement: Requirement) -> str:
    """Return whether the HIPAA Security Rule requires it; empty: it is not of HIPAA, or not recorded."""
    return "" if requirement.obligation is None else requirement.obligation.value.capitalize()


def pairing_words(requirement: Requirement) -> str:
    """Return whose reading it is that our controls support a requirement."""
    others = " and ".join(pairer.words for pairer, _ in requirement.pairings)
    return f"also paired by {others}" if others else "our reading"


def score_sentence(figures: Figures) -> str:
    """Return what the score is made of: `612 of 1,940 checks of resources passed; 585 failed ...`."""
    if not figures.scored:  # of a scan that an earlier version evaluated
        return f"{figures.passed:,} of {count_word(figures.judged, 'evaluated check')} passed"
    passed = f"{figures.scored_passed:,} of {count_word(figures.scored, 'check')} of resources passed"
    if not figures.without_backup:
        return passed
    return f"{passed}; {figures.without_backup:,} count as failed because the resource is in no backup plan"


def _rounded(share: float | None) -> float | None:
    """Round down to a tenth, so that only a complete share is 100."""
    # Rounding up would show 99.96 % as complete.
    return None if share is None else int(share * 10) / 10


def _framework(view: FrameworkView, baseline: Baseline | None) -> Document:
    return {
        "id": view.id,
        "title": view.title,
        **({"edition": view.edition} if view.edition else {}),
        **({"scope": view.scope} if view.scope else {}),
        "source": view.source,
        "standings": {standing.value: number for standing, number in view.tally},
        **_baseline(view, baseline),
        "figures": _figures(view.figures),
        "requirements": [_requirement(requirement) for requirement in view.requirements],
    }


def _baseline(view: FrameworkView, baseline: Baseline | None) -> Document:
    """Return the key `baseline`: the statuses within it, and what is outside; empty: none was chosen."""
    if baseline is None or not view.has_baselines:
        return {}
    standings = {standing.value: number for standing, number in tally(view.inside(baseline))}
    outside = [requirement_view.requirement.id for requirement_view in view.outside(baseline)]
    return {"baseline": {"name": baseline.value, "standings": standings, "outside": outside}}


def _requirement(view: RequirementView) -> Document:
    requirement = view.requirement
    baselines = requirement.baselines
    return {
        "id": view.requirement.id,
        "title": view.requirement.title,
        **({} if baselines is None else {"baselines": [level.value for level in baselines]}),
        **({"obligation": requirement.obligation.value} if requirement.obligation else {}),
        **({"manual_evidence": requirement.manual} if requirement.manual else {}),
        "source": view.requirement.source.value,
        "pairings": {pairer.value: list(controls) for pairer, controls in view.requirement.pairings},
        "standing": view.standing.value,
        "subjects": view.subjects,
        "figures": _figures(view.figures),
        "controls": [name for name, _ in view.controls],
        "not_evaluated": list(view.not_evaluated),
    }


def assessment_of(summary: Mapping[str, Any]) -> Assessment | None:
    """Read back what `assessment_document` wrote; None: another program wrote the summary.

    KeyError, TypeError, ValueError or AttributeError: it has another shape.
    """
    if "score" not in summary:
        return None
    document = summary["score"]
    withheld = str(document.get("withheld", ""))
    figures = partial(_read_figures, withheld=bool(withheld))
    groups = {
        name: {key: figures(member) for key, member in members.items()}
        for name, members in document["groups"].items()
    }
    score = Score(document["weights"], figures(document["total"]), groups, withheld)
    views = (
        _read_framework(framework, groups["control"], figures) for framework in summary.get("frameworks", ())
    )
    return Assessment(score, tuple(views))


_ReadFigures = Callable[[Mapping[str, Any]], Figures]


def _read_figures(document: Mapping[str, Any], *, withheld: bool) -> Figures:
    # Zeros are left out, as in what was written: both must compare as equal.
    counts = {status: int(document[status.value]) for status in Status if document[status.value]}
    return Figures(
        counts,
        float(document["weight_passed"]),
        float(document["weight_judged"]),
        withheld and bool(counts),
        # Earlier versions did not write these three.
        *(int(document.get(name, 0)) for name in ("scored", "scored_passed", "without_backup")),
    )


def _read_framework(
    document: Mapping[str, Any], by_control: Mapping[str, Figures], figures: _ReadFigures
) -> FrameworkView:
    return FrameworkView(
        document["id"],
        document["title"],
        document["source"],
        figures(document["figures"]),
        tuple(
            _read_requirement(requirement, by_control, figures) for requirement in document["requirements"]
        ),
        str(document.get("edition", "")),
        str(document.get("scope", "")),
    )


def _read_requirement(
    document: Mapping[str, Any], by_control: Mapping[str, Figures], figures: _ReadFigures
) -> RequirementView:
    # Earlier versions did not write the last three: they are then not recorded.
    baselines, obligation = document.get("baselines"), document.get("obligation")
    return RequirementView(
        Requirement(
            document["id"],
            document["title"],
            Source(document["source"]),
            tuple(
                (PairedBy(pairer), tuple(controls))
                for pairer, controls in document.get("pairings", {}).items()
            ),
            None if baselines is None else tuple(map(Baseline, baselines)),
            None if obligation is None else Obligation(obligation),
            str(document.get("manual_evidence", "")),
        ),
        RequirementStatus(document["standing"]),
        figures(document["figures"]),
        int(document["subjects"]),
        tuple((name, by_control[name]) for name in document["controls"]),
        tuple(document.get("not_evaluated", ())),
    )
