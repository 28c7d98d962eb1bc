"""`assessment-results.oscal.json`: OSCAL 1.1.3 Assessment Results (NIST), for governance and audit tools.

Observations are the answers of controls: one for each control, with its numbers, and one for each subject
that was judged or is open. Findings are requirements of frameworks. OSCAL knows satisfied and not-satisfied;
what could not be judged is not-satisfied for the reason `other`, with the property `unknown`.

Tools for OSCAL load a document whole, so that this one is bounded: it has the observations of the worst
findings, as many as a view holds, and says how many it leaves out. It needs no package: compliance-trestle
validates it in tests.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final
from urllib.parse import quote

from scanner.model.finding import Finding, Status
from scanner.model.owner import Owner
from scanner.model.unicode import mended
from scanner.report.encoding import encode
from scanner.report.oscal_frame import (
    ORIGIN,
    around,
    back_matter,
    collected,
    local_definitions,
    organization_uuid,
    result_head,
    tool_uuid,
)
from scanner.report.oscal_parts import Document, line, prop, prose, uuid
from scanner.report.oscal_requirements import (
    control_uuid,
    numbers,
    observation_uuid,
    requirement_findings,
    requirements,
    reviewed_controls,
)
from scanner.report.oscal_risks import all_risks, risk_uuids, risks
from scanner.report.view import View
from scanner.report.words import STATUS_WORDS, count_word, given_name, short_name

EVIDENCE: Final = 20
"""Lines of evidence that an observation names."""

_BATCH: Final = 200
_OPEN: Final = (Status.UNKNOWN, Status.ERROR)


def oscal(view: View) -> Iterator[bytes]:
    """Give assessment-results.oscal.json in pieces: one result, its observations worst first."""
    observed = tuple(each for each in view.worst if each.status is not Status.NOT_APPLICABLE)
    every = requirements(view)
    found = risks(view, observed)
    yield b'{"assessment-results":' + encode(around(view))[:-1] + b',"results":['
    yield encode(result_head(view, view.counts.asked - len(observed)))[:-1]
    yield b',"local-definitions":' + encode(local_definitions(view))[:-1]
    yield from _array("inventory-items", _inventory(view, observed))
    yield b'},"reviewed-controls":' + encode(reviewed_controls(every, view))
    yield from _array("observations", _observations(view, observed))
    yield from _array("risks", all_risks(found))
    yield from _array("findings", requirement_findings(every, view, observed, risk_uuids(found)))
    yield b'}],"back-matter":' + encode(back_matter(view)) + b"}}\n"


def _array(key: str, documents: Iterable[Document]) -> Iterator[bytes]:
    """Give a member of an object that stands behind another; OSCAL allows no empty array."""
    before = f',"{key}":['.encode()
    texts = (encode(each) for each in documents)
    while batch := tuple(islice(texts, _BATCH)):
        yield before + b",".join(batch)
        before = b","
    if before == b",":
        yield b"]"


def _inventory(view: View, observed: Iterable[Finding]) -> Iterator[Document]:
    """Give each subject once: what observations are about."""
    told: set[str] = set()
    for finding in observed:
        if finding.subject not in told:
            told.add(finding.subject)
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
    """Give the UUID of a subject: the same from scan to scan."""
    return uuid("subject", view.organization, finding.subject)


def _observations(view: View, observed: Iterable[Finding]) -> Iterator[Document]:
    origin = [{"actors": [{"type": ORIGIN, "actor-uuid": tool_uuid(view)}]}]
    shared = {"methods": ["TEST"], "types": ["control-objective"], "origins": origin}
    moment = collected(view)
    controls = {each.control.id: each.control for each in view.controls}
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
    evidence = [_evidence(mended(ref.file), ref.line) for ref in finding.evidence[:EVIDENCE]]
    return {
        "uuid": observation_uuid(view, finding),
        "title": prose(f"{STATUS_WORDS[finding.status]}: {title}"),
        "description": prose(finding.reason),
        "props": list(_props(finding)),
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
    if finding.status in _OPEN:
        yield prop("unknown", "true")
    yield prop("severity", finding.severity.value)
    yield prop("fingerprint", finding.fingerprint)
    if finding.waiver is not None:
        yield prop("waiver", finding.waiver.id)
    yield from _owner(finding.owner)
    if left_out := len(finding.evidence[EVIDENCE:]):
        yield prop("evidence-left-out", left_out)


def _owner(owner: Owner | None) -> Iterator[Document]:
    """Say who is asked: `named`, `nobody`, or `unknown`. Nothing: nobody asked how owners are named."""
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
    return f"Accepted until {waiver.expires}: {waiver.reason}" if waiver else ""
