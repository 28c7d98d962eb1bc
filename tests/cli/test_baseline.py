"""`audit run` evaluates the baseline by default, `audit evaluate` all controls if the bundle stores none."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from scanner.cli import run_actions
from scanner.cli.commands import audit
from scanner.evaluate.controls.loader import load_controls
from tests.fakes.bundles import BundleBuilder, rule, volume_arn

ALL_IDS = frozenset(control.id for control in load_controls())
BASELINE_IDS = frozenset(control.id for control in load_controls() if control.is_baseline)


def bundle_in(folder: Path) -> Path:
    """Write a bundle in which one of two volumes is in a plan."""
    builder = BundleBuilder(folder, scan_id=folder.name)
    shard = builder.shard()
    shard.vault("main").plan("daily", rules=[rule()], selections=[{"Resources": [volume_arn("vol-1")]}])
    shard.volume("vol-1").volume("vol-2")
    return builder.record().write(builder.lines())


@pytest.fixture(autouse=True)
def collected(monkeypatch: pytest.MonkeyPatch) -> None:
    def collect(_settings: Any, _scope: Any, folder: Path, *_: Any, **__: Any) -> None:
        bundle_in(folder)

    monkeypatch.setattr(run_actions, "gather", collect)


def audited(*words: str | Path) -> Result:
    done = CliRunner().invoke(audit, [*map(str, words), "--format", "json"])
    assert done.exit_code == 0, (done.stderr, done.exception)
    return done


def controls_of(scan: Path) -> set[str]:
    return {control["id"] for control in json.loads((scan / "findings.json").read_bytes())["controls"]}


def test_a_scan_evaluates_the_baseline_and_repeats_it_unless_others_are_named(tmp_path: Path) -> None:
    scan, again, every = (tmp_path / name for name in ("scan", "again", "every"))
    audited("run", "--out", scan)
    assert controls_of(scan) == BASELINE_IDS
    assert "reads" not in json.loads((scan / "manifest.json").read_bytes())
    repeated = audited("evaluate", scan, "--out", again)
    assert "inputs/audit.yaml: controls baseline" in repeated.stderr
    assert controls_of(again) == BASELINE_IDS
    audited("evaluate", scan, "--config", scan / "inputs" / "audit.yaml", "--controls", "all", "--out", every)
    assert controls_of(every) == ALL_IDS
    # The verdicts of the baseline are those of all controls.
    both = [json.loads((folder / "findings.json").read_bytes())["findings"] for folder in (scan, every)]
    statuses = [{(row["control"], row["subject"]): row["status"] for row in rows} for rows in both]
    assert statuses[0].items() <= statuses[1].items()


def test_a_bundle_of_others_is_evaluated_with_all_controls(tmp_path: Path) -> None:
    bundle = bundle_in(tmp_path / "bundle")
    done = audited("evaluate", bundle, "--out", tmp_path / "judged")
    assert "using the default settings and all packaged controls" in done.stderr
    assert controls_of(tmp_path / "judged") == ALL_IDS
