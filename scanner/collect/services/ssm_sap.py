"""AWS Systems Manager for SAP: HANA databases and their descriptions."""

from typing import Final

from scanner.collect.calls import Caller
from scanner.collect.fields import texts
from scanner.collect.operations import Operation

OPERATIONS: Final = (
    Operation("ssm-sap", "ListDatabases", "ssm-sap:ListDatabases", page=50, own=("Databases[].Arn",)),
    # Which secret holds the database's password is nobody's business either.
    Operation(
        "ssm-sap",
        "GetDatabase",
        "ssm-sap:GetDatabase",
        secrets=("Database.Credentials",),
        after=("ssm-sap:ListDatabases",),
        own=("Database.Arn",),
    ),
)


def collect(caller: Caller) -> set[str]:
    """Record databases with their descriptions; they name no keys."""
    return caller.each(texts(caller.pages("ssm-sap", "ListDatabases"), "Databases", "Arn"), _describe)


def _describe(caller: Caller, arn: str) -> tuple[str, ...]:
    caller.call("ssm-sap", "GetDatabase", DatabaseArn=arn)
    return ()
