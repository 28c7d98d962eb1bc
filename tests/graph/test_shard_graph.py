"""Which rules cover which resources, through what, and the outcomes of copies, in small bundles."""

from pathlib import Path
from typing import Any

import pytest

from scanner.graph.coverage import Coverage
from scanner.graph.shard_graph import ShardGraph
from scanner.model.inventory import Resource
from tests.fakes.bundles import (
    ACCOUNT,
    FAR,
    MANAGEMENT,
    OTHER,
    REGION,
    BundleBuilder,
    Lines,
    admits,
    copy_to,
    instance_arn,
    inventories_of,
    key_arn,
    plan_arn,
    plane_of,
    refuse,
    rule,
    shares_key,
    table_arn,
    vault_arn,
    volume_arn,
    without,
)

PLAN = plan_arn("p")
RULE = f"{PLAN}#rule-daily"
ATTACHED: dict[str, Any] = {"Attachments": [{"InstanceId": "i-1", "State": "attached"}]}


@pytest.fixture
def bundle(tmp_path: Path) -> BundleBuilder:
    built = BundleBuilder(tmp_path)
    built.account()
    return built


def graph(bundle: BundleBuilder, lines: Lines | None = None, *, inherit: bool = True) -> ShardGraph:
    folder = bundle.write(lines)
    inventory = next(
        i for i in inventories_of(folder) if (i.shard.account, i.shard.region) == (ACCOUNT, REGION)
    )
    return ShardGraph(inventory, plane_of(folder), inherit=inherit)


def coverage(found: ShardGraph, arn: str) -> Coverage:
    return found.coverage(resource(found, arn))


def resource(found: ShardGraph, arn: str) -> Resource:
    return next(each for each in found.inventory.resources if each.arn == arn)


def ways(found: ShardGraph, arn: str) -> list[tuple[str, str, str | None]]:
    return [
        (way.subject, way.via, way.parent.arn if way.parent else None) for way in coverage(found, arn).ways
    ]


def named(*arns: str) -> list[dict[str, Any]]:
    return [{"Resources": list(arns)}]


def test_a_rule_covers_what_its_plan_selects(bundle: BundleBuilder) -> None:
    bundle.shard().volume("vol-1").volume("vol-2")
    bundle.shard().plan("p", rules=[rule(), rule("weekly")], selections=named(volume_arn("vol-1")))
    found = graph(bundle)
    assert ways(found, volume_arn("vol-1")) == [
        (RULE, "selection", None),
        (f"{PLAN}#rule-weekly", "selection", None),
    ]
    assert coverage(found, volume_arn("vol-2")).covered is False
    refs = {ref.file for way in coverage(found, volume_arn("vol-1")).ways for ref in way.refs}
    assert refs == {f"evidence/{ACCOUNT}/{REGION}.jsonl"}


def test_selections_and_plans_add_up(bundle: BundleBuilder) -> None:
    exclude = {"Resources": ["*"], "NotResources": [volume_arn("vol-1")]}
    bundle.shard().volume("vol-1").plan(
        "p", rules=[rule()], selections=[exclude, *named(volume_arn("vol-1"))]
    )
    bundle.shard().plan("q", rules=[rule()], selections=[exclude])
    assert [way[0] for way in ways(graph(bundle), volume_arn("vol-1"))] == [RULE]


def test_a_plan_without_selections_or_rules_covers_nothing(bundle: BundleBuilder) -> None:
    bundle.shard().volume("vol-1").plan("p", rules=[rule()]).plan("q", selections=[{}])
    assert coverage(graph(bundle), volume_arn("vol-1")).covered is False


# Ruling 3: through an instance, never upwards


def attached(bundle: BundleBuilder) -> BundleBuilder:
    bundle.shard().instance("i-1").volume("vol-1", **ATTACHED).volume("vol-2")
    bundle.shard().plan("p", rules=[rule()], selections=named(instance_arn("i-1")))
    return bundle


def test_a_volume_is_covered_through_its_instance(bundle: BundleBuilder) -> None:
    found = graph(attached(bundle))
    assert ways(found, volume_arn("vol-1")) == [(RULE, "instance", instance_arn("i-1"))]
    assert coverage(found, volume_arn("vol-2")).covered is False
    assert {each.arn for each in found.rule_reach()[RULE]} == {instance_arn("i-1")}


def test_inheritance_can_be_left_aside(bundle: BundleBuilder) -> None:
    assert coverage(graph(attached(bundle), inherit=False), volume_arn("vol-1")).covered is False


def test_nothing_is_inherited_upwards(bundle: BundleBuilder) -> None:
    bundle.shard().instance("i-1").volume("vol-1", **ATTACHED)
    bundle.shard().plan("p", rules=[rule()], selections=named(volume_arn("vol-1")))
    found = graph(bundle)
    assert coverage(found, instance_arn("i-1")).covered is False
    assert ways(found, volume_arn("vol-1")) == [(RULE, "selection", None)]


