"""`audit query SCAN_DIR "SELECT ..."`: the tables of a judged scan, asked in SQL."""

import sys
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from scanner.cli.exits import guarded


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
    actions = import_module("scanner.cli.query_actions")  # loads DuckDB, which --help need not
    if tables:
        raise typer.Exit(guarded(lambda: actions.list_tables(scan)))
    text = sys.stdin.read() if sql == "-" else sql
    raise typer.Exit(guarded(lambda: actions.query(scan, text, format_.value, limit)))
