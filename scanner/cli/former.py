"""The earlier scan that a report compares with: a folder, an address in S3, or `latest`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from scanner.app.reports import earlier_scan
from scanner.cli.destination import Destination, fetched, means_of
from scanner.cli.logs import say
from scanner.cli.options import Target
from scanner.errors import BundleError
from scanner.evidence.manifest import NAME, read_manifest
from scanner.history.since import Since
from scanner.settings.settings import Settings
from scanner.storage.place import Place

LATEST: Final = "latest"
_JUDGED: Final = "findings.json"


@contextmanager
def former_scan(
    target: Target, settings: Settings, goal: Destination, folder: Path
) -> Iterator[Since | None]:
    """Give the scan that `--since` (or `since` of audit.yaml) names. None: there is nothing to compare with.

    `folder`: that of the new scan; `latest` is the newest evaluated scan next to it, or to its place in S3.

    Raises:
        BundleError: what is named is no evaluated scan.
        UsageError: --before without --since.
    """
    named = target.since or settings.since
    if named == LATEST:
        named = _latest(goal, folder)
        if named is None:
            say("note: There is no earlier scan next to this one: nothing is compared.")
            yield None
            return
        say(f"note: Comparing with {named}.")
    if named is None:
        yield earlier_scan(None, target.before)
        return
    with fetched(named, goal, whole=False) as earlier:
        yield earlier_scan(earlier, target.before)


def _latest(goal: Destination, folder: Path) -> str | None:
    if goal.place is None:
        newest = _latest_folder(folder)
        return None if newest is None else str(newest)
    from scanner.storage.s3 import judged_scans  # noqa: PLC0415 -- loads the AWS client

    parent = Place(goal.place.bucket, goal.place.prefix.rpartition("/")[0])
    scans = (place for place in judged_scans(parent, means_of(goal)) if place != goal.place)
    return next(map(str, scans), None)


def _latest_folder(folder: Path) -> Path | None:
    """Return the evaluated scan next to a folder that has the latest clock; None: there is none."""
    parent = folder.absolute().parent
    dated = []
    for each in sorted(parent.iterdir()) if parent.is_dir() else ():
        is_scan = (each / NAME).is_file() and (each / _JUDGED).is_file()
        if not is_scan or each.resolve() == folder.resolve():
            continue
        try:
            dated.append((read_manifest(each).evaluated_as_of, each.name, each))
        except BundleError as problem:
            say(f"note: {each} is not compared with: {problem}")
    return max(dated)[2] if dated else None
