"""Checks the order of filed findings in columns, without building rows in Python."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scanner.errors import BundleError
from scanner.findings.filed import Filed
from scanner.findings.schema import NO_ACCOUNT

_ORDER: Final = ("control", "region", "subject")
_BATCH: Final = 65_536


def check_order(filed: Filed, scan: str) -> None:
    """Check that each file has only findings of its account, in filing order and without duplicates.

    Raises:
        BundleError: it has not; the message begins with `scan`.
    """
    for path in filed.files:
        last: pa.RecordBatch | None = None
        for batch in _batches(path):
            _check_account(batch, path, scan)
            joined = batch if last is None else pa.concat_batches([last, batch])
            _check_ascending(joined, scan)
            last = batch.slice(batch.num_rows - 1)


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_BATCH, columns=["account", *_ORDER]):
                if batch.num_rows:
                    yield batch
    except (OSError, pa.ArrowException) as error:
        raise BundleError(
            f"{path} cannot be read: {error}. Run audit evaluate on the bundle again."
        ) from error


def _check_account(batch: pa.RecordBatch, path: Path, scan: str) -> None:
    account = "" if path.stem == NO_ACCOUNT else path.stem
    if not pc.all(pc.equal(batch.column("account"), account)).as_py():
        raise BundleError(f"{scan}: {path.name} has a finding of another account.")


def _check_ascending(batch: pa.RecordBatch, scan: str) -> None:
    """Check that each row sorts after the one before it; texts are compared by code points."""
    ascends, equal = pa.scalar(value=False), pa.scalar(value=True)
    for name in _ORDER:
        before, here = batch.column(name)[:-1], batch.column(name)[1:]
        ascends = pc.or_(ascends, pc.and_(equal, pc.less(before, here)))
        equal = pc.and_(equal, pc.equal(before, here))
    wrong = pc.index(ascends, value=False).as_py()
    if wrong >= 0:
        fault = "is filed twice" if equal[wrong].as_py() else "is out of order"
        control, subject = (batch.column(name)[wrong + 1].as_py() for name in ("control", "subject"))
        raise BundleError(f"{scan}: the finding of {control} for {subject} {fault}.")
