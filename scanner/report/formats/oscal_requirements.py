"""Requirements in OSCAL: which were reviewed, and the finding of each."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from uuid import UUID, uuid5

from scanner.evidence.manifest import rfc3339
from scanner.model.compliance import Figures, RequirementStatus
from scanner.model.finding import Finding, Status
from scanner.model.manifest import Manifest
from scanner.model.unicode import mended
from scanner.report.view.view import View
from scanner.report.wording import FRAMEWORK_WORDS, STATUS_ORDER, STATUS_WORDS, clip, count_word, one_line

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

NAMESPACE: Final = "urn:vaultproof:oscal:1"
"""The namespace of our properties."""
_UUIDS: Final = UUID("0c7d2f4e-5b0a-5d55-9d0f-6f3f5a0f9a11")
_LONGEST: Final = 8_000
_MARK: Final = re.compile(r"[^A-Za-z0-9._-]")
_ENHANCEMENT: Final = re.compile(r"\((\d+)\)")
_MARKS: Final = re.compile(r"[\\`*\[\]<>&~^${}|!]|(?<![^\W_])_|_(?![^\W_])")

_BLOCK: Final = re.compile(r"^(\d*)([#+=.)-])")
"""What begins a heading, a list or a rule."""
_NIST: Final = "nist-800-53-r5"
_DIGEST: Final = 8
Document = dict[str, Any]

VERSION: Final = "1.1.3"
"""The version of OSCAL that the document follows."""
ORIGIN: Final = "tool"
_TOOL_ROLE: Final = "assessment-tool"
_CALLER_ROLE: Final = "assessor"


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


def uuid(*parts: str) -> str:
    """Give the version 5 UUID of what has these names: the same at each writing."""
    return str(uuid5(_UUIDS, mended("\n".join(parts))))


def scan_key(manifest: Manifest) -> str:
    """Give what tells a scan from another, one that another program left without an id included."""
    return f"{manifest.scan_id} {rfc3339(manifest.evaluated_as_of)}"


def line(text: str) -> str:
    """Write an OSCAL string: one line, not empty, nothing hidden, no white space about it."""
    return one_line(mended(text)).strip() or "(empty)"


def prose(text: str) -> str:
    """Write OSCAL markup (CommonMark, on one line) that says what the text says: all marks are escaped."""
    words = clip(" ".join(one_line(mended(text)).split()), _LONGEST)
    return _BLOCK.sub(r"\1\\\2", _MARKS.sub(r"\\\g<0>", words)) or "(empty)"


def prop(name: str, value: object, remarks: str = "") -> Document:
    """Give a property of our namespace."""
    told = {"remarks": prose(remarks)} if remarks else {}
    return {"name": name, "ns": NAMESPACE, "value": line(str(value)), **told}


def control_id(framework: str, requirement: str) -> str:
    """Give the token of a requirement.

    Those of NIST SP 800-53 are the ids of NIST's own OSCAL catalog (`CP-9(3)`: `cp-9.3`). Of the other
    frameworks there is no catalog that all agree on: the token has the framework's name before it.
    """
    if framework == _NIST:
        return _token(_ENHANCEMENT.sub(r".\1", requirement).lower(), requirement.lower())
    spelled = _ENHANCEMENT.sub(r"-\1", requirement)
    return _token(f"{framework}_{spelled}", f"{framework}_{requirement}")


def _token(text: str, exact: str) -> str:
    """Make a token of a text; where signs are lost, a digest keeps it apart from others."""
    clean = _MARK.sub("-", mended(text))
    if clean != text:
        clean += "-" + sha256(mended(exact).encode()).hexdigest()[:_DIGEST]
    return clean if clean[:1].isalpha() else f"_{clean}"


def around(view: View) -> Document:
    """Give the document without its results and its back matter."""
    manifest = view.manifest
    notice = [prop("notice", view.notice)] if view.notice else []
    return {
        "uuid": uuid("document", scan_key(manifest)),
        "metadata": {
            "title": prose(f"AWS backup assessment of {view.organization}"),
            "last-modified": rfc3339(manifest.evaluated_as_of),
            "version": line(manifest.scan_id or scan_key(manifest)),
            "oscal-version": VERSION,
            **({"props": notice} if notice else {}),
            **_parties(view),
            **({"remarks": prose(view.notice)} if notice else {}),
        },
        "import-ap": {
            "href": f"#{_plan_uuid(view)}",
            "remarks": "The scope and the method of the scan stand in for a plan. manifest.json has all.",
        },
    }


def result_head(view: View, left_out: int) -> Document:
    """Give the head of the one result. `left_out`: answers, judged or open, without an observation."""
    manifest = view.manifest
    end = rfc3339(manifest.finished_at)
    counts = {status: view.counts.of(status) for status in Status}
    return {
        "uuid": uuid("result", scan_key(manifest)),
        "title": prose(f"Scan {manifest.scan_id or 'without an id'}"),
        "description": prose(_described(view)),
        "start": rfc3339(manifest.started_at) or rfc3339(manifest.evaluated_as_of),
        **({"end": end} if end else {}),
        "props": [
            prop("evaluated-as-of", rfc3339(manifest.evaluated_as_of)),
            *([] if manifest.started_at else [prop("start", "not recorded")]),
            *numbers(counts),
            prop("missing-reads", len(view.completeness.gaps)),
            prop("observations-left-out", left_out),
        ],
        **_remarks(view, left_out),
    }


def local_definitions(view: View) -> Document:
    """Give what was assessed, and the tool that did; the inventory is written behind it."""
    tool = tool_uuid(view)
    return {
        "components": [
            {
                "uuid": organization_uuid(view),
                "type": "this-system",
                "title": prose(view.organization),
                "description": prose(_scope(view)),
                "status": {"state": "operational"},
            }
        ],
        "assessment-assets": {
            "components": [
                {
                    "uuid": tool,
                    "type": "software",
                    "title": prose(_tool(view)),
                    "description": "Proves whether AWS backups would be there when needed.",
                    **_tool_version(view),
                    "status": {"state": "operational"},
                }
            ],
            "assessment-platforms": [
                {
                    "uuid": uuid("platform", _tool(view)),
                    "title": prose(_tool(view)),
                    "uses-components": [{"component-uuid": tool}],
                }
            ],
        },
    }


def back_matter(view: View) -> Document:
    """Give the resources that the document refers to: the plan, and all findings."""
    return {
        "resources": [
            {
                "uuid": _plan_uuid(view),
                "title": "Scope and method of the scan",
                "description": prose(f"{_scope(view)} {_METHOD}"),
                "props": [{"name": "type", "value": "plan"}],
                "rlinks": [{"href": "manifest.json", "media-type": "application/json"}],
            },
            {
                "uuid": uuid("findings", scan_key(view.manifest)),
                "title": "All findings",
                "description": "One a line, compressed by gzip: those without an observation here included.",
                "props": [{"name": "type", "value": "evidence"}],
                "rlinks": [{"href": "findings.jsonl.gz", "media-type": "application/gzip"}],
            },
        ]
    }


def collected(view: View) -> str:
    """Give the instant by which the evidence was there."""
    moment = view.manifest.finished_at or view.manifest.evaluated_as_of
    return rfc3339(moment) or ""


def organization_uuid(view: View) -> str:
    """Give the UUID of what was assessed: the same from scan to scan."""
    return uuid("organization", view.organization)


def tool_uuid(view: View) -> str:
    """Give the UUID of the tool as a component."""
    return uuid("tool", _tool(view), view.manifest.tool_version)


_METHOD: Final = (
    "The configuration of backups was read by AWS APIs that change nothing, and each control was asked of "
    "each subject that it concerns. What could not be read is unknown."
)


def _tool(view: View) -> str:
    return view.manifest.tool_name or "vaultproof"


def _tool_version(view: View) -> Document:
    version = view.manifest.tool_version
    return {"props": [{"name": "version", "value": line(version)}]} if version else {}


def _plan_uuid(view: View) -> str:
    return uuid("plan", scan_key(view.manifest))


def _parties(view: View) -> Document:
    """Give the tool, and the AWS principal that it ran as, where that is known."""
    tool = uuid("party", _tool(view))
    caller = view.manifest.caller_arn
    roles = [{"id": _TOOL_ROLE, "title": "The tool that assessed"}]
    parties = [{"uuid": tool, "type": "organization", "name": line(_tool(view))}]
    responsible = [{"role-id": _TOOL_ROLE, "party-uuids": [tool]}]
    if caller:
        who = uuid("party", caller)
        roles.append({"id": _CALLER_ROLE, "title": "The AWS principal that the tool ran as"})
        remarks = "An AWS principal: a person or a program. OSCAL has no other type."
        parties.append({"uuid": who, "type": "person", "name": line(caller), "remarks": remarks})
        responsible.append({"role-id": _CALLER_ROLE, "party-uuids": [who]})
    return {"roles": roles, "parties": parties, "responsible-parties": responsible}


def _scope(view: View) -> str:
    scope = view.manifest.scope
    accounts, regions = count_word(len(scope.accounts), "account"), count_word(len(scope.regions), "Region")
    out = f", {count_word(len(scope.excluded), 'account')} excluded" if scope.excluded else ""
    return f"{view.organization}: {accounts}, {regions}{out}."


def _described(view: View) -> str:
    counts = view.counts
    return (
        f"{counts.judged} of {count_word(counts.asked, 'check')} judged: {counts.passed} passed, "
        f"{counts.failed} failed, {counts.waived} waived; {counts.open} could not be judged. "
        f"{count_word(len(view.completeness.gaps), 'read')} missing."
    )


def _remarks(view: View, left_out: int) -> Document:
    texts = [*_left_out(left_out), *view.limitations]
    return {"remarks": "\n\n".join(prose(text) for text in texts)} if texts else {}


def _left_out(number: int) -> Iterator[str]:
    if number:
        yield (
            f"{count_word(number, 'answer')} have no observation here: those here are the worst. The "
            "observation of each control counts all of them, and findings.jsonl.gz has them."
        )
