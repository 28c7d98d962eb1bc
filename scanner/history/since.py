"""A former scan that a report is held against: what `--since` names."""

from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from scanner.errors import UsageError
from scanner.findings.filed import Filed
from scanner.findings.order import check_order
from scanner.history.compare import filed
from scanner.history.comparison import Comparison
from scanner.history.notes import IN_REPORT, notes_of
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
        """Check the order of the findings of these scans, so that what is wrong with them is reported early.

        Raises:
            BundleError: they cannot be read, are not in filing order, or one is filed twice.
        """
        for scan in (self.old, *self.before):
            option = "--since" if scan is self.old else "--before"
            if isinstance(scan.findings, Filed):
                check_order(scan.findings, option)
            else:
                deque(filed(scan.findings, option), maxlen=0)

    def keep_from(self, folder: Path) -> None:
        """Make sure that a folder is another: UsageError, where a scan would be held against itself."""
        if folder.resolve() == self.folder.resolve():
            raise UsageError(f"--since {self.folder} is the scan itself: name the folder of a former one.")

    def changes(self, now: Scan) -> Changes:
        """Return what became of findings, bounded: see LISTED and NAMED. BundleError as in `check`."""
        comparison = Comparison(self.old, now, self.before)
        changes = comparison.count(Tally(NAMED), notes_of(self.old, now, IN_REPORT), LISTED)
        return replace(changes, former=_former(self.old))


def _former(scan: Scan) -> Former:
    manifest, told = scan.manifest, scan.assessment
    return Former(
        scan_id=manifest.scan_id,
        evaluated_as_of=manifest.evaluated_as_of,
        score=None if told is None else told.score.total.score,
    )
