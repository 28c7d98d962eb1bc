"""`audit explain` on a small bundle that is judged for real."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner, Result

from scanner.app.criteria import Judgement
from scanner.app.judgement import evaluate
from scanner.cli.commands import audit
from scanner.evaluate.controls.loader import load_controls
from tests.fakes.bundles import FAR, BundleBuilder, copy_to, plan_arn, rule, vault_arn, volume_arn

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/schema/explanation.schema.json").read_bytes())
GONE = vault_arn("gone", region=FAR)
NAME = "ledger\x1b[31m [red]x[/red]\u202e"


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundle = BundleBuilder(tmp_path_factory.mktemp("explain"))
    shard = bundle.shard()
    shard.settings().vault("main").vault("other")
    shard.plan(
        "daily",
        rules=[rule(CopyActions=[copy_to(GONE)])],
        selections=[{"Resources": [volume_arn("vol-1"), volume_arn("vol-3")], "SelectionName": "gold"}],
    )
    shard.volume("vol-1", {"Name": NAME}).volume("vol-2", {"Name": "twin"}).volume("vol-3", {"Name": "twin"})
    shard.volume("vol-4", {"Name": "gold"})
    bundle.shard(region=FAR).settings()
    shard.point("main", volume_arn("vol-1"))
    folder = bundle.write()
    evaluate(folder, folder, Judgement(controls=load_controls()), ())
    return folder


def run(scan: Path, *words: str) -> Result:
    return CliRunner().invoke(audit, ["explain", str(scan), *words])


def document(scan: Path, *words: str) -> dict[str, Any]:
    done = run(scan, *words, "--format", "json")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    Draft202012Validator(SCHEMA).validate(found)
    return found


def test_the_chain_is_printed_with_verdicts_evidence_and_what_to_do(scan: Path) -> None:
    done = run(scan, volume_arn("vol-1"), "--all")
    assert done.exit_code == 0
    assert re.search(r"✗ copy to gone +BROKEN", done.stdout)
    assert re.search(r"evidence/111111111111/eu-west-1\.jsonl(\.gz)?:\d+", done.stdout)
    assert "To do: " in done.stdout
    assert "(copy-destination-exists)" in done.stdout


def test_the_root_cause_comes_first_then_the_chain_on_one_screen(scan: Path) -> None:
    done = run(scan, volume_arn("vol-1"))
    lines = done.stdout.splitlines()
    assert done.exit_code == 0
    assert len(lines) <= 40
    order = [lines.index(line) for line in ("Root cause", "Chain", "Findings")]
    assert order == sorted(order)
    assert lines[order[0] + 1].startswith("  ")
    assert "failures below" in done.stdout
    assert re.search(r"✗ copy gone +BROKEN", done.stdout)
    assert "evidence/" not in done.stdout
    assert "--all shows every link" in lines[-1]


@pytest.mark.parametrize("words", [(), ("--all",)])
def test_hostile_names_reach_no_terminal(scan: Path, words: tuple[str, ...]) -> None:
    done = run(scan, volume_arn("vol-1"), *words)
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout
    assert "[red]x[/red]" in done.stdout


def test_every_subject_of_the_scan_is_explained(scan: Path) -> None:
    point = "arn:aws:backup:eu-west-1:111111111111:recovery-point:main-5"
    plan = plan_arn("daily")
    subjects = {
        volume_arn("vol-2"): "resource",
        vault_arn("main"): "vault",
        plan: "plan",
        f"{plan}#rule-daily": "rule",
        f"{plan}#s1": "selection",
        f"{plan}#rule-daily->{GONE}": "copy",
        point: "recovery_point",
        "aws:account-region:111111111111/eu-west-1": "group",
    }
    for subject, kind in subjects.items():
        told = document(scan, subject)
        assert (told["subject"], told["chain"]["kind"]) == (subject, kind)


def test_what_no_rule_covers_is_broken_and_a_copy_without_a_vault_too(scan: Path) -> None:
    assert document(scan, "vol-2")["chain"]["verdict"] == "broken"
    assert document(scan, f"{plan_arn('daily')}#rule-daily->{GONE}")["chain"]["verdict"] == "broken"


def test_a_vault_tells_who_fills_it(scan: Path) -> None:
    filled = {
        name: [child["label"] for child in document(scan, vault_arn(name))["chain"]["children"]]
        for name in ("main", "other")
    }
    assert "Used by" in filled["main"]
    assert "Not used" in filled["other"]


def test_an_account_is_found_by_its_id(scan: Path) -> None:
    assert document(scan, "111111111111")["subject"] == "aws:account:111111111111"
    region = document(scan, "111111111111/eu-west-1")
    assert region["subject"] == "aws:account-region:111111111111/eu-west-1"


def test_a_resource_wins_over_a_selection_of_the_same_name(scan: Path) -> None:
    assert document(scan, "gold")["subject"] == volume_arn("vol-4")
    assert document(scan, f"{plan_arn('daily')}#s1")["subject_type"] == "selection"


def test_a_bare_id_that_only_one_thing_has_is_enough(scan: Path) -> None:
    assert document(scan, "vol-1")["subject"] == volume_arn("vol-1")


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ("twin", "matches several subjects"),
        ("vol-11", f"Did you mean:\n  {volume_arn('vol-1')}"),
        (volume_arn("vol-9"), "Did you mean:"),
        ("nothing-like-it", "has no subject called"),
        (" ", "Name a subject"),
        ("\x1b[31mx", "\u2039U+001B\u203a"),
    ],
)
def test_what_is_not_found_is_told_and_ends_with_two(scan: Path, wanted: str, told: str) -> None:
    done = run(scan, wanted)
    assert done.exit_code == 2
    assert told in done.stderr
    assert "\x1b" not in done.stderr


def test_the_recorded_answers_are_shown_and_a_changed_file_is_refused(scan: Path, tmp_path: Path) -> None:
    done = run(scan, "vol-1", "--show-evidence")
    assert done.exit_code == 0
    assert "ec2:DescribeVolumes(" in done.stdout

    elsewhere = run(scan, "vol-1", "--show-evidence", "--bundle", str(tmp_path))
    assert elsewhere.exit_code == 6
    assert run(scan, "vol-1", "--show-evidence", "--format", "json").exit_code == 2


def test_it_is_written_to_a_file(scan: Path, tmp_path: Path) -> None:
    for form, start in (("svg", "<?xml"), ("json", "{"), ("tree", "arn:")):
        out = tmp_path / f"told.{form}"
        done = run(scan, "vol-1", "--format", form, "--out", str(out))
        assert (done.exit_code, done.stdout) == (0, "")
        assert out.read_text("utf-8").startswith(start)


def test_a_folder_without_facts_says_so(tmp_path: Path) -> None:
    bundle = BundleBuilder(tmp_path)
    bundle.shard()
    done = run(bundle.write(), "vol-1")
    assert done.exit_code == 6
    assert "contains no evaluated scan" in done.stderr
