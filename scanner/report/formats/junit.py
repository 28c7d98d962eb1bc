"""`report.junit.xml`: JUnit XML for continuous integration. A control is a suite, a subject is a test.

There is no standard. The file uses what the schemas of Apache Ant's reports (Windy Road) and of Jenkins have
in common, and the totals, which Ant lacks and most tools read. Unknown is `skipped` with its reason, or an
`error` with `--fail-on-unknown`: then a build does not pass if a check could not be evaluated.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import groupby
from typing import Final
from xml.sax.saxutils import escape, quoteattr  # nosec B406 # they escape, and parse nothing

from scanner.model.decisions import Owner
from scanner.model.finding import Finding, Status
from scanner.report.cause_wording import cause_sentence
from scanner.report.view.counts import Counts, count
from scanner.report.view.view import ControlView, View
from scanner.report.wording import given_name, one_line, visible

_NO_XML: Final = re.compile("[\ufffe\uffff\ud800-\udfff\x00-\x08\x0b\x0c\x0e-\x1f]")
"""Characters that XML 1.0 forbids, even if escaped."""

_PIECE: Final = 500_000
"""Minimum number of characters in a piece."""
_NOTHING: Final = count(())


def junit(view: View) -> Iterator[bytes]:
    """Yield report.junit.xml in pieces. A control without subjects is a suite without tests."""
    totals = _attributes({"name": f"vaultproof {view.organization}", **_numbers(view.counts, view)})
    waiting: list[str] = [f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites{totals}>\n']
    size = 0
    for line in _suites(view):
        waiting.append(line)
        size += len(line)
        if size > _PIECE:
            yield "".join(waiting).encode()
            waiting.clear()
            size = 0
    yield ("".join(waiting) + "</testsuites>\n").encode()


def _suites(view: View) -> Iterator[str]:
    """Yield the suites in the order of the controls' ids, which is that of the findings."""
    defined = {control.control.id: control for control in view.controls}
    ids = iter(sorted(view.by_control))
    number = 0
    # Findings come in the order of their controls, so one pass is enough.
    for control, findings in groupby(view.findings, key=lambda finding: finding.control):
        for name in ids:
            yield _head(name, number, view, defined)
            number += 1
            # Controls before it have no findings: their suites are empty, and still shown.
            if name == control:
                break
            yield _TAIL
        yield from (_case(finding, defined.get(control), view) for finding in findings)
        yield _TAIL
    for name in ids:
        yield _head(name, number, view, defined) + _TAIL
        number += 1


_TAIL: Final = "<system-out/>\n<system-err/>\n</testsuite>\n"


def _head(name: str, number: int, view: View, defined: Mapping[str, ControlView]) -> str:
    counts = view.by_control.get(name, _NOTHING)
    attributes = {
        "name": name,
        "package": "vaultproof",
        "id": str(number),
        **_numbers(counts, view),
        "skipped": str(counts.waived + counts.not_applicable + counts.open - _errors(counts, view)),
        "timestamp": _instant(view.manifest.evaluated_as_of),
        # Ant's schema requires a host; the organization is what distinguishes the reports.
        "hostname": view.organization,
    }
    properties = "".join(
        f"<property name={quoteattr(_xml(key))} value={quoteattr(_xml(value.strip()))}/>\n"
        for key, value in _properties(name, counts, view, defined)
    )
    return f"<testsuite{_attributes(attributes)}>\n<properties>\n{properties}</properties>\n"


def _numbers(counts: Counts, view: View) -> dict[str, str]:
    """Return the counts that a suite and the whole document have in common."""
    return {
        "tests": str(counts.total),
        "failures": str(counts.failed),
        "errors": str(_errors(counts, view)),
        "time": "0",
    }


def _errors(counts: Counts, view: View) -> int:
    return counts.error + (counts.unknown if view.scan.fail_on_unknown else 0)


