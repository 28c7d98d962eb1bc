"""Reading a judged scan back from its files, so that `audit report SCAN_DIR` can draw it again.

A scan of schema 2 has filed findings (`findings/ACCOUNT.parquet`), one of schema 1 has findings.jsonl.gz.

`findings.json` of another program has only what the contract names: then there are no definitions of
controls (they are named by their ids), no gaps and no reconciliation, and the limitations say so.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import orjson

from scanner.errors import BundleError
from scanner.evidence.manifest import JUDGED_SCHEMA, NAME, read_manifest, rfc3339
from scanner.evidence.scan_files import FACTS, ScanFiles
from scanner.evidence.scan_files import FINDINGS as FINDINGS_FILES
from scanner.findings.filed import Filed
from scanner.findings.schema import FOLDER
from scanner.findings.stored_lines import LINES, StoredFindings, stored_findings
from scanner.model.control import Control
from scanner.model.facts import TABLES
from scanner.model.finding import Finding, Severity, finding_from_document
from scanner.model.manifest import Manifest
from scanner.model.names import AccountId, RegionName
from scanner.model.reading import EvidenceRef, Gap, GapKind
from scanner.model.scan import POPULATION, Reconciliation, Scan, Stream
from scanner.report.explain.advice import control_of
from scanner.report.formats.json import SCHEMA
from scanner.report.view.assessment import assessment_of
from scanner.report.view.audit_manager import frameworks_of
from scanner.report.view.blast_radius import blast_radius_of
from scanner.report.view.changes import changes_of
from scanner.report.view.decisions import tiers_of, waivers_of
from scanner.report.view.unsupported import unsupported_of
from scanner.storage.parquet import StoredRows
from scanner.storage.table_files import NoTableError

FINDINGS: Final = "findings.json"
SUMMARY: Final = "summary.json"

FOREIGN: Final = (
    "findings.json carries no definitions of its controls, missing reads or reconciliation: "
    "these findings were written by another program, and this report can say no more than they do."
)

_Document = Mapping[str, Any]
_NO_DOCUMENT = (KeyError, TypeError, ValueError, AttributeError)


def read_scan(folder: Path) -> Scan:
    """Read the scan in `folder`. Its findings stay in their files, and are read whenever they are iterated.

    Those of schema 2 are a `Filed` without words: texts that are not filed are empty (`Filed.with_words`).

    Raises:
        BundleError: a file is missing, is no JSON, has not the shape of the contract, or is not the one that
            the manifest names.
    """
    manifest = read_manifest(folder)
    checked = ScanFiles(folder, manifest)
    checked.checked(*FINDINGS_FILES, FACTS)
    resources = _resources(checked)
    summary = _own_summary(folder, manifest)
    stored = stored_findings(folder)
    files = checked.checked(FOLDER)
    if files or manifest.schema == JUDGED_SCHEMA:
        document = _document(folder / FINDINGS) if summary is None else summary
        return replace(_filed_scan(manifest, document, files), resources=resources)
    if summary is not None and stored is not None:
        ordered = _is_unchanged(stored, manifest)  # what was written here was written in order
        return replace(scan_from_documents(manifest, summary, stored, ordered=ordered), resources=resources)
    return replace(scan_from_documents(manifest, _document(folder / FINDINGS), stored), resources=resources)


def _filed_scan(manifest: Manifest, document: object, files: tuple[Path, ...]) -> Scan:
    """Build a scan of schema 2 from its summary. BundleError: it has other numbers of findings."""
    if not isinstance(document, dict) or not isinstance(document.get("controls"), list):
        raise BundleError(
            f"{SUMMARY} does not define the controls of the filed findings. "
            "Run audit evaluate on the bundle again."
        )
    scan = scan_from_documents(manifest, {**document, "findings": [], "truncated": None}, None)
    filed = Filed(files, scan.controls)
    counted = sum(sum(statuses.values()) for statuses in document["summary"]["controls"].values())
    if len(filed) != counted:
        raise BundleError(
            f"The files {FOLDER}/*.parquet that {NAME} names have {len(filed):,} findings, {SUMMARY} counts "
            f"{counted:,}: files are missing or of another scan. Run audit evaluate on the bundle again."
        )
    return replace(scan, findings=filed)


def scan_from_documents(
    manifest: Manifest, document: object, stored: StoredFindings | None, *, ordered: bool = False
) -> Scan:
    """Put a scan together from its documents.

    `document` is that of findings.json, or of summary.json, which has no findings. `stored` are those of
    findings.jsonl: they count where the document says that it has not all. `ordered`: whether they are known
    to lie in the contract's order.

    Raises:
        BundleError: a document has not the shape of the contract.
    """
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise BundleError(f"{FINDINGS}: the schema is not {SCHEMA!r}. This version reads no other.")
    try:
        findings = _all_findings(document, stored, ordered=ordered)
        return _scan(manifest, document, findings)
    except _NO_DOCUMENT as problem:
        raise BundleError(f"{FINDINGS} has not the shape of the contract: {_what(problem)}.") from problem


def _all_findings(document: _Document, stored: StoredFindings | None, *, ordered: bool) -> Stream[Finding]:
    if "findings" in document and not document.get("truncated"):
        told = (finding_from_document(each) for each in document["findings"])
        return tuple(sorted(told, key=lambda each: each.order))
    if stored is None:
        raise BundleError(f"{FINDINGS} is truncated, and {LINES[0]}, which holds all, is missing.")
    return stored if ordered else _in_order(stored)


def _is_unchanged(stored: StoredFindings, manifest: Manifest) -> bool:
    return stored.path.name in manifest.files  # its checksum was compared


def _in_order(stored: StoredFindings) -> Stream[Finding]:
    """Hold findings in memory only when another program wrote them out of order."""
    pairs = pairwise(finding.order for finding in stored)
    if all(before <= behind for before, behind in pairs):
        return stored
    return tuple(sorted(stored, key=lambda each: each.order))


def _own_summary(folder: Path, manifest: Manifest) -> object:
    """Read summary.json, when it was written of this very judgement; None: there is none."""
    path = folder / SUMMARY
    document = _document(path) if path.is_file() else None
    told = document.get("scan") if isinstance(document, dict) else None
    known = isinstance(told, dict) and (
        told.get("scan_id"),
        told.get("evaluated_as_of"),
        told.get("files"),
    ) == (manifest.scan_id, rfc3339(manifest.evaluated_as_of), dict(manifest.files))
    return document if known else None


def _document(path: Path) -> object:
    try:
        return orjson.loads(path.read_bytes())
    except OSError as problem:
        raise BundleError(
            f"{path} cannot be read ({problem.strerror}). "
            "Name the folder of a scan that was judged, or judge it: audit evaluate BUNDLE."
        ) from problem
    except orjson.JSONDecodeError as problem:
        raise BundleError(f"{path.name}: line {problem.lineno} is no JSON: {problem}.") from problem


def _resources(files: ScanFiles) -> StoredRows | None:
    """Return the population; None: the scan is one of another program, without facts."""
    try:
        return StoredRows(files.facts, "resource", TABLES["resource"], POPULATION)
    except NoTableError:
        return None


def _scan(manifest: Manifest, document: _Document, findings: Stream[Finding]) -> Scan:
    summary = document["summary"]
    definitions = document.get("controls")
    foreign = (FOREIGN,) if definitions is None else ()
    return Scan(
        manifest=manifest,
        controls=_unnamed(summary, findings) if definitions is None else tuple(map(control_of, definitions)),
        parameters={each["id"]: each["parameters"] for each in definitions or ()},
        findings=findings,
        gaps=tuple(_gap(each) for each in summary.get("gaps", ())),
        reconciliation=tuple(_reconciliation(each) for each in summary.get("reconciliation", ())),
        limitations=(*foreign, *summary.get("limitations", ())),
        assessment=assessment_of(summary),
        frameworks=frameworks_of(summary.get("audit_manager", ())),
        tiers=tiers_of(summary),
        count_inherited_backup=summary.get("count_inherited_backup"),
        waivers=waivers_of(summary),
        unit_names=summary.get("unit_names", {}),
        changes=changes_of(summary),
        unsupported=unsupported_of(summary),
        blast_radius=blast_radius_of(summary),
        redacted=document.get("redacted") is True,
    )


def _what(problem: Exception) -> str:
    return f"the key {problem} is missing" if isinstance(problem, KeyError) else str(problem)


def _unnamed(summary: _Document, findings: Iterable[Finding]) -> tuple[Control, ...]:
    """Stand in for controls without a definition; the worst severity found is theirs."""
    severities: dict[str, Severity] = dict.fromkeys(summary.get("controls", ()), Severity.INFO)
    for finding in findings:
        known = severities.get(finding.control, Severity.INFO)
        severities[finding.control] = min(known, finding.severity, key=lambda each: each.rank)
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
