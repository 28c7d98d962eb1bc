"""AWS STS: who is calling, and the roles that are assumed in other accounts."""

from typing import Final

from scanner.collect.operations import Operation

OPERATIONS: Final = (
    Operation("sts", "GetCallerIdentity", "sts:GetCallerIdentity", own=("Account", "Arn")),
    # Its answers are secrets and are never recorded; it is called by `scanner.collect.roles` alone.
    Operation("sts", "AssumeRole", "sts:AssumeRole"),
)
