"""The earlier scan that a report compares with: what `--since` names."""

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
"""The most findings of one kind that a report names. The others are counted."""


@dataclass(frozen=True, slots=True)
class Since:
    """An earlier scan, which is in `folder`, and others before it."""

    folder: Path
    old: Scan
    before: tuple[Scan, ...] = ()

    def check(self) -> None:
        """Check the order of the findings of these scans, to report errors before anything is written.

        Raises:
            BundleError: they cannot be read, are not in filing order, or one is filed twice.
        """
        for scan in (self.old, *self.before):
            option = "--since" if scan is self.old else "--before"
            if isinstance(scan.findings, Filed):
                check_order(scan.findings, option)
            else:
                deque(filed(scan.findings, option), maxlen=0)

    def check_is_not(self, folder: Path) -> None:
        """Raise UsageError if this is the earlier scan's folder: a scan would be compared with itself."""
        if folder.resolve() == self.folder.resolve():
            raise UsageError(f"--since {self.folder} is the scan itself: name the folder of an earlier one.")

    def changes(self, now: Scan) -> Changes:
        """Return how findings changed; at most NAMED of each kind in LISTED. BundleError as in `check`."""
        comparison = Comparison(self.old, now, self.before)
        changes = comparison.count(Tally(NAMED), notes_of(self.old, now, IN_REPORT), LISTED)
        return replace(changes, former=_former(self.old))


def _former(scan: Scan) -> Former:
    manifest, assessment = scan.manifest, scan.assessment
    return Former(
        scan_id=manifest.scan_id,
        evaluated_as_of=manifest.evaluated_as_of,
        score=None if assessment is None else assessment.score.total.score,
    )
