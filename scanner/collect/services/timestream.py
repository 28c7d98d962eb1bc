"""Amazon Timestream for LiveAnalytics: tables, and the databases that name their keys.

Each account is served by cells of its own: DescribeEndpoints says where to ask.
"""

from typing import Final

from scanner.collect.calls import Caller
from scanner.collect.fields import rows, texts
from scanner.collect.operations import Operation

_PAGE: Final = 20

OPERATIONS: Final = (
    Operation("timestream-write", "DescribeEndpoints", "timestream:DescribeEndpoints"),
    Operation(
        "timestream-write",
        "ListTables",
        "timestream:ListTables",
        _PAGE,
        after=("timestream-write:DescribeEndpoints",),
        own=("Tables[].Arn",),
    ),
    Operation(
        "timestream-write",
        "ListDatabases",
        "timestream:ListDatabases",
        _PAGE,
        after=("timestream-write:ListTables",),
        own=("Databases[].Arn",),
    ),
)


def collect(caller: Caller) -> set[str]:
    """Record tables, and databases where there are any; give the keys that were named."""
    answer = caller.call("timestream-write", "DescribeEndpoints") or {}
    for endpoint in texts([answer], "Endpoints", "Address")[:1]:
        return _tables(caller.at(endpoint))
    return set()


def _tables(there: Caller) -> set[str]:
    has_tables = False
    for answer in there.pages("timestream-write", "ListTables"):
        has_tables |= any(True for _ in rows(answer, "Tables"))
    if not has_tables:
        return set()
    return set(texts(there.pages("timestream-write", "ListDatabases"), "Databases", "KmsKeyId"))
