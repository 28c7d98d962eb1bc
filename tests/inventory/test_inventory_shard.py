"""Lists, plans, vaults, keys and jobs of a shard, and what is missing of them."""

from typing import Any

import pytest

from scanner.errors import BundleError
from scanner.evidence.answers import Answers
from scanner.inventory.reconcile import reconcile
from scanner.inventory.shard import parse_shard
from scanner.model.inventory import (
    KeyKind,
    Lifecycle,
    SelectionTerms,
    ShardInventory,
    ShardStatus,
    TagCondition,
)
from scanner.model.known import GapKind, Known, Unread
from scanner.model.names import AWS_GLOBAL, AccountId, RegionName, Shard
from tests.fakes.bundles import (
    ACCOUNT,
    FAR,
    LISTS,
    OTHER,
    REGION,
    Line,
    ShardScript,
    answers_of,
    copy_to,
    key_arn,
    parsed,
    plan_arn,
    rule,
    vault_arn,
    volume_arn,
)

NOTHING = Answers(Shard(AccountId(ACCOUNT), AWS_GLOBAL), ())


def shard() -> ShardScript:
    return ShardScript(ACCOUNT, REGION)


def of_lines(
    lines: list[Line], status: ShardStatus = ShardStatus.PARTIAL, account: Answers = NOTHING
) -> ShardInventory:
    return parse_shard(answers_of(lines), account, status)


# Lists


@pytest.mark.parametrize(
    ("name", "parameters", "whole"),
    [
        ("ec2:DescribeVolumes", {"MaxResults": 5}, True),
        ("ec2:DescribeVolumes", {"Filters": []}, True),
        ("ec2:DescribeVolumes", {"Filters": None, "DryRun": False}, True),
        ("ec2:DescribeVolumes", {"Filters": [{"Name": "state"}]}, False),
        ("ec2:DescribeVolumes", {"VolumeIds": ["vol-1"]}, False),
        ("backup:ListBackupPlans", {"IncludeDeleted": True}, True),
        ("backup:ListBackupJobs", {"ByState": "FAILED"}, False),
        ("backup:ListBackupJobs", {"ByAccountId": "*"}, False),
        ("backup:ListBackupVaults", {"ByVaultType": "BACKUP_VAULT"}, False),
        ("rds:DescribeDBClusters", {"IncludeShared": False, "MaxRecords": 20}, True),
        ("rds:DescribeDBInstances", {"DBInstanceIdentifier": "d"}, False),
        ("efs:DescribeFileSystems", {"FileSystemId": "fs-1"}, False),
    ],
)
def test_a_narrowed_list_never_counts_as_complete(
    name: str, parameters: dict[str, Any], *, whole: bool
) -> None:
    script = shard().call(name, {LISTS[name][0]: []}, **parameters)
    found = parsed(script).lists[name]
    assert isinstance(found, Known) is whole
    if isinstance(found, Unread):
        assert found.gap.kind is GapKind.NEVER_ASKED


def test_a_narrowed_list_still_says_what_exists() -> None:
    found = parsed(
        shard().call("ec2:DescribeVolumes", {"Volumes": [{"VolumeId": "vol-1"}]}, VolumeIds=["vol-1"])
    )
    assert [resource.arn for resource in found.resources] == [volume_arn("vol-1")]


def test_a_whole_list_beside_a_refused_narrow_one_is_whole() -> None:
    script = (
        shard().listed("ec2:DescribeVolumes").call("ec2:DescribeVolumes", error="AccessDenied", Filters=[{}])
    )
    assert isinstance(parsed(script).lists["ec2:DescribeVolumes"], Known)


def test_an_empty_shard_misses_every_list() -> None:
    found = of_lines([])
    assert all(isinstance(reading, Unread) for reading in found.lists.values())
    assert {gap.operation for gap in found.gaps} == set(found.lists)
    assert {gap.region for gap in found.gaps} == {REGION}
    assert isinstance(found.settings, Unread)


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        (ShardStatus.COMPLETE, ShardStatus.PARTIAL),
        (ShardStatus.PARTIAL, ShardStatus.PARTIAL),
        (ShardStatus.FAILED, ShardStatus.FAILED),
        (ShardStatus.MISSING, ShardStatus.MISSING),
    ],
)
def test_what_the_evidence_shows_counts_for_more_than_the_record(
    recorded: ShardStatus, expected: ShardStatus
) -> None:
    assert of_lines([], recorded).status is expected


