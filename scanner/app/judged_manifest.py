"""The manifest of a judged scan."""

from collections.abc import Collection
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from scanner.app import TOOL
from scanner.app.criteria import Judgement
from scanner.app.inputs import input_names, manifest_inputs
from scanner.errors import UsageError
from scanner.evidence.attestation import judgement_sha256
from scanner.evidence.bundle import Bundle, file_sha256
from scanner.evidence.manifest import (
    INPUTS,
    JUDGED_SCHEMA,
    NAME,
    SIGNATURE,
    TIME_STAMP,
    manifest_bytes,
    manifest_document,
    parse_manifest,
    read_document,
)
from scanner.evidence.report_checksums import NAME as CHECKSUMS
from scanner.evidence.scan_files import FACTS, INVENTORY, ScanFiles, files_after_reports, judged_files
from scanner.findings.schema import FILED, FOLDER
from scanner.model.facts import TABLES
from scanner.model.inventory_tables import QUERIED_TABLES
from scanner.model.manifest import Manifest
from scanner.model.signing import Signing, SigningKey
from scanner.protection.capabilities import capabilities_as_of
from scanner.storage.files import write_atomically
from scanner.storage.parquet import columns_digests
from scanner.storage.table_files import columns_digest


def judged_manifest(bundle: Bundle, out: Path, judgement: Judgement) -> Manifest:
    """Return the manifest of the facts, inventory, findings and inputs in `out`: what reports contain of it.

    In another folder than the bundle's it refers to the bundle's manifest by its SHA-256.
    """
    in_place = _is_in_place(bundle, out)
    files = {**judged_files(out), **{name: file_sha256(out / name) for name in input_names(out)}}
    evidence = {name: sha for name, sha in bundle.manifest.files.items() if name.startswith("evidence/")}
    return replace(
        bundle.manifest,
        evaluated_as_of=judgement.clock(bundle.manifest),
        # A judged scan in another folder keeps a reference to its evidence by the hash of its manifest.
        source_sha256=bundle.manifest.source_sha256 if in_place else file_sha256(bundle.folder / NAME),
        files={**evidence, **files} if in_place else files,
        # Bundles of other programs may not name their tool.
        tool_name=bundle.manifest.tool_name or TOOL,
        tool_version=bundle.manifest.tool_version or version(TOOL),
        capabilities_as_of=capabilities_as_of(),
        columns=_columns(),
        schema=JUDGED_SCHEMA,
        inputs=manifest_inputs(judgement.inputs, judgement.as_of, bundle.manifest.inputs),
    )


def write_judged_manifest(bundle: Bundle, out: Path, manifest: Manifest) -> None:
    """Write the manifest of a judged scan, with the checksums of its reports: its last file."""
    # Reports come after the files that they are made from, and the manifest last of all.
    manifest = replace(manifest, files={**manifest.files, **files_after_reports(out)})
    write_atomically(out / NAME, manifest_bytes(_judged_document(bundle, out, manifest)))


def signing_before_reports(bundle: Bundle, out: Path, manifest: Manifest, key: SigningKey | None) -> Signing:
    """Return what reports print about the signature of the scan, before its manifest is written."""
    return Signing(judgement_sha256(manifest_bytes(_judged_document(bundle, out, manifest))), key)


def _judged_document(bundle: Bundle, out: Path, manifest: Manifest) -> dict[str, Any]:
    """Return the manifest as JSON.

    Judging a bundle in its own folder extends the bundle's manifest; keys of other programs stay in it. A
    signature over the bundle's manifest is void.
    """
    document = manifest_document(manifest)
    if _is_in_place(bundle, out):
        # Signature and time stamp are of what was judged before. Keys have the same order each time.
        last = ("columns", INPUTS)
        collected = {key: value for key, value in bundle.document.items() if key not in (*last, TIME_STAMP)}
        judged = ("schema", "evaluated_as_of", "files", "capabilities_as_of", *last)
        document = {**collected, SIGNATURE: None, **{key: document[key] for key in judged if key in document}}
    return document


def check_reports(scan_folder: Path, subfolder: Path, replaced: Collection[str]) -> None:
    """Check the reports in a subfolder of a scan, or in its own (`.`), before others are added.

    `replaced`: names of the files that are written again, and are not checked.

    Raises:
        BundleError: a report is not the one that was written with the scan.
        UsageError: the scan is signed: new reports would change the manifest, and void the signature.
    """
    document = read_document(scan_folder)
    if document.get(SIGNATURE) is not None:
        # A signature covers the manifest, which names the reports.
        raise UsageError(f"{scan_folder} is signed, so no reports can be added: name a folder with --out.")
    files = ScanFiles(scan_folder, parse_manifest(document, scan_folder))
    files.check_reports(subfolder, replaced)


def name_reports(scan_folder: Path, subfolder: Path) -> None:
    """Name the reports in a subfolder of a scan, or in its own (`.`), in the manifest.

    Nothing happens in scans of earlier versions, whose manifest names no reports.
    """
    document = read_document(scan_folder)
    name = (subfolder / CHECKSUMS).as_posix()
    if CHECKSUMS in document.get("files", {}) and (scan_folder / name).is_file():
        files = {**document["files"], name: file_sha256(scan_folder / name)}
        # Sorted, as everywhere in the manifest: equal content gives equal bytes.
        document = {**document, "files": dict(sorted(files.items()))}
        write_atomically(scan_folder / NAME, manifest_bytes(document))


def _is_in_place(bundle: Bundle, out: Path) -> bool:
    return out.resolve() == bundle.folder.resolve()


def _columns() -> dict[str, str]:
    """Return the digest of the columns of each table, by the table's name in the manifest."""
    folders = {FACTS: columns_digests(TABLES), INVENTORY: columns_digests(QUERIED_TABLES)}
    by_table = {f"{folder}/{name}": sha for folder, tables in folders.items() for name, sha in tables.items()}
    return {**by_table, FOLDER: columns_digest(FILED)}
