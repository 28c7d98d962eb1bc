"""`--since` with several scans, a folder of scans or a prefix: the trend, and first seen of findings."""

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
from jsonschema import Draft202012Validator
from moto import mock_aws
from referencing import Registry, Resource
from typer.testing import CliRunner

from scanner.app.criteria import Judgement
from scanner.app.judgement import evaluate
from scanner.cli.commands import audit
from scanner.evaluate.controls.loader import load_controls
from scanner.evidence.bundle import file_sha256
from scanner.history.first_seen import read_first_seen
from scanner.model.timeline import FirstSeen
from tests.fakes.bundles import AS_OF, REGION, BundleBuilder, refuse, rule, volume_arn

CONTROL: Final = "resource-in-backup-plan"
BUCKET: Final = "scans-of-acme"
WEEK: Final = timedelta(days=7)
SCHEMAS = [
    json.loads(path.read_text("utf-8"))
    for path in (Path(__file__).parents[2] / "docs/schema").glob("*.schema.json")
]
REGISTRY: Registry[Any] = Registry().with_resources(
    (schema["$id"], Resource.from_contents(schema)) for schema in SCHEMAS
)


def scan(folder: Path, weeks_ago: int, chosen: str, volumes: str, **how: Any) -> Path:
    """Judge a scan with these volumes, of which those in `chosen` are in a plan."""
    builder = BundleBuilder(folder, scan_id=folder.name)
    shard = builder.shard()
    selections = [{"Resources": [volume_arn(f"vol-{each}") for each in chosen]}]
    shard.vault("main").plan("daily", rules=[rule()], selections=selections)
    for each in volumes:
        shard.volume(f"vol-{each}")
    lines = builder.lines()
    if how.get("refused"):
        builder.record(**{REGION: "partial"}).write(refuse(lines, "ec2:DescribeVolumes"))
    else:
        builder.record().write(lines)
    if organization := how.get("organization"):
        change_scope(folder, organization)
    controls = load_controls((CONTROL, *how.get("controls", ())))
    evaluate(
        folder, folder, Judgement(controls=controls, as_of=AS_OF - weeks_ago * WEEK), ("html", "markdown")
    )
    return folder


