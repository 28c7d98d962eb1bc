"""findings.jsonl.gz as a table, one row a finding, for queries."""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from gzip import BadGzipFile
from itertools import islice
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa

from scanner.errors import BundleError

NAME: Final = "findings"
_TEXTS: Final = (
    "control",
    "status",
    "severity",
    "subject",
    "subject_type",
    "account",
    "region",
    "reason",
    "fingerprint",
)
_OWNER: Final = ("owner", "owner_source")
SCHEMA: Final = pa.schema(
    [(name, pa.string()) for name in (*_TEXTS, "details", "evidence", "frameworks", "waiver", *_OWNER)]
)
"""Details, frameworks and waiver are JSON text; evidence is a text of `FILE:LINE`, with blanks between."""

_BATCH: Final = 10_000


def read_findings(path: Path) -> pa.Table:
    """Read all findings. BundleError: the file is missing, cut off, or holds no findings."""
    try:
        with gzip.open(path) as lines:
            batches = [_batch(group) for group in _batched(lines)]
    except (OSError, EOFError, BadGzipFile, zlib.error) as error:
        raise BundleError(
            f"{path} cannot be read: {error}. Run audit evaluate on the bundle again."
        ) from error
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise BundleError(f"{path} holds something that is no finding: {error}.") from error
    return pa.Table.from_batches(batches, SCHEMA)


def _batched(lines: Iterable[bytes]) -> Iterator[tuple[bytes, ...]]:
    lines = iter(lines)
    while group := tuple(islice(lines, _BATCH)):
        yield group


def _batch(lines: tuple[bytes, ...]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([_row(orjson.loads(line)) for line in lines], SCHEMA)


def _row(finding: dict[str, Any]) -> dict[str, str | None]:
    row: dict[str, str | None] = {name: finding.get(name) for name in (*_TEXTS, *_OWNER)}
    row["details"] = orjson.dumps(finding.get("details")).decode()
    row["evidence"] = " ".join(f"{ref['file']}:{ref['line']}" for ref in finding.get("evidence") or ())
    row["frameworks"] = orjson.dumps(finding.get("frameworks")).decode()
    row["waiver"] = None if finding.get("waiver") is None else orjson.dumps(finding["waiver"]).decode()
    return row
