"""Buckets that ListBuckets does not place: other answers of the bundle do, else only they are unknown."""

from pathlib import Path
from typing import Any

import pytest

from scanner.evidence.bundle import Bundle
from scanner.inventory.reconcile import BucketRegions
from scanner.judging.passes import inventory_of
from scanner.model.inventory import ShardInventory
from scanner.model.known import GapKind, Known
from tests.fakes.bundles import ACCOUNT, OTHER, REGION, BundleBuilder

FAR = "eu-central-1"


@pytest.fixture
def bundle(tmp_path: Path) -> BundleBuilder:
    """Return two accounts in two Regions; the first has a bucket whose Region its list does not name."""
    built = BundleBuilder(tmp_path / "bundle")
    for account in (ACCOUNT, OTHER):
        for region in (REGION, FAR):
            built.shard(account, region)
    built.account().bucket("b", None)
    return built


def parsed(bundle: BundleBuilder) -> dict[tuple[str, str], ShardInventory]:
    opened = Bundle(bundle.write())
    regions = BucketRegions(opened)
    return {(s.account, s.region): inventory_of(opened, (s, status), regions) for s, status in opened.scope()}


def names(inventory: ShardInventory) -> list[str]:
    return [resource.name for resource in inventory.resources]


@pytest.mark.parametrize(
    ("operation", "response"),
    [
        ("s3:GetBucketVersioning", {"Status": "Enabled"}),
        ("s3:GetBucketTagging", None),
        ("s3:GetBucketLocation", {"LocationConstraint": FAR}),
        ("s3:HeadBucket", {"BucketRegion": FAR}),
    ],
)
def test_an_answer_about_the_bucket_places_it(
    bundle: BundleBuilder, operation: str, response: dict[str, Any] | None
) -> None:
    error = "" if response is not None else "NoSuchTagSet"
    bundle.shard(region=FAR).call(operation, response, error=error, Bucket="b")
    found = parsed(bundle)
    assert names(found[ACCOUNT, FAR]) == ["b"]
    assert names(found[ACCOUNT, REGION]) == []
    assert all(isinstance(each.lists["s3:ListBuckets"], Known) for each in found.values())


def test_head_bucket_among_the_global_answers_places_it(bundle: BundleBuilder) -> None:
    bundle.account().call("s3:HeadBucket", {"BucketRegion": FAR}, Bucket="b")
    found = parsed(bundle)
    assert (names(found[ACCOUNT, REGION]), names(found[ACCOUNT, FAR])) == ([], ["b"])


def test_a_redirect_is_no_sign_of_the_region(bundle: BundleBuilder) -> None:
    bundle.shard().call("s3:GetBucketTagging", error="PermanentRedirect", Bucket="b")
    assert names(parsed(bundle)[ACCOUNT, REGION]) == []


def test_answers_in_two_regions_prove_neither(bundle: BundleBuilder) -> None:
    for region in (REGION, FAR):
        bundle.shard(region=region).call("s3:GetBucketVersioning", {}, Bucket="b")
    found = parsed(bundle)
    assert (names(found[ACCOUNT, REGION]), names(found[ACCOUNT, FAR])) == ([], [])


def test_only_the_account_of_the_bucket_is_open_and_the_gap_names_it(bundle: BundleBuilder) -> None:
    bundle.account(OTHER).bucket("placed", FAR)
    bundle.shard(OTHER, FAR).bucket_details("placed")
    found = parsed(bundle)
    for region in (REGION, FAR):
        (gap,) = found[ACCOUNT, region].gaps
        assert (gap.kind, gap.account, gap.about) == (GapKind.NOT_REPORTED, ACCOUNT, "b")
        assert found[OTHER, region].gaps == ()


def test_nothing_is_read_again_where_the_list_places_all(bundle: BundleBuilder) -> None:
    opened = Bundle(bundle.write())
    opened.lines = None  # type: ignore[method-assign, assignment]  # calling it would fail
    assert BucketRegions(opened).of(OTHER) == {}  # type: ignore[arg-type]
