"""Where recovery points lie, what jobs and restores came to, what is gone: rows of tiny bundles.

Rulings 3, 7, 9, 10 and 13 of the catalogue.
"""

import random
from pathlib import Path
from typing import Any

import pytest

from scanner.facts.build import FactsRequest, build_facts
from scanner.graph.cross_shard import load_spilled_rows
from scanner.model.facts import CopyActionFacts, RecoveryPointFacts, ResourceFacts
from scanner.model.known import Ternary
from tests.fakes.bundles import (
    ACCOUNT,
    AS_OF,
    FAR,
    OTHER,
    REGION,
    BundleBuilder,
    Facts,
    admits,
    copy_to,
    facts_of,
    instance_arn,
    inventories_of,
    plan_arn,
    plane_of,
    put_aside_by,
    refuse,
    rule,
    stamp,
    vault_arn,
    volume_arn,
    without,
)

VOLUME, INSTANCE = volume_arn("vol-1"), instance_arn("i-1")
AWAY = vault_arn("away", OTHER, FAR)
BUCKET = "arn:aws:s3:::data"
BY_DAILY = {"BackupPlanArn": plan_arn("plan"), "BackupRuleId": "rule-daily"}
COPY_ACTION = f"{plan_arn('plan')}#rule-daily->{AWAY}"
PROTECTED = "backup:DescribeProtectedResource"


@pytest.fixture
def bundle(tmp_path: Path) -> BundleBuilder:
    """Give a volume in a plan that copies into the vault of another account and Region."""
    built = BundleBuilder(tmp_path)
    shard = built.shard().volume("vol-1").vault("main")
    shard.plan("plan", rules=[rule(CopyActions=[copy_to(AWAY)])], selections=[{"Resources": [VOLUME]}])
    built.shard(OTHER, FAR).vault("away", policy=admits(ACCOUNT))
    return built


def resource(facts: Facts, arn: str = VOLUME) -> ResourceFacts:
    found = facts["resource"][arn]
    assert isinstance(found, ResourceFacts)
    return found


def places(facts: Facts, arn: str = VOLUME) -> list[tuple[str, str, float] | None]:
    return [
        None if place is None else (place.account, place.vault_name, place.age_hours)
        for place in resource(facts, arn).places
    ]


def job(key: str, number: int, hours_ago: float, **more: Any) -> dict[str, Any]:
    ended = stamp(hours_ago - 0.5)
    return {key: f"{key}-{number}", "CreationDate": stamp(hours_ago), "CompletionDate": ended, **more}


# Ruling 10: places


def test_a_copy_in_the_vault_of_another_account_is_found(bundle: BundleBuilder) -> None:
    bundle.shard().point("main", VOLUME, hours_ago=3)
    bundle.shard(OTHER, FAR).point("away", VOLUME, hours_ago=5).point("away", VOLUME, hours_ago=29)
    found = facts_of(bundle.write())
    assert places(found) == [(OTHER, "away", 5.0), (ACCOUNT, "main", 3.0)]
    assert [place.vault for place in resource(found).newest_recovery_points if place] == [vault_arn("main")]


def test_ruling_10_every_scanned_vault_that_lists_a_point_is_a_place(bundle: BundleBuilder) -> None:
    bundle.shard(OTHER, FAR).vault("other").point("other", VOLUME, hours_ago=24 * 60)
    bundle.shard(OTHER, REGION).vault("third").point("third", volume_arn("vol-2"))
    found = facts_of(bundle.write())
    assert places(found) == [(OTHER, "other", 24.0 * 60)]
    assert resource(found).newest_recovery_points == ()


def test_ruling_10_a_bucket_has_no_account_in_its_arn_and_is_found_in_every_vault(tmp_path: Path) -> None:
    bundle = BundleBuilder(tmp_path)
    bundle.account().bucket("data")
    bundle.shard().bucket_details("data")
    for account, region in ((ACCOUNT, FAR), (OTHER, REGION)):
        bundle.shard(account, region).vault("old").point("old", BUCKET, hours_ago=24 * 60)
    assert places(facts_of(bundle.write()), BUCKET) == [
        (ACCOUNT, "old", 24.0 * 60),
        (OTHER, "old", 24.0 * 60),
    ]


RESTORE_ACCESS = {"VaultType": "RESTORE_ACCESS_BACKUP_VAULT"}


