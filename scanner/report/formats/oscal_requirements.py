"""Requirements in OSCAL: which were reviewed, and the finding of each."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from uuid import UUID, uuid5

from scanner.evidence.manifest import rfc3339
from scanner.model.compliance import DecidedSubjects, Figures, Requirement, RequirementStatus
from scanner.model.finding import Finding, Status
from scanner.model.manifest import Manifest
from scanner.model.text import mended
from scanner.report.view.requirement_words import (
    baseline_words,
    not_evaluated_words,
    obligation_words,
    result_sentence,
    scope_words,
)
from scanner.report.view.view import View
from scanner.report.wording import FRAMEWORK_WORDS, STATUS_ORDER, STATUS_WORDS, clip, count_word, one_line

RELATED: Final = 200
"""Number of observations of subjects that a requirement's finding refers to, worst first."""

OUTSIDE: Final = {
    RequirementStatus.NOT_COVERED: "Not covered by any control",
    RequirementStatus.NOT_ASKED: "Not evaluated, because the controls were not selected",
    RequirementStatus.NOT_APPLICABLE: "Not applicable to any subject",
}
"""Requirements without a finding: they are neither satisfied nor not-satisfied, OSCAL's only two states."""

_STATES: Final = {
    RequirementStatus.MET: ("satisfied", "pass"),
    RequirementStatus.FAILED: ("not-satisfied", "fail"),
    RequirementStatus.UNKNOWN: ("not-satisfied", "other"),
    RequirementStatus.WAIVED: ("not-satisfied", "other"),
}

_MEANINGS: Final = {
    RequirementStatus.MET: "All evaluated subjects passed, and none is unknown.",
    RequirementStatus.FAILED: "At least one subject failed.",
    RequirementStatus.UNKNOWN: "Unknown: no subject failed, but at least one could not be evaluated. This is "
    "neither a pass nor a failure; OSCAL has no third state.",
    RequirementStatus.WAIVED: "No subject is unknown, and at least one failure was accepted by a waiver.",
}

NAMESPACE: Final = "urn:vaultproof:oscal:1"
"""The namespace of our properties."""
_UUIDS: Final = UUID("0c7d2f4e-5b0a-5d55-9d0f-6f3f5a0f9a11")
_LONGEST: Final = 8_000
_MARK: Final = re.compile(r"[^A-Za-z0-9._-]")
_ENHANCEMENT: Final = re.compile(r"\((\d+)\)")
_MARKS: Final = re.compile(r"[\\`*\[\]<>&~^${}|!]|(?<![^\W_])_|_(?![^\W_])")

_BLOCK: Final = re.compile(r"^(\d*)([#+=.)-])")
"""Characters that begin a heading, a list or a rule in CommonMark."""
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
    """One requirement, its status, and the controls that cover it."""

    framework: str
    framework_title: str
    id: str
    title: str
    standing: RequirementStatus
    counts: Mapping[Status, int]
    controls: tuple[str, ...]
    requirement: Requirement | None = None  # None: no framework was loaded
    partly: str = ""  # how many of the controls that decide it were not evaluated; empty: all were
    result: str = ""  # in distinct subjects; empty: these were not counted
    declared: str = ""  # the tags of the resources in scope; empty: audit.yaml declares no scope
    decided: DecidedSubjects | None = None  # None: an earlier version evaluated the scan, or another program
    outside: str = ""  # the baseline that does not select it; empty: it is inside, or there is none

    @property
    def token(self) -> str:
        """Its id as an OSCAL token."""
        return control_id(self.framework, self.id)


def requirements(view: View) -> tuple[Reviewed, ...]:
    """Return all requirements. If no framework was loaded: those that the controls name."""
    # Findings of another program have no catalogue of requirements.
    if view.assessment is None or not view.assessment.frameworks:
        return tuple(_named(view))
    return tuple(
        Reviewed(
            framework=framework.id,
            framework_title=framework.title,
            id=requirement.requirement.id,
            title=requirement.requirement.title,
            standing=requirement.standing,
            counts=requirement.figures.counts,
            controls=tuple(name for name, _ in requirement.controls),
            requirement=requirement.requirement,
            partly=not_evaluated_words(requirement),
            result="" if requirement.decided is None else result_sentence(requirement),
            declared="" if framework.declared is None else scope_words(framework.declared),
            decided=requirement.decided,
            outside=view.baseline.words
            if view.baseline and requirement.requirement.is_outside(view.baseline)
            else "",
        )
        for framework in view.assessment.frameworks
        for requirement in framework.requirements
    )


