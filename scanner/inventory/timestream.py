"""Tables of Amazon Timestream for LiveAnalytics: ListTables; the key is that of their database."""

from collections.abc import Iterator, Mapping
from typing import Final

from scanner.evidence.shape import Shape
from scanner.inventory.ec2 import STACK_TAG
from scanner.inventory.gaps import rows
from scanner.inventory.sources import Sources
from scanner.model.inventory import Encryption, Resource
from scanner.model.names import Arn
from scanner.model.reading import EvidenceRef, GapKind, Known, Reading, Unread

TABLES: Final = "timestream-write:ListTables"
_DATABASES: Final = "timestream-write:ListDatabases"

_Rows = Mapping[str, tuple[Shape, EvidenceRef]]


def parse_timestream(sources: Sources) -> Iterator[Resource]:
    """Parse tables. Where the database was not read, the table's key is not known."""
    databases = {
        row.need("DatabaseName"): (row, ref) for row, ref in rows(sources.answers, _DATABASES, "Databases")
    }
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
    """Read a table's key: Timestream always encrypts, with the key of the database."""
    if database not in databases:
        failed = [answer.gap for answer in sources.answers.every(_DATABASES) if answer.gap is not None]
        gap = failed[-1] if failed else sources.answers.gap(_DATABASES, database, GapKind.NEVER_ASKED)
        sources.gaps.note(gap)
        return Unread(gap)
    row, ref = databases[database]
    key = row.text("KmsKeyId")
    return Known(Encryption(encrypted=True, keys=(key,) if key else ()), (ref,))
