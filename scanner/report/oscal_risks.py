"""Risks in OSCAL: one for the failures of a control, one for those that waivers accept."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from scanner.model.finding import Finding, Waiver
from scanner.report.oscal_parts import Document, prop, prose, uuid
from scanner.report.oscal_requirements import control_uuid
from scanner.report.view import ControlView, View
from scanner.report.words import count_word

Waivers = Mapping[str, Counter[Waiver]]
"""By control, the waivers that cover something, and how much of it is told here."""


def risks(view: View, observed: Iterable[Finding]) -> dict[str, list[Document]]:
    """Give the risks by control: `open` for failures, `deviation-approved` for those that are waived."""
    waived: dict[str, Counter[Waiver]] = {}
    for finding in observed:
        if finding.waiver is not None:
            waived.setdefault(finding.control, Counter())[finding.waiver] += 1
    defined = {each.control.id: each for each in view.controls}
    return {
        name: found
        for name in sorted(view.by_control)
        if (found := [*_of_control(name, view, defined.get(name), waived.get(name, Counter()))])
    }


def risk_uuids(found: Mapping[str, list[Document]]) -> dict[str, tuple[str, ...]]:
    """Give the UUIDs of risks by control."""
    return {name: tuple(each["uuid"] for each in members) for name, members in found.items()}


def _of_control(
    name: str, view: View, defined: ControlView | None, waived: Counter[Waiver]
) -> Iterator[Document]:
    counts = view.by_control[name]
    if counts.failed:
        told = count_word(counts.failed, "subject") + (" fails" if counts.failed == 1 else " fail")
        yield {
            **_risk(name, "open", told, view, defined),
            **_remediations(name, view, defined),
        }
    if counts.waived:
        told = count_word(counts.waived, "failure") + (" is" if counts.waived == 1 else " are") + " accepted"
        risk = _risk(name, "deviation-approved", told, view, defined)
        told_of = [prop("waiver", each.id, _waiver(each, number)) for each, number in _ordered(waived)]
        if left_out := counts.waived - waived.total():
            told_of.append(prop("waived-left-out", left_out))
        yield {**risk, "props": [*risk["props"], *told_of]}


def _ordered(waived: Counter[Waiver]) -> list[tuple[Waiver, int]]:
    return sorted(waived.items(), key=lambda each: (each[0].expires, each[0].id, each[0].reason))


def _risk(name: str, status: str, told: str, view: View, defined: ControlView | None) -> Document:
    control = defined.control if defined else None
    title = control.failure if control else name
    return {
        "uuid": uuid("risk", view.organization, name, status),
        "title": prose(f"{told}: {title}"),
        "description": prose(f"{told}. Requirement: {control.title if control else name}."),
        "statement": prose((control.motivation if control else "") or title),
        "props": [
            prop("control", name),
            *([prop("severity", control.severity.value)] if control else []),
            prop("subjects", told.split(" ", 1)[0].replace(",", "")),
        ],
        "status": status,
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
        f"Owner: {waiver.owner}. Approved by {waiver.approver}. It counts until {waiver.expires}."
    )


def all_risks(found: Mapping[str, list[Document]]) -> Iterator[Document]:
    """Give the risks of all controls."""
    return chain.from_iterable(found.values())
