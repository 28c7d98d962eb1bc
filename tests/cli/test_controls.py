"""`audit controls ...`, as somebody types it who writes controls of their own."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scanner.cli.commands import audit
from scanner.evaluate.controls.loader import load_controls
from scanner.resources import controls_folder


def asked(*words: str, stdin: str = "") -> tuple[int, str, str]:
    result = CliRunner().invoke(audit, ["controls", *words], input=stdin)
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("vault-locked.yaml", "vault-locked.cases.yaml"):
        shutil.copy(controls_folder() / name, tmp_path)
    for path in tmp_path.iterdir():
        text = path.read_text().replace("id: vault-locked", "id: our-vault-locked")
        path.with_name(f"our-{path.name}").write_text(text)
        path.unlink()
    return tmp_path


def begun(folder: Path, *more: str) -> Path:
    words = ("new", "vault-kept", "--subject", "vault", "--require", "min_retention_days >= 7", *more)
    assert asked(*words, "--out", str(folder))[0] == 0
    return folder / "vault-kept.yaml"


def test_list_tells_every_control() -> None:
    code, out, err = asked("list")
    shipped = load_controls()
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == [control.id for control in shipped]
    assert err == f"{len(shipped)} controls\n"


def test_list_of_a_folder(folder: Path) -> None:
    code, out, err = asked("list", str(folder))
    assert code == 0
    assert "our-vault-locked" in out
    assert err == "1 control\n"


def test_show_tells_the_question_its_reads_and_the_remedy() -> None:
    code, out, _ = asked("show", "resource-in-backup-plan", "--format", "markdown")
    assert code == 0
    for said in ("```sql", "covered", "- backup:GetBackupSelection", "### Remediation", "iso-27001-2022"):
        assert said in out


def test_show_lays_markdown_out_as_text() -> None:
    code, out, _ = asked("show", "vault-locked")
    assert code == 0
    assert [mark for mark in ("```", "**", "### ", "| mode") if mark in out] == []
    assert "\nRemediation" in out
    assert "AND $mode = 'governance')) AND ($min_retention_days = 0 OR (air_gapped" in out  # code is whole
    assert "    aws backup put-backup-vault-lock-configuration --backup-vault-name VAULT_NAME \\\n" in out


def test_cases_that_come_out_as_they_say(folder: Path) -> None:
    code, out, _ = asked("test", str(folder))
    assert code == 0
    assert "passed" in out


def test_a_case_that_comes_out_otherwise_is_shown_with_its_facts(folder: Path) -> None:
    begun(folder)
    cases = folder / "vault-kept.cases.yaml"
    cases.write_text(cases.read_text().replace("status: pass", "status: unknown"))
    code, out, _ = asked("test", str(folder))
    assert code == 1
    assert "an example that passes" in out
    assert "- expected  unknown" in out
    assert "+ actual    pass" in out
    assert "min_retention_days = 7" in out
    assert "our-vault-locked: " in out  # the others are run all the same


def test_a_new_control_loads_tests_and_says_what_is_left_to_write(folder: Path) -> None:
    begun(folder)
    code, out, _ = asked("test", str(folder))
    assert code == 0
    assert "vault-kept: 4 cases: passed" in out
    code, _, err = asked("lint", str(folder))
    assert code == 2
    assert "vault-kept.yaml:1" in err
    assert "vault-kept: title, failure_title, motivation, reason, " in err
    assert "remediation.cli still say FIXME" in err


def test_a_new_control_asks_for_what_is_not_said(tmp_path: Path) -> None:
    code, out, err = asked(
        "new", "mine", "--out", str(tmp_path / "deep" / "er"), stdin="vault\n\nhas_policy\n"
    )
    assert code == 0
    assert [Path(line).name for line in out.splitlines()[-2:]] == ["mine.yaml", "mine.cases.yaml"]
    assert "Requirement: a condition" in err
    assert 'population: "true"' in (tmp_path / "deep" / "er" / "mine.yaml").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("Bad Id", "--subject", "vault", "--require", "true"), "Bad Id"),
        (("x", "--subject", "vualt", "--require", "true"), "did you mean vault"),
        (("x", "--subject", "vault", "--require", "has_polcy"), "did you mean has_policy"),
        (("x", "--subject", "vault", "--require", "min_retention_days"), "no condition"),
        (("x", "--subject", "vault", "--require", '"; DROP'), "require"),
        (
            ("x", "--subject", "vault", "--require", "true", "--population", "coalesce(has_policy, true)"),
            "coalesce",
        ),
        (("../x", "--subject", "vault", "--require", "true"), "id"),
    ],
)
def test_wrong_answers_write_nothing(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    code, _, err = asked("new", *words, "--out", str(tmp_path))
    assert code == 2
    assert said in err
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_written_over(folder: Path) -> None:
    before = begun(folder).read_text()
    code, _, err = asked("new", "vault-kept", "--subject", "vault", "--require", "true", "--out", str(folder))
    assert code == 2
    assert "already exists" in err
    assert (folder / "vault-kept.yaml").read_text() == before


def test_lint_tells_all_mistakes_at_once(folder: Path) -> None:
    (folder / "our-vault-locked.cases.yaml").unlink()
    begun(folder)
    code, _, err = asked("lint", str(folder))
    assert code == 2
    assert "there are no cases" in err
    assert "FIXME" in err
    assert asked("lint", "vault-locked")[0] == 0


def test_whoever_has_seen_enough_is_no_mistake() -> None:
    command = [sys.executable, "-m", "scanner", "controls", "show", "all"]
    shown = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert shown.stdout is not None
    shown.stdout.read(1)
    shown.stdout.close()
    assert shown.stderr is not None
    assert shown.stderr.read() == b""
    assert shown.wait() == 0
    shown.stderr.close()


def test_a_prompt_without_standard_input_is_a_usage_error(tmp_path: Path) -> None:
    code, _, err = asked("new", "own-control", "--out", str(tmp_path))
    assert code == 2
    assert "There is no standard input to prompt for --subject: specify --subject." in err
    assert "Traceback" not in err


def test_a_name_that_is_too_long_for_a_folder_is_a_usage_error() -> None:
    code, _, err = asked("lint", "x" * 5_000)
    assert code == 2
    assert "Traceback" not in err
