"""The capability table: rows of the feature matrix, the variants of DynamoDB, pairs of Regions, states."""

import json
from importlib import resources as package_data
from typing import Any

import pytest

from scanner.model.inventory import RegionSettings
from scanner.model.known import Known
from scanner.protection.capabilities import (
    Incremental,
    capabilities_as_of,
    capability,
    capability_of,
    fully_managed,
    incremental_of,
    opt_in_always,
    restore_test_leftover,
    skipped_state,
)
from scanner.protection.region_routes import Route, copy_supported
from tests.fakes.bundles import FAR, REGION, table_arn
from tests.fakes.models import UNREAD, resource, settings

SAME = Route(REGION, REGION, cross_account=False)
REGIONS = Route(REGION, FAR, cross_account=False)
ACCOUNTS = Route(REGION, REGION, cross_account=True)
BOTH = Route(REGION, FAR, cross_account=True)


# Facts 2: cross-Region, cross-account, both in one action, continuous, cold, fully managed, air-gapped
@pytest.mark.parametrize(
    ("key", "row"),
    [
        ("EC2", "YYY---Y"),
        ("EBS", "YYY-Y-Y"),
        ("RDS", "YYYY---"),
        ("RDS_MULTI_AZ_CLUSTER", "-------"),
        ("Aurora", "YYYY--Y"),
        ("EFS", "YYY-YYY"),
        ("S3", "YYYY-YY"),
        ("DocumentDB", "YYY---Y"),
        ("Neptune", "YYY---Y"),
        ("DynamoDB_BASIC", "-------"),
        ("DynamoDB_ADVANCED", "YYY-YYY"),
        ("Timestream", "YYY-YYY"),
        ("VirtualMachine", "YYY-YYY"),
        ("CloudFormation", "Y??-YY-"),
        ("DSQL", "YY?-YYY"),
        ("FSx_ONTAP", "YY?---Y"),
        ("Redshift", "-------"),
    ],
)
def test_rows_of_the_feature_matrix(key: str, row: str) -> None:
    result = capability(key)
    assert result is not None
    features = (
        result.cross_region,
        result.cross_account,
        result.single_action,
        result.continuous,
        result.cold,
        result.fully_managed,
        result.air_gapped,
    )
    assert "".join({True: "Y", False: "-", None: "?"}[feature] for feature in features) == row


def test_the_data_is_well_formed() -> None:
    data: Any = json.loads(package_data.files("scanner.protection").joinpath("capabilities.json").read_text())
    for key in data["types"]:
        result = capability(key)
        assert result is not None
        assert result.opt_in_key
    assert capability("Nonsense") is None
    assert capabilities_as_of() == "2026-09-24"


@pytest.mark.parametrize(
    ("route", "expected"),
    [(SAME, "YYNNN"), (REGIONS, "YYNNN"), (ACCOUNTS, "YYNN?"), (BOTH, "YYNN?")],
)
def test_routes(route: Route, expected: str) -> None:
    """In the order EBS, RDS, Multi-AZ cluster, basic DynamoDB, and CloudFormation, which is open."""
    keys = ("EBS", "RDS", "RDS_MULTI_AZ_CLUSTER", "DynamoDB_BASIC", "CloudFormation")
    found = [copy_supported(capability(key), route) for key in keys]
    letters = "".join({True: "Y", False: "N", None: "?"}[answer.value] for answer in found)
    assert letters[:4] == expected[:4]
    assert (found[4].value is None) is (expected[4] == "?")


def test_no_copy_feature_means_no_copy_even_at_home() -> None:
    answer = copy_supported(capability("DynamoDB_BASIC"), SAME)
    assert (answer.value, "cannot copy recovery points" in answer.because) == (False, True)


def test_a_row_that_is_not_known_answers_nothing() -> None:
    assert copy_supported(None, SAME).value is None


@pytest.mark.parametrize(
    ("key", "source", "destination", "across", "expected"),
    [
        ("EBS", "cn-north-1", "cn-northwest-1", False, True),
        ("EBS", "cn-north-1", "eu-west-1", False, False),
        ("EBS", "eu-west-1", "us-gov-west-1", True, False),
        ("EBS", "us-gov-east-1", "us-gov-west-1", True, True),
        ("EBS", "eusc-de-east-1", "eusc-de-east-1", True, None),
        ("EBS", "eusc-de-east-1", "eu-central-1", False, False),
        ("Neptune", "eu-west-1", "eu-central-1", True, True),
        ("Neptune", "eu-west-1", "eu-south-1", True, False),
        ("Neptune", "af-south-1", "af-south-1", True, False),
        ("Neptune", "eu-south-1", "eu-west-1", False, False),
        ("Neptune", "af-south-1", "eu-west-1", False, True),
        ("DocumentDB", "af-south-1", "eu-west-1", True, True),
        ("FSx_LUSTRE", "me-south-1", "eu-west-1", False, False),
        ("FSx_LUSTRE", "me-south-1", "me-south-1", True, True),
        ("FSx_ONTAP", "ap-southeast-6", "ap-southeast-6", True, False),
        ("FSx_ONTAP", "cn-north-1", "cn-northwest-1", False, False),
        ("FSx_ONTAP", "eu-west-1", "eu-central-1", True, None),
    ],
)
def test_pairs_of_regions(
    key: str, source: str, destination: str, *, across: bool, expected: bool | None
) -> None:
    assert copy_supported(capability(key), Route(source, destination, across)).value is expected


