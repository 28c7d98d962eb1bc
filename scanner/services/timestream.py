"""Amazon Timestream for LiveAnalytics: tables, and databases, whose keys encrypt them.

Accounts are served by different cells: DescribeEndpoints returns the host to call.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from scanner.evidence.answers import Answers
from scanner.evidence.shape import Shape
from scanner.model.inventory import Encryption, Resource
from scanner.model.known import EvidenceRef, GapKind, Known, Reading, Unread
from scanner.model.names import Arn
from scanner.services.base import Operation, distinct, objects, rows, texts
from scanner.services.caller import Caller
from scanner.services.sources import Sources
from scanner.services.tagging import STACK_TAG

_PAGE: Final = 20

TABLES: Final = "timestream-write:ListTables"
_DATABASES: Final = "timestream-write:ListDatabases"
_ENDPOINTS: Final = "timestream-write:DescribeEndpoints"
_Rows = Mapping[str, tuple[Shape, EvidenceRef]]

OPERATIONS: Final = (
    Operation(
        "timestream-write",
        "DescribeEndpoints",
        "timestream:DescribeEndpoints",
        optional="its refusal is a gap of ListTables",
    ),
    Operation(
        "timestream-write",
        "ListTables",
        "timestream:ListTables",
        _PAGE,
        after=("timestream-write:DescribeEndpoints",),
        condition="account that uses Timestream",
        own=("Tables[].Arn",),
        identity=("Tables[].DatabaseName", "Tables[].TableName"),
    ),
    Operation(
        "timestream-write",
        "ListDatabases",
        "timestream:ListDatabases",
        _PAGE,
        after=("timestream-write:ListTables",),
        per="account that uses Timestream",
        own=("Databases[].Arn",),
        identity=("Databases[].DatabaseName",),
    ),
)


def collect(caller: Caller) -> set[str]:
    """Record tables, and databases if there are any; return the keys that they name."""
    answer = caller.call("timestream-write", "DescribeEndpoints") or {}
    # One is enough: each of them serves the account.
    for endpoint in texts([answer], "Endpoints", "Address")[:1]:
        return _tables(caller.at(endpoint))
    return set()


def _tables(caller: Caller) -> set[str]:
    # Databases are listed only for their keys, so an account without tables needs no second call.
    has_tables = False
    for answer in caller.pages("timestream-write", "ListTables"):
        has_tables |= any(True for _ in objects(answer, "Tables"))
    if not has_tables:
        return set()
    return set(texts(caller.pages("timestream-write", "ListDatabases"), "Databases", "KmsKeyId"))


def parse(sources: Sources) -> Iterator[Resource]:
    """Parse tables. Without the database, a table's key is unknown."""
    databases = distinct(rows(sources.answers, _DATABASES, "Databases"), "DatabaseName")
    tables = {
        (row.need("DatabaseName"), row.need("TableName")): (row, ref)
        for row, ref in rows(sources.answers, TABLES, "Tables")
    }
    for _, (row, ref) in sorted(tables.items()):
        yield _table(sources, row, ref, databases)


def _table(sources: Sources, row: Shape, ref: EvidenceRef, databases: _Rows) -> Resource:
    database, table = row.need("DatabaseName"), row.need("TableName")
    arn = row.text("Arn") or sources.arn("timestream", f"database/{database}/table/{table}")
    tags = sources.tags(arn, "timestream:table", "timestream-write:ListTagsForResource", ResourceARN=arn)
    return Resource(
        arn=Arn(arn),
        type="Timestream",
        capability="Timestream",
        account=sources.shard.account,
        region=sources.shard.region,
        name=f"{database}/{table}",
        state=row.text("TableStatus"),
        tags=tags,
        encryption=_encryption(sources, database, databases),
        created_at=row.instant("CreationTime"),
        stack=tags.value.get(STACK_TAG) if isinstance(tags, Known) else None,
        refs=(ref,),
    )


def _encryption(sources: Sources, database: str, databases: _Rows) -> Reading[Encryption]:
    """Parse a table's key: Timestream always encrypts, with the key of the database."""
    if database not in databases:
        failed = [answer.gap for answer in sources.answers.every(_DATABASES) if answer.gap is not None]
        gap = failed[-1] if failed else sources.answers.gap(_DATABASES, database, GapKind.NEVER_ASKED)
        sources.gaps.note(gap)
        return Unread(gap)
    row, ref = databases[database]
    key = row.text("KmsKeyId")
    return Known(Encryption(encrypted=True, keys=(key,) if key else ()), (ref,))


def implied_list(name: str, answers: Answers, _lists: Mapping[str, Reading[None]]) -> Reading[None] | None:
    """Return what DescribeEndpoints implies about the tables: there are none, or its refusal."""
    answer = answers.one(_ENDPOINTS)
    if name != TABLES:
        return None
    if answer.gap is None:
        # Timestream is closed to new customers: its refusal means that
        # there are no tables (docs/assumptions.md).
        return Known(None, answer.refs) if answer.absent else None
    is_refused = answer.gap.kind is not GapKind.NEVER_ASKED
    return Unread(replace(answer.gap, operation=TABLES)) if is_refused else None
