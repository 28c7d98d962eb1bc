from dataclasses import replace
from typing import Any

import pytest

from scanner.model.finding import Finding, Severity, Status
from scanner.model.known import Gap, GapKind
from scanner.model.names import AWS_GLOBAL, ORG, AccountId, RegionName
from scanner.model.scan import Scan
from scanner.report.view.completeness import BlindGap, group_gaps
from scanner.report.view.view import build

HERE = AccountId("111111111111")
ELSEWHERE = AccountId("222222222222")
DUBLIN = RegionName("eu-west-1")


def gap(region: str = DUBLIN, operation: str = "backup:ListBackupPlans", about: str = "", **more: Any) -> Gap:
    account = more.pop("account", HERE)
    return Gap(account, RegionName(region), operation, about, GapKind.REFUSED, "AccessDenied", **more)


def told(reads: object, account: AccountId = HERE, region: RegionName = DUBLIN) -> Finding:
    return Finding(
        control="account-region-assessed",
        status=Status.FAIL,
        severity=Severity.HIGH,
        subject=f"aws:account-region:{account}/{region}",
        subject_type="account_region",
        account=account,
        region=region,
        reason="",
        details={"missing_reads": reads},
    )


def read(operation: str = "backup:ListBackupPlans", about: str = "", *blinds: str) -> dict[str, object]:
    return {"operation": operation, "about": about, "blinds": list(blinds)}


def blinds(scan: Scan, gaps: tuple[Gap, ...], *findings: Finding) -> list[tuple[str, ...]]:
    return [
        each.affected_controls
        for each in build(replace(scan, gaps=gaps, findings=findings)).completeness.gaps
    ]


def test_a_gap_blinds_what_its_own_place_tells(scan: Scan) -> None:
    gaps = (gap(), gap(about="x"), gap(account=ELSEWHERE), gap(RegionName("eu-central-1")))
    assert blinds(scan, gaps, told([read("backup:ListBackupPlans", "", "b", "a")])) == [
        ("a", "b"),
        (),
        (),
        (),
    ]


def test_a_gap_of_the_organisation_is_told_by_any_place_and_by_all_of_them(scan: Scan) -> None:
    findings = (told([read("o:Describe", "", "a")]), told([read("o:Describe", "", "b")], ELSEWHERE))
    assert blinds(scan, (gap(ORG, "o:Describe"), gap(ORG, "o:List")), *findings) == [("a", "b"), ()]


def test_a_gap_of_global_services_is_told_by_the_places_of_its_account(scan: Scan) -> None:
    gaps = (gap(AWS_GLOBAL, "s3:ListBuckets"), gap(AWS_GLOBAL, "s3:ListBuckets", account=ELSEWHERE))
    assert blinds(scan, gaps, told([read("s3:ListBuckets", "", "a")])) == [("a",), ()]


@pytest.mark.parametrize(
    "reads", [None, 7, "text", [None], [{}], [{"operation": "backup:ListBackupPlans", "blinds": 7}]]
)
def test_details_of_another_program_blind_nothing(scan: Scan, reads: object) -> None:
    assert blinds(scan, (gap(),), told(reads)) == [()]


def test_a_group_tells_apart_what_its_operations_blind() -> None:
    (group,) = group_gaps(
        [
            BlindGap(gap(operation="backup:ListCopyJobs"), ()),
            BlindGap(gap(operation="backup:GetBackupPlan", about="p1"), ("a", "b")),
            BlindGap(gap(operation="backup:GetBackupPlan", about="p2"), ("a", "b")),
            BlindGap(gap(operation="backup:ListBackupVaults"), ("a", "b")),
        ]
    )
    assert (group.number, group.affected_controls, group.where) == (4, ("a", "b"), ((HERE, (DUBLIN,)),))
    first, second = group.lines
    assert first.operations == ("backup:GetBackupPlan", "backup:ListBackupVaults")
    assert (first.abouts, first.number, first.affected_controls) == (("p1", "p2"), 3, ("a", "b"))
    assert (second.operations, second.affected_controls) == (("backup:ListCopyJobs",), ())
