"""`audit status STACK`: the last scans of a deployed scanner."""

from enum import StrEnum
from importlib import import_module
from typing import Annotated

import typer

from scanner.cli import options
from scanner.cli.exits import guarded


class StatusFormat(StrEnum):
    """The output format."""

    TABLE = "table"
    JSON = "json"


StackArgument = Annotated[
    str, typer.Argument(metavar="STACK", help="The CloudFormation stack of the scanner.")
]
FormatOption = Annotated[StatusFormat, typer.Option("--format", help="The output format.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=100, help="How many scans to list.")]


def status(
    stack: StackArgument,
    *,
    limit: LimitOption = 10,
    format_: FormatOption = StatusFormat.TABLE,
    profile: options.Profile = None,
) -> None:
    """Show the last scans of a deployed scanner: when, their state, accounts, findings and address."""
    actions = import_module("scanner.cli.distributed_actions")
    raise typer.Exit(guarded(lambda: actions.status(stack, limit, format_.value, profile)))
