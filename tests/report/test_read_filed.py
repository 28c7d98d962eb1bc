"""A scan of schema 2, read back from the files of its accounts."""

import json
from pathlib import Path

import pytest

from scanner.errors import BundleError
from scanner.evidence.manifest import manifest_bytes, manifest_document
from scanner.findings.filed import Filed
from scanner.model.finding import Status
from scanner.model.scan import Scan
from scanner.report.json import findings_json, findings_jsonl_gz
from scanner.report.read import read_scan
from scanner.report.view import build
from scanner.report.write import write_reports
from tests.fakes.filed import RecordedWords, file_findings, read_filed


def filed(scan: Scan, folder: Path) -> RecordedWords:
    folder.mkdir(exist_ok=True)
    (folder / "manifest.json").write_bytes(manifest_bytes(manifest_document(scan.manifest)))
    (folder / "findings.jsonl.gz").write_bytes(b"".join(findings_jsonl_gz(scan.findings)))
    write_reports(build(scan), folder, ("summary",))
    return file_findings(folder)


def test_findings_are_those_that_were_filed(scan: Scan, tmp_path: Path) -> None:
    words = filed(scan, tmp_path)
    again = read_filed(tmp_path, words)
    assert len(again.findings) == len(scan.findings)
    assert tuple(again.findings) == tuple(scan.findings) == tuple(again.findings)


def test_a_report_of_it_is_the_same(scan: Scan, tmp_path: Path) -> None:
    again = read_filed(tmp_path, filed(scan, tmp_path))
    documents = [json.loads(b"".join(findings_json(build(each)))) for each in (scan, again)]
    assert documents[0]["findings"] == documents[1]["findings"]
    assert documents[0]["summary"] == documents[1]["summary"]


def test_without_words_the_texts_of_passes_are_empty(scan: Scan, tmp_path: Path) -> None:
    filed(scan, tmp_path)
    for finding in read_scan(tmp_path).findings:
        assert bool(finding.reason) == (finding.status not in {Status.PASS, Status.NOT_APPLICABLE})


def test_a_folder_with_the_characters_of_a_pattern(scan: Scan, tmp_path: Path) -> None:
    folder = tmp_path / "[a*]?'b"
    words = filed(scan, folder)
    assert tuple(read_filed(folder, words).findings) == tuple(scan.findings)


def test_a_missing_part_is_named(scan: Scan, tmp_path: Path) -> None:
    filed(scan, tmp_path)
    findings = read_scan(tmp_path).findings
    assert isinstance(findings, Filed)
    findings.files[1].unlink()
    with pytest.raises(BundleError, match=findings.files[1].name):
        read_scan(tmp_path)


def test_a_part_that_the_manifest_no_longer_names_is_missed(scan: Scan, tmp_path: Path) -> None:
    filed(scan, tmp_path)
    for name in ("manifest.json", "summary.json"):
        document = json.loads((tmp_path / name).read_bytes())
        files = document["files"] if name == "manifest.json" else document["scan"]["files"]
        del files[max(name for name in files if name.startswith("findings/"))]
        (tmp_path / name).write_text(json.dumps(document), "utf-8")
    with pytest.raises(BundleError, match=r"summary\.json counts"):
        read_scan(tmp_path)


def test_without_definitions_of_controls_nothing_is_read(scan: Scan, tmp_path: Path) -> None:
    filed(scan, tmp_path)
    document = json.loads((tmp_path / "summary.json").read_bytes())
    del document["controls"]
    (tmp_path / "summary.json").write_text(json.dumps(document), "utf-8")
    with pytest.raises(BundleError, match="does not define the controls"):
        read_scan(tmp_path)
