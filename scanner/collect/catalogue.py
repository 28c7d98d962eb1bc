"""Every operation that a scan may call: the hook that refuses others and the IAM policy rest on it."""

from collections.abc import Mapping
from typing import Final

from scanner.collect.operations import Operation
from scanner.collect.services import (
    backup,
    dynamodb,
    ec2,
    efs,
    iam,
    kms,
    organizations,
    rds,
    s3,
    sts,
    tagging,
)

OPERATIONS: Final[Mapping[str, Operation]] = {
    operation.key: operation
    for service in (sts, iam, organizations, backup, ec2, rds, dynamodb, efs, s3, tagging, kms)
    for operation in service.OPERATIONS
}
"""By `service:Operation`."""
