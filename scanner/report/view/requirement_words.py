"""The results of requirements and frameworks in words: distinct subjects first, checks second."""

from collections.abc import Iterable
from typing import Final, TypeAlias

from scanner.model.compliance import (
    Baseline,
    DecidedSubjects,
    Figures,
    FrameworkView,
    PairedBy,
    Requirement,
    RequirementStatus,
    RequirementView,
    SubjectCounts,
    TagScope,
    tally,
)
from scanner.model.finding import Status
from scanner.report.wording import count_word, percent

ControlFigures: TypeAlias = tuple[str, Figures]
"""The id of a control, and its checks."""

_NOUNS: Final = {
    "resource": "resource",
    "plan": "plan",
    "rule": "rule",
    "selection": "selection",
    "vault": "vault",
    "recovery_point": "recovery point",
    "copy_action": "copy action",
    "account": "account",
    "account_region": "account-Region",
}
"""The kinds of subjects in words."""

_LEAST: Final = 0.1
"""The smallest percentage that is printed as a number."""

_SLIVER: Final = 1.5
"""Minimum width in percent of a part of a bar that is not zero."""

_TALLIES: Final = {
    RequirementStatus.FAILED: "with gaps",
    RequirementStatus.UNKNOWN: "inconclusive",
    RequirementStatus.WAIVED: "with waived gaps only",
    RequirementStatus.MET: "without a gap found",
    RequirementStatus.NOT_APPLICABLE: "that apply to nothing scanned",
    RequirementStatus.NOT_ASKED: "whose controls were not selected",
    RequirementStatus.NOT_COVERED: "needing manual evidence",
}

OURS: Final = "ours"
"""The badge of a pairing that is our own reading."""

BADGES: Final = {
    OURS: "our own reading of the requirement",
    **{pairer.words: f"{pairer.words} pairs it with the requirement, too" for pairer in PairedBy},
}
"""Who pairs a control with a requirement, with what the badge means."""


def standing_sentence(view: RequirementView) -> str:
    """Return the result of a requirement with its distinct subjects: `Gaps: 45 of 132 resources`.

    It ends with the number of deciding controls that were not evaluated, if there are any next to evaluated
    ones.
    """
    result = _of_checks(view) if view.decided is None else _of_subjects(view)
    partly = not_evaluated_words(view)
    return f"{result}; {partly}" if partly else result


def result_sentence(view: RequirementView) -> str:
    """Return the same with the unknown subjects of a requirement that has gaps: `...; 77 unknown`.

    For documents that have no bar, and no line with all numbers.
    """
    sentence = standing_sentence(view)
    unknown = view.decided.total.unknown if view.decided else 0
    is_short = view.standing is RequirementStatus.FAILED and unknown
    return f"{sentence}; {unknown:,} unknown" if is_short else sentence


def not_evaluated_words(view: RequirementView) -> str:
    """Return how many of the controls that decide a requirement were not evaluated; empty: all, or none."""
    left_out, number = len(view.undecided), len(view.deciding)
    if not left_out or not number:
        return ""
    kind = "key control" if view.requirement.key_controls else "control"
    return f"{left_out:,} of its {count_word(number + left_out, kind)} not evaluated"


def _of_subjects(view: RequirementView) -> str:
    """Return the result in distinct subjects, of the kinds that have some with the status."""
    match view.standing:
        case RequirementStatus.FAILED:
            return f"Gaps: {_shares(view, 'gaps')}"
        case RequirementStatus.UNKNOWN:
            unknown = _shares(view, "unknown")
            # Without an unknown subject, the scan did not list those of a control.
            return f"Inconclusive: {f'{unknown} unknown' if unknown else 'not all subjects were listed'}"
        case RequirementStatus.WAIVED:
            return f"Waived gaps only: {_shares(view, 'waived')}"
        case RequirementStatus.MET:
            return f"No gap found in {subjects_words(view.decided or DecidedSubjects())}"
    return _without_subjects(view)


def _shares(view: RequirementView, name: str) -> str:
    """Return how many subjects of each kind have a status (a field of `SubjectCounts`), of how many."""
    kinds = view.decided.by_kind if view.decided else {}
    return ", ".join(
        f"{getattr(counts, name):,} of {_counted(counts.number, kind)}"
        for kind, counts in kinds.items()
        if getattr(counts, name)
    )


def _counted(number: int, kind: str) -> str:
    return count_word(number, _NOUNS.get(kind, "subject"))


def subjects_words(decided: DecidedSubjects) -> str:
    """Return the number of distinct subjects by kind: `132 resources, 12 vaults`; empty: there are none."""
    return ", ".join(_counted(counts.number, kind) for kind, counts in decided.by_kind.items())


def gaps_by_type(decided: DecidedSubjects) -> str:
    """Return the resources with gaps of each type: `EBS 25 of 30, RDS 5 of 7`; empty: there are none."""
    return ", ".join(
        f"{subject_type} {counts.gaps:,} of {counts.number:,}"
        for kind, subject_type, counts in decided.by_type
        if kind == "resource" and counts.gaps
    )


def _without_subjects(view: RequirementView) -> str:
    """Return a result that rests on no subject."""
    requirement = view.requirement
    needed = f"Manual evidence needed: {requirement.manual}" if requirement.manual else ""
    return {
        RequirementStatus.NOT_APPLICABLE: "Applies to nothing that was scanned",
        RequirementStatus.NOT_ASKED: f"Its {'key ' if requirement.key_controls else ''}controls were not "
        "selected",
        RequirementStatus.NOT_COVERED: needed or "No control covers it: manual evidence needed",
    }[view.standing]