@pytest.mark.parametrize(
    ("account", "ages", "expected"),
    [
        (ACCOUNT, (None, 3), (None,)),  # only a restore-access vault lists a backup
        (ACCOUNT, (30, 3), (30.0, None)),
        (ACCOUNT, (3, 30), (3.0, None)),
        (OTHER, (30, 3), (30.0,)),  # recency asks for the own account
    ],
)
def test_ruling_10_a_restore_access_vault_makes_nothing_pass(
    bundle: BundleBuilder, account: str, ages: tuple[int | None, int], expected: tuple[float | None, ...]
) -> None:
    plain, through = ages
    if plain is not None:
        bundle.shard().point("main", VOLUME, hours_ago=plain)
    bundle.shard(account).vault("access", **RESTORE_ACCESS).point("access", VOLUME, hours_ago=through)
    row = resource(facts_of(bundle.write()))
    points = row.newest_recovery_points
    recent = tuple(point.age_hours if point and point.absent is False else None for point in points)
    assert recent == expected
    assert row.places[-1] is None
    assert all(place.vault_name == "main" for place in row.places if place)
    assert row.survives_account_compromise is None
    assert "gives access to another vault" in row.survives_account_compromise_because
    assert row.three_two_one_one_zero.three_copies is None


def test_ruling_10_of_a_point_in_a_restore_access_vault_presence_is_not_known(bundle: BundleBuilder) -> None:
    bundle.shard().vault("access", **RESTORE_ACCESS).point("access", VOLUME, arn="a").point(
        "main", VOLUME, arn="b"
    )
    rows = facts_of(bundle.write())["recovery_point"]
    present = {arn: row.present for arn, row in rows.items() if isinstance(row, RecoveryPointFacts)}
    assert present == {"a": None, "b": True}


def test_a_vault_of_unread_type_may_only_give_access(bundle: BundleBuilder) -> None:
    bundle.shard().point("main", VOLUME, hours_ago=3, arn="a")
    facts = facts_of(bundle.write(refuse(bundle.lines(), "backup:ListBackupVaults")))
    assert all(point is None or point.absent is None for point in resource(facts).newest_recovery_points)
    assert resource(facts).newest_recovery_point.exists is None
    point = facts["recovery_point"]["a"]
    assert isinstance(point, RecoveryPointFacts)
    assert point.present is None
    assert any("ListBackupVaults" in note.reason for note in point.not_known if note.about == "present")


def test_a_copy_job_of_another_account_names_a_vault_too(bundle: BundleBuilder) -> None:
    third = vault_arn("third", OTHER, REGION)
    bundle.shard(OTHER, REGION).vault("third").point("third", VOLUME, hours_ago=7)
    bundle.shard(OTHER, FAR).listed(
        "backup:ListCopyJobs", job("CopyJobId", 1, 7, ResourceArn=VOLUME, DestinationBackupVaultArn=third)
    )
    assert places(facts_of(bundle.write())) == [(OTHER, "third", 7.0)]


def test_ruling_10_a_gap_in_another_vault_changes_nothing(bundle: BundleBuilder) -> None:
    bundle.shard(OTHER, FAR).vault("other")
    points = "backup:ListRecoveryPointsByBackupVault"
    lines = refuse(bundle.lines(), points, BackupVaultName="other")
    assert places(facts_of(bundle.write(lines))) == []
    lines = refuse(bundle.lines(), points, BackupVaultName="away")
    assert places(facts_of(bundle.write(lines))) == [None]
    lines = refuse(bundle.lines(), points, BackupVaultName="main")
    assert places(facts_of(bundle.write(lines))) == [None]


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("backup:ListCopyJobs", [None]),  # a job may name another vault
        ("backup:ListBackupPlans", [None]),
        ("backup:ListBackupJobs", []),
        ("ec2:DescribeInstances", []),
    ],
)
def test_what_was_not_read_in_the_own_shard_leaves_places_open(
    bundle: BundleBuilder, operation: str, expected: list[None]
) -> None:
    lines = bundle.lines()
    own = f"evidence/{ACCOUNT}/{REGION}"
    lines[own] = refuse({own: lines[own]}, operation)[own]
    assert places(facts_of(bundle.write(lines))) == expected


def test_a_destination_outside_the_scope_leaves_places_open(tmp_path: Path) -> None:
    built = BundleBuilder(tmp_path)
    shard = built.shard().volume("vol-1").vault("main").point("main", VOLUME)
    shard.plan("plan", rules=[rule(CopyActions=[copy_to(AWAY)])], selections=[{"Resources": [VOLUME]}])
    found = facts_of(built.write())
    assert places(found) == [(ACCOUNT, "main", 5.0), None]
    assert any(
        "outside the scope" in note.reason for note in resource(found).not_known if note.about == "places"
    )


def test_a_destination_that_does_not_exist_holds_nothing(bundle: BundleBuilder) -> None:
    gone = copy_to(vault_arn("gone", OTHER, FAR))
    bundle.shard().plan("more", rules=[rule(CopyActions=[gone])], selections=[{"Resources": [VOLUME]}])
    assert places(facts_of(bundle.write())) == []


