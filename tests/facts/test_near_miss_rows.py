"""Which selections come nearest to what nothing covers, and the remedy that makes one of them select it."""

from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import pytest

from scanner.model.facts import ResourceFacts
from scanner.protection.near_misses import near_miss
from tests.fakes.bundles import (
    ACCOUNT,
    MANAGEMENT,
    REGION,
    BundleBuilder,
    facts_of,
    refuse,
    rule,
    volume_arn,
)

DAILY: Final = {
    "ListOfTags": [{"ConditionType": "STRINGEQUALS", "ConditionKey": "Backup", "ConditionValue": "daily"}],
}
VOLUME = volume_arn("vol-1")


@pytest.fixture
def bundle(tmp_path: Path) -> BundleBuilder:
    built = BundleBuilder(tmp_path)
    built.account()
    built.organization(ACCOUNT, MANAGEMENT)
    return built


def row(bundle: BundleBuilder, arn: str = VOLUME, lines: Any = None) -> ResourceFacts:
    found = facts_of(bundle.write(lines))["resource"][arn]
    assert isinstance(found, ResourceFacts)
    return found


def test_the_nearest_selection_is_named_with_the_difference_and_the_command(bundle: BundleBuilder) -> None:
    other = {"ListOfTags": [{**DAILY["ListOfTags"][0], "ConditionKey": "Other"}]}
    bundle.shard().volume("vol-1", {"backup": "daily"}).plan("p", rules=[rule()], selections=[other, DAILY])
    found = row(bundle)
    (near,) = found.near_misses
    assert (found.covered, near.plan_name, near.name, near.nearness) == (False, "p", "s2", "spelling")
    assert found.nearest == (
        "Selection s2 of plan p requires the tag Backup=daily, but the resource has backup=daily: "
        "the key differs in case."
    )
    assert found.remedy.text == (
        "For selection s2 of plan p to select the resource, "
        f"set the tag Backup=daily on it in account {ACCOUNT}."
    )
    assert found.remedy.cli == (
        f"aws ec2 create-tags --resources vol-1 --tags Key=Backup,Value=daily --region {REGION}"
    )


def test_the_remedy_is_right(bundle: BundleBuilder) -> None:
    bundle.shard().volume("vol-1", {"Backup": "Daily"}).plan("p", rules=[rule()], selections=[DAILY])
    assert row(bundle).covered is False
    bundle.shard().volume("vol-2", {"Backup": "daily"})
    assert row(bundle, volume_arn("vol-2")).covered is True
    assert row(bundle, volume_arn("vol-2")).near_misses == ()


def test_the_opt_in_is_part_of_the_remedy(bundle: BundleBuilder) -> None:
    bundle.shard().settings(EBS=False).volume("vol-1", {"Backup": "daily"})
    bundle.shard().plan("p", rules=[rule()], selections=[DAILY])
    remedy = row(bundle).remedy
    assert f"in account {ACCOUNT}" in remedy.text
    assert remedy.cli == (
        f"aws backup update-region-settings --resource-type-opt-in-preference EBS=true --region {REGION}"
    )


def test_an_almost_matching_arn_is_assigned_to_the_plan(bundle: BundleBuilder) -> None:
    bundle.shard().volume("vol-1")
    bundle.shard().plan("p", rules=[rule()], selections=[{"Resources": [volume_arn("VOL-1")]}])
    remedy = row(bundle).remedy
    assert "create-backup-selection --backup-plan-id p " in remedy.cli
    assert VOLUME in remedy.cli


def test_a_plan_of_a_policy_is_corrected_in_the_policy(bundle: BundleBuilder) -> None:
    bundle.shard().volume("vol-1")
    bundle.shard().plan("orgs/p", rules=[rule()], selections=[{"Resources": [volume_arn("VOL-1")]}])
    assert ("organization's backup policy" in row(bundle).remedy.text, row(bundle).remedy.cli) == (True, "")


def test_unread_terms_stay_unknown(bundle: BundleBuilder) -> None:
    bundle.shard().volume("vol-1", {"backup": "daily"}).plan("p", rules=[rule()], selections=[DAILY])
    found = row(bundle, lines=refuse(bundle.lines(), "backup:GetBackupSelection"))
    assert (found.covered, found.near_misses, found.remedy.text) == (None, (), "")


def test_volumes_that_selections_cannot_tell_apart_are_asked_once(bundle: BundleBuilder) -> None:
    for number in range(50):
        bundle.shard().volume(f"vol-{number}", {"backup": "daily", "Name": f"web-{number}"})
    bundle.shard().plan("p", rules=[rule()], selections=[DAILY])
    with patch("scanner.graph.near_misses.near_miss", wraps=near_miss) as asked:
        found = row(bundle, volume_arn("vol-7"))
    assert asked.call_count == 1
    assert "vol-7 " in found.remedy.cli
