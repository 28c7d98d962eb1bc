"""`audit init` and `audit config check`: a first file from options, questions or a scan."""

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from scanner.app.criteria import Judgement
from scanner.app.judgement import evaluate
from scanner.cli.commands import audit
from scanner.cli.options import split_list
from scanner.cli.settings import actions
from tests.fakes.bundles import BundleBuilder


def run(*words: str, answers: str | None = None) -> Result:
    return CliRunner().invoke(audit, [*words], input=answers)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "audit.yaml"


def test_options_are_written_and_the_file_passes_its_check(out: Path) -> None:
    done = run("init", "--out", f"{out}", "--org", "--region", "eu-west-1,eu-central-1", "--fail-on", "high")
    assert (done.exit_code, done.stdout) == (0, f"{out}\n")
    document = yaml.safe_load(out.read_text("utf-8"))
    assert document["scope"] == {"organization": True, "regions": ["eu-west-1", "eu-central-1"]}
    assert document["fail_on"] == "high"
    checked = run("config", "check", f"{out}")
    assert checked.exit_code == 0
    assert "Regions: eu-west-1, eu-central-1" in checked.stdout
    assert checked.stderr == f"{out}: no problems found\n"


def test_a_file_is_replaced_only_with_force(out: Path) -> None:
    out.write_text("scope: {}\n", encoding="utf-8")
    refused = run("init", "--out", f"{out}")
    assert refused.exit_code == 2
    assert "--force" in refused.stderr
    assert out.read_text("utf-8") == "scope: {}\n"
    assert run("init", "--out", f"{out}", "--force").exit_code == 0
    assert "organization: false" in out.read_text("utf-8")


def test_a_wrong_value_is_refused_before_anything_is_written(out: Path) -> None:
    done = run("init", "--out", f"{out}", "--account", "1")
    assert done.exit_code == 2
    assert "an account id has twelve digits" in done.stderr
    assert not out.exists()


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    done = run("init", "--out", f"{tmp_path / 'no' / 'audit.yaml'}")
    assert (done.exit_code, "is not a folder" in done.stderr) == (5, True)


def test_questions_are_asked_on_a_terminal(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["eu-west-1, us-east-1", "Audit", "", "scans", "High"])
    monkeypatch.setattr(actions, "_is_asked", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: True)
    monkeypatch.setattr("typer.prompt", lambda *_, **__: next(answers))
    assert run("init", "--out", f"{out}").exit_code == 0
    document = yaml.safe_load(out.read_text("utf-8"))
    assert document["scope"]["regions"] == ["eu-west-1", "us-east-1"]
    assert document["scope"]["role_name"] == "Audit"
    assert document["outputs"] == {"directory": "scans"}
    assert document["fail_on"] == "high"


def test_a_scan_suggests_scope_and_owners(tmp_path: Path, out: Path) -> None:
    bundle = BundleBuilder(tmp_path / "scan")
    bundle.shard().settings().volume("vol-1", {"Owner": "me", "tier": "gold"})
    folder = bundle.write()
    assert run("init", "--scan", f"{folder}", "--out", f"{out}").exit_code == 0  # a bundle
    assert yaml.safe_load(out.read_text("utf-8"))["scope"]["regions"] == ["eu-west-1"]
    evaluate(folder, folder, Judgement(controls=()), ())
    assert run("init", "--scan", f"{folder}", "--out", f"{out}", "--force").exit_code == 0
    text = out.read_text("utf-8")
    assert yaml.safe_load(text)["owners"][0] == {"tag": ["Owner"]}
    assert '- name: "gold"' in text


def test_every_mistake_is_reported_with_its_line(out: Path) -> None:
    out.write_text(
        "controls: [vault-locked]\nowners:\n  - match: {types: [Postgres]}\n    owner: me\n"
        "parameters:\n  controls:\n    resource-continuous-backup: {types: [s3]}\n",
        encoding="utf-8",
    )
    done = run("config", "check", f"{out}")
    assert done.exit_code == 2
    assert f"{out}:3: no type is called 'Postgres'" in done.stderr
    assert f"{out}:7: resource-continuous-backup: types is to be one of" in done.stderr
    assert "did you mean S3?" in done.stderr


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["a,b", "c"], ["a", "b", "c"]),
        ([" a , b ,"], ["a", "b"]),
        ([], None),
        (None, None),
        ([","], None),
    ],
)
def test_lists_are_repeated_or_separated_by_commas(values: list[str] | None, words: list[str] | None) -> None:
    assert split_list(values) == words
