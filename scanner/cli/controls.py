"""`audit controls ...`: list, show, test, lint, begin and import controls."""

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Annotated, Final

import typer

from scanner.cli.exits import guarded

controls: Final = typer.Typer(
    name="controls",
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="List, show, test, lint and begin controls: each is one YAML file and one of cases.",
)

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ID|PACK|DIR]...",
        help="Controls, packs, or folders of them; none: all that are shipped.",
        show_default=False,
    ),
]
ControlId = Annotated[str, typer.Argument(metavar="ID", help="The control's id.")]


def _actions() -> ModuleType:
    return import_module("scanner.cli.control_actions")


def _lists() -> ModuleType:
    return import_module("scanner.cli.control_list")


@controls.command("list", epilog="Example: [bold]audit controls list[/]")
def list_(
    words: Words = None,
    *,
    packs: Annotated[
        bool, typer.Option("--packs", help="List packs instead, and how many they ask.")
    ] = False,
) -> None:
    """List controls: id, severity, what is asked, and of what; or packs of controls."""
    if packs:
        raise typer.Exit(guarded(lambda: import_module("scanner.cli.pack_actions").list_packs(words)))
    raise typer.Exit(guarded(lambda: _lists().list_controls(words)))


@controls.command(epilog="Example: [bold]audit controls show resource-in-backup-plan[/]")
def show(
    words: Annotated[
        list[str], typer.Argument(metavar="ID|PACK|DIR...", help="Controls, packs, or a folder.")
    ],
) -> None:
    """Show a control whole: the question, its parameters, the reads it rests on, what to do; or a pack."""
    raise typer.Exit(guarded(lambda: _lists().show_controls(words)))


@controls.command("test", epilog="Example: [bold]audit controls test ./our-controls[/]")
def run_cases(words: Words = None) -> None:
    """Run the cases of controls. Ends with 1 when one comes out otherwise than it says."""
    raise typer.Exit(guarded(lambda: _actions().test_controls(words)))


@controls.command(epilog="Example: [bold]audit controls lint ./our-controls[/]")
def lint(words: Words = None) -> None:
    """Tell everything that a control lacks: a case for each status, a remedy, a parameter's meaning."""
    raise typer.Exit(guarded(lambda: _actions().lint_controls(words)))


@controls.command(
    epilog="Example: [bold]audit controls new vault-has-a-policy --subject vault --require has_policy[/]"
)
def new(
    control_id: ControlId,
    *,
    subject: Annotated[
        str | None, typer.Option("--subject", metavar="TABLE", help="Of what it is asked: a fact table.")
    ] = None,
    population: Annotated[
        str | None, typer.Option("--population", metavar="SQL", help="Of which rows: a condition \\[true].")
    ] = None,
    require: Annotated[
        str | None, typer.Option("--require", metavar="SQL", help="What must hold: a condition.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write to.")] = Path(),
) -> None:
    """Begin a control: writes ID.yaml and ID.cases.yaml of three answers, asked for where not given.

    The cases are found by trying: one row of facts for each status, so that the new control tests at once.
    """
    raise typer.Exit(guarded(lambda: _actions().new_control(control_id, subject, population, require, out)))


@controls.command("import", epilog="Example: [bold]audit controls import ./scan --framework production[/]")
def import_(
    scan: Annotated[Path, typer.Argument(metavar="SCAN_DIR", help="A scan: the folder of its evidence.")],
    *,
    framework: Annotated[
        str, typer.Option("--framework", metavar="NAME", help="A framework of AWS Backup Audit Manager.")
    ],
    account: Annotated[
        str | None, typer.Option("--account", metavar="ID", help="Of this account alone.")
    ] = None,
    region: Annotated[
        str | None, typer.Option("--region", metavar="REGION", help="Of this Region alone.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write to.")] = Path(),
) -> None:
    """Make a pack of controls of a framework that was found in a scan.

    Writes ID.yaml, the pack, and ID.audit.yaml, the same as overrides for what the framework sees alone.
    What they do not say stands in the pack as comments and is told on stderr.
    """
    action = import_module("scanner.cli.import_actions").import_framework
    raise typer.Exit(guarded(lambda: action(scan, framework, account, region, out)))
