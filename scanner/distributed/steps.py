"""One invocation: runs an event as a step of a scan, or as a whole scan."""

import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from scanner.distributed import whole
from scanner.distributed.collecting import collect, note, open_scan
from scanner.distributed.environment import Environment
from scanner.distributed.events import Collect, Event, Finish, Gather, Judge, Note, Open, Scan
from scanner.distributed.finishing import finish
from scanner.distributed.gathering import gather
from scanner.distributed.judging import judge
from scanner.distributed.notifying import notify
from scanner.distributed.options import Answer, Invocation, scan_request
from scanner.distributed.workspace import Workspace


def carry_out(event: Event, environment: Environment, s3: Any, request_id: str, seconds: float) -> Answer:  # noqa: ANN401 -- a client
    """Run an event within the given seconds, and return its answer. VaultproofError: it failed."""
    ends_at = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="vaultproof-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        scan_id = event.scan_id or request_id
        invocation = Invocation(
            scan_id=scan_id,
            request=scan_request(event.scan, environment, s3, folder),
            evidence=Workspace(s3, environment.evidence(scan_id), environment.means),
            work=Workspace(s3, environment.work(scan_id), environment.means),
            folder=folder / "scan",
            ends_at=ends_at,
        )
        return {"scan_id": scan_id, **_STEPS[type(event)](event, invocation)}


def _scan(_event: Scan, step: Invocation) -> Answer:
    done = whole.scan(step.request, step.evidence, step.scan_id, step.folder, step.seconds)
    return {**whole.summary_of(done, step.evidence), **notify(step)}


_STEPS: Mapping[type, Callable[[Any, Invocation], Answer]] = {
    Scan: _scan,
    Open: lambda _event, step: open_scan(step),
    Collect: collect,
    Note: note,
    Gather: lambda _event, step: gather(step),
    Judge: judge,
    Finish: lambda _event, step: finish(step),
}
