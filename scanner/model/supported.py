"""Which resource types AWS Backup says it supports in a Region, and what follows for the services' lists.

`named` is what GetSupportedResourceTypes answered. What it leaves out cannot be backed up in that Region,
so its service need not be asked there: it may have no endpoint at all (docs/assumptions.md).
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

TYPE_OF_SERVICE: Final[Mapping[str, str]] = {
    "backup-gateway": "VirtualMachine",
    "cloudformation": "CloudFormation",
    "dsql": "DSQL",
    "eks": "EKS",
    "fsx": "FSx",
    "redshift": "Redshift",
    "redshift-serverless": "Redshift Serverless",
    "ssm-sap": "SAP HANA on Amazon EC2",
    "storagegateway": "Storage Gateway",
    "timestream-write": "Timestream",
}
"""By boto3's client name, the one type that is listed for AWS Backup. EC2, RDS, EFS, S3 and DynamoDB are
everywhere, and are always asked."""

_ELSEWHERE: Final = ("Aurora", "DocumentDB", "DynamoDB", "EBS", "EC2", "EFS", "Neptune", "RDS", "S3")

_AS_NEW_AS: Final[Mapping[str, tuple[str, ...]]] = {
    "Redshift Serverless": ("DSQL", "EKS"),
    "DSQL": ("EKS",),
}
"""Types that AWS's own text on the answer does not name, and those that AWS Backup supports since the same
day or later (facts 1.1, document history): an answer that names one of these would name them, too."""


def _plain(name: str) -> str:
    """Bring the spellings of a type together: `Redshift Serverless`, `RedshiftServerless`."""
    return "".join(char for char in name.casefold() if char.isalnum())


_KNOWN: Final = frozenset(map(_plain, (*TYPE_OF_SERVICE.values(), *_ELSEWHERE)))


def unknown_types(named: Iterable[str]) -> tuple[str, ...]:
    """Give the types that AWS Backup supports and this version has never heard of, sorted."""
    return tuple(sorted({name for name in named if _plain(name) not in _KNOWN}))


def is_unsupported(service: str, named: Collection[str]) -> bool:
    """Whether the answer says that nothing of a service can be backed up in the Region.

    A type that AWS's text does not name may stand in the answer under another name, or the answer may be
    older than it: it is only missing where a type as new as it is named, and no name is unknown.
    """
    kind = TYPE_OF_SERVICE.get(service)
    plain = {_plain(name) for name in named}
    if kind is None or not plain or _plain(kind) in plain:
        return False
    if kind not in _AS_NEW_AS:
        return True
    return plain <= _KNOWN and any(_plain(newer) in plain for newer in _AS_NEW_AS[kind])
