import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from scanner.model.decisions import Owner
from scanner.model.finding import Finding, Severity, Status
from scanner.model.scan import Scan
from scanner.report.formats.sarif import MAX_RESULTS, REPORTED, message, sarif
from scanner.report.view import overview
from scanner.report.view.view import build
from tests.fakes.hostile import HOSTILE, planted
from tests.fakes.validators import MULTITOOL, sarif_complaints, there

SCHEMAS = Path(__file__).parents[3] / "docs" / "schema"
OURS = Draft202012Validator(
    json.loads((SCHEMAS / "report.sarif.schema.json").read_bytes()), format_checker=FormatChecker()
)
ADVICE = {
    "SARIF2002": "messages are texts: GitHub shows no others",
    "SARIF2003": "evidence is in no repository",
    "SARIF2006": "addresses, which it cannot reach from here",
    "SARIF2009": "ids are permanent, and words",
    "SARIF2010": "evidence is compressed: it has no snippets",
    "SARIF2011": "as above",
}
"""The notes of Microsoft's multitool that stay, with the reason."""


def document(scan: Scan) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(b"".join(sarif(build(scan))))
    return made


def complaints(made: dict[str, Any]) -> list[str]:
    return [f"{error.json_path}: {error.message[:200]}" for error in OURS.iter_errors(made)]


@pytest.fixture(scope="module")
def made(scan: Scan) -> dict[str, Any]:
    return document(scan)


