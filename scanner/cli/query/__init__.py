"""`audit query SCAN_DIR "SELECT ..."`: SQL on the tables of an evaluated scan."""

import csv
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Final, get_type_hints

import orjson
import typer
from rich.markup import escape
from rich.table import Table

from scanner.app.judged import read_judged
from scanner.cli.console import Console, plain_json
from scanner.cli.exits import guarded
from scanner.cli.logs import say
from scanner.cli.query.table import table_lines
from scanner.errors import BundleError, UsageError
from scanner.evaluate.controls.docs import type_name
from scanner.evaluate.database import Table as Facts
from scanner.evaluate.query import Answer, answered, check_query
from scanner.evidence.manifest import read_manifest
from scanner.evidence.scan_files import FACTS, INVENTORY, ScanFiles
from scanner.findings.queried import COLUMNS, FindingsTable
from scanner.model.facts import TABLES, columns
from scanner.model.inventory_tables import QUERIED_TABLES
from scanner.report.formats.csv import harmless
from scanner.storage.parquet import open_table

_KNOWN: Final = frozenset({*TABLES, *QUERIED_TABLES, FindingsTable.name})
_WIDTH: Final = 200


class QueryFormat(StrEnum):
    """The output format."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


ScanArgument = Annotated[
    Path | None,
    typer.Argument(metavar="SCAN_DIR", help="The folder of an evaluated scan.", show_default=False),
]

SqlArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="SQL", help="A SELECT statement; - reads it from standard input.", show_default=False
    ),
]
FormatOption = Annotated[QueryFormat, typer.Option("--format", help="The output format.")]

LimitOption = Annotated[
    int,
    typer.Option(
        "--limit",
        min=0,
        help="Number of rows to show in a table; 0 shows all. CSV and JSON contain all rows.",
    ),
]

TablesOption = Annotated[
    bool, typer.Option("--tables", help="List the tables and their columns with descriptions.")
]


def query(
    scan: ScanArgument = None,
    sql: SqlArgument = None,
    *,
    format_: FormatOption = QueryFormat.TABLE,
    limit: LimitOption = 200,
    tables: TablesOption = False,
) -> None:
    """Query the facts, inventory and findings of an evaluated scan with SQL.

    The database is locked before the query runs: it reads the tables of the scan and nothing else.
    """
    if tables:
        raise typer.Exit(guarded(lambda: list_tables(scan)))
    # Read here, so that errors of the query are not mixed with those of standard input.
    text = sys.stdin.read() if sql == "-" else sql
    raise typer.Exit(guarded(lambda: answer_query(scan, text, format_.value, limit)))


def answer_query(scan: Path | None, sql: str | None, form: str, limit: int) -> int:
    """Run one SELECT and print its rows."""
    if scan is None or sql is None:
        raise UsageError('Specify a scan and a query: audit query SCAN_DIR "SELECT ..."')
    # Before the scan is opened: a mistake in the query needs no files.
    checked = check_query(sql, _KNOWN)
    manifest = read_manifest(scan)
    files = ScanFiles(scan, manifest)
    tables = {
        name: _open(files, name, checked.names) for name in checked.tables if name != FindingsTable.name
    }
    # A narrowed scan has empty tables that say nothing.
    if manifest.reads is not None and tables:
        say(f"note: {manifest.reads.sentence()}")
    findings = FindingsTable(read_judged(scan)) if FindingsTable.name in checked.tables else None
    with answered(tables, checked, as_of=manifest.evaluated_as_of, findings=findings) as answer:
        if form == "csv":
            _write_csv(answer)
        elif form == "json":
            _write_json(answer)
        else:
            _print_table(answer, limit)
    return 0


def _open(files: ScanFiles, name: str, used: frozenset[str] | None) -> Facts:
    """Open a table of facts or inventory with the columns that are used; None: all.

    BundleError: the scan was not evaluated, or by another version, or a file does not match the manifest.
    """
    folder, row = (FACTS, TABLES[name]) if name in TABLES else (INVENTORY, QUERIED_TABLES[name])
    return open_table(files.table(folder, name), row, _columns(row, used))


def _columns(row: type, used: frozenset[str] | None) -> tuple[str, ...] | None:
    """Return the columns of a table that a query uses, at least one; None: all."""
    names = tuple(field.name for field in fields(row))
    return None if used is None else tuple(name for name in names if name in used) or names[:1]


def _write_csv(answer: Answer) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\r\n")
    writer.writerow(map(harmless, answer.columns))
    for row in answer.rows:
        # `harmless`: a cell that begins with `=` would be a formula in a spreadsheet.
        writer.writerow("" if cell is None else harmless(_text(cell)) for cell in row)


def _write_json(answer: Answer) -> None:
    """Write a list of objects, one per line, so that it can also be read as a stream."""
    first = True
    for row in answer.rows:
        document = dict(zip(answer.columns, row, strict=True))
        sys.stdout.write(
            ("[\n" if first else ",\n") + plain_json(orjson.dumps(document, default=str).decode())
        )
        first = False
    sys.stdout.write("[]\n" if first else "\n]\n")


def _print_table(answer: Answer, limit: int) -> None:
    shown = list(islice(answer.rows, limit or None))
    rows = [[None if cell is None else _text(cell) for cell in row] for row in shown]
    console = _console()
    for line in table_lines(answer.columns, rows, console.width):
        console.print(line, soft_wrap=True)
    # Counted without keeping them.
    more = sum(1 for _ in answer.rows)
    say(_row_count(len(shown), len(shown) + more))


def _row_count(shown: int, total: int) -> str:
    if shown < total:
        return f"{shown:,} of {total:,} rows; --limit 0 shows all"
    return f"{total:,} row{'' if total == 1 else 's'}"


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDTH)


def _text(cell: object) -> str:
    """Return a cell as text: lists and structs as JSON, booleans in lower case as in SQL."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, list | dict | tuple):
        return orjson.dumps(cell, default=str).decode()
    return str(cell)


