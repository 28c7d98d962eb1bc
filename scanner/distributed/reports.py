"""The reports of a scan in AWS Lambda: a format that cannot be made there must not cost the scan."""

import logging
from pathlib import Path
from typing import Final

from scanner.report.formats.pdf import missing_engine

NOT_WRITTEN: Final = "reports-not-written.txt"
"""The file of a scan that says why one of its reports is missing."""

_PDF: Final = "pdf"
_LOG: Final = logging.getLogger("vaultproof")


def makeable(formats: tuple[str, ...], folder: Path) -> tuple[str, ...]:
    """Return the formats that can be made here. What is left out is logged, and written into the folder."""
    problem = missing_engine() if _PDF in formats else None
    if problem is None:
        return formats
    _LOG.warning(problem)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NOT_WRITTEN).write_text(f"{problem}\n", encoding="utf-8")
    return tuple(name for name in formats if name != _PDF)


def not_written(folder: Path) -> dict[str, str]:
    """Return what an answer says about a report that was left out; empty if there is none."""
    file = folder / NOT_WRITTEN
    return {"not_written": file.read_text(encoding="utf-8").strip()} if file.exists() else {}
