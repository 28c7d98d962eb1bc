"""`audit diff` on judged scans, as a person types it."""

import csv
import io
import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from scanner.app import Judgement, evaluate
from scanner.cli.commands import audit
from scanner.evaluate.loader import load_controls
from tests.fakes.bundles import REGION, BundleBuilder, refuse, rule, volume_arn

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/schema/diff.schema.json").read_text("utf-8"))


def scan(folder: Path, *, chosen: tuple[str, ...], volumes: tuple[str, ...], refused: bool = False) -> Path:
    builder = BundleBuilder(folder)
    shard = builder.shard()
    resources = [volume_arn(each) for each in chosen]
    shard.vault("main").plan("daily", rules=[rule()], selections=[{"Resources": resources}])
    for each in volumes:
        shard.volume(each)
    lines = builder.lines()
    statuses = {REGION: "partial"} if refused else {}
    builder.record(**statuses).write(refuse(lines, "ec2:DescribeVolumes") if refused else lines)
    evaluate(folder, folder, Judgement(controls=load_controls(("resource-in-backup-plan",))), ())
    return folder


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    base = tmp_path_factory.mktemp("scans")
    all_three = ("vol-1", "vol-2", "vol-3")
    made = {
        "broken": scan(base / "broken", chosen=("vol-1",), volumes=all_three),
        "mended": scan(base / "mended", chosen=("vol-1", "vol-2"), volumes=all_three[:2]),
        "refused": scan(base / "refused", chosen=("vol-1",), volumes=all_three, refused=True),
    }
    return {name: str(folder) for name, folder in made.items()}


def diffed(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(audit, ["diff", *words])
    return result.exit_code, result.stdout, result.stderr


def kinds(*words: str) -> dict[str, str]:
    code, out, err = diffed(*words, "--format", "json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    Draft202012Validator(SCHEMA).validate(document)
    assert sum(document["counts"].values()) == len(document["changes"]) + document["counts"]["same"]
    return {each["subject"].rpartition("/")[2]: each["kind"] for each in document["changes"]}


def test_mended(scans: dict[str, str]) -> None:
    assert kinds(scans["broken"], scans["mended"]) == {"vol-2": "fixed", "vol-3": "gone"}


def test_broken_again(scans: dict[str, str]) -> None:
    assert kinds(scans["mended"], scans["broken"]) == {"vol-2": "new", "vol-3": "new"}
    told = kinds(scans["mended"], scans["broken"], "--before", scans["broken"])
    assert told == {"vol-2": "reopened", "vol-3": "new"}


def test_what_was_refused_is_not_fixed(scans: dict[str, str]) -> None:
    told = kinds(scans["broken"], scans["refused"])
    assert told["vol-2"] == told["vol-3"] == "not_known"
    assert not {"fixed", "gone"} & set(told.values())


def test_exit_codes(scans: dict[str, str], tmp_path: Path) -> None:
    assert diffed(scans["mended"], scans["broken"], "--fail-on", "info")[0] == 10
    assert diffed(scans["broken"], scans["mended"], "--fail-on", "info")[0] == 0
    assert diffed(scans["broken"], str(tmp_path))[0] == 6
    assert diffed(scans["broken"])[0] == 2


def test_the_table_and_the_files(scans: dict[str, str], tmp_path: Path) -> None:
    _, out, _ = diffed(scans["broken"], scans["mended"])
    assert "Gone with its resource" in out
    assert "\x1b" not in out
    for form in ("table", "markdown"):
        path = tmp_path / form
        assert diffed(scans["broken"], scans["mended"], "--format", form, "--out", str(path))[:2] == (0, "")
        assert "Fixed" in path.read_text("utf-8")
    _, out, _ = diffed(scans["broken"], scans["mended"], "--format", "csv")
    assert {row["kind"] for row in csv.DictReader(io.StringIO(out))} == {"fixed", "gone"}