def test_a_whole_shard_is_complete_whatever_the_record_says() -> None:
    lines = list(shard().complete().lines())
    account = answers_of(ShardScript(ACCOUNT, "aws-global").complete().lines(), ACCOUNT, "aws-global")
    assert of_lines(lines, ShardStatus.PARTIAL, account).status is ShardStatus.COMPLETE


def test_a_region_that_is_not_enabled_is_no_gap() -> None:
    assert of_lines([], ShardStatus.SKIPPED).gaps == ()
    regions = {"Regions": [{"RegionName": REGION, "OptInStatus": "not-opted-in"}]}
    account = ShardScript(ACCOUNT, "aws-global").call("ec2:DescribeRegions", regions, AllRegions=True)
    found = of_lines([], ShardStatus.MISSING, answers_of(account.lines(), ACCOUNT, "aws-global"))
    assert (found.status, found.gaps) == (ShardStatus.SKIPPED, ())


def test_an_account_that_could_not_be_entered_says_so_once_and_for_every_list() -> None:
    script = shard().call("sts:AssumeRole", error="AccessDenied", RoleArn="r", RoleSessionName="one")
    found = of_lines(list(script.lines()), ShardStatus.FAILED)
    (gap,) = found.gaps
    assert (gap.operation, gap.about, gap.kind, gap.region) == (
        "sts:AssumeRole",
        "r",
        GapKind.REFUSED,
        REGION,
    )
    assert gap.sentence().startswith(
        f"Account {ACCOUNT} could not be entered: sts:AssumeRole of r was refused"
    )
    assert "(AccessDenied" in gap.sentence()
    assert set(found.lists.values()) == {Unread(gap)}


def test_a_region_without_evidence_of_an_account_that_could_not_be_entered_says_so_too() -> None:
    closed = ShardScript(ACCOUNT, "aws-global").call("sts:AssumeRole", error="AccessDenied", RoleArn="r")
    found = of_lines([], ShardStatus.MISSING, answers_of(closed.lines(), ACCOUNT, "aws-global"))
    assert [(gap.operation, gap.region) for gap in found.gaps] == [("sts:AssumeRole", REGION)]


def test_a_role_that_was_assumed_at_another_try_hides_nothing() -> None:
    script = shard().call("sts:AssumeRole", error="AccessDenied", RoleArn="r", RoleSessionName="one")
    assert [resource.arn for resource in parsed(script.volume("vol-1")).resources] == [volume_arn("vol-1")]


def test_region_settings() -> None:
    found = parsed(shard().settings(EBS=False, managed=False)).settings
    assert isinstance(found, Known)
    assert (found.value.opt_in["EBS"], found.value.opt_in["EC2"], found.value.management["DynamoDB"]) == (
        False,
        True,
        False,
    )
    assert found.value.incremental is None  # as recorded by a client that does not know the member
    opted_in = parsed(shard().settings(incremental=True)).settings
    assert isinstance(opted_in, Known)
    assert opted_in.value.incremental == {"DynamoDB": True}
    refused = parsed(shard().call("backup:DescribeRegionSettings", error="AccessDeniedException"))
    assert isinstance(refused.settings, Unread)
    with pytest.raises(BundleError, match="ResourceTypeOptInPreference"):
        parsed(
            shard().call("backup:DescribeRegionSettings", {"ResourceTypeOptInPreference": {"EBS": "true"}})
        )


# Plans


def test_a_plan_with_all_its_parts() -> None:
    copies = [copy_to(vault_arn("far", ACCOUNT, FAR), 90), {**copy_to(vault_arn("x")), "Lifecycle": None}]
    result = rule(
        days=35,
        CopyActions=copies,
        EnableContinuousBackup=True,
        ScheduleExpressionTimezone="Europe/Berlin",
        TargetLogicallyAirGappedBackupVaultArn=vault_arn("air"),
    )
    (plan,) = parsed(shard().plan("p", rules=[result], selections=[{}, {}])).plans
    assert isinstance(plan.rules, Known)
    (found,) = plan.rules.value
    assert (found.continuous, found.timezone, found.lifecycle) == (True, "Europe/Berlin", Lifecycle(35))
    assert [
        (each.destination, each.lifecycle.delete_after_days, each.air_gapped) for each in found.copies
    ] == [
        (vault_arn("far", ACCOUNT, FAR), 90, False),
        (vault_arn("x"), None, False),
        (vault_arn("air"), 35, True),
    ]
    assert isinstance(plan.selections, Known)
    assert [selection.id for selection in plan.selections.value] == ["s1", "s2"]
    assert plan.from_organization is False