def list_tables(scan: Path | None) -> int:
    """Print every table with its columns and their meaning; with a scan, also the number of rows."""
    counts = {} if scan is None else _counts(scan)
    console = _console()
    console.print("[bold]Facts[/]: the input of the controls. NULL means unknown.")
    for name in TABLES:
        _describe(console, name, counts, ((c.name, type_name(c.type), c.doc) for c in columns(name)))
    console.print("\n[bold]Inventory[/]: what was read, before evaluation.")
    for name, row in QUERIED_TABLES.items():
        _describe(
            console, name, counts, ((f.name, type_name(get_type_hints(row)[f.name]), "") for f in fields(row))
        )
    console.print("\n[bold]Findings[/]: one row per control and subject.")
    texts = ((name, "text", doc) for name, doc in COLUMNS.items())
    _describe(console, FindingsTable.name, counts, texts)
    return 0


def _describe(
    console: Console, name: str, counts: Mapping[str, int], described: Iterable[tuple[str, str, str]]
) -> None:
    rows = f"  [dim]{counts[name]:,} rows[/]" if name in counts else ""
    console.print(f"\n[bold]{name}[/]{rows}")
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 2))
    for column, kind, doc in described:
        table.add_row(column, f"[dim]{escape(kind)}[/]", escape(doc))
    console.print(table)


def _counts(scan: Path) -> dict[str, int]:
    files = ScanFiles(scan, read_manifest(scan))
    return {name: count for name in sorted(_KNOWN) for count in _count(scan, files, name)}


def _count(scan: Path, files: ScanFiles, name: str) -> Iterator[int]:
    try:
        if name == FindingsTable.name:
            yield len(read_judged(scan).findings)
        else:
            yield _open(files, name, frozenset()).count_rows()
    # Counts are extra: a table that cannot be read does not hide the others.
    except BundleError as problem:
        say(f"warning: {problem}")