def test_a_plan_that_may_cover_leaves_only_what_it_would_name_open(bundle: BundleBuilder) -> None:
    tagged = [{"ConditionType": "STRINGEQUALS", "ConditionKey": "a", "ConditionValue": "b"}]
    shard = bundle.shard().table("orders")
    shard.plan("more", rules=[rule(CopyActions=[copy_to(AWAY)])], selections=[{"ListOfTags": tagged}])
    table = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/orders"
    lines = refuse(bundle.lines(), "resourcegroupstaggingapi:GetResources")
    assert places(facts_of(bundle.write(lines)), table) == []  # the vault was read, and holds none of it
    bundle.shard(OTHER, FAR).point("away", table)
    lines = refuse(bundle.lines(), "resourcegroupstaggingapi:GetResources")
    assert places(facts_of(bundle.write(lines)), table) == [(OTHER, "away", 5.0)]
    lines = refuse(lines, "backup:ListRecoveryPointsByBackupVault", BackupVaultName="away")
    assert places(facts_of(bundle.write(lines)), table) == [None]  # it is not known what the plan names


def test_ruling_3_places_of_what_it_is_backed_up_through_count(bundle: BundleBuilder) -> None:
    attached: dict[str, Any] = {"Attachments": [{"InstanceId": "i-1", "State": "attached"}]}
    shard = bundle.shard().instance("i-1").volume("vol-2", **attached)
    shard.plan(
        "hosts", rules=[rule("host", CopyActions=[copy_to(AWAY)])], selections=[{"Resources": [INSTANCE]}]
    )
    bundle.shard(OTHER, FAR).point("away", INSTANCE, hours_ago=6)
    folder = bundle.write()
    assert places(facts_of(folder), volume_arn("vol-2")) == [(OTHER, "away", 6.0)]
    assert places(facts_of(folder, inherit=False), volume_arn("vol-2")) == []


def test_a_point_of_untold_status_leaves_its_place_open(bundle: BundleBuilder) -> None:
    away = bundle.shard(OTHER, FAR).point("away", VOLUME, hours_ago=9)
    away.point("away", VOLUME, hours_ago=3, Status=None)
    assert places(facts_of(bundle.write())) == [(OTHER, "away", 9.0), None]


def test_copies_of_a_bucket_are_found_by_its_arn_alone(tmp_path: Path) -> None:
    built = BundleBuilder(tmp_path)
    built.account().bucket("data")
    shard = built.shard().bucket_details("data").vault("main").point("main", BUCKET, hours_ago=2)
    shard.plan("plan", rules=[rule(CopyActions=[copy_to(AWAY)])], selections=[{"Resources": [BUCKET]}])
    built.shard(OTHER, FAR).vault("away").point("away", BUCKET, hours_ago=4)
    assert places(facts_of(built.write()), BUCKET) == [(OTHER, "away", 4.0), (ACCOUNT, "main", 2.0)]


def test_whether_a_place_is_air_gapped_is_told(bundle: BundleBuilder) -> None:
    gapped = bundle.shard().vault("gap", VaultType="LOGICALLY_AIR_GAPPED_BACKUP_VAULT").point("gap", VOLUME)
    described_vault = {"BackupVaultName": "gap"}
    gapped.call("backup:DescribeBackupVault", described_vault, BackupVaultName="gap").point("main", VOLUME)
    found = resource(facts_of(bundle.write()))
    assert {place.vault_name: place.air_gapped for place in found.places if place} == {
        "gap": True,
        "main": False,
    }
    assert found.air_gap_supported is True


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_shards_decides_nothing(bundle: BundleBuilder, seed: int) -> None:
    bundle.shard().point("main", VOLUME, hours_ago=3)
    for hours in (5, 9, 29):
        bundle.shard(OTHER, FAR).point("away", VOLUME, hours_ago=hours)
    bundle.shard(OTHER, REGION).vault("third").point("third", volume_arn("vol-gone"))
    folder = bundle.write()
    inventories = list(inventories_of(folder))
    random.Random(seed).shuffle(inventories)  # noqa: S311 -- an order, not a secret
    recall, request = put_aside_by(inventories), FactsRequest(as_of=AS_OF, affected_controls={})
    found = {
        row.subject: row
        for inventory in inventories
        for rows in build_facts(
            inventory, plane_of(folder), request, load_spilled_rows(inventory, recall)
        ).tables.values()
        for row in rows
    }
    assert found == {subject: row for rows in facts_of(folder).values() for subject, row in rows.items()}


# What is gone


def orphaned(facts: Facts, point: str) -> Ternary:
    found = facts["recovery_point"][point]
    assert isinstance(found, RecoveryPointFacts)
    return found.orphaned


def test_what_no_list_of_its_home_has_is_gone(bundle: BundleBuilder) -> None:
    shard = bundle.shard().point("main", VOLUME, arn="own").point("main", volume_arn("vol-gone"), arn="gone")
    shard.instance("i-1", State={"Name": "terminated"}).point("main", INSTANCE, arn="terminated")
    shard.point("main", "arn:aws:connect:eu-west-1:111111111111:instance/x", arn="strange")
    away = bundle.shard(OTHER, FAR).point("away", VOLUME, arn="copy")
    away.point("away", volume_arn("vol-gone"), arn="copy of gone")
    away.point("away", volume_arn("vol-1", "333333333333"), arn="unscanned")
    found = facts_of(bundle.write())
    expected = {"own": False, "gone": True, "terminated": True, "strange": None, "copy": False}
    expected |= {"copy of gone": True, "unscanned": None}
    assert {point: orphaned(found, point) for point in expected} == expected


