from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from lxml import etree

from scanner.model.decisions import Owner
from scanner.model.finding import Status
from scanner.model.scan import Scan
from scanner.report.formats.junit import junit
from scanner.report.view.view import build
from scanner.report.wording import one_line
from tests.fakes.hostile import HOSTILE, planted
from tests.fakes.validators import JENKINS, there

OURS = Path(__file__).parents[3] / "docs" / "schema" / "report.junit.xsd"
LATER: Final = "Element 'skipped', attribute 'message'"
"""What later versions of Jenkins' schema than the fetched one allow."""

FORMS = {
    Status.PASS: None,
    Status.FAIL: ("failure", "fail"),
    Status.UNKNOWN: ("skipped", "Unknown"),
    Status.ERROR: ("error", "error"),
    Status.WAIVED: ("skipped", "Waived"),
    Status.NOT_APPLICABLE: ("skipped", "Not applicable"),
}


def text(scan: Scan) -> bytes:
    return b"".join(junit(build(scan)))


def parsed(scan: Scan) -> Any:
    return etree.fromstring(text(scan), etree.XMLParser(resolve_entities=False, no_network=True))


def complaints(scan: Scan, path: Path) -> list[str]:
    schema = etree.XMLSchema(etree.parse(path))
    schema.validate(parsed(scan))
    return [str(error) for error in schema.error_log]


def strict(scan: Scan) -> Scan:
    return replace(scan, fail_on_unknown=True)


def form(case: Any) -> tuple[str, str] | None:
    """Give the child of a test, and the word that says why."""
    children = list(case)
    if not children:
        return None
    (child,) = children
    return child.tag, child.get("type") or child.get("message").partition(":")[0]


def test_every_scan_gives_a_valid_document(scan: Scan, named: Scan, empty: Scan, blind: Scan) -> None:
    for each in (scan, strict(scan), named, empty, blind, planted(scan)):
        assert complaints(each, OURS) == []


@there(JENKINS)
def test_the_schema_of_jenkins_finds_nothing(scan: Scan, named: Scan, empty: Scan, blind: Scan) -> None:
    for each in (scan, strict(scan), named, empty, blind, planted(scan)):
        assert [line for line in complaints(each, JENKINS) if LATER not in line] == []


def test_the_same_scan_gives_the_same_bytes(scan: Scan) -> None:
    assert text(scan) == text(scan)


def test_every_finding_is_a_test_of_its_control_s_suite(scan: Scan) -> None:
    result = [
        (suite.get("name"), case.get("name"), form(case))
        for suite in parsed(scan)
        for case in suite.iter("testcase")
    ]
    assert result == [(each.control, one_line(each.subject), FORMS[each.status]) for each in scan.findings]
    assert {each[2] for each in result} == set(FORMS.values())


def test_what_a_suite_counts_is_what_is_in_it(scan: Scan) -> None:
    for each in (scan, strict(scan), planted(scan)):
        for suite in parsed(each):
            tags = Counter(child.tag for case in suite.iter("testcase") for child in case)
            numbers = [int(suite.get(name)) for name in ("failures", "errors", "skipped")]
            assert numbers == [tags["failure"], tags["error"], tags["skipped"]]
            assert int(suite.get("tests")) == sum(1 for _ in suite.iter("testcase"))


def test_every_control_has_a_suite_even_when_it_was_asked_of_nothing(scan: Scan, empty: Scan) -> None:
    ids = sorted(control.id for control in scan.controls)
    assert [suite.get("name") for suite in parsed(scan)] == ids
    assert [suite.get("name") for suite in parsed(empty)] == ids
    assert {suite.get("tests") for suite in parsed(empty)} == {"0"}
    assert [suite.get("id") for suite in parsed(scan)] == [str(number) for number in range(len(ids))]


def test_a_suite_between_two_that_found_something_may_be_empty(scan: Scan) -> None:
    quiet = scan.controls[3].id
    findings = tuple(each for each in scan.findings if each.control != quiet)
    less = Scan(
        manifest=scan.manifest,
        controls=scan.controls,
        parameters=scan.parameters,
        findings=findings,
        gaps=(),
        reconciliation=(),
        limitations=(),
    )
    sizes = {suite.get("name"): int(suite.get("tests")) for suite in parsed(less)}
    assert list(sizes) == sorted(sizes)
    assert [name for name, size in sizes.items() if not size] == [quiet]


def test_nothing_unknown_looks_like_a_pass(blind: Scan) -> None:
    assert {form(case) for case in parsed(blind).iter("testcase")} == {("skipped", "Unknown")}
    assert {form(case) for case in parsed(strict(blind)).iter("testcase")} == {("error", "unknown")}


def test_a_skipped_unknown_says_why(blind: Scan) -> None:
    reasons = Counter(one_line(f"Unknown: {finding.reason}") for finding in blind.findings)
    assert Counter(case[0].get("message") for case in parsed(blind).iter("testcase")) == reasons


def test_the_document_has_totals(scan: Scan) -> None:
    for each, unknown in ((scan, 0), (strict(scan), 1)):
        root = parsed(each)
        counts = build(each).counts
        totals = [int(root.get(name)) for name in ("tests", "failures", "errors")]
        assert totals == [counts.total, counts.failed, counts.error + unknown * counts.unknown]
        for name, number in zip(("tests", "failures", "errors"), totals, strict=True):
            assert sum(int(suite.get(name)) for suite in root) == number


def test_a_failure_says_what_to_do_and_where_the_evidence_is(scan: Scan) -> None:
    finding = next(each for each in scan.findings if each.status is Status.FAIL and each.evidence)
    (body,) = [
        case[0].text
        for suite in parsed(scan)
        for case in suite.iter("testcase")
        if (suite.get("name"), case.get("name")) == (finding.control, finding.subject)
    ]
    assert f"Subject: {finding.subject}" in body
    assert "What to do: Tag the resource" in body
    assert f"Evidence: {finding.evidence[0].file}:{finding.evidence[0].line}" in body
    assert f"Fingerprint: {finding.fingerprint}" in body


def test_what_was_planted_stays_text(scan: Scan) -> None:
    root = parsed(planted(scan))
    assert {element.tag for element in root.iter()} == {
        "testsuites",
        "testsuite",
        "properties",
        "property",
        "testcase",
        "failure",
        "error",
        "skipped",
        "system-out",
        "system-err",
    }
    cases = [case for case in root.iter("testcase") if case.get("name").startswith("arn:aws:s3:::")]
    assert len(cases) == len(HOSTILE) * len(Status)
    bodies = "".join(case[0].text for case in cases if len(case))
    assert "\u202e" not in bodies
    assert "<script>alert('x')</script>" in bodies
    forged = [line for line in bodies.splitlines() if line.startswith(("# third", "- fourth", "sixth"))]
    assert forged == []


@pytest.mark.parametrize(
    ("owner", "line"),
    [
        (Owner("team-a", "tag owner"), "Owner: team-a"),
        (Owner("", "no owner"), "Owner: no owner"),
        (Owner(None, "tags were not read"), "Owner: unknown, tags were not read"),
    ],
)
def test_a_failure_says_who_is_asked(scan: Scan, owner: Owner, line: str) -> None:
    finding = next(each for each in scan.findings if each.status is Status.FAIL)
    (case,) = parsed(replace(scan, findings=(replace(finding, owner=owner),))).iter("testcase")
    assert line in case[0].text.splitlines()
