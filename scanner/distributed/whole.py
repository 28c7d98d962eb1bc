"""A whole scan in one invocation: for one account or a few."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from scanner.app import collection
from scanner.app import judgement as app
from scanner.collect.deadline import Deadline
from scanner.distributed.options import Asked
from scanner.distributed.reports import makeable, not_written
from scanner.distributed.workspace import Workspace
from scanner.errors import UsageError
from scanner.evidence.manifest import NAME
from scanner.report.view.view import View
from scanner.storage.s3 import files_of

_SHARE: Final = 0.6
"""The part of the time in which AWS is called; judging and reports have the rest."""

_BEFORE: Final = 0.15
"""The part of the time, before collecting stops, in which nothing is begun any more."""


@dataclass(frozen=True, slots=True)
class Done:
    """A scan that is in its bucket. `left_out`: what the answer says about a report that is not."""

    view: View
    complete: bool
    left_out: dict[str, str]


def scan(asked: Asked, evidence: Workspace, scan_id: str, folder: Path, seconds: float) -> Done:
    """Collect, judge and report, and write everything into the evidence bucket. `seconds`: the time for it.

    What was not read by then is missing in the evidence, and unknown. UsageError: something is there already.
    """
    if evidence.names():
        raise UsageError(f"{evidence.place} is not empty: an id names one scan only. Use another scan_id.")
    judgement, formats = asked.judging(), asked.formats()
    deadline = Deadline.within(seconds * _SHARE, margin=seconds * _BEFORE)
    request = replace(asked.collecting(deadline, whole=True), reads=asked.reads())
    collection.collect(request, folder, None, judgement.as_of, scan_id=scan_id)
    complete = not collection.has_more(folder)
    outcome = app.evaluate(folder, folder, judgement, makeable(formats, folder))
    names = sorted(files_of(folder))
    evidence.keep_files(folder, [name for name in names if name != NAME])
    evidence.keep_files(folder, [NAME])
    return Done(outcome.view, complete, not_written(folder))


def summary_of(done: Done, evidence: Workspace) -> dict[str, Any]:
    """Return what the caller gets: counts, and where the scan is."""
    counts = done.view.counts
    return {
        "findings": counts.total,
        "complete": done.complete,
        "location": f"{evidence.place}",
        **done.left_out,
    }
