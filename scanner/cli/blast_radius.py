"""`audit blast-radius SCAN_DIR [NODE]`: what loses its last backup when something is gone."""

from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from scanner.cli.exits import guarded


class BlastRadiusFormat(StrEnum):
    """The output format."""

    TABLE = "table"
    JSON = "json"


ScanArgument = Annotated[Path, typer.Argument(metavar="SCAN_DIR", help="The folder of an evaluated scan.")]
NodeArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="NODE",
        help="A key, vault, role, account or Region: its ARN, id, name or alias. Without it, the twenty "
        "worst are listed.",
        show_default=False,
    ),
]
FormatOption = Annotated[BlastRadiusFormat, typer.Option("--format", help="The output format.")]
OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="The file to write to \\[standard output].")
]


def blast_radius(
    scan: ScanArgument,
    node: NodeArgument = None,
    *,
    format_: FormatOption = BlastRadiusFormat.TABLE,
    out: OutOption = None,
) -> None:
    """Show what loses its last backup when a key, vault, role, account or Region is gone.

    What may be lost, because something was not read, is counted as unknown: never as safe, never as lost.
    """
    actions = import_module("scanner.cli.blast_radius_actions")  # loads networkx, which --help need not
    raise typer.Exit(guarded(lambda: actions.blast_radius(scan, node, format_.value, out)))
