"""`assessment-results.oscal.json`: OSCAL 1.1.3 Assessment Results (NIST), for governance and audit tools.

Observations are results of controls: one for each control, with its counts, and one for each subject that was
evaluated or is unknown. Findings are requirements of frameworks. OSCAL has only satisfied and not-satisfied:
a requirement that could not be evaluated is not-satisfied with the reason `other` and the property `unknown`.

OSCAL tools load the whole document into memory, so it is bounded: it has observations of the worst findings
(as many as a view has) and the number of those left out. It is written without an OSCAL library; tests
validate it with compliance-trestle.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Final
from urllib.parse import quote

from scanner.evidence.manifest import rfc3339
from scanner.model.decisions import Owner, Waiver
from scanner.model.finding import Finding, Status
from scanner.model.root_causes import missing_operation
from scanner.model.text import mended
from scanner.report.cause_wording import cause_sentence
from scanner.report.formats.oscal_requirements import (
    ORIGIN,
    Document,
    around,
    back_matter,
    collected,
    control_uuid,
    line,
    local_definitions,
    numbers,
    observation_uuid,
    organization_uuid,
    prop,
    prose,
    requirement_findings,
    requirements,
    result_head,
    reviewed_controls,
    tool_uuid,
    uuid,
)
from scanner.report.view.view import ControlView, View
from scanner.report.wording import STATUS_WORDS, count_word, given_name, short_name
from scanner.storage.encoding import encode

EVIDENCE: Final = 20
"""Number of evidence lines in an observation."""
_BATCH: Final = 200
_OPEN: Final = (Status.UNKNOWN, Status.ERROR)

Waivers = Mapping[str, Counter[Waiver]]
"""By control, the waivers in use, with the number of waived findings in this document."""


def oscal(view: View) -> Iterator[bytes]:
    """Yield assessment-results.oscal.json in pieces: one result, with the worst observations first."""
    # OSCAL has no word for a check that does not apply: an observation would look like a result.
    observed = tuple(finding for finding in view.worst if finding.status is not Status.NOT_APPLICABLE)
    reviewed = requirements(view)
    risks_by_control = risks(view, observed)
    yield b'{"assessment-results":' + encode(around(view))[:-1] + b',"results":['
    yield encode(result_head(view, view.counts.asked - len(observed)))[:-1]
    yield b',"local-definitions":' + encode(local_definitions(view))[:-1]
    yield from _array("inventory-items", _inventory(view, observed))
    yield b'},"reviewed-controls":' + encode(reviewed_controls(reviewed, view))
    yield from _array("observations", _observations(view, observed))
    yield from _array("risks", all_risks(risks_by_control))
    yield from _array(
        "findings", requirement_findings(reviewed, view, observed, risk_uuids(risks_by_control))
    )
    yield b'}],"back-matter":' + encode(back_matter(view)) + b"}}\n"


def _array(key: str, documents: Iterable[Document]) -> Iterator[bytes]:
    """Yield an array as a further member of an object. OSCAL allows no empty arrays."""
    before = f',"{key}":['.encode()
    texts = (encode(document) for document in documents)
    while batch := tuple(islice(texts, _BATCH)):
        yield before + b",".join(batch)
        before = b","
    # Something was written: only then does the array have to be closed.
    if before == b",":
        yield b"]"


def _inventory(view: View, observed: Iterable[Finding]) -> Iterator[Document]:
    """Yield each subject of the observations once."""
    # OSCAL identifies items by UUID, and a subject has findings of many controls.
    seen: set[str] = set()
    for finding in observed:
        if finding.subject not in seen:
            seen.add(finding.subject)
            name = given_name(finding.details)
            yield {
                "uuid": _subject_uuid(view, finding),
                "description": prose(name or short_name(finding.subject)),
                "props": [
                    {"name": "asset-id", "value": line(finding.subject)},
                    prop("subject-type", finding.subject_type),
                    prop("account", finding.account),
                    prop("region", finding.region),
                ],
            }


def _subject_uuid(view: View, finding: Finding) -> str:
    """Return the UUID of a subject: the same from scan to scan."""
    return uuid("subject", view.organization, finding.subject)


def _observations(view: View, observed: Iterable[Finding]) -> Iterator[Document]:
    origin = [{"actors": [{"type": ORIGIN, "actor-uuid": tool_uuid(view)}]}]
    shared = {"methods": ["TEST"], "types": ["control-objective"], "origins": origin}
    moment = collected(view)
    controls = {control_view.control.id: control_view.control for control_view in view.controls}
    # One for each control even if nothing was found: the counts are the evidence of the rest.
    for name in sorted(view.by_control):
        title = controls[name].title if name in controls else name
        yield {**_of_control(view, name, title), **shared, "collected": moment}
    for finding in observed:
        control = controls.get(finding.control)
        title = control.title_of(finding.status) if control else finding.control
        yield {**_of_subject(view, finding, title), **shared, "collected": moment}


def _of_control(view: View, name: str, title: str) -> Document:
    counts = view.by_control[name]
    return {
        "uuid": control_uuid(view, name),
        "title": prose(title),
        "description": prose(f"{name}: {counts.judged} of {count_word(counts.asked, 'subject')} evaluated."),
        "props": [
            prop("control", name),
            *([prop("unknown", "true")] if counts.open else []),
            *numbers({status: counts.of(status) for status in Status}),
        ],
        "subjects": [{"subject-uuid": organization_uuid(view), "type": "component"}],
    }


def _of_subject(view: View, finding: Finding, title: str) -> Document:
    # The number of the others is in a property.
    evidence = [_evidence(mended(ref.file), ref.line) for ref in finding.evidence[:EVIDENCE]]
    return {
        "uuid": observation_uuid(view, finding),
        "title": prose(f"{STATUS_WORDS[finding.status]}: {title}"),
        "description": prose(finding.reason),
        "props": [*_props(finding), *_first_seen(view, finding)],
        "subjects": [
            {
                "subject-uuid": _subject_uuid(view, finding),
                "type": "inventory-item",
                "title": prose(given_name(finding.details) or short_name(finding.subject)),
            }
        ],
        **({"relevant-evidence": evidence} if evidence else {}),
        **({"remarks": prose(_accepted(finding))} if finding.waiver else {}),
    }


def _props(finding: Finding) -> Iterator[Document]:
    yield prop("control", finding.control)
    yield prop("status", finding.status.value)
    # OSCAL has no third state, so a property carries it.
    if finding.status in _OPEN:
        yield prop("unknown", "true")
    yield prop("severity", finding.severity.value)
    yield prop("fingerprint", finding.fingerprint)
    if finding.waiver is not None:
        yield prop("waiver", finding.waiver.id)
    yield from _owner(finding.owner)
    if finding.root_cause is not None:
        yield prop("root-cause", finding.root_cause.kind.value, cause_sentence(finding.root_cause))
        yield prop("root-cause-subject", finding.root_cause.subject)
    if (operation := missing_operation(finding.root_cause)) is not None:
        yield prop("missing-read", operation)
    if finding.blocked_by is not None:
        yield prop("blocked-by", f"{finding.blocked_by.control} of {finding.blocked_by.subject}")
    if left_out := len(finding.evidence[EVIDENCE:]):
        yield prop("evidence-left-out", left_out)


def _first_seen(view: View, finding: Finding) -> Iterator[Document]:
    """Yield when an open finding was first seen; nothing if it is not open, or no earlier scan is known."""
    first_seen = view.first_seen(finding)
    if first_seen is None:
        return
    yield prop("first-seen", rfc3339(first_seen.at), view.first_seen_words(finding))
    yield prop("age-days", view.age_days(finding))
    if first_seen.may_be_older:
        yield prop("may-be-older", "true")


def _owner(owner: Owner | None) -> Iterator[Document]:
    """Yield the owner's status (`named`, `nobody`, `unknown`) and name; nothing without owner rules."""
    if owner is None:
        return
    word = "unknown" if owner.name is None else "named" if owner.name else "nobody"
    yield prop("owner-status", word, owner.source)
    if owner.name:
        yield prop("owner", owner.name)


