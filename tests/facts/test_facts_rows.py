"""What the fact rows say of tiny bundles: places, ages, locks, copies, missing reads."""

import json
from pathlib import Path
from typing import Any, TypeVar

import pytest

from scanner.model.facts import (
    FOREVER_DAYS,
    AccountRegionFacts,
    CopyActionFacts,
    PlanFacts,
    RecoveryPointFacts,
    ResourceFacts,
    Row,
    VaultFacts,
)
from tests.fakes.bundles import (
    ACCOUNT,
    FAR,
    OTHER,
    REGION,
    BundleBuilder,
    Facts,
    admits,
    copy_to,
    facts_of,
    instance_arn,
    key_arn,
    plan_arn,
    refuse,
    rule,
    stamp,
    table_arn,
    vault_arn,
    volume_arn,
    without,
)

R = TypeVar("R", bound=Row)
VOLUME = volume_arn("vol-1")
ATTACHED: dict[str, Any] = {"Attachments": [{"InstanceId": "i-1", "State": "attached"}]}


@pytest.fixture
def bundle(tmp_path: Path) -> BundleBuilder:
    built = BundleBuilder(tmp_path)
    built.shard()
    return built


def row(facts: Facts, table: str, subject: str, kind: type[R]) -> R:
    found = facts[table][subject]
    assert isinstance(found, kind)
    return found


def resource(facts: Facts, arn: str = VOLUME) -> ResourceFacts:
    return row(facts, "resource", arn, ResourceFacts)


def ages(found: ResourceFacts) -> list[tuple[str, float] | None]:
    return [
        None if place is None else (place.vault.rpartition(":")[2], place.age_hours)
        for place in found.newest_recovery_points
    ]


# Ruling 10: for recency only the vaults of the resource's own account and Region count


def test_the_newest_usable_point_of_each_vault_counts(bundle: BundleBuilder) -> None:
    shard = bundle.shard().volume("vol-1").vault("a").vault("b").vault("c")
    shard.point("a", VOLUME, hours_ago=30).point("a", VOLUME, hours_ago=6).point(
        "a", VOLUME, hours_ago=2, Status="PARTIAL"
    )
    shard.point("b", VOLUME, hours_ago=40).point("c", volume_arn("vol-2"), hours_ago=1)
    bundle.shard(ACCOUNT, FAR).vault("far").point("far", VOLUME, hours_ago=1)
    found = resource(facts_of(bundle.write()))
    assert ages(found) == [("a", 6.0), ("b", 40.0)]
    newest = found.newest_recovery_point
    assert (newest.exists, newest.age_hours, newest.vault) == (True, 6.0, vault_arn("a"))


def test_without_a_point_there_is_none_and_that_is_known(bundle: BundleBuilder) -> None:
    bundle.shard().volume("vol-1").vault("a")
    found = resource(facts_of(bundle.write()))
    assert (found.newest_recovery_points, found.newest_recovery_point.exists) == ((), False)


@pytest.mark.parametrize("read", ["backup:ListBackupVaults", "backup:ListRecoveryPointsByBackupVault"])
def test_a_vault_that_was_not_read_ends_the_list(bundle: BundleBuilder, read: str) -> None:
    bundle.shard().volume("vol-1").vault("a")
    found = resource(facts_of(bundle.write(refuse(bundle.lines(), read))))
    assert (found.newest_recovery_points, found.newest_recovery_point.exists) == ((None,), None)
    assert {note.about for note in found.not_known} >= {"newest_recovery_points", "newest_recovery_point"}


def test_a_gap_in_another_region_changes_nothing(bundle: BundleBuilder) -> None:
    bundle.shard().volume("vol-1").vault("a").point("a", VOLUME)
    bundle.shard(ACCOUNT, FAR)
    lines = {stem: of_file for stem, of_file in bundle.lines().items() if FAR not in stem}
    assert ages(resource(facts_of(bundle.write(lines)))) == [("a", 5.0)]


def test_a_point_that_may_be_usable_ends_the_list(bundle: BundleBuilder) -> None:
    bundle.shard().volume("vol-1").vault("a").point("a", VOLUME, Status=None)
    assert ages(resource(facts_of(bundle.write()))) == [None]


