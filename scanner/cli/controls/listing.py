"""Actions of `audit controls list` and `audit controls show`. A list loads neither DuckDB nor Arrow."""

from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from scanner.cli.console import echo_lines
from scanner.cli.logs import say
from scanner.cli.progress import wide_console
from scanner.evaluate.controls.selection import select
from scanner.model.control import Control, Pack


def list_controls(words: Sequence[str] | None) -> int:
    """Print one line per control."""
    table = Table(header_style="bold", pad_edge=False, box=None)
    for column in ("control", "severity", "subject", "title"):
        table.add_column(column)
    selected = loaded(words)
    for control in selected:
        table.add_row(control.id, control.severity.value, control.subject, escape(control.title))
    wide_console().print(table)
    say(f"{len(selected)} control{'' if len(selected) == 1 else 's'}")
    return 0


def loaded(words: Sequence[str] | None) -> tuple[Control, ...]:
    """Load the controls that the words select; notices go to stderr."""
    selection = select(tuple(words or ("all",)))
    for notice in selection.notices:
        say(f"note: {notice}")
    return selection.controls


def show_controls(words: Sequence[str]) -> int:
    """Print packs and controls as in docs/controls.md, and the reads that each control needs."""
    # The documentation shows examples, which DuckDB evaluates: a list shall not wait for it.
    from scanner.evaluate.controls.docs import control_section  # noqa: PLC0415 -- as above
    from scanner.evaluate.controls.requirements import load_frameworks  # noqa: PLC0415 -- as above
    from scanner.evaluate.needs import reads_of  # noqa: PLC0415 -- as above

    selection = select(tuple(words))
    for pack in selection.chosen:
        show_pack(pack)
    alone = [word for word in words if word not in {pack.id for pack in selection.chosen}]
    frameworks = load_frameworks(map(Path, words))
    for control in loaded(alone) if alone else ():
        echo_lines("\n".join(control_section(control, frameworks)))
        echo_lines("### Rests on\n")
        echo_lines("\n".join(f"- {read}" for read in sorted(reads_of(control))) + "\n")
    return 0


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


def show_pack(pack: Pack) -> None:
    """Print a pack as in docs/controls.md."""
    from scanner.evaluate.controls.docs import pack_section  # noqa: PLC0415 -- as in show_controls

    echo_lines("\n".join(pack_section(pack)))
