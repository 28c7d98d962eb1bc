"""Every operation that a scan may call: the hook that refuses others and the IAM policy rest on it."""

from collections.abc import Iterable, Mapping
from typing import Final

from scanner.collect.operations import Operation
from scanner.collect.services import (
    backup,
    backup_gateway,
    cloudformation,
    dsql,
    dynamodb,
    ec2,
    efs,
    eks,
    fsx,
    iam,
    kms,
    organizations,
    rds,
    redshift,
    redshift_serverless,
    s3,
    ssm_sap,
    storagegateway,
    sts,
    supported,
    tagging,
    timestream,
)

_SERVICES: Final = (
    sts,
    iam,
    organizations,
    backup,
    supported,
    ec2,
    rds,
    dynamodb,
    efs,
    fsx,
    storagegateway,
    dsql,
    redshift,
    redshift_serverless,
    timestream,
    backup_gateway,
    cloudformation,
    ssm_sap,
    eks,
    s3,
    tagging,
    kms,
)

OPERATIONS: Final[Mapping[str, Operation]] = {
    operation.key: operation for service in _SERVICES for operation in service.OPERATIONS
}
"""By `service:Operation`."""


def with_parents(operations: Iterable[str]) -> frozenset[str]:
    """Return those of the operations that a scan calls, and all that must be called before them."""
    found: set[str] = set()
    waiting = [name for name in operations if name in OPERATIONS]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += OPERATIONS[name].after
    return frozenset(found)
