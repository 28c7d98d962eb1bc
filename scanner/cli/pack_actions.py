"""What `audit controls` does with packs."""

from collections.abc import Sequence

import typer
from rich.markup import escape
from rich.table import Table

from scanner.cli.logs import say
from scanner.cli.rehearsal import wide_console
from scanner.evaluate.controls.control_docs import pack_section
from scanner.evaluate.controls.selection import select
from scanner.model.pack import Pack


def list_packs(words: Sequence[str] | None) -> int:
    """Print one line a pack: those that are shipped, and those of folders that are named."""
    packs = select(tuple(words or ("all",))).packs
    table = Table(header_style="bold", pad_edge=False, box=None)
    for column in ("pack", "controls", "title"):
        table.add_column(column, justify="right" if column == "controls" else "left")
    for pack in packs:
        table.add_row(pack.id, str(len(pack.controls)), escape(pack.title))
    wide_console().print(table)
    say(f"{len(packs)} pack{'' if len(packs) == 1 else 's'}")
    return 0


def show_pack(pack: Pack) -> None:
    """Print a pack as docs/controls.md has it."""
    typer.echo("\n".join(pack_section(pack)))
