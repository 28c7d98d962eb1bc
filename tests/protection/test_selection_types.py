"""Selections and the ARNs of every further type: patterns as the Organizations guide prints them."""

from typing import Final

import pytest

from scanner.model.inventory import RegionSettings, Resource
from scanner.model.known import Known
from scanner.model.resource_types import RESOURCE_LISTS
from scanner.protection.capabilities import capability_of, skipped_state
from scanner.protection.selection import OptIn, could_select, selects
from tests.fakes.bundles import ACCOUNT, REGION
from tests.fakes.models import resource, settings, terms

UUID: Final = "4f2c6d10-0000-11f0-8de9-0242ac120002"

# type: row of the capability table, ARN, pattern of the type, the list that names it
TYPES: Final[dict[str, tuple[str, str, str, str]]] = {
    "FSx": (
        "FSx_LUSTRE",
        f"fsx:{REGION}:{ACCOUNT}:file-system/fs-0123456789abcdef0",
        "fsx:*:*:file-system/*",
        "fsx:DescribeFileSystems",
    ),
    "FSx of ONTAP": (
        "FSx_ONTAP",
        f"fsx:{REGION}:{ACCOUNT}:volume/fs-0123456789abcdef0/fsvol-0123456789abcdef0",
        "fsx:*:*:volume/*",
        "fsx:DescribeVolumes",
    ),
    "Storage Gateway": (
        "StorageGateway",
        f"storagegateway:{REGION}:{ACCOUNT}:gateway/sgw-12A3456B/volume/vol-1122AABB",
        "storagegateway:*:*:gateway/*",
        "storagegateway:ListVolumes",
    ),
    "DSQL": (
        "DSQL",
        f"dsql:{REGION}:{ACCOUNT}:cluster/kiabtt5example",
        "dsql:*:*:cluster/*",
        "dsql:ListClusters",
    ),
    "Redshift": (
        "Redshift",
        f"redshift:{REGION}:{ACCOUNT}:cluster:dw",
        "redshift:*:*:cluster:*",
        "redshift:DescribeClusters",
    ),
    "Redshift Serverless": (
        "RedshiftServerless",
        f"redshift-serverless:{REGION}:{ACCOUNT}:namespace/{UUID}",
        "redshift-serverless:*:*:namespace/*",
        "redshift-serverless:ListNamespaces",
    ),
    "Timestream": (
        "Timestream",
        f"timestream:{REGION}:{ACCOUNT}:database/iot/table/readings",
        "timestream:*:*:database/*",
        "timestream-write:ListTables",
    ),
    "VirtualMachine": (
        "VirtualMachine",
        f"backup-gateway:{REGION}:{ACCOUNT}:vm/vm-0A1B2C3D",
        "backup-gateway:*:*:vm/*",
        "backup-gateway:ListVirtualMachines",
    ),
    "CloudFormation": (
        "CloudFormation",
        f"cloudformation:{REGION}:{ACCOUNT}:stack/app-Nested-1A2B/{UUID}",
        "cloudformation:*:*:stack/*",
        "cloudformation:DescribeStacks",
    ),
    "SAP HANA on Amazon EC2": (
        "SAP_HANA",
        f"ssm-sap:{REGION}:{ACCOUNT}:HANA/my-app/DB/SYSTEMDB",
        "ssm-sap:*:*:HANA/*",
        "ssm-sap:ListDatabases",
    ),
    "EKS": ("EKS", f"eks:{REGION}:{ACCOUNT}:cluster/prod", "eks:*:*:cluster/*", "eks:ListClusters"),
}
STATES: Final[tuple[tuple[str, str, bool], ...]] = (
    ("FSx", "AVAILABLE", False),
    ("FSx", "DELETING", True),
    ("FSx of ONTAP", "CREATED", False),
    ("Storage Gateway", "AVAILABLE", False),
    ("Storage Gateway", "DETACHED", True),
    ("DSQL", "INACTIVE", False),
    ("DSQL", "PENDING_DELETE", True),
    ("Redshift", "paused", False),
    ("Redshift", "final-snapshot", True),
    ("Timestream", "ACTIVE", False),
    ("VirtualMachine", "OFFLINE", False),
    ("CloudFormation", "UPDATE_ROLLBACK_COMPLETE", False),
    ("CloudFormation", "DELETE_FAILED", False),
    ("CloudFormation", "REVIEW_IN_PROGRESS", True),
    ("SAP HANA on Amazon EC2", "STOPPED", False),
    ("EKS", "DELETING", True),
)


def of(name: str, **more: str) -> Resource:
    capability, arn, *_ = TYPES[name]
    return resource(f"arn:aws:{arn}", name.partition(" of ")[0], {}, capability=capability, **more)


def opted(opt_in: dict[str, bool]) -> OptIn:
    return OptIn(Known(RegionSettings(opt_in, {})), "account 1")


def patterns(name: str) -> dict[str, bool]:
    """Give entries of Resources, and whether the type or the ARN is named by them."""
    _, arn, pattern, _ = TYPES[name]
    service = arn.partition(":")[0]
    return {
        f"arn:aws:{pattern}": True,
        f"arn:aws:{arn}": True,
        f"arn:*:{pattern}": True,
        "*": False,
        f"arn:aws:{service}:*": False,
        f"arn:aws:{service}:*:*:*": False,
    }


@pytest.mark.parametrize("name", TYPES)
def test_the_patterns_of_a_type_select_it_and_nothing_else(name: str) -> None:
    everything = opted(dict.fromkeys(TYPES, True))
    for other in TYPES:
        wanted = terms((f"arn:aws:{TYPES[name][2]}",))
        assert selects(wanted, of(other), everything).value is (name == other)


@pytest.mark.parametrize("name", TYPES)
def test_where_the_opt_in_decides(name: str) -> None:
    """FSx obeys the opt-in even when it is named; all others only when they are not (facts 3.3)."""
    one = of(name)
    row = capability_of(one, settings())
    assert row is not None
    assert row.opt_in_key == one.type
    off, on = (opted({row.opt_in_key: value}) for value in (False, True))
    for entry, names_it in patterns(name).items():
        assert selects(terms((entry,)), one, on).value is True
        assert selects(terms((entry,)), one, off).value is (names_it and one.type != "FSx")


@pytest.mark.parametrize("name", TYPES)
def test_a_type_that_nobody_listed_could_be_selected(name: str) -> None:
    service, prefix = RESOURCE_LISTS[TYPES[name][3]]
    for entry in patterns(name):
        assert could_select(terms((entry,)), service, prefix)
    assert not could_select(terms(("arn:aws:ec2:*:*:volume/*",)), service, prefix)


@pytest.mark.parametrize(("name", "state", "skipped"), STATES)
def test_states_in_which_aws_backup_skips_a_resource(name: str, state: str, *, skipped: bool) -> None:
    assert skipped_state(of(name, state=state)) is skipped
