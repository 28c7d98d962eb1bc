"""The protection graph as GraphML, DOT and JSON, and the nodes that a user names (by ARN, id, name or alias).

Names come from AWS, where people choose them: whatever is in one is text here, never markup, and what XML or
DOT cannot hold (control characters, halves of characters) is replaced by U+FFFD.
"""

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Final

import networkx as nx

from scanner.graph.protection_graph import LOSABLE, Graph, Kind, Row, State

SCHEMA: Final = "backup-audit/graph/1"
_UNFIT: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_EDGE: Final = ("relation", "state", "because")
_INTERNAL: Final = "may_be"  # which kinds an unread node may be: its edges say so
_COLORS: Final = {State.EFFECTIVE: "#2e7d32", State.BROKEN: "#b71c1c", State.UNKNOWN: "#b26a00"}
_STYLES: Final = {State.EFFECTIVE: "solid", State.BROKEN: "dashed", State.UNKNOWN: "dotted"}
_SUGGESTED: Final = 3


@dataclass(frozen=True, slots=True)
class Provenance:
    """The scan that a graph is of."""

    scan_id: str
    as_of: datetime


def graph_bytes(graph: Graph, form: str, provenance: Provenance) -> bytes:
    """Return the graph in a format: `graphml`, `dot` or `json`. Equal graphs give equal bytes."""
    return _FORMATS[form](graph, provenance)


def _graphml(graph: Graph, provenance: Provenance) -> bytes:
    """Return GraphML. Each edge has an id of its own, as XML demands."""
    plain: nx.MultiDiGraph[str] = nx.MultiDiGraph(
        scan_id=_fit(provenance.scan_id), as_of=_instant(provenance)
    )
    ids = _ids(graph)
    for name, facts in graph.nodes(data=True):
        plain.add_node(ids[name], **{key: _scalar(value) for key, value in _facts(facts)})
    for number, (source, target, facts) in enumerate(graph.edges(data=True)):
        texts = {key: _fit(str(facts[key])) for key in _EDGE}
        plain.add_edge(ids[source], ids[target], f"e{number}", **texts)
    file = io.BytesIO()
    nx.write_graphml_xml(plain, file)
    return file.getvalue()


def _dot(graph: Graph, provenance: Provenance) -> bytes:
    numbers = {name: f"n{number}" for number, name in enumerate(graph)}
    lines = [
        f"digraph protection {{\n  graph [rankdir=LR, label={_quoted(f'scan {provenance.scan_id}')}];",
        '  node [shape=box, fontname="sans-serif"];',
    ]
    for name, facts in graph.nodes(data=True):
        attributes = {**dict(_facts(facts)), "name": name}
        lines.append(f"  {numbers[name]} [{_attributes(attributes)}];")
    for source, target, facts in graph.edges(data=True):
        attributes = {
            "label": facts["relation"],
            "state": facts["state"],
            "because": facts["because"],
            "color": _COLORS[facts["state"]],
            "style": _STYLES[facts["state"]],
        }
        lines.append(f"  {numbers[source]} -> {numbers[target]} [{_attributes(attributes)}];")
    return "\n".join((*lines, "}\n")).encode()


def _json(graph: Graph, provenance: Provenance) -> bytes:
    """Return the node-link form that networkx reads (`node_link_graph`), in ASCII."""
    ids = _ids(graph)
    document = {
        "schema": SCHEMA,
        "scan_id": _fit(provenance.scan_id),
        "as_of": _instant(provenance),
        "directed": True,
        "multigraph": True,
        "graph": {},
        "nodes": [
            {"id": ids[name], **{key: _json_value(value) for key, value in _facts(facts)}}
            for name, facts in graph.nodes(data=True)
        ],
        "edges": [
            {"source": ids[source], "target": ids[target]} | {key: _fit(str(facts[key])) for key in _EDGE}
            for source, target, facts in graph.edges(data=True)
        ],
    }
    return (json.dumps(document, ensure_ascii=True, indent=1) + "\n").encode()


