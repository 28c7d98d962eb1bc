"""A scan of schema 2, read back from the files of its accounts."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from scanner.errors import BundleError
from scanner.findings.filed import Filed
from scanner.model.finding import Status
from scanner.model.scan import Scan
from scanner.report.formats.json import findings_json
from scanner.report.read import read_scan
from scanner.report.view.view import build
from tests.fakes.filed import RecordedWords, file_findings, name_files, read_filed, write_lines


def filed(scan: Scan, folder: Path) -> RecordedWords:
    write_lines(scan, folder)
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


@pytest.mark.parametrize("removed", ["one", "all"])
def test_parts_that_the_manifest_does_not_name_are_missed(removed: str, scan: Scan, tmp_path: Path) -> None:
    filed(scan, tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_bytes())
    names = [name for name in manifest["files"] if name.startswith("findings/")]
    for name in names[:1] if removed == "one" else names:
        del manifest["files"][name]
        (tmp_path / name).unlink()
    name_files(tmp_path, manifest)
    with pytest.raises(BundleError, match=r"findings/\*\.parquet .* summary\.json counts"):
        read_scan(tmp_path)


def test_a_changed_part_is_named(scan: Scan, tmp_path: Path) -> None:
    filed(scan, tmp_path)
    part = max((tmp_path / "findings").iterdir())
    part.write_bytes(part.read_bytes() + b" ")
    with pytest.raises(BundleError, match=part.name):
        read_scan(tmp_path)


def test_a_scan_without_findings(scan: Scan, tmp_path: Path) -> None:
    filed(replace(scan, findings=()), tmp_path)
    assert tuple(read_scan(tmp_path).findings) == ()


def test_without_definitions_of_controls_nothing_is_read(scan: Scan, tmp_path: Path) -> None:
    filed(scan, tmp_path)
    document = json.loads((tmp_path / "summary.json").read_bytes())
    del document["controls"]
    (tmp_path / "summary.json").write_text(json.dumps(document), "utf-8")
    with pytest.raises(BundleError, match="does not define the controls"):
        read_scan(tmp_path)
