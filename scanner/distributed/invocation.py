"""The context of a step."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanner.distributed.options import ScanRequest
from scanner.distributed.workspace import Workspace

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """A step of a scan. `folder`: for its files. `ends_at`: the deadline, in `time.monotonic`."""

    scan_id: str
    request: ScanRequest
    evidence: Workspace
    work: Workspace
    folder: Path
    ends_at: float

    @property
    def seconds(self) -> float:
        """The remaining time."""
        return max(0.0, self.ends_at - time.monotonic())
