"""Rows of a query as a table for people, or as one block per row where a table would be too wide.

The width of a column is that of its longest cell, unless there is no room: then long columns are narrowed
before short ones, and cells continue on further lines, broken at spaces and commas. If that leaves no room
for a table, each row becomes a block of lines `column  value`. An ARN is never broken: one that is wider than
a line of a block begins at the left margin, and only a terminal that is narrower breaks it.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from rich.cells import cell_len, chop_cells
from rich.text import Text

from scanner.report.wording import one_line

MAX_CELL: Final = 2_000
"""Characters of a cell that are shown."""

LONGEST_WORD: Final = 120
"""Cells of a word that is kept whole in a table. ARNs are kept whole at any length."""

UNKNOWN: Final = "-"
_ARN: Final = "arn:"
_GAP: Final = "  "
_LABEL: Final = 40
_WORDS: Final = re.compile(r"[^\s,]+,*|,+|\s+")

Cells = Sequence[str | None]


def table_lines(columns: Sequence[str], rows: Sequence[Cells], width: int) -> Iterator[Text]:
    """Yield the lines of rows; None is a value that is not known.

    No line is wider than `width`, except an ARN, and the head of a table with very many columns.
    """
    head = [_shown(column) for column in columns]
    shown = [[_cell(cell) for cell in row] for row in rows]
    widths = _widths(head, shown, width)
    if widths is None:
        yield from _blocks(head, shown, width)
        return
    yield from _line_of([Text(name, "bold") for name in head], widths)
    for row in shown:
        yield from _line_of(row, widths)


def _shown(text: str) -> str:
    """Return a text on one line, without what a terminal would obey, and cut where it is very long."""
    cut = one_line(text[:MAX_CELL])
    return cut if len(text) <= MAX_CELL else f"{cut}... ({len(text):,} characters)"


def _cell(cell: str | None) -> Text:
    return Text(UNKNOWN, "dim") if cell is None else Text(_shown(cell))


def _widths(head: Sequence[str], rows: Sequence[Sequence[Text]], width: int) -> list[int] | None:
    """Return the width of each column; None: there is not enough room for a table."""
    # In cells, not characters: some characters are two cells wide.
    longest = [max([cell_len(name), *(cells[at].cell_len for cells in rows)]) for at, name in enumerate(head)]
    room = width - len(_GAP) * (len(head) - 1)
    if sum(longest) <= room:
        return longest
    least = [
        # A long word may be broken, except an ARN, which has to stay one piece to be copied.
        min(longest[at], max([cell_len(name), *(_longest_word(cells[at].plain) for cells in rows)]))
        for at, name in enumerate(head)
    ]
    if sum(least) > room:
        return None
    return _shared(least, longest, room)


def _longest_word(text: str) -> int:
    words = _WORDS.findall(text)
    return max(
        (cell_len(word) if _ARN in word else min(LONGEST_WORD, cell_len(word)) for word in words), default=0
    )


def _shared(least: Sequence[int], longest: Sequence[int], room: int) -> list[int]:
    """Share the room: no column is wider than its longest cell, and the widest columns are equal."""
    low, high = 0, max(longest)
    while low < high:  # the greatest limit with which all columns fit
        limit = (low + high + 1) // 2
        if sum(_limited(least, longest, limit)) <= room:
            low = limit
        else:
            high = limit - 1
    return _limited(least, longest, low)


def _limited(least: Sequence[int], longest: Sequence[int], limit: int) -> list[int]:
    return [max(small, min(large, limit)) for small, large in zip(least, longest, strict=True)]


def _line_of(cells: Sequence[Text], widths: Sequence[int]) -> Iterator[Text]:
    """Yield the lines of a row."""
    folded = [_folded(cell, width) for cell, width in zip(cells, widths, strict=True)]
    # All cells of a row have as many lines as the longest one.
    for number in range(max(map(len, folded), default=0)):
        line = Text()
        for at, pieces in enumerate(folded):
            piece = pieces[number] if number < len(pieces) else Text()
            line.append(piece)
            line.append(" " * (widths[at] - piece.cell_len) + _GAP)
        line.rstrip()
        yield line


def _blocks(head: Sequence[str], rows: Sequence[Sequence[Text]], width: int) -> Iterator[Text]:
    """Yield each row as a block, with a line or more for each column."""
    # At most half of the width, so that values always have room.
    label = min(max(map(cell_len, head), default=0), _LABEL, width // 2)
    room = max(width - label - len(_GAP), 1)
    for number, cells in enumerate(rows):
        if number:
            yield Text()
        for name, cell in zip(head, cells, strict=True):
            names = _folded(Text(name, "bold"), label)
            values = _folded(cell, room)
            for at in range(max(len(names), len(values))):
                line = Text().append_text(names[at]) if at < len(names) else Text()
                value = values[at] if at < len(values) else Text()
                if value.cell_len > room:  # an ARN
                    if line.cell_len:
                        yield line
                    yield value
                    continue
                line.append(" " * (label - line.cell_len) + _GAP)
                line.append_text(value)
                line.rstrip()
                yield line


def _folded(text: Text, width: int) -> list[Text]:
    """Break a text into lines at spaces and commas, and within a word that is wider than a line.

    An ARN that is wider than a line is a line of its own, which is too wide.
    """
    if text.cell_len <= width:
        return [text]
    lines = [""]
    for word in _WORDS.findall(text.plain):
        if cell_len(lines[-1] + word) <= width:
            lines[-1] += word
        # Spaces at the break of a line are dropped.
        elif not word.isspace():
            lines += [word] if _ARN in word else chop_cells(word, width)
    return [Text(line.rstrip(), text.style) for line in lines if line.strip()] or [Text()]
