"""What keeps memory small however many findings there are: bounded picks, and files that are read again."""

import errno
import gzip
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.errors import BundleError, OutputError
from scanner.evidence.manifest import manifest_bytes, manifest_document
from scanner.findings.stored_lines import StoredFindings
from scanner.model.finding import Finding, Severity, Status
from scanner.model.scan import Scan
from scanner.report import write
from scanner.report.formats.json import findings_json, findings_jsonl_gz, summary_json
from scanner.report.read import read_scan
from scanner.report.view import view as views
from scanner.report.view.overview import worst
from scanner.report.view.view import View, build
from scanner.report.wording import STATUS_ORDER
from scanner.report.write import write_reports

ranks = st.lists(st.tuples(st.sampled_from(Status), st.sampled_from(Severity)), max_size=30)


def finding(number: int, status: Status, severity: Severity) -> Finding:
    return Finding(
        control="c",
        status=status,
        severity=severity,
        subject=f"s{number:03}",
        subject_type="EBS",
        account="111111111111",
        region="eu-west-1",
        reason="r",
    )


@given(ranks, st.integers(1, 12))
def test_the_worst_are_those_that_sorting_all_puts_first(
    found: list[tuple[Status, Severity]], limit: int
) -> None:
    findings = [finding(number, *each) for number, each in enumerate(found)]
    ordered = sorted(findings, key=lambda each: (STATUS_ORDER[each.status], each.severity.rank, each.order))
    assert list(worst(findings, limit)) == ordered[:limit]


class Once:
    """Findings that count how often they were gone through, and refuse to be held."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        self.findings, self.passes = findings, 0

    def __iter__(self) -> Iterator[Finding]:
        self.passes += 1
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)


def test_a_view_goes_through_the_findings_once(scan: Scan) -> None:
    once = Once(tuple(scan.findings))
    view = build(replace(scan, findings=once))
    assert view.resources
    assert once.passes == 1


def test_what_a_view_does_not_hold_is_counted(scan: Scan, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = build(scan)
    resources = whole.resources
    monkeypatch.setattr("scanner.report.view.overview.SHOWN", 5)
    monkeypatch.setattr("scanner.report.view.overview.SHOWN_OF_CONTROL", 1)
    monkeypatch.setattr(views, "RESOURCES", 2)
    once = Once(tuple(scan.findings))
    small = build(replace(scan, findings=once))
    assert small.worst == whole.worst[:5]
    assert small.counts == whole.counts
    assert [each.counts for each in small.controls] == [each.counts for each in whole.controls]
    assert small.resources == resources[:2]  # each with all its findings
    assert once.passes == 2
    assert small.asked_resources == whole.asked_resources > len(resources)


def written(scan: Scan, folder: Path, *formats: str) -> Scan:
    """Write a scan whose manifest names its findings, and return it."""
    folder.mkdir(exist_ok=True)
    content = b"".join(findings_jsonl_gz(scan.findings))
    (folder / "findings.jsonl.gz").write_bytes(content)
    files = {"findings.jsonl.gz": sha256(content).hexdigest()}
    scan = replace(scan, manifest=replace(scan.manifest, files=files))
    (folder / "manifest.json").write_bytes(manifest_bytes(manifest_document(scan.manifest)))
    write_reports(build(scan), folder, formats)
    return scan


def test_summary_json_is_findings_json_without_the_findings(scan: Scan) -> None:
    view = build(scan)
    whole = orjson.loads(b"".join(findings_json(view)))
    del whole["findings"], whole["truncated"]
    assert orjson.loads(b"".join(summary_json(view))) == whole


def test_a_scan_is_read_from_its_summary_and_its_lines(scan: Scan, tmp_path: Path) -> None:
    scan = written(scan, tmp_path, "summary", "json")
    (tmp_path / "findings.json").write_bytes(b"not even looked at")
    again = read_scan(tmp_path)
    assert isinstance(again.findings, StoredFindings)
    assert tuple(again.findings) == tuple(scan.findings) == tuple(again.findings)
    assert len(again.findings) == len(scan.findings)
    assert b"".join(findings_json(build(again))) == b"".join(findings_json(build(scan)))


def test_a_summary_of_another_judgement_is_not_believed(scan: Scan, tmp_path: Path) -> None:
    written(replace(scan, limitations=("stale",)), tmp_path, "summary")
    later = replace(scan, manifest=replace(scan.manifest, files={"inventory/x.parquet": "ee" * 32}))
    (tmp_path / "manifest.json").write_bytes(manifest_bytes(manifest_document(later.manifest)))
    write_reports(build(later), tmp_path, ["json"])
    assert read_scan(tmp_path).limitations == scan.limitations


def test_lines_out_of_order_are_put_in_order(scan: Scan, tmp_path: Path) -> None:
    written(scan, tmp_path, "summary")
    unnamed = replace(scan.manifest, files={})  # as another program may leave it
    (tmp_path / "manifest.json").write_bytes(manifest_bytes(manifest_document(unnamed)))
    write_reports(build(replace(scan, manifest=unnamed)), tmp_path, ("summary",))
    (tmp_path / "findings.json").write_bytes(b"not even looked at")
    lines = gzip.decompress((tmp_path / "findings.jsonl.gz").read_bytes()).splitlines(keepends=True)
    (tmp_path / "findings.jsonl.gz").write_bytes(gzip.compress(b"".join(reversed(lines))))
    assert tuple(read_scan(tmp_path).findings) == tuple(scan.findings)


def test_lines_that_are_not_those_of_the_manifest_are_refused(scan: Scan, tmp_path: Path) -> None:
    written(scan, tmp_path, "summary")
    (tmp_path / "findings.jsonl.gz").write_bytes(b"".join(findings_jsonl_gz(tuple(scan.findings)[1:])))
    with pytest.raises(BundleError, match=r"findings\.jsonl\.gz is not the file that manifest\.json names"):
        read_scan(tmp_path)


def test_lines_that_break_off_are_told_when_they_are_read(scan: Scan, tmp_path: Path) -> None:
    path = tmp_path / "findings.jsonl.gz"
    path.write_bytes(b"".join(findings_jsonl_gz(scan.findings))[:-20])
    with pytest.raises(BundleError, match="cannot be read to its end"):
        tuple(StoredFindings(path))


def test_a_full_folder_for_temporary_files_leaves_the_other_reports(
    scan: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: View) -> Iterator[bytes]:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setitem(write.FORMATS, "pdf", write.Format("report.pdf", full))
    with pytest.raises(OutputError, match=r"report\.pdf could not be written, because .* TMPDIR"):
        written(scan, tmp_path, "csv", "pdf")
    assert sorted(path.name for path in tmp_path.glob("*.csv")) == ["findings.csv"]
    assert not (tmp_path / "report.pdf").exists()
