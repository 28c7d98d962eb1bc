"""An earlier judgement in the folder of a new one: refused, or removed before anything is written.

First the manifest stops naming the judgement. From then on no command reads what is left of it, even if the
removal or the new evaluation is interrupted.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from scanner.app.reports import SHARED
from scanner.errors import UsageError
from scanner.evidence.bundle import Bundle
from scanner.evidence.manifest import (
    INPUTS,
    NAME,
    SCHEMA,
    SIGNATURE,
    TIME_STAMP,
    manifest_bytes,
    read_document,
)
from scanner.evidence.report_checksums import NAME as CHECKSUMS
from scanner.evidence.scan_files import (
    FACTS,
    FINDINGS,
    FIRST_SEEN,
    INVENTORY,
    has_foreign_findings,
    has_sha256,
    is_judged,
)
from scanner.findings.schema import FOLDER
from scanner.report.write import FORMATS
from scanner.storage.files import remove_files, remove_folders, write_atomically

_REPORTS: Final = (*(form.file for form in FORMATS.values()), CHECKSUMS, *FINDINGS[1:])
_OF_JUDGEMENT: Final = ("columns", TIME_STAMP)
"""Keys of the manifest that only a judged scan has."""


def check_is_free(bundle_folder: Path, out: Path, *, force: bool, shown: str = "") -> None:
    """Check that an evaluation may be written to `out`. `shown`: how messages call it.

    Raises:
        UsageError: another evaluation is there, and `force` is not set; or the evidence of another scan.
    """
    # Resolved paths: the same folder may be named in two ways.
    in_place, shown = _is_same(out, bundle_folder), shown or str(out)
    # Evidence of another scan would seem to belong to this judgement.
    if not in_place and (out / "evidence").exists():
        raise UsageError(f"{shown} contains the evidence of a scan: name another folder with --out.")
    if not force and _has_judgement(out, in_place=in_place):
        raise UsageError(
            f"{shown} contains an evaluated scan: name another folder with --out, or replace it with --force."
        )


def is_of_judgement(name: str) -> bool:
    """Check by its name whether a file of a scan is part of its evaluation."""
    folder, _, report = name.rpartition("/")
    is_report = folder in ("", SHARED) and report in _REPORTS
    return is_report or name in (NAME, FIRST_SEEN) or folder.startswith(INPUTS) or is_judged((name,))


def collection_manifest(folder: Path) -> bytes:
    """Return the manifest of the collection of a judged scan. BundleError: the manifest cannot be read."""
    return manifest_bytes(_collection_document(read_document(folder)))


def _is_same(folder: Path, candidate: Path) -> bool:
    return folder.resolve() == candidate.resolve()


def _has_judgement(out: Path, *, in_place: bool) -> bool:
    """Check whether a folder contains an evaluated scan, of this program or another."""
    if not (out / NAME).exists():
        return False
    if not in_place:
        # A manifest in another folder than the bundle's can only be that of a judgement.
        return True
    return is_judged(_files(read_document(out))) or has_foreign_findings(out)


def _files(document: Mapping[str, Any]) -> Mapping[str, str]:
    files = document.get("files")
    return files if isinstance(files, dict) else {}


def remove_judgement(bundle: Bundle, out: Path) -> None:
    """Remove an earlier judgement from `out`, the manifest first.

    In the bundle's own folder the manifest becomes that of the collection again. `first-seen.json.gz` stays,
    if it is the file that the manifest names: later evaluations continue it.

    Raises:
        OutputError: a file cannot be written or removed.
    """
    in_place, files = _is_same(out, bundle.folder), _files(bundle.document)
    # A file that the manifest does not name was not written by the program, and is not carried over.
    keeps_first_seen = in_place and has_sha256(out / FIRST_SEEN, files.get(FIRST_SEEN, ""))
    if not in_place:
        remove_files(out / NAME)
    elif is_judged(files):
        # In place the evidence stays valid, so the manifest goes back to that of the collection.
        write_atomically(out / NAME, manifest_bytes(_collection_document(bundle.document)))
    # Reports after the manifest: until here, an interruption leaves a scan whose manifest is true.
    remove_files(*(folder / name for folder in (out / SHARED, out) for name in _REPORTS))
    if not keeps_first_seen:
        remove_files(out / FIRST_SEEN)
    remove_folders(out / FACTS, out / FOLDER, out / INVENTORY)


def _collection_document(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest of the collection from that of its judged scan. A signature is void with it."""
    files = {name: sha for name, sha in _files(document).items() if not _is_of_judgement(name)}
    of_collection = {key: value for key, value in document.items() if key not in _OF_JUDGEMENT}
    # The signature is over a manifest that no longer exists.
    return {**of_collection, "schema": SCHEMA, "files": files, SIGNATURE: None}


def _is_of_judgement(name: str) -> bool:
    return is_judged((name,)) or name.endswith(CHECKSUMS)
