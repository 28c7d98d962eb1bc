import csv
import io
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scanner.model.finding import Finding
from scanner.model.scan import Scan
from scanner.report.formats import pdf_attachments
from scanner.report.formats.json import LEFT_OUT
from scanner.report.formats.pdf import document_html
from scanner.report.formats.pdf_attachments import Attached, attachments, extent, where_all_are
from scanner.report.view.overview import rank
from scanner.report.view.view import View, build
from tests.fakes.filed import file_findings, read_filed, write_lines

Key = tuple[str, str, str, str]


def _key(finding: Finding) -> Key:
    return finding.status, finding.control, finding.account, finding.fingerprint


def _keys(attached: Iterable[Attached]) -> list[Key]:
    """Return what findings.csv has."""
    file = next(each for each in attached if each.name == "findings.csv")
    text = zlib.decompress(file.path.read_bytes()).decode("utf-8-sig")
    rows = csv.DictReader(io.StringIO(text, newline=""))
    return [(row["status"], row["control"], row["account"], row["fingerprint"]) for row in rows]


def _limit(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr(pdf_attachments, "MAX_FINDINGS", number)


def _not_passed(view: View) -> list[Finding]:
    return [finding for finding in view.findings if finding.status not in LEFT_OUT]


def test_up_to_the_limit_all_findings_are_attached(
    scan: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = build(scan)
    _limit(monkeypatch, view.counts.total)
    files = attachments(view, tmp_path)
    assert _keys(files) == [_key(finding) for finding in view.findings]
    assert files[0].description == "All findings, one per row."
    assert "are in the attached findings.csv." in document_html(view, files)


def test_above_the_limit_what_passed_or_does_not_apply_is_left_out_and_the_pages_say_so(
    scan: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = build(scan)
    expected = _not_passed(view)
    total = view.counts.total
    assert len(expected) < total
    _limit(monkeypatch, total - 1)
    files = attachments(view, tmp_path)
    assert _keys(files) == [_key(finding) for finding in expected]
    sentence = f"{len(expected):,} of {total:,} findings: all that neither passed nor are not applicable."
    assert files[0].description == sentence
    html = document_html(view, files)
    assert f"The attached findings.csv has {sentence}" in html
    assert f"<code>findings.csv</code><small>{sentence}</small>" in html
    assert f'<p class="cut">{where_all_are(view.manifest)}</p>' in html


def test_of_too_many_failures_the_worst_are_attached_in_filing_order(
    scan: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = build(scan)
    everything = _not_passed(view)
    limit = len(everything) // 3
    _limit(monkeypatch, limit)
    files = attachments(view, tmp_path)
    worst = Counter(_key(finding) for finding in sorted(everything, key=rank)[:limit])
    keys = _keys(files)
    assert Counter(keys) == worst
    assert keys == [_key(finding) for finding in everything if worst[_key(finding)]]
    assert files[0].description == (
        f"{limit:,} of {view.counts.total:,} findings: "
        f"the worst of the {len(everything):,} that neither passed nor are not applicable."
    )
    html = document_html(view, files)
    assert "of this control in the attached findings.csv" not in html
    assert "of this control; Integrity names the files with all findings." in html


@pytest.mark.parametrize("share", [2, 5])
def test_of_filed_findings_the_same_are_attached_and_no_text_is_rendered(
    share: int, scan: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_lines(scan, tmp_path / "scan")
    words = file_findings(tmp_path / "scan")
    one_by_one, filed = build(scan), build(read_filed(tmp_path / "scan", words))
    _limit(monkeypatch, one_by_one.counts.total // share)
    assert extent(filed) == extent(one_by_one)
    words.rendered.clear()
    expected, files = (attachments(each, tmp_path / "files") for each in (one_by_one, filed))
    assert files[0] == expected[0]
    assert words.rendered == []


def test_the_numbers_of_the_extent_add_up_for_every_limit(
    scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = build(scan)
    for limit in range(view.counts.total + 2):
        _limit(monkeypatch, limit)
        chosen = extent(view)
        attached = view.counts.total if chosen.has_all else min(limit, chosen.not_passed)
        assert sum(chosen.numbers.values()) == attached


@pytest.mark.parametrize(
    ("files", "where", "checksums"),
    [
        (["facts/vault.parquet", "findings.jsonl.gz"], "findings.jsonl.gz", "its SHA-256 checksum is"),
        (
            ["findings/2.parquet", "findings/1.parquet"],
            "findings/1.parquet, findings/2.parquet",
            "their SHA-256 checksums are",
        ),
        (
            [f"findings/{number}.parquet" for number in range(1_001, 2_201)],
            "the 1,200 files findings/1001.parquet to findings/2200.parquet",
            "their SHA-256 checksums are",
        ),
    ],
)
def test_the_pages_name_the_files_with_all_findings(
    scan: Scan, files: list[str], where: str, checksums: str
) -> None:
    manifest = replace(scan.manifest, files=dict.fromkeys(files, "0" * 64))
    sentence = (
        f"All findings are in {where} in the folder of the scan; {checksums} in the attached manifest.json."
    )
    assert where_all_are(manifest) == sentence


def test_without_files_the_pages_name_the_command_that_writes_all_findings(scan: Scan) -> None:
    manifest = replace(scan.manifest, files={})
    assert where_all_are(manifest) == "audit report SCAN_DIR --format csv writes all findings."


def test_checksums_of_the_findings_come_first(scan: Scan) -> None:
    names = [f"facts/{number:02}.parquet" for number in range(60)]
    manifest = replace(scan.manifest, files=dict.fromkeys([*names, "findings.jsonl.gz"], "0" * 64))
    html = document_html(build(replace(scan, manifest=manifest)), ())
    chapter = html.partition("<h3>Files of the scan</h3>")[2]
    assert (
        0 < chapter.index("<code>findings.jsonl.gz</code>") < chapter.index("<code>facts/00.parquet</code>")
    )


def test_a_population_that_is_too_large_is_not_attached_and_the_pages_say_so(
    scan: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row: dict[str, Any] = {
        "subject": "arn:aws:ec2:eu-west-1:111111111111:volume/vol-1",
        "subject_type": "EBS",
        "account": "111111111111",
        "region": "eu-west-1",
        "name": "vol-1",
        "covered": None,
        "newest_recovery_point": {"exists": None},
        "not_applicable_because": "",
        "tags": None,
    }
    view = build(replace(scan, resources=(row, row)))
    whole = attachments(view, tmp_path)
    assert [each.name for each in whole] == ["findings.csv", "inventory.csv", "manifest.json"]
    assert "--format inventory" not in document_html(view, whole)
    monkeypatch.setattr(pdf_attachments, "MAX_RESOURCES", 1)
    files = attachments(view, tmp_path)
    assert [each.name for each in files] == ["findings.csv", "manifest.json"]
    html = document_html(view, files)
    assert "resources and is not attached: <code>audit report SCAN_DIR --format inventory</code>" in html
    assert "<code>inventory.csv</code>" not in html
