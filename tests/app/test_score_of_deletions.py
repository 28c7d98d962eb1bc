"""The score never rises when a backup plan, a vault or recovery points are deleted (ADR 0010)."""

import gzip
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from scanner.app.criteria import Judgement
from scanner.app.findings import facts_request, waivers_of, write_findings
from scanner.app.judged import unlined_findings
from scanner.app.judged_manifest import judged_manifest
from scanner.app.judgement import judged_scan
from scanner.evaluate.controls.loader import load_controls
from scanner.evaluate.controls.requirements import load_standards
from scanner.evidence.bundle import Bundle
from scanner.judging.tables import write_tables
from scanner.model.compliance import Figures
from scanner.model.coverage import Coverage
from scanner.model.scan import Scan

BUNDLE: Final = Path(__file__).parents[2] / "sample_reports" / "bundle"
MANIFEST: Final = "manifest.json"
OPTIONAL: Final = ("shards", "files", "signature", "inputs", "source", "time_stamp")

NEWEST: Final = frozenset({"LastBackupTime", "LastBackupVaultArn", "LastRecoveryPointArn"})
HISTORY: Final = frozenset({"backup-jobs-succeed", "restore-tested", "restore-time-target"})
"""Controls on jobs of the last 30 days, which remain after a deletion."""

Line = dict[str, Any]
Edit = Callable[[Line], bool]
"""Changes a line of evidence; False: the line is to be removed."""


@dataclass(frozen=True)
class Deletion:
    """Something that is deleted from the evidence of one account-Region."""

    name: str
    file: Path
    edit: Edit


def lines(file: Path) -> Iterator[Line]:
    with gzip.open(file) as content:
        yield from map(json.loads, content)


def names_vault(job: Line, vault: str) -> bool:
    """Check whether a job names a vault: those of a vault that was deleted long ago are gone, too."""
    texts = (text for text in job.values() if isinstance(text, str))
    return any(text == vault or text.endswith(f":backup-vault:{vault}") for text in texts)


def forget_newest(response: Line, vault: str, resource: str = "") -> None:
    """Delete what AWS Backup says of the newest recovery point of resources, where it was in a vault."""
    for row in (response, *response.get("Results", ())):
        if row.get("LastBackupVaultArn", "").endswith(vault) and resource in row["ResourceArn"]:
            for key in NEWEST & row.keys():
                del row[key]


def without(list_key: str, id_key: str, value: str) -> Edit:
    """Delete what has this id from its list, and all calls that name it."""

    def edit(line: Line) -> bool:
        response = line.get("response") or {}
        if list_key in response:
            response[list_key] = [row for row in response[list_key] if row[id_key] != value]
        forget_newest(response, f":backup-vault:{value}")
        for key in ("BackupJobs", "CopyJobs", "RestoreJobs"):
            if key in response and list_key == "BackupVaultList":
                response[key] = [job for job in response[key] if not names_vault(job, value)]
        return bool(line["parameters"].get(id_key) != value)

    return edit


def without_points(vault: str, resource: str) -> Edit:
    """Delete the recovery points of one resource in a vault."""

    def edit(line: Line) -> bool:
        response = line.get("response") or {}
        if line["parameters"].get("BackupVaultName") == vault and "RecoveryPoints" in response:
            response["RecoveryPoints"] = [
                point for point in response["RecoveryPoints"] if point["ResourceArn"] != resource
            ]
        forget_newest(response, f":backup-vault:{vault}", resource)
        return True

    return edit


def deletions(kind: str) -> Iterator[Deletion]:
    """Yield what can be deleted: each plan, each vault, and the recovery points of each resource."""
    for file in sorted((BUNDLE / "evidence").glob("*/*-*-*.jsonl.gz")):
        place = file.relative_to(BUNDLE)
        for line in lines(file):
            response = line.get("response") or {}
            if kind == "plan":
                for plan in response.get("BackupPlansList", ()):
                    value = plan["BackupPlanId"]
                    yield Deletion(value, place, without("BackupPlansList", "BackupPlanId", value))
            if kind == "vault":
                for vault in response.get("BackupVaultList", ()):
                    value = vault["BackupVaultName"]
                    yield Deletion(value, place, without("BackupVaultList", "BackupVaultName", value))
            if kind == "points":
                name = line["parameters"].get("BackupVaultName", "")
                points = response.get("RecoveryPoints", ())
                for resource in dict.fromkeys(point["ResourceArn"] for point in points):
                    yield Deletion(f"{name} {resource}", place, without_points(name, resource))