def test_minus_one_and_null_keep_for_ever() -> None:
    lifecycles: list[Any] = [
        {"DeleteAfterDays": -1, "MoveToColdStorageAfterDays": -1},
        {"DeleteAfterDays": None},
        None,
    ]
    for lifecycle in lifecycles:
        (plan,) = parsed(shard().plan("p", rules=[rule(days=None, Lifecycle=lifecycle)])).plans
        assert isinstance(plan.rules, Known)
        assert plan.rules.value[0].lifecycle == Lifecycle()


def terms_of(terms: dict[str, Any]) -> SelectionTerms:
    (plan,) = parsed(shard().plan("p", selections=[terms])).plans
    assert isinstance(plan.selections, Known)
    (selection,) = plan.selections.value
    assert isinstance(selection.terms, Known)
    return selection.terms.value


def test_a_selection_with_all_its_parts() -> None:
    entry = {"ConditionKey": "aws:ResourceTag/a", "ConditionValue": "b"}
    found = terms_of(
        {
            "Resources": ["r"],
            "NotResources": ["n"],
            "ListOfTags": [{"ConditionType": "STRINGEQUALS", "ConditionKey": "k", "ConditionValue": "v"}],
            "Conditions": {"StringLike": [entry], "StringNotEquals": [entry], "StringEquals": None},
            "IamRoleArn": "role",
        }
    )
    assert (found.resources, found.not_resources, found.role) == (("r",), ("n",), "role")
    assert found.list_of_tags == (TagCondition("StringEquals", "k", "v"),)
    assert {condition.operator for condition in found.conditions} == {"StringLike", "StringNotEquals"}


@pytest.mark.parametrize("spelt", ["STRINGEQUALS", "StringEquals", None])
def test_spellings_of_the_one_operator(spelt: str | None) -> None:
    found = terms_of({"ListOfTags": [{"ConditionType": spelt, "ConditionKey": "k", "ConditionValue": "v"}]})
    assert found.list_of_tags[0].operator == "StringEquals"


def test_operators_that_nobody_knows_are_kept() -> None:
    entry = [{"ConditionKey": "k", "ConditionValue": "v"}]
    assert terms_of({"Conditions": {"StringFoo": entry}}).conditions[0].operator == "StringFoo"
    assert (
        terms_of({"ListOfTags": [{"ConditionType": "STRINGLIKE", **entry[0]}]}).list_of_tags[0].operator
        == "STRINGLIKE"
    )


def test_null_terms_are_empty_ones() -> None:
    nulls = dict.fromkeys(("Resources", "NotResources", "ListOfTags", "Conditions", "IamRoleArn"))
    assert terms_of(nulls) == SelectionTerms((), (), (), (), None)


@pytest.mark.parametrize("name", ["backup:GetBackupPlan", "backup:GetBackupSelection"])
def test_an_answer_without_its_payload_never_selects_everything(name: str) -> None:
    ids = {"BackupPlanId": "p"} | ({"SelectionId": "s1"} if name.endswith("Selection") else {})
    script = shard().plan("p", selections=[{}]).call(name, {}, at="2026-11-22T19:00:00Z", **ids)
    with pytest.raises(BundleError, match=name):
        parsed(script)


def test_details_that_were_not_read_are_gaps() -> None:
    script = shard().listed("backup:ListBackupPlans", {"BackupPlanId": "p", "BackupPlanArn": plan_arn("p")})
    script.listed("backup:ListBackupSelections", {"SelectionId": "s"}, BackupPlanId="p")
    found = parsed(script)
    (plan,) = found.plans
    assert isinstance(plan.rules, Unread)
    assert isinstance(plan.selections, Known)
    assert isinstance(plan.selections.value[0].terms, Unread)
    assert {(gap.operation, gap.about) for gap in found.gaps} == {
        ("backup:GetBackupPlan", "p"),
        ("backup:GetBackupSelection", "p s"),
    }


def test_a_deleted_plan_is_no_plan() -> None:
    row = {"BackupPlanId": "p", "BackupPlanArn": plan_arn("p"), "DeletionDate": "2026-01-01T00:00:00Z"}
    found = parsed(shard().call("backup:ListBackupPlans", {"BackupPlansList": [row]}, IncludeDeleted=True))
    assert (found.plans, found.gaps) == ((), ())


