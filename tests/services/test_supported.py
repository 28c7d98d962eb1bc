import pytest

from scanner.services.supported import TYPE_OF_SERVICE, is_unsupported, unknown_types

PROSE = [
    "Aurora",
    "CloudFormation",
    "DocumentDB",
    "DynamoDB",
    "EBS",
    "EC2",
    "EFS",
    "EKS",
    "FSx",
    "Neptune",
    "RDS",
    "Redshift",
    "S3",
    "Timestream",
    "VirtualMachine",
    "SAP HANA on Amazon EC2",
    "Storage Gateway",
]
"""The types that AWS's own text on the answer names."""


def less(*names: str) -> list[str]:
    return [name for name in PROSE if name not in names]


@pytest.mark.parametrize("service", [one for one in TYPE_OF_SERVICE if TYPE_OF_SERVICE[one] in PROSE])
def test_what_the_answer_leaves_out_is_unsupported(service: str) -> None:
    assert is_unsupported(service, less(TYPE_OF_SERVICE[service]))
    assert not is_unsupported(service, PROSE)


@pytest.mark.parametrize(
    ("service", "named", "expected"),
    [
        # What the answer does not tell, or tells in another spelling
        ("fsx", [], False),
        ("redshift-serverless", [*PROSE, "RedshiftServerless"], False),
        ("storagegateway", [*less("Storage Gateway"), "STORAGE_GATEWAY"], False),
        ("ssm-sap", [*less("SAP HANA on Amazon EC2"), "SAP HANA on Amazon EC2"], False),
        ("fsx", [*less("FSx"), "Tomorrow"], True),
        # What is everywhere is always asked
        ("ec2", ["FSx"], False),
        ("rds", ["FSx"], False),
        ("backup", ["FSx"], False),
        # Types that AWS's text does not name
        ("dsql", PROSE, True),
        ("dsql", less("EKS"), False),
        ("dsql", [*less("EKS"), "Redshift Serverless"], False),
        ("dsql", [*PROSE, "Aurora DSQL"], False),
        ("dsql", [*PROSE, "DSQL"], False),
        ("redshift-serverless", PROSE, True),
        ("redshift-serverless", less("EKS"), False),
        ("redshift-serverless", [*less("EKS"), "DSQL"], True),
        ("redshift-serverless", [*PROSE, "Redshift-Data"], False),
    ],
)
def test_what_follows_for_a_service(service: str, named: list[str], *, expected: bool) -> None:
    assert is_unsupported(service, named) is expected


def test_types_that_nobody_here_has_heard_of() -> None:
    known = [*PROSE, "DSQL", "Redshift Serverless", "redshift serverless"]
    assert unknown_types(known) == ()
    assert unknown_types([*known, "Tomorrow", "名前", "Tomorrow"]) == ("Tomorrow", "名前")
