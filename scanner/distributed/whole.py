"""A whole scan in one invocation: for one account or a few."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from scanner.app import collection
from scanner.app import judgement as app
from scanner.collect.retry import Deadline
from scanner.distributed.options import ScanRequest
from scanner.distributed.reports import makeable, not_written
from scanner.distributed.workspace import Workspace
from scanner.errors import UsageError
from scanner.evidence.manifest import NAME
from scanner.report.view.view import View
from scanner.storage.s3 import files_of

_SHARE: Final = 0.6
"""The share of the time for calling AWS; the rest is for judging and reports."""

_BEFORE: Final = 0.15
"""The share of the time, at the end of collecting, in which nothing new is started."""


@dataclass(frozen=True, slots=True)
class Done:
    """A scan in the evidence bucket. `left_out`: the note in the answer about a report that is not."""

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
    collect_request = replace(request.collecting(deadline, whole=True), reads=request.reads())
    collection.collect(collect_request, folder, None, judgement.as_of, scan_id=scan_id)
    complete = not collection.has_more(folder)
    outcome = app.evaluate(folder, folder, judgement, makeable(formats, folder))
    names = sorted(files_of(folder))
    evidence.keep_files(folder, [name for name in names if name != NAME])
    evidence.keep_files(folder, [NAME])
    return Done(outcome.view, complete, not_written(folder))


def summary_of(done: Done, evidence: Workspace) -> dict[str, Any]:
    """Return the answer to the caller: counts, and the location of the scan."""
    counts = done.view.counts
    return {
        "findings": counts.total,
        "complete": done.complete,
        "location": f"{evidence.place}",
        **done.left_out,
    }
