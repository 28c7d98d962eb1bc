"""The sample scan, judged once for all modules, and for all processes that run tests."""

import fcntl
import os
import shutil
from pathlib import Path

import pytest

from scanner.app.criteria import load_judgement
from scanner.app.inputs import stored_inputs
from scanner.app.judgement import evaluate
from scanner.evidence.manifest import read_manifest

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
