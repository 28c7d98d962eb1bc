"""`audit diff` on judged scans, as a person types it."""

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from scanner.app.criteria import Judgement
from scanner.app.judgement import evaluate
from scanner.cli.commands import audit
from scanner.evaluate.controls.loader import load_controls
from scanner.evidence.manifest import SCHEMA as SCHEMA_1
from tests.fakes.bundles import REGION, BundleBuilder, instance_arn, refuse, rule, volume_arn

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
    assert kinds(scans["broken"], scans["mended"]) == {"vol-2": "fixed", "vol-3": "deleted"}


def test_broken_again(scans: dict[str, str]) -> None:
    assert kinds(scans["mended"], scans["broken"]) == {"vol-2": "new", "vol-3": "new"}
    told = kinds(scans["mended"], scans["broken"], "--before", scans["broken"])
    assert told == {"vol-2": "reopened", "vol-3": "new"}


def test_what_was_refused_is_not_fixed(scans: dict[str, str]) -> None:
    told = kinds(scans["broken"], scans["refused"])
    assert told["vol-2"] == told["vol-3"] == "not_known"
    assert not {"fixed", "deleted", "gone"} & set(told.values())


def test_exit_codes(scans: dict[str, str], tmp_path: Path) -> None:
    assert diffed(scans["mended"], scans["broken"], "--fail-on", "info")[0] == 10
    assert diffed(scans["broken"], scans["mended"], "--fail-on", "info")[0] == 0
    assert diffed(scans["broken"], str(tmp_path))[0] == 6
    assert diffed(scans["broken"])[0] == 2


def test_the_table_and_the_files(scans: dict[str, str], tmp_path: Path) -> None:
    _, out, _ = diffed(scans["broken"], scans["mended"])
    assert "Deleted" in out
    assert "\x1b" not in out
    for form in ("table", "markdown"):
        path = tmp_path / form
        assert diffed(scans["broken"], scans["mended"], "--format", form, "--out", str(path))[:2] == (0, "")
        assert "Fixed" in path.read_text("utf-8")
    _, out, _ = diffed(scans["broken"], scans["mended"], "--format", "csv")
    assert {row["kind"] for row in csv.DictReader(io.StringIO(out))} == {"fixed", "deleted"}


