"""Every row of the facts sheet's feature matrix (part 2), and what AWS's Region table takes away from it."""

from dataclasses import replace
from typing import Any

import pytest

from scanner.protection.capabilities import Incremental, capabilities, capability
from scanner.protection.region_routes import Route, air_gap_supported, copy_supported

HERE, THERE = "eu-west-1", "eu-central-1"
SAME = Route(HERE, HERE, cross_account=False)
REGIONS = Route(HERE, THERE, cross_account=False)
ACCOUNTS = Route(HERE, HERE, cross_account=True)
BOTH = Route(HERE, THERE, cross_account=True)
LETTERS = {
    True: "Y",
    False: "-",
    None: "?",
    Incremental.ALWAYS: "Y",
    Incremental.NEVER: "-",
    Incremental.CONTINUOUS_ONLY: "P",
    Incremental.BY_OPT_IN: "O",
}

COLUMNS = (
    "cross_region",
    "cross_account",
    "single_action",
    "continuous",
    "incremental",
    "cold",
    "fully_managed",
    "air_gapped",
    "restore_testing",
    "item_restore",
    "search",
    "malware_scan",
    "audit_manager",
)

# xRegion xAccount 1act PITR incremental cold managed LAG restore-test item search malware BAM
MATRIX = {
    "EC2": "YYY-Y--YY--YY",
    "EBS": "YYY-YY-YYYYYY",
    "RDS": "YYYYY---Y---Y",
    "RDS_MULTI_AZ_CLUSTER": "----Y---Y---Y",
    "Aurora": "YYYYP--YY---Y",
    "DSQL": "YY?--YYY-----",
    "EFS": "YYY-YYYYYY--Y",
    "FSx_LUSTRE": "YYY-Y--YY---Y",
    "FSx_WINDOWS": "YYY-Y--YY---Y",
    "FSx_ONTAP": "YY?-Y--YY---Y",
    "FSx_OPENZFS": "YYY-?--YY----",
    "S3": "YYYYY-YYYYYYY",
    "StorageGateway": "YYY-Y--Y----Y",
    "DocumentDB": "YYY----YY----",
    "Neptune": "YYY----YY----",
    "Redshift": "----?----Y---",
    "RedshiftServerless": "---------Y---",
    "Timestream": "YYY-YYYY-----",
    "VirtualMachine": "YYY-YYYY-Y--Y",
    "CloudFormation": "Y??-YYY-----Y",
    "DynamoDB_BASIC": "--------Y---Y",
    "DynamoDB_ADVANCED": "YYY-OYYYY---Y",
    "SAP_HANA": "YY?YPYY------",
    "EKS": "YY?---YY-Y---",
}


@pytest.mark.parametrize(("key", "row"), MATRIX.items())
def test_each_row(key: str, row: str) -> None:
    result = capability(key)
    assert result is not None
    assert "".join(LETTERS[getattr(result, name)] for name in COLUMNS) == row


def test_no_row_is_left_out() -> None:
    assert {row.key for row in capabilities()} == set(MATRIX)
    in_doubt = {row.key for row in capabilities() if "?" in MATRIX[row.key] and row.key != "FSx_OPENZFS"}
    assert all(row.open_point for row in capabilities() if row.key in in_doubt)


# same place, another Region, another account, both
ROUTES = {
    **dict.fromkeys((key for key, row in MATRIX.items() if row.startswith("YYY")), "YYYY"),
    **dict.fromkeys((key for key, row in MATRIX.items() if row.startswith("YY?")), "YYY?"),
    **dict.fromkeys((key for key, row in MATRIX.items() if row.startswith("---")), "----"),
    "CloudFormation": "YY??",
}


@pytest.mark.parametrize(("key", "expected"), ROUTES.items())
def test_each_type_along_each_route(key: str, expected: str) -> None:
    answers = [copy_supported(capability(key), route) for route in (SAME, REGIONS, ACCOUNTS, BOTH)]
    assert "".join(LETTERS[answer.value] for answer in answers) == expected
    assert all(answer.because for answer in answers)


@pytest.mark.parametrize("key", MATRIX)
def test_each_type_into_an_air_gapped_vault(key: str) -> None:
    answer = air_gap_supported(capability(key), HERE)
    assert LETTERS[answer.value] == MATRIX[key][COLUMNS.index("air_gapped")]
    assert answer.because


LUSTRE, ONTAP, STACK, CLUSTER, TABLE = (
    "FSx_LUSTRE",
    "FSx_ONTAP",
    "CloudFormation",
    "Neptune",
    "Timestream",
)


