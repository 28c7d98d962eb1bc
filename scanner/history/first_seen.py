"""When findings were first seen: `first-seen.json.gz` of a scan, carried over from scan to scan.

A finding keeps its time as long as each scan has it open (failed, waived, unknown or error). Where the
earlier scan has no such file, its open findings date from that scan itself, or from the scans before it.
"""

import gzip
import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from scanner.errors import BundleError
from scanner.evidence.manifest import read_manifest
from scanner.evidence.scan_files import FIRST_SEEN, ScanFiles
from scanner.history.comparison import Since, as_filed
from scanner.model.finding import Finding, Status
from scanner.model.scan import Scan
from scanner.storage.bounded import read_gzip
from scanner.storage.files import write_atomically

NAME: Final = FIRST_SEEN
SCHEMA: Final = "backup-audit/first-seen/1"
OPEN: Final = (Status.FAIL, Status.WAIVED, Status.UNKNOWN, Status.ERROR)

FirstSeen = Mapping[str, datetime]
"""By fingerprint of an open finding."""


def first_seen(scan: Scan, since: Since | None) -> dict[str, datetime]:
    """Return when each open finding of a scan was first seen, by fingerprint.

    Raises:
        BundleError: the file of the earlier scan cannot be read.
    """
    earlier = {} if since is None else _of_earlier_scans(since)
    return _continued(scan, earlier)


def _of_earlier_scans(since: Since) -> FirstSeen:
    stored = read_first_seen(since.folder)
    if stored is not None:
        # Stored times reach further back than the scans that are named.
        return stored
    times: FirstSeen = {}
    # Oldest first: a finding keeps its first time through all of them.
    scans: Sequence[Scan] = sorted(since.before, key=lambda scan: scan.manifest.evaluated_as_of)
    for scan in (*scans, since.old):
        times = _continued(scan, times)
    return times


def _continued(scan: Scan, earlier: FirstSeen) -> dict[str, datetime]:
    now = scan.manifest.evaluated_as_of
    findings: Iterable[Finding] = as_filed(scan.findings, OPEN)
    return {
        # A finding that was closed in between is not in `earlier`, so its time starts again.
        finding.fingerprint: earlier.get(finding.fingerprint, now)
        for finding in findings
        if finding.status in OPEN
    }


def read_first_seen(folder: Path) -> FirstSeen | None:
    """Read the file of a scan; None: it has none. BundleError: it cannot be read."""
    path = ScanFiles(folder, read_manifest(folder)).first_seen()
    if path is None:
        return None
    try:
        document: dict[str, Any] = orjson.loads(read_gzip(path))
        # An index into `times`: there are few distinct times for many findings.
        times = document["times"]
        return {
            fingerprint: datetime.fromisoformat(times[number])
            for fingerprint, number in document["findings"].items()
        }
    except (
        OSError,
        EOFError,
        zlib.error,
        ValueError,
        KeyError,
        IndexError,
        TypeError,
        AttributeError,
    ) as problem:
        raise BundleError(f"{path} cannot be read: {problem}. Remove it, or name an older scan.") from problem


def write_first_seen(folder: Path, scan: Scan, times: FirstSeen) -> None:
    """Write the file of a scan. OutputError: it cannot be written."""
    distinct = sorted(set(times.values()))
    numbers = {time: number for number, time in enumerate(distinct)}
    document = {
        "schema": SCHEMA,
        "scan_id": scan.manifest.scan_id,
        "times": [time.isoformat() for time in distinct],
        "findings": {fingerprint: numbers[time] for fingerprint, time in sorted(times.items())},
    }
    # mtime=0 for equal bytes, as in every file of a scan.
    write_atomically(folder / NAME, gzip.compress(orjson.dumps(document), mtime=0))
