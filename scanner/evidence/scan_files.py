"""The files of a judged scan, checked against its manifest before they are read.

The manifest of schema 2 names every file of facts, findings and inventory: a file that is missing, not named,
or of another SHA-256 belongs to another scan or was changed. With schema 1, files that are not named are
tolerated: earlier versions and other programs did not name all of them.

The manifest is written last, and is the first file that a new evaluation takes away: a folder whose manifest
names no findings is not a judged scan, whatever else is in it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

from scanner.errors import BundleError
from scanner.evidence import report_checksums
from scanner.evidence.bundle import file_sha256
from scanner.evidence.manifest import JUDGED_SCHEMA, NAME
from scanner.evidence.reader import names_a_file
from scanner.evidence.report_checksums import read_checksums
from scanner.model.manifest import Manifest
from scanner.storage.bounded import check_regular, open_regular
from scanner.storage.table_files import TableFiles, TableSource, open_file, table_files

FACTS: Final = "facts"
INVENTORY: Final = "inventory"
FINDINGS: Final = ("findings", "findings.jsonl.gz", "findings.jsonl")
"""The names of the findings: a folder of files by account, or one file with a finding in each line."""

FIRST_SEEN: Final = "first-seen.json.gz"
"""When each open finding was first seen: the only file that a new evaluation of a scan keeps."""

FOREIGN: Final = "findings.json"
"""The file that a scan has if another program evaluated it."""

_FOLDERS: Final = (FACTS, "findings", INVENTORY)
_PARQUET: Final = ".parquet"
_REPORT: Final = "findings.parquet"  # of --format parquet: like all reports, reports.sha256 lists it
_OURS: Final = b'"scan":{"schema":"backup-audit/manifest/2"'
"""In the first bytes of a findings.json of this program; its manifest names the findings."""
_HEAD: Final = 200
_AFTER_REPORTS: Final = (FIRST_SEEN, report_checksums.NAME, f"redacted/{report_checksums.NAME}")


class ScanFiles:
    """The files of the judged scan in `folder`, each checked against its checksum before it is opened."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        """Use these files. BundleError: the folder contains no judged scan, or no complete one."""
        check_regular(folder, (*_FOLDERS, "redacted"))
        is_own = manifest.schema == JUDGED_SCHEMA or is_judged(manifest.files)
        if not is_own and not has_foreign_findings(folder):
            raise BundleError(
                f"{folder} contains no evaluated scan: {NAME} names no findings. "
                "Run audit evaluate on the bundle; if it was interrupted, run it again."
            )
        self._folder, self._manifest = folder, manifest
        self._is_complete = manifest.schema == JUDGED_SCHEMA  # whether the manifest names all files
        self._checked: set[str] = set()

    def names(self, prefix: str) -> tuple[str, ...]:
        """Return the names of the files in a folder or of a table, or the file of that name, sorted.

        BundleError: a file that the manifest names is missing, or one that it does not name is there.
        """
        named = {name for name in self._manifest.files if _is_below(name, prefix)}
        there = set(_files_below(self._folder, prefix))
        for name in sorted(named - there):
            raise BundleError(
                f"{self._folder / name} is missing, and {NAME} names it. "
                "Restore it from a copy, or run audit evaluate on the bundle again."
            )
        for name in sorted(there - named) if self._is_complete else ():
            raise BundleError(
                f"{self._folder / name} is not named in {NAME}: it belongs to another scan. "
                "Remove it, or run audit evaluate on the bundle again."
            )
        return tuple(sorted(there, key=_order))

    def check(self, name: str) -> None:
        """Raise BundleError unless a file has the SHA-256 that the manifest states, if it states any.

        The columns of findings files are checked, too; those of tables when they are opened (`table`).
        """
        if name in self._checked:
            return
        sha256 = self._manifest.files.get(name)
        if sha256 is not None and file_sha256(self._folder / name) != sha256:
            raise BundleError(
                f"{self._folder / name} is not the file that {NAME} names: its SHA-256 differs. "
                "Restore it from a copy, or run audit evaluate on the bundle again."
            )
        if name.startswith(f"{FINDINGS[0]}/"):
            self._check_columns(name)
        # Once for each file: hashing all of them again would double the reading.
        self._checked.add(name)

    @property
    def names_reports(self) -> bool:
        """Whether the manifest names the reports, which those of earlier versions did not."""
        return report_checksums.NAME in self._manifest.files

    def check_report(self, name: str) -> None:
        """Raise BundleError unless a report is the one that `reports.sha256` lists.

        Scans of earlier versions, whose manifest does not name `reports.sha256`, are not checked.
        """
        if report_checksums.NAME not in self._manifest.files:
            return
        self.check(report_checksums.NAME)
        self._check_report(self._folder / name, read_checksums(self._folder).get(name, ""))

    def first_seen(self) -> Path | None:
        """Check and return the file of the times when findings were first seen; None: there is none.

        BundleError: it is not the file that the manifest names.
        """
        path = self._folder / FIRST_SEEN
        if FIRST_SEEN in self._manifest.files:
            self.check(FIRST_SEEN)
            return path
        # A manifest that names the reports also names this file; those of earlier versions name neither.
        if path.exists() and report_checksums.NAME in self._manifest.files:
            raise BundleError(f"{path} is not named in {NAME}: it belongs to another scan. Remove it.")
        return path if path.exists() else None

    def check_reports(self, folder: Path, without: Collection[str] = ()) -> None:
        """Check all reports that exist in `folder` (relative to that of the scan), less those `without`.

        BundleError: as `check_report`.
        """
        if report_checksums.NAME not in self._manifest.files:
            return
        name = (folder / report_checksums.NAME).as_posix()
        listed = read_checksums(self._folder / folder)
        if listed and name in self._manifest.files:
            self.check(name)
        if listed and name not in self._manifest.files:
            raise BundleError(f"{self._folder / name} is not named in {NAME}. Remove it.")
        for report, sha256 in listed.items():
            path = self._folder / folder / report
            if report not in without and path.is_file():
                self._check_report(path, sha256)

    def _check_report(self, path: Path, sha256: str) -> None:
        if file_sha256(path) != sha256:
            raise BundleError(
                f"{path} is not the report that {report_checksums.NAME} lists: it was changed. "
                "Restore it from a copy, or run audit evaluate on the bundle again."
            )

    def _check_columns(self, name: str) -> None:
        path, columns = self._folder / name, self._manifest.columns.get(FINDINGS[0], "")
        # Opening the file checks its columns.
        open_file(TableFiles((path,), columns), path).close()

    def checked(self, *prefixes: str) -> tuple[Path, ...]:
        """Check and return the files in folders, of tables, or with these names.

        BundleError: as `names` and `check`.
        """
        names = [name for prefix in prefixes for name in self.names(prefix)]
        for name in names:
            self.check(name)
        return tuple(self._folder / name for name in names)

    def table(self, folder: str, table: str) -> TableFiles:
        """Return the files of one table of `facts` or `inventory`; each is checked before it is opened.

        BundleError: as `names`. NoTableError: a scan of schema 1 has no such table.
        """
        prefix = f"{folder}/{table}"
        names = self.names(prefix)
        # With schema 2, a fact table without rows has no files.
        if not names and not (self._is_complete and folder == FACTS):
            return table_files(self._folder / folder, table)
        return TableFiles(
            paths=tuple(self._folder / name for name in names),
            columns=self._manifest.columns.get(prefix, ""),
            verify=lambda path: self.check(path.relative_to(self._folder).as_posix()),
        )

    @property
    def facts(self) -> TableSource:
        """The files of a fact table by its name, checked."""
        return partial(self.table, FACTS)


def is_judged(names: Iterable[str]) -> bool:
    """Check whether the files that a manifest names are those of a judged scan, not only of a bundle."""
    return any(name.partition("/")[0] in {*_FOLDERS, *FINDINGS} for name in names)


def has_foreign_findings(folder: Path) -> bool:
    """Check whether another program evaluated a scan: it writes findings, but need not name them.

    Findings of this program that the manifest does not name are of an evaluation that did not end.
    """
    try:
        with open_regular(folder / FOREIGN) as file:
            # Only the head, since the file may have gigabytes.
            return _OURS not in file.read(_HEAD)
    except OSError:
        return False


def has_sha256(path: Path, sha256: str) -> bool:
    """Check whether a file exists and has this SHA-256. BundleError: it cannot be read."""
    return path.is_file() and file_sha256(path) == sha256


def scan_record(manifest: Manifest) -> Manifest:
    """Return the manifest as reports contain it: without the checksums of the reports themselves."""
    files = {name: sha for name, sha in manifest.files.items() if name not in _AFTER_REPORTS}
    return replace(manifest, files=files)


def files_after_reports(folder: Path) -> Mapping[str, str]:
    """Return the files that are written after the view of a scan was built, with their SHA-256."""
    return {name: file_sha256(folder / name) for name in _AFTER_REPORTS if (folder / name).is_file()}


def judged_files(folder: Path) -> Mapping[str, str]:
    """Return each file of a judged scan with its SHA-256: `files` of the manifest."""
    names = [name for prefix in (*_FOLDERS, *FINDINGS[1:]) for name in _files_below(folder, prefix)]
    return {name: file_sha256(folder / name) for name in sorted(names)}


def _files_below(folder: Path, prefix: str) -> Iterator[str]:
    """Yield the Parquet files in a folder or of a table, or the file of that very name."""
    if (folder / prefix).is_dir():
        for path in (folder / prefix).rglob(f"*{_PARQUET}"):
            yield path.relative_to(folder).as_posix()
    for name in (prefix, f"{prefix}{_PARQUET}"):
        if name != _REPORT and (folder / name).is_file():
            yield name


def _is_below(name: str, prefix: str) -> bool:
    """Whether a name of the manifest is that of a file in a folder or of a table, or this very name."""
    if name not in (prefix, f"{prefix}{_PARQUET}") and not name.startswith(f"{prefix}/"):
        return False
    if not all(map(names_a_file, PurePosixPath(name).parts)):
        raise BundleError(f"{NAME}: files names {name[:80]!r}, which is not a file of a scan.")
    return True


def _order(name: str) -> tuple[str, ...]:
    """Sort by the names of folders and accounts, without the ending."""
    return PurePosixPath(name.removesuffix(_PARQUET)).parts
