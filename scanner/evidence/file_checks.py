"""The files of a bundle or a judged scan, compared with the checksums in its manifest, for `audit verify`.

Each folder is one check. Unlike `Bundle.check` and `ScanFiles`, which stop at the first file that differs,
these checks go through all files, and report what no checksum covers.
"""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from scanner.errors import BundleError
from scanner.evidence.bundle import Bundle, file_sha256
from scanner.evidence.manifest import NAME
from scanner.evidence.report_checksums import NAME as CHECKSUMS
from scanner.evidence.report_checksums import read_checksums
from scanner.evidence.scan_files import is_judged
from scanner.evidence.verification import Check, CheckResult
from scanner.model.manifest import Manifest

_V = TypeVar("_V")

FOLDERS: Final = ("evidence", "inventory", "facts", "findings", "inputs")
"""The folders of a scan; each is a check of its own."""

_NOT_COVERED: Final = frozenset((NAME, "journal.jsonl"))
"""Files that the manifest does not name: itself, and the journal, which resumes a scan and is no evidence."""

_REPORTS: Final = "reports"
_MOST: Final = 5


@dataclass(slots=True)
class _Comparison:
    """The files of one check, by what is wrong with them."""

    same: int = 0
    changed: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    without_checksum: list[str] = field(default_factory=list)
    ambiguous: list[str] = field(default_factory=list)

    def tolerate_unnamed(self) -> None:
        """Report files that are not named as files without a checksum."""
        self.without_checksum += self.unnamed
        self.unnamed = []

    def check(self, name: str, where: str) -> Check:
        """Return the check of these files. `where`: what names them."""
        wrong = {
            "changed": self.changed,
            "missing": self.missing,
            f"not named in {where}": self.unnamed,
            "not a regular file, or not readable": self.unreadable,
            f"with two different checksums in {where}": self.ambiguous,
        }
        if any(wrong.values()):
            parts = (f"{listed(names)}: {what}" for what, names in wrong.items() if names)
            return Check(name, CheckResult.FAILED, f"{'; '.join(parts)}.")
        if self.without_checksum:
            detail = f"{listed(self.without_checksum)}: {where} has no checksum."
            return Check(name, CheckResult.MISSING, detail)
        number = "1 file has its SHA-256" if self.same == 1 else f"{self.same:,} files have their SHA-256"
        return Check(name, CheckResult.OK, f"{number} of {where}.")


def file_checks(bundle: Bundle) -> Iterator[Check]:
    """Yield a check for each folder of a bundle or scan, one of its reports, and one of all other files."""
    folder, manifest = bundle.folder, bundle.manifest
    there = dict(_files_below(folder))
    named = {**_evidence(bundle), **manifest.files}
    is_elsewhere = bool(manifest.source_sha256) and not any(_top(name) == "evidence" for name in there)
    for top in FOLDERS:
        if top == "evidence" and is_elsewhere:
            yield Check(top, CheckResult.NOT_CHECKED, _elsewhere(manifest))
        elif top in map(_top, (*there, *named)):
            comparison = _compare(folder, _below(there, top), _below(named, top))
            comparison.ambiguous += _ambiguous(bundle) if top == "evidence" else ()
            # A bundle of another program need not name its files, nor its evidence once it was evaluated.
            if not any((_below(named, top) if top == "evidence" else named).values()):
                comparison.tolerate_unnamed()
            yield comparison.check(top, NAME)
    yield from _report_checks(folder, there, manifest)
    yield from _other_files(folder, there, named)


def _evidence(bundle: Bundle) -> dict[str, str]:
    """Return the files of the shards that the manifest lists, not of those that were inferred from files."""
    shards = (shard for shard in bundle.document.get("shards") or () if isinstance(shard, dict))
    listed_files = {shard.get("file") for shard in shards} - {""}
    return {record.file: record.sha256 for record in bundle.manifest.shards if record.file in listed_files}


def _ambiguous(bundle: Bundle) -> list[str]:
    """Return the files whose checksum in `shards` is not the one in `files`."""
    files = bundle.manifest.files
    return [
        name for name, sha256 in _evidence(bundle).items() if sha256 and files.get(name, sha256) != sha256
    ]


def _elsewhere(manifest: Manifest) -> str:
    return (
        "The evidence is not in this folder: the scan was evaluated from the bundle whose manifest.json has "
        f"the SHA-256 {manifest.source_sha256}. Verify that bundle, too."
    )


