"""Amazon DynamoDB: tables. The tagging API returns their tags, a hundred resources per call."""

from collections.abc import Iterable, Iterator
from typing import Final

from scanner.evidence.shape import Shape
from scanner.model.inventory import Encryption, Resource
from scanner.model.known import EvidenceRef, Known, Unread
from scanner.model.names import Arn
from scanner.services.base import Operation, text, used_size
from scanner.services.caller import Caller
from scanner.services.sources import Sources
from scanner.services.tagging import STACK_TAG

_PAGE: Final = 100

OPERATIONS: Final = (
    Operation("dynamodb", "ListTables", "dynamodb:ListTables", _PAGE),
    Operation(
        "dynamodb",
        "DescribeTable",
        "dynamodb:DescribeTable",
        after=("dynamodb:ListTables",),
        per="table",
        own=("Table.TableArn",),
    ),
)


def collect(caller: Caller) -> set[str]:
    """Record tables with their descriptions; return the keys that they name."""
    names: dict[str, None] = {}
    for answer in caller.pages("dynamodb", "ListTables"):
        names |= dict.fromkeys(name for name in answer.get("TableNames") or () if isinstance(name, str))
    return caller.each(names, _describe)


def _describe(caller: Caller, name: str) -> Iterable[str]:
    answer = caller.call("dynamodb", "DescribeTable", TableName=name) or {}
    key = text(answer, "Table", "SSEDescription", "KMSMasterKeyArn")
    return (key,) if key else ()


def parse(sources: Sources) -> Iterator[Resource]:
    """Parse tables. Without DescribeTable, the state and the key are unknown."""
    names = {
        name: page.ref
        for answer in sources.answers.every("dynamodb:ListTables")
        for page in answer.pages
        for name in page.texts("TableNames")
    }
    for name, ref in sorted(names.items()):
        yield _table(sources, name, ref)


def _table(sources: Sources, name: str, ref: EvidenceRef) -> Resource:
    shard = sources.shard
    answer = sources.answers.one("dynamodb:DescribeTable", TableName=name)
    table = next((page.need_child("Table") for page in answer.pages), None)
    # Without the description, the ARN is built from the name, which is unique in an account and Region.
    arn = (table.text("TableArn") if table else None) or sources.arn("dynamodb", f"table/{name}")
    tags = sources.tags(arn, "dynamodb:table", "dynamodb:ListTagsOfResource", ResourceArn=arn)
    return Resource(
        arn=Arn(arn),
        type="DynamoDB",
        capability="DynamoDB",  # the Region settings decide which of its two rows applies
        account=shard.account,
        region=shard.region,
        name=name,
        state=table.text("TableStatus") if table else None,
        tags=tags,
        encryption=sources.gaps.reading(_encryption(table), answer),
        created_at=table.instant("CreationDateTime") if table else None,
        # DynamoDB measures it about every six hours (API reference, "TableDescription").
        size=Unread(answer.gap) if answer.gap else used_size(table, "TableSizeBytes") if table else None,
        stack=tags.value.get(STACK_TAG) if isinstance(tags, Known) else None,
        refs=(ref, *answer.refs),
    )


def _encryption(table: Shape | None) -> Encryption:
    """Parse a table's encryption: without SSEDescription, the key is AWS owned."""
    # DynamoDB returns SSEDescription only for AWS managed and customer managed keys (API reference,
    # "SSEDescription").
    description = table.child("SSEDescription") if table else None
    key = description.text("KMSMasterKeyArn") if description else None
    return Encryption(encrypted=True, keys=(key,) if key else ())
