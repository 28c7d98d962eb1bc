"""The report formats in AWS Lambda: one that cannot be written there must not fail the scan."""

import logging
from pathlib import Path
from typing import Final

from scanner.report.formats.pdf import missing_engine

NOT_WRITTEN: Final = "reports-not-written.txt"
"""The file of a scan that says why one of its reports is missing."""

_PDF: Final = "pdf"
_LOG: Final = logging.getLogger("vaultproof")


def makeable(formats: tuple[str, ...], folder: Path) -> tuple[str, ...]:
    """Return the formats that can be written here. Others are logged, and noted in the folder."""
    problem = missing_engine() if _PDF in formats else None
    if problem is None:
        return formats
    _LOG.warning(problem)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NOT_WRITTEN).write_text(f"{problem}\n", encoding="utf-8")
    return tuple(name for name in formats if name != _PDF)


def not_written(folder: Path) -> dict[str, str]:
    """Return the note in an answer about a report that was left out; empty: there is none."""
    file = folder / NOT_WRITTEN
    return {"not_written": file.read_text(encoding="utf-8").strip()} if file.exists() else {}