def _compare(folder: Path, there: Mapping[str, bool], named: Mapping[str, str]) -> _Comparison:
    """Compare files with their checksums. `there`: whether each file that exists is a regular one."""
    comparison = _Comparison(
        missing=sorted(named.keys() - there.keys()), unnamed=sorted(there.keys() - named.keys())
    )
    for name in sorted(there.keys() & named.keys()):
        try:
            # Links, pipes and devices are never opened.
            sha256 = file_sha256(folder / name) if there[name] else ""
        except BundleError:
            sha256 = ""
        if not sha256:
            comparison.unreadable.append(name)
        elif not named[name]:
            comparison.without_checksum.append(name)
        elif named[name] != sha256:
            comparison.changed.append(name)
        else:
            comparison.same += 1
    return comparison


def _report_checks(folder: Path, there: Mapping[str, bool], manifest: Manifest) -> Iterator[Check]:
    """Yield the check of the reports that `reports.sha256` lists, in the scan's folder and below it."""
    # Also the lists that the manifest names and that are gone.
    lists = [name for name in (*there, *manifest.files) if Path(name).name == CHECKSUMS]
    if not lists:
        if is_judged(manifest.files):
            yield Check(_REPORTS, CheckResult.MISSING, f"There is no {CHECKSUMS}: reports are not covered.")
        return
    comparison = _Comparison()
    for name in sorted(set(lists)):
        _add_reports(comparison, folder, name, there)
    check = comparison.check(_REPORTS, CHECKSUMS)
    if check.result is CheckResult.OK and not set(lists) <= manifest.files.keys():
        detail = (
            f"{check.detail} But {NAME} has no checksum of {CHECKSUMS} itself: an earlier version wrote it."
        )
        check = Check(_REPORTS, CheckResult.MISSING, detail)
    yield check


def _add_reports(comparison: _Comparison, folder: Path, name: str, there: Mapping[str, bool]) -> None:
    """Compare the reports that one `reports.sha256` lists."""
    below = Path(name).parent
    if not there.get(name, False):
        (comparison.unreadable if name in there else comparison.missing).append(name)
        return
    try:
        reports = read_checksums(folder / below)
    except BundleError:
        comparison.unreadable.append(name)
        return
    listed_reports = {(below / report).as_posix(): sha256 for report, sha256 in reports.items()}
    present = {report: there[report] for report in listed_reports if report in there}
    part = _compare(folder, present, listed_reports)
    comparison.same += part.same
    comparison.changed += part.changed
    comparison.missing += part.missing
    comparison.unreadable += part.unreadable


def _other_files(folder: Path, there: Mapping[str, bool], named: Mapping[str, str]) -> Iterator[Check]:
    """Yield the check of the files that are in none of the folders, and are no reports."""
    reports = _listed_reports(folder, there)
    tops = (*FOLDERS,)
    # A file that has the name of a folder (`facts`) is in none of them.
    rest = {name: regular for name, regular in there.items() if _top(name) not in tops or "/" not in name}
    rest = {name: regular for name, regular in rest.items() if name not in _NOT_COVERED | reports}
    expected = {name: sha for name, sha in named.items() if _top(name) not in tops or "/" not in name}
    if not rest and not expected:
        return
    comparison = _compare(folder, rest, expected)
    if not any(named.values()):
        comparison.tolerate_unnamed()
    yield comparison.check("other_files", NAME)


def _listed_reports(folder: Path, there: Mapping[str, bool]) -> frozenset[str]:
    names: set[str] = set()
    for name in there:
        if Path(name).name == CHECKSUMS and there[name]:
            below = Path(name).parent
            with suppress(BundleError):  # a failed check reports it
                names.update((below / report).as_posix() for report in read_checksums(folder / below))
    return frozenset(names)


def _files_below(folder: Path) -> Iterator[tuple[str, bool]]:
    """Yield the name of each file in a scan, and whether it is a regular one. Links are not followed."""
    for parent, folders, files in os.walk(folder):
        # os.walk returns a link to a folder as a folder, and does not follow it.
        links = [name for name in folders if (Path(parent) / name).is_symlink()]
        for name in (*files, *links):
            path = Path(parent) / name
            yield path.relative_to(folder).as_posix(), stat.S_ISREG(path.lstat().st_mode)


def _below(names: Mapping[str, _V], top: str) -> dict[str, _V]:
    return {name: value for name, value in names.items() if _top(name) == top and "/" in name}


def _top(name: str) -> str:
    return name.partition("/")[0]


def listed(names: Iterable[str], most: int = _MOST) -> str:
    """Return the first names, and how many more there are."""
    every = tuple(names)
    more = f" and {len(every) - most:,} more" if len(every) > most else ""
    return f"{', '.join(every[:most])}{more}"
