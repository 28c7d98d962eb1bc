"""The help of a command as data: its usage, its options by panel, exit codes and environment variables."""

import inspect
import re
from dataclasses import dataclass
from typing import Any, Final

from scanner.cli.help.codes import ExitCode, codes_of

ENVIRONMENT: Final = (
    ("VAULTPROOF_OPTION", "The value of --option for all commands with it, e.g. VAULTPROOF_ROLE_NAME."),
    ("VAULTPROOF_COMMAND_OPTION", "The same for one command, e.g. VAULTPROOF_RUN_OUT."),
    ("VAULTPROOF_SIGN_KEY_PASSWORD", "The password of the private key that signs scans."),
    ("VAULTPROOF_CACHE", "The folder of compiled controls \\[$XDG_CACHE_HOME/vaultproof]; empty: none."),
    ("TMPDIR", "The folder of temporary files."),
    ("NO_COLOR", "No colors, if it is set."),
    ("AWS_PROFILE, AWS_REGION, ...", "Credentials and Region, as for the AWS CLI."),
)
"""The environment variables of all commands."""

_MARKUP: Final = re.compile(r"\[/?(?:bold|dim)?\]|\\(?=\[)")


@dataclass(frozen=True, slots=True)
class Entry:
    """An argument, option or command, and its description."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Panel:
    """A title and its entries."""

    title: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class HelpPage:
    """The help of a command. `command`: its name without `audit`, which is empty for the program."""

    command: str
    usage: str
    paragraphs: tuple[str, ...]
    panels: tuple[Panel, ...]
    codes: tuple[ExitCode, ...]
    environment: tuple[Entry, ...]
    example: str


def page_of(command: Any, context: Any) -> HelpPage:  # noqa: ANN401 -- Typer's own copy of click
    """Return the help of a command in its context."""
    name = context.command_path.partition(" ")[2]
    epilog = plain(command.epilog or "")
    return HelpPage(
        command=name,
        usage=command.get_usage(context).removeprefix("Usage: "),
        paragraphs=paragraphs(command.help or ""),
        panels=(*_parameters(command, context), *_commands(command, context)),
        codes=codes_of(name),
        environment=() if name else tuple(Entry(name, plain(text)) for name, text in ENVIRONMENT),
        example=epilog.removeprefix("Example: "),
    )


def plain(text: str) -> str:
    """Return a text without the markup that help texts have: `[bold]`, and backslashes before brackets."""
    return _MARKUP.sub("", text)


def paragraphs(text: str) -> tuple[str, ...]:
    """Return the paragraphs of a docstring, each on one line."""
    return tuple(" ".join(plain(part).split()) for part in inspect.cleandoc(text).split("\n\n") if part)


def _parameters(command: Any, context: Any) -> tuple[Panel, ...]:  # noqa: ANN401 -- Typer's
    """Return the arguments and options by panel; those of no panel come first."""
    panels: dict[str, list[Entry]] = {"Arguments": [], "Options": []}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is None:  # hidden
            continue
        kind = "Arguments" if parameter.param_type_name == "argument" else "Options"
        title = getattr(parameter, "rich_help_panel", None) or kind
        # The options before the command (`--version`) are not set by variables, although Typer would.
        text = record[1] if context.parent else record[1].partition("  [env var:")[0]
        panels.setdefault(title, []).append(Entry(plain(record[0]), plain(text)))
    return tuple(Panel(title, tuple(entries)) for title, entries in panels.items() if entries)


def _commands(command: Any, context: Any) -> tuple[Panel, ...]:  # noqa: ANN401 -- Typer's
    """Return the panel of a group's commands, each with its first paragraph; none for other commands."""
    names = command.list_commands(context) if hasattr(command, "list_commands") else ()
    listed = ((name, command.get_command(context, name)) for name in names)
    entries = tuple(Entry(name, *paragraphs(entry.help or "")[:1]) for name, entry in listed)
    return (Panel("Commands", entries),) if entries else ()