_FORMATS: Final[Mapping[str, Callable[[Graph, Provenance], bytes]]] = {
    "graphml": _graphml,
    "dot": _dot,
    "json": _json,
}


def _ids(graph: Graph) -> dict[str, str]:
    """Return an id for each node: its name, with a number where two become the same once they are fit."""
    ids: dict[str, str] = {}
    taken: set[str] = set()
    for name in graph:
        fit = candidate = _fit(name)
        number = 1
        while candidate in taken:
            number += 1
            candidate = f"{fit}~{number}"
        taken.add(candidate)
        ids[name] = candidate
    return ids


def _facts(facts: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((key, value) for key, value in facts.items() if key != _INTERNAL and value is not None)


def _scalar(value: object) -> str | int:
    """Return a value as GraphML has it: lists are lines of one text, truth is text as XML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return value
    if isinstance(value, list | tuple):
        return _fit("\n".join(map(str, value)))
    return _fit(str(value))


def _json_value(value: object) -> object:
    if isinstance(value, list | tuple):
        return [_fit(str(element)) for element in value]
    return value if isinstance(value, bool | int) else _fit(str(value))


def _attributes(attributes: Mapping[str, object]) -> str:
    texts = {key: _quoted(str(_scalar(value))) for key, value in attributes.items()}
    # In labels alone Graphviz replaces entities: a name that contains "&lt;" stays what it is.
    texts["label"] = texts["label"].replace("&", "&amp;")
    return ", ".join(f"{key}={text}" for key, text in texts.items())


def _quoted(text: str) -> str:
    """Write a text as a quoted string of DOT, whose escapes are those of a quote, a backslash, a line."""
    plain = _fit(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{plain}"'


def _fit(text: str) -> str:
    return _UNFIT.sub("\ufffd", text)


def _instant(provenance: Provenance) -> str:
    return provenance.as_of.isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class NodeMatches:
    """The nodes that a user may mean: those of that very name, else names that are like it."""

    nodes: tuple[str, ...]
    suggestions: tuple[str, ...] = ()


def nodes_called(graph: Graph, name: str) -> NodeMatches:
    """Return the nodes that are called `name`.

    ARNs, account ids and Regions come first; then the names of vaults and roles, the ids of keys and their
    aliases; then the names of accounts, and aliases without `alias/`.
    """
    every: set[str] = set()
    for names_of in (_identifiers, _names, _loose_names):
        names = _named(graph, names_of)
        if nodes := names.get(name):
            return NodeMatches(tuple(sorted(nodes)))
        every |= names.keys()
    return NodeMatches((), _suggestions(sorted(every), name))


def _named(graph: Graph, names_of: Callable[[str, Row], Iterator[str]]) -> dict[str, set[str]]:
    """Return the nodes that can be lost, by their names of one sort."""
    names: dict[str, set[str]] = {}
    for node, facts in graph.nodes(data=True):
        if facts["kind"] in LOSABLE:
            for name in names_of(node, facts):
                names.setdefault(name, set()).add(node)
    return names


def _identifiers(node: str, facts: Row) -> Iterator[str]:
    yield node
    yield full_name(node)
    yield from facts.get("aliases", ())


def _names(node: str, facts: Row) -> Iterator[str]:
    if facts["kind"] is not Kind.ACCOUNT:
        yield facts["label"]
        yield node.rpartition("/")[2]  # the id of a key, whose label may be an alias
    for alias in facts.get("aliases", ()):
        yield alias.rpartition(":")[2]


def _loose_names(_: str, facts: Row) -> Iterator[str]:
    yield facts["label"]
    for alias in facts.get("aliases", ()):
        yield alias.rpartition(":alias/")[2]


def full_name(node: str) -> str:
    """Return the name by which a node is found for sure: an account's id, a Region, an ARN."""
    return node.removeprefix("account:").removeprefix("region:")


def _suggestions(names: list[str], name: str) -> tuple[str, ...]:
    near = get_close_matches(name, names, _SUGGESTED)
    containing = (candidate for candidate in names if name.lower() in candidate.lower())
    return tuple(dict.fromkeys((*near, *containing)))[:_SUGGESTED]
