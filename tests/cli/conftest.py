"""The sample scan, judged once for all modules, and for all processes that run tests."""

import fcntl
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from scanner.app.criteria import load_judgement
from scanner.app.inputs import stored_inputs
from scanner.app.judgement import evaluate
from scanner.cli import run_actions
from scanner.evidence.manifest import read_manifest
from tests.fakes.bundles import BundleBuilder, rule, volume_arn

SAMPLE = Path(__file__).parents[2] / "sample_reports" / "bundle"


@pytest.fixture(scope="session")
def judged_sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Evaluate the sample bundle with its inputs, for tests that only read it."""
    base = tmp_path_factory.getbasetemp()
    # Each process of xdist has its own folder; the one above is that of all.
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, unfinished = base / "judged-sample" / "scan", base / "judged-sample" / "unfinished"
    folder.parent.mkdir(exist_ok=True)
    with (base / "judged-sample.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            shutil.rmtree(unfinished, ignore_errors=True)
            shutil.copytree(SAMPLE, unfinished)
            manifest = read_manifest(unfinished)
            inputs = stored_inputs(unfinished, manifest)
            assert inputs is not None
            judgement, _ = load_judgement(inputs.settings, inputs.words, manifest.evaluated_as_of)
            evaluate(unfinished, unfinished, judgement, ())
            unfinished.rename(folder)
    return folder


def bundle_of_two_volumes(folder: Path) -> Path:
    """Write a bundle in which one of two volumes is in a plan."""
    builder = BundleBuilder(folder, scan_id=folder.name)
    shard = builder.shard()
    shard.vault("main").plan("daily", rules=[rule()], selections=[{"Resources": [volume_arn("vol-1")]}])
    shard.volume("vol-1").volume("vol-2")
    return builder.record().write(builder.lines())


@pytest.fixture
def two_volumes_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `audit run` collect the bundle of two volumes instead of calling AWS."""

    def collect(_settings: Any, _scope: Any, folder: Path, *_: Any, **__: Any) -> None:
        bundle_of_two_volumes(folder)

    monkeypatch.setattr(run_actions, "gather", collect)
