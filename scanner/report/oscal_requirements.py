"""Requirements in OSCAL: which were reviewed, and the finding of each."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from scanner.model.compliance import Figures, RequirementStatus
from scanner.model.finding import Finding, Status
from scanner.report.oscal_parts import Document, control_id, line, prop, prose, scan_key, uuid
from scanner.report.view import View
from scanner.report.words import FRAMEWORK_WORDS, STATUS_ORDER, STATUS_WORDS, count_word

RELATED: Final = 200
"""Observations of subjects that a requirement's finding refers to, the worst; of its controls it has all."""

OUTSIDE: Final = {
    RequirementStatus.NOT_COVERED: "No control serves",
    RequirementStatus.NOT_ASKED: "The controls were not selected that serve",
    RequirementStatus.NOT_APPLICABLE: "Of no subject did the question arise that is asked for",
}
"""Requirements without a finding: OSCAL knows satisfied and not-satisfied only, and they are neither."""

_STATES: Final = {
    RequirementStatus.MET: ("satisfied", "pass"),
    RequirementStatus.FAILED: ("not-satisfied", "fail"),
    RequirementStatus.UNKNOWN: ("not-satisfied", "other"),
    RequirementStatus.WAIVED: ("not-satisfied", "other"),
}
_MEANINGS: Final = {
    RequirementStatus.MET: "Every subject that was judged passed, and none is open.",
    RequirementStatus.FAILED: "At least one subject fails.",
    RequirementStatus.UNKNOWN: "Unknown: nothing failed, and something could not be judged. This is neither "
    "a pass nor a failure; OSCAL has no third state.",
    RequirementStatus.WAIVED: "Nothing is open, and at least one failure was accepted by a waiver.",
}


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One requirement, how it stands, and the controls that serve it."""

    framework: str
    framework_title: str
    id: str
    title: str
    standing: RequirementStatus
    counts: Mapping[Status, int]
    controls: tuple[str, ...]

    @property
    def token(self) -> str:
        """Its id as OSCAL spells one."""
        return control_id(self.framework, self.id)


def requirements(view: View) -> tuple[Reviewed, ...]:
    """Give all requirements. Where no framework was loaded: those that its controls name."""
    if view.assessment is None or not view.assessment.frameworks:
        return tuple(_named(view))
    return tuple(
        Reviewed(
            framework=framework.id,
            framework_title=framework.title,
            id=each.requirement.id,
            title=each.requirement.title,
            standing=each.standing,
            counts=each.figures.counts,
            controls=tuple(name for name, _ in each.controls),
        )
        for framework in view.assessment.frameworks
        for each in framework.requirements
    )


def reviewed_controls(every: Iterable[Reviewed], view: View) -> Document:
    """Give what was reviewed, a selection for each framework, and in the remarks what was not and why."""
    by_framework: dict[str, list[Reviewed]] = {}
    for each in every:
        by_framework.setdefault(each.framework, []).append(each)
    selections = [each for members in by_framework.values() for each in _selection(members)]
    remarks = "\n\n".join(text for members in by_framework.values() for text in _outside(members))
    return {
        "control-selections": selections or [_own_controls(view)],
        **({"remarks": remarks} if remarks else {}),
    }


def requirement_findings(
    every: Iterable[Reviewed], view: View, observed: Iterable[Finding], risks: Mapping[str, tuple[str, ...]]
) -> Iterator[Document]:
    """Give the finding of each requirement that was reviewed. `risks`: their UUIDs by control."""
    by_control: dict[str, list[Finding]] = {}
    for finding in observed:
        by_control.setdefault(finding.control, []).append(finding)
    for each in every:
        if each.standing not in OUTSIDE:
            yield _finding(each, view, by_control, risks)


def observation_uuid(view: View, finding: Finding) -> str:
    """Give the UUID of the observation of a subject."""
    return uuid("observation", scan_key(view.manifest), finding.fingerprint)


def control_uuid(view: View, control: str) -> str:
    """Give the UUID of the observation that counts a control's answers."""
    return uuid("control", scan_key(view.manifest), control)


def numbers(counts: Mapping[Status, int]) -> list[Document]:
    """Give how many answers there are of every status."""
    return [prop(f"count-{status.value}", counts.get(status, 0)) for status in STATUS_WORDS]


