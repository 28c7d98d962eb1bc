"""A judgement is complete or not there: the manifest is taken away first and written last."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from scanner.app.criteria import Judgement
from scanner.app.judged import read_judged
from scanner.app.judgement import evaluate
from scanner.app.reports import report
from scanner.errors import BundleError, OutputError, UsageError
from scanner.evaluate.controls.loader import load_controls
from scanner.report.view.view import View
from tests.evidence.test_attestation import signed
from tests.fakes.bundles import BundleBuilder, rule, volume_arn

CONTROLS = ("resource-in-backup-plan", "vault-locked")


def judge(folder: Path, out: Path, *controls: str, **options: Any) -> None:
    evaluate(folder, out, Judgement(controls=load_controls(controls or CONTROLS)), ("csv",), **options)


def manifest_of(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "manifest.json").read_bytes())
    return document


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "bundle"
    written = BundleBuilder(folder, scan_id="whole")
    shard = written.shard().settings().vault("main").volume("vol-1").volume("vol-2")
    shard.plan("daily", rules=[rule()], selections=[{"Resources": [volume_arn("vol-1")]}])
    written.write()
    return folder


@pytest.fixture(scope="module")
def judged(bundle: Path) -> Path:
    folder = copytree(bundle, bundle.with_name("judged"))
    judge(folder, folder)
    return folder


@pytest.fixture
def scan(judged: Path, tmp_path: Path) -> Path:
    return copytree(judged, tmp_path / "scan")


def test_the_manifest_names_everything_beside_it(scan: Path) -> None:
    files = manifest_of(scan)["files"]
    assert files["reports.sha256"] == sha256((scan / "reports.sha256").read_bytes()).hexdigest()
    listed = {line.split("  ")[1] for line in (scan / "reports.sha256").read_text().splitlines()}
    assert listed == {"summary.json", "findings.json", "findings.csv"}
    there = {path.relative_to(scan).as_posix() for path in scan.rglob("*") if path.is_file()}
    evidence = {name for name in there if name.startswith("evidence/")}
    assert there == set(files) | listed | {"manifest.json"} | evidence
    assert read_judged(scan).manifest.scan_id == "whole"


class Stopped(Exception):  # noqa: N818 -- not an error
    """Raised in the middle of an evaluation."""


def stop(_: View) -> None:
    raise Stopped


def test_an_interrupted_evaluation_is_a_bundle_and_no_scan(scan: Path, bundle: Path) -> None:
    with pytest.raises(Stopped):
        judge(scan, scan, "vault-locked", before_manifest=stop)
    assert manifest_of(scan)["schema"] == "backup-audit/manifest/1"
    with pytest.raises(BundleError, match=r"contains no evaluated scan.*run it again"):
        read_judged(scan)
    judge(scan, scan)
    fresh = copytree(bundle, scan.with_name("fresh"))
    judge(fresh, fresh)
    assert files_of(scan) == files_of(fresh)


def test_an_interrupted_evaluation_in_another_folder_has_no_manifest(bundle: Path, tmp_path: Path) -> None:
    judge(bundle, tmp_path / "out")
    with pytest.raises(Stopped):
        judge(bundle, tmp_path / "out", before_manifest=stop)
    assert not (tmp_path / "out" / "manifest.json").exists()
    with pytest.raises(BundleError):
        read_judged(tmp_path / "out")


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_no_report_of_the_earlier_judgement_stays(scan: Path) -> None:
    report(scan, ("markdown",))
    assert (scan / "summary.md").exists()
    judge(scan, scan, "vault-locked")
    assert not (scan / "summary.md").exists()
    (scan / "notes.txt").write_text("mine")
    judge(scan, scan)
    assert (scan / "notes.txt").read_text() == "mine"


def test_a_report_that_cannot_be_written_does_not_lose_the_judgement(scan: Path) -> None:
    (scan / "findings.csv").unlink()
    (scan / "findings.csv").mkdir()
    (scan / "findings.csv" / "a").touch()
    with pytest.raises(OutputError):
        judge(scan, scan)
    assert tuple(read_judged(scan).findings)


def test_reports_that_are_added_are_named(scan: Path) -> None:
    before = manifest_of(scan)["files"]
    report(scan, ("markdown",))
    after = manifest_of(scan)["files"]
    assert after["reports.sha256"] == sha256((scan / "reports.sha256").read_bytes()).hexdigest()
    assert {name for name in after if after[name] != before.get(name)} == {"reports.sha256"}
    read_judged(scan)


def changed_summary(scan: Path) -> None:
    text = (scan / "summary.json").read_text()
    (scan / "summary.json").write_text(text.replace('"fail":1', '"fail":0', 1))


def changed_report(scan: Path) -> None:
    (scan / "findings.csv").write_bytes((scan / "findings.csv").read_bytes() + b"x")


def changed_checksums(scan: Path) -> None:
    changed_report(scan)
    digest = sha256((scan / "findings.csv").read_bytes()).hexdigest()
    lines = (scan / "reports.sha256").read_text().splitlines()
    new = [f"{digest}  findings.csv" if line.endswith("  findings.csv") else line for line in lines]
    (scan / "reports.sha256").write_text("\n".join(new) + "\n")


@pytest.mark.parametrize("change", [changed_summary, changed_report, changed_checksums])
def test_a_changed_report_is_not_certified(scan: Path, change: Callable[[Path], None]) -> None:
    change(scan)
    before = files_of(scan)
    with pytest.raises(BundleError):
        report(scan, ("markdown",))
    assert files_of(scan) == before


def test_a_changed_report_may_be_written_again(scan: Path) -> None:
    before = (scan / "findings.csv").read_bytes()
    changed_report(scan)
    report(scan, ("csv",))
    assert (scan / "findings.csv").read_bytes() == before


def test_reports_of_a_signed_scan_go_elsewhere(scan: Path, tmp_path: Path) -> None:
    (scan / "manifest.json").write_bytes(signed(manifest_of(scan)))
    before = files_of(scan)
    with pytest.raises(UsageError, match=r"is signed.*--out"):
        report(scan, ("markdown",))
    assert files_of(scan) == before
    report(scan, ("markdown",), tmp_path / "elsewhere")
    assert (tmp_path / "elsewhere" / "summary.md").exists()