def bundle_without(folder: Path, edits: Mapping[Path, list[Edit]]) -> Path:
    """Return a copy of the sample bundle whose evidence was changed. Unchanged files are links."""
    folder.mkdir(parents=True)
    manifest = json.loads((BUNDLE / MANIFEST).read_bytes())
    for key in OPTIONAL:
        manifest.pop(key, None)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    for file in (path for path in (BUNDLE / "evidence").rglob("*") if path.is_file()):
        place = file.relative_to(BUNDLE)
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if place not in edits:
            os.link(file, target)
            continue
        with gzip.open(target, "wt", compresslevel=1) as changed:
            for line in lines(file):
                if all(edit(line) for edit in edits[place]):
                    changed.write(json.dumps(line) + "\n")
    return folder


def judged(folder: Path, out: Path, judgement: Judgement) -> Scan:
    """Judge a bundle as `evaluate` does, without root causes and files for people."""
    bundle = Bundle(folder)
    tables = write_tables(bundle, out, facts_request(bundle, judgement), 1, lambda: None)
    waivers = waivers_of(judgement, bundle.manifest)
    write_findings(bundle, out, judgement, tables.rows, waivers)
    findings = unlined_findings(out, judgement, bundle.manifest)
    manifest = judged_manifest(bundle, out, judgement)
    return judged_scan(bundle, out, judgement, manifest, tables, findings, waivers)


@dataclass(frozen=True)
class Judged:
    score: float
    total: Figures
    by_type: Mapping[str, Figures]
    by_control: Mapping[str, Figures]
    coverage: Coverage


class Judge:
    """Judges the sample bundle after deletions, each in its own folder that is removed afterwards."""

    def __init__(self, folder: Path) -> None:
        controls = tuple(control for control in load_controls() if control.subject == "resource")
        self._judgement = Judgement(controls=controls, standards=load_standards(controls))
        self._folder = folder
        self._number = 0

    def after(self, *deleted: Deletion) -> Judged:
        self._number += 1
        folder = self._folder / str(self._number)
        edits: dict[Path, list[Edit]] = {}
        for deletion in deleted:
            edits.setdefault(deletion.file, []).append(deletion.edit)
        bundle = bundle_without(folder / "bundle", edits)
        scan = judged(bundle, folder / "scan", self._judgement)
        shutil.rmtree(folder)
        assert scan.assessment is not None
        assert scan.coverage is not None
        score = scan.assessment.score
        assert score.total.score is not None
        return Judged(
            score.total.score, score.total, score.groups["type"], score.groups["control"], scan.coverage
        )


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    return Judge(tmp_path_factory.mktemp("deletions"))


@pytest.fixture(scope="module")
def before(judge: Judge) -> Judged:
    return judge.after()


def risen(before: Judged, after: Judged) -> list[str]:
    """Return the names of what has a better score after a deletion."""
    scores = {"all": (before.total, after.total)} | {
        kind: (figures, after.by_type[kind]) for kind, figures in before.by_type.items()
    }
    return [
        name
        for name, (was, now) in scores.items()
        if was.score is not None and now.score is not None and now.score > was.score
    ]


@pytest.mark.parametrize("kind", ["plan", "vault"])
def test_deleting_all_of_a_kind_lowers_the_score(judge: Judge, before: Judged, kind: str) -> None:
    after = judge.after(*deletions(kind))
    assert after.score < before.score
    assert risen(before, after) == []
    assert after.coverage.total.number == before.coverage.total.number
    assert after.coverage.total.protected < before.coverage.total.protected


def test_without_any_backup_nothing_scores(judge: Judge) -> None:
    """Without any backup only the history of jobs scores."""
    after = judge.after(*deletions("plan"), *deletions("vault"), *deletions("points"))
    assert after.score < 5
    passed = {name for name, figures in after.by_control.items() if figures.scored_passed}
    assert passed <= HISTORY
    assert after.coverage.total.in_plan == after.coverage.total.protected == 0


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("plan", marks=pytest.mark.slow),
        pytest.param("vault", marks=pytest.mark.slow),
        pytest.param("points", marks=pytest.mark.exhaustive),
    ],
)
def test_no_single_deletion_raises_the_score(judge: Judge, before: Judged, kind: str) -> None:
    better = {}
    for deletion in deletions(kind):
        if names := risen(before, judge.after(deletion)):
            better[deletion.name] = names
    assert better == {}


@pytest.mark.slow
def test_no_deletion_raises_the_score_of_what_the_former_left(judge: Judge, before: Judged) -> None:
    """Plans, vaults and recovery points are deleted one after the other until none is left."""
    gone: list[Deletion] = []
    for kind, step in (("plan", 3), ("vault", 3), ("points", 20)):
        waiting = list(deletions(kind))
        while waiting:
            gone += waiting[:step]
            del waiting[:step]
            after = judge.after(*gone)
            assert risen(before, after) == [], gone[-1].name
            before = after
    assert before.score < 5