def test_a_list_that_was_not_read_says_of_nothing_that_it_is_gone(bundle: BundleBuilder) -> None:
    bundle.shard().point("main", VOLUME, arn="own").point("main", INSTANCE, arn="instance")
    bundle.shard(OTHER, FAR).point("away", volume_arn("vol-gone"), arn="copy")
    own = f"evidence/{ACCOUNT}/{REGION}"
    lines = bundle.lines()
    lines[own] = refuse({own: lines[own]}, "ec2:DescribeVolumes")[own]
    found = facts_of(bundle.write(lines))
    assert [orphaned(found, point) for point in ("own", "instance", "copy")] == [None, True, None]
    lines[own] = []
    found = facts_of(bundle.write(lines))
    assert orphaned(found, "copy") is None


def test_a_bucket_is_looked_for_where_its_plan_or_its_copy_came_from(tmp_path: Path) -> None:
    built = BundleBuilder(tmp_path)
    built.account().bucket("data")
    built.shard().bucket_details("data").vault("main")
    away = built.shard(OTHER, FAR).vault("away").point("away", BUCKET, arn="exists")
    away.point("away", "arn:aws:s3:::old", arn="planned", CreatedBy=BY_DAILY)
    away.point("away", "arn:aws:s3:::old", arn="copied", SourceBackupVaultArn=vault_arn("main"))
    away.point("away", "arn:aws:s3:::old", arn="untold")
    found = facts_of(built.write())
    expected = {"exists": False, "planned": True, "copied": True, "untold": None}
    assert {point: orphaned(found, point) for point in expected} == expected
    lines = without(built.lines(), "s3:ListBuckets")
    assert orphaned(facts_of(built.write(lines)), "planned") is None


@pytest.mark.parametrize(
    ("scan", "expected"),
    [
        (None, (False, True)),
        ({"FailedScan": False, "Findings": []}, (True, True)),
        ({"FailedScan": True, "Findings": []}, (True, None)),
        ({"FailedScan": False}, (True, None)),
        ({"FailedScan": False, "Findings": None}, (True, None)),
        ({"Findings": []}, (True, None)),
        ({}, (True, None)),
        ({"FailedScan": True, "Findings": ["MALWARE"]}, (True, False)),
    ],
)
def test_what_scans_found(
    bundle: BundleBuilder, scan: dict[str, Any] | None, expected: tuple[bool, Ternary]
) -> None:
    told: dict[str, Any] = {} if scan is None else {"AggregatedScanResult": scan}
    bundle.shard().point("main", VOLUME, arn="p", **told)
    found = facts_of(bundle.write())["recovery_point"]["p"]
    assert isinstance(found, RecoveryPointFacts)
    assert (found.scanned, found.clean) == expected


# Jobs


def test_backup_jobs_of_the_last_30_days_the_newest_first(bundle: BundleBuilder) -> None:
    jobs = [
        job("BackupJobId", number, hours, ResourceArn=VOLUME, State=state)
        for number, (hours, state) in enumerate(
            [(29, "COMPLETED"), (5, "FAILED"), (1, "RUNNING"), (721, "COMPLETED")]
        )
    ]
    bundle.shard().listed("backup:ListBackupJobs", *jobs)
    found = resource(facts_of(bundle.write())).backup_jobs
    assert [(told.state, told.finished, told.failed, told.newest) for told in found if told] == [
        ("RUNNING", False, False, False),
        ("FAILED", True, True, True),
        ("COMPLETED", True, False, False),
    ]
    assert None not in found


def test_where_the_list_of_jobs_was_not_read_no_job_is_the_newest_for_sure(bundle: BundleBuilder) -> None:
    jobs = (job("BackupJobId", n, 5 + n, ResourceArn=VOLUME, State="FAILED") for n in range(3))
    bundle.shard().listed("backup:ListBackupJobs", *jobs)
    lines = bundle.lines()
    own = f"evidence/{ACCOUNT}/{REGION}"
    second_page = next(
        line for line in lines[own] if line["operation"] == "ListBackupJobs" and line["parameters"]
    )
    lines[own] = [line for line in lines[own] if line is not second_page]
    found = resource(facts_of(bundle.write(lines))).backup_jobs
    assert found[-1] is None
    assert [told.newest for told in found if told] == [None, False]


