"""A judged scan whose findings are filed by account (schema 2), made of the lines that it has."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from scanner.evidence import report_checksums
from scanner.evidence.bundle import file_sha256
from scanner.evidence.manifest import JUDGED_SCHEMA, manifest_bytes, manifest_document
from scanner.findings.filed import Filed, ReadControl
from scanner.findings.rows import FiledRow
from scanner.findings.schema import FOLDER
from scanner.findings.selected import Masks
from scanner.findings.stored_lines import StoredFindings
from scanner.findings.writing import FindingFiles, batch_of
from scanner.model.finding import Finding
from scanner.model.scan import Scan
from scanner.report.formats.json import findings_jsonl_gz
from scanner.report.read import read_scan
from scanner.report.view.view import build
from scanner.report.write import write_reports

Key = tuple[str, str, str, str]


@dataclass
class RecordedWords:
    """Words that were recorded, in place of rendered ones; they count what was asked for."""

    findings: Mapping[Key, Finding]
    rendered: list[Key] = field(default_factory=list)

    def some(self, rows: Sequence[FiledRow]) -> list[Finding]:
        """Return the findings of rows with their texts."""
        return [self._whole(row) for row in rows]

    @contextmanager
    def reader(self, controls: Collection[str]) -> Iterator[ReadControl]:
        """Return what gives findings of a control with their texts."""
        assert controls
        yield self._all

    def _all(self, control: str, masks: Masks, rows: Iterator[FiledRow]) -> Iterator[Finding]:
        read = list(rows)
        assert sum(mask.count(b"1") for mask in masks.values()) == sum(not row.has_texts for row in read)
        for row in read:
            assert row.finding.control == control
            yield self._whole(row)

    def _whole(self, row: FiledRow) -> Finding:
        if row.has_texts:
            return row.finding
        self.rendered.append(row.finding.order)
        recorded = self.findings[row.finding.order]
        return replace(
            row.finding, reason=recorded.reason, details=recorded.details, evidence=recorded.evidence
        )


def write_filed(folder: Path, findings: Sequence[Finding], *, whole: bool = False) -> tuple[Path, ...]:
    """Write findings, which are in filing order, as files of their accounts."""
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    with FindingFiles(folder / FOLDER) as files:
        for account in sorted({each.account for each in findings}):
            own = [each for each in findings if each.account == account]
            files.add(account, batch_of(own, whole=whole))
    return tuple(sorted((folder / FOLDER).glob("*.parquet")))


def file_findings(folder: Path) -> RecordedWords:
    """Turn a judged scan into one of schema 2, without lines; return the words of what is not filed."""
    lines = folder / "findings.jsonl.gz"
    findings = tuple(StoredFindings(lines))
    written = write_filed(folder, findings)
    lines.unlink()
    (folder / "findings.json").unlink(missing_ok=True)
    manifest = _document(folder / "manifest.json") | {"schema": JUDGED_SCHEMA}
    names = {name: sha for name, sha in manifest["files"].items() if name != lines.name}
    names |= {str(path.relative_to(folder)): file_sha256(path) for path in written}
    manifest["files"] = dict(sorted(names.items()))
    name_files(folder, manifest)
    return RecordedWords({each.order: each for each in findings})


def name_files(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write a manifest, and its files into the summary, as if it had been evaluated with these files."""
    summary, files = _document(folder / "summary.json"), dict(manifest["files"])
    checksums = files.pop(report_checksums.NAME, None)
    summary["scan"]["files"] = files
    (folder / "summary.json").write_text(json.dumps(summary), "utf-8")
    if checksums is not None:
        new = {"summary.json": file_sha256(folder / "summary.json")}
        listed = report_checksums.read_checksums(folder) | new
        (folder / report_checksums.NAME).write_bytes(report_checksums.checksums_bytes(listed))
        files[report_checksums.NAME] = file_sha256(folder / report_checksums.NAME)
    (folder / "manifest.json").write_text(json.dumps({**manifest, "files": files}), "utf-8")


def write_lines(scan: Scan, folder: Path) -> None:
    """Write a judged scan of schema 1: its manifest, its summary, and its findings as lines."""
    folder.mkdir(exist_ok=True)
    lines = folder / "findings.jsonl.gz"
    lines.write_bytes(b"".join(findings_jsonl_gz(scan.findings)))
    scan = replace(scan, manifest=replace(scan.manifest, files={lines.name: file_sha256(lines)}))
    (folder / "manifest.json").write_bytes(manifest_bytes(manifest_document(scan.manifest)))
    write_reports(build(scan), folder, ("summary",))


def read_filed(folder: Path, words: RecordedWords) -> Scan:
    """Read a scan of schema 2 with recorded words."""
    scan = read_scan(folder)
    assert isinstance(scan.findings, Filed)
    return replace(scan, findings=scan.findings.with_words(words))


def _document(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_bytes())
    return document
