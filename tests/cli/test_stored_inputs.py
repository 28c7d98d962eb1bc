"""A scan stores what its verdicts rest on, and `audit evaluate` without options repeats the judgement."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from shutil import copytree

import pytest
from typer.testing import CliRunner, Result

from scanner import resources
from scanner.cli.commands import audit
from scanner.demo.command import CONFIG
from scripts.sample_reports import BUNDLE
from tests.fakes.bundles import BundleBuilder, rule, volume_arn

SETTINGS = """
scope: {external_id: shared-secret-1}
waivers:
  - {id: W-1, control: vault-locked, subject: "*", owner: me, approver: you, reason: lab, expires: 2030-01-31}
"""


def evaluate(*arguments: str | Path) -> Result:
    return CliRunner().invoke(audit, ["evaluate", "--force", *map(str, arguments), "--format", "json"])


def bundle_in(folder: Path) -> Path:
    bundle = BundleBuilder(folder, scan_id="scan")
    shard = bundle.shard().settings().vault("main").volume("vol-1").volume("vol-2")
    shard.plan("daily", rules=[rule()], selections=[{"Resources": [volume_arn("vol-1")]}])
    bundle.write()
    return folder


def own_controls(folder: Path) -> Path:
    folder.mkdir()
    text = (resources.controls_folder() / "vault-locked.yaml").read_text("utf-8")
    text = text.replace("id: vault-locked", "id: our-control", 1)
    (folder / "our-control.yaml").write_text(text, "utf-8")
    return folder


def statuses(scan: Path) -> list[tuple[str, str, str]]:
    findings = json.loads((scan / "findings.json").read_bytes())["findings"]
    return sorted((finding["control"], finding["subject"], finding["status"]) for finding in findings)


def files(scan: Path) -> dict[str, str]:
    paths = (path for path in scan.rglob("*") if path.is_file())
    return {path.relative_to(scan).as_posix(): sha256(path.read_bytes()).hexdigest() for path in paths}


@pytest.fixture
def scan(evaluated: Path, tmp_path: Path) -> Path:
    return copytree(evaluated, tmp_path / "scan")


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a scan that was evaluated with a waiver, and with own controls that are gone since."""
    place = tmp_path_factory.mktemp("evaluated")
    folder, config, own = bundle_in(place / "scan"), place / "audit.yaml", own_controls(place / "own")
    config.write_text(SETTINGS, "utf-8")
    result = evaluate(folder, "--config", config, "--controls", "vault-locked", "--controls", own, "-q")
    assert result.exit_code == 0, result.output
    config.unlink()
    (own / "our-control.yaml").unlink()
    return folder


def test_without_options_the_judgement_is_repeated_to_the_byte(scan: Path) -> None:
    before = files(scan)
    result = evaluate(scan)
    assert result.exit_code == 0, result.output
    assert (
        "note: Using the inputs of the bundle, inputs/audit.yaml: "
        "controls vault-locked inputs/controls/1, waivers 1." in result.stderr
    )
    assert files(scan) == before
    assert {"waived", "fail"} <= {status for _, _, status in statuses(scan)}
    assert "our-control" in {control for control, _, _ in statuses(scan)}


def test_no_secret_is_stored(scan: Path) -> None:
    for path in scan.rglob("*"):
        assert path.is_dir() or b"shared-secret-1" not in path.read_bytes(), path


def test_the_manifest_names_the_inputs(scan: Path) -> None:
    manifest = json.loads((scan / "manifest.json").read_bytes())
    assert manifest["inputs"]["config"] == "inputs/audit.yaml"
    assert set(manifest["inputs"]) == {
        "config",
        "packaged_controls",
    }  # the bundle does not say who set the clock
    stored = {name: digest for name, digest in files(scan).items() if name.startswith("inputs/")}
    assert sorted(stored) == ["inputs/audit.yaml", "inputs/controls/1/our-control.yaml"]
    assert stored.items() <= manifest["files"].items()


