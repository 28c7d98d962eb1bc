"""One invocation: an event is carried out as a step of a scan, or as a whole one."""

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanner.distributed import whole
from scanner.distributed.environment import Environment
from scanner.distributed.events import Event, Scan
from scanner.distributed.options import Asked, asked_of
from scanner.distributed.workspace import Workspace

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """What a step works with. `ends_at`: when the process ends, on the clock of `time.monotonic`."""

    scan_id: str
    asked: Asked
    evidence: Workspace
    work: Workspace
    folder: Path
    ends_at: float

    @property
    def seconds(self) -> float:
        """Return the time that is left."""
        return max(0.0, self.ends_at - time.monotonic())


def carry_out(event: Event, environment: Environment, s3: Any, request_id: str, seconds: float) -> Answer:  # noqa: ANN401 -- a client
    """Carry out an event within so many seconds. Raises VaultproofError, whose text is one sentence."""
    ends_at = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="vaultproof-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        scan_id = event.scan_id or request_id
        invocation = Invocation(
            scan_id=scan_id,
            asked=asked_of(event.scan, environment, s3, folder),
            evidence=Workspace(s3, environment.evidence(scan_id), environment.means),
            work=Workspace(s3, environment.work(scan_id), environment.means),
            folder=folder / "scan",
            ends_at=ends_at,
        )
        return {"scan_id": scan_id, **_STEPS[type(event)](event, invocation)}


def _scan(_event: Scan, here: Invocation) -> Answer:
    done = whole.scan(here.asked, here.evidence, here.scan_id, here.folder, here.seconds)
    return whole.summary_of(done, here.evidence)


_STEPS: Mapping[type, Callable[[Any, Invocation], Answer]] = {Scan: _scan}
