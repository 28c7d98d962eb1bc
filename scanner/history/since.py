"""A former scan that a report is held against: what `--since` names."""

from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from scanner.errors import UsageError
from scanner.history.compare import compare, filed
from scanner.history.criteria import criteria_of
from scanner.history.notes import IN_REPORT, notes_of
from scanner.history.reach import reach_of
from scanner.history.tally import Tally
from scanner.model.changes import LISTED, Changes, Former
from scanner.model.scan import Scan

NAMED: Final = 25
"""Findings of one kind that a report names. The others are counted."""


@dataclass(frozen=True, slots=True)
class Since:
    """A former scan, and others before it. `folder` is that of the former scan."""

    folder: Path
    old: Scan
    before: tuple[Scan, ...] = ()

    def check(self) -> None:
        """Go through the findings of these scans once, so that what is wrong with them is told at once.

        Raises:
            BundleError: they cannot be read, are not in filing order, or one is filed twice.
        """
        for scan in (self.old, *self.before):
            deque(filed(scan.findings, "--since" if scan is self.old else "--before"), maxlen=0)

    def keep_from(self, folder: Path) -> None:
        """Make sure that a folder is another: UsageError, where a scan would be held against itself."""
        if folder.resolve() == self.folder.resolve():
            raise UsageError(f"--since {self.folder} is the scan itself: name the folder of a former one.")

    def changes(self, now: Scan) -> Changes:
        """Say what became of findings, bounded: see LISTED and NAMED. BundleError as in `check`."""
        tally = Tally(NAMED)
        earlier = [scan.findings for scan in self.before]
        judging = (criteria_of(self.old), criteria_of(now))
        changes = compare(self.old.findings, now.findings, reach_of(now), earlier, judging)
        deque(tally.watched(changes), maxlen=0)
        told = tally.changes(notes_of(self.old, now, IN_REPORT))
        worst = {kind: told.worst[kind] for kind in LISTED if kind in told.worst}
        return replace(told, worst=worst, former=_former(self.old))


def _former(scan: Scan) -> Former:
    manifest, told = scan.manifest, scan.assessment
    return Former(
        scan_id=manifest.scan_id,
        evaluated_as_of=manifest.evaluated_as_of,
        score=None if told is None else told.score.total.score,
    )
