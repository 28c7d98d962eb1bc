"""AWS IAM: the roles of an account, with their trust policies."""

from typing import Final

from scanner.collect.calls import Caller
from scanner.collect.operations import Operation

OPERATIONS: Final = (
    # One list tells of all roles that selections name, whether they exist and whom they trust.
    Operation("iam", "ListRoles", "iam:ListRoles", page=1000, own=("Roles[].Arn",)),
)


def collect(caller: Caller) -> None:
    """Record the account's roles. IAM is one service a partition: its endpoint is the same in each Region."""
    for _ in caller.pages("iam", "ListRoles"):
        pass
