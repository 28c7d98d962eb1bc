"""The filed findings of two scans, paired by control and subject."""

from collections import Counter
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scanner.errors import BundleError
from scanner.findings.counts import counts
from scanner.findings.filed import BATCH, TABLE, Filed, literal
from scanner.findings.schema import FILED, NO_ACCOUNT, WITHOUT_TEXTS
from scanner.findings.texts import without_texts
from scanner.model.finding import Finding, Status

_ORDER: Final = ("control", "region", "subject")
_BATCH: Final = 65_536
Pair = tuple[Finding | None, Finding | None]

AT_ONCE: Final = 100_000
"""The most findings of both scans that are joined at once, unless one control has more."""
_OLD: Final = "old_findings"
_NAMES: Final = tuple(FILED.names)
_WITHOUT: Final = ", ".join(literal(status.value) for status in sorted(WITHOUT_TEXTS))

# Findings that pass, or do not apply, on both sides are most of all: they are counted, never paired.
_PAIRS: Final = f"""
SELECT {", ".join(f"was.{name} AS was_{name}, now.{name} AS now_{name}" for name in _NAMES)}
FROM (FROM {_OLD} WHERE control BETWEEN $first AND $last) AS was
FULL JOIN (FROM {TABLE} WHERE control BETWEEN $first AND $last) AS now
    ON was.control = now.control AND was.account = now.account
    AND was.region = now.region AND was.subject = now.subject
WHERE now.status IS NULL OR now.status NOT IN ({_WITHOUT}) OR was.status NOT IN ({_WITHOUT})
ORDER BY coalesce(now.control, was.control), coalesce(now.account, was.account),
    coalesce(now.region, was.region), coalesce(now.subject, was.subject)
"""  # nosec B608 # noqa: S608 -- names and words of the model


def check_order(filed: Filed, scan: str) -> None:
    """Check that each file has only findings of its account, in filing order and without duplicates.

    Raises:
        BundleError: it has not; the message begins with `scan`.
    """
    for path in filed.files:
        last: pa.RecordBatch | None = None
        for batch in _batches(path):
            _check_account(batch, path, scan)
            # The last row of a batch is compared with the first of the next one.
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
    # A finding under a wrong account would be compared with nothing, and so be reported as new or gone.
    if not pc.all(pc.equal(batch.column("account"), account)).as_py():
        raise BundleError(f"{scan}: {path.name} has a finding of another account.")


def _check_ascending(batch: pa.RecordBatch, scan: str) -> None:
    """Check that each row sorts after the one before it; texts are compared by code points."""
    ascends, equal = pa.scalar(value=False), pa.scalar(value=True)
    for name in _ORDER:
        before, here = batch.column(name)[:-1], batch.column(name)[1:]
        # Rows compare like tuples: a column counts only if all columns before it are equal.
        ascends = pc.or_(ascends, pc.and_(equal, pc.less(before, here)))
        equal = pc.and_(equal, pc.equal(before, here))
    wrong = pc.index(ascends, value=False).as_py()
    if wrong >= 0:
        fault = "is filed twice" if equal[wrong].as_py() else "is out of order"
        control, subject = (batch.column(name)[wrong + 1].as_py() for name in ("control", "subject"))
        raise BundleError(f"{scan}: the finding of {control} for {subject} {fault}.")


class Pairs:
    """The pairs of an older and a newer scan. `old`, `new`: the number of findings by control and status."""

    def __init__(self, old: Filed, new: Filed) -> None:
        self._old, self._new = old, new
        self.old, self.new = _numbers(old), _numbers(new)

    @property
    def controls(self) -> list[str]:
        """The controls of both, in filing order."""
        return sorted({control for control, _ in (*self.old, *self.new)})

    def __iter__(self) -> Iterator[Pair]:
        """Yield, in filing order, the pairs in which a side is neither pass nor not_applicable.

        Includes pairs without a newer side. Pairs without an older side are included only if the newer one is
        neither. Findings are as they are filed.
        """
        with self._new.database() as connection:
            self._old.attach(connection, _OLD)
            for first, last in self._ranges():
                yield from self._within(connection, first, last)

    def _ranges(self) -> Iterator[tuple[str, str]]:
        """Yield ranges of controls with up to AT_ONCE findings, and at least one control each."""
        numbers: Counter[str] = Counter()
        for (control, _), number in (*self.old.items(), *self.new.items()):
            numbers[control] += number
        first, total = "", 0
        controls = self.controls
        for control, following in zip_longest(controls, controls[1:], fillvalue=""):
            first, total = first or control, total + numbers[control]
            # A range ends before the control that would exceed the limit, so a single large control is still
            # read.
            if not following or total + numbers[following] > AT_ONCE:
                yield first, control
                first, total = "", 0

    def _within(self, connection: duckdb.DuckDBPyConnection, first: str, last: str) -> Iterator[Pair]:
        # A cursor for each range: a second query on one connection would end the first result.
        with connection.cursor() as cursor:
            parameters = {"first": first, "last": last}
            for batch in cursor.sql(_PAIRS, params=parameters).to_arrow_reader(BATCH):
                yield from zip(_side(self._old, batch, "was"), _side(self._new, batch, "now"), strict=True)


def _numbers(filed: Filed) -> Counter[tuple[str, Status]]:
    """Count findings by control and status."""
    numbers: Counter[tuple[str, Status]] = Counter()
    with filed.database() as connection:
        for count in counts(filed, connection).controls:
            numbers[count.control, count.status] += count.number
    return numbers


def _side(filed: Filed, batch: pa.RecordBatch, prefix: str) -> Iterator[Finding | None]:
    columns = pa.RecordBatch.from_arrays(
        [batch.column(f"{prefix}_{name}") for name in _NAMES], names=list(_NAMES)
    )
    # A row of a FULL JOIN without a partner has NULL in every column of that side.
    exists = columns.column("control").is_valid()
    findings = map(without_texts, filed.rows(columns.filter(exists)))
    return (next(findings) if here else None for here in exists.to_pylist())
