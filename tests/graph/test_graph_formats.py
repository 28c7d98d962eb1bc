"""The graph in formats of other tools, opened by these: networkx and Graphviz."""

import io
import json
import shutil
import subprocess
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.graph.graph_formats import Provenance, graph_bytes
from scanner.graph.protection_graph import Graph, ProtectionTables, protection_graph
from tests.fakes.protection import (
    HOME,
    copies,
    existing,
    group,
    rule_row,
    scheduled,
    selection_row,
    unread,
    vault,
)

OF = Provenance("scan-1", datetime(2026, 11, 20, 6, tzinfo=UTC))
MAIN = vault("main")
HOSTILE = '<b>"&lt;\\N\' \n]; x -> y [label="\u202eevil</data>]]>&amp;\t漢字 🗝'


def graph_named(name: str) -> Graph:
    rows = [
        group(
            name,
            existing=[existing(MAIN), existing(vault(name), effective=None)],
            existing_unread=[unread()],
            scheduled=[scheduled(MAIN)],
            copies=[copies(vault(name), effective=False, because=f"{name} is full")],
        )
    ]
    tables = ProtectionTables(
        groups=rows,
        accounts=[{"id": HOME, "name": name}],
        rules=[rule_row(MAIN, "daily")],
        selections=[selection_row()],
    )
    return protection_graph(tables)


def states(graph: Any) -> list[tuple[str, str]]:
    return sorted((facts["relation"], facts["state"]) for _, _, facts in graph.edges(data=True))


@pytest.mark.parametrize("name", ["plain", HOSTILE])
def test_networkx_reads_graphml_with_the_state_of_each_edge(name: str) -> None:
    graph = graph_named(name)
    read = nx.read_graphml(io.BytesIO(graph_bytes(graph, "graphml", OF)))
    assert set(read) == set(graph)
    assert states(read) == sorted(
        (facts["relation"].value, facts["state"].value) for _, _, facts in graph.edges(data=True)
    )
    assert read.nodes[f"account:{HOME}"]["label"] == name
    (because,) = (facts["because"] for _, _, facts in read.edges(data=True) if facts["state"] == "broken")
    assert because == f"{name} is full"


def test_graphml_has_no_id_twice() -> None:
    ids = [edge.get("id") for edge in ET.fromstring(graph_bytes(graph_named("a"), "graphml", OF)).iter()]  # noqa: S314
    found = [each for each in ids if each]
    assert len(found) == len(set(found))


@pytest.mark.parametrize("name", ["plain", HOSTILE])
def test_networkx_reads_the_json(name: str) -> None:
    document = json.loads(graph_bytes(graph_named(name), "json", OF))
    read = nx.node_link_graph(document, edges="edges")
    assert states(read) == states(nx.read_graphml(io.BytesIO(graph_bytes(graph_named(name), "graphml", OF))))
    assert read.nodes[f"account:{HOME}"]["label"] == name


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
@pytest.mark.parametrize("name", ["plain", HOSTILE])
def test_graphviz_draws_the_dot(name: str) -> None:
    graph = graph_named(name)
    done = subprocess.run(
        ["dot", "-Tsvg"],  # noqa: S607 -- wherever it is installed
        input=graph_bytes(graph, "dot", OF),
        capture_output=True,
        check=True,
    )
    svg = ET.fromstring(done.stdout)  # noqa: S314 -- our own
    drawn = [node for node in svg.iter() if node.get("class") == "node"]
    edges = [edge for edge in svg.iter() if edge.get("class") == "edge"]
    assert (len(drawn), len(edges)) == (len(graph), graph.number_of_edges())
    texts = "".join(text.text or "" for text in svg.iter() if text.tag.endswith("text"))
    for part in name.replace("\t", "").split("\n"):
        assert "".join(part.split()) in "".join(texts.split())


def test_dot_quotes_every_name() -> None:
    text = graph_bytes(graph_named('"]; evil [label="\\'), "dot", OF).decode()
    for line in text.splitlines():
        unescaped = line.replace("\\\\", "").replace('\\"', "")
        assert unescaped.count('"') % 2 == 0, line
        outside = "".join(unescaped.split('"')[::2])
        assert "evil" not in outside, line


@given(st.text(st.characters(), max_size=8))
def test_any_name_can_be_written_and_read(name: str) -> None:
    graph = graph_named(name)
    read = nx.read_graphml(io.BytesIO(graph_bytes(graph, "graphml", OF)))
    assert len(read) == len(graph)
    assert read.number_of_edges() == graph.number_of_edges()
    json.loads(graph_bytes(graph, "json", OF))
    graph_bytes(graph, "dot", OF).decode()
