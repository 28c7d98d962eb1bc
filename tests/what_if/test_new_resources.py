"""New and removed resources: what the inventory then lists, from plans, templates and change sets."""

import json
from pathlib import Path
from typing import Any

import pytest

from scanner.evidence.bundle import Bundle
from scanner.inventory.reconcile import BucketRegions
from scanner.judging.passes import inventory_of
from scanner.model.inventory import Resource, ShardInventory
from scanner.model.known import Known
from scanner.model.names import AccountId, RegionName, Shard
from scanner.model.planning.planned_change import Action, ChangeKind, ChangeSet, PlannedChange
from scanner.what_if.changes import Defaults
from scanner.what_if.new_resources import TERRAFORM, family_of
from scanner.what_if.overlay import write_overlay
from scanner.what_if.read import read_changes
from scanner.what_if.terraform.plan import terraform_changes
from tests.what_if.terraform_plans import ACCOUNT, REGION, ROLE, change, plan, refers, resource

SAMPLE = Path(__file__).resolve().parents[2] / "sample_reports" / "bundle"
HOME = Shard(AccountId(ACCOUNT), RegionName(REGION))
TAGS = {"tier": "gold"}


def parsed(document: dict[str, Any]) -> ChangeSet:
    return terraform_changes(document, "plan.json", Defaults())


def inventory(bundle: Bundle) -> ShardInventory:
    status = dict(bundle.scope())[HOME]
    return inventory_of(bundle, (HOME, status), BucketRegions(bundle))


def after(changes: ChangeSet, folder: Path) -> ShardInventory:
    assert changes.not_judged == ()
    overlay = write_overlay(Bundle(SAMPLE), changes.changes, folder)
    assert overlay.not_judged == ()
    assert len(overlay.applied) == len(changes.changes)
    return inventory(Bundle(folder, what_if=True))


@pytest.fixture(scope="module")
def before() -> ShardInventory:
    return inventory(Bundle(SAMPLE))


def arns(shard: ShardInventory) -> dict[str, Resource]:
    return {str(resource.arn): resource for resource in shard.resources}


NEW: dict[str, tuple[dict[str, Any], str, str]] = {
    "aws_ebs_volume": ({"encrypted": True}, "EBS", "ec2:{place}:volume/KNOWN-AFTER-APPLY-aws_ebs_volume.new"),
    "aws_instance": ({}, "EC2", "ec2:{place}:instance/KNOWN-AFTER-APPLY-aws_instance.new"),
    "aws_db_instance": ({"identifier": "shop", "engine": "postgres"}, "RDS", "rds:{place}:db:shop"),
    "aws_rds_cluster": (
        {"cluster_identifier": "shop", "engine": "aurora-mysql"},
        "Aurora",
        "rds:{place}:cluster:shop",
    ),
    "aws_docdb_cluster": ({"cluster_identifier": "docs"}, "DocumentDB", "rds:{place}:cluster:docs"),
    "aws_neptune_cluster": ({"cluster_identifier": "graph"}, "Neptune", "rds:{place}:cluster:graph"),
    "aws_dynamodb_table": ({"name": "new"}, "DynamoDB", "dynamodb:{place}:table/new"),
    "aws_efs_file_system": (
        {},
        "EFS",
        "elasticfilesystem:{place}:file-system/KNOWN-AFTER-APPLY-aws_efs_file_system.new",
    ),
    "aws_s3_bucket": ({"bucket": "acme-new"}, "S3", "s3:::acme-new"),
    "aws_fsx_lustre_file_system": (
        {"deployment_type": "PERSISTENT_2"},
        "FSx",
        "fsx:{place}:file-system/KNOWN-AFTER-APPLY-aws_fsx_lustre_file_system.new",
    ),
    "aws_fsx_windows_file_system": (
        {},
        "FSx",
        "fsx:{place}:file-system/KNOWN-AFTER-APPLY-aws_fsx_windows_file_system.new",
    ),
    "aws_fsx_openzfs_file_system": (
        {},
        "FSx",
        "fsx:{place}:file-system/KNOWN-AFTER-APPLY-aws_fsx_openzfs_file_system.new",
    ),
    "aws_redshift_cluster": (
        {"cluster_identifier": "sales"},
        "Redshift",
        "redshift:{place}:cluster:sales",
    ),
}


def test_each_type_is_tested() -> None:
    assert NEW.keys() == TERRAFORM.keys()


