"""The results of a control for the rows of its table: the status of all rows, and the findings of some.

Statuses are computed first, since they take a fortieth of the time of the texts: a filed scan has texts only
for findings that are neither passed nor not applicable.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import chain, compress, count, islice
from typing import Final

import duckdb
import pyarrow as pa

from scanner.evaluate.database import POSITION, Allowance, BrokenControlError, numbered
from scanner.evaluate.decisions.tier_rows import TableRows
from scanner.evaluate.queries import COLUMNS, ERROR, LETTERS, Answered, Asking
from scanner.evaluate.tier_evaluation import RowStatus, Tiered
from scanner.findings.writing import batch_of
from scanner.model.control import Compiled, Control
from scanner.model.finding import Finding, Status

UNCERTAIN: Final = ord("?")
"""In place of a status: it is unknown which parameters apply to the row."""
_CALM: Final = (LETTERS[Status.PASS], LETTERS[Status.NOT_APPLICABLE])
_BATCH: Final = 10_000
_FLIP = bytes.maketrans(b"01", b"10")


@dataclass(frozen=True, slots=True)
class Standings:
    """What the rows of a table are asked with. `numbers`: for each row, its place in `distinct`."""

    numbers: pa.ChunkedArray
    distinct: tuple[RowStatus, ...]


class Verdicts(ABC):
    """One control, evaluated for a loaded table. `letters` has one of LETTERS, or UNCERTAIN, for each row."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, compiled: Compiled, allowance: Allowance, letters: bytes
    ) -> None:
        self._connection, self._compiled, self._allowance = connection, compiled, allowance
        self.letters = letters

    @property
    def _control(self) -> Control:
        return self._compiled.control

    def standing(self, position: int) -> RowStatus | None:  # noqa: ARG002 -- it is the same for all
        """Return what a row is asked with; None: with the parameters that hold for all."""
        return None

    def standings(self) -> "Standings | None":
        """Return what all rows are asked with; None: with the parameters that hold for all."""
        return None

    @abstractmethod
    def _written(self, rows: bytes) -> Iterator[Finding]:
        """Return the findings of rows that the control can be evaluated for.

        BrokenControlError: it breaks all the same.
        """

    @abstractmethod
    def _failure(self, position: int) -> str:
        """Return why the control cannot be evaluated for a row."""

    def texts(self, rows: bytes) -> Iterator[pa.RecordBatch]:
        """Return `status`, `reason`, `details` and `evidence` of chosen rows as they are filed."""
        return texts_of(self.findings(rows))

    def findings(self, rows: bytes | None = None) -> Iterator[Finding]:
        """Return the findings of chosen rows, in the order of the table. `rows`: "1" or "0" each; None: all.

        Rows that the control cannot be evaluated for are errors. Where it breaks on the way, so are the rest.
        """
        # Bytes of "0" and "1", as DuckDB takes them for BIT: millions of rows in one string.
        chosen = all_rows(len(self.letters)) if rows is None else rows
        broken = is_one_of(self.letters, (ERROR,))
        written = self._written(both(chosen, neither(broken)))
        errors = self._errors(both(chosen, broken), self._failure)
        number = 0
        try:
            # Two streams in the order of the table; the letter says which of them has the next row.
            for letter in compress(self.letters, map(ord("1").__eq__, chosen)):
                yield next(errors) if letter == ERROR else next(written)
                number += 1
        # StopIteration: DuckDB returned fewer answers than rows.
        except (BrokenControlError, StopIteration) as failure:
            said = str(failure) or _FEWER
            yield from islice(self._errors(chosen, lambda _: said), number, None)

    def _errors(self, rows: bytes, failure: Callable[[int], str]) -> Iterator[Finding]:
        """Return an error for each of the rows. Those of an account have the reason of its first."""
        if b"1" not in rows:
            return
        # Positions as an iterator: a list of millions of numbers would be large.
        positions = compress(count(), map(ord("1").__eq__, rows))
        sql = (
            f'SELECT account, region, subject, subject_type FROM "{numbered(self._control.subject)}" '  # nosec B608 # noqa: S608 -- a table of the model
            f'WHERE get_bit(CAST($rows AS BIT), CAST("{POSITION}" AS INTEGER)) = 1'
        )
        reasons: dict[str, str] = {}
        relation = self._connection.cursor().sql(sql, params={"rows": rows.decode("ascii")})
        for batch in relation.to_arrow_reader(_BATCH):
            columns = (batch.column(name).to_pylist() for name in batch.schema.names)
            for account, region, subject, subject_type, position in zip(*columns, positions, strict=False):
                # A query for each broken row would take too long; rows of an account mostly fail alike.
                if account not in reasons:
                    reasons[account] = failure(position)
                standing = self.standing(position)
                yield Finding(
                    control=self._control.id,
                    status=Status.ERROR,
                    severity=self._control.severity,
                    subject=subject,
                    subject_type=subject_type,
                    account=account,
                    region=region,
                    reason=reasons[account],
                    details={} if standing is None else dict(standing.details),
                    frameworks=self._control.frameworks,
                )


_FEWER: Final = "The control could not be evaluated: DuckDB returned fewer answers than there are subjects."


def texts_of(findings: Iterator[Finding]) -> Iterator[pa.RecordBatch]:
    """Return findings as filed columns."""
    while written := [*islice(findings, _BATCH)]:
        yield batch_of(written)