def reviewed_controls(reviewed: Iterable[Reviewed], view: View) -> Document:
    """Return a selection of requirements per framework; the remarks list those that were not reviewed."""
    by_framework: dict[str, list[Reviewed]] = {}
    for requirement in reviewed:
        by_framework.setdefault(requirement.framework, []).append(requirement)
    selections = [selection for members in by_framework.values() for selection in _selection(members)]
    remarks = "\n\n".join(text for members in by_framework.values() for text in _outside(members))
    return {
        # OSCAL forbids an empty list here.
        "control-selections": selections or [_own_controls(view)],
        **({"remarks": remarks} if remarks else {}),
    }


def requirement_findings(
    reviewed: Iterable[Reviewed],
    view: View,
    observed: Iterable[Finding],
    risks: Mapping[str, tuple[str, ...]],
) -> Iterator[Document]:
    """Yield the finding of each reviewed requirement. `risks`: the risks' UUIDs by control."""
    by_control: dict[str, list[Finding]] = {}
    for finding in observed:
        by_control.setdefault(finding.control, []).append(finding)
    for requirement in reviewed:
        if requirement.standing not in OUTSIDE:
            yield _finding(requirement, view, by_control, risks)


def observation_uuid(view: View, finding: Finding) -> str:
    """Return the UUID of the observation of a finding's subject."""
    return uuid("observation", scan_key(view.manifest), finding.fingerprint)


def control_uuid(view: View, control: str) -> str:
    """Return the UUID of the observation that counts a control's results."""
    return uuid("control", scan_key(view.manifest), control)


def numbers(counts: Mapping[Status, int]) -> list[Document]:
    """Return a property for each status with its number of findings."""
    return [prop(f"count-{status.value}", counts.get(status, 0)) for status in STATUS_WORDS]


