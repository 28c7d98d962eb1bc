"""Scans whose findings are filed and have no lines: the same reports and answers, and what goes wrong."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from textwrap import dedent
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from scanner.app import judged, reports
from scanner.app.criteria import Judgement
from scanner.app.judged import read_judged
from scanner.app.judgement import evaluate
from scanner.app.reports import report
from scanner.cli.commands import audit
from scanner.evaluate.controls.loader import load_controls
from scanner.evaluate.decisions.waivers import WaiverRule
from scanner.evidence.bundle import file_sha256
from scanner.findings.filed import Filed
from scanner.history.comparison import Since
from scanner.model.control import Control
from scanner.model.decisions import Match, OwnedBy, RuleWay, TagWay, Tier, Tiers, Waiver
from scanner.model.finding import Severity, Status
from scanner.report.redact import Pseudonyms
from tests.fakes.bundles import ACCOUNT, FAR, OTHER, BundleBuilder, copy_to, rule, vault_arn, volume_arn
from tests.fakes.filed import name_files

RECENT: Final = "resource-backed-up-recently"
ODD: Final = "a [b] 'c' *"
MARKUP: Final = "<script>alert('x')</script>"
TEXTS: Final = ("summary", "json", "csv", "sarif", "junit", "ocsf", "oscal", "asff", "markdown", "inventory")
WAIVER: Final = Waiver("W-1", "me", "you", "a lab \ud800", "2030-01-31")

BROKEN: Final = Control(
    id="aa-broken",
    title="Breaks for every resource",
    severity=Severity.LOW,
    subject="resource",
    population="true",
    require="CAST(subject AS INTEGER) = 1",
    reason="-",
)


def bundle_in(folder: Path, *more: str) -> Path:
    built = BundleBuilder(folder, scan_id=folder.name)
    shard = built.shard().settings().vault("main")
    shard.plan(
        "daily",
        rules=[rule(CopyActions=[copy_to(vault_arn("far", region=FAR))])],
        selections=[{"Resources": [volume_arn("vol-1"), volume_arn("vol-3")], "SelectionName": "gold"}],
    )
    shard.volume("vol-1", {"Name": MARKUP, "team": "a'b \u202e", "tier": "gold"})
    shard.volume("vol-2", {"Name": "\U0001f9ca"}).volume("vol-3")
    for volume in more:
        shard.volume(volume)
    shard.point("main", volume_arn("vol-1"))
    built.shard(region=FAR).settings().vault("far")
    built.shard(OTHER).settings().volume("vol-9", {"tier": "gold"})
    return built.write()


def judgement(*controls: Control) -> Judgement:
    return Judgement(
        controls=tuple(sorted((*controls, *load_controls()), key=lambda each: each.id)),
        waivers=(
            WaiverRule("resource-*", "*vol-2", WAIVER),
            WaiverRule("*", "*", Waiver("W-2", "me", "you", "over", "2026-01-31")),
        ),
        owners=(TagWay(("team",)), RuleWay(1, OwnedBy(types=("EBS",)), "storage")),
        tiers=Tiers(
            (
                Tier(
                    "gold",
                    Match(tags=(("tier", ("gold",)),)),
                    {"resource-backed-up-recently": {"max_age_hours": 2}},
                ),
            ),
            (Tier("", Match(types=("EBS",)), {"resource-backed-up-recently": {"max_age_hours": 1}}),),
        ),
    )


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the same scan twice: with lines, and without, in a folder with an odd name."""
    folders = []
    for name in ("plain", ODD):
        folder = bundle_in(tmp_path_factory.mktemp("scans") / name / "scan")
        with pytest.MonkeyPatch.context() as patch:
            if name == ODD:
                patch.setattr(judged, "MOST_LINES", 0)
            evaluate(folder, folder, judgement(BROKEN), ("csv", "asff"))
        folders.append(folder)
    lines, filed = folders
    assert (lines / "findings.jsonl.gz").is_file()
    assert not (filed / "findings.jsonl.gz").exists()
    return lines, filed


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(audit, list(map(str, arguments)))


