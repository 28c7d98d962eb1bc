"""`audit config ...`: check audit.yaml. `audit init`, which writes one, is in `init`."""

from importlib import import_module
from pathlib import Path
from typing import Annotated, Final

import typer

from scanner.cli.exits import guarded
from scanner.cli.help.terminal import Command, Group

config: Final = typer.Typer(
    name="config",
    cls=Group,
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Check a settings file (audit.yaml).",
)


@config.callback()
def about() -> None:
    """Check a settings file (audit.yaml)."""


@config.command(cls=Command, epilog="Example: [bold]audit config check audit.yaml[/]")
def check(
    file: Annotated[Path, typer.Argument(metavar="[FILE]", help="The settings file.")] = Path("audit.yaml"),
) -> None:
    """Check a settings file, and the controls, parameters and waivers that it names.

    Reports every mistake with its line, as a scan would, and calls nothing.
    """
    actions = import_module("scanner.cli.settings.actions")
    raise typer.Exit(guarded(lambda: actions.check(file)))