def _evidence(file: str, number: int) -> Document:
    return {"href": f"{quote(file)}#L{number}", "description": f"Line {number} of the decompressed file."}


def _accepted(finding: Finding) -> str:
    waiver = finding.waiver
    return f"Failure accepted until {waiver.expires}: {waiver.reason}" if waiver else ""


def risks(view: View, observed: Iterable[Finding]) -> dict[str, list[Document]]:
    """Return the risks by control: `open` for failures, `deviation-approved` for waived ones."""
    waived: dict[str, Counter[Waiver]] = {}
    for finding in observed:
        if finding.waiver is not None:
            waived.setdefault(finding.control, Counter())[finding.waiver] += 1
    defined = {control_view.control.id: control_view for control_view in view.controls}
    return {
        name: documents
        for name in sorted(view.by_control)
        if (documents := [*_findings_of_control(name, view, defined.get(name), waived.get(name, Counter()))])
    }


def risk_uuids(risks_by_control: Mapping[str, list[Document]]) -> dict[str, tuple[str, ...]]:
    """Return the UUIDs of risks by control."""
    return {name: tuple(risk["uuid"] for risk in members) for name, members in risks_by_control.items()}


def _findings_of_control(
    name: str, view: View, defined: ControlView | None, waived: Counter[Waiver]
) -> Iterator[Document]:
    counts = view.by_control[name]
    if counts.failed:
        sentence = count_word(counts.failed, "subject") + (" fails" if counts.failed == 1 else " fail")
        yield {
            **_risk(name, "open", sentence, view, defined),
            **_remediations(name, view, defined),
        }
    if counts.waived:
        sentence = (
            count_word(counts.waived, "failure") + (" is" if counts.waived == 1 else " are") + " accepted"
        )
        risk = _risk(name, "deviation-approved", sentence, view, defined)
        waiver_props = [
            prop("waiver", waiver.id, _waiver(waiver, number)) for waiver, number in _ordered(waived)
        ]
        # The document has only the worst findings, the counts all of them.
        if left_out := counts.waived - waived.total():
            waiver_props.append(prop("waived-left-out", left_out))
        yield {**risk, "props": [*risk["props"], *waiver_props]}


