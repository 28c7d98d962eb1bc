"""How far a scan reached, from its manifest and its gaps."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from scanner.history.criteria import notes_of
from scanner.history.reach import Absence, scan_reach
from scanner.history.transition import Absent
from scanner.model.compliance import Assessment, Figures, Score
from scanner.model.control import Control
from scanner.model.finding import Finding, Severity, Status
from scanner.model.inventory import ShardStatus
from scanner.model.known import Gap, GapKind
from scanner.model.manifest import CollectedReads, Manifest, Scope, ShardRecord
from scanner.model.names import AccountId, RegionName
from scanner.model.scan import Scan

ONE, TWO = AccountId("111111111111"), AccountId("222222222222")
HERE, THERE, GLOBAL = RegionName("eu-west-1"), RegionName("eu-central-1"), RegionName("aws-global")
VOLUME = "arn:aws:ec2:eu-west-1:111111111111:volume/vol-1"
CONTROL = Control(
    id="c", title="t", severity=Severity.HIGH, subject="resource", population="true", require="x", reason="r"
)


def scan(
    *gaps: tuple[AccountId, RegionName],
    is_read: bool = True,
    operation: str = "ec2:DescribeVolumes",
    about: str = "",
    statuses: dict[RegionName, ShardStatus] | None = None,
) -> Scan:
    found = {HERE: ShardStatus.COMPLETE, THERE: ShardStatus.COMPLETE, GLOBAL: ShardStatus.COMPLETE}
    manifest = Manifest(
        evaluated_as_of=datetime(2026, 11, 22, tzinfo=UTC),
        scope=Scope(accounts=(ONE,), regions=(HERE, THERE)),
        accounts=(),
        shards=tuple(
            ShardRecord(account=ONE, region=region, status=status)
            for region, status in {**found, **(statuses or {})}.items()
        ),
    )
    return Scan(
        manifest=manifest,
        controls=(CONTROL,),
        parameters={},
        findings=(),
        gaps=tuple(Gap(account, region, operation, about, GapKind.REFUSED) for account, region in gaps),
        reconciliation=(),
        limitations=(),
        assessment=Assessment(Score({}, Figures(), {}), ()) if is_read else None,
    )


def absence(of: Scan, region: str = HERE, account: str = ONE, control: str = "c", **other: Any) -> Absence:
    fields = {"severity": Severity.LOW, "reason": "It failed then.", "subject": VOLUME, "subject_type": "EBS"}
    finding = Finding(
        control=control, status=Status.FAIL, account=account, region=region, **{**fields, **other}
    )
    return scan_reach(of).why_absent(finding)


def why(of: Scan, region: str = HERE, account: str = ONE, control: str = "c") -> Absent:
    return absence(of, region, account, control).kind


@pytest.mark.parametrize(
    ("of", "why_here"),
    [
        (scan(), Absent.DELETED),
        (scan(statuses={HERE: ShardStatus.PARTIAL}), Absent.DELETED),
        (scan((ONE, HERE), operation="rds:DescribeDBInstances"), Absent.DELETED),
        (scan((ONE, HERE), operation="sts:AssumeRole"), Absent.NOT_READ),
        (scan((ONE, THERE)), Absent.DELETED),
        (scan((ONE, HERE)), Absent.NOT_READ),
        (scan((ONE, GLOBAL)), Absent.NOT_READ),
        (scan(is_read=False), Absent.NOT_READ),
        (scan(statuses={HERE: ShardStatus.SKIPPED}), Absent.NOT_READ),
        (scan(statuses={HERE: ShardStatus.FAILED}), Absent.NOT_READ),
        (scan(statuses={HERE: ShardStatus.MISSING}), Absent.NOT_READ),
        (scan(statuses={GLOBAL: ShardStatus.FAILED}), Absent.DELETED),
    ],
)
def test_what_is_missing_is_deleted_only_where_its_list_was_read(of: Scan, why_here: Absent) -> None:
    assert why(of) is why_here


def test_other_places_and_controls() -> None:
    assert why(scan(), account=TWO) is Absent.NOT_ASKED
    assert why(scan(), control="d") is Absent.NOT_ASKED


def test_a_region_that_is_no_longer_in_the_scope_is_no_longer_checked() -> None:
    """Else a scan of fewer Regions would say that everything in the others was deleted."""
    out = absence(scan(), region="us-east-1")
    assert (out.kind, out.why) == (Absent.NOT_ASKED, "Region us-east-1 is no longer in the scope.")


PLAN = f"arn:aws:backup:{HERE}:{ONE}:backup-plan:p-1"
SUBJECTS = {
    "plan": PLAN,
    "rule": f"{PLAN}#r",
    "selection": f"{PLAN}#s",
    "copy_action": f"{PLAN}#r->arn:aws:backup:{THERE}:{ONE}:backup-vault:copies",
    "vault": f"arn:aws:backup:{HERE}:{ONE}:backup-vault:main",
    "recovery_point": f"arn:aws:ec2:{HERE}::snapshot/snap-1",
}
REMOVED = ("plan", "rule", "selection", "copy_action")


@pytest.mark.parametrize(("kind", "subject"), SUBJECTS.items())
def test_settings_are_removed_and_data_is_deleted(kind: str, subject: str) -> None:
    expected = Absent.REMOVED if kind in REMOVED else Absent.DELETED
    assert absence(scan(), subject=subject, subject_type=kind).kind is expected


@pytest.mark.parametrize(
    ("kind", "operation", "about"),
    [
        *((kind, "backup:ListBackupPlans", "") for kind in REMOVED),
        ("rule", "backup:GetBackupPlan", "p-1"),
        ("copy_action", "backup:GetBackupPlan", "p-1"),
        ("selection", "backup:ListBackupSelections", "p-1"),
        ("vault", "backup:ListBackupVaults", ""),
        ("recovery_point", "backup:ListBackupVaults", ""),
        ("recovery_point", "backup:ListRecoveryPointsByBackupVault", "main"),
    ],
)
def test_a_missing_list_leaves_it_unknown(kind: str, operation: str, about: str) -> None:
    of = scan((ONE, HERE), operation=operation, about=about)
    found = absence(of, subject=SUBJECTS[kind], subject_type=kind, details={"vault": SUBJECTS["vault"]})
    assert found.kind is Absent.NOT_READ
    assert operation in found.why
    elsewhere = scan((ONE, HERE), operation=operation, about="another")
    other = absence(
        elsewhere, subject=SUBJECTS[kind], subject_type=kind, details={"vault": SUBJECTS["vault"]}
    )
    assert (other.kind is Absent.NOT_READ) == (not about)


def test_a_bucket_needs_the_list_of_the_global_services() -> None:
    bucket = {"subject": "arn:aws:s3:::b", "subject_type": "S3"}
    assert absence(scan(), **bucket).kind is Absent.DELETED
    assert absence(scan(statuses={GLOBAL: ShardStatus.FAILED}), **bucket).kind is Absent.NOT_READ
    assert absence(scan((ONE, GLOBAL), operation="s3:ListBuckets"), **bucket).kind is Absent.NOT_READ


def test_an_account_is_never_deleted_and_a_waiver_is_no_longer_asked() -> None:
    account = absence(scan(), region=GLOBAL, subject=f"aws:account:{ONE}", subject_type="account")
    assert account.kind is Absent.NOT_READ
    waiver = absence(scan(), region=GLOBAL, subject="waiver/W-1", subject_type="waiver")
    assert waiver.kind is Absent.REMOVED


def test_what_no_list_names_needs_every_read_of_its_place() -> None:
    strange = {"subject": "arn:aws:new:eu-west-1:111111111111:thing/1", "subject_type": "New"}
    assert absence(scan(), **strange).kind is Absent.DELETED
    assert absence(scan((ONE, HERE), operation="x:Y"), **strange).kind is Absent.NOT_READ


def test_what_the_scan_did_not_list_is_not_deleted() -> None:
    listed, other = (CollectedReads(("c",), (), (name,)) for name in ("ec2:DescribeVolumes", "ec2:DescribeX"))
    narrow, without = (
        replace(scan(), manifest=replace(scan().manifest, reads=each)) for each in (listed, other)
    )
    assert why(narrow) is Absent.DELETED
    assert why(without) is Absent.NOT_READ
    assert "ec2:DescribeVolumes was not collected" in absence(without).why


def test_notes_say_which_scan_left_something_out() -> None:
    whole = scan()
    narrow = replace(whole, manifest=replace(whole.manifest, reads=CollectedReads(("c", "d"), (), ("a:B",))))
    assert notes_of(narrow, narrow) == ()
    assert notes_of(whole, narrow) == (
        "NEW collected only what its controls need (c, d): what it left out is unknown.",
    )
    assert notes_of(narrow, whole)[0].startswith("OLD collected only")


def test_notes_say_what_differs() -> None:
    old = scan()
    assert notes_of(old, old) == ()
    manifest = replace(old.manifest, tool_version="2", scope=Scope(accounts=(ONE, TWO), regions=(HERE,)))
    defined = replace(CONTROL, require="y")
    new = replace(old, manifest=manifest, controls=(defined,), parameters={"c": {"days": 3}})
    result = " ".join(notes_of(old, new))
    for each in (
        "Accounts only in NEW: 222222222222.",
        "Regions only in OLD: eu-central-1.",
        "Controls whose definition changed: c.",
        "Controls whose parameters changed: c.",
        "The tool was",
    ):
        assert each in result
