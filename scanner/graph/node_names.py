"""Finding the node that a user names: by its ARN, id, Region, name or alias."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from scanner.graph.protection_graph import LOSABLE, Graph, Kind, Row

_SUGGESTED: Final = 3


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
    for names_of in (_ids, _names, _loose_names):
        names = _named(graph, names_of)
        if found := names.get(name):
            return NodeMatches(tuple(sorted(found)))
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


def _ids(node: str, facts: Row) -> Iterator[str]:
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
    containing = (other for other in names if name.lower() in other.lower())
    return tuple(dict.fromkeys((*near, *containing)))[:_SUGGESTED]
