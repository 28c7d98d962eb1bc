"""The table `copy_action`: what a copy across accounts has to pass, and what is covered, link by link."""

from pathlib import Path
from typing import Any

import pytest

from scanner.model.facts import CopyActionFacts, ResourceFacts
from tests.fakes.bundles import (
    ACCOUNT,
    FAR,
    MANAGEMENT,
    ORG_ID,
    OTHER,
    REGION,
    BundleBuilder,
    Facts,
    Lines,
    admits,
    copy_to,
    facts_of,
    key_arn,
    plan_arn,
    refuse,
    rule,
    shares_key,
    table_arn,
    vault_arn,
    volume_arn,
)

AWAY = vault_arn("away", OTHER, FAR)
SUBJECT = f"{plan_arn('p')}#rule-daily->{AWAY}"


def bundle_of(tmp_path: Path, *, continuous: bool = False, **more: Any) -> BundleBuilder:
    """Give a volume under a shared key, a bare one, and a table, all copied to another account and Region."""
    bundle = BundleBuilder(tmp_path)
    bundle.organization(ACCOUNT, OTHER, MANAGEMENT)
    shard = bundle.shard().settings().key("own", policy=shares_key(ACCOUNT, OTHER)).table("orders")
    shard.volume("vol-1", Encrypted=True, KmsKeyId=key_arn("own")).volume("vol-2").volume("vol-3")
    named = [table_arn("orders"), "arn:aws:ec2:*:*:volume/*"]  # by type: no opt-in decides
    terms = rule(CopyActions=[copy_to(AWAY)], EnableContinuousBackup=continuous)
    shard.plan("p", rules=[terms], selections=[{"Resources": named}])
    fields = {"policy": admits(ACCOUNT), "key": key_arn("k", OTHER, FAR), **more}
    bundle.shard(OTHER, FAR).vault("away", **fields).key("k")
    return bundle


def action(facts: Facts) -> CopyActionFacts:
    found = facts["copy_action"][SUBJECT]
    assert isinstance(found, CopyActionFacts)
    return found


def judged(bundle: BundleBuilder, lines: Lines | None = None) -> CopyActionFacts:
    return action(facts_of(bundle.write(lines)))


def test_a_copy_of_which_everything_holds(tmp_path: Path) -> None:
    found = judged(bundle_of(tmp_path))
    assert (found.admits_source, found.in_organization, found.cross_account_enabled) == (True, True, True)
    assert [(each.resource, each.shared) for each in found.source_keys_shared if each] == [
        (table_arn("orders"), True),
        (volume_arn("vol-1"), True),
        (volume_arn("vol-2"), True),
        (volume_arn("vol-3"), True),
    ]
    assert all(each is not None and each.supported and each.reason for each in found.supported)
    assert (found.blocked, found.copied_as) == ((), "")
    assert {each.about for each in found.evidence} >= {"", "admits_source", "cross_account_enabled"}


def test_a_continuous_rule_is_copied_as_a_snapshot(tmp_path: Path) -> None:
    """Ruling 12."""
    found = judged(bundle_of(tmp_path, continuous=True))
    assert found.copied_as == "snapshot"
    assert all(each is not None and each.supported for each in found.supported)


def test_what_is_false_says_why(tmp_path: Path) -> None:
    found = judged(bundle_of(tmp_path, policy=admits(MANAGEMENT)))
    assert (found.admits_source, ACCOUNT in found.admits_reason) == (False, True)


@pytest.mark.parametrize(
    ("read", "column"),
    [
        ("backup:GetBackupVaultAccessPolicy", "admits_source"),
        ("organizations:ListAccounts", "in_organization"),
        ("backup:DescribeGlobalSettings", "cross_account_enabled"),
    ],
)
def test_a_read_that_is_missing_leaves_its_column_open(tmp_path: Path, read: str, column: str) -> None:
    bundle = bundle_of(tmp_path)
    found = judged(bundle, refuse(bundle.lines(), read))
    assert getattr(found, column) is None
    assert [read in each.reason for each in found.not_known if each.about == column] == [True]


