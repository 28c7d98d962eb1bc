"""A whole scan in one invocation: for one account or a few.

A report format that cannot be written in AWS Lambda must not fail the scan.
"""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from scanner.app import collection
from scanner.app import judgement as app
from scanner.collect.retry import Deadline
from scanner.distributed.options import ScanRequest
from scanner.distributed.signing import signer_of, signing_note
from scanner.distributed.workspace import Workspace
from scanner.errors import UsageError
from scanner.evidence.manifest import NAME
from scanner.report.formats.pdf import missing_engine
from scanner.report.view.view import View
from scanner.storage.s3 import files_of

NOT_WRITTEN: Final = "reports-not-written.txt"
"""The file of a scan that says why one of its reports is missing."""
_PDF: Final = "pdf"
_LOG: Final = logging.getLogger("vaultproof")

_SHARE: Final = 0.6
"""The share of the time for calling AWS; the rest is for judging and reports."""

_BEFORE: Final = 0.15
"""The share of the time, at the end of collecting, in which nothing new is started."""


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


@dataclass(frozen=True, slots=True)
class Done:
    """A scan in the evidence bucket. `left_out`: notes in the answer about what is missing."""

    view: View
    complete: bool
    left_out: dict[str, str]


def scan(request: ScanRequest, evidence: Workspace, scan_id: str, folder: Path, seconds: float) -> Done:
    """Collect, judge and report within the given seconds, and write everything into the evidence bucket.

    What was not read in time is missing in the evidence, and unknown. UsageError: the scan already exists.
    """
    if evidence.names():
        raise UsageError(f"{evidence.place} is not empty: an id names one scan only. Use another scan_id.")
    judgement, formats = request.judging(), request.formats()
    deadline = Deadline.within(seconds * _SHARE, margin=seconds * _BEFORE)
    signer = signer_of(request)
    collect_request = replace(request.collecting(deadline, whole=True), reads=request.reads())
    collection.collect(collect_request, folder, None, judgement.as_of, scan_id=scan_id)
    complete = not collection.has_more(folder)
    outcome = app.evaluate(folder, folder, judgement, makeable(formats, folder), signer=signer)
    names = sorted(files_of(folder))
    evidence.keep_files(folder, [name for name in names if name != NAME])
    evidence.keep_files(folder, [NAME])
    return Done(outcome.view, complete, {**not_written(folder), **signing_note(outcome)})


def summary_of(done: Done, evidence: Workspace) -> dict[str, Any]:
    """Return the answer to the caller: counts, and the location of the scan."""
    counts = done.view.counts
    return {
        "findings": counts.total,
        "complete": done.complete,
        "location": f"{evidence.place}",
        **done.left_out,
    }