def test_plans_of_the_organisation_are_told_by_their_id() -> None:
    assert parsed(shard().plan("orgs/x")).plans[0].from_organization is True


# Vaults and recovery points


def test_a_vault_as_older_regions_tell_it() -> None:
    row = {
        "BackupVaultName": "aws/efs/automatic-backup-vault",
        "BackupVaultArn": vault_arn("x"),
        "Locked": None,
    }
    (vault,) = parsed(shard().listed("backup:ListBackupVaults", row)).vaults
    assert (vault.type, vault.lock.locked, vault.key, vault.key_type) == ("BACKUP_VAULT", None, None, None)
    assert isinstance(vault.policy, Unread)
    assert isinstance(vault.recovery_points_read, Unread)


def test_the_number_of_recovery_points_proves_nothing() -> None:
    row = {"BackupVaultName": "v", "BackupVaultArn": vault_arn("v"), "NumberOfRecoveryPoints": 0}
    (vault,) = parsed(shard().listed("backup:ListBackupVaults", row)).vaults
    assert isinstance(vault.recovery_points_read, Unread)


def test_recovery_points_are_read_once_a_vault() -> None:
    script = (
        shard()
        .vault("v")
        .vault("w")
        .point("v", volume_arn("vol-1"), arn="point")
        .point("w", volume_arn("vol-1"), arn="point")
    )
    script.call(
        "backup:ListRecoveryPointsByBackupVault",
        {
            "RecoveryPoints": [
                {"RecoveryPointArn": "point", "BackupVaultArn": vault_arn("v"), "Status": "EXPIRED"}
            ]
        },
        at="2026-11-22T17:30:00Z",
        BackupVaultName="v",
        ByResourceType="EBS",
    )
    found = parsed(script).recovery_points
    assert [(point.vault, point.status) for point in found] == [
        (vault_arn("v"), "EXPIRED"),
        (vault_arn("w"), "COMPLETED"),
    ]


def test_who_made_a_recovery_point() -> None:
    by_rule: dict[str, Any] = {"CreatedBy": {"BackupPlanArn": plan_arn("p"), "BackupRuleId": "r"}}
    script = shard().vault("v").point("v", "x", arn="a", **by_rule).point("v", "x", arn="b", CreatedBy=None)
    script.point("v", "x", arn="c", CreatedBy={"BackupPlanArn": plan_arn("p")})
    found = [point.created_by_rule for point in parsed(script).recovery_points]
    assert found == [f"{plan_arn('p')}#r", None, f"{plan_arn('p')}#"]


ORG_PLAN = "orgs/5b0c6d1e-2f4a-4b8e-9c6d-0f1e2d3c4b5a"
# (members of RecoveryPointCreator, all optional; the rule that they name, either half of which may be empty)
CREATORS: tuple[tuple[dict[str, str] | None, str | None], ...] = (
    (None, None),
    ({}, "#"),
    ({"BackupPlanName": "p", "BackupPlanVersion": "v1", "BackupRuleName": "r"}, "#"),
    ({"BackupRuleId": "r"}, "#r"),
    ({"BackupPlanId": "p"}, f"{plan_arn('p')}#"),
    ({"BackupPlanId": "p", "BackupRuleId": "r"}, f"{plan_arn('p')}#r"),
    ({"BackupPlanArn": plan_arn("p")}, f"{plan_arn('p')}#"),
    ({"BackupPlanArn": plan_arn("p"), "BackupRuleId": "r"}, f"{plan_arn('p')}#r"),
    ({"BackupPlanArn": plan_arn("p"), "BackupPlanId": "p"}, f"{plan_arn('p')}#"),
    ({"BackupPlanArn": plan_arn("p"), "BackupPlanId": "p", "BackupRuleId": "r"}, f"{plan_arn('p')}#r"),
    ({"BackupPlanArn": "", "BackupPlanId": "p", "BackupRuleId": "r"}, f"{plan_arn('p')}#r"),
    (
        {"BackupPlanArn": plan_arn("p", OTHER), "BackupPlanId": "p", "BackupRuleId": "r"},
        f"{plan_arn('p', OTHER)}#r",
    ),
    ({"BackupPlanId": ORG_PLAN, "BackupRuleId": "r"}, f"{plan_arn(ORG_PLAN)}#r"),
    ({"BackupPlanArn": plan_arn(ORG_PLAN), "BackupRuleId": "r"}, f"{plan_arn(ORG_PLAN)}#r"),
)


