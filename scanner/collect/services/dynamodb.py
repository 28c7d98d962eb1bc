"""Amazon DynamoDB: tables. Their tags come from the tagging API, a hundred at a time."""

from collections.abc import Iterable
from typing import Final

from scanner.collect.calls import Caller
from scanner.collect.fields import text
from scanner.collect.operations import Operation

_PAGE: Final = 100

OPERATIONS: Final = (
    Operation("dynamodb", "ListTables", "dynamodb:ListTables", _PAGE),
    Operation(
        "dynamodb",
        "DescribeTable",
        "dynamodb:DescribeTable",
        after=("dynamodb:ListTables",),
        own=("Table.TableArn",),
    ),
)


def collect(caller: Caller) -> set[str]:
    """Record tables with their descriptions; give the keys that were named."""
    names: dict[str, None] = {}
    for answer in caller.pages("dynamodb", "ListTables"):
        names |= dict.fromkeys(name for name in answer.get("TableNames") or () if isinstance(name, str))
    return caller.each(names, _describe)


def _describe(caller: Caller, name: str) -> Iterable[str]:
    answer = caller.call("dynamodb", "DescribeTable", TableName=name) or {}
    key = text(answer, "Table", "SSEDescription", "KMSMasterKeyArn")
    return (key,) if key else ()
