"""Amazon Timestream for LiveAnalytics: databases with their tables; its own endpoint is this one."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from scanner.demo.resource import Resource, tag_list
from scanner.demo.services.simulation import Operation, Service, listing, not_found
from scanner.demo.services.stock import Document, Sketch, Stock, now
from scanner.demo.wire.paging import Pages

_INVALID = "ValidationException"
_DATABASES, _TABLES = "timestream.database", "timestream.table"
_A_DAY = 1440  # minutes


def database(stock: Stock, name: str, key: str) -> str:
    """A database; its key, `aws/timestream` where no other was named, is that of its tables. Its name."""
    document = {
        "Arn": stock.arn("timestream", f"database/{name}"),
        "DatabaseName": name,
        "TableCount": 0,
        "KmsKeyId": key,
        "CreationTime": now(),
        "LastUpdatedTime": now(),
    }
    stock.add(_DATABASES, document)
    return name


def table(stock: Stock, database_name: str, sketch: Sketch) -> Resource:
    """A table of a database."""
    arn = stock.arn("timestream", f"database/{database_name}/table/{sketch.name}")
    document = {
        "Arn": arn,
        "TableName": sketch.name,
        "DatabaseName": database_name,
        "TableStatus": sketch.state or "ACTIVE",
        "RetentionProperties": {
            "MemoryStoreRetentionPeriodInHours": 24,
            "MagneticStoreRetentionPeriodInDays": 365,
        },
        "CreationTime": now(),
        "LastUpdatedTime": now(),
    }
    stock.add(_TABLES, document, arn, sketch.tags)
    parent = next(
        candidate for candidate in stock.of(_DATABASES) if candidate["DatabaseName"] == database_name
    )
    parent["TableCount"] += 1
    return stock.resource(arn, "Timestream", replace(sketch, key=parent["KmsKeyId"]), managed=True)


def _endpoints(stock: Stock, _: Mapping[str, Any]) -> Document:
    # Clients of Timestream ask for their endpoint first; botocore does so by itself.
    address = f"ingest-cell1.timestream.{stock.region}.amazonaws.com"
    return {"Endpoints": [{"Address": address, "CachePeriodInMinutes": _A_DAY}]}


def _list_tables(stock: Stock, parameters: Mapping[str, Any]) -> Document:
    """Tables of one database, or of all (API reference, ListTables)."""
    name = parameters.get("DatabaseName")
    if name and name not in {entry["DatabaseName"] for entry in stock.of(_DATABASES)}:
        raise not_found("ResourceNotFoundException", f"The database {name}")
    return {"Tables": [entry for entry in stock.of(_TABLES) if name in (None, entry["DatabaseName"])]}


def _tags(stock: Stock, parameters: Mapping[str, Any]) -> Document:
    arn = parameters["ResourceARN"]
    if arn not in {entry["Arn"] for kind in (_DATABASES, _TABLES) for entry in stock.of(kind)}:
        raise not_found("ResourceNotFoundException", f"The resource {arn}")
    return {"Tags": tag_list(stock.tags.get(arn, {}))}


def _pages(items: str) -> Pages:
    return Pages(items, size=2, invalid=_INVALID)


SERVICE = Service(
    "timestream-write",
    _INVALID,
    {
        "DescribeEndpoints": Operation(_endpoints),
        "ListDatabases": Operation(
            listing(_DATABASES, "Databases"), Pages("Databases", size=1, invalid=_INVALID)
        ),
        "ListTables": Operation(_list_tables, _pages("Tables")),
        "ListTagsForResource": Operation(_tags),
    },
)
