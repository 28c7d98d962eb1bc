"""The table of `findings.parquet`: typed columns, written a row group at a time as bytes that pass by."""

import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, islice
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
"""Findings that are in memory at once, as Arrow has them."""

_BATCH: Final = 2_000
"""Findings that are in memory at once as Python has them."""


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
    batches = _batches(iter(rows), schema)
    with pq.ParquetWriter(passing, schema, compression="zstd") as writer:
        while group := tuple(islice(batches, ROW_GROUP // _BATCH)):
            writer.write_table(pa.Table.from_batches(group, schema), row_group_size=ROW_GROUP)
            yield passing.taken()
    yield passing.taken()


def _batches(rows: Iterator[FindingRow], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Turn rows into Arrow's own, in which they take a tenth of the room."""
    while batch := tuple(islice(rows, _BATCH)):
        columns = _columns(batch)
        arrays = [_array(columns[field.name], field.type) for field in schema]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _columns(batch: tuple[FindingRow, ...]) -> dict[str, Any]:
    """Give the values of each column; those of lists are arrays already."""
    found = [row.finding for row in batch]
    texts = (
        "control",
        "status",
        "severity",
        "subject",
        "subject_type",
        "account",
        "region",
        "fingerprint",
        "reason",
    )
    return {
        **{name: [str(getattr(each, name)) for each in found] for name in texts},
        "title": [row.title for row in batch],
        "name": [row.name for row in batch],
        "account_name": [row.account_name for row in batch],
        "details": [_json(each.details) for each in found],
        "evidence": _list("evidence", [[(ref.file, ref.line) for ref in each.evidence] for each in found]),
        "frameworks": _list("frameworks", [_requirements(each) for each in found]),
        "waiver": [each.document()["waiver"] if each.waiver else None for each in found],
        "owner": [each.owner.name if each.owner else None for each in found],
        "owner_source": [each.owner.source if each.owner else None for each in found],
    }


def _requirements(finding: Finding) -> list[tuple[str, str]]:
    return [(name, each) for name, requirements in finding.frameworks.items() for each in requirements]


def _list(name: str, values: list[list[tuple[str, Any]]]) -> pa.Array:
    """Build a column of lists of pairs at once: no dictionary is made for a pair."""
    kind = SCHEMA.field(name).type
    pairs = [pair for members in values for pair in members]
    offsets = pa.array([0, *accumulate(map(len, values))], pa.int32())
    members = [
        _array([pair[position] for pair in pairs], field.type)
        for position, field in enumerate(kind.value_type)
    ]
    return pa.ListArray.from_arrays(
        offsets, pa.StructArray.from_arrays(members, fields=list(kind.value_type)), kind
    )


def _array(values: Any, kind: pa.DataType) -> pa.Array:  # noqa: ANN401 -- values, or an array of them
    if isinstance(values, pa.Array):
        return values
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:  # a lone surrogate, which is no Unicode
        return pa.array([mended(each) for each in values], kind)


def _json(content: object) -> str:
    try:
        return orjson.dumps(content).decode()
    except TypeError:  # as `_array`
        return orjson.dumps(mended(content)).decode()