def test_what_aws_says_of_a_restore_and_its_validation_is_in_the_facts(bundle: BundleBuilder) -> None:
    row = {"SourceResourceArn": VOLUME, "Status": "COMPLETED", "StatusMessage": "restored"}
    row |= {"ValidationStatus": "FAILED", "ValidationStatusMessage": "no answer"}
    bundle.shard().listed("backup:ListRestoreJobs", job("RestoreJobId", 1, 8, **row))
    (restore,) = (row for row in resource(facts_of(bundle.write())).restores if row)
    assert (restore.validated, restore.message) == (False, "restored; no answer")


# (state, category, message, issues): facts 9, "Completed with issues"
REPORTED: tuple[tuple[str, str | None, str | None, str], ...] = (
    ("COMPLETED", None, None, ""),
    ("COMPLETED", None, "a message", ""),
    ("COMPLETED", "SUCCESS", "a message", ""),
    ("COMPLETED", "Success", None, ""),
    ("COMPLETED", "VSS_ERROR", "no VSS", "VSS_ERROR: no VSS"),
    ("COMPLETED", "TagCopyError", None, "TagCopyError"),
    ("FAILED", "ACCESS_DENIED", "no access", ""),
    ("PARTIAL", "MISCELLANEOUS", "half", ""),
)


@pytest.mark.parametrize(("state", "category", "message", "issues"), REPORTED)
def test_ruling_13_what_aws_reports_of_a_job_is_in_the_facts(
    bundle: BundleBuilder, state: str, category: str | None, message: str | None, issues: str
) -> None:
    row: dict[str, Any] = {"State": state, "MessageCategory": category, "StatusMessage": message}
    row |= {"ResourceArn": VOLUME, "CreatedBy": BY_DAILY}
    bundle.shard().listed("backup:ListBackupJobs", job("BackupJobId", 1, 8, **row))
    row |= {"DestinationBackupVaultArn": AWAY}
    bundle.shard().listed("backup:ListCopyJobs", job("CopyJobId", 1, 7, **row))
    found = facts_of(bundle.write())
    action = found["copy_action"][COPY_ACTION]
    assert isinstance(action, CopyActionFacts)
    rows = (*resource(found).backup_jobs, *resource(found).copy_jobs, *action.copy_jobs)
    reported = {(row.category, row.message, row.issues) for row in rows if row}
    assert len(rows) == 3
    assert reported == {(category or "", message or "", issues)}


def test_ruling_13_copy_jobs_belong_to_an_action_by_plan_rule_and_destination(bundle: BundleBuilder) -> None:
    ours: dict[str, Any] = {"ResourceArn": VOLUME, "DestinationBackupVaultArn": AWAY, "CreatedBy": BY_DAILY}
    by_hand = {**ours, "CreatedBy": None}
    other_rule = {**ours, "CreatedBy": {**BY_DAILY, "BackupRuleId": "rule-weekly"}}
    elsewhere = {**ours, "DestinationBackupVaultArn": vault_arn("main")}
    bundle.shard().listed(
        "backup:ListCopyJobs",
        job("CopyJobId", 1, 30, State="COMPLETED", **ours),
        job("CopyJobId", 2, 6, State="FAILED", StatusMessage="Access Denied", **ours),
        job("CopyJobId", 3, 1, State="RUNNING", **ours),
        *(
            job("CopyJobId", 4 + n, 2, State="COMPLETED", **each)
            for n, each in enumerate([by_hand, other_rule, elsewhere])
        ),
    )
    found = facts_of(bundle.write())["copy_action"][COPY_ACTION]
    assert isinstance(found, CopyActionFacts)
    (told,) = found.copy_jobs
    assert told is not None
    assert (told.resource, told.newest_age_hours, told.newest_succeeded) == (VOLUME, 6.0, False)
    assert (told.completed_age_hours, told.message) == (30.0, "Access Denied")


def test_a_copy_job_that_names_no_rule_belongs_to_that_of_its_backup_job(bundle: BundleBuilder) -> None:
    shard = bundle.shard().listed(
        "backup:ListBackupJobs",
        job("BackupJobId", 1, 8, ResourceArn=VOLUME, CreatedBy=BY_DAILY, State="COMPLETED"),
    )
    told = {"ResourceArn": VOLUME, "DestinationBackupVaultArn": AWAY, "CreatedByBackupJobId": "BackupJobId-1"}
    shard.listed("backup:ListCopyJobs", job("CopyJobId", 1, 7, State="COMPLETED", **told))
    found = facts_of(bundle.write())
    action = found["copy_action"][COPY_ACTION]
    assert isinstance(action, CopyActionFacts)
    assert [each and each.newest_succeeded for each in action.copy_jobs] == [True]
    (chain,) = resource(found).copy_jobs
    assert chain is not None
    assert (chain.age_hours, chain.succeeded, chain.behind) == (7.0, True, False)


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        ({"DestinationBackupVaultArn": None}, (None,)),
        ({"CreatedBy": {"BackupPlanArn": BY_DAILY["BackupPlanArn"]}}, (None,)),
        ({"CreatedBy": {"BackupPlanArn": f"{BY_DAILY['BackupPlanArn']}-other"}}, ()),
        ({"CreatedBy": None, "DestinationBackupVaultArn": None}, ()),
    ],
)
def test_a_copy_job_that_does_not_tell_its_rule_or_vault_may_be_of_an_action(
    bundle: BundleBuilder, lost: dict[str, Any], expected: tuple[None, ...]
) -> None:
    ours: dict[str, Any] = {"ResourceArn": VOLUME, "DestinationBackupVaultArn": AWAY, "CreatedBy": BY_DAILY}
    row = job("CopyJobId", 1, 7, State="COMPLETED", **(ours | lost))
    bundle.shard().listed("backup:ListCopyJobs", row)
    action = facts_of(bundle.write())["copy_action"][COPY_ACTION]
    assert isinstance(action, CopyActionFacts)
    assert action.copy_jobs == expected


