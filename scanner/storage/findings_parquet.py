"""The table of `findings.parquet`: typed columns, written a row group at a time as bytes that pass by."""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, groupby, islice
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from scanner.model.control import Control
from scanner.model.finding import Finding, waiver_document
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
class Names:
    """What the table adds to the findings: controls and account names by id, and the name of a subject."""

    controls: Mapping[str, Control]
    accounts: Mapping[str, str]
    of_subject: Callable[[Finding], str]


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


def parquet_pieces(findings: Iterable[Finding], names: Names, metadata: Mapping[str, str]) -> Iterator[bytes]:
    """Return a Parquet file in pieces. `metadata` goes into its footer."""
    schema = SCHEMA.with_metadata({name: mended(text) for name, text in metadata.items()})
    passing = _Passing()
    batches = _batches(iter(findings), names, schema)
    with pq.ParquetWriter(passing, schema, compression="zstd") as writer:
        while group := tuple(islice(batches, ROW_GROUP // _BATCH)):
            writer.write_table(pa.Table.from_batches(group, schema), row_group_size=ROW_GROUP)
            yield passing.taken()
    yield passing.taken()


def _batches(findings: Iterator[Finding], names: Names, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Turn findings into Arrow's columns, in which they take a tenth of the room."""
    while batch := tuple(islice(findings, _BATCH)):
        columns = _columns(batch, names)
        arrays = [_array(columns[field.name], field.type) for field in schema]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _columns(found: tuple[Finding, ...], names: Names) -> dict[str, Any]:
    """Return the values of each column; those of lists are arrays already."""
    return {
        "control": [each.control for each in found],
        "title": [_title(each, names.controls) for each in found],
        "status": [each.status.value for each in found],
        "severity": [each.severity.value for each in found],
        "subject": [each.subject for each in found],
        "subject_type": [each.subject_type for each in found],
        "name": [names.of_subject(each) for each in found],
        "account": [each.account for each in found],
        "account_name": [names.accounts.get(each.account, "") for each in found],
        "region": [each.region for each in found],
        "fingerprint": [each.fingerprint for each in found],
        "reason": [each.reason for each in found],
        "details": [_json(each.details) for each in found],
        "evidence": _evidence(found),
        "frameworks": _frameworks(found),
        "waiver": [waiver_document(each.waiver) if each.waiver else None for each in found],
        "owner": [each.owner.name if each.owner else None for each in found],
        "owner_source": [each.owner.source if each.owner else None for each in found],
    }


def _title(finding: Finding, controls: Mapping[str, Control]) -> str:
    control = controls.get(finding.control)
    return control.title_of(finding.status) if control else ""


def _evidence(found: tuple[Finding, ...]) -> pa.Array:
    files = [ref.file for each in found for ref in each.evidence]
    lines = [ref.line for each in found for ref in each.evidence]
    return _list("evidence", [len(each.evidence) for each in found], (files, lines))


def _frameworks(found: tuple[Finding, ...]) -> pa.Array:
    """Build the column of frameworks. Those of one control are together, and equal: they are built once."""
    distinct: list[list[tuple[str, str]]] = []
    numbers: list[int] = []
    for frameworks, run in groupby(found, key=lambda each: each.frameworks):
        numbers += [len(distinct)] * sum(1 for _ in run)
        distinct.append([(name, each) for name, ids in frameworks.items() for each in ids])
    members = zip(*(pair for pairs in distinct for pair in pairs), strict=True)
    lists = _list("frameworks", [len(pairs) for pairs in distinct], tuple(map(list, members)) or ([], []))
    return lists.take(pa.array(numbers, pa.int32()))


def _list(name: str, lengths: list[int], members: tuple[list[Any], ...]) -> pa.Array:
    """Build a column of lists of pairs from all first and all second members: no object for each pair."""
    kind = SCHEMA.field(name).type
    offsets = pa.array([0, *accumulate(lengths)], pa.int32())
    arrays = [_array(values, field.type) for values, field in zip(members, kind.value_type, strict=True)]
    return pa.ListArray.from_arrays(
        offsets, pa.StructArray.from_arrays(arrays, fields=list(kind.value_type)), kind
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