def test_new_resources_are_listed_as_their_services_would_list_them(
    before: ShardInventory, tmp_path: Path
) -> None:
    entries = [
        change(
            f"{kind}.new", ["create"], after={**values, "tags_all": TAGS}, unknown={"arn": True, "id": True}
        )
        for kind, (values, _, _) in NEW.items()
    ]
    now = after(parsed(plan(*entries)), tmp_path / "what-if")
    added = {arn: new for arn, new in arns(now).items() if arn not in arns(before)}
    place = f"{REGION}:{ACCOUNT}"
    expected = {"arn:aws:" + arn.format(place=place): name for _, name, arn in NEW.values()}
    assert {arn: new.type for arn, new in added.items()} == expected
    assert all(isinstance(new.tags, Known) and new.tags.value == TAGS for new in added.values())
    assert set(arns(before)) <= set(arns(now))
    unread = {gap.message for gap in now.gaps} - {gap.message for gap in before.gaps}
    assert all("is known only after the change is applied" in message for message in unread)


def test_removed_resources(before: ShardInventory, tmp_path: Path) -> None:
    one_each = {family_of(arn): arn for arn in arns(before) if family_of(arn)}
    kinds = {"volume": "aws_ebs_volume", "instance": "aws_instance", "database": "aws_db_instance"}
    kinds |= {
        "cluster": "aws_rds_cluster",
        "table": "aws_dynamodb_table",
        "file system": "aws_efs_file_system",
    }
    kinds |= {"bucket": "aws_s3_bucket", "warehouse": "aws_redshift_cluster"}
    assert set(kinds) <= set(one_each)
    entries = [
        change(f"{kind}.old", ["delete"], before={"arn": one_each[family], "tags_all": {}})
        for family, kind in kinds.items()
    ]
    now = after(parsed(plan(*entries)), tmp_path / "what-if")
    assert set(arns(before)) - set(arns(now)) == {one_each[family] for family in kinds}
    assert now.gaps == before.gaps
    assert now.recovery_points == before.recovery_points


def test_a_removed_resource_that_the_scan_does_not_have(tmp_path: Path) -> None:
    arn = f"arn:aws:rds:{REGION}:{ACCOUNT}:db:gone"
    changes = parsed(plan(change("aws_db_instance.old", ["delete"], before={"arn": arn})))
    overlay = write_overlay(Bundle(SAMPLE), changes.changes, tmp_path / "what-if")
    assert [problem.why for problem in overlay.not_judged] == [f"The scan has no {arn} to remove."]


def document_of(entry: dict[str, Any], **more: Any) -> PlannedChange:
    (single,) = parsed(plan(entry, **more)).changes
    return single


