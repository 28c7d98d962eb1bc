"""The texts of findings that are not filed, rendered from facts by the controls that judged them.

The facts must be those that were judged: a verdict that comes out otherwise than it is filed is an error.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Final

import duckdb
import orjson
import pyarrow as pa

from scanner.errors import BundleError
from scanner.evaluate.compiler import needed_columns
from scanner.evaluate.database import Allowance, BrokenControlError, FactFiles, Limits, numbered, opened
from scanner.evaluate.engine import compile_loaded
from scanner.evaluate.queries import Answered, Asking, batches
from scanner.findings.filed import ReadControl
from scanner.findings.rows import FiledRow
from scanner.findings.selected import Masks
from scanner.model.control import Compiled, Control
from scanner.model.finding import Finding
from scanner.storage.table_files import ORGANIZATION, TableFiles, TableSource, open_file

Key = tuple[str, str, str]
"""Account, Region and subject: what a row of a fact table is of."""

_LIMITS: Final = Limits(memory="400MB", threads=1)
_KEYS: Final = "chosen rows"
_CHANGED: Final = (
    "The facts of the scan do not give the finding of {} for {} that is filed. They were changed, or another "
    "version of the program judged them. Run audit evaluate on the bundle again."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedWords:
    """Renders texts of a judged scan.

    `facts` returns the files of a fact table; `parameters` are those in effect for all subjects, by control;
    `has_tiers`: whether the details of a finding say its tier.
    """

    facts: TableSource
    controls: Mapping[str, Control]
    parameters: Mapping[str, Mapping[str, Any]]
    as_of: datetime
    has_tiers: bool

    def some(self, rows: Sequence[FiledRow]) -> list[Finding]:
        """Return the findings of rows, in their order, with their texts. BundleError: the facts differ."""
        due = _Due(row for row in rows if not row.has_texts)
        rendered = self._rendered(due) if due.sets else {}
        return [
            row.finding if row.has_texts else self._worded(row, rendered.get(_identity(row.finding)))
            for row in rows
        ]

    def _rendered(self, due: "_Due") -> dict[tuple[str, Key], Finding]:
        compiled = {control: compile_loaded(self.controls[control]) for control, _ in due.sets}
        columns = needed_columns(compiled.values())
        # Only files of the accounts in question are opened.
        tables = {name: self._files(name, due.accounts) for name in columns}
        texts: dict[tuple[str, Key], Finding] = {}
        with opened(tables, columns, self.as_of, _LIMITS, (due.create,)) as connection:
            for number, (control, parameters) in enumerate(due.sets):
                table = compiled[control].control.subject
                chosen = (
                    f'WITH "{table}" AS (SELECT t.* FROM "{numbered(table)}" AS t SEMI JOIN '  # nosec B608 # noqa: S608 -- names of the model
                    # By join, not by a list in SQL: there may be thousands of keys.
                    f'(SELECT * FROM "{_KEYS}" WHERE number = {number}) AS k '
                    "ON t.account = k.account AND t.region = k.region AND t.subject = k.subject) "
                )
                for row in self._answers(connection, compiled[control], parameters, chosen):
                    texts[_identity(row)] = row
        return texts

    @contextmanager
    def reader(self, controls: Collection[str]) -> Iterator[ReadControl]:
        """Open the facts of some controls, to render one control after the other."""
        compiled = {name: compile_loaded(self.controls[name]) for name in sorted(controls)}
        columns = needed_columns(compiled.values())
        tables = {name: self._files(name, None) for name in columns}
        with opened(tables, columns, self.as_of, _LIMITS) as connection:
            yield partial(self._all, _Opened(connection, compiled))

    def _all(
        self, facts: "_Opened", control: str, masks: Masks, rows: Iterator[FiledRow]
    ) -> Iterator[Finding]:
        compiled = facts.compiled[control]
        with ExitStack() as cursors:
            answers = {
                parameters: self._chosen(
                    cursors.enter_context(closing(facts.connection.cursor())), compiled, parameters, mask
                )
                # By parameters, because rows of one control may have been judged with different ones.
                for parameters, mask in masks.items()
            }
            for row in rows:
                yield row.finding if row.has_texts else self._worded(row, next(answers[row.parameters], None))

    def _chosen(
        self, connection: duckdb.DuckDBPyConnection, compiled: Compiled, parameters: str | None, mask: bytes
    ) -> Iterator[Finding]:
        """Return what a control says of chosen rows of its table.

        BundleError: it cannot be evaluated for one of them, for which it could be when it was filed.
        """
        asking = Asking(compiled, self._values(compiled, parameters))
        try:
            answers = asking.answers(connection, Allowance(_LIMITS.seconds), mask)
            yield from chain.from_iterable(map(Answered(compiled).findings, answers))
        except BrokenControlError as error:
            raise BundleError(f"The texts of {compiled.control.id} cannot be rendered: {error}") from error

    def _answers(
        self,
        connection: duckdb.DuckDBPyConnection,
        compiled: Compiled,
        parameters: str | None,
        chosen: str,
    ) -> Iterator[Finding]:
        """Return what a control says of chosen rows with one set of parameters."""
        values = self._values(compiled, parameters)
        bound = {name: values[name] for name in compiled.sql.parameters}
        answered = Answered(compiled)
        for batch in batches(connection, f"{chosen}{compiled.sql.sql}", bound, in_memory=True):
            yield from answered.findings(batch)

    def _values(self, compiled: Compiled, parameters: str | None) -> Mapping[str, Any]:
        """Return the parameters of a control. BundleError: they are not those that it has."""
        # No parameters filed: those in effect for every subject.
        if parameters is None:
            return self.parameters[compiled.control.id]
        try:
            values = orjson.loads(parameters)
            return {name: values[name] for name in compiled.parameters}
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(
                f"The parameters of {compiled.control.id} that are filed are not those of the control. They "
                "were changed, or another version of the program judged them. Run audit evaluate on the "
                "bundle again."
            ) from error

    def _files(self, table: str, accounts: frozenset[str] | None) -> FactFiles:
        """Return the files of a table, those of `accounts` alone where they are named."""
        files = self.facts(table)
        # The file of findings without an account has a name of its own.
        named = {table, *(account or ORGANIZATION for account in accounts or ())}
        paths = [path for path in files.paths if accounts is None or path.stem in named]
        return FactFiles(tuple(map(str, paths)), tuple(_rows(files, path) for path in paths))

    def _worded(self, row: FiledRow, rendered: Finding | None) -> Finding:
        filed = row.finding
        # Rendering must confirm what was filed; otherwise facts and findings do not belong together.
        if rendered is None or rendered.status is not filed.status or rendered.order != filed.order:
            raise BundleError(_CHANGED.format(filed.control, filed.subject))
        details = {
            **rendered.details,
            # Tier and parameters are filed, and are not computed again.
            **({"tier": row.tier} if self.has_tiers else {}),
            **({} if row.parameters is None else {"parameters": orjson.loads(row.parameters)}),
        }
        return Finding(
            control=filed.control,
            status=filed.status,
            severity=filed.severity,
            subject=filed.subject,
            subject_type=filed.subject_type,
            account=filed.account,
            region=filed.region,
            reason=rendered.reason,
            details=details,
            evidence=rendered.evidence,
            frameworks=filed.frameworks,
            waiver=filed.waiver,
            owner=filed.owner,
        )


@dataclass(frozen=True, slots=True)
class _Opened:
    """The facts of all controls in an open database."""

    connection: duckdb.DuckDBPyConnection
    compiled: Mapping[str, Compiled]


def _rows(files: TableFiles, path: Path) -> int:
    """Return the number of rows of a file of facts. BundleError: it is not the scan's."""
    with open_file(files, path) as file:
        return int(file.metadata.num_rows)


def _identity(finding: Finding) -> tuple[str, Key]:
    return finding.control, (finding.account, finding.region, finding.subject)


class _Due:
    """Rows whose texts are to be rendered, by control and parameters."""

    def __init__(self, rows: Iterable[FiledRow]) -> None:
        self.sets: dict[tuple[str, str | None], list[Key]] = defaultdict(list)
        for row in rows:
            self.sets[row.finding.control, row.parameters].append(_identity(row.finding)[1])
        self.accounts = frozenset(account for keys in self.sets.values() for account, _, _ in keys)

    def create(self, connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
        """Create the table of the keys, each with the number of its set."""
        keys = [(number, *key) for number, of_set in enumerate(self.sets.values()) for key in of_set]
        names = ("number", "account", "region", "subject")
        table = pa.table(dict(zip(names, map(list, zip(*keys, strict=True)), strict=True)))
        connection.register("arriving", table)
        connection.execute(f'CREATE TABLE "{_KEYS}" AS FROM arriving')
        connection.unregister("arriving")
        return ()
