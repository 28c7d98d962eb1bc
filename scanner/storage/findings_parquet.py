"""The table `findings.parquet`, written one row group at a time as a stream of bytes."""

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
from scanner.model.root_causes import cause_document, missing_operation
from scanner.model.text import mended
from scanner.model.timeline import FirstSeen

_WORD: Final = pa.dictionary(pa.int32(), pa.string())
"""Texts that repeat often, stored once in a dictionary."""

_CAUSE: Final = ("kind", "step", "subject", "name", "about", "account", "region", "control")
"""The texts of a root cause; its evidence is in findings.jsonl.gz."""

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
        pa.field("root_cause", pa.struct([(name, pa.string()) for name in _CAUSE])),
        pa.field("blocked_by", pa.struct([("control", pa.string()), ("subject", pa.string())])),
        pa.field("missing_read", _WORD),
        pa.field("first_seen", pa.timestamp("ms", tz="UTC")),
        pa.field("age_days", pa.int32()),
        pa.field("may_be_older", pa.bool_()),
    ]
)
"""`details` is JSON text. NULL occurs only in `waiver` (no waiver covers the failure), `owner` (not known),
`owner_source` (the settings name no source of owners), `root_cause` and `blocked_by` (none, or not known),
`missing_read` (not unknown, or not because of a read), `first_seen`, `age_days` and `may_be_older` (not open,
or no earlier scan is known)."""

ROW_GROUP: Final = 20_000
"""Findings of a row group, in memory as Arrow columns."""

_BATCH: Final = 2_000
"""Findings in memory at once as Python objects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Lookups for columns that findings do not have: controls, account names, names of subjects."""

    controls: Mapping[str, Control]
    accounts: Mapping[str, str]
    of_subject: Callable[[Finding], str]
    first_seen: Callable[[Finding], FirstSeen | None]
    age_days: Callable[[Finding], int | None]


class ByteStream(io.RawIOBase):
    """A writable stream that buffers bytes until `take` returns them."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        """Return true, which Arrow asks of a file."""
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401 -- whatever has a buffer
        """Keep a copy of some bytes, and return their number."""
        piece = bytes(data)
        self._pieces.append(piece)
        return len(piece)

    def take(self) -> bytes:
        """Return the bytes written since the last call."""
        piece = b"".join(self._pieces)
        self._pieces.clear()
        return piece


def parquet_pieces(findings: Iterable[Finding], names: Names, metadata: Mapping[str, str]) -> Iterator[bytes]:
    """Yield a Parquet file in pieces. `metadata` goes into its footer."""
    schema = SCHEMA.with_metadata({name: mended(text) for name, text in metadata.items()})
    stream = ByteStream()
    batches = _batches(iter(findings), names, schema)
    with pq.ParquetWriter(stream, schema, compression="zstd") as writer:
        while group := tuple(islice(batches, ROW_GROUP // _BATCH)):
            # One row group at a time, whatever the number of findings.
            writer.write_table(pa.Table.from_batches(group, schema), row_group_size=ROW_GROUP)
            yield stream.take()
    # The footer, which is written when the writer is closed.
    yield stream.take()


def _batches(findings: Iterator[Finding], names: Names, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Convert findings to Arrow batches, which take a tenth of the memory."""
    while batch := tuple(islice(findings, _BATCH)):
        columns = _columns(batch, names)
        arrays = [_array(columns[field.name], field.type) for field in schema]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _columns(findings: tuple[Finding, ...], names: Names) -> dict[str, Any]:
    """Return the values of each column; those of list columns are Arrow arrays already."""
    seen = [names.first_seen(finding) for finding in findings]
    return {
        "control": [finding.control for finding in findings],
        "title": [_title(finding, names.controls) for finding in findings],
        "status": [finding.status.value for finding in findings],
        "severity": [finding.severity.value for finding in findings],
        "subject": [finding.subject for finding in findings],
        "subject_type": [finding.subject_type for finding in findings],
        "name": [names.of_subject(finding) for finding in findings],
        "account": [finding.account for finding in findings],
        "account_name": [names.accounts.get(finding.account, "") for finding in findings],
        "region": [finding.region for finding in findings],
        "fingerprint": [finding.fingerprint for finding in findings],
        "reason": [finding.reason for finding in findings],
        "details": [_json(finding.details) for finding in findings],
        "evidence": _evidence(findings),
        "frameworks": _frameworks(findings),
        "waiver": [waiver_document(finding.waiver) if finding.waiver else None for finding in findings],
        "owner": [finding.owner.name if finding.owner else None for finding in findings],
        "owner_source": [finding.owner.source if finding.owner else None for finding in findings],
        "root_cause": [_cause(finding) for finding in findings],
        "blocked_by": [_blocker(finding) for finding in findings],
        "missing_read": [missing_operation(finding.root_cause) for finding in findings],
        "first_seen": [None if first_seen is None else first_seen.at for first_seen in seen],
        "age_days": [names.age_days(finding) for finding in findings],
        "may_be_older": [None if first_seen is None else first_seen.may_be_older for first_seen in seen],
    }


def _cause(finding: Finding) -> dict[str, str] | None:
    if finding.root_cause is None:
        return None
    document = cause_document(finding.root_cause)
    return {name: document[name] for name in _CAUSE}


def _blocker(finding: Finding) -> dict[str, str] | None:
    blocker = finding.blocked_by
    return None if blocker is None else {"control": blocker.control, "subject": blocker.subject}


def _title(finding: Finding, controls: Mapping[str, Control]) -> str:
    control = controls.get(finding.control)
    return control.title_of(finding.status) if control else ""


def _evidence(findings: tuple[Finding, ...]) -> pa.Array:
    files = [ref.file for finding in findings for ref in finding.evidence]
    lines = [ref.line for finding in findings for ref in finding.evidence]
    return _list("evidence", [len(finding.evidence) for finding in findings], (files, lines))


def _frameworks(findings: tuple[Finding, ...]) -> pa.Array:
    """Build the column of frameworks, each run of equal ones (those of one control) once."""
    distinct: list[list[tuple[str, str]]] = []
    numbers: list[int] = []
    for frameworks, run in groupby(findings, key=lambda finding: finding.frameworks):
        numbers += [len(distinct)] * sum(1 for _ in run)
        distinct.append([(name, requirement) for name, ids in frameworks.items() for requirement in ids])
    members = zip(*(pair for pairs in distinct for pair in pairs), strict=True)
    lists = _list("frameworks", [len(pairs) for pairs in distinct], tuple(map(list, members)) or ([], []))
    return lists.take(pa.array(numbers, pa.int32()))


def _list(name: str, lengths: list[int], members: tuple[list[Any], ...]) -> pa.Array:
    """Build a column of lists of pairs from their first and second members, without an object per pair."""
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
    except UnicodeEncodeError:  # a lone surrogate is not valid Unicode
        return pa.array([mended(value) for value in values], kind)


def _json(content: object) -> str:
    try:
        return orjson.dumps(content).decode()
    except TypeError:  # a lone surrogate, as in `_array`
        return orjson.dumps(mended(content)).decode()