def _named(view: View) -> Iterator[Reviewed]:
    # Without catalogues, what controls claim to cover is all that is known of a framework.
    served: dict[tuple[str, str], list[str]] = {}
    for control_view in view.controls:
        for framework, ids in control_view.control.frameworks.items():
            for name in ids:
                served.setdefault((framework, name), []).append(control_view.control.id)
    for (framework, name), controls in sorted(served.items()):
        counts = {
            status: sum(view.by_control[control].of(status) for control in controls)
            for status in STATUS_WORDS
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
    reviewed = [requirement for requirement in members if requirement.standing not in OUTSIDE]
    # What a chosen baseline does not select is a selection of its own, and not left out.
    for outside in sorted({requirement.outside for requirement in reviewed}):
        chosen = [requirement for requirement in reviewed if requirement.outside == outside]
        number = count_word(len(chosen), "requirement")
        where = f" outside the {outside} baseline" if outside else ""
        yield {
            "description": prose(f"{chosen[0].framework_title}: {number} reviewed{where}."),
            "props": [
                prop("framework", chosen[0].framework),
                *([prop("outside-baseline", outside)] if outside else []),
            ],
            "include-controls": [{"control-id": requirement.token} for requirement in chosen],
        }


def _own_controls(view: View) -> Document:
    """Return our own controls. OSCAL requires a selection even if no requirement was reviewed."""
    names = sorted(view.by_control) or ["none"]
    return {
        "description": "No requirement of any framework was reviewed: these are the controls of the tool.",
        "include-controls": [{"control-id": control_id("vaultproof", name)} for name in names],
    }


def _outside(members: list[Reviewed]) -> Iterator[str]:
    for standing, words in OUTSIDE.items():
        if named := [requirement.id for requirement in members if requirement.standing is standing]:
            yield prose(f"{members[0].framework_title}. {words}: {', '.join(named)}.")


def _finding(
    requirement: Reviewed,
    view: View,
    observed: Mapping[str, list[Finding]],
    risks: Mapping[str, tuple[str, ...]],
) -> Document:
    subjects = [finding for control in requirement.controls for finding in observed.get(control, ())]
    # Some requirements are covered by controls with thousands of findings.
    shown = sorted(subjects, key=_rank)[:RELATED]
    related = [control_uuid(view, name) for name in requirement.controls if name in view.by_control]
    related += [observation_uuid(view, finding) for finding in shown]
    # What does not apply never has an observation, and is not missing.
    left_out = (
        sum(requirement.counts.values()) - requirement.counts.get(Status.NOT_APPLICABLE, 0) - len(shown)
    )
    title = f": {requirement.title}" if requirement.title not in {"", requirement.id} else ""
    associated = [name for control in requirement.controls for name in risks.get(control, ())]
    return {
        "uuid": uuid("finding", scan_key(view.manifest), requirement.framework, requirement.id),
        "title": prose(
            f"{FRAMEWORK_WORDS.get(requirement.framework, requirement.framework)} {requirement.id}{title}"
        ),
        "description": prose(f"{_meaning(requirement)} {_counted(requirement.counts)}"),
        "props": [*_props(requirement), prop("observations-left-out", max(left_out, 0))],
        "target": _target(requirement),
        **({"related-observations": [{"observation-uuid": name} for name in related]} if related else {}),
        **({"related-risks": [{"risk-uuid": name} for name in associated]} if associated else {}),
    }


def _rank(finding: Finding) -> tuple[int, int]:
    return STATUS_ORDER[finding.status], finding.severity.rank


def _props(requirement: Reviewed) -> list[Document]:
    """Return the properties of a requirement's finding. `unknown`: a subject could not be evaluated.

    The counts are those of all checks, the subjects those that the deciding controls were evaluated for.
    """
    # Also of a requirement that failed: OSCAL's two states cannot say both.
    is_open = requirement.counts.get(Status.UNKNOWN, 0) + requirement.counts.get(Status.ERROR, 0)
    if requirement.decided is not None:
        is_open = requirement.decided.total.unknown
    return [
        prop("framework", requirement.framework),
        prop("requirement", requirement.id),
        prop("standing", requirement.standing.value),
        *([prop("unknown", "true")] if is_open else []),
        *_of_framework(requirement),
        *numbers(requirement.counts),
        *_of_subjects(requirement.decided),
        *([prop("declared-scope", requirement.declared)] if requirement.declared else []),
    ]


def _of_subjects(decided: DecidedSubjects | None) -> Iterator[Document]:
    """Yield the numbers of distinct subjects of each kind, with the kind as a remark."""
    for kind, counts in decided.by_kind.items() if decided else ():
        yield prop("subjects", counts.number, kind)
        yield prop("subjects-with-gaps", counts.gaps, kind)
        yield prop("subjects-unknown", counts.unknown, kind)
        yield prop("subjects-waived", counts.waived, kind)


def _of_framework(requirement: Reviewed) -> Iterator[Document]:
    """Yield what the framework says of a requirement, and what no control checks, as far as known."""
    definition = requirement.requirement
    if definition is None:
        return
    if words := baseline_words(definition):
        yield prop("baselines", words)
    if requirement.outside:
        yield prop("outside-baseline", requirement.outside)
    if words := obligation_words(definition):
        yield prop("obligation", words)
    if definition.manual:
        yield prop("manual-evidence", definition.manual)
    for control in definition.key_controls:
        yield prop("key-control", control)


def _target(requirement: Reviewed) -> Document:
    state, reason = _STATES[requirement.standing]
    return {
        "type": "statement-id",
        "target-id": f"{requirement.token}_smt",
        "title": line(requirement.id),
        "status": {"state": state, "reason": reason, "remarks": prose(_meaning(requirement))},
    }


def _meaning(requirement: Reviewed) -> str:
    meaning = _MEANINGS[requirement.standing]
    # The result ends with what was not evaluated.
    after = requirement.result or requirement.partly
    return f"{meaning} {after}." if after else meaning


def _counted(counts: Mapping[Status, int]) -> str:
    parts = (
        f"{counts[status]} {word.lower()}" for status, word in STATUS_WORDS.items() if counts.get(status)
    )
    return f"Checks: {', '.join(parts) or 'none'}."


def uuid(*parts: str) -> str:
    """Return the version 5 UUID of some names: the same each time."""
    return str(uuid5(_UUIDS, mended("\n".join(parts))))


def scan_key(manifest: Manifest) -> str:
    """Return what identifies a scan, including one that another program wrote without an id."""
    # The same evidence may be evaluated again, as of another day: that is another document.
    return f"{manifest.scan_id} {rfc3339(manifest.evaluated_as_of)}"


def line(text: str) -> str:
    """Return an OSCAL string: one line, not empty, no hidden characters, no surrounding white space."""
    return one_line(mended(text)).strip() or "(empty)"


def prose(text: str) -> str:
    """Return OSCAL markup (CommonMark on one line) that renders as the text: all markup is escaped."""
    words = clip(" ".join(one_line(mended(text)).split()), _LONGEST)
    # OSCAL forbids empty markup.
    return _BLOCK.sub(r"\1\\\2", _MARKS.sub(r"\\\g<0>", words)) or "(empty)"


def prop(name: str, value: object, remarks: str = "") -> Document:
    """Return a property in our namespace."""
    remark = {"remarks": prose(remarks)} if remarks else {}
    return {"name": name, "ns": NAMESPACE, "value": line(str(value)), **remark}


def control_id(framework: str, requirement: str) -> str:
    """Return the token of a requirement.

    For NIST SP 800-53 it is the id in NIST's own OSCAL catalog (`CP-9(3)`: `cp-9.3`). The other frameworks
    have no common catalog, so the token begins with the framework's name.
    """
    if framework == _NIST:
        # Tools join assessments with NIST's catalog by these ids.
        return _token(_ENHANCEMENT.sub(r".\1", requirement).lower(), requirement.lower())
    spelled = _ENHANCEMENT.sub(r"-\1", requirement)
    return _token(f"{framework}_{spelled}", f"{framework}_{requirement}")


def _token(text: str, exact: str) -> str:
    """Return a token made from a text. If characters are lost, a digest keeps it distinct."""
    clean = _MARK.sub("-", mended(text))
    # Only then: most ids are tokens already, and stay as people write them.
    if clean != text:
        clean += "-" + sha256(mended(exact).encode()).hexdigest()[:_DIGEST]
    return clean if clean[:1].isalpha() else f"_{clean}"


def around(view: View) -> Document:
    """Return the document without its results and its back matter."""
    manifest = view.manifest
    notice = [prop("notice", view.notice)] if view.notice else []
    return {
        "uuid": uuid("document", scan_key(manifest)),
        "metadata": {
            "title": prose(f"AWS backup assessment of {view.organization_name}"),
            # Not the time of writing: equal scans give equal bytes.
            "last-modified": rfc3339(manifest.evaluated_as_of),
            "version": line(manifest.scan_id or scan_key(manifest)),
            "oscal-version": VERSION,
            **({"props": notice} if notice else {}),
            **_parties(view),
            **({"remarks": prose(view.notice)} if notice else {}),
        },
        "import-ap": {
            "href": f"#{_plan_uuid(view)}",
            "remarks": "There is no assessment plan: the scan's scope and method take its place. "
            "manifest.json has all of it.",
        },
    }


def result_head(view: View, left_out: int) -> Document:
    """Return the head of the result. `left_out`: number of findings that have no observation."""
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
            *_selected(view),
            prop("observations-left-out", left_out),
        ],
        # A resource of the back matter that nothing refers to is an error for some tools.
        "links": [{"href": f"#{_findings_uuid(view)}", "rel": "reference", "text": "All findings"}],
        **_remarks(view, left_out),
    }


