"""What AWS documents about copies, on the way from the capability table to the reason of a finding."""

from pathlib import Path

import pytest

from scanner.model.facts import CopyActionFacts, ResourceFacts
from scanner.protection.capabilities import CHARGES, Incremental, capability, changes, report_notes
from scanner.protection.copies import CONTINUOUS, copy_changes, full_copies
from scanner.protection.region_routes import Route
from tests.fakes.bundles import (
    ACCOUNT,
    FAR,
    REGION,
    BundleBuilder,
    copy_to,
    facts_of,
    rule,
    vault_arn,
    volume_arn,
)

NEAR, OPT_IN, CHINA = REGION, "eu-south-1", "cn-north-1"


def noted(
    key: str, source: str = NEAR, to: str = FAR, *, across: bool = False, air_gapped: bool = False
) -> str:
    return " ".join(copy_changes(capability(key), Route(source, to, across), air_gapped=air_gapped))


@pytest.mark.parametrize(
    ("text", "date"),
    [
        (noted("DynamoDB_ADVANCED"), "2021-11-23"),
        (noted("DynamoDB_BASIC"), "2021-11-23"),
        (noted("RDS", across=True), "2025-10-23"),
        (noted("Aurora", across=True), "2025-10-23"),
        (noted("RDS_MULTI_AZ_CLUSTER"), "2022-07-20"),
        (noted("S3", across=True), "2022-07-28"),
        (noted("FSx_ONTAP"), "2026-08-27"),
        (noted("DocumentDB", to=OPT_IN), "2026-08-26"),
        (noted("EBS", CHINA, CHINA, across=True), "2026-08-27"),
        (noted("EBS", air_gapped=True), "2025-11-17"),
    ],
)
def test_a_change_is_named_with_its_date_where_it_bears_on_the_copy(text: str, date: str) -> None:
    assert f"Since {date}: " in text


@pytest.mark.parametrize(
    "text",
    [
        noted("EBS"),
        noted("RDS"),  # to another Region alone, as ever
        noted("DocumentDB"),
        noted("EBS", across=True),
        noted("EFS"),
    ],
)
def test_a_change_that_does_not_bear_on_the_copy_is_not_named(text: str) -> None:
    assert "Since " not in text


@pytest.mark.parametrize(
    ("key", "incremental", "expected"),
    [
        ("EFS", Incremental.ALWAYS, "The first copy to a Region is full, later ones are incremental."),
        ("EBS", Incremental.ALWAYS, "under another key is full again"),
        ("EKS", Incremental.NEVER, "snapshots of EKS are not incremental"),
        ("Aurora", Incremental.CONTINUOUS_ONLY, "Every copy to another Region is full"),
        ("FSx_OPENZFS", None, "whether later ones are incremental is unknown"),
    ],
)
def test_the_first_copy_to_a_region_is_full(key: str, incremental: Incremental | None, expected: str) -> None:
    (note,) = full_copies(key, incremental, Route(NEAR, FAR, cross_account=False))
    assert expected in note
    assert full_copies(key, incremental, Route(NEAR, NEAR, cross_account=True)) == ()


def test_every_line_of_the_older_notes_is_in_each_report() -> None:
    result = report_notes()
    assert result[0] == CHARGES
    for change in changes():
        (line,) = [each for each in result if change.now in each]
        assert (change.since or "Older") in line
        assert (change.once in line) == (not change.holds)


@pytest.mark.parametrize("continuous", [True, False])
def test_the_notes_are_in_the_facts_of_the_resource_and_of_the_copy_action(
    tmp_path: Path,
    continuous: bool,  # noqa: FBT001
) -> None:
    bundle = BundleBuilder(tmp_path)
    copies = rule(CopyActions=[copy_to(vault_arn("away", ACCOUNT, FAR))], EnableContinuousBackup=continuous)
    database = f"arn:aws:rds:{REGION}:{ACCOUNT}:db:orders"
    row = {"DBInstanceArn": database, "DBInstanceIdentifier": "orders", "DBInstanceStatus": "available"}
    shard = bundle.shard().settings().vault("main").volume("vol-1")
    shard.listed("rds:DescribeDBInstances", {**row, "Engine": "postgres", "StorageEncrypted": False})
    shard.plan("p", rules=[copies], selections=[{"Resources": [database, volume_arn("vol-1")]}])
    bundle.shard(ACCOUNT, FAR).vault("away")
    facts = facts_of(bundle.write())
    (action,) = facts["copy_action"].values()
    assert isinstance(action, CopyActionFacts)
    by_resource = {each.resource: each.notes for each in action.supported if each is not None}
    for arn, expected in ((database, continuous), (volume_arn("vol-1"), False)):
        resource = facts["resource"][arn]
        assert isinstance(resource, ResourceFacts)
        (copy,) = (each for each in resource.copies if each is not None)
        assert copy.notes == by_resource[arn]
        assert (CONTINUOUS in copy.notes) == expected  # a volume has snapshots anyway
        assert any("first copy to a Region is full" in note for note in copy.notes)
