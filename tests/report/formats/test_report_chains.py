"""The chains that a report draws of many resources are those that `explain` tells of each."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from shutil import copytree

import pytest

from scanner.app.criteria import Judgement
from scanner.app.judgement import evaluate
from scanner.evaluate.controls.loader import load_controls
from scanner.model.explanation import NodeKind, Verdict
from scanner.report.explain import explain
from scanner.report.explain.queries import Facts
from scanner.report.explain.resource import resource_chains
from scanner.report.formats.html_rows import Chains
from scanner.report.read import read_scan
from scanner.report.view.view import build
from scanner.storage.table_files import table_files
from tests.fakes.bundles import BundleBuilder, copy_to, instance_arn, rule, volume_arn

SCHEMA_1 = Path(__file__).parents[2] / "data" / "scan_schema_1"
FAR = "eu-central-1"
GONE = f"arn:aws:backup:{FAR}:111111111111:backup-vault:gone"
RESOURCES = tuple(volume_arn(f"vol-{number}") for number in (1, 2, 3, 4))


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundle = BundleBuilder(tmp_path_factory.mktemp("chains"))
    shard = bundle.shard()
    shard.settings().vault("main").vault("other")
    gold = {"Resources": [volume_arn("vol-1"), volume_arn("vol-3")], "SelectionName": "gold"}
    silver = {"Resources": [volume_arn("vol-3"), volume_arn("vol-4")], "SelectionName": "silver"}
    shard.plan("daily", rules=[rule(CopyActions=[copy_to(GONE)])], selections=[gold, silver])
    shard.plan("weekly", rules=[rule(TargetBackupVaultName="other")], selections=[silver])
    for name in ("vol-1", "vol-2", "vol-3", "vol-4"):
        shard.volume(name)
    bundle.shard(region=FAR).settings()
    shard.point("main", volume_arn("vol-1"))
    folder = bundle.write()
    controls = load_controls(("resource-in-backup-plan", "resource-cross-region-copy"))
    evaluate(folder, folder, Judgement(controls=controls), ())
    return folder


def test_many_chains_at_once_are_the_chains_of_each(judged: Path) -> None:
    facts = Facts(*(partial(table_files, judged / folder) for folder in ("facts", "inventory")))
    chains = dict(resource_chains(facts, RESOURCES))
    assert sorted(chains) == sorted(RESOURCES)
    for subject, root in chains.items():
        assert root == explain(judged, subject).root
    selections = [
        node.label for node in chains[volume_arn("vol-3")].walk() if node.kind is NodeKind.SELECTION
    ]
    assert len(selections) == 2


def test_a_report_takes_the_facts_where_they_are_the_scan_s_own(judged: Path) -> None:
    view = build(read_scan(judged))
    chains = Chains(view).of(view.resources_of(RESOURCES))
    assert chains[volume_arn("vol-2")].verdict is Verdict.BROKEN
    assert all(chains[subject].evidence for subject in RESOURCES)


@pytest.mark.parametrize("change", ["another program judged", "redacted"])
def test_otherwise_it_tells_what_findings_tell(judged: Path, change: str) -> None:
    scan = read_scan(judged)
    scan = replace(scan, redacted=True) if change == "redacted" else replace(scan, resources=None)
    view = build(scan)
    chains = Chains(view).of(view.resources_of(RESOURCES))
    assert sorted(chains) == sorted(RESOURCES)
    for subject, root in chains.items():
        assert (root.subject, root.verdict) == (subject, explain(judged, subject).root.verdict)
        assert not root.evidence


def test_a_scan_of_schema_1_without_a_table_has_the_chains_of_its_findings(tmp_path: Path) -> None:
    folder = copytree(SCHEMA_1, tmp_path / "scan")
    (folder / "facts" / "rule.parquet").unlink()
    for name in ("manifest.json", "summary.json"):
        document = json.loads((folder / name).read_bytes())
        del (document.get("scan") or document)["files"]["facts/rule.parquet"]
        (folder / name).write_text(json.dumps(document))
    view = build(read_scan(folder))
    chains = Chains(view).of(view.resources_of([volume_arn("vol-1")]))
    assert chains[volume_arn("vol-1")].verdict is Verdict.HOLDS
    assert not chains[volume_arn("vol-1")].evidence


def test_a_volume_of_two_instances_names_for_each_the_selection_that_selects_it(tmp_path: Path) -> None:
    bundle = BundleBuilder(tmp_path / "bundle")
    shard = bundle.shard()
    shard.settings().vault("main")
    names = ("i-1", "i-2")
    selections = [{"Resources": [instance_arn(name)]} for name in names]
    shard.plan("daily", rules=[rule()], selections=selections)
    shard.volume("vol-1", Attachments=[{"InstanceId": name, "State": "attached"} for name in names])
    for name in names:
        shard.instance(name)
    folder = bundle.write()
    evaluate(folder, folder, Judgement(controls=load_controls(("resource-in-backup-plan",))), ())
    root = explain(folder, volume_arn("vol-1")).root
    parents = {node.subject: node.children for node in root.children if node.kind is NodeKind.PARENT}
    assert {arn: [node.label for node in nodes] for arn, nodes in parents.items()} == {
        instance_arn(name): [f"daily / s{number}"] for number, name in enumerate(names, 1)
    }
