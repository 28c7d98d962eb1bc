import csv
import io
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scanner.errors import OutputError
from scanner.findings.filed import Filed
from scanner.model.finding import Finding, Severity, Status
from scanner.model.known import Ternary
from scanner.model.scan import Row, Scan
from scanner.report.formats.csv import INVENTORY_COLUMNS, inventory_csv
from scanner.report.view.view import build
from tests.fakes.filed import RecordedWords, write_filed
from tests.fakes.hostile import planted


def row(number: int, account: str = "111111111111", region: str = "eu-west-1", **more: Any) -> Row:
    made: dict[str, Any] = {
        "subject": f"arn:aws:ec2:{region}:{account}:volume/vol-{number}",
        "subject_type": "EBS",
        "account": account,
        "region": region,
        "name": f"disk-{number}",
        "covered": True,
        "newest_recovery_point": {"exists": False, "arn": None, "vault": None, "created_at": None},
        "not_applicable_because": "",
        "tags": [],
    }
    return made | more


def finding(about: Row, control: str, status: Status) -> Finding:
    return Finding(
        control=control,
        status=status,
        severity=Severity.HIGH,
        subject=about["subject"],
        subject_type=about["subject_type"],
        account=about["account"],
        region=about["region"],
        reason="So it is.",
    )


def made(scan: Scan, resources: tuple[Row, ...], findings: tuple[Finding, ...] = ()) -> list[dict[str, str]]:
    ordered = tuple(sorted(findings, key=lambda each: each.order))
    whole = replace(scan, resources=resources, findings=ordered)
    text = b"".join(inventory_csv(build(whole))).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_resource_is_a_row_whether_or_not_anything_was_asked_of_it(scan: Scan) -> None:
    rows = made(scan, (row(1), row(2)))
    assert tuple(rows[0]) == INVENTORY_COLUMNS
    assert [each["arn"] for each in rows] == [row(1)["subject"], row(2)["subject"]]
    assert {each[status.value] for each in rows for status in Status} == {"0"}


@pytest.mark.parametrize(("covered", "word"), [(True, "yes"), (False, "no"), (None, "unknown")])
def test_what_is_not_known_of_coverage_is_written_out(scan: Scan, covered: Ternary, word: str) -> None:
    (result,) = made(scan, (row(1, covered=covered),))
    assert result["covered"] == word


@pytest.mark.parametrize(
    ("point", "when", "arn"),
    [
        (
            {"exists": True, "created_at": "2026-11-22T05:00:00Z", "arn": "arn:rp"},
            "2026-11-22T05:00:00Z",
            "arn:rp",
        ),
        ({"exists": True, "created_at": None, "arn": None}, "unknown", ""),
        ({"exists": False, "created_at": None, "arn": None}, "none", ""),
        # One was seen, and a newer one may be unseen: no time can be given.
        ({"exists": None, "created_at": "2026-11-22T05:00:00Z", "arn": "arn:rp"}, "unknown", ""),
    ],
)
def test_the_newest_recovery_point_is_told_none_or_unknown(
    scan: Scan, point: dict[str, Any], when: str, arn: str
) -> None:
    (result,) = made(scan, (row(1, newest_recovery_point=point),))
    assert (result["newest_recovery_point"], result["newest_recovery_point_arn"]) == (when, arn)


def test_tags_are_one_cell_of_json_and_unread_ones_are_not_none(scan: Scan) -> None:
    tags = [{"key": "Name", "value": '=1; =2 "x"\n\u05de'}, {"key": "@team", "value": ""}]
    none, some, unread = made(scan, (row(1, tags=[]), row(2, tags=tags), row(3, tags=None)))
    assert none["tags"] == "{}"
    assert json.loads(some["tags"]) == {"Name": '=1; =2 "x"\n\u05de', "@team": ""}
    assert unread["tags"] == "unknown"


def test_numbers_of_answers_are_those_of_the_resource_in_its_place(scan: Scan) -> None:
    here, there = row(1), row(1, region="eu-central-1", subject=row(1)["subject"])
    other = row(2)
    findings = (
        finding(here, "a", Status.FAIL),
        finding(here, "b", Status.FAIL),
        finding(here, "c", Status.UNKNOWN),
        finding(there, "a", Status.PASS),
        finding(other, "a", Status.WAIVED),
        replace(finding(other, "b", Status.FAIL), subject="somebody else's"),
    )
    rows = made(scan, (here, other, there), findings)
    result = [{status.value: int(each[status.value]) for status in Status} for each in rows]
    assert [+Counter(each) for each in result] == [
        Counter(fail=2, unknown=1),
        Counter(waived=1),
        Counter({"pass": 1}),
    ]


def test_places_may_come_back(scan: Scan) -> None:
    rows = (row(1), row(2, region="eu-central-1"), row(3))
    findings = tuple(finding(each, "a", Status.FAIL) for each in rows)
    assert [each["fail"] for each in made(scan, rows, findings)] == ["1", "1", "1"]


def test_without_a_population_there_is_no_file_that_says_there_is_nobody(scan: Scan) -> None:
    with pytest.raises(OutputError, match=r"inventory\.csv needs the facts.*audit evaluate"):
        list(inventory_csv(build(replace(scan, resources=None))))


def test_what_was_planted_begins_no_formula(scan: Scan) -> None:
    whole = planted(scan)
    assert whole.resources is not None
    text = b"".join(inventory_csv(build(whole))).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert len(rows) == 1 + len(whole.resources)
    assert {len(each) for each in rows} == {len(INVENTORY_COLUMNS)}
    assert not [cell for each in rows for cell in each if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_filed_findings_give_the_same_numbers_and_no_text_is_rendered(scan: Scan, tmp_path: Path) -> None:
    rows = tuple(row(number) for number in range(3))
    statuses = (Status.PASS, Status.FAIL, Status.UNKNOWN, Status.NOT_APPLICABLE)
    controls = tuple(control.id for control in scan.controls)
    findings = tuple(
        finding(about, control, statuses[(number + place) % len(statuses)])
        for number, about in enumerate(rows)
        for place, control in enumerate(controls)
    )
    ordered = tuple(sorted(findings, key=lambda each: each.order))
    words = RecordedWords({each.order: each for each in ordered})
    one_by_one = build(replace(scan, resources=rows, findings=ordered))
    filed = Filed(write_filed(tmp_path, ordered), scan.controls, words)
    assert b"".join(inventory_csv(replace(one_by_one, scan=replace(one_by_one.scan, findings=filed)))) == (
        b"".join(inventory_csv(one_by_one))
    )
    assert words.rendered == []
