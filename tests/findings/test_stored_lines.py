"""Findings that are stored as lines: those of some subjects are found without decoding the others."""

import gzip
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from scanner.errors import BundleError
from scanner.findings.filed import Filed
from scanner.findings.stored_lines import StoredFindings
from scanner.model.finding import Finding, Severity, Status
from scanner.report.formats.json import findings_jsonl_gz
from tests.fakes.filed import write_filed
from tests.fakes.findings import CONTROLS

QUOTED = 'a "b", ,"subject":"x","subject_type":"y" \\ ü'
SUBJECTS = ("x", QUOTED, "x#1", "y")


def finding(subject: str, status: Status = Status.PASS) -> Finding:
    return Finding(
        control=CONTROLS[0].id,
        status=status,
        severity=CONTROLS[0].severity,
        subject=subject,
        subject_type="EBS",
        account="1",
        region="eu-west-1",
        reason=QUOTED,
        details={"name": "n", "subject": "z"},
        frameworks=CONTROLS[0].frameworks,
    )


FINDINGS = tuple(map(finding, sorted(SUBJECTS)))


@pytest.fixture
def stored(tmp_path: Path) -> StoredFindings:
    path = tmp_path / "findings.jsonl.gz"
    path.write_bytes(b"".join(findings_jsonl_gz(FINDINGS)))
    return StoredFindings(path)


def test_the_findings_of_a_subject_are_those_that_have_it(stored: StoredFindings) -> None:
    for subject in (*SUBJECTS, "z", ""):
        assert list(stored.of_subjects([subject])) == [each for each in FINDINGS if each.subject == subject]
    assert tuple(stored.of_subjects(SUBJECTS)) == tuple(stored) == FINDINGS


def test_lines_of_other_programs_are_read_the_same(tmp_path: Path) -> None:
    path = tmp_path / "findings.jsonl"
    lines = (orjson.dumps(each.document(), option=orjson.OPT_INDENT_2) for each in FINDINGS)
    path.write_bytes(b"\n".join(line.replace(b"\n", b"") for line in lines) + b"\n")
    assert list(StoredFindings(path).of_subjects([QUOTED])) == [finding(QUOTED)]


def test_texts_that_are_not_filed_come_from_the_lines(stored: StoredFindings, tmp_path: Path) -> None:
    filed = Filed(write_filed(tmp_path, FINDINGS), CONTROLS).with_lines(stored)
    with filed.database() as connection:
        assert filed.chosen(connection, "SELECT * FROM findings WHERE subject = 'x'") == [finding("x")]


def test_lines_that_lack_a_finding_are_an_error(stored: StoredFindings, tmp_path: Path) -> None:
    filed = Filed(write_filed(tmp_path, FINDINGS), CONTROLS).with_lines(stored)
    with gzip.open(stored.path) as file:
        lines = file.readlines()
    stored.path.write_bytes(gzip.compress(b"".join(line for line in lines if b'"subject":"y"' not in line)))
    with filed.database() as connection, pytest.raises(BundleError, match=r"lacks findings"):
        filed.chosen(connection, "SELECT * FROM findings")


def test_findings_with_texts_need_no_lines(stored: StoredFindings, tmp_path: Path) -> None:
    failed = replace(finding("x", Status.FAIL), severity=Severity(CONTROLS[0].severity))
    filed = Filed(write_filed(tmp_path, (failed,)), CONTROLS).with_lines(stored)
    stored.path.unlink()
    with filed.database() as connection:
        assert filed.chosen(connection, "SELECT * FROM findings") == [failed]
