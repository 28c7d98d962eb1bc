"""Findings of a few subjects: the files of their own accounts first, the others only where needed."""

from dataclasses import replace
from pathlib import Path

import pytest

from scanner.findings import filed as lookup
from scanner.findings.filed import Filed, findings_of
from scanner.model.control import Control
from scanner.model.finding import Finding, Severity, Status
from tests.fakes.filed import write_filed

VOLUME, OTHER = (
    f"arn:aws:ec2:eu-west-1:{account}:volume/vol-1" for account in ("111111111111", "222222222222")
)
BUCKET, QUOTED = "arn:aws:s3:::a-bucket", "arn:aws:s3:::it's"
CONTROL = Control(
    id="c",
    title="c",
    severity=Severity.LOW,
    subject="resource",
    population="true",
    require="true",
    reason="-",
)
FAILS = Finding(
    control="c",
    status=Status.FAIL,
    severity=Severity.LOW,
    subject=VOLUME,
    subject_type="EBS",
    account="111111111111",
    region="eu-west-1",
    reason="It fails.",
)
FINDINGS = tuple(
    sorted(
        (
            FAILS,
            replace(FAILS, subject="aws:account:111111111111", status=Status.PASS, reason=""),
            *(replace(FAILS, subject=each, account="222222222222") for each in (OTHER, BUCKET, QUOTED)),
            replace(FAILS, subject="waiver W-1", account=""),
        ),
        key=lambda each: each.order,
    )
)


@pytest.fixture
def filed(tmp_path: Path) -> Filed:
    return Filed(write_filed(tmp_path, FINDINGS), (CONTROL,))


def read_files(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []

    class Noting(Filed):
        def __init__(self, files: tuple[Path, ...], controls: tuple[Control, ...]) -> None:
            names.extend(file.stem for file in files)
            super().__init__(files, controls)

    monkeypatch.setattr(lookup, "Filed", Noting)
    return names


@pytest.mark.parametrize("subject", [each.subject for each in FINDINGS])
def test_each_subject_has_its_findings(filed: Filed, subject: str) -> None:
    assert findings_of(filed, {subject}) == [each for each in FINDINGS if each.subject == subject]


def test_several_subjects_come_in_filing_order(filed: Filed) -> None:
    assert findings_of(filed, {each.subject for each in FINDINGS}) == list(FINDINGS)
    assert findings_of(filed, {"arn:aws:s3:::nothing"}) == []


def test_only_the_file_of_the_account_is_read_that_a_subject_names(
    filed: Filed, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = read_files(monkeypatch)
    findings_of(filed, {VOLUME})
    assert names == ["111111111111"]
    names.clear()
    findings_of(filed, {VOLUME, BUCKET})
    assert sorted(names) == ["111111111111", "222222222222", "aws-organization"]
