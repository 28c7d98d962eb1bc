"""Reading an evaluated scan back from its files, so that `audit report SCAN_DIR` can write its reports.

A scan of schema 2 has findings in Parquet (`findings/ACCOUNT.parquet`), one of schema 1 has
findings.jsonl.gz.

`findings.json` of another program may contain only what the contract requires. Then there are no definitions
of controls (they are called by their ids), no gaps and no reconciliation, and the limitations say so.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import orjson

from scanner.errors import BundleError
from scanner.evidence.attestation import signing_of
from scanner.evidence.manifest import (
    JUDGED_SCHEMA,
    NAME,
    SIGNATURE,
    TIME_STAMP,
    manifest_document,
    read_manifest,
    rfc3339,
)
from scanner.evidence.scan_files import FACTS, INVENTORY, ScanFiles, scan_record
from scanner.evidence.scan_files import FINDINGS as FINDINGS_FILES
from scanner.findings.causes import FiledCauses
from scanner.findings.filed import Filed
from scanner.findings.schema import FOLDER
from scanner.findings.stored_lines import LINES, StoredFindings, stored_findings
from scanner.model.control import Control
from scanner.model.facts import TABLES
from scanner.model.finding import Finding, Severity, finding_from_document
from scanner.model.known import EvidenceRef, Gap, GapKind
from scanner.model.manifest import Manifest
from scanner.model.names import AccountId, RegionName
from scanner.model.protection import ProtectionGroup
from scanner.model.scan import POPULATION, Reconciliation, Scan, Stream
from scanner.report.commands.structures import structure_tables
from scanner.report.explain.advice import control_of
from scanner.report.formats.json import SCHEMA
from scanner.report.view.assessment import assessment_of
from scanner.report.view.audit_manager import frameworks_of
from scanner.report.view.blast_radius import blast_radius_of
from scanner.report.view.changes import changes_of
from scanner.report.view.completeness import unsupported_of
from scanner.report.view.coverage import coverage_of
from scanner.report.view.decisions import tiers_of, waivers_of
from scanner.report.view.details import details_of
from scanner.report.view.root_causes import root_causes_of
from scanner.report.view.selection import selection_of
from scanner.report.view.timeline import timeline_of
from scanner.storage.bounded import read_regular
from scanner.storage.parquet import StoredRows
from scanner.storage.table_files import NoTableError

FINDINGS: Final = "findings.json"
SUMMARY: Final = "summary.json"

FOREIGN: Final = (
    "Another program wrote findings.json, without definitions of controls, missing reads and reconciliation: "
    "this report contains only what the findings themselves say."
)

_Document = Mapping[str, Any]
_NO_DOCUMENT = (KeyError, TypeError, ValueError, AttributeError)


def read_scan(folder: Path) -> Scan:
    """Read the scan in `folder`. Its findings stay in their files and are read at each iteration.

    Those of schema 2 are a `Filed` without words: texts that are not in Parquet are empty
    (`Filed.with_words`).

    Raises:
        BundleError: a file is missing, is not JSON, does not follow the contract, or differs from the
        manifest's
            checksum.
    """
    manifest = read_manifest(folder)
    checked = ScanFiles(folder, manifest)
    # Before anything is parsed: a file that was changed must not be shown as a result.
    checked.checked(*FINDINGS_FILES, FACTS)
    rows = partial(
        replace,
        resources=_resources(checked),
        protection_groups=_protection_groups(checked),
        structures=structure_tables(checked.facts, partial(checked.table, INVENTORY)),
        signing=signing_of((folder / NAME).read_bytes(), manifest.scan_id),
    )
    return rows(_scan_of(folder, manifest, checked, _causes(checked)))


def read_counted(folder: Path) -> Scan:
    """Read what a series of scans needs of one: findings without root causes, and no facts or inventory.

    A scan of schema 2 needs its manifest, summary.json, reports.sha256 and findings/*.parquet.

    Raises:
        BundleError: as `read_scan`.
    """
    manifest = read_manifest(folder)
    checked = ScanFiles(folder, manifest)
    if manifest.schema != JUDGED_SCHEMA:
        checked.checked(*FINDINGS_FILES[1:])
    return _scan_of(folder, manifest, checked, None)


def _scan_of(folder: Path, manifest: Manifest, checked: ScanFiles, causes: FiledCauses | None) -> Scan:
    manifest = scan_record(manifest)
    summary = _own_summary(folder, manifest, checked)
    stored = stored_findings(folder)
    files = checked.checked(FOLDER)
    # Schema 2 without findings files is a scan without findings, not one of schema 1.
    if files or manifest.schema == JUDGED_SCHEMA:
        document = _document(folder / FINDINGS) if summary is None else summary
        return _filed_scan(manifest, document, files, causes)
    if summary is not None and stored is not None:
        ordered = _is_unchanged(stored, manifest)  # what was written here was written in order
        return scan_from_documents(manifest, summary, stored, ordered=ordered)
    return scan_from_documents(manifest, _document(folder / FINDINGS), stored)


def _filed_scan(
    manifest: Manifest, document: object, files: tuple[Path, ...], causes: FiledCauses | None
) -> Scan:
    """Build a scan of schema 2 from its summary. BundleError: the numbers of findings differ."""
    if not isinstance(document, dict) or not isinstance(document.get("controls"), list):
        raise BundleError(
            f"{SUMMARY} does not define the controls of the filed findings. "
            "Run audit evaluate on the bundle again."
        )
    scan = scan_from_documents(manifest, {**document, "findings": [], "truncated": None}, None)
    filed = Filed(files, scan.controls)
    counted = sum(sum(statuses.values()) for statuses in document["summary"]["controls"].values())
    # A Parquet file that is missing as a whole has no checksum that could differ.
    if len(filed) != counted:
        raise BundleError(
            f"The files {FOLDER}/*.parquet in {NAME} contain {len(filed):,} findings, but {SUMMARY} counts "
            f"{counted:,}: files are missing or from another scan. Run audit evaluate on the bundle again."
        )
    return replace(scan, findings=filed.with_causes(causes))


def scan_from_documents(
    manifest: Manifest, document: object, stored: StoredFindings | None, *, ordered: bool = False
) -> Scan:
    """Build a scan from its documents.

    `document`: findings.json, or summary.json, which has no findings. `stored`: the findings of
    findings.jsonl, used if the document does not contain all. `ordered`: whether these are known to be in the
    contract's order.

    Raises:
        BundleError: a document does not follow the contract.
    """
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise BundleError(f"{FINDINGS}: the schema is not {SCHEMA!r}, the only one that this version reads.")
    try:
        findings = _all_findings(document, stored, ordered=ordered)
        return _scan(manifest, document, findings)
    except _NO_DOCUMENT as problem:
        raise BundleError(f"{FINDINGS} does not follow its schema: {_what(problem)}.") from problem


def _all_findings(document: _Document, stored: StoredFindings | None, *, ordered: bool) -> Stream[Finding]:
    # Complete within the document, so findings.jsonl is not needed.
    if "findings" in document and not document.get("truncated"):
        parsed = map(finding_from_document, document["findings"])
        return tuple(sorted(parsed, key=lambda finding: finding.order))
    if stored is None:
        raise BundleError(
            f"{FINDINGS} is truncated, and {LINES[0]}, which contains all findings, is missing."
        )
    return stored if ordered else _in_order(stored)


def _is_unchanged(stored: StoredFindings, manifest: Manifest) -> bool:
    return stored.path.name in manifest.files  # its checksum was compared


def _in_order(stored: StoredFindings) -> Stream[Finding]:
    """Return findings in order; they are loaded into memory only if another program wrote them unordered."""
    pairs = pairwise(finding.order for finding in stored)
    # Checked by streaming: most files are in order, and need no memory then.
    if all(before <= behind for before, behind in pairs):
        return stored
    return tuple(sorted(stored, key=lambda entry: entry.order))


def _own_summary(folder: Path, manifest: Manifest, checked: ScanFiles) -> object:
    """Return summary.json if it belongs to this evaluation; None: there is none.

    BundleError: it is not the file that the manifest, through reports.sha256, names.
    """
    path = folder / SUMMARY
    checked.check_report(SUMMARY)
    document = _document(path) if path.is_file() else None
    scan = document.get("scan") if isinstance(document, dict) else None
    is_own = isinstance(scan, dict) and (
        scan.get("scan_id"),
        scan.get("evaluated_as_of"),
        scan.get("files"),
    ) == (manifest.scan_id, rfc3339(manifest.evaluated_as_of), dict(manifest.files))
    if is_own and isinstance(scan, dict) and checked.names_reports:
        _check_same_scan(folder, scan, manifest)
    return document if is_own else None


def _check_same_scan(folder: Path, scan: _Document, manifest: Manifest) -> None:
    """Raise BundleError unless the summary, which has a checksum, describes the scan as the manifest does."""
    document = manifest_document(manifest)
    # A scan may be signed after its evaluation, so these may differ.
    for key in sorted(scan.keys() & document.keys() - {"tool", SIGNATURE, TIME_STAMP}):
        if scan[key] != document[key]:
            raise BundleError(
                f"{folder}: {NAME} and {SUMMARY} differ in {key!r}: one of them was changed. "
                "Restore them from a copy, or run audit evaluate on the bundle again."
            )


def _document(path: Path) -> object:
    try:
        return orjson.loads(read_regular(path))
    except OSError as problem:
        raise BundleError(
            f"{path} cannot be read ({problem.strerror}). "
            "Name the folder of an evaluated scan, or evaluate the bundle: audit evaluate BUNDLE."
        ) from problem
    except orjson.JSONDecodeError as problem:
        raise BundleError(f"{path.name}: line {problem.lineno} is not valid JSON: {problem}.") from problem


def _resources(files: ScanFiles) -> StoredRows | None:
    """Return the population; None: another program wrote the scan, without facts."""
    try:
        return StoredRows(files.facts, "resource", TABLES["resource"], POPULATION)
    except NoTableError:
        return None


def _causes(files: ScanFiles) -> FiledCauses | None:
    """Return the root causes; None: an earlier version wrote the scan, or they were not worked out."""
    try:
        return FiledCauses(partial(files.table, INVENTORY))
    except NoTableError:
        return None


def _protection_groups(files: ScanFiles) -> StoredRows | None:
    """Return what protects resources; None: an earlier version wrote the scan."""
    try:
        return StoredRows(partial(files.table, INVENTORY), "protection_groups", ProtectionGroup)
    except NoTableError:
        return None


def _scan(manifest: Manifest, document: _Document, findings: Stream[Finding]) -> Scan:
    summary = document["summary"]
    definitions = document.get("controls")
    foreign = (FOREIGN,) if definitions is None else ()
    return Scan(
        manifest=manifest,
        controls=_unnamed(summary, findings) if definitions is None else tuple(map(control_of, definitions)),
        parameters={control["id"]: control["parameters"] for control in definitions or ()},
        findings=findings,
        gaps=tuple(map(_gap, summary.get("gaps", ()))),
        reconciliation=tuple(map(_reconciliation, summary.get("reconciliation", ()))),
        limitations=(*foreign, *summary.get("limitations", ())),
        assessment=assessment_of(summary),
        coverage=coverage_of(summary),
        frameworks=frameworks_of(summary.get("audit_manager", ())),
        tiers=tiers_of(summary),
        count_inherited_backup=summary.get("count_inherited_backup"),
        waivers=waivers_of(summary),
        unit_names=summary.get("unit_names", {}),
        changes=changes_of(summary),
        timeline=timeline_of(summary),
        unsupported=unsupported_of(summary),
        blast_radius=blast_radius_of(summary),
        root_causes=root_causes_of(summary),
        report=details_of(summary),
        selection=selection_of(summary),
        redacted=document.get("redacted") is True,
    )


def _what(problem: Exception) -> str:
    return f"the key {problem} is missing" if isinstance(problem, KeyError) else str(problem)


def _unnamed(summary: _Document, findings: Iterable[Finding]) -> tuple[Control, ...]:
    """Return controls without definitions, each with the worst severity of its findings."""
    # A control without findings has nothing that could say its severity.
    severities: dict[str, Severity] = dict.fromkeys(summary.get("controls", ()), Severity.INFO)
    for finding in findings:
        worst_so_far = severities.get(finding.control, Severity.INFO)
        severities[finding.control] = min(worst_so_far, finding.severity, key=lambda rated: rated.rank)
    return tuple(
        Control(id=name, title=name, severity=severity, subject="", population="", require="", reason="")
        for name, severity in sorted(severities.items())
    )


def _gap(document: _Document) -> Gap:
    evidence = document["evidence"]
    return Gap(
        account=AccountId(document["account"]),
        region=RegionName(document["region"]),
        operation=document["operation"],
        about=document["about"],
        kind=GapKind(document["kind"]),
        code=document["code"],
        message=document["message"],
        ref=None if evidence is None else EvidenceRef(evidence["file"], evidence["line"]),
    )


def _reconciliation(document: _Document) -> Reconciliation:
    return Reconciliation(
        account=document["account"],
        region=document["region"],
        subject_type=document["subject_type"],
        listed=document["listed"],
        elsewhere=tuple(document["elsewhere"]),
    )
