"""The tags of resources beside their findings: unknown is not the same as none."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from scanner.model.finding import Finding, Severity, Status
from scanner.model.scan import Row, Scan
from scanner.report.formats import resource_tags
from scanner.report.formats.csv import findings_csv, tags_cell
from scanner.report.formats.resource_tags import UNKNOWN, tags_by_finding
from scanner.report.view.view import build


def row(subject: str, tags: dict[str, str] | None, region: str = "eu-west-1") -> Row:
    listed = None if tags is None else [{"key": key, "value": value} for key, value in tags.items()]
    return {"account": "111111111111", "region": region, "subject": subject, "tags": listed}


def finding(subject: str, kind: str = "EBS", region: str = "eu-west-1") -> Finding:
    return Finding(
        control="resource-in-backup-plan",
        status=Status.FAIL,
        severity=Severity.HIGH,
        subject=subject,
        subject_type=kind,
        account="111111111111",
        region=region,
        reason="No rule covers it.",
    )


ROWS = (row("a", {"owner": "x;y"}), row("b", {}), row("c", None), row("a", {"at": "home"}, "eu-central-1"))


def test_tags_are_those_of_the_resource_in_its_region() -> None:
    with tags_by_finding(ROWS, tags_cell) as tags:
        assert tags(finding("a")) == '{"owner":"x\\u003by"}'
        assert tags(finding("a", region="eu-central-1")) == '{"at":"home"}'
        assert tags(finding("b")) == "{}"


def test_what_was_not_read_is_unknown_and_what_is_no_resource_has_no_tags() -> None:
    with tags_by_finding(ROWS, tags_cell) as tags:
        assert tags(finding("c")) == tags(finding("d")) == tags(finding("a", region="us-east-1")) == UNKNOWN
        assert not tags(finding("a", "vault"))
    with tags_by_finding(None, tags_cell) as tags:
        assert tags(finding("a")) == UNKNOWN


def test_only_so_many_tags_are_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource_tags, "HELD", 3)
    rows = [row(f"r{number}", {"n": str(number)}, f"region-{number}") for number in range(20)]
    with tags_by_finding(tuple(rows), tags_cell) as tags:
        for _ in range(2):
            for number in range(20):
                told = tags(finding(f"r{number}", region=f"region-{number}"))
                assert json.loads(told) == {"n": str(number)}


def rows_of(scan: Scan) -> Iterator[dict[str, Any]]:
    yield from csv.DictReader(io.StringIO(b"".join(findings_csv(build(scan))).decode("utf-8-sig")))


def test_findings_csv_has_the_tags_of_the_inventory(sample: Scan) -> None:
    assert sample.resources is not None
    expected = {
        (each["account"], each["region"], each["subject"]): tags_cell(each) for each in sample.resources
    }
    told = {
        (each["account"], each["region"], each["subject"]): each["tags"]
        for each in rows_of(sample)
        if each["control"] == "resource-in-backup-plan"
    }
    assert told == {key: expected[key] for key in told}
    assert any(tags not in {"{}", UNKNOWN} for tags in told.values())


def test_findings_of_other_programs_have_unknown_tags(scan: Scan) -> None:
    tags = {each["tags"] for each in rows_of(replace(scan, resources=None)) if each["subject_type"] == "EBS"}
    assert tags == {UNKNOWN}
