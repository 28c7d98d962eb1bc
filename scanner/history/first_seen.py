"""The file `first-seen.json.gz` of a scan: when each of its open findings was first seen.

A later scan continues it, so that times reach further back than the scans that are named.
"""

import gzip
import zlib
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from scanner.errors import BundleError
from scanner.evidence.manifest import read_manifest
from scanner.evidence.scan_files import FIRST_SEEN, ScanFiles
from scanner.model.scan import Scan
from scanner.model.timeline import FirstSeen, FirstSeenTimes
from scanner.storage.bounded import read_gzip
from scanner.storage.files import write_atomically

NAME: Final = FIRST_SEEN
SCHEMA: Final = "backup-audit/first-seen/1"
_UNKNOWN: Final = (True, 0)
_BROKEN: Final = (
    *(OSError, EOFError, zlib.error),
    *(ValueError, KeyError, IndexError, TypeError, AttributeError),
)


def read_first_seen(folder: Path) -> FirstSeenTimes | None:
    """Read the file of a scan; None: it has none. BundleError: it cannot be read."""
    path = ScanFiles(folder, read_manifest(folder)).first_seen()
    if path is None:
        return None
    try:
        document: dict[str, Any] = orjson.loads(read_gzip(path))
        values = _values(document)
        return FirstSeenTimes(
            (fingerprint, values[number]) for fingerprint, number in sorted(document["findings"].items())
        )
    except _BROKEN as problem:
        raise BundleError(f"{path} cannot be read: {problem}. Remove it, or name an older scan.") from problem


def _values(document: dict[str, Any]) -> list[FirstSeen]:
    """Return the distinct times, to which findings refer by their number."""
    times = [datetime.fromisoformat(time) for time in document["times"]]
    # Files of earlier versions do not say whether a finding may be older.
    marks = document.get("marks") or [_UNKNOWN] * len(times)
    return [
        FirstSeen(time, bool(may_be_older), int(unknown_scans))
        for time, (may_be_older, unknown_scans) in zip(times, marks, strict=True)
    ]


def write_first_seen(folder: Path, scan: Scan, times: FirstSeenTimes) -> None:
    """Write the file of a scan. OutputError: it cannot be written."""
    # Numbers for the few distinct times of many findings; sorted, so that equal times give equal bytes.
    distinct = sorted({first_seen for _, first_seen in times})
    numbers = {first_seen: number for number, first_seen in enumerate(distinct)}
    document = {
        "schema": SCHEMA,
        "scan_id": scan.manifest.scan_id,
        "times": [first_seen.at.isoformat() for first_seen in distinct],
        "marks": [[int(value.may_be_older), value.unknown_scans] for value in distinct],
        "findings": {fingerprint: numbers[first_seen] for fingerprint, first_seen in times},
    }
    # mtime=0 for equal bytes, as in every file of a scan.
    write_atomically(folder / NAME, gzip.compress(orjson.dumps(document), mtime=0))
