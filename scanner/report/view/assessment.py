"""The score and the frameworks of findings.json: written, and read back."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from scanner.model.compliance import (
    Assessment,
    Baseline,
    DecidedSubjects,
    Figures,
    FrameworkView,
    Obligation,
    PairedBy,
    Requirement,
    RequirementStatus,
    RequirementView,
    ScopeCounts,
    Score,
    Source,
    SubjectCounts,
    TagScope,
    tally,
)
from scanner.model.finding import Status
from scanner.report.view.requirement_words import result_sentence
from scanner.report.wording import count_word

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
        **_declared(view),
        "figures": _figures(view.figures),
        "requirements": [
            _requirement(requirement, is_scoped=view.declared is not None)
            for requirement in view.requirements
        ],
    }


def _declared(view: FrameworkView) -> Document:
    """Return the key `declared_scope`; empty: audit.yaml declares none."""
    if view.declared is None:
        return {}
    counts = view.scope_counts
    numbers = {"inside": counts.inside, "outside": counts.outside, "unknown": counts.unknown}
    tags = {key: list(values) for key, values in view.declared.tags}
    return {"declared_scope": {"tags": tags, "subjects": numbers}}


def _baseline(view: FrameworkView, baseline: Baseline | None) -> Document:
    """Return the key `baseline`: the statuses within it, and what is outside; empty: none was chosen."""
    if baseline is None or not view.has_baselines:
        return {}
    standings = {standing.value: number for standing, number in tally(view.inside(baseline))}
    outside = [requirement_view.requirement.id for requirement_view in view.outside(baseline)]
    return {"baseline": {"name": baseline.value, "standings": standings, "outside": outside}}


def _requirement(view: RequirementView, *, is_scoped: bool) -> Document:
    """Return a requirement. `is_scoped`: figures of its controls differ from those of the whole scan."""
    requirement = view.requirement
    in_scope = {"control_figures": {name: _figures(figures) for name, figures in view.controls}}
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
        "key_controls": list(requirement.key_controls),
        "result": result_sentence(view),
        **(in_scope if is_scoped else {}),
        **({} if view.decided is None else _decided(view.decided)),
    }


def _decided(decided: DecidedSubjects) -> Document:
    """Return the distinct subjects of the deciding controls, by kind and type, and their checks."""
    kinds: dict[str, Document] = {
        kind: {**_subjects(counts), "types": {}} for kind, counts in decided.by_kind.items()
    }
    for kind, subject_type, counts in decided.by_type:
        kinds[kind]["types"][subject_type] = _subjects(counts)
    return {
        "distinct_subjects": {**_subjects(decided.total), "kinds": kinds},
        "deciding_checks": {status.value: number for status, number in decided.checks.counts.items()},
    }


def _subjects(counts: SubjectCounts) -> Document:
    return {
        "number": counts.number,
        "gaps": counts.gaps,
        "unknown": counts.unknown,
        "waived": counts.waived,
        "passed": counts.passed,
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
        *_read_declared(document.get("declared_scope")),
    )


def _read_declared(document: Mapping[str, Any] | None) -> tuple[TagScope | None, ScopeCounts]:
    if document is None:
        return None, ScopeCounts()
    tags = tuple((key, tuple(values)) for key, values in document["tags"].items())
    numbers = (int(document["subjects"][name]) for name in ("inside", "outside", "unknown"))
    return TagScope(tags), ScopeCounts(*numbers)


def _read_requirement(
    document: Mapping[str, Any], by_control: Mapping[str, Figures], figures: _ReadFigures
) -> RequirementView:
    # Earlier versions did not write all of it: it is then not recorded.
    baselines, obligation = document.get("baselines"), document.get("obligation")
    of_controls = {name: figures(of) for name, of in document.get("control_figures", {}).items()}
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
            tuple(document.get("key_controls", ())),
        ),
        RequirementStatus(document["standing"]),
        figures(document["figures"]),
        int(document["subjects"]),
        tuple((name, of_controls.get(name) or by_control[name]) for name in document["controls"]),
        tuple(document.get("not_evaluated", ())),
        _read_decided(document),
    )


def _read_decided(document: Mapping[str, Any]) -> DecidedSubjects | None:
    """Read the distinct subjects of a requirement; None: an earlier version wrote it, without them."""
    if "distinct_subjects" not in document:
        return None
    checks = {Status(status): int(number) for status, number in document["deciding_checks"].items()}
    by_type = tuple(
        (kind, subject_type, _read_subjects(counts))
        for kind, of_kind in document["distinct_subjects"]["kinds"].items()
        for subject_type, counts in of_kind["types"].items()
    )
    return DecidedSubjects(by_type, Figures(checks))


def _read_subjects(document: Mapping[str, Any]) -> SubjectCounts:
    return SubjectCounts(*(int(document[name]) for name in ("gaps", "unknown", "waived", "passed")))