@pytest.mark.parametrize(
    ("inherit", "selected", "expected"), [(True, True, [("a", 3.0)]), (False, True, []), (True, False, [])]
)
def test_backups_of_the_instance_count_where_coverage_is_inherited(
    bundle: BundleBuilder, *, inherit: bool, selected: bool, expected: list[Any]
) -> None:
    shard = bundle.shard().instance("i-1").volume("vol-1", **ATTACHED).vault("a")
    shard.point("a", instance_arn("i-1"), hours_ago=3)
    names = [instance_arn("i-1")] if selected else [instance_arn("i-2")]
    shard.plan("p", rules=[rule(vault="a")], selections=[{"Resources": names}])
    assert ages(resource(facts_of(bundle.write(), inherit=inherit))) == expected


def test_backups_of_an_instance_that_may_cover_keep_the_list_open(bundle: BundleBuilder) -> None:
    shard = bundle.shard().instance("i-1").volume("vol-1", **ATTACHED).vault("a")
    shard.point("a", instance_arn("i-1"), hours_ago=3).point("a", VOLUME, hours_ago=60)
    shard.plan("p", rules=[rule(vault="a")], selections=[{"Resources": [instance_arn("i-1")]}])
    for read in ("backup:GetBackupSelection", "ec2:DescribeInstances", "backup:ListBackupPlans"):
        assert ages(resource(facts_of(bundle.write(refuse(bundle.lines(), read))))) == [("a", 60.0), None]


# Population


@pytest.mark.parametrize(
    ("fields", "assessable", "because"),
    [
        ({"State": "in-use"}, True, ""),
        ({"State": "deleting"}, False, "AWS Backup does not back up resources in this state (deleting)."),
        ({"State": None}, None, ""),
        (
            {"Tags": [{"Key": "awsbackup-restore-test", "Value": ""}]},
            False,
            "A restore test created this resource",
        ),
    ],
)
def test_who_is_judged(
    bundle: BundleBuilder, *, fields: dict[str, Any], assessable: bool | None, because: str
) -> None:
    bundle.shard().volume("vol-1", **fields)
    found = resource(facts_of(bundle.write()))
    assert found.assessable is assessable
    assert found.not_applicable_because.startswith(because)
    assert bool(found.not_applicable_because) is bool(because)


def test_a_bucket_without_versions_is_judged_and_named(bundle: BundleBuilder) -> None:
    bundle.account().bucket("b")
    bundle.shard().bucket_details("b", versioned=False)
    found = resource(facts_of(bundle.write()), "arn:aws:s3:::b")
    assert (found.assessable, found.versioned, found.key_kind) == (True, False, "aws_owned")


# Plans, points, vaults


def test_rules_tell_rhythm_and_retention(bundle: BundleBuilder) -> None:
    bundle.shard().plan("p", rules=[rule(), rule("ever", days=None, ScheduleExpression="rate(1 day)")])
    found = row(facts_of(bundle.write()), "plan", plan_arn("p"), PlanFacts)
    assert [
        (each.max_gap_hours, each.retention_days, each.keeps_forever) for each in found.rules if each
    ] == [
        (24.0, 35, False),
        (999_999.0, FOREVER_DAYS, True),
    ]
    blind = facts_of(bundle.write(without(bundle.lines(), "backup:GetBackupPlan")))
    assert row(blind, "plan", plan_arn("p"), PlanFacts).rules == (None,)


def test_recovery_points(bundle: BundleBuilder) -> None:
    shard = bundle.shard().vault("a").point("a", VOLUME, arn="kept")
    shard.point("a", VOLUME, arn="ever", Lifecycle=None, CreationDate=stamp(-5))
    shard.point("a", VOLUME, arn="x:continuous:y", Lifecycle={}, Status="AVAILABLE", IsEncrypted=None)
    shard.point("a", VOLUME, arn="brief", Lifecycle={"DeleteAfterEvent": "DELETE_AFTER_COPY"})
    found = facts_of(bundle.write())
    kept, ever, flow, brief = (
        row(found, "recovery_point", arn, RecoveryPointFacts)
        for arn in ("kept", "ever", "x:continuous:y", "brief")
    )
    assert (kept.retention_days, kept.keeps_forever, kept.age_hours, kept.usable) == (35, False, 5.0, True)
    assert (ever.retention_days, ever.keeps_forever, ever.age_hours) == (FOREVER_DAYS, True, 0.0)
    assert (flow.retention_days, flow.keeps_forever, flow.age_hours, flow.encrypted) == (
        None,
        None,
        0.0,
        None,
    )
    assert (brief.temporary, bool(brief.not_applicable_because)) == (True, True)