@pytest.mark.parametrize(("creator", "expected"), CREATORS)
def test_the_rule_that_made_a_job_or_a_recovery_point(
    creator: dict[str, str] | None, expected: str | None
) -> None:
    by: dict[str, Any] = {"CreatedBy": creator}
    script = shard().vault("v").point("v", volume_arn("vol-1"), **by)
    script.listed("backup:ListBackupJobs", {"BackupJobId": "b", **by})
    script.listed("backup:ListCopyJobs", {"CopyJobId": "c", **by})
    found = parsed(script)
    (point,) = found.recovery_points
    named = {job.kind.value: job.created_by_rule for job in found.jobs}
    assert {**named, "point": point.created_by_rule} == dict.fromkeys(("backup", "copy", "point"), expected)


def test_a_plan_named_by_its_id_alone_is_in_the_account_of_the_job() -> None:
    by: dict[str, Any] = {"AccountId": OTHER, "CreatedBy": {"BackupPlanId": "p", "BackupRuleId": "r"}}
    script = shard().listed("backup:ListCopyJobs", {"CopyJobId": "c", **by})
    (job,) = parsed(script.listed("backup:ListBackupJobs", {"BackupJobId": "b", **by})).jobs[1:]
    assert job.created_by_rule == f"{plan_arn('p', OTHER)}#r"


def test_a_restore_job_is_not_made_by_a_rule() -> None:
    plan = f"arn:aws:backup:{REGION}:{ACCOUNT}:restore-testing-plan:weekly"
    script = shard().listed(
        "backup:ListRestoreJobs", {"RestoreJobId": "r", "CreatedBy": {"RestoreTestingPlanArn": plan}}
    )
    (job,) = parsed(script).jobs
    assert (job.created_by_rule, job.restore_testing_plan) == (None, plan)


@pytest.mark.parametrize(
    ("resource", "source", "expected"),
    [
        (volume_arn("vol-1", OTHER, FAR), None, plan_arn("p", OTHER).replace(REGION, FAR)),
        (volume_arn("vol-1"), vault_arn("v", OTHER), plan_arn("p")),
        ("arn:aws:s3:::data", vault_arn("v", OTHER), plan_arn("p", OTHER)),
        ("arn:aws:s3:::data", None, plan_arn("p")),
        ("", None, plan_arn("p")),
    ],
)
def test_the_plan_of_a_copy_is_in_the_account_and_region_of_its_resource(
    resource: str, source: str | None, expected: str
) -> None:
    creator = {"BackupPlanId": "p", "BackupRuleId": "r"}
    script = shard().vault("v").point("v", resource, SourceBackupVaultArn=source, CreatedBy=creator)
    (point,) = parsed(script).recovery_points
    assert point.created_by_rule == f"{expected}#r"


# Keys


def kinds(script: ShardScript) -> dict[str, KeyKind | GapKind]:
    return {
        name: key.kind.value if isinstance(key.kind, Known) else key.kind.gap.kind
        for name, key in parsed(script).keys.items()
    }


@pytest.mark.parametrize(
    ("name", "script", "expected"),
    [
        (key_arn("k"), shard().key("k"), KeyKind.CUSTOMER_MANAGED),
        (key_arn("k"), shard().key("k", "AWS"), KeyKind.AWS_MANAGED),
        ("k", shard().key("k"), KeyKind.CUSTOMER_MANAGED),
        ("alias/mine", shard().key("k").alias("alias/mine", "k"), KeyKind.CUSTOMER_MANAGED),
        (
            f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/mine",
            shard().key("k").alias("alias/mine", "k"),
            KeyKind.CUSTOMER_MANAGED,
        ),
        (key_arn("k"), shard().alias("alias/aws/ebs", "k"), KeyKind.AWS_MANAGED),
        (key_arn("k"), shard().alias("alias/mine", "k"), GapKind.NEVER_ASKED),
        ("alias/aws/s3", shard(), KeyKind.AWS_MANAGED),
        (key_arn("k"), shard(), GapKind.NEVER_ASKED),
        (
            key_arn("k"),
            shard().call("kms:DescribeKey", error="AccessDeniedException", KeyId="k"),
            GapKind.REFUSED,
        ),
        (
            key_arn("k"),
            shard()
            .call("kms:DescribeKey", error="AccessDeniedException", KeyId="k")
            .alias("alias/aws/ebs", "k"),
            KeyKind.AWS_MANAGED,
        ),
        (
            key_arn("k"),
            shard().key("k").call("kms:DescribeKey", error="X", KeyId="k"),
            KeyKind.CUSTOMER_MANAGED,
        ),
        (
            key_arn("k"),
            shard().call("kms:DescribeKey", error="X", KeyId="k").key("k"),
            KeyKind.CUSTOMER_MANAGED,
        ),
        (key_arn("k"), shard().key("k", "NEWS"), GapKind.NEVER_ASKED),
    ],
)
def test_ruling_six(name: str, script: ShardScript, expected: object) -> None:
    assert kinds(script.vault("v", key=name)) == {name: expected}


