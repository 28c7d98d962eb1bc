"""Vaults, keys and settings of all shards together."""

from pathlib import Path

import pytest

from scanner.model.inventory import KeyKind
from scanner.model.known import GapKind, Known, Unread
from scanner.model.names import AccountId, Arn, RegionName, Shard
from tests.fakes.bundles import (
    ACCOUNT,
    FAR,
    OTHER,
    REGION,
    BundleBuilder,
    copy_to,
    inventories_of,
    key_arn,
    plane_of,
    refuse,
    rule,
    shares_key,
    vault_arn,
    without,
)

HERE = Shard(AccountId(ACCOUNT), RegionName(REGION))


@pytest.fixture
def bundle(tmp_path: Path) -> BundleBuilder:
    built = BundleBuilder(tmp_path)
    built.shard()
    return built


def test_a_vault_that_exists(bundle: BundleBuilder) -> None:
    bundle.shard(OTHER, FAR).vault("away", key=key_arn("k", OTHER, FAR)).key("k")
    found = plane_of(bundle.write()).destination(Arn(vault_arn("away", OTHER, FAR)))
    assert (found.account, found.region, found.name) == (OTHER, FAR, "away")
    assert (found.exists.value, found.key_kind, found.gap) == (True, KeyKind.CUSTOMER_MANAGED, None)


def test_a_vault_that_no_whole_list_holds_does_not_exist(bundle: BundleBuilder) -> None:
    bundle.shard(OTHER, FAR).vault("away")
    found = plane_of(bundle.write()).destination(Arn(vault_arn("gone", OTHER, FAR)))
    assert (found.exists.value, found.vault, found.key_kind) == (False, None, None)


def test_a_vault_on_a_page_that_is_missing_may_exist(bundle: BundleBuilder) -> None:
    script = bundle.shard(OTHER, FAR, page=1).vault("one").vault("two")
    assert script.page == 1
    lines = without(bundle.lines(), "backup:ListBackupVaults", NextToken="#1")
    plane = plane_of(bundle.write(lines))
    assert plane.destination(Arn(vault_arn("one", OTHER, FAR))).exists.value is True
    open_ = plane.destination(Arn(vault_arn("two", OTHER, FAR)))
    assert open_.exists.value is None
    assert open_.gap is not None
    assert open_.gap.operation == "backup:ListBackupVaults"


@pytest.mark.parametrize("arn", [vault_arn("v", "333333333333", FAR), vault_arn("v", ACCOUNT, "ap-east-1")])
def test_a_vault_outside_the_scope_is_open(bundle: BundleBuilder, arn: str) -> None:
    found = plane_of(bundle.write()).destination(Arn(arn))
    assert found.exists.value is None
    assert "outside the scope" in found.exists.because


def test_a_vault_in_a_shard_without_evidence_is_open(bundle: BundleBuilder) -> None:
    bundle.shard(OTHER, FAR)
    lines = {stem: of_file for stem, of_file in bundle.lines().items() if FAR not in stem}
    found = plane_of(bundle.write(lines)).destination(Arn(vault_arn("v", OTHER, FAR)))
    assert found.exists.value is None
    assert found.gap is not None


def test_a_vault_in_a_region_that_is_not_enabled_is_open(bundle: BundleBuilder) -> None:
    bundle.manifest["scope"]["regions"].append(FAR)
    bundle.manifest["shards"] = [{"account": ACCOUNT, "region": FAR, "status": "skipped"}]
    found = plane_of(bundle.write()).destination(Arn(vault_arn("v", ACCOUNT, FAR)))
    assert found.exists.value is None
    assert found.gap is not None
    assert found.gap.kind is GapKind.OUT_OF_SCOPE


@pytest.mark.parametrize("name", ["Default", "no arn", "", "arn:aws:backup"])
def test_what_is_no_arn_is_open(bundle: BundleBuilder, name: str) -> None:
    assert plane_of(bundle.write()).destination(Arn(name)).exists.value is None


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({}, None),
        ({"EncryptionKeyType": "AWS_OWNED_KMS_KEY"}, KeyKind.AWS_OWNED),
        ({"EncryptionKeyType": "CUSTOMER_MANAGED_KMS_KEY"}, KeyKind.CUSTOMER_MANAGED),
        ({"EncryptionKeyType": "SOMETHING_NEW"}, None),
        (
            {"EncryptionKeyType": "CUSTOMER_MANAGED_KMS_KEY", "EncryptionKeyArn": key_arn("x")},
            KeyKind.CUSTOMER_MANAGED,
        ),
        ({"EncryptionKeyArn": key_arn("x")}, None),
        ({"EncryptionKeyArn": key_arn("aws")}, KeyKind.AWS_MANAGED),
        ({"EncryptionKeyArn": key_arn("own")}, KeyKind.CUSTOMER_MANAGED),
    ],
)
def test_keys_of_vaults(bundle: BundleBuilder, row: dict[str, str], kind: KeyKind | None) -> None:
    bundle.shard().vault("v", **row).key("own").key("aws", "AWS")
    found = plane_of(bundle.write()).destination(Arn(vault_arn("v")))
    assert found.key_kind is kind