@pytest.mark.parametrize(
    ("fields", "mode", "grace", "by"),
    [
        ({"Locked": False}, "none", "", ""),
        ({"Locked": True}, "governance", "", ""),
        ({"Locked": True, "LockDate": stamp(-24)}, "governance", "2026-11-23T18:00:00Z", ""),
        ({"Locked": True, "LockDate": stamp(24)}, "compliance", "", "compliance_lock"),
        ({"VaultType": "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"}, "compliance", "", "air_gapped"),
    ],
)
def test_locks_of_vaults(
    bundle: BundleBuilder, fields: dict[str, Any], mode: str, grace: str, by: str
) -> None:
    bundle.shard().vault("a", **fields)
    found = row(facts_of(bundle.write()), "vault", vault_arn("a"), VaultFacts)
    assert (found.lock_mode, found.lock_grace_until, found.protected_by) == (mode, grace, by)
    limits = (None, None) if by == "air_gapped" else (0, FOREVER_DAYS)  # which an air-gapped one always has
    assert (found.min_retention_days, found.max_retention_days) == limits
    assert (found.has_recovery_points, found.targeted, found.has_policy) == (False, False, False)


def test_a_vaults_guards_are_unknown_without_its_policy(bundle: BundleBuilder) -> None:
    deny = {"Effect": "Deny", "Principal": "*", "Action": "backup:DeleteRecoveryPoint", "Resource": "*"}
    bundle.shard().vault("a", policy=json.dumps({"Statement": [deny]}))
    guards = row(facts_of(bundle.write()), "vault", vault_arn("a"), VaultFacts).deletion_guards
    assert [guard.denied for guard in guards] == [True, False, False, False]
    blind = facts_of(bundle.write(refuse(bundle.lines(), "backup:GetBackupVaultAccessPolicy")))
    found = row(blind, "vault", vault_arn("a"), VaultFacts)
    assert (found.has_policy, {guard.denied for guard in found.deletion_guards}) == (None, {None})


# Copy actions


def test_a_copy_action_tells_whom_it_covers_and_what_is_in_the_way(bundle: BundleBuilder) -> None:
    bundle.organization(ACCOUNT, OTHER)
    shard = bundle.shard().key("theirs", "AWS").volume("vol-1", Encrypted=True, KmsKeyId=key_arn("theirs"))
    away = vault_arn("away", OTHER, FAR)
    shard.plan("p", rules=[rule(CopyActions=[copy_to(away), copy_to(away)])], selections=[{}])
    bundle.shard(OTHER, FAR).vault("away", policy=admits(ACCOUNT), key=key_arn("k", OTHER, FAR)).key("k")
    subject = f"{plan_arn('p')}#rule-daily->{away}"
    found = row(facts_of(bundle.write()), "copy_action", subject, CopyActionFacts)
    assert (found.cross_account, found.cross_region, found.destination_exists) == (True, True, True)
    assert (found.covers_resources, found.retention_days) == (True, 35)
    assert [(each.resource, each.key) for each in found.blocked] == [(VOLUME, key_arn("theirs"))]
    assert [(each.resource, each.key_kind) for each in found.covered_keys if each] == [
        (VOLUME, "aws_managed")
    ]
    (copy,) = resource(facts_of(bundle.write())).copies
    assert copy is not None
    assert (copy.effective, "AWS managed key" in copy.reason) == (False, True)
    assert copy.distance_km == 1088
    blind = facts_of(bundle.write(refuse(bundle.lines(), "ec2:DescribeVolumes")))
    open_ = row(blind, "copy_action", subject, CopyActionFacts)
    assert (open_.covers_resources, open_.covered_keys) == (None, (None,))


def test_how_far_away_a_region_without_a_named_place_is_is_not_known(bundle: BundleBuilder) -> None:
    away = vault_arn("away", region="me-west-1")
    bundle.shard().volume("vol-1").plan("p", rules=[rule(CopyActions=[copy_to(away)])], selections=[{}])
    bundle.shard(region="me-west-1").vault("away")
    found = resource(facts_of(bundle.write()))
    (copy,) = found.copies
    assert copy is not None
    assert copy.distance_km is None
    notes = {note.about: note.reason for note in found.not_known}
    assert (
        notes["copies.distance_km"]
        == "The distance to me-west-1 is unknown: AWS publishes no location for one of the two Regions."
    )