def test_a_key_of_elsewhere_is_left_to_its_shard_unless_it_was_described_here() -> None:
    theirs = key_arn("k", OTHER)
    assert kinds(shard().vault("v", key=theirs)) == {}
    metadata = {"KeyMetadata": {"KeyId": "k", "Arn": theirs, "KeyManager": "CUSTOMER"}}
    described = shard().vault("v", key=theirs).call("kms:DescribeKey", metadata, KeyId=theirs)
    assert kinds(described) == {theirs: KeyKind.CUSTOMER_MANAGED}


def test_an_alias_of_another_account_is_not_our_key_of_that_name() -> None:
    theirs = f"arn:aws:kms:{REGION}:{OTHER}:alias/mine"
    metadata = {"KeyMetadata": {"KeyId": "k", "Arn": key_arn("k"), "KeyManager": "CUSTOMER"}}
    script = shard().vault("v", key=theirs).call("kms:DescribeKey", metadata, KeyId="alias/mine")
    assert kinds(script) == {key_arn("k"): KeyKind.CUSTOMER_MANAGED}


def test_key_policies() -> None:
    (with_policy,) = parsed(shard().vault("v", key=key_arn("k")).key("k", policy="{}")).keys.values()
    assert isinstance(with_policy.policy, Known)
    assert with_policy.policy.value == "{}"
    found = parsed(shard().vault("v", key=key_arn("k")).key("k"))
    assert isinstance(found.keys[key_arn("k")].policy, Unread)
    assert found.gaps == ()
    unnamed = parsed(shard().key("k", policy="{}"))  # that another account may name
    assert isinstance(unnamed.keys[key_arn("k")].policy, Known)
    assert found.gaps == ()  # a key policy is asked for only where a copy needs it


# Jobs and second sources


def test_three_histories() -> None:
    script = shard().listed(
        "backup:ListBackupJobs", {"BackupJobId": "b", "State": "FAILED", "ResourceArn": "r"}
    )
    script.listed(
        "backup:ListCopyJobs", {"CopyJobId": "c", "State": "COMPLETED", "DestinationBackupVaultArn": "d"}
    )
    script.listed(
        "backup:ListRestoreJobs", {"RestoreJobId": "x", "Status": "RUNNING", "SourceResourceArn": "r"}
    )
    found = parsed(script).jobs
    assert [(job.kind.value, job.id, job.state) for job in found] == [
        ("backup", "b", "FAILED"),
        ("copy", "c", "COMPLETED"),
        ("restore", "x", "RUNNING"),
    ]


def test_reconciliation_names_what_only_a_second_source_knows() -> None:
    script = (
        shard()
        .volume("vol-1")
        .listed(
            "backup:ListProtectedResources",
            {"ResourceArn": volume_arn("vol-1"), "ResourceType": "EBS"},
            {"ResourceArn": volume_arn("vol-gone"), "ResourceType": "EBS"},
        )
    )
    script.listed(
        "resourcegroupstaggingapi:GetResources",
        {"ResourceARN": volume_arn("vol-tagged"), "Tags": []},
        {"ResourceARN": f"arn:aws:sns:{REGION}:{ACCOUNT}:topic", "Tags": []},
    )
    (line,) = reconcile(parsed(script))
    assert (line.subject_type, line.listed) == ("EBS", 1)
    assert line.elsewhere == (volume_arn("vol-gone"), volume_arn("vol-tagged"))


def test_a_region_of_a_shard_is_a_name_like_any_other() -> None:
    assert parsed(ShardScript(ACCOUNT, "xx-new-1").volume("v")).shard == Shard(
        AccountId(ACCOUNT), RegionName("xx-new-1")
    )