def change_scope(folder: Path, organization: str) -> None:
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["scope"]["organization_id"] = organization
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four weekly scans: 1 is in a plan, 2 gets one in the third, 3 never; the second reads no volumes."""
    folder = tmp_path_factory.mktemp("series")
    scan(folder / "scans/w0", 4, "1", "123")
    scan(folder / "scans/w1", 3, "1", "123", refused=True)
    scan(folder / "scans/w2", 2, "12", "123")
    scan(folder / "scans/w3", 1, "12", "123", controls=("vault-locked",))
    scan(folder / "now", 0, "12", "1234", controls=("vault-locked",))
    return folder


@pytest.fixture
def series(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "series")
    return tmp_path / "series"


def report(folder: Path, *words: str | Path, code: int = 0) -> str:
    fixed = ("--format", "summary,markdown,html,csv")
    result = CliRunner().invoke(audit, ["report", str(folder), *fixed, *map(str, words)])
    assert result.exit_code == code, (result.stderr, result.exception)
    return result.stderr


def trend(folder: Path) -> dict[str, Any]:
    document = json.loads((folder / "summary.json").read_bytes())
    schema = next(each for each in SCHEMAS if each["$id"].endswith(":summary:1"))
    Draft202012Validator(schema, registry=REGISTRY).validate(document)
    found: dict[str, Any] = document["summary"]["trend"]
    return found


def test_a_folder_of_scans(series: Path, tmp_path: Path) -> None:
    notes = report(series / "now", "--since", series / "scans", "--out", tmp_path / "out")
    assert f"Comparing with {series}/scans/w3, and with 3 scans before it." in notes
    found = trend(tmp_path / "out")
    points = found["points"]
    assert [point["scan_id"] for point in points] == ["w0", "w1", "w2", "w3", "now"]
    assert [point["failed"]["critical"] for point in points] == [2, 0, 1, 1, 2]
    assert [point["fixed"] for point in points] == [0, 0, 1, 0, 0]
    assert points[2]["fix_days"] == 14
    # What could not be read in the second week is neither fixed nor new.
    assert points[1]["notes"] == ["1 account-Regions were not fully read."]
    assert found["notes"] == []
    every = found["time_to_fix"][0]
    assert (every["fixed"], every["median_days"], every["at_least"]) == (
        1,
        14,
        2 + failures_of_vaults(points),
    )


def failures_of_vaults(points: list[dict[str, Any]]) -> int:
    """Return the failures of the control that only the last scans ran: they may be older than it."""
    return int(points[3]["totals"]["fail"]) - int(points[3]["failed"]["critical"])


def test_controls_that_changed_break_the_line(series: Path, tmp_path: Path) -> None:
    report(series / "now", "--since", series / "scans", "--out", tmp_path / "out")
    points = trend(tmp_path / "out")["points"]
    assert [bool(point["differences"]) for point in points] == [False, False, False, True, False]
    assert "Controls only in this scan: vault-locked." in points[3]["differences"]
    page = (tmp_path / "out/report.html").read_text("utf-8")
    section = page[page.index('<section id="trend"') :].partition("</section>")[0]
    assert section.count('class="breaks"') == 4
    summary = (tmp_path / "out/summary.md").read_text("utf-8")
    assert "**Trend** of 5 scans" in summary
    assert "A gap in a line" in summary


def test_when_findings_were_first_seen(series: Path) -> None:
    out = series / "again"
    words = ["evaluate", str(series / "now"), "--out", str(out), "--since", str(series / "scans"), "-q"]
    result = CliRunner().invoke(audit, [*words, "--controls", CONTROL, "--format", "html,csv"])
    assert result.exit_code == 0, result.stderr
    times = read_first_seen(out)
    assert times is not None
    rows = [json.loads(line) for line in json_lines(out)]
    seen = {row["subject"].rpartition("-")[2]: times.get(row["fingerprint"]) for row in rows}
    assert seen == {
        "1": None,
        "2": None,
        # Failing in the first scan, and unknown in the second.
        "3": FirstSeen(AS_OF - 4 * WEEK, may_be_older=True, unknown_scans=1),
        # The scan before read all volumes and did not list it.
        "4": FirstSeen(AS_OF),
    }


def json_lines(folder: Path) -> Iterator[str]:
    yield from (json.dumps(each) for each in json.loads((folder / "findings.json").read_bytes())["findings"])


def test_the_next_scan_continues_the_times(series: Path) -> None:
    """With one earlier scan alone, whose own times reach further back."""
    words = ["--controls", CONTROL, "--format", "json", "-q"]
    for name, since in (("w2", "w1"), ("w3", "w2")):
        target = series / "chain" / name
        options = [
            "--out",
            str(target),
            "--since",
            str(series / ("scans" if name == "w2" else "chain") / since),
        ]
        as_of = AS_OF - (2 if name == "w2" else 1) * WEEK
        bundle = str(series / "scans" / name)
        result = CliRunner().invoke(
            audit, ["evaluate", bundle, *options, *words, "--as-of", as_of.isoformat()]
        )
        assert result.exit_code == 0, result.stderr
    times = read_first_seen(series / "chain/w3")
    assert times is not None
    # It was unknown in w1, so the failure of w2 may be older.
    assert {value for _, value in times} == {FirstSeen(AS_OF - 2 * WEEK, may_be_older=True)}


def test_drawn_again_from_the_summary(series: Path) -> None:
    report(series / "now", "--since", series / "scans")
    first = trend(series / "now")
    report(series / "now")
    assert trend(series / "now") == first
    assert 'id="trend"' in (series / "now/report.html").read_text("utf-8")


def test_two_scans_have_no_trend_section(series: Path, tmp_path: Path) -> None:
    report(series / "now", "--since", series / "scans/w3", "--out", tmp_path / "out")
    assert len(trend(tmp_path / "out")["points"]) == 2
    assert 'id="trend"' not in (tmp_path / "out/report.html").read_text("utf-8")


def test_several_names_in_any_order(series: Path, tmp_path: Path) -> None:
    names = [word for name in ("w2", "w0", "w3") for word in ("--since", series / "scans" / name)]
    report(series / "now", *names, "--since", series / "scans/w2", "--out", tmp_path / "out")
    assert [point["scan_id"] for point in trend(tmp_path / "out")["points"]] == ["w0", "w2", "w3", "now"]


def test_what_does_not_belong_to_the_series_is_left_out(series: Path, tmp_path: Path) -> None:
    scans = series / "scans"
    shutil.copytree(scans / "w2", scans / "w2-copy")
    scan(scans / "later", -1, "1", "1")
    damaged = next((scans / "w0/findings").glob("*.parquet"))
    damaged.write_bytes(damaged.read_bytes() + b"\n")
    (scans / "notes").mkdir()
    notes = report(series / "now", "--since", scans, "--out", tmp_path / "out")
    assert "w0 is left out" in notes
    found = trend(tmp_path / "out")
    assert [point["scan_id"] for point in found["points"]] == ["w1", "w2", "w3", "now"]
    left_out = " ".join(found["notes"])
    assert f"{scans}/w2 is left out: {scans}/w2-copy is the same scan." in left_out
    assert "later is left out: it was evaluated as of 2026-" in left_out
    assert "its SHA-256 differs" in left_out


def test_another_organization_is_left_out(tmp_path: Path) -> None:
    scan(tmp_path / "scans/a", 2, "1", "12", organization="o-aaaaaaaaaa")
    scan(tmp_path / "scans/b", 1, "1", "12", organization="o-bbbbbbbbbb")
    now = scan(tmp_path / "now", 0, "1", "12", organization="o-bbbbbbbbbb")
    report(now, "--since", tmp_path / "scans", "--out", tmp_path / "out")
    found = trend(tmp_path / "out")
    assert [point["scan_id"] for point in found["points"]] == ["b", "now"]
    assert "it is of the organisation o-aaaaaaaaaa, not of o-bbbbbbbbbb" in found["notes"][0]


def test_a_scan_that_is_named_must_be_readable(series: Path) -> None:
    damaged = next((series / "scans/w0/findings").glob("*.parquet"))
    damaged.write_bytes(damaged.read_bytes() + b"\n")
    names = ("--since", series / "scans/w0", "--since", series / "scans/w2")
    assert "its SHA-256 differs" in report(series / "now", *names, code=6)


def test_a_folder_without_an_earlier_scan(series: Path, tmp_path: Path) -> None:
    only = tmp_path / "only"
    scan(only / "later", -3, "1", "1")
    assert "None of the scans is an earlier one" in report(series / "now", "--since", only)
    (tmp_path / "empty").mkdir()
    assert "is empty: there is no earlier scan" in report(series / "now", "--since", tmp_path / "empty")
    # What is there is no scan, or nothing is: most likely another place is meant.
    (tmp_path / "empty/notes.txt").touch()
    report(series / "now", "--since", tmp_path / "empty", code=6)
    report(series / "now", "--since", tmp_path / "missing", code=6)


def test_the_scan_itself_may_be_in_the_folder(series: Path) -> None:
    now = series / "now"
    now.rename(series / "scans/w4")
    report(series / "scans/w4", "--since", series / "scans")
    assert [point["scan_id"] for point in trend(series / "scans/w4")["points"]] == [
        "w0",
        "w1",
        "w2",
        "w3",
        "now",
    ]


def test_a_redacted_copy_has_the_same_figures(series: Path, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("0" * 32)
    report(series / "now", "--since", series / "scans", "--out", tmp_path / "open")
    report(series / "now", "--since", series / "scans", "--redact-key", key, "--out", tmp_path / "shared")
    plain, shared = trend(tmp_path / "open"), trend(tmp_path / "shared")
    assert [point["failed"] for point in plain["points"]] == [point["failed"] for point in shared["points"]]
    assert plain["time_to_fix"] == shared["time_to_fix"]
    assert not {"w0", "w1"} & {point["scan_id"] for point in shared["points"]}


def test_a_prefix_in_s3_is_as_a_folder(series: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    report(series / "now", "--since", series / "scans", "--out", tmp_path / "local")
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        for path in sorted((series / "scans").rglob("*")):
            if path.is_file():
                s3.upload_file(str(path), BUCKET, f"weekly/{path.relative_to(series / 'scans')}")
        report(series / "now", "--since", f"s3://{BUCKET}/weekly", "--out", tmp_path / "far")
        note = report(series / "now", "--since", f"s3://{BUCKET}/monthly", "--out", tmp_path / "first")
        assert f"s3://{BUCKET}/monthly is empty" in note
    assert trend(tmp_path / "far") == trend(tmp_path / "local")
    assert file_sha256(tmp_path / "far/summary.json") == file_sha256(tmp_path / "local/summary.json")
