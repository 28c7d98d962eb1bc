"""Actions of `audit controls list` and `audit controls show`. A list loads neither DuckDB nor Arrow."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

import rich.console
from rich.console import ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, Markdown, MarkdownElement
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from scanner.cli.console import Console, echo_lines
from scanner.cli.logs import say
from scanner.cli.progress import wide_console
from scanner.evaluate.controls.selection import select
from scanner.model.control import Control

_WIDEST: Final = 100
"""Cells of a line of text: longer ones are hard to read."""


def list_controls(words: Sequence[str] | None) -> int:
    """Print one line per control."""
    table = Table(header_style="bold", pad_edge=False, box=None)
    for column in ("control", "severity", "subject", "baseline", "title"):
        table.add_column(column)
    selected = loaded(words)
    for control in selected:
        baseline = "yes" if control.is_baseline else "no"
        table.add_row(control.id, control.severity.value, control.subject, baseline, escape(control.title))
    wide_console().print(table)
    say(f"{len(selected)} control{'' if len(selected) == 1 else 's'}")
    return 0


def loaded(words: Sequence[str] | None) -> tuple[Control, ...]:
    """Load the controls that the words select; notices go to stderr."""
    selection = select(tuple(words or ("all",)))
    for notice in selection.notices:
        say(f"note: {notice}")
    return selection.controls


def show_controls(words: Sequence[str], form: str = "text") -> int:
    """Print packs and controls as in docs/controls.md, and the reads that each control needs.

    `form`: text, or markdown as it is.
    """
    # The documentation shows examples, which DuckDB evaluates: a list shall not wait for it.
    from scanner.evaluate.controls.docs import control_section, pack_section  # noqa: PLC0415 -- as above
    from scanner.evaluate.controls.requirements import load_frameworks  # noqa: PLC0415 -- as above
    from scanner.evaluate.needs import reads_of  # noqa: PLC0415 -- as above

    selection = select(tuple(words))
    for pack in selection.chosen:
        _show("\n".join(pack_section(pack, selection.all_controls)), form)
    # Packs are shown as a whole, so their names are no controls to show again.
    alone = [word for word in words if word not in {pack.id for pack in selection.chosen}]
    frameworks = load_frameworks(map(Path, words))
    for control in loaded(alone) if alone else ():
        reads = "\n".join(f"- {read}" for read in sorted(reads_of(control)))
        _show("\n".join((*control_section(control, frameworks), f"### Rests on\n\n{reads}\n")), form)
    return 0


def _show(markdown: str, form: str) -> None:
    """Print Markdown as it is, or laid out as text. Code is not wrapped: it is there to be copied."""
    if form == "markdown":
        echo_lines(markdown)
        return
    console = Console(highlight=False)
    # Without a terminal a fixed width, so the output does not depend on where it runs.
    width = min(console.width, _WIDEST) if console.is_terminal else _WIDEST
    Console(highlight=False, width=width).print(Document(markdown, hyperlinks=False), crop=False)
    console.print()


class _Code(CodeBlock):
    """A block of code, indented and not wrapped."""

    def __rich_console__(self, console: rich.console.Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines."""
        for line in str(self.text).rstrip().splitlines():
            yield Text(f"    {line}", "cyan", no_wrap=True, overflow="ignore")


class Document(Markdown):
    """Markdown laid out as text, with code that is not wrapped."""

    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "fence": _Code,
        "code_block": _Code,
    }


def list_packs(words: Sequence[str] | None) -> int:
    """Print one line per pack, built-in or in the named folders."""
    packs = select(tuple(words or ("all",))).packs
    table = Table(header_style="bold", pad_edge=False, box=None)
    for column in ("pack", "controls", "title"):
        table.add_column(column, justify="right" if column == "controls" else "left")
    for pack in packs:
        table.add_row(pack.id, str(len(pack.controls)), escape(pack.title))
    wide_console().print(table)
    say(f"{len(packs)} pack{'' if len(packs) == 1 else 's'}")
    return 0
