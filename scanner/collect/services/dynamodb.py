"""Amazon DynamoDB: tables. Their tags come from the tagging API, a hundred at a time."""

from typing import Final

from scanner.collect.calls import Caller
from scanner.collect.fields import text
from scanner.collect.operations import Operation

_PAGE: Final = 100

OPERATIONS: Final = (
    Operation("dynamodb", "ListTables", "dynamodb:ListTables", _PAGE),
    Operation("dynamodb", "DescribeTable", "dynamodb:DescribeTable"),
)


def collect(caller: Caller) -> set[str]:
    """Record tables with their descriptions; give the keys that were named."""
    names: dict[str, None] = {}
    for answer in caller.pages("dynamodb", "ListTables"):
        names |= dict.fromkeys(name for name in answer.get("TableNames") or () if isinstance(name, str))
    keys: set[str] = set()
    for name in names:
        answer = caller.call("dynamodb", "DescribeTable", TableName=name) or {}
        keys.add(text(answer, "Table", "SSEDescription", "KMSMasterKeyArn"))
    return keys - {""}
