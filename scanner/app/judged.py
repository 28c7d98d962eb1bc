"""A judged scan, read back with everything that its findings say."""

from dataclasses import replace
from pathlib import Path

from scanner.evaluate.words import RenderedWords
from scanner.evidence.scan_files import ScanFiles
from scanner.findings.filed import Filed
from scanner.model.scan import Scan
from scanner.report.read import read_scan
from scanner.report.stored import stored_findings


def read_judged(folder: Path) -> Scan:
    """Read a judged scan of any schema. Texts that are not filed are rendered when they are read.

    Raises:
        BundleError: the folder contains no judged scan, or a file of it is missing or changed.
    """
    scan = read_scan(folder)
    if not isinstance(scan.findings, Filed):
        return scan
    return replace(scan, findings=_with_texts(folder, scan, scan.findings))


def _with_texts(folder: Path, scan: Scan, filed: Filed) -> Filed:
    """Add what gives the texts that are not filed: the lines where there are some, and the facts."""
    words = RenderedWords(
        facts=ScanFiles(folder, scan.manifest).facts,
        controls=filed.controls,
        parameters=scan.parameters,
        as_of=scan.manifest.evaluated_as_of,
        has_tiers=bool(scan.tiers.tiers),
    )
    lines = stored_findings(folder)
    with_words = filed.with_words(words)
    return with_words if lines is None else with_words.with_lines(lines)
