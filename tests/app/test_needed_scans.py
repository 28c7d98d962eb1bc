"""Scans of the simulated organisation that collect what their controls need, beside one of everything."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from scanner.demo.serve import DEFAULT_SEED, Demo, serve
from tests.app.test_end_to_end import AS_OF, command, finish

pytestmark = pytest.mark.slow

SELECTIONS: Final = ("resource-in-backup-plan", "restore-tested", "ransomware-resilience")
PARTIAL: Final = (0, 4)
"""One account of the demo organisation cannot be entered: collecting ends with 4."""


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with serve(DEFAULT_SEED) as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scans")


@pytest.fixture(scope="module")
def everything(demo: Demo, folder: Path) -> Path:
    run("collect", *scope_of(demo), "--out", "everything", demo=demo, cwd=folder)
    return folder / "everything"


def scope_of(demo: Demo) -> list[str]:
    regions = [word for region in demo.regions[:2] for word in ("--region", region)]
    return ["--org", "--role-name", demo.role_name, *regions]


def run(*words: str | Path, demo: Demo | None, cwd: Path) -> str:
    code, out, err = finish(command(*words, demo=demo, cwd=cwd))
    assert code in PARTIAL, err
    return out + err


def findings(scan: Path) -> list[dict[str, Any]]:
    """Read findings without their evidence lines: a file with less lines numbers them otherwise.

    Without root causes, too: if a link was not collected, another is the first that is known to be broken.
    """
    lines = gzip.decompress((scan / "findings.jsonl.gz").read_bytes()).splitlines()
    left_out = {"evidence", "root_cause", "blocked_by", "missing_read"}
    found = [{key: value for key, value in json.loads(line).items() if key not in left_out} for line in lines]
    for each in found:
        if each["control"] == "account-region-assessed":
            del each["details"]["status"]  # partial where a call was refused that the controls do not need
    return found


def calls(scan: Path) -> list[str]:
    return [
        f"{line['service']}:{line['operation']}"
        for file in sorted((scan / "evidence").rglob("*.gz"))
        for line in map(json.loads, gzip.decompress(file.read_bytes()).splitlines())
    ]


@pytest.mark.parametrize("words", SELECTIONS)
def test_findings_are_those_of_a_scan_of_everything(
    demo: Demo, folder: Path, everything: Path, words: str
) -> None:
    ours, whole = folder / words, folder / f"{words}-of-everything"
    options = ["--controls", words, "--format", "json", "-q"]
    run("run", *scope_of(demo), "--as-of", AS_OF, *options, "--out", ours, demo=demo, cwd=folder)
    run("evaluate", everything, "--as-of", AS_OF, *options, "--out", whole, demo=None, cwd=folder)
    assert findings(ours) == findings(whole)
    manifest = json.loads((ours / "manifest.json").read_bytes())
    assert set(calls(ours)) <= {*manifest["reads"]["operations"]}
    assert len(calls(ours)) < len(calls(everything))
    assert "reads" not in json.loads((everything / "manifest.json").read_bytes())


def test_more_controls_are_unknown_and_say_what_was_not_collected(
    demo: Demo, folder: Path, everything: Path
) -> None:
    run(
        "collect", *scope_of(demo), "--controls", "resource-in-backup-plan", "--out", "narrow",
        demo=demo, cwd=folder,
    )  # fmt: skip
    narrow, judged, whole = folder / "narrow", folder / "more", folder / "all"
    assert "backup:ListRecoveryPointsByBackupVault" not in calls(narrow)
    as_of = ["--as-of", AS_OF, "--format", "json"]
    told = run("evaluate", narrow, *as_of, "--out", judged, demo=None, cwd=folder)
    run("evaluate", everything, *as_of, "--out", whole, demo=None, cwd=folder)
    assert "note: The scan did not collect everything that these controls need (" in told
    before = {(each["control"], each["subject"]): each["status"] for each in findings(whole)}
    found = findings(judged)
    recent = [each for each in found if each["control"] == "resource-backed-up-recently"]
    assert {each["status"] for each in recent} == {"unknown", "not_applicable"}
    assert any(
        "was not collected: no control that the scan was made for needs it" in each["reason"]
        for each in recent
    )
    for each in found:
        status = before.get((each["control"], each["subject"]))
        assert each["status"] in (status, "unknown"), each
    assert "unknown" in {each["status"] for each in found if each["control"] == "account-region-assessed"}
    summary = json.loads((judged / "summary.json").read_bytes())["summary"]
    assert "collected only what its controls need" in summary["limitations"][0]
    standings = {
        requirement["standing"]
        for framework in summary["frameworks"]
        for requirement in framework["requirements"]
        if "vault-locked" in requirement["controls"]
    }
    assert standings <= {"failed", "unknown"}  # its vaults were not listed


def test_a_narrow_scan_misses_nothing_of_its_own(demo: Demo, folder: Path, everything: Path) -> None:
    """What is left out is no missing read: only what AWS refused to a scan of everything is."""
    judged = folder / SELECTIONS[0]
    if not judged.exists():
        run(
            "run", *scope_of(demo), "--as-of", AS_OF, "--controls", SELECTIONS[0], "--format", "json", "-q",
            "--out", judged, demo=demo, cwd=folder,
        )  # fmt: skip
    gaps = json.loads((judged / "summary.json").read_bytes())["summary"]["gaps"]
    assert {gap["code"] for gap in gaps} & {"not-collected"} == set()
    records = json.loads((judged / "manifest.json").read_bytes())["shards"]
    whole = json.loads((everything / "manifest.json").read_bytes())["shards"]
    complete = {(row["account"], row["region"]) for row in whole if row["status"] == "complete"}
    assert complete <= {(row["account"], row["region"]) for row in records if row["status"] == "complete"}
