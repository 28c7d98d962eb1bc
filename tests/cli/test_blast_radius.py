"""`audit blast-radius` and `audit graph` on the sample scan, judged for real."""

import io
import json
import shutil
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner, Result

from scanner.cli.commands import audit
from scanner.evidence.manifest import NAME
from tests.fakes.bundles import FAR, BundleBuilder, copy_to, rule, vault_arn, volume_arn

ROOT = Path(__file__).parents[2]
SCHEMAS = {
    name: json.loads((ROOT / f"docs/schema/{name}.schema.json").read_bytes())
    for name in ("blast-radius", "graph")
}

TIERS = """
tiers:
  - name: gold
    match: {tags: {tier: [gold, critical]}}
    parameters: {}
  - name: production
    match: {accounts: ["333333333333"]}
    parameters: {}
"""


def judged(bundle: Path, out: Path, *words: str) -> Path:
    """Evaluate a bundle with one control only: the graph depends on none."""
    controls = out.parent / "controls"
    controls.mkdir(exist_ok=True)
    shutil.copy(ROOT / "controls/resource-in-backup-plan.yaml", controls)
    words = ("--controls", str(controls), "--format", "json", *words)
    done = CliRunner().invoke(audit, ["evaluate", str(bundle), "--out", str(out), *words])
    assert done.exit_code == 0, done.output
    return out


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sample") / "scan"
    config = out.parent / "audit.yaml"
    config.write_text(TIERS)
    return judged(ROOT / "sample_reports/bundle", out, "--config", str(config))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundle = BundleBuilder(tmp_path_factory.mktemp("small"))
    shard = bundle.shard()
    shard.settings().vault("main").vault("second")
    shard.plan("daily", rules=[rule(CopyActions=[copy_to(vault_arn("far", region=FAR))])])
    shard.volume("vol-1", {}).volume("vol-2", {}).volume("vol-3", {})
    for vault, volume in (("main", "vol-1"), ("main", "vol-2"), ("second", "vol-2")):
        shard.point(vault, volume_arn(volume), arn=f"arn:aws:ec2:eu-west-1::snapshot/{vault}-{volume}")
    bundle.shard(region=FAR).settings().vault("far")
    folder = bundle.write()
    return judged(folder, tmp_path_factory.mktemp("judged") / "scan")


def run(*words: str) -> Result:
    return CliRunner().invoke(audit, list(words))


def document(scan: Path, *words: str) -> dict[str, Any]:
    done = run("blast-radius", str(scan), *words, "--format", "json")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    Draft202012Validator(SCHEMAS["blast-radius"]).validate(found)
    return found


def test_a_vault_takes_the_last_backup_of_what_has_no_other(small: Path) -> None:
    (loss,) = document(small, "main")["nodes"]
    (lost,) = loss["existing"]["lost_groups"]
    assert (loss["existing"]["lost"], loss["existing"]["unknown"]) == (1, 0)
    assert lost["examples"] == [volume_arn("vol-1")]
    assert document(small, vault_arn("main"))["nodes"] == [loss]
    (second,) = document(small, "second")["nodes"]
    assert second["existing"]["lost"] == 0


def test_the_twenty_worst_of_the_sample_are_listed_with_single_points_by_tier(sample: Path) -> None:
    found = document(sample)
    assert len(found["nodes"]) == 20
    ranks = [loss["existing"]["lost"] for loss in found["nodes"]]
    assert ranks == sorted(ranks, reverse=True)
    assert 0 < found["protected"] < found["resources"]
    tiers = found["single_points_of_failure"]
    assert {"tier", "no_tier"} <= {each["of"] for each in tiers}
    assert sum(each["resources"] for each in tiers) == found["resources"]
    assert sum(each["protected"] for each in tiers) == found["protected"]
    table = run("blast-radius", str(sample)).stdout
    assert "Tier production: " in table
    assert f"{found['protected']:,} of {found['resources']:,} resources" in table


def test_each_node_of_the_sample_gives_the_same_alone(sample: Path) -> None:
    for loss in document(sample)["nodes"][:5]:
        name = loss["node"].removeprefix("account:").removeprefix("region:")
        assert document(sample, name)["nodes"] == [loss]


