"""One invocation: runs an event as a step of a scan, or as a whole scan of one account or a few."""

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from scanner.app import collection
from scanner.app import judgement as app
from scanner.collect.retry import Deadline
from scanner.distributed.collecting import collect, note, open_scan
from scanner.distributed.events import Collect, Event, Finish, Gather, Judge, Note, Open, Scan
from scanner.distributed.gathering import gather
from scanner.distributed.judging import finish, judge, makeable, not_written
from scanner.distributed.notifying import notify
from scanner.distributed.options import Answer, Environment, Invocation, ScanRequest, scan_request
from scanner.distributed.signing import signer_of, signing_note
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
    # Before anything is read: a key that cannot be used ends the scan now, not after hours.
    signer = signer_of(request)
    collect_request = replace(request.collecting(deadline, whole=True), reads=request.reads())
    collection.collect(collect_request, folder, None, judgement.as_of, scan_id=scan_id)
    complete = not collection.has_more(folder)
    outcome = app.evaluate(folder, folder, judgement, makeable(formats, folder), signer=signer)
    names = sorted(files_of(folder))
    evidence.keep_files(folder, [name for name in names if name != NAME])
    # Last: a scan with a manifest is complete.
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


def carry_out(event: Event, environment: Environment, s3: Any, request_id: str, seconds: float) -> Answer:  # noqa: ANN401 -- a client
    """Run an event within the given seconds, and return its answer. VaultproofError: it failed."""
    ends_at = time.monotonic() + seconds
    # Lambda reuses an environment, in which nothing of this scan may stay.
    with tempfile.TemporaryDirectory(prefix="vaultproof-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        scan_id = event.scan_id or request_id
        invocation = Invocation(
            scan_id=scan_id,
            request=scan_request(event.scan, environment, s3, folder),
            evidence=Workspace(s3, environment.evidence(scan_id), environment.means),
            work=Workspace(s3, environment.work(scan_id), environment.means),
            # A folder of its own: audit.yaml, which is next to it, is no file of the scan.
            folder=folder / "scan",
            ends_at=ends_at,
        )
        return {"scan_id": scan_id, **_STEPS[type(event)](event, invocation)}


def _scan(_event: Scan, step: Invocation) -> Answer:
    done = scan(step.request, step.evidence, step.scan_id, step.folder, step.seconds)
    return {**summary_of(done, step.evidence), **notify(step)}


_STEPS: Mapping[type, Callable[[Any, Invocation], Answer]] = {
    Scan: _scan,
    Open: lambda _event, step: open_scan(step),
    Collect: collect,
    Note: note,
    Gather: lambda _event, step: gather(step),
    Judge: judge,
    Finish: lambda _event, step: finish(step),
}
