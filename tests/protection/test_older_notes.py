"""What the older course notes say (facts 2.1), one test a note: what is true now, and since when."""

import pytest

from scanner.model.facts import FOREVER_DAYS
from scanner.model.inventory import RegionSettings
from scanner.model.known import Known
from scanner.protection.capabilities import (
    Change,
    Incremental,
    capability,
    capability_of,
    changes,
    incremental_of,
)
from scanner.protection.lifecycle import copy_retention_days
from scanner.protection.region_routes import Route, air_gap_supported, copy_supported
from tests.fakes.bundles import table_arn
from tests.fakes.models import copy, resource, rule

BOTH = Route("eu-west-1", "eu-central-1", cross_account=True)
TABLE = resource(table_arn("t"), "DynamoDB", {})


def change(name: str) -> Change:
    found = [each for each in changes() if each.name == name]
    assert len(found) == 1
    return found[0]


def told(name: str) -> tuple[bool | None, str | None]:
    return change(name).holds, change(name).since


def copied(key: str, route: Route = BOTH) -> bool | None:
    return copy_supported(capability(key), route).value


def test_each_note_has_its_sentences() -> None:
    assert len(changes()) == len({each.name for each in changes()}) == 16
    for each in changes():
        assert each.once
        assert each.now
        assert each.source
        assert all(capability(key) for key in each.types)


def test_dynamodb_is_not_copied() -> None:
    assert told("dynamodb-not-copied") == (False, "2021-11-23")
    on = RegionSettings({"DynamoDB": True}, {"DynamoDB": True})
    off = RegionSettings({"DynamoDB": True}, {"DynamoDB": False})
    advanced, basic = capability_of(TABLE, Known(on)), capability_of(TABLE, Known(off))
    assert (copy_supported(advanced, BOTH).value, copy_supported(basic, BOTH).value) == (True, False)


def test_dynamodb_is_always_full() -> None:
    assert told("dynamodb-always-full") == (False, None)
    on = RegionSettings({"DynamoDB": True}, {"DynamoDB": True}, {"DynamoDB": True})
    assert incremental_of(TABLE, Known(on)) is Incremental.ALWAYS


def test_rds_and_aurora_cross_region_or_account_but_not_both() -> None:
    assert told("rds-one-way-at-a-time") == (False, "2025-10-23")
    assert [copied(key) for key in ("RDS", "Aurora", "DocumentDB", "Neptune")] == [True] * 4


def test_multi_az_clusters_have_no_copies_and_no_point_in_time_recovery() -> None:
    assert told("rds-clusters-not-copied") == (False, "2022-07-20")
    row = capability("RDS_MULTI_AZ_CLUSTER")
    assert row is not None
    assert (row.cross_region, row.cross_account, row.continuous) == (False, False, False)


def test_only_efs_escapes_customer_managed_keys() -> None:
    assert told("only-efs-escapes-customer-keys")[0] is False
    rows = [capability(key) for key in change("only-efs-escapes-customer-keys").types]
    assert all(row is not None and row.fully_managed for row in rows)
    assert not any(
        row is not None and row.fully_managed for row in map(capability, ("EC2", "EBS", "RDS", "Aurora"))
    )


def test_efs_crosses_regions_by_plan_only() -> None:
    assert told("efs-cross-region-in-plans-only") == (None, None)
    assert copied("EFS") is True


def test_marketplace_images_stay_in_their_account() -> None:
    """The link itself: tests/protection/test_copies.py, "image may leave the account"."""
    assert told("marketplace-images-stay") == (True, None)


def test_continuous_backups_of_rds_are_not_copied() -> None:
    assert told("continuous-backups-not-copied")[0] is True
    assert [copied(key) for key in ("RDS", "Aurora", "S3")] == [True] * 3  # as snapshots


def test_point_in_time_recovery_reaches_back_1_to_35_days() -> None:
    assert told("continuous-1-to-35-days")[0] is True
    continuous = {key for key in ("RDS", "Aurora", "S3", "SAP_HANA", "EBS", "EFS") if _continuous(key)}
    assert continuous == set(change("continuous-1-to-35-days").types)


def _continuous(key: str) -> bool:
    row = capability(key)
    return row is not None and row.continuous is True


def test_at_most_one_continuous_rule() -> None:
    assert told("one-continuous-rule")[0] is False


def test_overlapping_rules_keep_the_longer_retention() -> None:
    assert told("overlapping-rules-keep-longer")[0] is True


def test_ontap_is_not_copied() -> None:
    assert told("ontap-not-copied") == (False, "2026-08-27")
    assert copied("FSx_ONTAP", Route("eu-west-1", "eu-central-1", cross_account=False)) is True


def test_documentdb_is_not_copied_in_opt_in_regions() -> None:
    assert told("documentdb-not-copied-in-opt-in-regions") == (False, "2026-08-26")
    assert copied("DocumentDB", Route("af-south-1", "eu-south-1", cross_account=True)) is True


def test_china_has_no_copies_across_accounts() -> None:
    assert told("china-no-cross-account") == (False, "2026-08-27")
    assert copied("EBS", Route("cn-north-1", "cn-north-1", cross_account=True)) is True


@pytest.mark.parametrize("key", ["Aurora", "DocumentDB", "Neptune", "EKS", "EBS"])
def test_air_gapped_vaults_hold_copies_only(key: str) -> None:
    assert told("air-gapped-vaults-hold-copies-only") == (False, "2025-11-17")
    assert air_gap_supported(capability(key), "eu-west-1").value is True


def test_s3_has_at_most_1000_buckets() -> None:
    assert told("s3-1000-buckets") == (False, "2026-09-01")


def test_a_copy_for_ever_follows_its_source() -> None:
    """Facts 4, next to the notes on retention: a copy that never expires needs a source that never does."""
    assert copy_retention_days(rule(35), copy("x")) == 35
    assert copy_retention_days(rule(None), copy("x")) == FOREVER_DAYS