def _selected(view: View) -> Iterator[Document]:
    """Yield which controls were evaluated, and how many were not; nothing if it is not recorded."""
    if view.selection is not None:
        yield prop("controls", view.selection_words)
        yield prop("controls-not-evaluated", len(view.selection.left_out))


def local_definitions(view: View) -> Document:
    """Return the assessed organisation and the tool. The caller writes the inventory behind them."""
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
                    "description": "Audits AWS Backup configuration across an AWS organization.",
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
    """Return the resources that the document refers to: the plan, and all findings."""
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
                "uuid": _findings_uuid(view),
                "title": "All findings",
                "description": "One finding per line, gzip-compressed, with those that have no observation.",
                "props": [{"name": "type", "value": "evidence"}],
                "rlinks": [{"href": "findings.jsonl.gz", "media-type": "application/gzip"}],
            },
        ]
    }


def collected(view: View) -> str:
    """Return the time when collecting the evidence ended."""
    moment = view.manifest.finished_at or view.manifest.evaluated_as_of
    return rfc3339(moment) or ""


def organization_uuid(view: View) -> str:
    """Return the UUID of the assessed organisation: the same from scan to scan."""
    return uuid("organization", view.organization)


def tool_uuid(view: View) -> str:
    """Return the UUID of the tool as a component."""
    return uuid("tool", _tool(view), view.manifest.tool_version)