def _of_checks(view: RequirementView) -> str:
    """Return the result of a scan that an earlier version evaluated, which did not count subjects."""
    figures = view.figures
    waived, judged = figures.of(Status.WAIVED), count_word(figures.judged, "check")
    match view.standing:
        case RequirementStatus.FAILED:
            failed = f"{figures.failed:,} of {judged} failed"
            return f"{failed}{share_words(figures.failed, figures.judged)}"
        case RequirementStatus.UNKNOWN:
            return _inconclusive(figures)
        case RequirementStatus.WAIVED:
            return f"{waived:,} of {judged} waived{share_words(waived, figures.judged)}"
        case RequirementStatus.MET:
            return f"No gap found in {judged}"
    return _without_subjects(view)


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


def checks_words(view: RequirementView) -> str:
    """Return the checks behind a result: `142 of 203 checks failed, 3 unknown`; empty: there are none."""
    figures = view.figures if view.decided is None else view.decided.checks
    if not (figures.judged or figures.open):
        return ""
    failed = f"{figures.failed:,} of {count_word(figures.judged, 'check')} failed"
    return f"{failed}, {figures.open:,} unknown" if figures.open else failed


def with_failures(controls: Iterable[ControlFigures]) -> tuple[ControlFigures, ...]:
    """Return the controls that have failed or unknown checks."""
    return tuple((name, figures) for name, figures in controls if figures.failed or figures.open)


def failed_words(figures: Figures) -> str:
    """Return the failed and unknown checks of a control: `41 failed, 3 unknown`; empty: there are none."""
    parts = ((figures.failed, "failed"), (figures.open, "unknown"))
    return ", ".join(f"{number:,} {words}" for number, words in parts if number)


def counts_words(counts: SubjectCounts) -> str:
    """Return how many subjects have which status: `45 with a gap, 3 unknown, 84 without`."""
    parts = (
        (counts.gaps, "with a gap"),
        (counts.unknown, "unknown"),
        (counts.waived, "waived"),
        (counts.passed, "without"),
    )
    return ", ".join(f"{number:,} {words}" for number, words in parts if number)


def subject_bars(counts: SubjectCounts) -> tuple[tuple[Status, float, float], ...]:
    """Return a stacked bar of distinct subjects: status, left edge and width, in percent.

    Every part that is not zero is visible: narrow parts are widened at the expense of wide ones.
    """
    parts = (
        (Status.FAIL, counts.gaps),
        (Status.UNKNOWN, counts.unknown),
        (Status.WAIVED, counts.waived),
        (Status.PASS, counts.passed),
    )
    widths = [(status, max(_SLIVER, 100 * number / counts.number)) for status, number in parts if number]
    scale = 100 / sum(width for _, width in widths) if widths else 1
    laid, left = [], 0.0
    for status, width in widths:
        laid.append((status, round(left, 3), round(width * scale, 3)))
        left += width * scale
    return tuple(laid)


def tally_sentence(view: FrameworkView, baseline: Baseline | None = None) -> str:
    """Return how many requirements of a framework have which status, of how many.

    `baseline`: only those that it selects are counted, and those outside it named as such.
    """
    inside, outside = view.inside(baseline), view.outside(baseline)
    parts = ", ".join(f"{number:,} {_tallied(standing, inside)}" for standing, number in tally(inside))
    if baseline is None or not view.has_baselines:
        return f"{count_word(len(inside), 'requirement')}: {parts}"
    whole = f"{len(inside):,} of {count_word(len(view.requirements), 'requirement')}"
    verb = "is" if len(inside) == 1 else "are"
    selected = f"{whole} {verb} in the {baseline.words} baseline{': ' if parts else ''}{parts}"
    return f"{selected}; {len(outside):,} outside it"


def _tallied(standing: RequirementStatus, views: tuple[RequirementView, ...]) -> str:
    """Return the words of a status, and how many of its requirements were evaluated in part only."""
    words = _TALLIES[standing]
    if standing is not RequirementStatus.MET:
        return words
    # "No gap found" is less than it seems where a key control did not run.
    partly = sum(bool(not_evaluated_words(view)) for view in views if view.standing is standing)
    return f"{words} ({partly:,} evaluated in part)" if partly else words


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
    """Return which resources are counted; empty: all, and the framework does not concern only some."""
    if view.declared is None:
        undeclared = f"No scope is declared: it concerns {view.scope}; all subjects are counted."
        return undeclared if view.scope else ""
    counts = view.scope_counts
    number = counts.inside + counts.outside + counts.unknown
    unknown = (
        f" For {counts.unknown:,}, the tags of the resource are not known: they count as unknown."
        if counts.unknown
        else ""
    )
    return (
        f"Declared scope: resources with {scope_words(view.declared)}, and their recovery points: "
        f"{counts.inside:,} of {number:,} in scope.{unknown} Vaults, plans and other subjects that belong to "
        "no resource are all counted."
    )


def scope_words(scope: TagScope) -> str:
    """Return the tags of a scope: `data=cde or data=cardholder`."""
    return " and ".join(" or ".join(f"{key}={value}" for value in values) for key, values in scope.tags)


def baseline_words(requirement: Requirement) -> str:
    """Return the baselines of NIST SP 800-53B that select a requirement; empty: not recorded."""
    if requirement.baselines is None:
        return ""
    return ", ".join(level.words for level in requirement.baselines) or "none"


def obligation_words(requirement: Requirement) -> str:
    """Return whether the HIPAA Security Rule requires it; empty: it is not of HIPAA, or not recorded."""
    return "" if requirement.obligation is None else requirement.obligation.value.capitalize()


def pairing_badges(requirement: Requirement, control: str) -> tuple[str, ...]:
    """Return who pairs a control with a requirement (keys of `BADGES`): others, or else only we do."""
    return tuple(pairer.words for pairer in requirement.paired_by(control)) or (OURS,)
