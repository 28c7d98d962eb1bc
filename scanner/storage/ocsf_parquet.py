"""Events of OCSF's class Compliance Finding as a Parquet file, as Amazon Security Lake requires of sources.

Columns are the attributes of the class that the events have; objects are structs. Zstandard, row groups far
below 256 MB and pages of at most 1 MB follow AWS's advice (Security Lake user guide, "Custom sources").
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from scanner.model.text import mended
from scanner.storage.findings_parquet import ByteStream

_TEXT: Final = pa.string()
_TEXTS: Final = pa.list_(_TEXT)
_INTEGER: Final = pa.int32()
_LONG: Final = pa.int64()
_TIME: Final = _LONG  # OCSF's timestamp_t: milliseconds since 1970


def _struct(*texts: str, **others: pa.DataType) -> pa.DataType:
    """Return an object with these attributes, in alphabetical order."""
    members = {**dict.fromkeys(texts, _TEXT), **others}
    return pa.struct(sorted(members.items()))


_ACCOUNT: Final = _struct("name", "type", "uid", type_id=_INTEGER)
_CHECK: Final = _struct(
    "name", "severity", "status", "uid", severity_id=_INTEGER, standards=_TEXTS, status_id=_INTEGER
)

SCHEMA: Final = pa.schema(
    [
        ("activity_id", _INTEGER),
        ("activity_name", _TEXT),
        ("category_name", _TEXT),
        ("category_uid", _INTEGER),
        ("class_name", _TEXT),
        ("class_uid", _INTEGER),
        (
            "cloud",
            _struct("provider", "region", account=_ACCOUNT, org=_struct("ou_name", "ou_uid", "uid")),
        ),
        (
            "compliance",
            _struct(
                *("control", "desc", "status", "status_code"),
                checks=pa.list_(_CHECK),
                control_parameters=pa.list_(_struct("name", "value")),
                requirements=_TEXTS,
                standards=_TEXTS,
                status_id=_INTEGER,
            ),
        ),
        (
            "finding_info",
            _struct(
                *("desc", "title", "uid"),
                analytic=_struct("name", "type", "uid", type_id=_INTEGER),
                created_time=_TIME,
                first_seen_time=_TIME,
                last_seen_time=_TIME,
                types=_TEXTS,
            ),
        ),
        ("message", _TEXT),
        (
            "metadata",
            _struct(
                *("correlation_uid", "event_code", "tenant_uid", "uid", "version"),
                labels=_TEXTS,
                product=_struct("name", "vendor_name", "version"),
                profiles=_TEXTS,
            ),
        ),
        ("remediation", _struct("desc")),
        (
            "resources",
            pa.list_(
                _struct(
                    *("cloud_partition", "name", "region", "type", "uid"),
                    owner=_struct("name", "type", "uid", account=_ACCOUNT, type_id=_INTEGER),
                )
            ),
        ),
        ("severity", _TEXT),
        ("severity_id", _INTEGER),
        ("status", _TEXT),
        ("status_code", _TEXT),
        ("status_detail", _TEXT),
        ("status_id", _INTEGER),
        ("time", _TIME),
        ("type_name", _TEXT),
        ("type_uid", _LONG),
        ("unmapped", pa.map_(_TEXT, _TEXT)),
    ]
)
"""OCSF's `unmapped` is any object: here a map of texts, in which objects and lists are JSON."""

ROW_GROUP: Final = 20_000
_BATCH: Final = 2_000
_PAGE_BYTES: Final = 1_000_000


def event_pieces(lines: Iterable[bytes], metadata: Mapping[str, str]) -> Iterator[bytes]:
    """Yield a Parquet file of events in pieces. `lines`: JSON, one event each."""
    schema = SCHEMA.with_metadata({name: mended(text) for name, text in metadata.items()})
    stream = ByteStream()
    batches = _batches(iter(lines), schema)
    with pq.ParquetWriter(stream, schema, compression="zstd", data_page_size=_PAGE_BYTES) as writer:
        while group := tuple(islice(batches, ROW_GROUP // _BATCH)):
            writer.write_table(pa.Table.from_batches(group, schema), row_group_size=ROW_GROUP)
            yield stream.take()
    yield stream.take()


def _batches(lines: Iterator[bytes], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    while batch := [_row(orjson.loads(line)) for line in islice(lines, _BATCH)]:
        yield pa.RecordBatch.from_pylist(batch, schema)


def _row(event: dict[str, Any]) -> dict[str, Any]:
    unmapped = event.get("unmapped", {})
    return {**event, "unmapped": [(name, _text(value)) for name, value in unmapped.items()]}


def _text(value: Any) -> str | None:  # noqa: ANN401 -- JSON
    return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()
