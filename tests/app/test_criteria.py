"""Which controls a judgement has if nobody names any: the baseline for a scan, all for a bundle."""

from pathlib import Path

import pytest

from scanner.app.criteria import load_judgement
from scanner.app.needs import reads_of
from scanner.distributed.events import ScanOptions
from scanner.distributed.options import Environment, ScanRequest
from scanner.evaluate.controls.loader import load_controls
from scanner.model.control import BASELINE
from scanner.model.manifest import CollectMode
from scanner.settings.settings import Settings, load_settings

ALL_IDS = frozenset(control.id for control in load_controls())
BASELINE_IDS = frozenset(control.id for control in load_controls() if control.is_baseline)
NAMED = "vault-notifications"


def ids_of(settings: Settings, words: list[str] | None = None, **default: str) -> set[str]:
    judgement, _ = load_judgement(settings, words, None, **default)
    return {control.id for control in judgement.controls}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    file = tmp_path / "audit.yaml"
    file.write_text(f"controls: [{NAMED}]\n", encoding="utf-8")
    return load_settings(file)


def test_a_bundle_is_judged_by_all_controls_and_a_scan_by_the_baseline(settings: Settings) -> None:
    assert ids_of(Settings()) == ALL_IDS
    assert ids_of(Settings(), default=BASELINE) == BASELINE_IDS
    assert ids_of(settings, default=BASELINE) == {NAMED}
    assert ids_of(settings, ["all"], default=BASELINE) == ALL_IDS


def test_a_scan_of_the_baseline_collects_everything_unless_it_is_named_or_only_its_needs_are_wanted() -> None:
    judgement, _ = load_judgement(Settings(), None, None, default=BASELINE)
    assert reads_of(None, (), judgement) is None
    assert reads_of(CollectMode.ALL, (BASELINE,), judgement) is None
    for reads in (reads_of(CollectMode.NEEDED, (), judgement), reads_of(None, (BASELINE,), judgement)):
        assert reads is not None
        assert set(reads.controls) == BASELINE_IDS


def test_a_deployed_scanner_evaluates_the_baseline_and_collects_everything(settings: Settings) -> None:
    environment = Environment(evidence_bucket="e", work_bucket="w", bucket_owner="123456789012")
    request = ScanRequest(ScanOptions(), Settings(), environment)
    assert {control.id for control in request.judging().controls} == BASELINE_IDS
    assert request.reads() is None
    named = ScanRequest(ScanOptions(), settings, environment)
    assert {control.id for control in named.judging().controls} == {NAMED}
    every = ScanRequest(ScanOptions(controls=("all",)), settings, environment)
    assert {control.id for control in every.judging().controls} == ALL_IDS
