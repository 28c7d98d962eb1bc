"""Exit codes and sentences for what a user gets wrong: never a traceback."""

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import chdir
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from scanner.cli.commands import audit as commands
from scanner.cli.exits import check_text, resume_command
from scanner.errors import UsageError
from tests.fakes.bundles import REGION, BundleBuilder, refuse, rule

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "sample_reports" / "bundle"
NO_AWS: dict[str, str | None] = {name: None for name in os.environ if name.startswith("AWS_")} | {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    "AWS_DEFAULT_REGION": "eu-west-1",
}
SOME_KEYS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example"}


def audit(*arguments: str | Path, cwd: Path, environment: dict[str, str] | None = None) -> Result:
    """Run a command in this process, which has already imported and compiled what it needs."""
    with chdir(cwd):
        result = CliRunner().invoke(commands, [*map(str, arguments)], env=NO_AWS | (environment or {}))
    assert "Traceback" not in result.stderr
    return result


def audit_process(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a shell does."""
    command = [sys.executable, "-m", "scanner", *map(str, arguments)]
    environment = dict(os.environ) | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    copy = tmp_path / "bundle"
    shutil.copytree(BUNDLE, copy)
    return copy


def test_no_credentials(tmp_path: Path) -> None:
    done = audit("run", "--out", tmp_path / "scan", cwd=tmp_path)
    assert done.exit_code == 2
    assert "credentials" in done.stderr


def test_an_endpoint_that_does_not_answer(tmp_path: Path) -> None:
    nowhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", **SOME_KEYS}
    done = audit("run", "--org", "--out", tmp_path / "scan", cwd=tmp_path, environment=nowhere)
    assert done.exit_code == 2
    assert "127.0.0.1:9" in done.stderr


def test_every_mistake_of_the_settings_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "audit.yaml").write_text(
        "scope:\n  acounts: ['1']\nparameters:\n  controls:\n    resource-backed-up-recently:\n"
        "      max_age_hours: soon\nwaivers:\n  - id: w\n"
    )
    done = audit("run", "--config", "audit.yaml", cwd=tmp_path, environment=SOME_KEYS)
    assert done.exit_code == 2
    assert "audit.yaml:2" in done.stderr
    assert "accounts" in done.stderr
    assert "owner" in done.stderr


def test_a_control_that_does_not_exist(tmp_path: Path, bundle: Path) -> None:
    done = audit("evaluate", bundle, "--controls", "resource-in-backup-plna", cwd=tmp_path)
    assert done.exit_code == 2
    assert "resource-in-backup-plan" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--format", "docx"), "docx"),
        (("--as-of", "yesterday"), "yesterday"),
        (("--as-of", "9999-12-31"), "year must be from 1970"),
        (("--as-of", "0001-01-01T00:00:00+14:00"), "year must be from 1970"),
        (("--fail-on", "bad"), "bad"),
        (("--config", "nowhere.yaml"), "nowhere.yaml"),
    ],
)
def test_wrong_options(tmp_path: Path, bundle: Path, arguments: tuple[str, ...], told: str) -> None:
    done = audit("evaluate", bundle, *arguments, cwd=tmp_path)
    assert done.exit_code == 2
    assert told in done.stderr


def test_no_bundle(tmp_path: Path) -> None:
    done = audit("evaluate", tmp_path / "nothing", cwd=tmp_path)
    assert done.exit_code == 6
    assert "manifest.json" in done.stderr


def test_a_file_that_was_tampered_with(tmp_path: Path, bundle: Path) -> None:
    file = next((bundle / "evidence").glob("*/eu-west-1.jsonl.gz"))
    file.write_bytes(file.read_bytes()[:-20])
    done = audit("evaluate", bundle, "--format", "json", cwd=tmp_path)
    assert done.exit_code == 6
    assert file.name in done.stderr


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ((), 0),
        (("--fail-on", "critical"), 10),
        (("--require-complete",), 4),
        (("--fail-on-unknown",), 4),
        (("--fail-on", "high", "--require-complete"), 4),
    ],
)
def test_what_a_judged_scan_ends_with(tmp_path: Path, options: tuple[str, ...], code: int) -> None:
    builder = BundleBuilder(tmp_path / "bundle")
    shard = builder.shard().settings().vault("main").volume("vol-1").table("not-read")
    by_tag = [{"ConditionType": "STRINGEQUALS", "ConditionKey": "tier", "ConditionValue": "gold"}]
    shard.volume("vol-2", {"tier": "gold"}).plan("daily", rules=[rule()], selections=[{"ListOfTags": by_tag}])
    lines = refuse(builder.lines(), "resourcegroupstaggingapi:GetResources")
    bundle = builder.record(**{REGION: "partial"}).write(lines)
    critical = ("--controls", "resource-in-backup-plan")  # it has failures and unknowns
    done = audit("evaluate", bundle, *critical, "--format", "json", "--quiet", *options, cwd=tmp_path)
    assert done.exit_code == code, done.stderr
    (line,) = done.stdout.splitlines()
    assert re.fullmatch(
        r"[\d,]+ pass, [\d,]+ fail, .*[\d,]+ unknown; score [\d.]+ of 100; " + str(bundle), line
    )


def test_unknown_results_are_errors_in_junit_only_when_they_are_to_fail(tmp_path: Path, bundle: Path) -> None:
    chosen = ("--controls", "resource-in-backup-plan", "--format", "junit", "--quiet")
    assert audit("evaluate", bundle, *chosen, "--fail-on-unknown", cwd=tmp_path).exit_code == 4
    report = bundle / "report.junit.xml"
    assert '<error type="unknown"' in report.read_text("utf-8")
    for options, element in (((), '<skipped message="Unknown: '), (("--fail-on-unknown",), "<error type=")):
        assert audit("report", bundle, "--format", "junit", *options, cwd=tmp_path).exit_code == 0
        assert element in report.read_text("utf-8")
    assert "Unknown: " in report.read_text("utf-8")


def test_controls_whose_subjects_the_scan_left_out_are_unknown(tmp_path: Path) -> None:
    builder = BundleBuilder(tmp_path / "narrow")
    builder.shard().plan("daily", rules=[rule()], selections=[{"Resources": ["*"]}])
    builder.write()
    file = tmp_path / "narrow" / "manifest.json"
    reads = {"controls": ["rule-lifecycle-valid"], "formats": [], "operations": ["backup:ListBackupPlans"]}
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), "reads": reads}), "utf-8")
    for evidence in file.parent.rglob("*.jsonl"):
        lines = evidence.read_bytes().splitlines(keepends=True)
        evidence.write_bytes(b"".join(line for line in lines if b"ListBackupVaults" not in line))
    options = ("--controls", "vault-locked", "--format", "json")
    done = audit("evaluate", tmp_path / "narrow", *options, "--out", tmp_path / "a", cwd=tmp_path)
    assert done.exit_code == 0
    assert "did not collect everything that these controls need (backup:ListBackupVaults)" in done.stderr
    for option in ("--fail-on-unknown", "--require-complete"):
        done = audit(
            "evaluate", tmp_path / "narrow", *options, "--out", tmp_path / option, option, cwd=tmp_path
        )
        assert done.exit_code == 4


def test_the_command_that_resumes_has_the_controls_of_the_scan() -> None:
    assert resume_command("run", Path("scan")) == "audit run --resume scan"
    assert (
        resume_command("run", Path("scan"), ("a", "./our controls"))
        == "audit run --resume scan --controls a --controls './our controls'"
    )


def test_a_scan_is_never_written_over_another(tmp_path: Path, bundle: Path) -> None:
    done = audit("run", "--out", bundle, cwd=tmp_path, environment=SOME_KEYS)
    assert done.exit_code == 2
    assert "--out" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_disk_that_is_full(tmp_path: Path, bundle: Path) -> None:
    out = tmp_path / "out"
    out.write_text("a file where the folder should go")
    done = audit("evaluate", bundle, "--out", out, "--format", "json", cwd=tmp_path)
    assert done.exit_code == 5
    assert "--out" in done.stderr


@pytest.mark.parametrize("command", ["run", "collect", "evaluate", "report"])
def test_every_command_has_help_with_an_example(tmp_path: Path, command: str) -> None:
    done = audit(command, "--help", cwd=tmp_path)
    assert done.exit_code == 0
    assert f"audit {command}" in done.stdout


def test_a_process_that_shows_the_help_of_a_plugin(tmp_path: Path) -> None:
    done = audit_process("demo", "--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "audit demo" in done.stdout


def test_a_process_that_ends_with_an_error(tmp_path: Path) -> None:
    done = audit_process("evaluate", tmp_path / "nothing", cwd=tmp_path)
    assert done.returncode == 6
    assert done.stderr.startswith("error: ")
    assert "manifest.json" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_version(tmp_path: Path) -> None:
    done = audit("--version", cwd=tmp_path)
    assert done.exit_code == 0
    assert done.stdout.startswith("vaultproof ")


@pytest.mark.parametrize(
    ("arguments", "environment", "named"),
    [
        (("report", "scans/no\udcff"), {}, r"The argument 'scans/no\xff'"),
        (("run", "--config=a\udcff.yaml"), {}, r"The argument '--config=a\xff.yaml'"),
        (("run",), {"TMPDIR": "/x/\udcff"}, "The environment variable TMPDIR"),
        (("run",), {"VAULTPROOF_OUT": "\udcff"}, "The environment variable VAULTPROOF_OUT"),
        (("run",), {"AWS_SECRET_ACCESS_KEY": "\udcff"}, "The environment variable AWS_SECRET_ACCESS_KEY is"),
    ],
)
def test_what_is_not_utf_8_is_refused(
    arguments: tuple[str, ...], environment: dict[str, str], named: str
) -> None:
    with pytest.raises(UsageError, match="is not valid UTF-8") as refused:
        check_text(arguments, environment)
    assert named in str(refused.value)


def test_other_arguments_and_variables_are_not_checked() -> None:
    check_text(("report", "scans/ä ü", "\U0001f600"), {"LS_COLORS": "\udcff", "VAULTPROOF_OUT": "é"})


@pytest.mark.parametrize("place", ["argument", "folder"])
def test_a_path_that_is_not_utf_8_ends_with_a_sentence(tmp_path: Path, place: str) -> None:
    odd = tmp_path / os.fsdecode(b"\xff")
    try:
        odd.mkdir()
    except OSError:
        pytest.skip("the file system only has names in UTF-8")
    command = [sys.executable, "-m", "scanner", "report"]
    last = os.fsencode(odd) if place == "argument" else b"scan"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [*map(os.fsencode, command), last],
        cwd=odd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert "is not valid UTF-8" in ended.stderr
    assert "Traceback" not in ended.stderr
