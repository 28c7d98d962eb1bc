"""Keys that lie in another account than what is encrypted under them (catalogue, ruling 17)."""

from pathlib import Path

import pytest

from scanner.model.inventory import KeyKind
from scanner.model.known import GapKind
from scanner.model.names import AccountId, RegionName, Shard
from tests.fakes.bundles import (
    ACCOUNT,
    FAR,
    OTHER,
    REGION,
    BundleBuilder,
    facts_of,
    key_arn,
    plane_of,
    refuse,
    shares_key,
    without,
)

HERE, OWNER = Shard(AccountId(ACCOUNT), RegionName(REGION)), Shard(AccountId(OTHER), RegionName(REGION))
KEY, ALIAS = key_arn("central", OTHER), f"arn:aws:kms:{REGION}:{OTHER}:alias/central"
POLICY = shares_key(ACCOUNT, "333333333333")


@pytest.fixture
def bundle(tmp_path: Path) -> BundleBuilder:
    """Build an account whose volume is under a key of another one; nothing in that one names the key."""
    built = BundleBuilder(tmp_path)
    built.shard().volume("vol-1", Encrypted=True, KmsKeyId=KEY)
    built.shard(OTHER).key("central", policy=POLICY).alias("alias/central", "central")
    return built


@pytest.mark.parametrize("name", [KEY, ALIAS])
def test_a_key_is_judged_by_whatever_shard_described_it(bundle: BundleBuilder, name: str) -> None:
    found = plane_of(bundle.write()).key(name, HERE)
    assert (found.name, found.kind, found.policy) == (KEY, KeyKind.CUSTOMER_MANAGED, POLICY)


def test_a_refusal_in_the_account_that_names_it_is_no_gap_where_the_owner_answered(
    bundle: BundleBuilder,
) -> None:
    bundle.shard().call("kms:DescribeKey", error="AccessDeniedException", KeyId=KEY)
    folder = bundle.write()
    assert plane_of(folder).key(KEY, HERE).kind is KeyKind.CUSTOMER_MANAGED
    row = facts_of(folder)["account_region"][f"aws:account-region:{ACCOUNT}/{REGION}"]
    assert "kms:DescribeKey" not in {read.operation for read in row.missing_reads}  # type: ignore[attr-defined]


def test_both_may_have_been_refused(bundle: BundleBuilder) -> None:
    bundle.shard().call("kms:DescribeKey", error="AccessDeniedException", KeyId=KEY)
    found = plane_of(bundle.write(refuse(bundle.lines(), "kms:DescribeKey", KeyId=KEY))).key(KEY, HERE)
    assert found.kind is None
    assert found.kind_gap is not None
    assert found.kind_gap.kind is GapKind.REFUSED


@pytest.mark.parametrize("status", ["failed", "partial"])
def test_single_answers_of_a_shard_that_was_not_read_whole_count(bundle: BundleBuilder, status: str) -> None:
    bundle.manifest["shards"] = [
        {"account": OTHER, "region": REGION, "status": status, "file": f"evidence/{OTHER}/{REGION}.jsonl"}
    ]
    assert plane_of(bundle.write()).key(KEY, HERE).policy == POLICY


def test_a_policy_that_its_owner_was_not_asked_for_is_a_gap_of_the_owner(bundle: BundleBuilder) -> None:
    found = plane_of(bundle.write(without(bundle.lines(), "kms:GetKeyPolicy"))).key(KEY, HERE)
    assert (found.kind, found.policy) == (KeyKind.CUSTOMER_MANAGED, None)
    assert found.policy_gap is not None
    assert (found.policy_gap.account, found.policy_gap.kind) == (OTHER, GapKind.NEVER_ASKED)


