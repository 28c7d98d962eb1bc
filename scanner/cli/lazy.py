"""Commands that are loaded when they are named (click documentation, "Lazily Loading Subcommands").

Their modules load AWS clients, DuckDB and Arrow. The list of commands needs none of that: it is printed from
this table.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from typer.core import TyperCommand, TyperGroup
from typer.main import get_command_from_info
from typer.models import CommandInfo

from scanner.cli.common import with_common_options


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """A command whose function has the name of its module in `scanner.cli`.

    `help`: the first sentence of the function's docstring. `own`: parameters that get no short name of an
    environment variable; None: the command has none of the options of logging.
    """

    module: str
    help: str
    epilog: str
    own: tuple[str, ...] | None = None


FIRST: Final = ("run", "collect", "evaluate", "report")
"""The registered commands that are listed before the others."""

COMMANDS: Final = {
    "check": LazyCommand(
        "check",
        "Check the identity, the organization, the role in every account and one read of each service there.",
        "audit check --org --external-id ID",
        own=("format",),
    ),
    "status": LazyCommand(
        "status",
        "Show the last scans of a deployed scanner: when, their state, accounts, findings and address.",
        "audit status vaultproof --limit 3",
        own=("format",),
    ),
    "explain": LazyCommand(
        "explain",
        "Show why something is protected or not: each link with its result, reason and evidence.",
        "audit explain scan vol-0a1b2c3d --show-evidence",
    ),
    "blast-radius": LazyCommand(
        "blast_radius",
        "Show what loses its last backup when a key, vault, role, account or Region is gone.",
        "audit blast-radius scan central-backup",
    ),
    "graph": LazyCommand(
        "graph",
        "Write the protection graph: what each backup rests on, and the state of each relation.",
        "audit graph scan --format dot | dot -Tsvg > graph.svg",
    ),
    "diff": LazyCommand(
        "diff",
        "Show what is new, reopened, changed, fixed, deleted, no longer checked or now unknown.",
        "audit diff last-week today --fail-on high",
    ),
    "notify": LazyCommand(
        "notify",
        "Send the notifications of an evaluated scan: EventBridge event, SNS message, Security Hub findings.",
        "audit notify scan --since last-night --topic ARN --dry-run",
        own=(),
    ),
    "policy": LazyCommand(
        "policy",
        "Print the least-privilege IAM policy for a scan, generated from the calls that the scanner can "
        "make.",
        "audit policy --format cloudformation > role.yaml",
    ),
    "query": LazyCommand(
        "query",
        "Query the facts, inventory and findings of an evaluated scan with SQL.",
        'audit query scan "SELECT account, count(*) FROM resource WHERE NOT covered GROUP BY account"',
    ),
}


class CommandGroup(TyperGroup):
    """The commands that are registered, and those of `COMMANDS`, each loaded when it is named."""

    def __init__(self, *, commands: Any = None, **options: Any) -> None:  # noqa: ANN401 -- Typer's
        listed = {
            name: TyperCommand(name, help=command.help, rich_markup_mode="rich")
            for name, command in COMMANDS.items()
        }
        first = {name: command for name, command in commands.items() if name in FIRST}
        super().__init__(commands={**first, **listed, **commands}, **options)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 -- Typer's own copy of click
        """Load the command that is named, and resolve it."""
        if args and args[0] in COMMANDS:
            self.commands[args[0]] = loaded_command(args[0])
        return super().resolve_command(ctx, args)


def loaded_command(name: str) -> Any:  # noqa: ANN401 -- as above
    """Import the module of a command, and build the command of its function and options."""
    lazy = COMMANDS[name]
    function = getattr(import_module(f"scanner.cli.{lazy.module}"), lazy.module)
    info = CommandInfo(
        name=name,
        cls=TyperCommand,
        callback=function if lazy.own is None else with_common_options(function, lazy.own),
        epilog=f"Example: [bold]{lazy.epilog}[/]",
    )
    return get_command_from_info(info, pretty_exceptions_short=True, rich_markup_mode="rich")