def _named(view: View) -> Iterator[Reviewed]:
    served: dict[tuple[str, str], list[str]] = {}
    for each in view.controls:
        for framework, ids in each.control.frameworks.items():
            for name in ids:
                served.setdefault((framework, name), []).append(each.control.id)
    for (framework, name), controls in sorted(served.items()):
        counts = {
            status: sum(view.by_control[each].of(status) for each in controls) for status in STATUS_WORDS
        }
        yield Reviewed(
            framework=framework,
            framework_title=FRAMEWORK_WORDS.get(framework, framework),
            id=name,
            title=name,
            standing=Figures(counts).standing,
            counts=counts,
            controls=tuple(sorted(controls)),
        )


def _selection(members: list[Reviewed]) -> Iterator[Document]:
    inside = [each for each in members if each.standing not in OUTSIDE]
    if inside:
        number = count_word(len(inside), "requirement")
        yield {
            "description": prose(f"{inside[0].framework_title}: {number} reviewed."),
            "props": [prop("framework", inside[0].framework)],
            "include-controls": [{"control-id": each.token} for each in inside],
        }


def _own_controls(view: View) -> Document:
    """Give our controls where no requirement was reviewed: OSCAL asks for one selection at least."""
    names = sorted(view.by_control) or ["none"]
    return {
        "description": "No requirement of any framework was reviewed: these are the controls of the tool.",
        "include-controls": [{"control-id": control_id("vaultproof", name)} for name in names],
    }


def _outside(members: list[Reviewed]) -> Iterator[str]:
    for standing, words in OUTSIDE.items():
        if named := [each.id for each in members if each.standing is standing]:
            yield prose(f"{members[0].framework_title}. {words}: {', '.join(named)}.")


def _finding(
    each: Reviewed, view: View, observed: Mapping[str, list[Finding]], risks: Mapping[str, tuple[str, ...]]
) -> Document:
    subjects = [finding for control in each.controls for finding in observed.get(control, ())]
    shown = sorted(subjects, key=_rank)[:RELATED]
    related = [control_uuid(view, name) for name in each.controls if name in view.by_control]
    related += [observation_uuid(view, finding) for finding in shown]
    left_out = sum(each.counts.values()) - each.counts.get(Status.NOT_APPLICABLE, 0) - len(shown)
    title = f": {each.title}" if each.title not in {"", each.id} else ""
    associated = [name for control in each.controls for name in risks.get(control, ())]
    return {
        "uuid": uuid("finding", scan_key(view.manifest), each.framework, each.id),
        "title": prose(f"{FRAMEWORK_WORDS.get(each.framework, each.framework)} {each.id}{title}"),
        "description": prose(f"{_MEANINGS[each.standing]} {_told(each.counts)}"),
        "props": [*_props(each), prop("observations-left-out", max(left_out, 0))],
        "target": _target(each),
        **({"related-observations": [{"observation-uuid": name} for name in related]} if related else {}),
        **({"related-risks": [{"risk-uuid": name} for name in associated]} if associated else {}),
    }


def _rank(finding: Finding) -> tuple[int, int]:
    return STATUS_ORDER[finding.status], finding.severity.rank


def _props(each: Reviewed) -> list[Document]:
    """Say how it stands; `unknown`: something that it asks for could not be judged."""
    is_open = each.counts.get(Status.UNKNOWN, 0) + each.counts.get(Status.ERROR, 0)
    return [
        prop("framework", each.framework),
        prop("requirement", each.id),
        prop("standing", each.standing.value),
        *([prop("unknown", "true")] if is_open else []),
        *numbers(each.counts),
    ]


def _target(each: Reviewed) -> Document:
    state, reason = _STATES[each.standing]
    return {
        "type": "statement-id",
        "target-id": f"{each.token}_smt",
        "title": line(each.id),
        "status": {"state": state, "reason": reason, "remarks": prose(_MEANINGS[each.standing])},
    }


def _told(counts: Mapping[Status, int]) -> str:
    told = (f"{counts[status]} {word.lower()}" for status, word in STATUS_WORDS.items() if counts.get(status))
    return f"Checks: {', '.join(told) or 'none'}."