def _properties(
    name: str, counts: Counts, view: View, defined: Mapping[str, ControlView]
) -> Iterator[tuple[str, str]]:
    yield "control", name
    if (control_view := defined.get(name)) is not None:
        control = control_view.control
        yield "title", control.title
        yield "severity", control.severity.value
        yield "subject", control.subject
        yield from ((f"parameter.{key}", value) for key, value in control_view.parameters)
        yield from ((f"framework.{key}", ", ".join(ids)) for key, ids in control.frameworks.items())
        yield "what-to-do", control.remediation.text
        yield "what-to-type", control.remediation.cli
    yield from ((f"count.{status.value}", str(counts.of(status))) for status in Status)
    if view.selection is not None:
        yield "controls", view.selection_words
        yield "controls.evaluated", str(view.selection.number)
        yield "controls.not-evaluated", ", ".join(control.id for control in view.selection.left_out)
    yield "scan", view.manifest.scan_id
    if view.notice:
        yield "notice", view.notice


def _case(finding: Finding, control: ControlView | None, view: View) -> str:
    attributes = {
        # Jenkins groups by package: the text before the last full stop.
        "classname": f"{finding.control}.{finding.account}.{finding.region}",
        "name": finding.subject,
        "time": "0",
    }
    head = f"<testcase{_attributes(attributes)}"
    if finding.status is Status.PASS:
        return f"{head}/>\n"
    return f"{head}>\n{_result(finding, control, view)}</testcase>\n"


_ELEMENTS: Final = {
    Status.FAIL: ("failure", ""),
    Status.UNKNOWN: ("skipped", "Unknown: "),
    Status.ERROR: ("error", "The control could not be evaluated: "),
    Status.WAIVED: ("skipped", "Waived: "),
    Status.NOT_APPLICABLE: ("skipped", "Not applicable: "),
}


def _result(finding: Finding, control: ControlView | None, view: View) -> str:
    element, word = _ELEMENTS[finding.status]
    if finding.status is Status.UNKNOWN and view.scan.fail_on_unknown:
        element = "error"
    # Ant's schema has no type for skipped tests: their message begins with the status.
    kind = {} if element == "skipped" else {"type": finding.status.value}
    message = _attributes({**kind, "message": word + finding.reason})
    return f"<{element}{message}>{escape(_xml(_body(finding, control, view)))}</{element}>\n"


def _body(finding: Finding, control: ControlView | None, view: View) -> str:
    """Return the text of a test result. It repeats everything that a reader of this file alone needs."""
    title = [control.control.title_of(finding.status)] if control else []
    lines = [*title, finding.reason, f"Subject: {finding.subject}"]
    if name := given_name(finding.details):
        lines.append(f"Name: {name}")
    lines.append(f"Severity: {finding.severity.value}")
    if owner := owner_text(finding.owner):
        lines.append(f"Owner: {owner}")
    if finding.waiver is not None:
        waiver = finding.waiver
        lines.append(
            f"Waiver: {waiver.id} until {waiver.expires}, owner {waiver.owner}, approver {waiver.approver}: "
            f"{waiver.reason}"
        )
    if finding.root_cause is not None and finding.status is Status.FAIL:
        lines.append(f"Root cause: {cause_sentence(finding.root_cause)}")
    if finding.status is not Status.WAIVED and (advice := view.to_do(finding)):
        lines.append(f"What to do: {advice.text}")
        lines.extend(f"Command: {command}" for command in advice.cli.splitlines())
    lines.extend(f"Evidence: {ref.file}:{ref.line}" for ref in finding.evidence)
    lines.append(f"Fingerprint: {finding.fingerprint}")
    return "\n".join(one_line(line) for line in lines)


def _attributes(attributes: Mapping[str, str]) -> str:
    return "".join(f" {name}={quoteattr(_xml(one_line(value)))}" for name, value in attributes.items())


def _xml(text: str) -> str:
    """Return a text that XML 1.0 allows: forbidden characters become visible, or U+FFFD."""
    if text.isascii() and text.isprintable():
        return text
    return _NO_XML.sub("\ufffd", visible(text))


def _instant(moment: datetime) -> str:
    """Return a time as Ant's schema has it: in UTC, without a time zone."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"


def owner_text(owner: Owner | None) -> str:
    """Return the owner in words; empty: no rule for owners is configured."""
    if owner is None:
        return ""
    if owner.name is None:
        return f"unknown, {owner.source}"
    return owner.name or "no owner"