TABLE = resource(table_arn("t"), "DynamoDB", {}, state="ACTIVE")


@pytest.mark.parametrize(
    ("managed", "opted_in", "key"),
    [
        (True, True, "DynamoDB_ADVANCED"),
        (True, False, "DynamoDB_BASIC"),
        (False, True, "DynamoDB_BASIC"),
        (False, None, "DynamoDB_BASIC"),
        (None, False, "DynamoDB_BASIC"),
        (True, None, None),
        (None, True, None),
        (None, None, None),
    ],
)
def test_dynamodb_has_two_rows(managed: bool | None, opted_in: bool | None, key: str | None) -> None:  # noqa: FBT001 -- a row
    result = RegionSettings(
        {} if opted_in is None else {"DynamoDB": opted_in}, {} if managed is None else {"DynamoDB": managed}
    )
    row = capability_of(TABLE, Known(result))
    assert (None if row is None else row.key) == key
    assert fully_managed(TABLE, Known(result)) is (None if key is None else key.endswith("ADVANCED"))


@pytest.mark.parametrize(
    ("managed", "opt_in", "expected"),
    [
        (True, {"DynamoDB": True}, Incremental.ALWAYS),
        (True, {"DynamoDB": False}, Incremental.NEVER),
        (True, {}, Incremental.NEVER),
        (True, None, None),  # recorded by a client that drops the member
        (False, {"DynamoDB": True}, Incremental.NEVER),  # only advanced backups are
    ],
)
def test_dynamodb_is_incremental_by_opt_in(
    managed: bool,  # noqa: FBT001 -- a row
    opt_in: dict[str, bool] | None,
    expected: Incremental | None,
) -> None:
    answer = RegionSettings({"DynamoDB": True}, {"DynamoDB": managed}, opt_in)
    assert incremental_of(TABLE, Known(answer)) is expected


def test_how_other_types_are_incremental() -> None:
    assert incremental_of(TABLE, UNREAD) is None
    assert incremental_of(resource(tags={}), UNREAD) is Incremental.ALWAYS
    assert incremental_of(resource(kind="Aurora", tags={}), UNREAD) is Incremental.CONTINUOUS_ONLY
    assert incremental_of(resource(kind="Neptune", tags={}), UNREAD) is Incremental.NEVER
    assert incremental_of(resource(kind="Unheard", tags={}), UNREAD) is None


def test_settings_matter_to_dynamodb_only() -> None:
    assert capability_of(TABLE, UNREAD) is None
    assert fully_managed(TABLE, UNREAD) is None
    assert fully_managed(resource(tags={}), UNREAD) is False
    assert fully_managed(resource(kind="EFS", tags={}), settings()) is True
    assert fully_managed(resource(kind="Unheard", tags={}), settings()) is None


@pytest.mark.parametrize(
    ("kind", "state", "skipped"),
    [
        ("EC2", "running", False),
        ("EC2", "stopped", False),
        ("EC2", "stopping", False),
        ("EC2", "terminated", True),
        ("EC2", "shutting-down", True),
        ("EC2", "pending", True),
        ("EBS", "in-use", False),
        ("EBS", "available", False),
        ("EBS", "deleting", True),
        ("EBS", "creating", True),
        ("EBS", None, None),
        ("RDS", "stopped", False),
        ("RDS", "deleting", True),
        ("Aurora", "deleting", True),
        ("DynamoDB", "ACTIVE", False),
        ("DynamoDB", "UPDATING", False),
        ("DynamoDB", "DELETING", True),
        ("DynamoDB", "ARCHIVED", True),
        ("EFS", "available", False),
        ("EFS", "deleted", True),
        ("S3", None, False),
        ("Unheard", None, False),
    ],
)
def test_states(kind: str, state: str | None, skipped: bool | None) -> None:  # noqa: FBT001 -- a row
    assert skipped_state(resource(kind=kind, tags={}, state=state)) is skipped


def test_who_obeys_the_opt_in_always() -> None:
    kinds = ("Aurora", "Neptune", "DocumentDB", "FSx", "RDS", "EBS")
    assert [opt_in_always(kind) for kind in kinds] == [True] * 4 + [False] * 2


def test_leftovers_are_unknown_without_tags() -> None:
    assert restore_test_leftover(resource(tags=None)) is None
    assert restore_test_leftover(resource(tags=None, name="awsbackup-restore-test-x")) is True
    assert restore_test_leftover(resource(tags={"Name": "x"})) is False