@pytest.mark.parametrize("name", ["alias/central-backup", "production-gold", "eu-west-1", "333333333333"])
def test_nodes_are_found_by_what_people_call_them(sample: Path, name: str) -> None:
    assert len(document(sample, name)["nodes"]) == 1


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("AWSBackupDefaultServiceRole", "is ambiguous"),
        ("productiongold", "Did you mean:\n  production-gold"),
        ("zzz", "audit blast-radius without a node"),
        ("", "Name a key, vault, role, account or Region"),
        ("x\x1b[31m\u202e", "\u2039U+001B\u203a[31m\u2039U+202E\u203a"),
    ],
)
def test_a_name_that_is_not_one_node_gets_a_sentence(sample: Path, name: str, sentence: str) -> None:
    done = run("blast-radius", str(sample), name)
    assert done.exit_code == 2
    assert sentence in done.stderr


def test_no_scan_no_answer(tmp_path: Path) -> None:
    for command in ("blast-radius", "graph"):
        assert run(command, str(tmp_path)).exit_code == 6


def test_a_scan_without_groups_says_what_to_do(small: Path, tmp_path: Path) -> None:
    older = tmp_path / "older"
    for path in small.rglob("*"):
        if path.is_file() and path.stem != "protection_groups":
            (older / path.relative_to(small)).parent.mkdir(parents=True, exist_ok=True)
            (older / path.relative_to(small)).write_bytes(path.read_bytes())
    manifest = json.loads((older / NAME).read_bytes())
    del manifest["files"]["inventory/protection_groups.parquet"]
    (older / NAME).write_text(json.dumps(manifest))
    done = run("blast-radius", str(older))
    assert done.exit_code == 6
    assert "Run audit evaluate on the bundle again." in done.stderr


def test_a_changed_table_is_noticed(small: Path, tmp_path: Path) -> None:
    scan = tmp_path / "scan"
    for path in small.rglob("*"):
        if path.is_file():
            (scan / path.relative_to(small)).parent.mkdir(parents=True, exist_ok=True)
            (scan / path.relative_to(small)).write_bytes(path.read_bytes())
    with (scan / "inventory/protection_groups.parquet").open("ab") as file:
        file.write(b"x")
    assert run("blast-radius", str(scan), "main").exit_code == 6
    assert run("graph", str(scan)).exit_code == 6


def test_the_graph_is_written_in_each_format(small: Path, tmp_path: Path) -> None:
    done = run("graph", str(small), "--format", "json")
    found = json.loads(done.stdout)
    Draft202012Validator(SCHEMAS["graph"]).validate(found)
    read = nx.node_link_graph(found, edges="edges")
    file = tmp_path / "graph.xml"
    assert run("graph", str(small), "--out", str(file)).exit_code == 0
    again = nx.read_graphml(io.BytesIO(file.read_bytes()))
    assert set(again) == set(read)
    assert again.nodes[vault_arn("main")]["kind"] == "vault"
    states = {facts["state"] for _, _, facts in again.edges(data=True)}
    assert states <= {"effective", "broken", "unknown"}
    assert run("graph", str(small), "--format", "dot").stdout.startswith("digraph protection {")


def test_the_same_scan_gives_the_same_bytes(sample: Path) -> None:
    for words in (("blast-radius", str(sample), "--format", "json"), ("graph", str(sample))):
        assert run(*words).stdout == run(*words).stdout


def test_the_graph_does_not_grow_with_the_resources(tmp_path: Path) -> None:
    sizes = []
    for number in (2, 200):
        bundle = BundleBuilder(tmp_path / str(number))
        shard = bundle.shard()
        shard.settings().vault("main")
        arns = [f"vol-{each}" for each in range(number)]
        shard.plan("daily", rules=[rule()], selections=[{"Resources": ["*"], "SelectionName": "all"}])
        for arn in arns:
            shard.volume(arn, {}).point("main", volume_arn(arn), arn=f"arn:aws:ec2:eu-west-1::snapshot/{arn}")
        scan = judged(bundle.write(), tmp_path / f"judged-{number}")
        found = json.loads(run("graph", str(scan), "--format", "json").stdout)
        sizes.append(len(found["nodes"]))
        (loss,) = document(scan, "main")["nodes"]
        assert loss["existing"]["lost"] == number
    assert sizes[0] == sizes[1]
