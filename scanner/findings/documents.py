"""The JSON documents of filed findings (evidence format, "findings"), written from columns."""

from collections.abc import Collection, Iterator
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

import orjson
import pyarrow as pa
from orjson import Fragment

from scanner.findings.filed import TABLE, Filed, TraceCursor, having
from scanner.findings.schema import WITHOUT_TEXTS
from scanner.model.control import Control
from scanner.model.finding import Status, traced_document
from scanner.model.root_causes import RootCause, Trace, cause_document

_COLUMNS: Final = (
    "status",
    "subject",
    "subject_type",
    "account",
    "region",
    "reason",
    "details",
    "evidence",
    "waiver",
    "owner",
    "owner_source",
)


def documents(filed: Filed, statuses: Collection[Status]) -> Iterator[bytes]:
    """Yield the documents of the findings with one of these statuses, in filing order.

    They come many at a time, joined by commas, and are the same bytes as those of `Finding.document`.

    Raises:
        ValueError: texts of a status are not filed.
    """
    # Texts of these would be empty, and the document would differ from `Finding.document`.
    if WITHOUT_TEXTS & set(statuses):
        raise ValueError("the texts of these findings are not filed")
    # DuckDB writes the JSON of evidence, which spares building it row by row in Python.
    columns = ", ".join(_COLUMNS).replace("evidence", "CAST(to_json(evidence) AS VARCHAR) AS evidence")
    sql = f"SELECT control, {columns} FROM {TABLE} WHERE {having(statuses)}"  # nosec B608 # noqa: S608 -- words of the model
    cursor = None if filed.causes is None else filed.causes.cursor()
    with filed.database() as connection:
        for control, batches in filed.in_order(connection, sql):
            template = _Template(filed.control(control), cursor)
            yield from map(template.encode, batches)


def _traced(trace: Trace) -> dict[str, Any]:
    """Return the keys of `traced_document`."""
    cause, blocked = trace.root_cause, traced_document(None, trace.blocked_by)
    return blocked if cause is None else {"root_cause": _cause(cause), **blocked}


@lru_cache(maxsize=4_096)
def _cause(cause: RootCause) -> Fragment:
    """Encode a root cause once for all its findings."""
    return Fragment(orjson.dumps(cause_document(cause)))


class _Template:
    """Encodes the findings of one control; what they have in common is encoded once."""

    def __init__(self, control: Control, cursor: TraceCursor | None) -> None:
        self._control, self._cursor = control.id, cursor
        self._severity = control.severity.value
        frameworks = {name: list(ids) for name, ids in control.frameworks.items()}
        # The same for every finding of a control: serialised once, then inserted as it is.
        self._frameworks = Fragment(orjson.dumps(frameworks))

    def encode(self, batch: pa.RecordBatch) -> bytes:
        """Return the documents of rows, joined by commas."""
        columns = (batch.column(name).to_pylist() for name in _COLUMNS)
        # The list's brackets are cut off, so that batches join into one array of the caller.
        return orjson.dumps(list(map(self._document, *columns)))[1:-1]

    def _document(  # noqa: PLR0913, PLR0917 -- a finding has that many parts
        self,
        status: str,
        subject: str,
        subject_type: str,
        account: str,
        region: str,
        reason: str | None,
        details: str | None,
        evidence: str | None,
        waiver: dict[str, str] | None,
        owner: str | None,
        owner_source: str | None,
    ) -> dict[str, Any]:
        document = {
            "control": self._control,
            "status": status,
            "severity": self._severity,
            "subject": subject,
            "subject_type": subject_type,
            "account": account,
            "region": region,
            # As in `Finding.fingerprint`: over control and subject only, so it survives changed messages.
            "fingerprint": sha256(f"{self._control}\n{subject}".encode()).hexdigest(),
            "reason": reason or "",
            "details": Fragment(details or "{}"),
            "evidence": Fragment(evidence or "[]"),
            "frameworks": self._frameworks,
            "waiver": waiver,
        }
        # Documents of scans without owners keep their shape: the key is absent, not null.
        if owner_source is not None:
            document |= {"owner": owner, "owner_source": owner_source}
        if self._cursor is not None:
            trace = self._cursor.at((self._control, account, region, subject))
            if trace is not None:
                document |= _traced(trace)
        return document
