"""The manual page of the command, `docs/man/vaultproof.1`: the help of all commands as one document."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from typer.main import get_command

from scanner.cli.commands import COMMANDS, add_plugins, audit, loaded_command
from scanner.cli.help.pages import Entry, HelpPage, Panel, page_of

ROOT: Final = Path(__file__).parent.parent
FILE: Final = ROOT / "docs" / "man" / "vaultproof.1"
ALIAS: Final = ROOT / "docs" / "man" / "audit.1"
"""The same page under the program's other name."""

_DOCUMENTATION: Final = "The documentation is in docs/ of the source distribution; README.md lists its pages."


def alias() -> str:
    """Return the page of the name `audit`: a reference to the other one."""
    return ".so man1/vaultproof.1\n"


def content() -> str:
    """Return the manual page in the macros of man(7)."""
    program, *commands = pages()
    lines = [
        '.TH VAULTPROOF 1 "" "vaultproof" "User Commands"',
        ".SH NAME",
        rf"vaultproof, audit \- {escaped(program.paragraphs[0])}",
        ".SH SYNOPSIS",
        rf".B {escaped(program.usage)}",
        ".SH DESCRIPTION",
        escaped(" ".join(program.paragraphs)),
        *_panel(Panel("Options", _options(program)), ".SH OPTIONS"),
        ".SH COMMANDS",
        *(line for page in commands for line in _command(page)),
        ".SH EXIT STATUS",
        *_entries(Entry(f"{code.code}", _meaning(code.meaning, code.commands)) for code in program.codes),
        ".SH ENVIRONMENT",
        *_entries(program.environment),
        ".SH SEE ALSO",
        escaped(_DOCUMENTATION),
    ]
    return "\n".join(lines) + "\n"


def pages() -> Iterator[HelpPage]:
    """Yield the help of the program, and of each command in the order of the list."""
    add_plugins()
    program: Any = get_command(audit)
    context = program.make_context("audit", [], resilient_parsing=True)
    yield page_of(program, context)
    for name in program.list_commands(context):
        command: Any = loaded_command(name) if name in COMMANDS else program.get_command(context, name)
        yield from _pages(command, name, context)


def _pages(command: Any, name: str, parent: Any) -> Iterator[HelpPage]:  # noqa: ANN401 -- Typer's
    context = command.make_context(name, [], parent=parent, resilient_parsing=True)
    yield page_of(command, context)
    for inner in command.list_commands(context) if hasattr(command, "list_commands") else ():
        yield from _pages(command.get_command(context, inner), inner, context)


def _options(page: HelpPage) -> tuple[Entry, ...]:
    return tuple(entry for panel in page.panels if panel.title == "Options" for entry in panel.entries)


def _command(page: HelpPage) -> Iterator[str]:
    yield f".SS audit {escaped(page.command)}"
    yield rf".B {escaped(page.usage)}"
    for paragraph in page.paragraphs:
        yield ".PP"
        yield escaped(paragraph)
    for panel in page.panels:
        yield from _panel(panel, f".PP\n.I {escaped(panel.title)}")
    if page.example:
        yield ".PP"
        yield "Example:"
        yield rf".B {escaped(page.example)}"


def _panel(panel: Panel, head: str) -> Iterator[str]:
    yield head
    yield from _entries(panel.entries)


def _entries(entries: Iterable[Entry]) -> Iterator[str]:
    for entry in entries:
        yield ".TP"
        yield rf"\fB{escaped(entry.name)}\fR"
        yield escaped(entry.text)


def _meaning(meaning: str, commands: frozenset[str]) -> str:
    return f"{meaning} ({', '.join(sorted(commands))})" if commands else meaning


def escaped(text: str) -> str:
    """Return a text as troff reads it: backslashes, hyphens and control characters at its start escaped."""
    shown = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{shown}" if shown.startswith((".", "'")) else shown
