"""Listed rows say of a finding what the finding itself says, in the same order, without rendering texts."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from scanner.findings.filed import Filed
from scanner.findings.picks import ListedRow, listed_rows
from scanner.model.control import Control
from scanner.model.decisions import Owner
from scanner.model.finding import Finding, Severity, Status
from tests.fakes.filed import write_filed

CONTROL: Final = Control(
    id="c",
    title="c",
    severity=Severity.LOW,
    subject="resource",
    population="true",
    require="true",
    reason="-",
)
FINDING: Final = Finding(
    control="c",
    status=Status.FAIL,
    severity=Severity.LOW,
    subject="arn:aws:ec2:eu-west-1:111111111111:volume/vol-1",
    subject_type="EBS",
    account="111111111111",
    region="eu-west-1",
    reason="It fails.",
    details={"name": "orders"},
)
UNNAMED: Final = replace(FINDING, status=Status.UNKNOWN, details={}, owner=Owner(None, ""))
FINDINGS: Final = tuple(
    replace(finding, subject=f"{FINDING.subject}{number}")
    for number, finding in enumerate(
        (
            FINDING,
            replace(FINDING, status=Status.PASS),
            replace(FINDING, details={"name": 7}, owner=Owner("it's", "tag team")),
            UNNAMED,
            replace(FINDING, details={"name": "a \u00e9 \U0001f600"}),
        )
    )
)


def listed(folder: Path, numbers: dict[Status, int]) -> list[ListedRow]:
    filed = Filed(write_filed(folder, FINDINGS), [CONTROL])
    return [*listed_rows(filed, {"c": numbers})]


def test_a_row_has_the_name_and_the_owner_that_the_finding_has(tmp_path: Path) -> None:
    rows = listed(tmp_path, {Status.FAIL: 9, Status.UNKNOWN: 9})
    assert [row.subject for row in rows] == [FINDINGS[number].subject for number in (0, 2, 3, 4)]
    assert [row.name for row in rows] == ["orders", "", "", "a \u00e9 \U0001f600"]
    assert [(row.owner, row.owner_source) for row in rows] == [
        (None, None),
        ("it's", "tag team"),
        (None, ""),
        (None, None),
    ]
    assert {row.reason for row in rows} == {"It fails."}


def test_the_first_of_each_status_are_listed(tmp_path: Path) -> None:
    rows = listed(tmp_path, {Status.FAIL: 1, Status.UNKNOWN: 1})
    assert [row.subject for row in rows] == [FINDINGS[number].subject for number in (0, 3)]