def told(*words: str) -> dict[str, tuple[str, str]]:
    code, out, err = diffed(*words, "--format", "json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    Draft202012Validator(SCHEMA).validate(document)
    return {each["subject"].rpartition("/")[2]: (each["kind"], each["why"]) for each in document["changes"]}


def judged(folder: Path, config: str, *controls: str, plans: tuple[str, ...] = ("daily",)) -> str:
    """Write and judge a bundle whose volumes are backed up once a day, by a plan each that keeps 35 days."""
    builder = BundleBuilder(folder)
    shard = builder.shard().vault("main")
    for name in plans:
        shard.plan(name, rules=[rule()], selections=[{"Resources": [volume_arn(f"vol-{name}")]}])
        shard.volume(f"vol-{name}", {"tier": "gold"})
    builder.record().write()
    path = folder / "audit.yaml"
    path.write_text(config, "utf-8")
    named = [word for control in controls for word in ("--controls", control)]
    result = CliRunner().invoke(
        audit, ["evaluate", str(folder), "--config", str(path), *named, "--format", "json", "--quiet"]
    )
    assert result.exit_code == 0, result.stderr
    return str(folder)


RETENTION = "resource-retention"


def retention(days: int) -> str:
    return f"parameters:\n  controls:\n    {RETENTION}: {{min_days: {days}}}\n"


def tiered(days: int) -> str:
    return f"""
tiers:
  - name: gold
    match: {{tags: {{tier: gold}}}}
    parameters: {{{RETENTION}: {{min_days: {days}}}}}
"""


@pytest.mark.parametrize("config", [retention, tiered])
def test_another_verdict_by_other_parameters_is_a_changed_rule(tmp_path: Path, config: Any) -> None:
    lax = judged(tmp_path / "lax", config(35), RETENTION)
    strict = judged(tmp_path / "strict", config(90), RETENTION)
    for scans, values in (((lax, strict), (35, 90)), ((strict, lax), (90, 35))):
        kind, why = told(*scans)["vol-daily"]
        assert kind == "changed_rule"
        assert f"min_days was {values[0]} and is {values[1]}" in why
        assert diffed(*scans, "--fail-on", "info")[0] == 0
    _, out, _ = diffed(lax, strict)
    assert "Changed rule" in out
    assert "min_days was 35 and is 90." in out


def test_what_fails_by_both_rules_is_changed(tmp_path: Path) -> None:
    old = judged(tmp_path / "old", retention(60), RETENTION)
    new = judged(tmp_path / "new", retention(90), RETENTION)
    assert told(old, new)["vol-daily"] == ("changed", "")


def test_a_new_failure_by_the_same_rule_is_new_in_a_tier_of_another_name(tmp_path: Path) -> None:
    old = judged(tmp_path / "old", tiered(35), RETENTION)
    builder = BundleBuilder(tmp_path / "new")
    shard = builder.shard().vault("main").volume("vol-daily", {"tier": "gold"})
    shard.plan("daily", rules=[rule(days=7)], selections=[{"Resources": [volume_arn("vol-daily")]}])
    builder.record().write()
    path = tmp_path / "new" / "audit.yaml"
    path.write_text(tiered(35).replace("name: gold", "name: platinum"), "utf-8")
    words = [
        "evaluate",
        str(tmp_path / "new"),
        "--config",
        str(path),
        "--controls",
        RETENTION,
        "--format",
        "json",
        "-q",
    ]
    assert CliRunner().invoke(audit, words).exit_code == 0
    assert told(old, str(tmp_path / "new"))["vol-daily"][0] == "new"


def test_a_control_that_was_not_run_before_has_no_new_failures(tmp_path: Path) -> None:
    old = judged(tmp_path / "old", retention(90), "resource-in-backup-plan")
    new = judged(tmp_path / "new", retention(90), "resource-in-backup-plan", RETENTION)
    assert told(old, new)["vol-daily"] == ("changed_rule", "The earlier scan did not run this control.")
    assert told(new, old)["vol-daily"] == ("not_asked", "The control was not run.")


def written_by_another_program(scan: Path) -> None:
    """Leave what the contract of schema 1 names: no definitions of controls, and findings in one file."""
    (scan / "summary.json").unlink()
    shutil.rmtree(scan / "findings", ignore_errors=True)
    document = json.loads((scan / "findings.json").read_bytes())
    del document["controls"]
    (scan / "findings.json").write_text(json.dumps(document), "utf-8")
    manifest = json.loads((scan / "manifest.json").read_bytes()) | {"schema": SCHEMA_1}
    not_named = ("findings/", "reports.sha256")
    manifest["files"] = {
        name: sha for name, sha in manifest["files"].items() if not name.startswith(not_named)
    }
    (scan / "manifest.json").write_text(json.dumps(manifest), "utf-8")


def test_a_scan_that_does_not_record_parameters_is_compared_by_status(tmp_path: Path) -> None:
    lax = judged(tmp_path / "lax", retention(35), RETENTION)
    strict = judged(tmp_path / "strict", retention(90), RETENTION)
    written_by_another_program(Path(lax))
    assert told(lax, strict)["vol-daily"][0] == "new"


def test_what_a_removed_plan_had_is_no_longer_asked(tmp_path: Path) -> None:
    controls = ("plan-protects-something", "rule-schedule-valid", "selection-matches-resources")
    old = judged(tmp_path / "old", "", *controls, plans=("daily", "weekly"))
    new = judged(tmp_path / "new", "", *controls, plans=("daily",))
    document = json.loads(diffed(old, new, "--format", "json")[1])
    kinds = {(each["control"], each["kind"], each["why"].split(" was ")[0]) for each in document["changes"]}
    assert kinds == {
        ("plan-protects-something", "no_longer_asked", "The backup plan"),
        ("rule-schedule-valid", "no_longer_asked", "The backup rule"),
        ("selection-matches-resources", "no_longer_asked", "The backup selection"),
    }
    assert document["counts"]["no_longer_asked"] == 3
    assert document["counts"]["deleted"] == document["counts"]["gone"] == 0


def test_count_inherited_backup_is_part_of_the_rule(tmp_path: Path) -> None:
    folders = []
    for value in ("true", "false"):
        builder = BundleBuilder(tmp_path / value)
        shard = builder.shard().vault("main").volume("vol-1", Attachments=[{"InstanceId": "i-1"}])
        shard.instance("i-1", volumes=("vol-1",))
        shard.plan("daily", rules=[rule()], selections=[{"Resources": [instance_arn("i-1")]}])
        builder.record().write()
        path = tmp_path / value / "audit.yaml"
        path.write_text(f"parameters:\n  count_inherited_backup: {value}\n", "utf-8")
        words = ["--config", str(path), "--controls", "resource-in-backup-plan", "--format", "json", "-q"]
        assert CliRunner().invoke(audit, ["evaluate", str(tmp_path / value), *words]).exit_code == 0
        folders.append(str(tmp_path / value))
    kind, why = told(*folders)["vol-1"]
    assert kind == "changed_rule"
    assert "count_inherited_backup was true and is false" in why
