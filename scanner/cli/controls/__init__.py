"""`audit controls ...`: list, show, test, lint, create and import controls."""

from enum import StrEnum
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Annotated, Final

import typer

from scanner.cli.exits import guarded
from scanner.cli.help.terminal import Command, Group

controls: Final = typer.Typer(
    name="controls",
    cls=Group,
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="List, show, test, lint and create controls. A control is a YAML file with a file of cases.",
)

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ID|PACK|DIR]...",
        help="Controls, packs, or folders of them [all built-in controls].",
        show_default=False,
    ),
]
ControlId = Annotated[str, typer.Argument(metavar="ID", help="The control's id.")]


class ShowFormat(StrEnum):
    """The output format of `audit controls show`."""

    TEXT = "text"
    MARKDOWN = "markdown"


def _actions() -> ModuleType:
    return import_module("scanner.cli.controls.actions")


def _lists() -> ModuleType:
    return import_module("scanner.cli.controls.listing")


@controls.command("list", cls=Command, epilog="Example: [bold]audit controls list[/]")
def list_(
    words: Words = None,
    *,
    packs: Annotated[
        bool, typer.Option("--packs", help="List packs and their number of controls instead.")
    ] = False,
) -> None:
    """List controls with their id, severity, title and subject; or packs of controls."""
    if packs:
        raise typer.Exit(guarded(lambda: _lists().list_packs(words)))
    raise typer.Exit(guarded(lambda: _lists().list_controls(words)))


@controls.command(cls=Command, epilog="Example: [bold]audit controls show resource-in-backup-plan[/]")
def show(
    words: Annotated[
        list[str], typer.Argument(metavar="ID|PACK|DIR...", help="Controls, packs, or a folder.")
    ],
    *,
    form: Annotated[ShowFormat, typer.Option("--format", help="The output format.")] = ShowFormat.TEXT,
) -> None:
    """Show a control (requirement, parameters, required data and remediation) or a pack."""
    raise typer.Exit(guarded(lambda: _lists().show_controls(words, form.value)))


@controls.command("test", cls=Command, epilog="Example: [bold]audit controls test ./our-controls[/]")
def run_cases(words: Words = None) -> None:
    """Run the cases of controls. Exit 1 if a case gives another result than it states."""
    raise typer.Exit(guarded(lambda: _actions().test_controls(words)))


@controls.command(cls=Command, epilog="Example: [bold]audit controls lint ./our-controls[/]")
def lint(words: Words = None) -> None:
    """Report what a control lacks: a case for each status, a remediation, a description of a parameter."""
    raise typer.Exit(guarded(lambda: _actions().lint_controls(words)))


@controls.command(
    cls=Command,
    epilog="Example: [bold]audit controls new vault-has-a-policy --subject vault --require has_policy[/]",
)
def new(
    control_id: ControlId,
    *,
    subject: Annotated[
        str | None, typer.Option("--subject", metavar="TABLE", help="The subject (a fact table).")
    ] = None,
    population: Annotated[
        str | None,
        typer.Option("--population", metavar="SQL", help="The population: a condition on the rows \\[true]."),
    ] = None,
    require: Annotated[
        str | None, typer.Option("--require", metavar="SQL", help="The requirement (a condition).")
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write to.")] = Path(),
) -> None:
    """Create a control: writes ID.yaml and ID.cases.yaml from three answers; prompts for missing ones.

    The cases are generated: one row of facts for each status, so that the new control can be tested at once.
    """
    raise typer.Exit(guarded(lambda: _actions().new_control(control_id, subject, population, require, out)))


@controls.command(
    "import", cls=Command, epilog="Example: [bold]audit controls import ./scan --framework production[/]"
)
def import_(
    scan: Annotated[Path, typer.Argument(metavar="SCAN_DIR", help="The folder with the evidence of a scan.")],
    *,
    framework: Annotated[
        str,
        typer.Option(
            "--framework", metavar="NAME", help="The name of an AWS Backup Audit Manager framework."
        ),
    ],
    account: Annotated[
        str | None, typer.Option("--account", metavar="ID", help="Limit to this account.")
    ] = None,
    region: Annotated[
        str | None, typer.Option("--region", metavar="REGION", help="Limit to this Region.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write to.")] = Path(),
) -> None:
    """Create a pack of controls from a framework in a scan.

    Writes ID.yaml, the pack, and ID.audit.yaml, the same as overrides for what the framework sees alone.
    What cannot be imported is listed in the pack as comments and on stderr.
    """
    action = import_module("scanner.cli.controls.actions").import_framework
    raise typer.Exit(guarded(lambda: action(scan, framework, account, region, out)))
