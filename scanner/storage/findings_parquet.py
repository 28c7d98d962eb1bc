"""The table of `findings.parquet`: typed columns, written a row group at a time as bytes that pass by."""

import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from scanner.model.finding import Finding
from scanner.model.unicode import mended

_WORD: Final = pa.dictionary(pa.int32(), pa.string())
"""Texts that come again and again."""

SCHEMA: Final = pa.schema(
    [
        pa.field("control", _WORD, nullable=False),
        pa.field("title", _WORD, nullable=False),
        pa.field("status", _WORD, nullable=False),
        pa.field("severity", _WORD, nullable=False),
        pa.field("subject", pa.string(), nullable=False),
        pa.field("subject_type", _WORD, nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("account", _WORD, nullable=False),
        pa.field("account_name", _WORD, nullable=False),
        pa.field("region", _WORD, nullable=False),
        pa.field("fingerprint", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("details", pa.string(), nullable=False),
        pa.field(
            "evidence", pa.list_(pa.struct([("file", pa.string()), ("line", pa.int64())])), nullable=False
        ),
        pa.field(
            "frameworks",
            pa.list_(pa.struct([("framework", pa.string()), ("requirement", pa.string())])),
            nullable=False,
        ),
        pa.field(
            "waiver",
            pa.struct([(name, pa.string()) for name in ("id", "owner", "approver", "reason", "expires")]),
        ),
        pa.field("owner", pa.string()),
        pa.field("owner_source", _WORD),
    ]
)
"""`details` is JSON text; `waiver` is NULL where no waiver covers the failure. Nothing else is ever NULL, but
`owner` (not known) and `owner_source` (nothing says how owners are named)."""

ROW_GROUP: Final = 20_000
"""Findings that are in memory at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRow:
    """A finding, and what a table says beside it."""

    finding: Finding
    title: str
    name: str
    account_name: str


class _Passing(io.RawIOBase):
    """A file that keeps what was written to it only until it is taken out."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401 -- whatever has a buffer
        piece = bytes(data)
        self._waiting.append(piece)
        return len(piece)

    def taken(self) -> bytes:
        """Take out what was written since the last time."""
        piece = b"".join(self._waiting)
        self._waiting.clear()
        return piece


def parquet_pieces(rows: Iterable[FindingRow], metadata: Mapping[str, str]) -> Iterator[bytes]:
    """Give a Parquet file in pieces. `metadata` goes into its footer."""
    schema = SCHEMA.with_metadata({name: mended(text) for name, text in metadata.items()})
    passing = _Passing()
    waiting = iter(rows)
    with pq.ParquetWriter(passing, schema, compression="zstd") as writer:
        while group := tuple(islice(waiting, ROW_GROUP)):
            writer.write_batch(_batch(group, schema), row_group_size=ROW_GROUP)
            yield passing.taken()
    yield passing.taken()


def _batch(rows: tuple[FindingRow, ...], schema: pa.Schema) -> pa.RecordBatch:
    documents = [_document(row) for row in rows]
    arrays = [_array([each[field.name] for each in documents], field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:  # a lone surrogate, which is no Unicode
        return pa.array([mended(each) for each in values], kind)


def _document(row: FindingRow) -> dict[str, Any]:
    finding = row.finding
    document = {"owner": None, "owner_source": None, **finding.document()}
    document["title"], document["name"], document["account_name"] = row.title, row.name, row.account_name
    document["details"] = _json(document["details"])
    document["frameworks"] = [
        {"framework": name, "requirement": requirement}
        for name, requirements in finding.frameworks.items()
        for requirement in requirements
    ]
    return document


def _json(content: object) -> str:
    try:
        return orjson.dumps(content).decode()
    except TypeError:  # as `_array`
        return orjson.dumps(mended(content)).decode()
