"""`audit fix` on the sample scan, as a person types it. The expected verdicts are derived by hand.

Plan production-audit of account 333333333333 in eu-west-1 names a vault that does not exist. In
444444444444, the Region eu-central-1 is not opted in to Aurora, DocumentDB, EKS and FSx.
"""

import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from scanner.cli.commands import audit

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs/schema/fix.schema.json").read_text("utf-8"))
SAMPLE = ROOT / "sample_reports/bundle"
MISSING = "arn:aws:backup:eu-west-1:333333333333:backup-vault:production-audit"
NOTHING = "No failure matches the options: there is nothing to fix."


@pytest.fixture
def scan(judged_sample: Path) -> Path:
    return judged_sample


def run(scan: Path, *words: str | Path) -> tuple[int, str, str]:
    arguments = ["fix", str(scan), "--jobs", "1", *map(str, words)]
    result = CliRunner().invoke(audit, arguments)
    return result.exit_code, result.stdout, result.stderr


def proposed(scan: Path, *words: str | Path) -> dict[str, Any]:
    code, out, err = run(scan, "--format", "json", *words)
    assert (code, err) == (0, "")
    document: dict[str, Any] = json.loads(out)
    Draft202012Validator(SCHEMA).validate(document)
    return document


def changes_of(document: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(change["action"], change["kind"], change["name"]) for change in document["changes"]]


@pytest.fixture(scope="module")
def missing_vault(
    judged_sample: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """Return the folder and the JSON of the proposal for the missing vault."""
    out = tmp_path_factory.mktemp("fix") / "changes"
    document = proposed(judged_sample, "--root-cause", f"vault_missing:{MISSING}", "--out", out)
    return out, document


def test_a_missing_vault_is_created_as_controls_require(missing_vault: tuple[Path, dict[str, Any]]) -> None:
    _, document = missing_vault
    assert changes_of(document)[:4] == [
        ("create", "backup vault", "production-audit"),
        ("create", "access policy of vault", "production-audit"),
        ("create", "notifications of vault", "production-audit"),
        ("update", "backup plan", "production-audit"),
    ]
    outcomes = {finding["control"]: finding["outcome"] for finding in document["findings"]}
    assert outcomes["rule-target-vault-exists"] == "turns_to_pass"
    # The first backup has still to be made.
    assert outcomes["resource-backed-up-recently"] == "needs_time"
    assert document["gets_worse"] == []


def test_the_proof_can_be_repeated(scan: Path, missing_vault: tuple[Path, dict[str, Any]]) -> None:
    out, document = missing_vault
    arguments = [
        "what-if",
        str(scan),
        "--jobs",
        "1",
        "--change",
        str(out / "changes.json"),
        "--format",
        "json",
    ]
    result = CliRunner().invoke(audit, arguments)
    judged = json.loads(result.stdout)
    fixed = {(each["control"], each["subject"]) for each in judged["findings"] if each["effect"] == "fixed"}
    promised = {
        (each["control"], each["subject"])
        for each in document["findings"]
        if each["outcome"] == "turns_to_pass"
    }
    assert promised <= fixed
    assert len(fixed) == len(promised) + document["counts"]["also_turns_to_pass"]


def files_of(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def test_the_folder_is_complete(missing_vault: tuple[Path, dict[str, Any]]) -> None:
    out, document = missing_vault
    assert json.loads((out / "fix.json").read_text("utf-8")) == document
    assert (out / "README.md").read_text("utf-8").startswith("# Proposed changes")
    names = files_of(out)
    assert "cli/01-333333333333-eu-west-1.sh" in names
    assert "terraform/01-333333333333-eu-west-1/main.tf" in names
    modes = {stat.S_IMODE((out / name).stat().st_mode) for name in names}
    assert modes == {stat.S_IMODE((out / "fix.json").stat().st_mode)}


@pytest.mark.slow
def test_the_folder_is_equal_each_time(
    scan: Path, missing_vault: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    out, _ = missing_vault
    names, again = files_of(out), tmp_path / "again"
    run(scan, "--root-cause", f"vault_missing:{MISSING}", "--out", again)
    for name in names:
        assert (again / name).read_bytes() == (out / name).read_bytes()


def test_the_scripts_are_valid_bash(missing_vault: tuple[Path, dict[str, Any]]) -> None:
    for file in (missing_vault[0] / "cli").iterdir():
        subprocess.run(["/bin/bash", "-n", file], check=True)


@pytest.mark.slow
def test_no_client_of_aws_is_loaded(scan: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from scanner.cli.commands import audit; from typer.testing import CliRunner; "
        "result = CliRunner().invoke(audit, sys.argv[1:]); print(result.output); "
        "assert result.exit_code == 0; "
        "assert not {'boto3', 'botocore'} & set(sys.modules)"
    )
    chosen = ["--root-cause", "opt_in_off", "--account", "444444444444"]
    words = ["fix", str(scan), *chosen, "--out", str(tmp_path / "changes")]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Turns to pass" in done.stdout


def test_another_folder_is_not_replaced(scan: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    code, _, err = run(scan, "--out", tmp_path)
    assert code == 2
    assert "is not empty" in err
    code, _, err = run(scan, "--out", tmp_path, "--force")
    assert code == 2
    assert "is not replaced" in err
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--account", "1234"), "an account id has 12 digits"),
        (("--root-cause", "no_such_kind"), "there is no such kind"),
        (("--compliance-lock", "1"), "at least 3 days"),
        (
            ("--control", "restore-testd"),
            "did not evaluate a control with this id (did you mean restore-tested",
        ),
    ],
)
def test_options_that_cannot_be_meant(scan: Path, words: tuple[str, ...], message: str) -> None:
    code, _, err = run(scan, *words)
    assert code == 2
    assert message in err


def test_nothing_to_fix(scan: Path) -> None:
    code, out, _ = run(scan, "--account", "999999999999")
    assert code == 0
    assert NOTHING in out


def test_what_needs_people_is_listed_with_the_step(scan: Path) -> None:
    document = proposed(scan, "--control", "account-region-assessed")
    assert document["changes"] == []
    assert {finding["outcome"] for finding in document["findings"]} == {"stays"}
    kinds = {step["root_cause"]["kind"] for step in document["manual"]}
    assert kinds == {"account_not_entered", "reads_missing"}
    code, _, _ = run(scan, "--control", "account-region-assessed", "--fail-on", "high")
    assert code == 10