_METHOD: Final = (
    "The backup configuration was read with read-only AWS API calls, and each control was evaluated for each "
    "subject that it applies to. What could not be read is unknown."
)


def _tool(view: View) -> str:
    return view.manifest.tool_name or "vaultproof"


def _tool_version(view: View) -> Document:
    version = view.manifest.tool_version
    return {"props": [{"name": "version", "value": line(version)}]} if version else {}


def _findings_uuid(view: View) -> str:
    return uuid("findings", scan_key(view.manifest))


def _plan_uuid(view: View) -> str:
    return uuid("plan", scan_key(view.manifest))


def _parties(view: View) -> Document:
    """Return the tool, and the AWS principal that it ran as, if known."""
    tool = uuid("party", _tool(view))
    caller = view.manifest.caller_arn
    roles = [{"id": _TOOL_ROLE, "title": "The assessment tool"}]
    parties = [{"uuid": tool, "type": "organization", "name": line(_tool(view))}]
    responsible = [{"role-id": _TOOL_ROLE, "party-uuids": [tool]}]
    if caller:
        principal = uuid("party", caller)
        roles.append({"id": _CALLER_ROLE, "title": "The AWS principal that the tool ran as"})
        remarks = "An AWS principal: a person or a program. OSCAL has no other type."
        parties.append({"uuid": principal, "type": "person", "name": line(caller), "remarks": remarks})
        responsible.append({"role-id": _CALLER_ROLE, "party-uuids": [principal]})
    return {"roles": roles, "parties": parties, "responsible-parties": responsible}


def _scope(view: View) -> str:
    scope = view.manifest.scope
    accounts, regions = count_word(len(scope.accounts), "account"), count_word(len(scope.regions), "Region")
    out = f", {count_word(len(scope.excluded), 'account')} excluded" if scope.excluded else ""
    return f"{view.organization}: {accounts}, {regions}{out}."


def _described(view: View) -> str:
    counts = view.counts
    return (
        f"{counts.judged} of {count_word(counts.asked, 'check')} evaluated: {counts.passed} passed, "
        f"{counts.failed} failed, {counts.waived} waived; {counts.open} could not be evaluated. "
        f"Missing reads: {len(view.completeness.gaps)}."
    )


def _remarks(view: View, left_out: int) -> Document:
    texts = [*_left_out(left_out), *view.limitations]
    return {"remarks": "\n\n".join(prose(text) for text in texts)} if texts else {}


def _left_out(number: int) -> Iterator[str]:
    if number:
        yield (
            f"{count_word(number, 'result')} have no observation of their own: only the worst have one. The "
            "observation of each control counts all results, and findings.jsonl.gz contains them."
        )
