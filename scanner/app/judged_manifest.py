"""The manifest of a judged scan."""

from dataclasses import replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from scanner.app import TOOL
from scanner.evidence.bundle import Bundle, file_sha256
from scanner.evidence.manifest import (
    JUDGED_SCHEMA,
    NAME,
    SIGNATURE,
    TIME_STAMP,
    manifest_bytes,
    manifest_document,
)
from scanner.evidence.scan_files import FACTS, INVENTORY, judged_files
from scanner.findings.schema import FILED, FOLDER
from scanner.model.facts import TABLES
from scanner.model.inventory_tables import INVENTORY_TABLES
from scanner.model.manifest import Manifest
from scanner.protection.capabilities import capabilities_as_of
from scanner.storage.files import write_atomically
from scanner.storage.parquet import columns_digests
from scanner.storage.table_files import columns_digest


def write_judged_manifest(bundle: Bundle, out: Path, as_of: datetime) -> Manifest:
    """Write the manifest of the facts, inventory and findings in `out`, and return it.

    Judging a bundle in its own folder extends the bundle's manifest; keys of other programs stay in it.
    """
    in_place = out.resolve() == bundle.folder.resolve()
    manifest = _judged_manifest(bundle, out, as_of, in_place=in_place)
    document = manifest_document(manifest)
    if in_place:
        judged = ("schema", "evaluated_as_of", "files", "capabilities_as_of", "columns")
        document = {**bundle.document, **{key: document[key] for key in judged}, SIGNATURE: None}
        document.pop(TIME_STAMP, None)  # as the signature, of what was judged before
    write_atomically(out / NAME, manifest_bytes(document))
    return manifest


def _judged_manifest(bundle: Bundle, out: Path, as_of: datetime, *, in_place: bool) -> Manifest:
    """Build the manifest; in another folder it refers to the bundle's by its SHA-256."""
    files = judged_files(out)
    evidence = {name: sha for name, sha in bundle.manifest.files.items() if name.startswith("evidence/")}
    return replace(
        bundle.manifest,
        evaluated_as_of=as_of,
        source_sha256=bundle.manifest.source_sha256 if in_place else file_sha256(bundle.folder / NAME),
        files={**evidence, **files} if in_place else files,
        tool_name=bundle.manifest.tool_name or TOOL,
        tool_version=bundle.manifest.tool_version or version(TOOL),
        capabilities_as_of=capabilities_as_of(),
        columns=_columns(),
        schema=JUDGED_SCHEMA,
    )


def _columns() -> dict[str, str]:
    """Return the digest of the columns of each table, by the table's name in the manifest."""
    folders = {FACTS: columns_digests(TABLES), INVENTORY: columns_digests(INVENTORY_TABLES)}
    by_table = {f"{folder}/{name}": sha for folder, tables in folders.items() for name, sha in tables.items()}
    return {**by_table, FOLDER: columns_digest(FILED)}