@pytest.mark.parametrize(
    ("name", "account", "region", "kind"),
    [
        (key_arn("unseen", OTHER), OTHER, REGION, GapKind.NEVER_ASKED),
        (key_arn("x", "333333333333"), "333333333333", REGION, GapKind.OUT_OF_SCOPE),
        (key_arn("x", OTHER, "us-east-1"), OTHER, "us-east-1", GapKind.OUT_OF_SCOPE),
    ],
)
def test_what_is_missing_is_told_of_the_owner(
    bundle: BundleBuilder, name: str, account: str, region: str, kind: GapKind
) -> None:
    found = plane_of(bundle.write()).key(name, HERE)
    for gap in (found.kind_gap, found.policy_gap):
        assert gap is not None
        assert (gap.account, gap.region, gap.kind) == (account, region, kind)


def test_an_owner_that_could_not_be_entered_is_the_reason(tmp_path: Path) -> None:
    bundle = BundleBuilder(tmp_path)
    bundle.shard().volume("vol-1", Encrypted=True, KmsKeyId=KEY)
    lines = {**bundle.lines()}
    bundle.shard(OTHER)
    refusal = BundleBuilder(tmp_path / "x").account(OTHER)
    refusal.call("sts:AssumeRole", error="AccessDenied", RoleArn=f"arn:aws:iam::{OTHER}:role/Scan")
    denied = [line for line in refusal.lines() if line["operation"] == "AssumeRole"]
    closed = {f"evidence/{OTHER}/aws-global": denied, f"evidence/{OTHER}/{REGION}": denied}
    found = plane_of(bundle.write({**lines, **closed})).key(KEY, HERE)
    assert found.kind_gap is not None
    assert f"Account {OTHER} could not be entered: sts:AssumeRole of arn:" in found.kind_gap.sentence()


def test_keys_with_one_id_in_two_accounts_are_two_keys(bundle: BundleBuilder) -> None:
    bundle.shard().volume("vol-2", Encrypted=True, KmsKeyId=key_arn("central")).key("central", "AWS")
    bundle.shard().alias("alias/central", "other")
    plane = plane_of(bundle.write())
    assert plane.key(KEY, HERE).kind is KeyKind.CUSTOMER_MANAGED
    assert plane.key(key_arn("central"), HERE).kind is KeyKind.AWS_MANAGED
    assert plane.key(ALIAS, HERE).name == KEY
    assert plane.key("alias/central", HERE).kind is None  # its own account's alias leads to another key


def test_an_alias_that_was_described_where_it_is_named(bundle: BundleBuilder) -> None:
    unlisted = f"arn:aws:kms:{REGION}:{OTHER}:alias/unlisted"
    metadata = {"KeyId": "central", "Arn": KEY, "KeyManager": "CUSTOMER", "KeyState": "Enabled"}
    bundle.shard().call("kms:DescribeKey", {"KeyMetadata": metadata}, KeyId=unlisted)
    found = plane_of(bundle.write()).key(unlisted, HERE)
    assert (found.name, found.policy) == (KEY, POLICY)


def test_the_owners_own_region_decides(bundle: BundleBuilder) -> None:
    bundle.shard(OTHER, FAR).key("far", policy=POLICY)
    assert plane_of(bundle.write()).key(key_arn("far", OTHER), HERE).kind is None
    assert plane_of(bundle.write()).key(key_arn("far", OTHER, FAR), HERE).policy == POLICY


@pytest.mark.parametrize("shards", [[], [{"account": OTHER, "region": FAR, "status": "skipped"}]])
def test_a_region_of_the_owner_that_was_not_read_leaves_the_key_unknown(
    bundle: BundleBuilder, shards: list[dict[str, str]]
) -> None:
    bundle.shard(OTHER, FAR)
    bundle.shard(ACCOUNT, FAR).volume("vol-9", Encrypted=True, KmsKeyId=key_arn("central", OTHER, FAR))
    bundle.manifest["shards"] = shards
    lines = bundle.lines()
    del lines[f"evidence/{OTHER}/{FAR}"]
    far = Shard(AccountId(ACCOUNT), RegionName(FAR))
    found = plane_of(bundle.write(lines)).key(key_arn("central", OTHER, FAR), far)
    assert found.kind is None
    assert found.kind_gap is not None
    assert (found.kind_gap.account, found.kind_gap.region) == (OTHER, FAR)