def test_a_copy_job_without_its_vault_may_be_newer_than_any(bundle: BundleBuilder) -> None:
    ours: dict[str, Any] = {"ResourceArn": VOLUME, "DestinationBackupVaultArn": AWAY, "CreatedBy": BY_DAILY}
    done = job("CopyJobId", 1, 7, State="COMPLETED", **ours)
    lost = job("CopyJobId", 2, 1, State="FAILED", **(ours | {"DestinationBackupVaultArn": None}))
    bundle.shard().listed("backup:ListCopyJobs", done, lost)
    chains = resource(facts_of(bundle.write())).copy_jobs
    assert chains[-1] is None
    assert [chain.succeeded for chain in chains if chain and chain.destination == AWAY] == [None]


def test_a_copy_job_that_tells_only_its_plan_is_of_no_known_rule(bundle: BundleBuilder) -> None:
    by_plan = {"BackupPlanArn": BY_DAILY["BackupPlanArn"]}
    told: dict[str, Any] = {"ResourceArn": VOLUME, "DestinationBackupVaultArn": AWAY, "CreatedBy": by_plan}
    bundle.shard().listed("backup:ListCopyJobs", job("CopyJobId", 1, 7, State="FAILED", **told))
    (chain,) = resource(facts_of(bundle.write())).copy_jobs
    assert chain is not None
    assert (chain.rule, chain.destination, chain.succeeded) == ("", AWAY, False)


@pytest.mark.parametrize("older", ["by the rule", "by the plan"])
def test_a_copy_job_that_names_only_its_plan_may_be_newer_than_that_of_a_rule(
    bundle: BundleBuilder, older: str
) -> None:
    by_plan = {"CreatedBy": {"BackupPlanId": "plan"}}
    ours: dict[str, Any] = {"ResourceArn": VOLUME, "DestinationBackupVaultArn": AWAY, "CreatedBy": BY_DAILY}
    first, second = ({}, by_plan) if older == "by the rule" else (by_plan, {})
    rows = (
        job("CopyJobId", 1, 30, State="COMPLETED", **(ours | first)),
        job("CopyJobId", 2, 6, State="FAILED", **(ours | second)),
    )
    bundle.shard().listed("backup:ListCopyJobs", *rows)
    found = resource(facts_of(bundle.write()))
    assert {chain.rule: chain.succeeded for chain in found.copy_jobs if chain} == {
        "": None,
        f"{plan_arn('plan')}#rule-daily": None,
    }
    because = f"A copy job of {VOLUME} does not name the rule that it belongs to."
    assert because in [note.reason for note in found.not_known if note.about == "copy_jobs"]


def test_a_copy_job_that_a_backup_of_before_the_list_started_may_be_of_any_rule(
    bundle: BundleBuilder,
) -> None:
    told = {"ResourceArn": VOLUME, "DestinationBackupVaultArn": AWAY, "CreatedByBackupJobId": "long ago"}
    bundle.shard().listed("backup:ListCopyJobs", job("CopyJobId", 1, 7, State="COMPLETED", **told))
    action = facts_of(bundle.write())["copy_action"][COPY_ACTION]
    assert isinstance(action, CopyActionFacts)
    assert action.copy_jobs == (None,)


def test_a_copy_job_without_a_destination_leaves_places_open(bundle: BundleBuilder) -> None:
    bundle.shard().listed("backup:ListCopyJobs", job("CopyJobId", 1, 7, ResourceArn=VOLUME))
    assert places(facts_of(bundle.write())) == [None]


