"""The help of a command on a terminal. Lines are wrapped at spaces, and nothing is cut."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from typer.core import TyperCommand, TyperGroup

from scanner.cli.help.pages import Entry, HelpPage, page_of

if TYPE_CHECKING:
    from rich.console import RenderableType

_NAMES: Final = 28
"""Cells of the column of names; the description of a longer name is on the next line."""

_WIDEST: Final = 110


class HelpMixin:
    """Prints the help of a command in this program's layout, in place of Typer's, which cuts long names."""

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401, ARG002 -- Typer's
        """Print the help."""
        print_page(page_of(self, ctx))


class Command(HelpMixin, TyperCommand):
    """A command with that help."""


class Group(HelpMixin, TyperGroup):
    """A group of commands with that help."""


def print_page(page: HelpPage) -> None:
    """Print a page on standard output."""
    from scanner.cli.console import Console  # noqa: PLC0415 -- `--version` does not need rich

    console = Console(highlight=False)
    # Long lines are hard to read, even on a wide terminal.
    console = Console(highlight=False, width=min(console.width, _WIDEST))
    for part in rendered(page):
        console.print(part)


def rendered(page: HelpPage) -> "Iterator[RenderableType]":
    """Yield the parts of a page."""
    from rich.padding import Padding  # noqa: PLC0415 -- as above
    from rich.text import Text  # noqa: PLC0415 -- as above

    yield Text.assemble(("Usage: ", "yellow"), (page.usage, "bold"))
    for paragraph in page.paragraphs:
        yield Padding(Text(paragraph), (1, 0, 0, 2))
    for panel in page.panels:
        yield from _section(panel.title, panel.entries)
    yield from _section("Exit codes", (Entry(f"{code.code}", code.meaning) for code in page.codes))
    yield from _section("Environment", page.environment)
    if page.example:
        yield Text.assemble(("\nExample: ", "yellow"), (page.example, "bold"))


def _section(title: str, entries: Iterable[Entry]) -> "Iterator[RenderableType]":
    """Yield a title and its entries in two columns; nothing without entries."""
    from rich.padding import Padding  # noqa: PLC0415 -- as above
    from rich.table import Table  # noqa: PLC0415 -- as above
    from rich.text import Text  # noqa: PLC0415 -- as above

    rows = tuple(entries)
    if not rows:
        return
    yield Text(f"\n{title}", "bold yellow")
    width = min(_NAMES, max(len(entry.name) for entry in rows))
    for entry in rows:
        name = entry.name
        # A long name takes a line of its own, rather than squeeze all descriptions.
        if len(name) > width:
            yield Padding(Text(name, "cyan"), (0, 0, 0, 2))
            name = ""
        line = Table.grid(padding=(0, 2, 0, 0))
        line.add_column(width=width)
        line.add_column(overflow="fold")
        line.add_row(Text(name, "cyan"), Text(entry.text))
        yield Padding(line, (0, 0, 0, 2))
