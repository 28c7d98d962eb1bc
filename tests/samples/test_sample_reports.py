"""sample_reports/ shows what this version makes of the demo organisation: neither more nor less."""

import base64
import gzip
import json
from itertools import zip_longest
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from pypdf import PdfWriter

from scanner.demo.command import CONFIG
from scanner.model.control import BASELINE
from scripts.sample_reports import BUNDLE, KEPT, REPORTS, audit, evaluate, inflated, record, words
from tests.report.pdf_clauses import violations

AGAIN = "`make sample-reports` makes them again"


@pytest.fixture(scope="module")
def regenerated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    reports = tmp_path_factory.mktemp("reports")
    evaluate(BUNDLE, reports)
    return reports


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded")
    record(folder / "scan", folder / "bundle")
    return folder


def findings(path: Path) -> list[dict[str, Any]]:
    """All findings, less the line numbers of their evidence: shards are recorded side by side."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        found = [json.loads(line) for line in file]
    for finding in found:
        finding["evidence"] = sorted({reference["file"] for reference in finding["evidence"]})
    return found


def first_difference(new: list[Any], old: list[Any]) -> str:
    """Where two long lists part, in a line: pytest would compare a megabyte letter by letter."""
    for position, (ours, theirs) in enumerate(zip_longest(new, old)):
        if ours != theirs:
            return f"at {position}: {str(ours)[:300]!r} instead of {str(theirs)[:300]!r}"
    return ""


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in KEPT if not name.endswith(".pdf")])
def test_the_committed_reports_are_those_of_this_version(name: str, regenerated: Path) -> None:
    new, old = (inflated(folder / name) for folder in (regenerated, REPORTS))
    same = new == old
    assert same, f"{AGAIN}: {first_difference(new.split(), old.split())}"


@pytest.mark.slow
def test_the_committed_pdf_says_what_this_version_says(regenerated: Path) -> None:
    committed = words(REPORTS / "report.pdf")
    assert len(committed) > 100
    assert first_difference(words(regenerated / "report.pdf"), committed) == "", AGAIN


@pytest.mark.slow
def test_every_section_of_the_pdf_is_pdf_a_3u_and_pdf_ua_1(regenerated: Path) -> None:
    assert violations((regenerated / "report.pdf").read_bytes()) == []


def test_reports_count_the_files_of_evidence_that_there_are() -> None:
    files = sum(1 for _ in (BUNDLE / "evidence").rglob("*.gz"))
    assert f"{files} files with " in (REPORTS / "report.html").read_text("utf-8")
    assert f"Evidence {files} files, " in " ".join(words(REPORTS / "report.pdf"))


@pytest.mark.slow
def test_the_demo_organisation_still_has_the_committed_findings(recorded: Path, tmp_path: Path) -> None:
    # The reports are of the controls that a scan evaluates by default, the recorded scan of all.
    options = ("--config", CONFIG, "--controls", BASELINE, "--format", "json", "-q")
    audit("evaluate", recorded / "bundle", *options, "--out", tmp_path / "scan")
    new, old = (findings(folder / "findings.jsonl.gz") for folder in (tmp_path / "scan", REPORTS))
    changed = "the demo or the scanner has changed: `make sample-reports RECORD=1` records anew"
    assert first_difference(new, old) == "", changed


@pytest.mark.slow
def test_a_recorded_bundle_holds_what_the_committed_one_holds(recorded: Path) -> None:
    def files(bundle: Path) -> list[str]:
        return sorted(path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file())

    assert files(recorded / "bundle") == files(BUNDLE)


@pytest.mark.slow
def test_a_recorded_scan_repeats_its_judgement_to_the_byte(recorded: Path, tmp_path: Path) -> None:
    scan = copytree(recorded / "scan", tmp_path / "scan")
    audit("evaluate", scan, "--force", "--format", "json", "-q")
    for path in (path for path in scan.rglob("*") if path.is_file()):
        name = path.relative_to(scan)
        assert path.read_bytes() == (recorded / "scan" / name).read_bytes(), name
    audit("verify", scan, "--re-perform")


def test_the_words_of_a_pdf_without_text_are_none(tmp_path: Path) -> None:
    writer = PdfWriter()
    writer.add_blank_page(width=10, height=10)
    writer.write(tmp_path / "blank.pdf")
    assert words(tmp_path / "blank.pdf") == []


def test_what_is_told_does_not_depend_on_how_it_is_deflated(tmp_path: Path) -> None:
    texts = []
    for level in (1, 9):
        block = base64.b64encode(gzip.compress(b"[1, 2, 3]" * 99, level, mtime=0))
        (tmp_path / "report.html").write_bytes(b"<p>H4sI</p>" + block + b"</script>")
        texts.append(inflated(tmp_path / "report.html"))
    assert texts == [b"<p>H4sI</p>" + b"[1, 2, 3]" * 99 + b"</script>"] * 2