@pytest.mark.parametrize(
    ("copies", "expected"),
    [
        ([], None),  # no chain
        ([(20, "COMPLETED", "BackupJobId-1")], True),  # the newer backup was not copied
        ([(20, "COMPLETED", "BackupJobId-1"), (3, "FAILED", "BackupJobId-2")], True),
        ([(3, "RUNNING", "BackupJobId-2")], False),
        ([(3, "COMPLETED", "BackupJobId-2"), (2, "FAILED", "BackupJobId-1")], False),
        ([(3, None, "BackupJobId-2")], None),
    ],
)
def test_a_chain_is_behind_when_the_newest_backup_is_not_copied(
    bundle: BundleBuilder, copies: list[tuple[int, str | None, str]], expected: Ternary
) -> None:
    ours = {"ResourceArn": VOLUME, "CreatedBy": BY_DAILY}
    backups = (job("BackupJobId", n, 28 - 12 * n, State="COMPLETED", **ours) for n in (1, 2))
    shard = bundle.shard().listed("backup:ListBackupJobs", *backups)
    for number, (hours, state, backup) in enumerate(copies):
        told = {"DestinationBackupVaultArn": AWAY, "CreatedByBackupJobId": backup, "State": state}
        shard.listed("backup:ListCopyJobs", job("CopyJobId", number, hours, **ours, **told))
    chains = resource(facts_of(bundle.write())).copy_jobs
    assert [chain.behind for chain in chains if chain] == ([expected] if copies else [])


def test_copy_jobs_that_were_not_read_are_not_known(bundle: BundleBuilder) -> None:
    lines = refuse(bundle.lines(), "backup:ListCopyJobs")
    found = facts_of(bundle.write(lines))["copy_action"][COPY_ACTION]
    assert isinstance(found, CopyActionFacts)
    assert found.copy_jobs == (None,)
    assert any(note.about == "copy_jobs" for note in found.not_known)


# Ruling 9: restores


def restores(facts: Facts, arn: str = VOLUME) -> list[tuple[str, float | None, float | None] | None]:
    return [
        None if told is None else (told.state, told.age_days, told.minutes)
        for told in resource(facts, arn).restores
    ]


def described(bundle: BundleBuilder, **told: Any) -> None:
    shard = bundle.shard().listed(
        "backup:ListProtectedResources", {"ResourceArn": VOLUME, "ResourceType": "EBS"}
    )
    shard.call(PROTECTED, {"ResourceArn": VOLUME, **told}, ResourceArn=VOLUME)


def test_ruling_9_without_a_description_and_without_a_restore_nothing_is_known(bundle: BundleBuilder) -> None:
    assert restores(facts_of(bundle.write())) == [None]
    assert resource(facts_of(bundle.write())).type_restores == (None,)
    described(bundle)
    assert restores(facts_of(bundle.write())) == []
    assert resource(facts_of(bundle.write())).type_restores == ()


def test_ruling_9_the_newest_restore_is_described_however_long_ago(bundle: BundleBuilder) -> None:
    described(bundle, LatestRestoreExecutionTimeMinutes=45, LatestRestoreJobCreationDate=stamp(60 * 24))
    found = facts_of(bundle.write())
    assert restores(found) == [("COMPLETED", 60.0, 45)]
    assert [told and told.age_days for told in resource(found).type_restores] == [60.0]


def test_a_restore_that_is_listed_and_described_is_one(bundle: BundleBuilder) -> None:
    described(bundle, LatestRestoreExecutionTimeMinutes=30, LatestRestoreJobCreationDate=stamp(48))
    bundle.shard().listed(
        "backup:ListRestoreJobs", job("RestoreJobId", 1, 48, Status="COMPLETED", SourceResourceArn=VOLUME)
    )
    assert restores(facts_of(bundle.write())) == [("COMPLETED", 2.0, 30.0)]


@pytest.mark.parametrize(
    ("status", "validation", "expected"),
    [
        ("COMPLETED", None, (True, True, 30.0)),
        ("COMPLETED", "SUCCESSFUL", (True, True, 30.0)),
        ("COMPLETED", "FAILED", (True, False, 30.0)),
        ("COMPLETED", "TIMED_OUT", (True, False, 30.0)),
        ("COMPLETED", "VALIDATING", (True, False, 30.0)),
        ("RUNNING", None, (False, True, None)),
        ("ABORTED", None, (False, True, None)),
        (None, None, (None, True, None)),
    ],
)
def test_what_a_restore_came_to(
    bundle: BundleBuilder,
    status: str | None,
    validation: str | None,
    expected: tuple[Ternary, bool, float | None],
) -> None:
    told = {"Status": status, "ValidationStatus": validation, "SourceResourceArn": VOLUME}
    bundle.shard().listed("backup:ListRestoreJobs", job("RestoreJobId", 1, 48, **told))
    first = resource(facts_of(bundle.write())).restores[0]
    assert first is not None
    assert (first.completed, first.validated, first.minutes) == expected


def test_a_failed_restore_leaves_what_was_before_open(bundle: BundleBuilder) -> None:
    told = {"Status": "FAILED", "SourceResourceArn": VOLUME}
    bundle.shard().listed("backup:ListRestoreJobs", job("RestoreJobId", 1, 48, **told))
    assert restores(facts_of(bundle.write())) == [("FAILED", 2.0, None), None]
    described(bundle)
    assert restores(facts_of(bundle.write())) == [("FAILED", 2.0, None)]