def _ordered(waived: Counter[Waiver]) -> list[tuple[Waiver, int]]:
    return sorted(waived.items(), key=lambda pair: (pair[0].expires, pair[0].id, pair[0].reason))


def _risk(name: str, status: str, sentence: str, view: View, defined: ControlView | None) -> Document:
    control = defined.control if defined else None
    title = control.failure if control else name
    return {
        "uuid": uuid("risk", view.organization, name, status),
        "title": prose(f"{sentence}: {title}"),
        "description": prose(f"{sentence}. Requirement: {control.title if control else name}."),
        "statement": prose((control.motivation if control else "") or title),
        "props": [
            prop("control", name),
            *([prop("severity", control.severity.value)] if control else []),
            prop("subjects", sentence.split(" ", 1)[0].replace(",", "")),
        ],
        "status": status,
        # The counting observation is always in the document, those of subjects may be left out.
        "related-observations": [{"observation-uuid": control_uuid(view, name)}],
    }


def _remediations(name: str, view: View, defined: ControlView | None) -> Document:
    text = defined.control.remediation.text if defined else ""
    if not text:
        return {}
    return {
        "remediations": [
            {
                "uuid": uuid("remediation", view.organization, name),
                "lifecycle": "recommendation",
                "title": "What to do",
                "description": prose(text),
            }
        ]
    }


def _waiver(waiver: Waiver, covers: int) -> str:
    return (
        f"Waiver {waiver.id} covers {count_word(covers, 'failure')}. Reason: {waiver.reason} "
        f"Owner: {waiver.owner}. Approved by {waiver.approver}. It expires on {waiver.expires}."
    )


def all_risks(risks_by_control: Mapping[str, list[Document]]) -> Iterator[Document]:
    """Return the risks of all controls, one after the other."""
    return chain.from_iterable(risks_by_control.values())
