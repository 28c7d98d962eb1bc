"""The earlier scans that `--since` names: one, several, or all in a folder or below a prefix in S3."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from scanner.app.reports import earlier_scan
from scanner.app.series import Candidate, choose, continued, files_of, with_notes
from scanner.cli.logs import say
from scanner.cli.options import Target
from scanner.cli.scan.destination import Destination, fetched, means_for, means_of, temporary
from scanner.cli.scan.newest import JUDGED, newest_folder
from scanner.errors import BundleError
from scanner.evidence.manifest import NAME, read_manifest
from scanner.history.comparison import Since
from scanner.history.timeline import History
from scanner.model.manifest import Manifest
from scanner.settings.settings import Settings
from scanner.storage.place import Place, is_place, place_of

LATEST: Final = "latest"

_SHOWN: Final = 3
"""The most scans that are left out with a line each."""


@dataclass(frozen=True, slots=True)
class Source:
    """A scan: a folder or an S3 location. `is_named`: on the command line, not only found in a folder."""

    name: str
    is_named: bool


@contextmanager
def former_scan(
    target: Target, settings: Settings, goal: Destination, folder: Path, own: Manifest | None = None
) -> Iterator[Since | None]:
    """Yield the scans of `--since` (or `since` of audit.yaml); None: there is nothing to compare with.

    `folder`: that of the new scan; `latest` is the newest evaluated scan next to it, or next to its S3
    location. `own`: its manifest, with the time that it is evaluated as of; None: it does not exist yet.

    Raises:
        BundleError: a scan that is named is not an evaluated scan.
        UsageError: --before without --since.
    """
    names = target.since or ((settings.since,) if settings.since else ())
    if not names:
        yield earlier_scan(None, target.before)
        return
    sources = [source for name in dict.fromkeys(names) for source in _sources(name, goal, folder)]
    if not sources:
        say("note: There is no earlier scan next to this one: nothing is compared.")
        yield None
        return
    if len(sources) == 1 and sources[0].is_named:
        with fetched(sources[0].name, goal, whole=False) as earlier:
            yield earlier_scan(earlier, target.before)
        return
    sources += [Source(str(path), is_named=True) for path in target.before]
    with _series(_distinct(sources), goal, target.before, own) as since:
        yield since


def _sources(name: str, goal: Destination, folder: Path) -> Iterator[Source]:
    """Yield the scan with a name, or those directly below it. `latest` may have none."""
    # `latest` is looked up now, before the new scan exists.
    if name == LATEST:
        if (newest := _latest(goal, folder)) is not None:
            say(f"note: Comparing with {newest}.")
            yield Source(newest, is_named=True)
        return
    below = list(_below(name, goal, folder))
    # A scheduled scan names the place of its scans from the first one on.
    if not below and _is_empty(name, goal):
        say(f"note: {name} is empty: there is no earlier scan to compare with.")
        return
    yield from below or [Source(name, is_named=True)]


def _is_empty(name: str, goal: Destination) -> bool:
    """Check whether a folder or a prefix has nothing in it. A folder that does not exist is a mistake."""
    if not is_place(name):
        return Path(name).is_dir() and not any(Path(name).iterdir())
    from scanner.storage.s3 import is_empty  # noqa: PLC0415 -- loads the AWS client

    place = place_of(name)
    return is_empty(place, means_for(place, goal))


def _below(name: str, goal: Destination, folder: Path) -> Iterator[Source]:
    """Yield the evaluated scans directly below a folder or prefix that is no scan itself."""
    if not is_place(name):
        parent = Path(name)
        if (parent / NAME).exists() or not parent.is_dir():
            return
        for child in sorted(parent.iterdir()):
            is_scan = (child / NAME).is_file() and (child / JUDGED).is_file()
            # The new scan may be written into the folder of the earlier ones.
            if is_scan and child.resolve() != folder.resolve():
                yield Source(str(child), is_named=False)
        return
    from scanner.storage.s3 import has_scan, judged_scans  # noqa: PLC0415 -- loads the AWS client

    place = place_of(name)
    means = means_for(place, goal)
    if has_scan(place, means):
        return
    for scan in judged_scans(place, means):
        if scan != goal.place:
            yield Source(str(scan), is_named=False)


def _distinct(sources: Sequence[Source]) -> tuple[Source, ...]:
    """Return each scan once: as named, if it is named and also in a folder."""
    ordered = sorted(sources, key=lambda source: source.is_named)
    places = {
        source.name if is_place(source.name) else str(Path(source.name).resolve()): source
        for source in ordered
    }
    return tuple(places.values())


@contextmanager
def _series(
    sources: Sequence[Source], goal: Destination, before: Sequence[Path], own: Manifest | None
) -> Iterator[Since | None]:
    """Yield the newest scan to compare with, and the history of those before it."""
    problems: list[str] = []
    candidates = [scan for source in sources if (scan := _candidate(source, goal, problems)) is not None]
    # A scan that does not exist yet is evaluated as of a time after now.
    chosen = choose(candidates, own, datetime.now(UTC) if own is None else own.evaluated_as_of)
    scans, history = list(chosen.scans), History()
    for scan in scans[:-1]:
        try:
            with _files(scan.source, goal, scan.manifest) as folder:
                history = continued(history, folder)
        except BundleError as problem:
            _note(scan.source, problem, problems)
    left_out = (*problems, *chosen.left_out)
    for text in left_out[:_SHOWN]:
        say(f"note: {text}")
    if len(left_out) > _SHOWN:
        say(f"note: {len(left_out) - _SHOWN:,} more scans are left out; the report names them.")
    if not scans:
        say("note: None of the scans is an earlier one: nothing is compared.")
        yield None
        return
    newest = scans[-1]
    say(f"note: Comparing with {newest.name}, and with {len(history.points):,} scans before it.")
    with fetched(newest.name, goal, whole=False) as folder:
        yield earlier_scan(folder, before, with_notes(history, left_out))


def _candidate(source: Source, goal: Destination, problems: list[str]) -> Candidate[Source] | None:
    """Read the manifest of a scan. None: it cannot be read, which is added to the problems."""
    try:
        with _files(source, goal, None) as folder:
            return Candidate(source, source.name, read_manifest(folder))
    except BundleError as problem:
        _note(source, problem, problems)
        return None


def _note(source: Source, problem: BundleError, problems: list[str]) -> None:
    """Add an error to the problems. Raise it if the scan was named: what is in a folder may be no scan."""
    if source.is_named:
        raise problem
    problems.append(f"{source.name} is left out: {problem}")


@contextmanager
def _files(source: Source, goal: Destination, manifest: Manifest | None) -> Iterator[Path]:
    """Yield a folder with the files of a scan that a series needs, or (`manifest` None) with its manifest.

    Those in S3 are downloaded to a temporary folder and removed afterwards: one scan is on disk at a time.
    """
    if not is_place(source.name):
        yield Path(source.name)
        return
    from scanner.storage.s3 import download_files  # noqa: PLC0415 -- loads the AWS client

    place, folder = place_of(source.name), temporary()
    try:
        names = (NAME, *(() if manifest is None else files_of(manifest)))
        download_files(place, folder, means_for(place, goal), names)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _latest(goal: Destination, folder: Path) -> str | None:
    if goal.place is None:
        newest = newest_folder(folder.absolute().parent, without=folder)
        return None if newest is None else str(newest)
    from scanner.storage.s3 import judged_scans  # noqa: PLC0415 -- loads the AWS client

    parent = Place(goal.place.bucket, goal.place.prefix.rpartition("/")[0])
    scans = (place for place in judged_scans(parent, means_of(goal)) if place != goal.place)
    return next(map(str, scans), None)
