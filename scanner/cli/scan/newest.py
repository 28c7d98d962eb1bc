"""The newest evaluated scan below a folder or a prefix in S3."""

from pathlib import Path
from typing import Final

from scanner.cli.logs import say
from scanner.cli.scan.destination import Destination, means_of
from scanner.errors import BundleError
from scanner.evidence.manifest import NAME, read_manifest
from scanner.storage.place import is_place, place_of

JUDGED: Final = "findings.json"
"""A file that an evaluated scan has, and a bundle of evidence has not."""


def newest_scan(source: str, destination: Destination) -> str:
    """Return a scan's location: the argument itself, or the newest evaluated scan directly below it.

    `destination`: has the profile and the owner of the bucket. BundleError: S3 cannot be read. Where there is
    no scan below, the argument is returned, so that reading it says what is missing.
    """
    newest = _in_bucket(source, destination) if is_place(source) else _in_folder(Path(source))
    if newest is None:
        return source
    say(f"note: Using {newest}, the newest evaluated scan there.")
    return newest


def _in_bucket(source: str, destination: Destination) -> str | None:
    from scanner.storage.s3 import has_scan, judged_scans  # noqa: PLC0415 -- loads the AWS client

    place, means = place_of(source), means_of(destination)
    # The place itself is a scan, so nothing below it is searched.
    if has_scan(place, means):
        return None
    return next(map(str, judged_scans(place, means)), None)


def _in_folder(folder: Path) -> str | None:
    if (folder / NAME).exists() or not folder.is_dir():
        return None
    newest = newest_folder(folder)
    return None if newest is None else str(newest)


def newest_folder(parent: Path, without: Path | None = None) -> Path | None:
    """Return the evaluated scan in a folder with the latest evaluation time, if there is one."""
    # By the time of the evaluation, not of the file: folders may have been copied.
    dated = []
    for child in sorted(parent.iterdir()) if parent.is_dir() else ():
        is_scan = (child / NAME).is_file() and (child / JUDGED).is_file()
        if not is_scan or (without is not None and child.resolve() == without.resolve()):
            continue
        try:
            dated.append((read_manifest(child).evaluated_as_of, child.name, child))
        except BundleError as problem:
            say(f"note: {child} is left out: {problem}")
    return max(dated)[2] if dated else None