def results(made: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = made["runs"][0]["results"]
    return found


def test_every_scan_gives_a_valid_document(scan: Scan, named: Scan, empty: Scan, blind: Scan) -> None:
    for each in (scan, named, empty, blind, planted(scan)):
        assert complaints(document(each)) == []


@pytest.mark.slow
@there(MULTITOOL)
def test_the_multitool_of_microsoft_finds_nothing(
    scan: Scan, named: Scan, empty: Scan, blind: Scan, tmp_path: Path
) -> None:
    for each in (scan, named, empty, blind, planted(scan)):
        found = sarif_complaints(b"".join(sarif(build(each))), tmp_path)
        assert [complaint for complaint in found if complaint[0] not in ADVICE] == []
        assert {level for _, level, _ in found} <= {"note"}


@there(MULTITOOL)
def test_the_multitool_notices_what_is_not_valid(scan: Scan, tmp_path: Path) -> None:
    made = document(scan)
    made["runs"][0]["results"][0]["ruleIndex"] = 10_000
    del made["runs"][0]["tool"]["driver"]["informationUri"]
    found = sarif_complaints(json.dumps(made).encode(), tmp_path)
    assert {rule for rule, level, _ in found if rule not in ADVICE} >= {"SARIF1009", "SARIF2005"}


def test_the_same_scan_gives_the_same_bytes(scan: Scan) -> None:
    assert b"".join(sarif(build(scan))) == b"".join(sarif(build(scan)))


def test_what_asks_for_somebody_is_a_result_and_nothing_else(scan: Scan, made: dict[str, Any]) -> None:
    expected = Counter(each.status.value for each in scan.findings if each.status in REPORTED)
    assert Counter(each["properties"]["status"] for each in results(made)) == expected
    counts = build(scan).counts
    assert made["runs"][0]["properties"]["counts"]["pass"] == counts.passed
    assert made["runs"][0]["properties"]["counts"]["not_applicable"] == counts.not_applicable
    assert made["runs"][0]["properties"]["resultsLeftOut"] == 0


@pytest.mark.parametrize(
    ("status", "kind", "levels"),
    [
        (Status.FAIL, "fail", {"error", "warning", "note"}),
        (Status.WAIVED, "fail", {"error", "warning", "note"}),
        (Status.UNKNOWN, "open", {"none"}),
        (Status.ERROR, "open", {"none"}),
    ],
)
def test_an_open_question_is_neither_a_pass_nor_a_failure(
    made: dict[str, Any], status: Status, kind: str, levels: set[str]
) -> None:
    found = [each for each in results(made) if each["properties"]["status"] == status.value]
    assert found
    assert {each["kind"] for each in found} == {kind}
    assert {each["level"] for each in found} <= levels


def test_a_result_names_its_rule_its_subject_and_its_evidence(scan: Scan, made: dict[str, Any]) -> None:
    rules = made["runs"][0]["tool"]["driver"]["rules"]
    findings = {each.fingerprint: each for each in scan.findings}
    for each in results(made):
        finding = findings[each["partialFingerprints"]["vaultproof/v1"]]
        assert rules[each["ruleIndex"]]["id"] == each["ruleId"] == finding.control
        (location,) = each["locations"]
        assert location["logicalLocations"][0]["fullyQualifiedName"] == finding.subject
        physical = location["physicalLocation"]
        result = unquote(physical["artifactLocation"]["uri"]), physical["region"]["startLine"]
        first = next(((ref.file, ref.line) for ref in finding.evidence), ("manifest.json", 1))
        assert result == first


def test_a_waiver_is_a_suppression_and_every_result_says_whether_it_has_one(made: dict[str, Any]) -> None:
    for each in results(made):
        waived = each["properties"]["status"] == "waived"
        assert [result["properties"]["waiver"] for result in each["suppressions"]] == (
            ["W-17"] if waived else []
        )


def test_severities_are_those_that_github_reads(made: dict[str, Any]) -> None:
    for rule in made["runs"][0]["tool"]["driver"]["rules"]:
        result = float(rule["properties"]["security-severity"])
        read = "critical" if result > 9 else "high" if result >= 7 else "medium" if result >= 4 else "low"
        assert read == rule["properties"]["severity"]


def test_descriptors_are_complete_and_titles_state_the_failure(scan: Scan, made: dict[str, Any]) -> None:
    driver = made["runs"][0]["tool"]["driver"]
    for descriptor in (driver, *driver["notifications"], *driver["rules"]):
        assert descriptor["fullDescription"]["text"].endswith(".")
        assert descriptor.get("helpUri", descriptor.get("informationUri", "")).startswith("https://")
        assert descriptor["name"].isalnum()
    views = {view.control.id: view for view in build(scan).controls}
    for rule in driver["rules"]:
        view = views[rule["id"]]
        suffix = ", or unknown" if view.counts.open else ""
        assert rule["shortDescription"]["text"] == f"{view.control.failure}{suffix}"


def test_missing_reads_are_errors_of_the_run(scan: Scan, made: dict[str, Any], empty: Scan) -> None:
    (invocation,) = made["runs"][0]["invocations"]
    assert invocation["executionSuccessful"] is False
    result = [each["message"]["text"] for each in invocation["toolExecutionNotifications"]]
    assert any("backup:GetBackupVaultAccessPolicy: 1 read refused" in text for text in result)
    assert {each["level"] for each in invocation["toolExecutionNotifications"]} == {"error"}
    assert made["runs"][0]["properties"]["missingReads"] == len(scan.gaps)

    whole = replace(
        empty, manifest=replace(empty.manifest, scope=replace(empty.manifest.scope, regions=(), accounts=()))
    )
    (invocation,) = document(whole)["runs"][0]["invocations"]
    assert invocation["executionSuccessful"] is True
    assert invocation["toolExecutionNotifications"] == []


def test_of_too_many_the_worst_stay_and_the_others_are_counted(
    scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "SHOWN", 7)
    many = document(scan)
    assert len(results(many)) == 7
    assert {each["properties"]["status"] for each in results(many)} == {"fail"}
    total = sum(build(scan).counts.of(status) for status in REPORTED)
    assert many["runs"][0]["properties"]["resultsLeftOut"] == total - 7
    (result,) = [
        each
        for each in many["runs"][0]["invocations"][0]["toolExecutionNotifications"]
        if each["descriptor"]["id"] == "results-left-out"
    ]
    assert f"{total - 7:,} results are left out" in result["message"]["text"]
    assert complaints(many) == []


def test_a_view_holds_no_more_than_a_run_may() -> None:
    assert overview.SHOWN <= MAX_RESULTS


def test_what_was_planted_stays_text(scan: Scan) -> None:
    hostile = document(planted(scan))
    result = "\n".join(each["message"]["text"] for each in results(hostile))
    assert "](javascript:" not in result.replace("\\](", "")
    assert "\u202e" not in result
    assert "\x1b" not in result
    subjects = {
        each["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] for each in results(hostile)
    }
    assert sum(subject.startswith("arn:aws:s3:::") for subject in subjects) == len(HOSTILE) * len(REPORTED)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain [text]", "plain [text]"),
        ("{0} and }", "{{0}} and }}"),
        ("[a](1) \\ b", "\\[a\\](1) \\\\ b"),
        ("a\u202eb", "a\u2039U+202E\u203ab"),
    ],
)
def test_a_message_has_no_placeholder_and_no_link(text: str, written: str) -> None:
    assert message(text) == written


def test_a_finding_of_a_control_that_nobody_defined_has_no_index(scan: Scan) -> None:
    odd = Finding(
        control="nobody-s",
        status=Status.FAIL,
        severity=Severity.LOW,
        subject="aws:account:111111111111",
        subject_type="account",
        account="111111111111",
        region="aws-global",
        reason="It is so.",
    )
    (result,) = results(document(replace(scan, findings=(odd,))))
    assert "ruleIndex" not in result
    assert result["level"] == "note"
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "manifest.json"


@pytest.mark.parametrize(
    ("owner", "expected"),
    [
        (None, {}),
        (Owner(None, "tags were not read"), {"owner": None, "ownerSource": "tags were not read"}),
        (Owner("", "no owner"), {"owner": "", "ownerSource": "no owner"}),
        (Owner("team-a", "tag owner"), {"owner": "team-a", "ownerSource": "tag owner"}),
    ],
)
def test_a_result_says_who_is_asked(scan: Scan, owner: Owner | None, expected: dict[str, str | None]) -> None:
    finding = next(each for each in scan.findings if each.status is Status.FAIL)
    made = document(replace(scan, findings=(replace(finding, owner=owner),)))
    properties = results(made)[0]["properties"]
    assert {name: properties[name] for name in ("owner", "ownerSource") if name in properties} == expected
    assert complaints(made) == []
