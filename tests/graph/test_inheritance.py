"""Ruling 3: through what a resource is covered, that this is settable, and that it never goes upwards."""

from pathlib import Path
from typing import Any, Final

import pytest

from tests.fakes.bundles import (
    ACCOUNT,
    REGION,
    BundleBuilder,
    ShardScript,
    facts_of,
    instance_arn,
    refuse,
    rule,
    table_arn,
    volume_arn,
)

PLACE: Final = f"{REGION}:{ACCOUNT}"
STACK: Final = f"arn:aws:cloudformation:{PLACE}:stack/web/4f2c6d10-0000-11f0-8de9-0242ac120002"
CLUSTER, MEMBER = f"arn:aws:rds:{PLACE}:cluster:c", f"arn:aws:rds:{PLACE}:db:c-1"
FILE_SYSTEM = f"arn:aws:fsx:{PLACE}:file-system/fs-1"
ONTAP_VOLUME = f"arn:aws:fsx:{PLACE}:volume/fs-1/fsvol-1"
EKS = f"arn:aws:eks:{PLACE}:cluster/k"
OF_STACK: Final = {"aws:cloudformation:stack-id": STACK}


@pytest.fixture
def builder(tmp_path: Path) -> BundleBuilder:
    built = BundleBuilder(tmp_path)
    built.account()
    everything(built.shard())
    return built


def everything(script: ShardScript, **opt_in: bool) -> None:
    """Put a shard together in which everything that can lie in something else does."""
    script.settings(CloudFormation=True, EKS=True, **opt_in)
    stack = {"StackId": STACK, "StackName": "web", "StackStatus": "CREATE_COMPLETE", "Tags": []}
    script.listed("cloudformation:DescribeStacks", stack)
    script.instance("i-1", OF_STACK)
    script.volume("in-instance", Attachments=[{"InstanceId": "i-1", "State": "attached"}])
    script.volume("in-stack", {**OF_STACK, "backup": "no"})
    script.table("t", OF_STACK)
    fields = {"Engine": "aurora-mysql", "StorageEncrypted": False}
    cluster = {"DBClusterArn": CLUSTER, "DBClusterIdentifier": "c", "Status": "available"}
    script.listed(
        "rds:DescribeDBClusters",
        {**fields, **cluster, "DBClusterMembers": [{"DBInstanceIdentifier": "c-1"}]},
    )
    member = {"DBInstanceArn": MEMBER, "DBInstanceIdentifier": "c-1", "DBClusterIdentifier": "c"}
    script.listed("rds:DescribeDBInstances", {**fields, **member, "DBInstanceStatus": "available"})
    script.listed(
        "fsx:DescribeFileSystems",
        {
            "ResourceARN": FILE_SYSTEM,
            "FileSystemId": "fs-1",
            "FileSystemType": "ONTAP",
            "Lifecycle": "AVAILABLE",
        },
    )
    script.listed(
        "fsx:DescribeVolumes",
        {
            "ResourceARN": ONTAP_VOLUME,
            "VolumeId": "fsvol-1",
            "FileSystemId": "fs-1",
            "VolumeType": "ONTAP",
            "Lifecycle": "CREATED",
            "OntapConfiguration": {"OntapVolumeType": "RW"},
        },
    )
    script.listed("eks:ListClusters", "k")
    script.call("eks:DescribeCluster", {"cluster": {"name": "k", "arn": EKS, "status": "ACTIVE"}}, name="k")


def covered(builder: BundleBuilder, terms: dict[str, Any], *refused: str, inherit: bool = True) -> set[str]:
    """Give what is covered; everything else is known not to be."""
    builder.shard().plan("p", rules=[rule()], selections=[terms])
    lines = builder.lines()
    for name in refused:
        lines = refuse(lines, name)
    rows: Any = facts_of(builder.write(lines), inherit=inherit)["resource"].values()
    assert all(row.covered is not None for row in rows)
    return {row.subject for row in rows if row.covered}


