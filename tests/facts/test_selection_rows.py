"""What the table `selection` says: what is selected, and whether AWS Backup can act by the role."""

import json
from pathlib import Path
from typing import Any

import pytest

from scanner.model.facts import SelectionFacts
from scanner.model.known import Ternary
from tests.fakes.bundles import (
    ACCOUNT,
    FAR,
    OTHER,
    REGION,
    BundleBuilder,
    facts_of,
    plan_arn,
    refuse,
    rule,
    vault_arn,
    volume_arn,
    without,
)

SELECTION = f"{plan_arn('p')}#s1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/service-role/Backup"
VOLUME = volume_arn("vol-1")


@pytest.fixture
def bundle(tmp_path: Path) -> BundleBuilder:
    built = BundleBuilder(tmp_path)
    built.shard().vault("main").volume("vol-1").volume("vol-2", {"tier": "gold"})
    return built


def row(bundle: BundleBuilder, terms: dict[str, Any], *refused: str) -> SelectionFacts:
    bundle.shard().plan("p", rules=[rule()], selections=[terms])
    lines = bundle.lines()
    for operation in refused:
        lines = refuse(lines, operation)
    found = facts_of(bundle.write(lines))["selection"][SELECTION]
    assert isinstance(found, SelectionFacts)
    return found


@pytest.mark.parametrize(
    ("terms", "refused", "selects", "selected"),
    [
        ({"Resources": [VOLUME]}, "", True, (VOLUME,)),
        ({"Resources": ["*"]}, "", True, (VOLUME, volume_arn("vol-2"))),
        ({"Resources": [volume_arn("gone")]}, "", False, ()),
        (
            {"Resources": [VOLUME]},
            "ec2:DescribeInstances",
            True,
            (VOLUME,),
        ),  # no list that it could select from
        ({"Resources": ["*"]}, "ec2:DescribeInstances", True, (VOLUME, volume_arn("vol-2"), None)),
        ({"Resources": [VOLUME]}, "ec2:DescribeVolumes", None, (None,)),
        ({"Resources": [VOLUME]}, "backup:GetBackupSelection", None, (None,)),
        ({"Resources": [VOLUME], "ListOfTags": []}, "backup:DescribeRegionSettings", True, (VOLUME,)),
    ],
)
def test_what_is_selected(
    bundle: BundleBuilder,
    terms: dict[str, Any],
    refused: str,
    selects: Ternary,
    selected: tuple[str | None, ...],
) -> None:
    found = row(bundle, terms, *filter(None, [refused]))
    assert (found.selects_resources, found.selected) == (selects, selected)


def trust(service: str = "backup.amazonaws.com", **more: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole", **more}
    return {"Version": "2012-10-17", "Statement": [statement]}


@pytest.mark.parametrize(
    ("policy", "admits"),
    [
        (trust(), True),
        (trust("ec2.amazonaws.com"), False),
        (trust(Effect="Deny"), False),
        (trust(Condition={"StringEquals": {"aws:SourceAccount": ACCOUNT}}), True),
        (trust(Condition={"StringEquals": {"aws:SourceAccount": OTHER}}), False),
        (trust(Condition={"ArnLike": {"aws:SourceArn": f"arn:aws:backup:*:{ACCOUNT}:*"}}), True),
        (trust(Condition={"ArnLike": {"aws:SourceArn": f"arn:aws:backup:{REGION}:{ACCOUNT}:*"}}), True),
        (trust(Condition={"ArnLike": {"aws:SourceArn": f"arn:aws:backup:{FAR}:{ACCOUNT}:*"}}), False),
        (trust(Condition={"ArnLike": {"aws:SourceArn": vault_arn("main")}}), None),
        (trust(Condition={"StringEquals": {"aws:SourceOrgID": "o-other"}}), None),
        (json.dumps(trust()), True),
    ],
)
def test_roles_by_their_trust_policy(bundle: BundleBuilder, policy: object, admits: Ternary) -> None:
    role = {"Arn": ROLE, "RoleName": "Backup", "Path": "/service-role/", "AssumeRolePolicyDocument": policy}
    bundle.account().call("iam:GetRole", {"Role": role}, RoleName="Backup")
    found = row(bundle, {"Resources": [VOLUME], "IamRoleArn": ROLE})
    assert (found.role, found.role_exists, found.role_admits_backup) == (ROLE, True, admits)
    assert bool(found.role_reason) is (admits is not True)


def test_a_role_that_is_not_there_and_one_that_nobody_asked_for(bundle: BundleBuilder) -> None:
    elsewhere = f"arn:aws:iam::{OTHER}:role/Backup"
    bundle.account().call("iam:GetRole", error="NoSuchEntity", RoleName="Backup")
    found = row(bundle, {"Resources": [VOLUME], "IamRoleArn": ROLE})
    assert (found.role_exists, found.role_admits_backup) == (False, False)
    unseen = row(BundleBuilder(bundle.folder / "unseen"), {"Resources": ["*"], "IamRoleArn": elsewhere})
    assert (unseen.role_exists, unseen.role_admits_backup) == (None, None)
    assert {note.about for note in unseen.not_known} >= {"role_exists", "role_admits_backup"}


def test_a_selection_without_a_role_names_none(bundle: BundleBuilder) -> None:
    found = row(bundle, {"Resources": [VOLUME]})
    assert (found.role, found.role_exists, found.role_admits_backup) == ("", False, False)


def test_a_selection_that_was_not_read_has_a_row(bundle: BundleBuilder) -> None:
    bundle.shard().plan("p", rules=[rule()], selections=[{"Resources": [VOLUME]}])
    facts = facts_of(bundle.write(without(bundle.lines(), "backup:GetBackupSelection")))
    found = facts["selection"][SELECTION]
    assert isinstance(found, SelectionFacts)
    assert (found.role, found.role_exists, found.selects_resources) == (None, None, None)