def test_the_direct_way_stands_for_the_rule(bundle: BundleBuilder) -> None:
    bundle.shard().instance("i-1").volume("vol-1", **ATTACHED)
    bundle.shard().plan("p", rules=[rule()], selections=named("arn:aws:ec2:*:*:*"))
    found = coverage(graph(bundle), volume_arn("vol-1"))
    assert [(way.via) for way in found.ways] == ["selection", "instance"]
    assert [(way.via) for way in found.rules] == ["selection"]


@pytest.mark.parametrize(
    ("selection", "covered"),
    [
        ({"Resources": [instance_arn("i-1")]}, None),
        (
            {"ListOfTags": [{"ConditionType": "STRINGEQUALS", "ConditionKey": "a", "ConditionValue": "b"}]},
            None,
        ),
        ({"Resources": [table_arn("t")]}, False),
        ({"Resources": [volume_arn("vol-1")]}, True),
    ],
)
def test_an_instance_that_was_not_listed_keeps_its_volume_open(
    bundle: BundleBuilder, *, selection: dict[str, Any], covered: bool | None
) -> None:
    bundle.shard().volume("vol-1", **ATTACHED).plan("p", rules=[rule()], selections=[selection])
    found = graph(bundle, refuse(bundle.lines(), "ec2:DescribeInstances"))
    result = coverage(found, volume_arn("vol-1"))
    assert result.covered is covered
    if covered is None:
        assert result.open_parents == (instance_arn("i-1"),)
        (doubt,) = result.doubts
        assert doubt.gap is not None
        assert (doubt.gap.operation, "i-1" in doubt.because) == ("ec2:DescribeInstances", True)


def test_an_instance_that_is_gone_covers_nothing(bundle: BundleBuilder) -> None:
    shard = bundle.shard().volume("vol-1", **ATTACHED).instance("i-2")
    shard.plan("p", rules=[rule()], selections=named(instance_arn("i-1")))
    assert coverage(graph(bundle), volume_arn("vol-1")).covered is False


def test_a_list_without_instances_is_contradicted_by_an_attachment(bundle: BundleBuilder) -> None:
    shard = bundle.shard().volume("vol-1", **ATTACHED)
    shard.plan("p", rules=[rule()], selections=named(instance_arn("i-1")))
    assert coverage(graph(bundle), volume_arn("vol-1")).covered is None


# What was not read


@pytest.mark.parametrize(
    ("read", "parameters"),
    [
        ("backup:GetBackupSelection", {"SelectionId": "s1"}),
        ("backup:ListBackupSelections", {}),
        ("backup:GetBackupPlan", {}),
        ("backup:ListBackupPlans", {}),
    ],
)
@pytest.mark.parametrize("change", [without, refuse])
def test_a_plan_that_was_not_read_keeps_everything_open(
    bundle: BundleBuilder,
    read: str,
    parameters: dict[str, str],
    change: Any,
) -> None:
    bundle.shard().volume("vol-1").plan("p", rules=[rule()], selections=named("arn:aws:ec2:*"))
    found = coverage(graph(bundle, change(bundle.lines(), read, **parameters)), volume_arn("vol-1"))
    assert found.covered is None
    assert {doubt.gap.operation for doubt in found.doubts if doubt.gap} == {read}


def test_another_plan_that_was_read_still_covers(bundle: BundleBuilder) -> None:
    bundle.shard().volume("vol-1").plan("p", rules=[rule()], selections=[{}]).plan("q", selections=[{}])
    found = coverage(
        graph(bundle, without(bundle.lines(), "backup:GetBackupPlan", BackupPlanId="q")), volume_arn("vol-1")
    )
    assert found.covered is True
    assert [doubt.name for doubt in found.doubts] == ["q"]


# Opt-in of an Organizations plan: the management account's


@pytest.mark.parametrize(
    ("own", "managements", "covered"), [(False, True, True), (True, False, False), (True, None, None)]
)
def test_an_organisations_plan_obeys_the_management_accounts_opt_in(
    bundle: BundleBuilder, *, own: bool, managements: bool | None, covered: bool | None
) -> None:
    bundle.organization(ACCOUNT, MANAGEMENT)
    bundle.shard().settings(EBS=own).volume("vol-1").plan("orgs/p", rules=[rule()], selections=[{}])
    if managements is not None:
        bundle.shard(MANAGEMENT, REGION).settings(EBS=managements)
    assert coverage(graph(bundle), volume_arn("vol-1")).covered is covered


def test_an_organisations_plan_without_a_known_management_account_is_open(bundle: BundleBuilder) -> None:
    bundle.shard().volume("vol-1").plan("orgs/p", rules=[rule()], selections=[{}])
    assert coverage(graph(bundle), volume_arn("vol-1")).covered is None


# Which resources a plan may reach