def test_of_each_covered_resource_what_is_open_says_why(tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path)
    lines = refuse(
        refuse(bundle.lines(), "kms:GetKeyPolicy", KeyId=key_arn("own")), "backup:DescribeRegionSettings"
    )
    found = judged(bundle, lines)
    shared = {each.resource: each.shared for each in found.source_keys_shared if each}
    assert (
        shared
        == {
            table_arn("orders"): True,  # no key is in its way, whether it is fully managed or not
            volume_arn("vol-1"): None,
            volume_arn("vol-2"): True,
            volume_arn("vol-3"): True,
        }
        or None in found.source_keys_shared
    )
    reasons = {each.about: each.reason for each in found.not_known}
    assert "kms:GetKeyPolicy" in reasons["source_keys_shared"]
    assert "backup:DescribeRegionSettings" in reasons["supported"]


def test_a_rule_of_which_not_all_is_known_has_lists_that_end_open(tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path)
    found = judged(bundle, refuse(bundle.lines(), "ec2:DescribeVolumes"))
    ends: tuple[object, ...] = (found.supported[-1], found.source_keys_shared[-1], found.covered_keys[-1])
    assert ends == (None, None, None)


def test_within_the_account_nothing_of_the_organisation_is_asked(tmp_path: Path) -> None:
    bundle = BundleBuilder(tmp_path)
    near = vault_arn("near", ACCOUNT, FAR)
    bundle.shard().settings().volume("vol-1")
    bundle.shard().plan("p", rules=[rule(CopyActions=[copy_to(near)])], selections=[{}])
    bundle.shard(ACCOUNT, FAR).vault("near")
    found = facts_of(bundle.write())["copy_action"][f"{plan_arn('p')}#rule-daily->{near}"]
    assert isinstance(found, CopyActionFacts)
    assert (found.admits_source, found.in_organization, found.cross_account_enabled) == (True, True, True)
    assert found.source_keys_shared == ()
    assert {each.about for each in found.not_known} <= {"destination_units", "destination_key_kind"}


def test_where_the_destination_account_lies(tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path)
    script = bundle.organization(ACCOUNT, OTHER, MANAGEMENT)
    script.call("organizations:ListRoots", {"Roots": [{"Id": "r-1"}]})
    units = "organizations:ListOrganizationalUnitsForParent"
    script.call(units, {"OrganizationalUnits": [{"Id": "ou-1-backup"}]}, ParentId="r-1")
    script.call(units, {"OrganizationalUnits": []}, ParentId="ou-1-backup")
    accounts = "organizations:ListAccountsForParent"
    script.call(accounts, {"Accounts": []}, ParentId="r-1")
    script.call(accounts, {"Accounts": [{"Id": OTHER}]}, ParentId="ou-1-backup")
    assert judged(bundle).destination_units == ("r-1", "ou-1-backup", f"{ORG_ID}/r-1/ou-1-backup/")


def test_the_links_of_a_resources_copy_are_told(tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path)
    facts = facts_of(bundle.write(refuse(bundle.lines(), "backup:DescribeGlobalSettings")))
    volume = facts["resource"][volume_arn("vol-1")]
    assert isinstance(volume, ResourceFacts)
    (chain,) = volume.copy_links
    (copy,) = volume.copies
    assert chain is not None
    assert copy is not None
    assert (chain.copy_action, chain.effective) == (copy.copy_action, copy.effective) == (SUBJECT, None)
    links = {link.name: link for link in chain.links}
    assert len(links) == len(chain.links)
    assert [name for name, link in links.items() if link.holds is not True] == ["cross-account backup is on"]
    assert "backup:DescribeGlobalSettings" in links["cross-account backup is on"].reason
    assert all(link.reason for link in chain.links)
    assert {ref.file for ref in links["destination exists"].evidence} == {f"evidence/{OTHER}/{FAR}.jsonl"}
    other = facts["resource"][volume_arn("vol-2")], facts["resource"][volume_arn("vol-3")]
    assert all(isinstance(each, ResourceFacts) for each in other)
    assert other[0].copy_links[0] is other[1].copy_links[0]  # type: ignore[attr-defined]  # shared per fate
    assert REGION in volume.region
