import csv
import gzip
import io
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from scanner.errors import BundleError
from scanner.evidence.manifest import manifest_bytes, manifest_document
from scanner.model.finding import Status
from scanner.model.scan import Scan
from scanner.report.formats.csv import COLUMNS, findings_csv, harmless
from scanner.report.formats.json import MAX_FINDINGS, findings_json, findings_jsonl, findings_jsonl_gz
from scanner.report.read import FOREIGN, read_scan, scan_from_documents
from scanner.report.view.view import build


def text(scan: Scan) -> bytes:
    return b"".join(findings_json(build(scan)))


def test_findings_json_has_the_contract_s_keys_in_order(scan: Scan) -> None:
    document = orjson.loads(text(scan))
    assert list(document) == ["schema", "scan", "summary", "findings", "truncated", "controls"]
    assert "shards" not in document["scan"]
    assert document["truncated"] is None
    assert document["findings"] == [finding.document() for finding in scan.findings]


def test_the_scan_comes_back_from_its_files_whole(scan: Scan, tmp_path: Path) -> None:
    scan = replace(scan, manifest=replace(scan.manifest, files={}))
    (tmp_path / "manifest.json").write_bytes(manifest_bytes(manifest_document(scan.manifest)))
    (tmp_path / "findings.json").write_bytes(text(scan))
    again = read_scan(tmp_path)
    assert text(again) == text(scan)
    assert again.controls == tuple(
        # Where a control's file lies is this machine's affair, and is not filed.
        replace(each, parameters=dict(each.parameters), frameworks=dict(each.frameworks), file="", line=0)
        for each in scan.controls
    )
    assert (again.gaps, again.reconciliation, again.limitations) == (
        scan.gaps,
        scan.reconciliation,
        scan.limitations,
    )
    assert build(again).completeness == build(scan).completeness


def test_above_the_limit_passes_are_left_out_and_read_back_from_the_lines(scan: Scan, tmp_path: Path) -> None:
    scan = replace(scan, manifest=replace(scan.manifest, files={}))
    good = next(each for each in scan.findings if each.status is Status.PASS)
    bad = next(each for each in scan.findings if each.status is Status.FAIL)
    many = tuple(replace(good, subject=f"s{number:06}", details={}) for number in range(MAX_FINDINGS))
    large = replace(scan, findings=(bad, *many))
    document = orjson.loads(text(large))
    assert [each["status"] for each in document["findings"]] == ["fail"]
    assert document["truncated"] == {"left_out": MAX_FINDINGS, "statuses": ["pass", "not_applicable"]}
    assert document["summary"]["totals"]["pass"] == MAX_FINDINGS

    few = replace(large, findings=(bad, *many[:2]))
    (tmp_path / "manifest.json").write_bytes(manifest_bytes(manifest_document(scan.manifest)))
    (tmp_path / "findings.json").write_bytes(orjson.dumps(document))
    with pytest.raises(BundleError, match=r"findings\.jsonl\.gz, which contains all findings, is missing"):
        read_scan(tmp_path)
    (tmp_path / "findings.jsonl.gz").write_bytes(b"".join(findings_jsonl_gz(few.findings)))
    assert [each.subject for each in read_scan(tmp_path).findings] == [
        each.subject for each in sorted(few.findings, key=lambda each: each.order)
    ]


def test_lines_are_the_contract_s_bytes(scan: Scan) -> None:
    lines = list(findings_jsonl(scan.findings))
    assert len(lines) == len(scan.findings)
    assert all(line.endswith(b"}\n") and b"\n" not in line[:-1] for line in lines)
    assert "\u0646\u0633\u062e\u0629".encode() in b"".join(lines)  # no escaping to ASCII
    packed = b"".join(findings_jsonl_gz(scan.findings))
    assert packed == b"".join(findings_jsonl_gz(scan.findings))
    assert packed[4:8] == b"\0\0\0\0"  # no time
    assert gzip.decompress(packed) == b"".join(lines)