# type, source, destination, whether across accounts, what is expected
@pytest.mark.parametrize(
    ("key", "source", "destination", "across", "expected"),
    [
        (LUSTRE, "me-south-1", HERE, False, False),
        (LUSTRE, HERE, "me-central-1", False, False),
        ("FSx_WINDOWS", "me-central-1", HERE, False, False),
        ("FSx_OPENZFS", HERE, "me-south-1", False, False),
        (ONTAP, "me-south-1", HERE, False, False),
        (ONTAP, "me-south-1", "me-south-1", True, True),
        (ONTAP, HERE, "ap-southeast-6", False, False),
        (ONTAP, "ap-southeast-6", "ap-southeast-6", True, False),
        (ONTAP, "ap-southeast-6", "ap-southeast-6", False, True),
        (ONTAP, "cn-north-1", "cn-northwest-1", False, False),
        (ONTAP, "cn-north-1", "cn-north-1", True, False),
        (CLUSTER, "eu-south-1", "eu-south-1", True, False),
        (CLUSTER, HERE, "il-central-1", True, False),
        (TABLE, HERE, "af-south-1", True, False),
        (TABLE, HERE, "af-south-1", False, True),
        (STACK, "ap-east-1", "ap-east-1", True, False),
        (STACK, "ap-east-1", HERE, False, True),
        (STACK, "xx-new-1", "xx-new-1", True, False),  # a Region to come is an opt-in Region
        (CLUSTER, "af-south-1", HERE, False, True),
        (CLUSTER, HERE, "ap-southeast-3", False, True),
        (CLUSTER, "eu-south-1", HERE, False, False),
        (CLUSTER, HERE, "xx-new-1", False, False),
        ("S3", "cn-north-1", "cn-north-1", True, None),
        ("S3", "cn-north-1", "cn-northwest-1", False, True),
        ("EBS", "cn-north-1", "cn-north-1", True, True),
        ("EBS", "cn-north-1", "cn-northwest-1", True, True),
        ("EBS", "us-gov-east-1", "us-gov-west-1", True, True),
        ("EBS", "us-gov-east-1", "us-east-1", False, False),
        ("EBS", HERE, "cn-north-1", True, False),
        ("EBS", "eusc-de-east-1", "eu-central-1", True, False),
        ("EBS", "eusc-de-east-1", "eusc-de-east-1", True, None),
        ("EBS", "us-iso-east-1", "us-isob-east-1", False, False),
        ("Redshift", "eusc-de-east-1", "eusc-de-east-1", True, False),
    ],
)
def test_regions_that_are_exceptions(
    key: str, source: str, destination: str, *, across: bool, expected: bool | None
) -> None:
    """Capabilities.yaml, `global_rules.region_exceptions`, and the pairs of China and GovCloud."""
    answer = copy_supported(capability(key), Route(source, destination, across))
    assert answer.value is expected
    assert answer.because


@pytest.mark.parametrize(
    ("key", "region", "expected"),
    [
        ("Neptune", "ap-southeast-3", False),
        ("Neptune", "af-south-1", True),
        ("EKS", "me-south-1", False),
        ("EKS", "me-central-1", False),
        ("EKS", HERE, True),
        ("EBS", "ca-west-1", None),
        ("EBS", "ap-southeast-7", None),
        ("RDS", "ca-west-1", False),
    ],
)
def test_regions_that_are_exceptions_for_air_gapped_vaults(
    key: str, region: str, *, expected: bool | None
) -> None:
    assert air_gap_supported(capability(key), region).value is expected


def test_a_type_without_a_row_answers_nothing() -> None:
    assert copy_supported(None, SAME).value is None
    assert air_gap_supported(None, HERE).value is None


@pytest.mark.parametrize(
    ("lacks", "route", "expected"),
    [
        ("cross_region", REGIONS, False),
        ("cross_region", ACCOUNTS, True),
        ("cross_region", BOTH, False),
        ("cross_account", REGIONS, True),
        ("cross_account", ACCOUNTS, False),
        ("cross_account", BOTH, False),
        ("single_action", REGIONS, True),
        ("single_action", ACCOUNTS, True),
        ("single_action", BOTH, False),
    ],
)
def test_a_type_that_lacks_one_way_only(lacks: str, route: Route, *, expected: bool) -> None:
    result = capability("EBS")
    assert result is not None
    changed: dict[str, Any] = {lacks: False}
    assert copy_supported(replace(result, **changed), route).value is expected
    changed = {lacks: None}
    assert copy_supported(replace(result, **changed), route).value is (True if expected else None)


def test_reasons_name_the_way_that_is_closed() -> None:
    result = capability("EBS")
    assert result is not None
    assert copy_supported(result, BOTH).because == "EBS can be copied to another Region and another account"
    across = copy_supported(replace(result, cross_account=False), ACCOUNTS).because
    assert across == "EBS cannot be copied across accounts"
    nobody_says = copy_supported(replace(result, cross_region=None), REGIONS).because
    assert nobody_says == "AWS does not document whether it can: EBS cannot be copied across Regions"
