"""The findings of a judged scan with all their texts, right after judging or read back later."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from scanner.app import FINDINGS
from scanner.app.criteria import Judgement
from scanner.evaluate.decisions.waivers import CONTROL as WAIVER_CONTROL
from scanner.evaluate.words import RenderedWords
from scanner.evidence.scan_files import FACTS, ScanFiles
from scanner.findings.filed import Filed
from scanner.findings.schema import FOLDER
from scanner.findings.stored_lines import StoredFindings, stored_findings
from scanner.model.manifest import Manifest
from scanner.model.scan import Scan
from scanner.report.formats.json import findings_jsonl_gz
from scanner.report.read import read_scan
from scanner.storage.files import write_atomically
from scanner.storage.table_files import table_files

MOST_LINES: Final = 250_000
"""Up to this number, findings are always written as lines, too (evidence format, "Layout")."""


def read_judged(folder: Path) -> Scan:
    """Read a judged scan of any schema. Texts that are not filed are rendered from the facts when needed.

    Raises:
        BundleError: the folder contains no judged scan, or a file of it is missing or changed.
    """
    scan = read_scan(folder)
    if not isinstance(scan.findings, Filed):
        return scan
    texts = RenderedWords(
        facts=ScanFiles(folder, scan.manifest).facts,
        controls=scan.findings.controls,
        parameters=scan.parameters,
        as_of=scan.manifest.evaluated_as_of,
        has_tiers=bool(scan.tiers.tiers),
    )
    findings = scan.findings.with_words(texts)
    # Lines have all texts, and reading them is cheaper than rendering the texts again.
    lines = stored_findings(folder)
    return replace(scan, findings=findings if lines is None else findings.with_lines(lines))


def lined_findings(out: Path, findings: Filed, *, lines: bool) -> Filed:
    """Write the findings that `write_findings` has filed in `out` as lines, too, and return them.

    Lines are written when there are at most MOST_LINES, or when `lines` asks for them.
    """
    path = out / FINDINGS
    # Large scans have no lines unless they are requested: their texts take time and disk.
    if not lines and len(findings) > MOST_LINES:
        return findings
    write_atomically(path, findings_jsonl_gz(findings))
    return findings.with_lines(StoredFindings(path, len(findings)))


def unlined_findings(out: Path, judgement: Judgement, manifest: Manifest) -> Filed:
    """Return the findings that `write_findings` has filed in `out`, whose texts are rendered when needed.

    Lines of an earlier evaluation are removed.
    """
    # Lines of an earlier evaluation would be read instead of the new findings.
    (out / FINDINGS).unlink(missing_ok=True)
    controls = {control.id: control for control in (*judgement.controls, WAIVER_CONTROL)}
    texts = RenderedWords(
        facts=partial(table_files, out / FACTS),
        controls=controls,
        parameters=judgement.effective_parameters,
        as_of=judgement.clock(manifest),
        has_tiers=bool(judgement.tiers.tiers),
    )
    return Filed(tuple((out / FOLDER).glob("*.parquet")), controls.values(), texts)
