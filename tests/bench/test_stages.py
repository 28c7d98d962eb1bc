"""A stage is measured in a process of its own; what it costs is no matter of tests."""

from pathlib import Path

import pytest

from bench import stages as bench
from bench.bundles import RESOURCES
from bench.stages import FLOOR, Stages


@pytest.mark.slow
def test_stages_are_measured_and_failures_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "_FLOORS", 1)
    stages = Stages(RESOURCES, tmp_path)
    stages.measure("view", "csv", "no such stage")
    assert stages.resources == RESOURCES
    assert stages.findings > 10 * RESOURCES
    assert stages.ratio(FLOOR) == 1.0
    assert stages.failures == {"no such stage": "KeyError: 'no such stage'"}
    text = stages.table().text()
    assert [line.split("|")[1].strip() for line in text.splitlines()[4:8]] == [
        FLOOR,
        "view",
        "csv",
        "audit evaluate",
    ]
    assert "no such stage failed: KeyError" in text
