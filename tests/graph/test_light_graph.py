"""A light graph has the same blast radius as that of networkx."""

from pathlib import Path
from shutil import copytree

import pytest

from scanner.app.protection import graph_of
from scanner.evidence.manifest import read_manifest
from scanner.graph.blast_radius import BlastRadius
from scanner.graph.light_graph import LightGraph
from scripts.sample_reports import BUNDLE, audit


@pytest.mark.slow
def test_the_graph_of_the_sample_gives_the_same_answers(tmp_path: Path) -> None:
    scan = tmp_path / "scan"
    copytree(BUNDLE, scan)
    audit("evaluate", scan, "--format", "json", "--quiet")
    manifest = read_manifest(scan)
    whole, light = (BlastRadius(graph_of(scan, manifest, light=light)) for light in (False, True))
    assert len(whole.groups) > 50
    assert light.groups == whole.groups
    assert light.worst(1_000) == whole.worst(1_000)
    assert light.single_points() == whole.single_points()
    assert light.protected(light.counts()) == whole.protected(whole.counts()) > 0


def test_edges_with_the_same_facts_share_them_and_replaced_facts_change_one_edge() -> None:
    graph = LightGraph()
    for name in "abc":
        graph.add_node(name, kind="k")
    graph.add_edge("a", "b", "needs", state="effective")
    graph.add_edge("a", "c", "needs", state="effective")
    assert graph.get_edge_data("a", "b", "needs") is graph.get_edge_data("a", "c", "needs")
    graph.add_edge("a", "b", "needs", state="broken")
    graph.edges["a", "c", "needs"]["via"] = ("selection",)
    assert list(graph.edges(data=True)) == [
        ("a", "b", {"state": "broken"}),
        ("a", "c", {"state": "effective"}),
    ]
    assert "a" in graph
    assert "d" not in graph
    assert graph.get_edge_data("b", "a", "needs") is None