IN_INSTANCE, IN_STACK = volume_arn("in-instance"), volume_arn("in-stack")
INSTANCE, TABLE = instance_arn("i-1"), table_arn("t")


@pytest.mark.parametrize(
    ("named", "inherited", "alone"),
    [
        (STACK, {STACK, INSTANCE, IN_INSTANCE, IN_STACK, TABLE}, {STACK}),
        (INSTANCE, {INSTANCE, IN_INSTANCE}, {INSTANCE}),
        (IN_INSTANCE, {IN_INSTANCE}, {IN_INSTANCE}),
        (IN_STACK, {IN_STACK}, {IN_STACK}),
        (TABLE, {TABLE}, {TABLE}),
        (CLUSTER, {CLUSTER}, {CLUSTER}),
        (MEMBER, set(), set()),
        (FILE_SYSTEM, set(), set()),
        (ONTAP_VOLUME, {ONTAP_VOLUME}, {ONTAP_VOLUME}),
        (EKS, {EKS}, {EKS}),
    ],
)
def test_coverage_goes_downwards_only_and_only_where_it_counts(
    builder: BundleBuilder, named: str, inherited: set[str], alone: set[str]
) -> None:
    assert covered(builder, {"Resources": [named]}) == inherited
    again: Any = facts_of(builder.folder, inherit=False)["resource"].values()
    assert {row.subject for row in again if row.covered} == alone


def test_members_of_a_cluster_and_ontap_file_systems_are_no_subjects(builder: BundleBuilder) -> None:
    assert not {MEMBER, FILE_SYSTEM} & facts_of(builder.write())["resource"].keys()


def excluding(operator: str, key: str, value: str) -> dict[str, Any]:
    entry = {"ConditionKey": f"aws:ResourceTag/{key}", "ConditionValue": value}
    return {"Resources": [STACK], "Conditions": {operator: [entry]}}


@pytest.mark.parametrize(
    ("terms", "left_out"),
    [
        (excluding("StringNotLike", "backup", "n*"), {IN_STACK}),
        (excluding("StringNotEquals", "backup", "no"), {IN_STACK}),
        (excluding("StringNotEquals", "backup", "yes"), set()),
        ({"Resources": [STACK], "NotResources": [TABLE]}, {TABLE}),
    ],
)
def test_a_stack_is_backed_up_without_what_the_selection_leaves_out(
    builder: BundleBuilder, terms: dict[str, Any], left_out: set[str]
) -> None:
    inside = {STACK, INSTANCE, IN_INSTANCE, IN_STACK, TABLE}
    assert covered(builder, terms) == inside - left_out


@pytest.mark.parametrize(
    ("entry", "expected"),
    [("arn:aws:ec2:*", set()), (STACK, {STACK, INSTANCE, IN_INSTANCE, IN_STACK, TABLE})],
)
def test_a_nested_type_is_backed_up_though_it_is_not_opted_in(
    tmp_path: Path, entry: str, expected: set[str]
) -> None:
    builder = BundleBuilder(tmp_path)
    builder.account()
    everything(builder.shard(), EBS=False, EC2=False)
    assert covered(builder, {"Resources": [entry]}) == expected


@pytest.mark.parametrize("state", ["pending", "shutting-down"])
def test_what_aws_backup_skips_leaves_it_open_what_it_covers(tmp_path: Path, state: str) -> None:
    builder = BundleBuilder(tmp_path)
    builder.shard().instance("i-1", State={"Name": state})
    builder.shard().volume("vol-1", Attachments=[{"InstanceId": "i-1", "State": "attached"}])
    builder.shard().plan("p", rules=[rule()], selections=[{"Resources": [instance_arn("i-1")]}])
    row: Any = facts_of(builder.write())["resource"][volume_arn("vol-1")]
    assert row.covered is None
    assert any(f"in some states: {state}" in note.reason for note in row.not_known)