@pytest.mark.parametrize("option", [("--controls", "vault-locked"), ("--config", "{settings}")])
def test_given_inputs_replace_the_stored_ones(option: tuple[str, str], scan: Path, tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("controls: [vault-locked]\n")
    result = evaluate(scan, option[0], option[1].format(settings=settings))
    assert "note: Using --config and --controls as given, not the inputs of the bundle." in result.stderr
    assert "waived" not in {status for _, _, status in statuses(scan)}
    assert not (scan / "inputs" / "controls").exists()
    assert "waivers" not in (scan / "inputs" / "audit.yaml").read_text("utf-8")


def test_a_requested_time_is_recorded_and_kept(scan: Path) -> None:
    assert evaluate(scan, "--as-of", "2026-12-01", "-q").exit_code == 0
    before = files(scan)
    assert evaluate(scan, "-q").exit_code == 0
    assert json.loads((scan / "manifest.json").read_bytes())["inputs"]["as_of"] == "2026-12-01T00:00:00.000Z"
    assert files(scan) == before


def test_a_bundle_without_inputs_is_evaluated_with_the_defaults(tmp_path: Path) -> None:
    result = evaluate(bundle_in(tmp_path / "scan"), "--out", tmp_path / "out")
    assert "note: The bundle stores no inputs: using the default settings" in result.stderr
    assert evaluate(tmp_path / "scan", "--out", tmp_path / "quiet", "-q").stderr.count("note: The") == 0


def changed(scan: Path) -> None:
    (scan / "inputs" / "audit.yaml").write_text("controls: [vault-locked]\n")


def added(scan: Path) -> None:
    (scan / "inputs" / "controls" / "1" / "another.yaml").write_text("id: another\n")


def removed(scan: Path) -> None:
    (scan / "inputs" / "controls" / "1" / "our-control.yaml").unlink()


@pytest.mark.parametrize("edit", [changed, added, removed])
def test_edited_inputs_are_refused(edit: Callable[[Path], None], scan: Path) -> None:
    edit(scan)
    result = evaluate(scan)
    assert result.exit_code == 6, result.output
    assert "inputs/" in result.stderr
    assert evaluate(scan, "--controls", "vault-locked", "-q").exit_code == 0


def test_a_link_is_refused(scan: Path) -> None:
    stored, elsewhere = scan / "inputs" / "audit.yaml", scan.with_name("elsewhere.yaml")
    stored.rename(elsewhere)
    stored.symlink_to(elsewhere)
    result = evaluate(scan)
    assert result.exit_code == 6
    assert "inputs/audit.yaml" in result.stderr


def test_a_settings_file_outside_the_inputs_is_refused(scan: Path) -> None:
    manifest = json.loads((scan / "manifest.json").read_bytes())
    for name in ("../audit.yaml", "/etc/passwd", "evidence/x"):
        (scan / "manifest.json").write_text(json.dumps({**manifest, "inputs": {"config": name}}))
        result = evaluate(scan)
        assert result.exit_code == 6
        assert "not a file below inputs/" in result.stderr


def test_a_secret_in_own_controls_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    own = own_controls(tmp_path / "own")
    with (own / "our-control.yaml").open("a", encoding="utf-8") as file:
        file.write("# AKIA" + "ABCDEFGHIJKLMN23\n")
    result = evaluate(bundle_in(tmp_path / "scan"), "--controls", own, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "our-control.yaml" in result.stderr
    assert "looks like a secret" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_sample_repeats_its_numbers(tmp_path: Path) -> None:
    scan = copytree(BUNDLE, tmp_path / "scan")
    first = evaluate(scan, "--config", CONFIG, "-q")
    before = files(scan)
    again = evaluate(scan, "-q")
    assert (again.exit_code, again.stdout) == (first.exit_code, first.stdout)
    assert "waived" in first.stdout
    assert files(scan) == before