def test_an_air_gapped_target_is_a_copy_action(bundle: BundleBuilder) -> None:
    air = vault_arn("air")
    shard = (
        bundle.shard()
        .volume("vol-1")
        .vault("air", VaultType="LOGICALLY_AIR_GAPPED_BACKUP_VAULT", MinRetentionDays=40)
    )
    shard.plan("p", rules=[rule(TargetLogicallyAirGappedBackupVaultArn=air)], selections=[{}])
    found = facts_of(bundle.write())
    result = row(found, "copy_action", f"{plan_arn('p')}#rule-daily->{air}", CopyActionFacts)
    assert (result.kind, result.destination_air_gapped) == ("air_gapped_target", True)
    (copy,) = resource(found).copies
    assert copy is not None
    assert (copy.kind, copy.effective) == ("air_gapped_target", False)  # 35 days are below its minimum


# Missing reads


def missing(facts: Facts, account: str = ACCOUNT, region: str = REGION) -> set[tuple[str, str, str]]:
    found = row(facts, "account_region", f"aws:account-region:{account}/{region}", AccountRegionFacts)
    return {(each.operation, each.about, each.kind) for each in found.missing_reads or ()}


def test_missing_reads_are_those_that_a_control_needs(bundle: BundleBuilder) -> None:
    bundle.shard().volume("vol-1")
    lines = refuse(bundle.lines(), "ec2:DescribeVolumes")
    assert missing(facts_of(bundle.write(lines), blinds=["ec2:DescribeVolumes"])) == {
        ("ec2:DescribeVolumes", "", "refused")
    }
    assert missing(facts_of(bundle.write(lines), blinds=["ec2:DescribeInstances"])) == set()


def test_a_gap_is_missed_where_it_lies_and_one_of_the_organisation_by_all(bundle: BundleBuilder) -> None:
    bundle.organization(ACCOUNT, OTHER)
    away = vault_arn("v", OTHER, FAR)
    bundle.shard().volume("vol-1").plan("p", rules=[rule(CopyActions=[copy_to(away)])], selections=[{}])
    bundle.shard(OTHER, FAR).vault("v", policy=admits(ACCOUNT), EncryptionKeyType="CUSTOMER_MANAGED_KMS_KEY")
    lines, far = bundle.lines(), f"evidence/{OTHER}/{FAR}"
    vaults = "backup:ListBackupVaults"
    found = facts_of(bundle.write(lines | refuse({far: lines[far]}, vaults)), blinds=[vaults])
    assert (missing(found), missing(found, OTHER, FAR)) == (set(), {(vaults, "", "refused")})
    setting = "backup:DescribeGlobalSettings"
    found = facts_of(bundle.write(refuse(lines, setting)), blinds=[setting])
    assert missing(found) == {(setting, "", "refused")}


def test_a_bucket_without_a_region_is_missed_in_every_region(bundle: BundleBuilder) -> None:
    bundle.account().bucket("lost", None)
    bundle.shard(ACCOUNT, FAR)
    found = facts_of(bundle.write(), blinds=["s3:ListBuckets"])
    for region in (REGION, FAR):
        assert missing(found, region=region) == {("s3:ListBuckets", "lost", "not reported")}


def test_where_nobody_tells_of_a_lock_nobody_tells_its_limits(bundle: BundleBuilder) -> None:
    bundle.shard().vault("v", Locked=None)
    found = row(facts_of(bundle.write()), "vault", vault_arn("v"), VaultFacts)
    assert (found.lock_mode, found.min_retention_days, found.max_retention_days) == (None, None, None)
    assert {each.about for each in found.not_known} >= {"min_retention_days", "max_retention_days"}


@pytest.mark.parametrize(
    ("settings", "incremental"),
    [
        ({"incremental": True}, "always"),
        ({"incremental": False}, "never"),
        ({"incremental": True, "managed": False}, "never"),
        ({}, None),
    ],
)
def test_whether_backups_of_a_table_are_incremental(
    bundle: BundleBuilder, settings: dict[str, bool], incremental: str | None
) -> None:
    bundle.shard().settings(**settings).table("t").volume("vol-1")
    facts = facts_of(bundle.write())
    found = resource(facts, table_arn("t"))
    assert found.incremental == incremental
    assert ("incremental" in {note.about for note in found.not_known}) is (incremental is None)
    assert resource(facts).incremental == "always"