def test_text_that_is_no_unicode_is_written_all_the_same(scan: Scan) -> None:
    odd = replace(next(iter(scan.findings)), reason="a\ud800b", details={"x": ["\udfff"]})
    (line,) = findings_jsonl([odd])
    assert orjson.loads(line)["reason"] == "a\ufffd\ufffd\ufffdb"


def test_another_program_s_findings_are_read_as_far_as_they_go(scan: Scan) -> None:
    document = orjson.loads(text(scan))
    del document["controls"]
    document["summary"] = {"controls": document["summary"]["controls"]}
    again = scan_from_documents(scan.manifest, document, None)
    assert again.limitations == (FOREIGN,)
    assert [each.title for each in again.controls] == [each.id for each in scan.controls]
    assert {each.id: each.severity for each in again.controls} == {
        each.id: each.severity for each in scan.controls
    }
    assert build(again).counts == build(scan).counts


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": "other/1"}, "schema is not"),
        ({"summary": None}, "does not follow its schema"),
        ({"findings": [{"control": "x"}]}, "the key 'waiver' is missing"),
        ({"findings": 7}, "does not follow its schema"),
        ({"controls": [{"id": "x"}]}, "does not follow its schema"),
    ],
)
def test_a_broken_document_is_told(scan: Scan, change: dict[str, object], message: str) -> None:
    with pytest.raises(BundleError, match=message):
        scan_from_documents(scan.manifest, orjson.loads(text(scan)) | change, None)


def test_broken_files_are_told(scan: Scan, tmp_path: Path) -> None:
    scan = replace(scan, manifest=replace(scan.manifest, files={}))
    (tmp_path / "manifest.json").write_bytes(manifest_bytes(manifest_document(scan.manifest)))
    with pytest.raises(BundleError, match=r"contains no evaluated scan.*audit evaluate"):
        read_scan(tmp_path)
    (tmp_path / "findings.json").write_bytes(b"{")
    with pytest.raises(BundleError, match="is not valid JSON"):
        read_scan(tmp_path)
    document = orjson.loads(text(scan)) | {"truncated": {"left_out": 1, "statuses": ["pass"]}}
    (tmp_path / "findings.json").write_bytes(orjson.dumps(document))
    (tmp_path / "findings.jsonl.gz").write_bytes(gzip.compress(b"{}\n")[:-4])
    with pytest.raises(BundleError, match=r"line 1 is not a finding|cannot be read to its end"):
        read_scan(tmp_path)
    (tmp_path / "findings.jsonl.gz").write_bytes(b"no gzip")
    with pytest.raises(BundleError, match="cannot be read to its end"):
        read_scan(tmp_path)


def test_csv_has_a_row_for_every_finding_and_no_formula(scan: Scan) -> None:
    text = b"".join(findings_csv(build(scan))).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 1 + len(scan.findings)
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert [row[0] for row in rows[1:]].count("fail") == build(scan).counts.failed


def test_csv_ends_with_the_names_and_a_name_is_no_formula(named: Scan) -> None:
    text = b"".join(findings_csv(build(named))).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert COLUMNS[15:19] == ("name", "owner", "owner_source", "to_do")
    assert COLUMNS[19:23] == ("commands", "root_cause", "root_cause_subject", "blocked_by")
    assert COLUMNS[23:26] == ("organizational_unit", "remedy", "tags")
    assert COLUMNS[26:] == ("first_seen", "age_days", "may_be_older", "controls_evaluated")
    remedies = {row["status"] for row in rows if row["remedy"]}
    assert remedies <= {"fail", "waived"}
    assert "fail" in remedies
    assert {"billing-archive", "gold / daily -> central"} <= {row["name"] for row in rows}
    assert '\'=HYPERLINK("http://evil.example")' in {row["name"] for row in rows}
    assert not [row for row in rows if row["name"].startswith("=")]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_what_a_spreadsheet_would_run_is_made_harmless(cell: str) -> None:
    assert harmless(cell).startswith("'")
    assert harmless("x" + cell)[0] == "x"


def test_it_says_of_when_the_capability_table_is(scan: Scan) -> None:
    result = orjson.loads(text(scan))["scan"]["capabilities_as_of"]
    assert result == scan.manifest.capabilities_as_of
    assert result == "2026-11-01"