def test_a_resource_that_exists_already_is_not_listed_twice(before: ShardInventory, tmp_path: Path) -> None:
    """The scan is newer than the plan, or the resource is imported."""
    entry = change("aws_dynamodb_table.a", ["create"], after={"name": "audit-trail", "tags_all": TAGS})
    now = after(parsed(plan(entry)), tmp_path / "what-if")
    assert arns(now).keys() == arns(before).keys()
    tags = arns(now)[f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/audit-trail"].tags
    assert isinstance(tags, Known)
    assert tags.value == TAGS
    assert now.gaps == before.gaps


def test_a_replaced_resource_of_another_name_is_removed_and_created() -> None:
    before = {"arn": f"arn:aws:rds:{REGION}:{ACCOUNT}:db:old", "identifier": "old"}
    entry = change(
        "aws_db_instance.a", ["delete", "create"], before=before, after={"identifier": "new", "tags_all": {}}
    )
    assert [(each.action, each.name.rpartition(":")[2]) for each in parsed(plan(entry)).changes] == [
        (Action.REMOVE, "old"),
        (Action.CREATE, "new"),
    ]


@pytest.mark.parametrize(
    ("after_values", "unknown", "tags"),
    [
        ({"tags": None, "tags_all": None}, {"tags_all": True}, {}),
        ({"tags": TAGS, "tags_all": TAGS}, {}, TAGS),
        ({"tags": {"a": "b"}, "tags_all": {"a": "b", "c": "d"}}, {}, {"a": "b", "c": "d"}),
    ],
)
def test_tags_of_a_new_resource(after_values: dict[str, Any], unknown: dict[str, Any], tags: Any) -> None:
    entry = change("aws_ebs_volume.a", ["create"], after=after_values, unknown=unknown)
    assert document_of(entry).document["Tags"] == tags


def test_unknown_tags_are_never_no_tags(tmp_path: Path) -> None:
    entry = change("aws_ebs_volume.a", ["create"], after={"tags": {}}, unknown={"tags": {"owner": True}})
    changes = parsed(plan(entry))
    overlay = write_overlay(Bundle(SAMPLE), changes.changes, tmp_path / "what-if")
    assert overlay.applied == ()
    (problem,) = overlay.not_judged
    assert problem.why.startswith("Its tags are known only after the change is applied")


def test_placeholders_of_for_each_differ() -> None:
    entries = [
        change(f'aws_ebs_volume.a["{key}"]', ["create"], after={"tags_all": {}}, index=key)
        for key in ("x y", "x-y")
    ]
    names = {each.name for each in parsed(plan(*entries)).changes}
    assert len(names) == 2
    assert all("volume/KNOWN-AFTER-APPLY-aws_ebs_volume.a-x-y" in name for name in names)
    assert all(" " not in name for name in names)


def test_a_type_that_is_not_built_is_named() -> None:
    changes = parsed(plan(change("aws_eks_cluster.a", ["create"], after={"name": "a"})))
    assert [problem.why for problem in changes.not_judged] == ["Changes of aws_eks_cluster are not judged."]


def test_a_selection_of_new_resources() -> None:
    """The resources of a new selection are unknown after apply; the configuration names them."""
    new = change("aws_dynamodb_table.orders", ["create"], after={"name": "orders", "tags_all": {}})
    selection = change(
        "aws_backup_selection.a",
        ["create"],
        after={"name": "a", "iam_role_arn": ROLE, "plan_id": "p-1"},
        unknown={"resources": True},
    )
    names = ("aws_dynamodb_table.orders.arn", "aws_dynamodb_table.orders")
    configured = resource("aws_backup_selection.a", resources=refers(*names))
    changes = parsed(plan(new, selection, resources=(configured,)))
    (chosen,) = [each for each in changes.changes if each.kind is ChangeKind.SELECTION]
    assert chosen.document["Resources"] == [f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/orders"]
    assert "Constants in the same list are not in the plan." in chosen.note


TEMPLATE = """\
Parameters: {Stage: {Type: String}}
Conditions: {IsLive: !Equals [!Ref Stage, live]}
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties: {TableName: !Sub "orders-${Stage}", Tags: [{Key: tier, Value: !If [IsLive, gold, bronze]}]}
  Existing:
    Type: AWS::DynamoDB::Table
    Properties: {TableName: audit-trail, Tags: [{Key: tier, Value: silver}]}
  Spare:
    Type: AWS::DynamoDB::Table
    Condition: IsSpare
    Properties: {TableName: spare}
  Disk: {Type: "AWS::EC2::Volume", Properties: {Size: 10}}
"""


def test_resources_of_a_template(before: ShardInventory, tmp_path: Path) -> None:
    file = tmp_path / "stack.yaml"
    file.write_text(TEMPLATE.replace("Conditions: {", "Conditions: {IsSpare: !Not [!Condition IsLive], "))
    changes = read_changes([file], Defaults(ACCOUNT, REGION, {"Stage": "live"}))
    assert [problem.origin.address for problem in changes.not_judged] == ["Disk"]
    now = arns(after(ChangeSet(changes.changes), tmp_path / "what-if"))
    tables = {
        name: f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}" for name in ("orders-live", "audit-trail")
    }
    tags = {name: now[arn].tags for name, arn in tables.items()}
    assert all(isinstance(reading, Known) for reading in tags.values())
    values = {name: reading.value for name, reading in tags.items() if isinstance(reading, Known)}
    own = arns(before)[tables["audit-trail"]].tags
    assert isinstance(own, Known)
    # A template does not show tags that the stack, or somebody else, added.
    assert values == {"orders-live": TAGS, "audit-trail": {**own.value, "tier": "silver"}}
    assert len(now) == len(arns(before)) + 1


def test_resources_of_a_change_set(before: ShardInventory, tmp_path: Path) -> None:
    volume = next(arn for arn in arns(before) if family_of(arn) == "volume")
    entries = [
        ("Add", "", {"Tags": [{"Key": "tier", "Value": "gold"}]}),
        ("Remove", volume.rpartition("/")[2], None),
    ]
    document = {
        "ChangeSetName": "c",
        "StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/s/1",
        "Tags": [{"Key": "owner", "Value": "shop"}],
        "Changes": [
            {
                "Type": "Resource",
                "ResourceChange": {
                    "Action": action,
                    "LogicalResourceId": f"Disk{number}",
                    "PhysicalResourceId": physical,
                    "ResourceType": "AWS::EC2::Volume",
                    "AfterContext": json.dumps({"Properties": properties}) if properties else None,
                },
            }
            for number, (action, physical, properties) in enumerate(entries)
        ],
    }
    file = tmp_path / "change-set.json"
    file.write_text(json.dumps(document))
    now = arns(after(read_changes([file], Defaults()), tmp_path / "what-if"))
    (new,) = set(now) - set(arns(before))
    assert new.endswith("volume/KNOWN-AFTER-APPLY-Disk0")
    tags = now[new].tags
    assert isinstance(tags, Known)
    assert tags.value == {"tier": "gold", "owner": "shop"}
    assert set(arns(before)) - set(now) == {volume}
