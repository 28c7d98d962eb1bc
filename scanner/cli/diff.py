"""`audit diff OLD NEW`: what became of findings between two judged scans."""

from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from scanner.cli.exits import guarded
from scanner.model.finding import Severity


class DiffFormat(StrEnum):
    """The output format."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"


OldArgument = Annotated[Path, typer.Argument(metavar="OLD", help="The folder of the older evaluated scan.")]
NewArgument = Annotated[Path, typer.Argument(metavar="NEW", help="The folder of the newer evaluated scan.")]
BeforeOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--before",
        metavar="DIR",
        help="A scan older than OLD, to distinguish reopened from new findings (repeatable).",
    ),
]
FormatOption = Annotated[DiffFormat, typer.Option("--format", help="The output format.")]
OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="The file to write to \\[standard output].")
]
FailOnOption = Annotated[
    Severity | None,
    typer.Option(
        "--fail-on",
        help="Exit 10 if a finding of this severity or higher is new, reopened or no longer waived.",
    ),
]


def diff(  # noqa: PLR0913 -- the options of the contract
    old: OldArgument,
    new: NewArgument,
    *,
    before: BeforeOption = None,
    format_: FormatOption = DiffFormat.TABLE,
    out: OutOption = None,
    fail_on: FailOnOption = None,
) -> None:
    """Show what is new, reopened, changed, fixed, deleted, no longer checked or now unknown.

    What was not read in NEW is never counted as fixed or deleted. Where a control or its parameters changed,
    another verdict is a changed rule, not a new failure.
    """
    actions = import_module("scanner.cli.diff_actions")
    before = before or []
    raise typer.Exit(guarded(lambda: actions.diff(old, new, before, format_.value, out, fail_on)))
