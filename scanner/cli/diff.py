"""`audit diff OLD NEW`: changes of findings between two evaluated scans."""

import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.markup import escape
from rich.table import Table

from scanner.app.judged import read_judged
from scanner.cli import options
from scanner.cli.console import Console, plain_json
from scanner.cli.exits import FINDINGS, guarded
from scanner.errors import UsageError
from scanner.history.comparison import Comparison, Tally
from scanner.history.criteria import notes_of
from scanner.model.changes import Changes, Kind
from scanner.model.finding import Severity
from scanner.report.formats.diff import diff_csv, diff_json, diff_json_tail, diff_markdown
from scanner.report.wording import KIND_WORDS, visible
from scanner.storage.files import write_atomically

_WIDTH: Final = 200
_SHOWN: Final = 50

_LISTED: Final = (
    *(Kind.NEW, Kind.REOPENED, Kind.WAIVER_ENDED, Kind.CHANGED_RULE, Kind.NOT_KNOWN, Kind.NEWLY_UNKNOWN),
    *(Kind.CHANGED, Kind.NEWLY_WAIVED, Kind.NO_LONGER_ASKED, Kind.DELETED, Kind.FIXED),
)
"""Kinds whose findings the table lists; of others it shows only the number."""


class DiffFormat(StrEnum):
    """The output format."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"


OldArgument = Annotated[Path, typer.Argument(metavar="OLD", help="The folder of the older evaluated scan.")]
NewArgument = Annotated[Path, typer.Argument(metavar="NEW", help="The folder of the newer evaluated scan.")]

BeforeOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--before",
        metavar="DIR",
        help="A scan older than OLD, to distinguish reopened from new findings (repeatable).",
    ),
]
FormatOption = Annotated[DiffFormat, typer.Option("--format", help="The output format.")]

FailOnOption = Annotated[
    Severity | None,
    typer.Option(
        "--fail-on",
        help="Exit 10 if a finding of this severity or higher is new, reopened or no longer waived.",
    ),
]


def diff(  # noqa: PLR0913 -- the options of the contract
    old: OldArgument,
    new: NewArgument,
    *,
    before: BeforeOption = None,
    format_: FormatOption = DiffFormat.TABLE,
    out: options.OutFile = None,
    fail_on: FailOnOption = None,
) -> None:
    """Show what is new, reopened, changed, fixed, deleted, no longer checked or now unknown.

    What was not read in NEW is never counted as fixed or deleted. Where a control or its parameters changed,
    another verdict is a changed rule, not a new failure.
    """
    before = before or []
    raise typer.Exit(guarded(lambda: compare_scans(old, new, before, format_.value, out, fail_on)))


def compare_scans(  # noqa: PLR0913, PLR0917 -- the options of the contract
    old: Path, new: Path, before: Sequence[Path], form: str, out: Path | None, fail_on: Severity | None
) -> int:
    """Write the changes of findings. Returns 10 if one at or above `fail_on` is new."""
    # Before two scans are read, which may take minutes.
    if out is not None and out.is_dir():
        raise UsageError(f"--out {out} is a folder: name a file.")
    comparison = Comparison(read_judged(old), read_judged(new), tuple(map(read_judged, before)))
    tally, notes = Tally(_SHOWN), notes_of(comparison.old, comparison.new)
    if form == "table" and out is None:
        _print(comparison.count(tally, notes, _LISTED), Console())
    else:
        _write(_pieces(form, comparison, notes, tally), form, out)
    # After the output: the tally is complete only when all changes were seen.
    alarm = tally.changes(notes).alarm
    return FINDINGS if fail_on is not None and alarm is not None and alarm.rank <= fail_on.rank else 0


def _pieces(form: str, comparison: Comparison, notes: tuple[str, ...], tally: Tally) -> Iterator[bytes]:
    if form == "json":
        yield from diff_json(comparison.old, comparison.new, notes, comparison.changes(tally))
        yield diff_json_tail(tally.changes(notes))
    elif form == "csv":
        yield from diff_csv(comparison.changes(tally))
    elif form == "markdown":
        yield from diff_markdown(comparison.count(tally, notes))
    else:
        # Without colors, since the file may be read anywhere.
        console = Console(width=_WIDTH, highlight=False, color_system=None)
        with console.capture() as captured:
            _print(comparison.count(tally, notes, _LISTED), console)
        yield captured.get().encode()


def _write(pieces: Iterator[bytes], form: str, out: Path | None) -> None:
    if out is not None:
        write_atomically(out, pieces)
        return
    # Piece by piece: the changes of a large scan do not fit in memory.
    for piece in pieces:
        sys.stdout.write(plain_json(piece.decode()) if form == "json" else piece.decode())


def _print(changes: Changes, console: Console) -> None:
    """Print notes, counts and the worst changes; plain and wide if there is no terminal."""
    # Without a terminal rich assumes 80 columns, which would break every ARN.
    if not console.is_terminal:
        console.width = _WIDTH
    for note in changes.notes:
        console.print(f"note: {escape(visible(note))}", highlight=False)
    counts = Table(box=None, pad_edge=False, header_style="bold")
    counts.add_column("Changes of findings")
    counts.add_column("Findings", justify="right")
    for kind, word in KIND_WORDS.items():
        if number := changes.counts.get(kind, 0):
            counts.add_row(word, f"{number:,}")
    console.print(counts)
    for kind in _LISTED:
        if changes.worst.get(kind):
            _print_worst(changes, kind, console)


def _print_worst(changes: Changes, kind: Kind, console: Console) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold", title=KIND_WORDS[kind], title_justify="left")
    for name in ("Severity", "Control", "Subject", "Reason"):
        table.add_column(name, overflow="fold")
    for change in changes.worst[kind]:
        finding = change.finding
        cells = (finding.severity.value, finding.control, finding.subject, change.reason)
        table.add_row(*(escape(visible(text)) for text in cells))
    console.print()
    console.print(table)
    if more := changes.left_out(kind):
        console.print(f"{more:,} more: use --format json to see all.", highlight=False)
