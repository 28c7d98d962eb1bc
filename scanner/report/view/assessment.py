"""The score and the frameworks of findings.json: written, and read back."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from scanner.model.compliance import (
    Assessment,
    Figures,
    FrameworkView,
    PairedBy,
    Requirement,
    RequirementStatus,
    RequirementView,
    Score,
    Source,
)
from scanner.model.finding import Status
from scanner.report.wording import count_word

Document = dict[str, Any]


def assessment_document(assessment: Assessment | None) -> Document:
    """Return the keys `score` and `frameworks` of a summary; empty without an assessment."""
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
        "frameworks": [_framework(framework) for framework in assessment.frameworks],
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
    """Return the status of a requirement with its figures: `142 of 203 checks failed`."""
    figures = view.figures
    waived = figures.of(Status.WAIVED)
    return {
        RequirementStatus.FAILED: f"{figures.failed:,} of {count_word(figures.judged, 'check')} failed",
        RequirementStatus.UNKNOWN: f"Inconclusive: {count_word(figures.open, 'check')} unknown",
        RequirementStatus.WAIVED: f"{waived:,} of {count_word(figures.judged, 'check')} waived",
        RequirementStatus.MET: f"No gap found in {count_word(figures.judged, 'check')}",
        RequirementStatus.NOT_APPLICABLE: "Applies to nothing that was scanned",
        RequirementStatus.NOT_ASKED: "Its controls were not selected",
        RequirementStatus.NOT_COVERED: "No control covers it: manual evidence needed",
    }[view.standing]


_TALLIES: Final = {
    RequirementStatus.FAILED: "with gaps",
    RequirementStatus.UNKNOWN: "inconclusive",
    RequirementStatus.WAIVED: "with waived gaps only",
    RequirementStatus.MET: "without a gap found",
    RequirementStatus.NOT_APPLICABLE: "that apply to nothing scanned",
    RequirementStatus.NOT_ASKED: "whose controls were not selected",
    RequirementStatus.NOT_COVERED: "needing manual evidence",
}


def tally_sentence(view: FrameworkView) -> str:
    """Return how many requirements of a framework have which status, of how many."""
    parts = ", ".join(f"{number:,} {_TALLIES[standing]}" for standing, number in view.tally)
    return f"{count_word(len(view.requirements), 'requirement')}: {parts}"


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


def _framework(view: FrameworkView) -> Document:
    return {
        "id": view.id,
        "title": view.title,
        "source": view.source,
        "standings": {standing.value: number for standing, number in view.tally},
        "figures": _figures(view.figures),
        "requirements": [_requirement(requirement) for requirement in view.requirements],
    }


def _requirement(view: RequirementView) -> Document:
    return {
        "id": view.requirement.id,
        "title": view.requirement.title,
        "source": view.requirement.source.value,
        "pairings": {pairer.value: list(controls) for pairer, controls in view.requirement.pairings},
        "standing": view.standing.value,
        "subjects": view.subjects,
        "figures": _figures(view.figures),
        "controls": [name for name, _ in view.controls],
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
    )


def _read_requirement(
    document: Mapping[str, Any], by_control: Mapping[str, Figures], figures: _ReadFigures
) -> RequirementView:
    return RequirementView(
        Requirement(
            document["id"],
            document["title"],
            Source(document["source"]),
            tuple(
                (PairedBy(pairer), tuple(controls))
                for pairer, controls in document.get("pairings", {}).items()
            ),
        ),
        RequirementStatus(document["standing"]),
        figures(document["figures"]),
        int(document["subjects"]),
        tuple((name, by_control[name]) for name in document["controls"]),
    )