def test_a_key_is_joined_from_the_shards_that_read_parts_of_it(bundle: BundleBuilder) -> None:
    shared = key_arn("k", OTHER)
    metadata = {"KeyMetadata": {"KeyId": "k", "Arn": shared, "KeyManager": "CUSTOMER"}}
    bundle.shard().volume("vol-1", Encrypted=True, KmsKeyId=shared)
    bundle.shard().call("kms:DescribeKey", metadata, KeyId=shared)
    bundle.shard(OTHER, REGION).vault("v", key=shared).call(
        "kms:GetKeyPolicy", {"Policy": "{}"}, KeyId=shared
    )
    there = Shard(AccountId(OTHER), RegionName(REGION))
    plane = plane_of(bundle.write())
    for found in (plane.key(shared, HERE), plane.key(shared, there)):
        assert (found.kind, found.policy) == (KeyKind.CUSTOMER_MANAGED, "{}")
    blind = plane_of(bundle.write(refuse(bundle.lines(), "kms:GetKeyPolicy")))
    for found in (blind.key(shared, HERE), blind.key(shared, there)):
        assert (found.kind, found.policy) == (KeyKind.CUSTOMER_MANAGED, None)


def test_a_bare_key_id_means_something_in_its_own_shard_only(bundle: BundleBuilder) -> None:
    bundle.shard().vault("v", key="k")
    bundle.shard(OTHER, REGION).vault("w", key="k").key("k")
    plane = plane_of(bundle.write())
    assert plane.key("k", HERE).kind is None
    assert plane.key("k", Shard(AccountId(OTHER), RegionName(REGION))).kind is KeyKind.CUSTOMER_MANAGED


def test_settings_of_a_shard_that_was_not_scanned_are_a_gap(bundle: BundleBuilder) -> None:
    plane = plane_of(bundle.write())
    assert isinstance(plane.settings(HERE), Known)
    assert isinstance(plane.settings(Shard(AccountId(OTHER), RegionName(REGION))), Unread)


def test_a_vault_is_targeted_by_rules_and_copies_of_any_account(bundle: BundleBuilder) -> None:
    bundle.shard().vault("main").vault("idle").vault("landing")
    bundle.shard().plan("p", rules=[rule()])
    bundle.shard(OTHER, REGION).vault("main").plan(
        "q", rules=[rule(CopyActions=[copy_to(vault_arn("landing"))])]
    )
    folder = bundle.write()
    plane = plane_of(folder)
    (vaults,) = (i.vaults for i in inventories_of(folder) if i.shard == HERE)
    assert {vault.name: plane.targeted(vault)[0] for vault in vaults} == {
        "main": True,
        "idle": False,
        "landing": True,
    }
    for read in ("backup:GetBackupPlan", "backup:ListBackupPlans"):
        blind = plane_of(bundle.write(refuse(bundle.lines(), read)))
        targeted, gap = blind.targeted(next(vault for vault in vaults if vault.name == "idle"))
        assert targeted is None
        assert gap is not None
        assert gap.operation == read


# Multi-Region keys, vaults that failed


def test_a_replica_of_a_multi_region_key_is_the_same_key(bundle: BundleBuilder) -> None:
    """Ruling 6: who manages it is told by any replica; each has a policy of its own."""
    near, far = key_arn("mrk-1"), key_arn("mrk-1", ACCOUNT, FAR)
    bundle.shard().volume("vol-1", Encrypted=True, KmsKeyId=near)
    bundle.shard(ACCOUNT, FAR).key("mrk-1", policy=shares_key(ACCOUNT)).vault("far", key=far)
    found = plane_of(bundle.write()).key(near, HERE)
    assert (found.kind, found.policy) == (KeyKind.CUSTOMER_MANAGED, None)
    assert found.policy_gap is not None
    assert found.policy_gap.operation == "kms:GetKeyPolicy"


def test_a_key_of_another_account_is_no_replica(bundle: BundleBuilder) -> None:
    bundle.shard().volume("vol-1", Encrypted=True, KmsKeyId=key_arn("mrk-1"))
    bundle.shard(OTHER, FAR).key("mrk-1").vault("far", key=key_arn("mrk-1", OTHER, FAR))
    assert plane_of(bundle.write()).key(key_arn("mrk-1"), HERE).kind is None


def test_a_key_with_the_same_id_in_another_region_is_another_key(bundle: BundleBuilder) -> None:
    bundle.shard().volume("vol-1", Encrypted=True, KmsKeyId=key_arn("k"))
    bundle.shard(ACCOUNT, FAR).key("k").vault("far", key=key_arn("k", ACCOUNT, FAR))
    assert plane_of(bundle.write()).key(key_arn("k"), HERE).kind is None


@pytest.mark.parametrize(
    ("state", "exists"), [("AVAILABLE", True), ("CREATING", True), ("FAILED", None), (None, True)]
)
def test_a_vault_whose_creation_failed_may_take_nothing(
    bundle: BundleBuilder, state: str | None, *, exists: bool | None
) -> None:
    bundle.shard(OTHER, FAR).vault("away", **({"VaultState": state} if state else {}))
    found = plane_of(bundle.write()).destination(Arn(vault_arn("away", OTHER, FAR)))
    assert found.exists.value is exists
    assert found.exists.because
