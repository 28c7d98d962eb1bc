"""The SELECT that judges a fact table by one control.

Status, reason, details and evidence come out of DuckDB as they go into the finding (catalogue, ruling 1):
population false is `not_applicable`, population unknown is `unknown`, else the requirement decides.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from scanner.evaluate.language.expression import Expression
from scanner.evaluate.language.reasons import literal
from scanner.model.finding import Status

MAX_REFERENCES: Final = 50
"""Evidence lines that a finding names at most."""

Details = tuple[tuple[str, Expression], ...]


@dataclass(frozen=True, slots=True)
class Texts:
    """The SQL of the reason for each status."""

    by_status: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a verdict is made of."""

    population: Expression
    require: Expression
    texts: Texts
    details: Details
    remedy: Expression | None = None  # what to do about a failure of this one subject: text and cli


def verdict_sql(table: str, parts: Parts, *, calm: bool = True) -> str:
    """Write the SELECT. `calm` False: without the reasons of passes, and of what is not applicable.

    Its columns: account, region, subject, subject_type, status, reason, details (JSON), evidence, remedy (of
    a failure). Of an unknown, the reason is what the control says; `notes` are all notes of the row; `unread`
    are, where there is no note, the columns that judge (`judging_columns`); `is_asked` is NULL where the
    population is not known. A reason or details that cannot be written for a row are NULL (TRY), whatever the
    other rows are.
    """
    # `not_applicable_because` comes from the facts, and outweighs what the control asks.
    in_population = f"((not_applicable_because = '') AND ({parts.population.sql}))"
    return (
        "SELECT account, region, subject, subject_type, status_ AS status, "  # nosec B608 # noqa: S608 -- checked SQL
        f"TRY({_reason(parts, calm=calm)}) AS reason, TRY({_details(parts.details)}) AS details, "
        f"{_distinct('places_')} AS evidence, {_remedy(parts)} AS remedy, asked_ AS is_asked, "
        # Chosen and tested in Python: planning SQL for it takes long, even for few rows.
        f"CASE WHEN status_ = 'unknown' THEN not_known END AS notes, {_unread(parts)} AS unread "
        f"FROM (SELECT *, {_status()} AS status_, {_places(parts)} AS places_ "
        # Inner first: population and requirement are computed once, and named for the outer SELECTs.
        f'FROM (SELECT *, {in_population} AS asked_, ({parts.require.sql}) AS held_ FROM "{table}"))'
    )


def judging_columns(parts: Parts) -> tuple[str, ...]:
    """Return the columns that `unread` tests, in its order."""
    return tuple(sorted(parts.population.columns | parts.require.columns))


def status_sql(table: str, parts: Parts) -> str:
    """Write the SELECT that gives the status of each row alone, as a number that STATUS_OF reads.

    Both expressions are evaluated once a row. Where one of them cannot be evaluated for a row, that row alone
    has NULL (TRY).
    """
    in_population = f"(not_applicable_because = '') AND ({parts.population.sql})"
    return (
        # TRY: a division or cast that fails for one row must not make errors of all others.
        f"SELECT TRY(coalesce(CAST(({in_population}) AS UTINYINT), 2) * 3 "  # nosec B608 # noqa: S608 -- checked SQL
        f'+ coalesce(CAST(({parts.require.sql}) AS UTINYINT), 2)) AS status FROM "{table}"'
    )


STATUS_OF: Final = (
    *[Status.NOT_APPLICABLE] * 3,
    Status.FAIL,
    Status.PASS,
    Status.UNKNOWN,
    *[Status.UNKNOWN] * 3,
)
"""The status by 3 x population + requirement, each of them 0 (false), 1 (true) or 2 (not known)."""


def _status() -> str:
    return (
        "CASE WHEN asked_ IS NULL THEN 'unknown' WHEN NOT asked_ THEN 'not_applicable' "
        "WHEN held_ IS NULL THEN 'unknown' WHEN held_ THEN 'pass' ELSE 'fail' END"
    )


def _reason(parts: Parts, *, calm: bool) -> str:
    texts = parts.texts.by_status
    others = (
        f"WHEN 'pass' THEN {texts['pass']} "
        # The reason of the facts is more precise than that of the control.
        f"WHEN 'not_applicable' THEN CASE WHEN not_applicable_because <> '' THEN not_applicable_because "
        f"ELSE {texts['not_applicable']} END "
    )
    return (
        f"CASE status_ WHEN 'fail' THEN {texts['fail']} {others if calm else ''}"
        f"WHEN 'unknown' THEN {texts['unknown']} END"
    )


def _remedy(parts: Parts) -> str:
    """Return the SQL of what to do about a failure of this subject; NULL for other statuses."""
    if parts.remedy is None:
        return "NULL"
    remedy = f"({parts.remedy.sql})"
    return f"CASE WHEN status_ = 'fail' AND {remedy}.text <> '' THEN {remedy} END"


def _unread(parts: Parts) -> str:
    """Return the judging columns of an unknown row without notes."""
    # Used only where no note explains the NULL, such as a column that AWS leaves out.
    columns = ", ".join(f'"{name}" := "{name}"' for name in judging_columns(parts))
    if not columns:
        return "NULL"
    return f"CASE WHEN status_ = 'unknown' AND len(not_known) = 0 THEN struct_pack({columns}) END"


def _details(details: Details) -> str:
    if not details:
        return "'{}'"
    listed = ", ".join(f'"{name}" := ({expression.sql})' for name, expression in details)
    return f"CAST(to_json(struct_pack({listed})) AS VARCHAR)"


def _places(parts: Parts) -> str:
    """Return the evidence lines of the columns in the finding's text, and those of the row as a whole."""
    shown = (expression for _, expression in parts.details)
    used = (parts.population, parts.require, *shown)
    columns = sorted(frozenset().union(*(expression.columns for expression in used)))
    # Evidence may be about a field ("rules.max_gap_hours"); the column is its first part.
    wanted = f"e.about = '' OR split_part(e.about, '.', 1) IN ({_literals(columns)})"
    chosen = f"list_filter(evidence, lambda e: {wanted})"
    return f"list_transform({chosen}, lambda e: struct_pack(file := e.file, line := e.line))"


def _distinct(places: str) -> str:
    """Sort the lines, each once. Most rows of the longest table have one, and need no sorting."""
    several = f"list_sort(list_distinct({places}))[:{MAX_REFERENCES}]"
    return f"CASE WHEN len({places}) < 2 THEN {places} ELSE {several} END"


def _literals(names: Iterable[str]) -> str:
    # `IN ()` is not valid SQL, and IN (NULL) matches nothing.
    return ", ".join(map(literal, names)) or "NULL"
