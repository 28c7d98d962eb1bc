"""Cells of a spreadsheet: text that no spreadsheet program takes for a formula.

CSV has no way to say that a cell is text. What begins as a formula does gets an apostrophe, and so does what
follows a character at which the spreadsheets of other countries cut (OWASP, "CSV Injection"; ASVS 1.2.10).
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from scanner.report.encoding import encode
from scanner.report.words import visible

FORMULA: Final = frozenset("=+-@\t\r\n")
"""What begins a formula, or hides the beginning of one; full-width and small forms of them count, too."""

_PREFIX: Final = "'"

# A semicolon or a tab ends a cell where the decimal sign is a comma; a line break ends it wherever quotes are
# not understood. What comes behind would then begin a cell.
_INNER: Final = re.compile(r"([;\t\r\n]\s*)(?=[=+@\-\uff1d\uff0b\uff20\uff0d\ufe66\ufe62\ufe6b\ufe63])")


def harmless(cell: str) -> str:
    """Keep a spreadsheet from taking a cell, or what it cuts out of it, for a formula."""
    if cell.isascii() and cell[:1].isalnum() and cell.isprintable():  # most cells; this is quicker to see
        return _INNER.sub(rf"\1{_PREFIX}", cell) if ";" in cell else cell
    shown = visible(cell)
    if _begins_formula(cell) or _begins_formula(shown):
        shown = _PREFIX + shown
    return _INNER.sub(rf"\1{_PREFIX}", shown) if ";" in shown or "\n" in shown or "\t" in shown else shown


def csv_cell(text: str) -> str:
    """Return a harmless cell as a line of a CSV file has it, in quotes where it needs them (RFC 4180)."""
    cell = harmless(text)
    if '"' in cell:
        cell = cell.replace('"', '""')
    elif "," not in cell and "\n" not in cell and "\r" not in cell:
        return cell
    return f'"{cell}"'


repeated_cell: Final = lru_cache(maxsize=8_192)(csv_cell)
"""Return the same as `csv_cell`, quicker for texts of columns that have few of them."""


def _begins_formula(cell: str) -> bool:
    if not cell:
        return False
    first = cell[0]
    if first in FORMULA:
        return True
    if first.isspace():  # some programs cut blanks off before they look
        return _begins_formula(cell.lstrip())
    return not first.isascii() and unicodedata.normalize("NFKC", first)[:1] in FORMULA


def json_cell(content: Mapping[str, Any]) -> str:
    """Write a mapping as JSON that keeps its values under `harmless`: a semicolon is told by its code."""
    return encode(content).decode().replace(";", "\\u003b")