@pytest.mark.parametrize(
    ("selection", "operation", "open_"),
    [
        ({"Resources": ["arn:aws:rds:*"]}, "rds:DescribeDBClusters", True),
        ({"Resources": ["arn:aws:ec2:*"]}, "rds:DescribeDBClusters", False),
        ({}, "efs:DescribeFileSystems", True),
        ({"Resources": ["arn:aws:s3:::*"]}, "s3:ListBuckets", True),
        ({"Resources": ["arn:aws:s3:::*"]}, "dynamodb:ListTables", False),
    ],
)
def test_a_list_that_was_not_read_opens_the_plans_that_could_select_from_it(
    bundle: BundleBuilder, *, selection: dict[str, Any], operation: str, open_: bool
) -> None:
    bundle.shard().plan("p", rules=[rule()], selections=[selection])
    found = graph(bundle, refuse(bundle.lines(), operation))
    doubt = found.reach_doubt(found.inventory.plans[0])
    assert (doubt is not None) is open_
    assert doubt is None or (doubt.gap is not None and doubt.gap.operation == operation)


# Copies


def copied(bundle: BundleBuilder) -> BundleBuilder:
    bundle.organization(ACCOUNT, OTHER)
    away = vault_arn("away", OTHER, FAR)
    shard = bundle.shard().key("own", policy=shares_key(ACCOUNT, OTHER))
    shard.volume("vol-1", Encrypted=True, KmsKeyId=key_arn("own"))
    shard.plan("p", rules=[rule(CopyActions=[copy_to(away)])], selections=[{}])
    bundle.shard(OTHER, FAR).vault("away", policy=admits(ACCOUNT), key=key_arn("k", OTHER, FAR)).key("k")
    return bundle


def fate(bundle: BundleBuilder, lines: Lines | None = None) -> tuple[bool | None, str]:
    found = graph(bundle, lines)
    volume = resource(found, volume_arn("vol-1"))
    (copy,) = found.copies(volume, found.coverage(volume))
    return copy.verdict.value, copy.gap.operation if copy.gap else ""


def test_a_copy_arrives(bundle: BundleBuilder) -> None:
    assert fate(copied(bundle)) == (True, "")


@pytest.mark.parametrize(
    ("read", "parameters"),
    [
        ("backup:ListBackupVaults", {}),
        ("backup:GetBackupVaultAccessPolicy", {}),
        ("backup:DescribeGlobalSettings", {}),
        ("organizations:ListAccounts", {}),
        ("kms:GetKeyPolicy", {}),
        ("kms:DescribeKey", {"KeyId": key_arn("own")}),
        ("kms:DescribeKey", {"KeyId": key_arn("k", OTHER, FAR)}),
    ],
)
def test_each_read_that_a_copy_hangs_on(bundle: BundleBuilder, read: str, parameters: dict[str, str]) -> None:
    lines = copied(bundle).lines()
    value, operation = fate(bundle, refuse(lines, read, **parameters))
    assert value is None
    assert operation in (read, "")


def test_an_account_outside_the_scope_is_open_not_absent(bundle: BundleBuilder) -> None:
    lines = copied(bundle).lines()
    bundle.manifest["scope"]["accounts"].remove(OTHER)
    assert fate(bundle, lines)[0] is None


def test_a_copy_through_an_instance_is_the_instances(bundle: BundleBuilder) -> None:
    bundle.organization(ACCOUNT, OTHER)
    bundle.shard().instance("i-1", ProductCodes=[{"ProductCodeId": "p", "ProductCodeType": "marketplace"}])
    bundle.shard().volume("vol-1", **ATTACHED)
    away = copy_to(vault_arn("away", OTHER, FAR))
    bundle.shard().plan("p", rules=[rule(CopyActions=[away])], selections=named(instance_arn("i-1")))
    bundle.shard(OTHER, FAR).vault("away", policy=admits(ACCOUNT), key=key_arn("k", OTHER, FAR)).key("k")
    assert fate(bundle)[0] is False  # the image of the instance may not leave the account


@pytest.mark.parametrize(
    ("row", "encrypted", "result"),
    [
        ({"Encrypted": False}, False, True),
        ({"Encrypted": True, "KmsKeyId": key_arn("own")}, True, True),
        ({"Encrypted": True, "KmsKeyId": None}, True, False),
        ({"Encrypted": None}, None, True),
    ],
)
def test_an_encrypted_volume_without_a_key_is_open(
    bundle: BundleBuilder, *, row: dict[str, Any], encrypted: bool | None, result: bool
) -> None:
    bundle.shard().volume("vol-1", **row)
    found = graph(bundle)
    keys = found.keys(resource(found, volume_arn("vol-1")))
    assert keys.encrypted is encrypted
    assert (keys.keys is not None) is result


def test_what_aws_backup_skips_in_its_state_is_not_backed_up_by_a_rule(bundle: BundleBuilder) -> None:
    shard = bundle.shard().volume("vol-1").volume("vol-2", State="deleting")
    shard.vault("main").plan("p", rules=[rule()], selections=[{"Resources": ["*"]}])
    found = graph(bundle)
    assert coverage(found, volume_arn("vol-2")).covered is True
    assert [each.arn for each in found.rule_reach()[RULE]] == [volume_arn("vol-1")]