def test_findings_of_both_are_the_same(scans: tuple[Path, Path]) -> None:
    lines, filed = map(read_judged, scans)
    assert isinstance(filed.findings, Filed)
    assert [each.document() for each in filed.findings] == [each.document() for each in lines.findings]
    assert {each.status for each in filed.findings} == set(Status)
    assert filed.assessment == lines.assessment
    assert filed.waivers == lines.waivers
    for name in ("findings.csv", "findings.asff.jsonl"):
        assert scans[0].joinpath(name).read_bytes() == scans[1].joinpath(name).read_bytes()


@pytest.mark.parametrize("redacted", [False, True])
def test_every_format_is_the_same_without_lines(
    scans: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, redacted: bool
) -> None:
    lines, filed = map(read_judged, scans)
    assert isinstance(filed.findings, Filed)
    whole = replace(filed, findings=filed.findings.with_lines(tuple(lines.findings)))
    contents = []
    for number, scan in enumerate((whole, filed)):
        monkeypatch.setattr(reports, "read_judged", {scans[1]: scan}.__getitem__)
        out = tmp_path / f"{number} {ODD}"
        report(
            scans[1], (*TEXTS, "html", "jsonl"), out, redaction=Pseudonyms(b"k" * 32) if redacted else None
        )
        contents.append({path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()})
    assert contents[0].keys() == contents[1].keys()
    for name, content in contents[0].items():
        assert content == contents[1][name], name
    assert MARKUP.encode() not in contents[1]["report.html"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("query", "SELECT * FROM findings ORDER BY control, account, region, subject", "--format", "json"),
        ("query", "SELECT status, count(*) AS n FROM findings GROUP BY ALL ORDER BY ALL", "--format", "json"),
        ("query", "SELECT count(*) AS n FROM resource", "--format", "json"),
        ("explain", volume_arn("vol-1"), "--format", "json"),
        ("explain", volume_arn("vol-2")),
    ],
)
def test_commands_say_the_same_without_lines(scans: tuple[Path, Path], arguments: tuple[str, ...]) -> None:
    command, *rest = arguments
    one, two = (run(command, scan, *rest) for scan in scans)
    assert (one.exit_code, one.stdout) == (0, two.stdout)
    assert two.exit_code == 0


def test_changes_are_the_same_without_lines(scans: tuple[Path, Path], tmp_path: Path) -> None:
    later = bundle_in(tmp_path / "later [x]", "vol-7")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judged, "MOST_LINES", 0)
        evaluate(later, later, judgement(), ())
    shown = [run("diff", scan, later).stdout.replace(str(scan), "SCAN") for scan in scans]
    assert shown[0] == shown[1]
    assert "vol-7" in shown[1]
    written = []
    for number, scan in enumerate(scans):
        out = tmp_path / str(number)
        report(later, ("csv", "markdown"), out, since=Since(scan, read_judged(scan)))
        written.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert written[0] == written[1]


def test_a_scan_of_errors_alone_is_reported(tmp_path: Path) -> None:
    folder = bundle_in(tmp_path / ODD / "scan")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judged, "MOST_LINES", 0)
        evaluate(folder, folder, Judgement(controls=(BROKEN,)), ("csv", "html"))
    scan = read_judged(folder)
    assert {each.status for each in scan.findings} == {Status.ERROR}
    assert {each.account for each in scan.findings} == {ACCOUNT, OTHER}
    assert run("report", folder, "--format", "markdown").exit_code in {0, 3}


def test_an_account_without_subjects_has_no_file(tmp_path: Path) -> None:
    built = BundleBuilder(tmp_path / "scan")
    built.shard().settings().volume("vol-1")
    built.shard(OTHER).settings()
    folder = built.write()
    evaluate(folder, folder, Judgement(controls=load_controls(("resource-in-backup-plan",))), ("csv",))
    assert [path.stem for path in (folder / "findings").iterdir()] == [ACCOUNT]
    assert not (folder / "findings.part").exists()
    nothing = Judgement(controls=load_controls(("recovery-point-encrypted",)))
    evaluate(folder, folder, nothing, ("csv", "html", "sarif"))
    assert list((folder / "findings").iterdir()) == []
    assert list(read_judged(folder).findings) == []
    for arguments in (("report", folder, "--format", "csv"), ("query", folder, "FROM findings")):
        assert run(*arguments).exit_code == 0


def passed(row: dict[str, Any]) -> dict[str, Any]:
    return row | ({"status": "pass"} if row["status"] == "not_applicable" else {})


