"""A control as checked SQL: one SELECT over its fact table gives status, reason, details and evidence."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

import pyarrow as pa

from scanner.evaluate.database import bound_types
from scanner.evaluate.language.expression import Expression, Vocabulary, check
from scanner.evaluate.language.reasons import joined, literal, pieces, shown
from scanner.evaluate.language.verdict import Details, Parts, Texts, status_sql, verdict_sql
from scanner.evaluate.problem import Problem, RefusedError
from scanner.model.control import Compiled, Control, Query
from scanner.storage.parquet import arrow_schema

Path = tuple[str | int, ...]

IDENTITY: Final = (
    "account",
    "region",
    "subject",
    "subject_type",
    "not_applicable_because",
    "not_known",
    "evidence",
)
"""Columns that every verdict needs, whatever its expressions use."""

_NAME: Final = ("name",)
_ALWAYS: Final = {"resource": (*_NAME, "capability", "covered_by")}
"""Columns that are in the details of every finding of a table (evidence format, "findings")."""

MAX_PARTS: Final = 10_000
"""Nodes of all expressions of a control, macros written out. Packaged controls have less than 2,000."""

_TOO_LARGE: Final = Problem(
    f"with its functions written out, the control has more than {MAX_PARTS:,} parts",
    "write fewer or simpler expressions, or several controls",
)
_DEFAULTS: Final = {
    "pass": "The requirement is met.",  # nosec B105 # a sentence, no password
    "not_applicable": "The control does not ask this subject.",
    "unknown": "",
}
_REMEDY: Final = 'STRUCT("text" VARCHAR, cli VARCHAR)'
_LITERAL: Final = re.compile(r"'[^']*'")
_PARAMETER: Final = re.compile(r"\$([A-Za-z_]\w*)")
_NAMED: Final = re.compile(
    r"(?P<expression>.+?)\s+as\s+(?P<name>[a-z][a-z0-9_]*)\s*", re.IGNORECASE | re.DOTALL
)


def compiled(control: Control) -> Compiled:
    """Check all expressions of a control. RefusedError carries every problem, with its path in the YAML."""
    compiler = _Compiler(control)
    # The order is that of the YAML, so problems are listed as the author reads.
    population = compiler.condition(control.population, ("population",))
    require = compiler.condition(control.require, ("require",))
    texts = Texts({status: compiler.text(status) for status in ("fail", *_DEFAULTS)})
    details = compiler.details()
    remedy = compiler.remedy()
    # All problems at once: an author should not mend one to meet the next.
    if compiler.problems:
        raise RefusedError(*compiler.problems)
    return compiler.finish(Parts(population, require, texts, details, remedy))


class _Compiler:
    def __init__(self, control: Control) -> None:
        self.control = control
        self.schema = arrow_schema(control.subject)
        self.problems: list[Problem] = []
        self.used: list[Expression] = []
        self.size = 0  # parts of all expressions so far

    def guarded(self, path: Path, work: Callable[[], Expression]) -> Expression:
        """Do a piece of work; where it is refused, note that with its path and go on."""
        try:
            return work()
        except RefusedError as refused:
            if _TOO_LARGE not in refused.problems:
                self.problems += [replace(problem, path=path) for problem in refused.problems]
            elif _TOO_LARGE not in self.problems:  # once: it is true of all expressions from here on
                self.problems.append(_TOO_LARGE)
            # NULL stands in for the refused expression, so that the remaining ones can be checked.
            return Expression("NULL", frozenset(), frozenset())

    def checked(self, text: str, *, decides: bool) -> Expression:
        expression = check(text, Vocabulary(self.schema, self.control.parameters, decides=decides))
        self.size += expression.parts
        if self.size > MAX_PARTS:
            raise RefusedError(_TOO_LARGE)
        self.used.append(expression)
        return expression

    def type_of(self, expression: Expression) -> str:
        # DuckDB needs the parameters' values to know their types.
        values = {name: self.control.parameters[name] for name in expression.parameters}
        return bound_types(self.control.subject, [expression.sql], values)[0]

    def condition(self, text: str, path: Path, *, decides: bool = True) -> Expression:
        """Check a condition. `decides`: it is part of a verdict, and does not only choose a text."""

        def work() -> Expression:
            expression = self.checked(text, decides=decides)
            kind = self.type_of(expression)
            if kind != "BOOLEAN":
                raise RefusedError(Problem(f"this is {kind}, no condition", "write a comparison"))
            return expression

        return self.guarded(path, work)

    def text(self, status: str) -> str:
        """Return the SQL of the text of a status: its cases, then the template for all others."""
        template = self.control.reason if status == "fail" else self.control.reasons.get(status, "")
        path: Path = ("reason",) if status == "fail" else ("reasons", status)
        last = self.template(template or _DEFAULTS.get(status, ""), path).sql
        branches = [
            f"WHEN {self.condition(case.when, (*path, at, 'when'), decides=False).sql} "
            f"THEN {self.template(case.text, (*path, at, 'text')).sql}"
            for at, case in enumerate(self.control.reason_cases.get(status, ()))
        ]
        return f"CASE {' '.join(branches)} ELSE {last} END" if branches else last

    def template(self, template: str, path: Path) -> Expression:
        def work() -> Expression:
            parts = (
                self.shown(piece.text) if piece.is_expression else literal(piece.text)
                for piece in pieces(template)
            )
            return Expression(joined([literal(""), *parts]), frozenset(), frozenset())

        return self.guarded(path, work)

    def shown(self, text: str) -> str:
        expression = self.checked(text, decides=False)
        return shown(expression.sql, self.type_of(expression))

    def details(self) -> Details:
        """Return name and expression of each detail: those of the control, then the constant ones."""
        columns: dict[str, Expression] = {}
        for at, entry in enumerate(self.control.evidence):
            named = _NAMED.fullmatch(entry)
            text, name = (named["expression"], named["name"]) if named else (entry, entry)
            # `text=text` binds now: a lambda would otherwise see the last entry of the loop.
            columns[name] = self.guarded(("evidence", at), lambda text=text: self.detail(text))  # type: ignore[misc]
        for name in _ALWAYS.get(self.control.subject, _NAME):
            columns.setdefault(name, self.guarded(("evidence",), lambda name=name: self.detail(name)))  # type: ignore[misc]
        return tuple(columns.items())

    def remedy(self) -> Expression | None:
        """Return the column that says what to do about one subject; None: the control names none."""
        text = self.control.remediation.specific
        return self.guarded(("remediation", "specific"), lambda: self.advice(text)) if text else None

    def advice(self, text: str) -> Expression:
        """Check the column of `remedy`. RefusedError: it has no text and cli."""
        expression = self.checked(text, decides=False)
        kind = self.type_of(expression)
        if kind != _REMEDY:
            raise RefusedError(Problem(f"this is {kind}, no remedy", "name a column with text and cli"))
        return expression

    def detail(self, text: str) -> Expression:
        expression = self.checked(text, decides=False)
        # Only to have DuckDB refuse what it cannot bind; any type may be a detail.
        self.type_of(expression)
        return expression

    def finish(self, parts: Parts) -> Compiled:
        columns = frozenset(IDENTITY).union(*(expression.columns for expression in self.used))
        table = self.control.subject
        return Compiled(
            control=self.control,
            sql=_query(verdict_sql(table, parts)),
            # `calm=False`: without the texts of passes, which are not filed and are the most expensive part.
            open_sql=_query(verdict_sql(table, parts, calm=False)),
            status_sql=_query(status_sql(table, parts)),
            population=parts.population.columns,
            require=parts.require.columns,
            columns=columns,
        )


def _query(sql: str) -> Query:
    """Find the parameters that must be bound to a statement: DuckDB takes no others."""
    # Dollar signs within literals are text, not parameters.
    return Query(sql, frozenset(_PARAMETER.findall(_LITERAL.sub("", sql))))


def needed_columns(controls: Iterable[Compiled]) -> dict[str, tuple[str, ...]]:
    """Return the columns to load of each fact table, in the order of the model."""
    # Only columns that some control reads are loaded: rows of `resource` have very wide ones.
    wanted: dict[str, set[str]] = {}
    for compiled in controls:
        wanted.setdefault(compiled.control.subject, set()).update(compiled.columns)
    return {table: _in_order(arrow_schema(table), names) for table, names in sorted(wanted.items())}


def _in_order(schema: pa.Schema, names: Iterable[str]) -> tuple[str, ...]:
    chosen: Sequence[str] = [name for name in schema.names if name in set(names)]
    return tuple(chosen)