class Plain(Verdicts):
    """All rows are asked with the same parameters."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        compiled: Compiled,
        allowance: Allowance,
        asking: Asking,
        letters: bytes | None = None,
    ) -> None:
        """Ask. `letters`: what the asking gave already. BrokenControlError: it cannot be evaluated at all."""
        self._asking = asking
        statuses = asking.letters(connection, allowance) if letters is None else letters
        super().__init__(connection, compiled, allowance, statuses)

    def _written(self, rows: bytes) -> Iterator[Finding]:
        answered = Answered(self._compiled)
        return chain.from_iterable(map(answered.findings, self._answers(rows)))

    def _answers(self, rows: bytes) -> Iterator[pa.RecordBatch]:
        # The shorter statement, if no chosen row passes.
        calm = b"1" in both(rows, is_one_of(self.letters, _CALM))
        return self._asking.answers(self._connection, self._allowance, rows, calm=calm)

    def texts(self, rows: bytes) -> Iterator[pa.RecordBatch]:
        """Return `status`, `reason`, `details` and `evidence` of chosen rows, without building findings."""
        broken = is_one_of(self.letters, (ERROR,))
        number = 0
        if b"1" not in both(rows, broken):
            answered = Answered(self._compiled)
            try:
                for batch in self._answers(rows):
                    yield answered.columns(batch)
                    number += batch.num_rows
            except BrokenControlError:
                pass  # it fails again below, where the remaining rows become errors
            else:
                if number == rows.count(b"1"):
                    return
        # The rows that were already returned are skipped.
        for batch in texts_of(islice(self.findings(rows), number, None)):
            yield pa.RecordBatch.from_arrays([batch.column(name) for name in COLUMNS], names=COLUMNS)

    def _failure(self, position: int) -> str:
        return self._asking.failure(self._connection, position)


class Broken(Verdicts):
    """The control cannot be evaluated at all: every row is an error."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, compiled: Compiled, allowance: Allowance, reason: str
    ) -> None:
        sql = f'SELECT count(*) FROM "{compiled.control.subject}"'  # nosec B608 # noqa: S608 -- a table of the model
        ((number,),) = connection.execute(sql).fetchall()
        super().__init__(connection, compiled, allowance, bytes([ERROR]) * number)
        self._reason = reason

    def _written(self, rows: bytes) -> Iterator[Finding]:  # noqa: ARG002 -- no row can be
        return iter(())

    def _failure(self, position: int) -> str:  # noqa: ARG002 -- it is the same for all
        return self._reason


class ByTier(Verdicts):
    """Rows are evaluated with the parameters that tiers and overrides set for each of them."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        compiled: Compiled,
        allowance: Allowance,
        tiered: Tiered,
        rows: TableRows,
    ) -> None:
        self._tiered, self._rows, self._numbers = tiered, tuple(rows), rows.numbers
        # Each set for all rows: computing statuses is cheap, and needs no mask.
        self._letters = [asking.letters(connection, allowance) for asking in tiered.askings]
        super().__init__(connection, compiled, allowance, self._merged())

    def _merged(self) -> bytes:
        letters = bytearray()
        for position, number in enumerate(self._rows):
            standing = self._tiered.standings[number]
            # Rows with several possible sets are decided later, together with their texts.
            certain = standing.is_certain
            letters.append(self._letters[standing.distinct[0]][position] if certain else UNCERTAIN)
        return bytes(letters)

    def standing(self, position: int) -> RowStatus | None:
        """Return the parameters that may apply to a row."""
        return self._tiered.standings[self._rows[position]]

    def standings(self) -> Standings:
        """Return the parameters that may apply to all rows."""
        return Standings(self._numbers, self._tiered.standings)

    def _written(self, rows: bytes) -> Iterator[Finding]:
        with ExitStack() as open_cursors:
            answers = []
            for number, asking in enumerate(self._tiered.askings):
                # Answers of all sets stream at the same time, and a connection has only one open answer.
                cursor = open_cursors.enter_context(closing(self._connection.cursor()))
                uses_set = [number in standing.distinct for standing in self._tiered.standings]
                chosen = both(rows, bytes(b"01"[uses_set[row]] for row in self._rows))
                single = Plain(cursor, self._compiled, self._allowance, asking, self._letters[number])
                answers.append(single.findings(chosen))
            for row in compress(self._rows, map(ord("1").__eq__, rows)):
                standing = self._tiered.standings[row]
                yield self._tiered.finding(
                    standing, {each_set: next(answers[each_set]) for each_set in standing.distinct}
                )

    def _failure(self, position: int) -> str:
        standing = self._tiered.standings[self._rows[position]]
        return self._tiered.askings[standing.distinct[0]].failure(self._connection, position)


def all_rows(number: int) -> bytes:
    """Choose every row."""
    return b"1" * number


def is_one_of(letters: bytes, wanted: Iterable[int]) -> bytes:
    """Choose the rows whose letter is one of those wanted."""
    ones = frozenset(wanted)
    # A table of 256 bytes, so that translate does the work in C.
    return letters.translate(bytes(b"01"[letter in ones] for letter in range(256)))


def neither(rows: bytes) -> bytes:
    """Choose the rows that are not chosen."""
    return rows.translate(_FLIP)


def both(rows: bytes, others: bytes) -> bytes:
    """Choose the rows that are chosen twice."""
    # int() of an empty text is an error.
    if not rows:
        return rows
    # As whole numbers: `&` of two long integers is one operation.
    return format(int(rows, 2) & int(others, 2), f"0{len(rows)}b").encode("ascii")