def renamed(row: dict[str, Any]) -> dict[str, Any]:
    return row | ({"subject": row["subject"] + "x"} if row.get("reason") is None else {})


_CHANGE: Final[dict[str, tuple[str, str, Any]]] = {
    "control": ("findings", "the control foreign", lambda row: row | {"control": "foreign"}),
    "status": ("findings", "the finding of", passed),
    "subject": ("findings", "the finding of", renamed),
    "parameters": ("findings", "The parameters of", lambda row: row | {"parameters": "{}"}),
    "no JSON": ("findings", "The parameters of", lambda row: row | {"parameters": "{"}),
    "facts": ("facts/resource", "the finding of", renamed),
    "verdict": ("facts/resource", "the finding of", lambda row: row | {"assessable": None, "covered": None}),
}


@pytest.mark.parametrize("change", _CHANGE)
@pytest.mark.parametrize("stated", [False, True])
def test_what_was_changed_after_judging_is_refused(
    scans: tuple[Path, Path], tmp_path: Path, change: str, *, stated: bool
) -> None:
    scan = copytree(scans[1], tmp_path / "scan")
    folder, said, changing = _CHANGE[change]
    name = f"{folder}/{ACCOUNT}.parquet"
    table = pq.read_table(scan / name)
    rows = [changing(row) for row in table.to_pylist()]
    pq.write_table(pa.Table.from_pylist(rows, table.schema), scan / name, store_schema=False)
    if stated:
        manifest = json.loads((scan / "manifest.json").read_bytes())
        manifest["files"][name] = file_sha256(scan / name)
        name_files(scan, manifest)
    done = run("report", scan, "--format", "csv", "--out", tmp_path / "out")
    assert done.exit_code == 6, (done.stdout, done.stderr, done.exception)
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out" / "findings.csv").exists()
    assert (said if stated else name) in done.stderr


_FULL: Final = """
    import resource, sys
    from pathlib import Path
    from scanner.app import findings
    from scanner.app import judgement as app
    from scanner.errors import OutputError
    from tests.app.test_filed_scans import judgement
    file = findings.file_findings
    def filled(*arguments, **options):
        resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, 3_000))
        file(*arguments, **options)
    findings.file_findings = filled
    try:
        app.evaluate(Path(sys.argv[1]), Path(sys.argv[1]), judgement(), ())
    except OutputError as error:
        print(error)
        sys.exit(error.exit_code)
"""

_KILLED: Final = """
    import os, signal, sys
    from pathlib import Path
    from scanner.app import judgement as app
    from scanner.findings.writing import FindingFiles
    from tests.app.test_filed_scans import judgement
    finish = FindingFiles.finish
    def killed(self, accounts):
        finish(self, tuple(accounts)[:1])
        os.kill(os.getpid(), signal.SIGKILL)
    FindingFiles.finish = killed
    app.evaluate(Path(sys.argv[1]), Path(sys.argv[1]), judgement(), ())
"""


def filed_bytes(scan: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (scan / "findings").iterdir()}


def python(code: str, scan: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", dedent(code), str(scan)], capture_output=True, text=True, check=False
    )


def test_a_full_disk_is_named_and_no_judgement_is_left(scans: tuple[Path, Path], tmp_path: Path) -> None:
    scan = copytree(scans[1], tmp_path / ODD)
    done = python(_FULL, scan)
    assert done.returncode == 5, done.stderr
    assert f"{ACCOUNT}.parquet could not be written: " in done.stdout
    assert "File too large" in done.stdout
    assert run("report", scan, "--format", "csv").exit_code == 6
    assert not [path for path in scan.rglob("*") if "part" in path.name]


def test_a_killed_evaluation_leaves_no_judgement_and_the_next_clears_up(
    scans: tuple[Path, Path], tmp_path: Path
) -> None:
    scan = copytree(scans[1], tmp_path / ODD)
    before = filed_bytes(scan)
    assert python(_KILLED, scan).returncode == -9
    assert (scan / "findings.part").is_dir()
    assert run("report", scan, "--format", "csv").exit_code == 6
    evaluate(scan, scan, judgement(BROKEN), ())
    assert not (scan / "findings.part").exists()
    assert filed_bytes(scan) == before
    assert run("report", scan, "--format", "csv").exit_code == 0