def test_a_restore_in_another_account_counts_for_the_resource(bundle: BundleBuilder) -> None:
    away = bundle.shard(OTHER, FAR).point("away", VOLUME, arn="copy")
    told = {"Status": "COMPLETED", "RecoveryPointArn": "copy", "ResourceType": "EBS"}
    away.listed("backup:ListRestoreJobs", job("RestoreJobId", 1, 48, **told))
    found = facts_of(bundle.write())
    assert restores(found) == [("COMPLETED", 2.0, 30.0)]  # which resource it is of is told by the point alone
    assert [told and told.resource for told in resource(found).type_restores] == [VOLUME]


def test_the_restores_of_where_a_copy_lies_are_missed_when_they_were_not_read(bundle: BundleBuilder) -> None:
    described(bundle)
    lines = bundle.lines()
    there = f"evidence/{OTHER}/{FAR}"
    lines[there] = refuse({there: lines[there]}, "backup:ListRestoreJobs")[there]
    assert restores(facts_of(bundle.write(lines))) == []  # no copy lies there that could have been restored
    bundle.shard(OTHER, FAR).point("away", VOLUME)
    lines = bundle.lines()
    lines[there] = refuse({there: lines[there]}, "backup:ListRestoreJobs")[there]
    assert restores(facts_of(bundle.write(lines))) == [None]


def test_a_copy_that_is_gone_may_have_been_restored_where_it_lay(bundle: BundleBuilder) -> None:
    described(bundle)
    told = {"ResourceArn": VOLUME, "DestinationBackupVaultArn": AWAY, "State": "COMPLETED"}
    bundle.shard().listed("backup:ListCopyJobs", job("CopyJobId", 1, 48, **told))
    assert restores(facts_of(bundle.write())) == []
    lines = bundle.lines()
    there = f"evidence/{OTHER}/{FAR}"
    lines[there] = refuse({there: lines[there]}, "backup:ListRestoreJobs")[there]
    assert restores(facts_of(bundle.write(lines))) == [None]


def test_a_copy_outside_the_scope_may_have_been_restored_there(bundle: BundleBuilder) -> None:
    described(bundle)
    outside = vault_arn("outside", "999999999999", FAR)
    told = {"ResourceArn": VOLUME, "DestinationBackupVaultArn": outside, "State": "COMPLETED"}
    bundle.shard().listed("backup:ListCopyJobs", job("CopyJobId", 1, 48, **told))
    assert restores(facts_of(bundle.write())) == [None]


@pytest.mark.parametrize("operation", ["backup:ListBackupPlans", "backup:GetBackupPlan"])
def test_a_copy_of_an_unread_rule_may_have_been_restored_anywhere(
    bundle: BundleBuilder, operation: str
) -> None:
    described(bundle)
    assert restores(facts_of(bundle.write())) == []
    assert restores(facts_of(bundle.write(refuse(bundle.lines(), operation)))) == [None]


def test_restores_by_type_are_those_of_all_resources_of_the_type(bundle: BundleBuilder) -> None:
    shard = bundle.shard().volume("vol-2").instance("i-1")
    told = {"SourceResourceArn": volume_arn("vol-2"), "ResourceType": "EBS", "Status": "COMPLETED"}
    shard.listed("backup:ListRestoreJobs", *(job("RestoreJobId", n, 24 * n, **told) for n in (1, 2, 3)))
    found = facts_of(bundle.write())
    assert restores(found) == [None]
    assert [told and told.age_days for told in resource(found).type_restores] == [1.0]
    assert resource(found, INSTANCE).type_restores == (None,)
    shard.listed("backup:ListProtectedResources", {"ResourceArn": INSTANCE, "ResourceType": "EC2"})
    shard.call(PROTECTED, {"ResourceArn": INSTANCE}, ResourceArn=INSTANCE)
    assert resource(facts_of(bundle.write()), INSTANCE).type_restores == ()
    lines = refuse(bundle.lines(), "backup:ListProtectedResources")
    assert resource(facts_of(bundle.write(lines)), INSTANCE).type_restores == (None,)


def test_links_that_like_resources_share_rest_on_no_one_of_them(bundle: BundleBuilder) -> None:
    shard = bundle.shard().volume("vol-2")
    shard.plan(
        "both",
        rules=[rule(CopyActions=[copy_to(AWAY)])],
        selections=[{"Resources": [VOLUME, volume_arn("vol-2")]}],
    )
    found = facts_of(bundle.write())
    rows = [resource(found), resource(found, volume_arn("vol-2"))]
    own = {(one.file, one.line) for row in rows for one in row.evidence if not one.about}
    told = [link for row in rows for copy in row.copy_links if copy for link in copy.links]
    assert "image may leave the account" in {link.name for link in told}
    assert own
    assert not own & {(one.file, one.line) for link in told for one in link.evidence}
