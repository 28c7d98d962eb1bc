"""`audit graph SCAN_DIR --format ...`: the protection graph for other tools."""

from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from scanner.cli.exits import guarded


class GraphFormat(StrEnum):
    """The output format."""

    GRAPHML = "graphml"
    DOT = "dot"
    JSON = "json"


ScanArgument = Annotated[Path, typer.Argument(metavar="SCAN_DIR", help="The folder of an evaluated scan.")]
FormatOption = Annotated[GraphFormat, typer.Option("--format", help="The output format.")]
OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="The file to write to \\[standard output].")
]


def graph(scan: ScanArgument, *, format_: FormatOption = GraphFormat.GRAPHML, out: OutOption = None) -> None:
    """Write the protection graph: what each backup rests on, and the state of each relation.

    Resources that are protected alike are one node with their number. Each edge is effective, broken (with
    the reason) or unknown (with the missing read).
    """
    actions = import_module("scanner.cli.blast_radius")  # loads networkx, which --help need not
    raise typer.Exit(guarded(lambda: actions.graph(scan, format_.value, out)))
