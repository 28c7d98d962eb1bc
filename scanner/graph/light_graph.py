"""A protection graph in a fraction of the memory of networkx, for what goes through all edges once.

It has the part of networkx's interface that building a graph and `BlastRadius` use. Edges with the same facts
share them, and nothing finds the edges of one node.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Facts = dict[str, Any]
_Edge = tuple[str, str, str]


class _Nodes(dict[str, Facts]):
    """The facts of nodes by name; called with data=True, the pairs of both."""

    def __call__(self, *, data: bool) -> Iterator[tuple[str, Facts]]:
        assert data  # nosec B101 # noqa: S101 -- names alone are the keys
        return iter(self.items())


class _Edges:
    """The facts of edges by source, target and relation."""

    def __init__(self) -> None:
        self.facts: dict[_Edge, Facts] = {}

    def __getitem__(self, edge: _Edge) -> Facts:
        # A copy, as others have the same facts: only the way a selection selects is ever added to an edge.
        return dict(self.facts[edge])

    def __call__(self, *, data: bool) -> Iterator[tuple[str, str, Facts]]:
        assert data  # nosec B101 # noqa: S101 -- as above
        return ((source, target, facts) for (source, target, _), facts in self.facts.items())


class LightGraph:
    """Takes nodes and edges as networkx does."""

    def __init__(self) -> None:
        self.nodes = _Nodes()
        self.edges = _Edges()
        self._shared: dict[tuple[object, ...], Facts] = {}

    def __contains__(self, name: str) -> bool:
        return name in self.nodes

    def add_node(self, name: str, **facts: object) -> None:
        """Add a node that is not there yet."""
        self.nodes[name] = facts

    def get_edge_data(self, source: str, target: str, key: str) -> Mapping[str, Any] | None:
        """Return the facts of an edge; None: it is not there."""
        return self.edges.facts.get((source, target, key))

    def add_edge(self, source: str, target: str, key: str, **facts: object) -> None:
        """Add an edge, or replace its facts."""
        self.edges.facts[source, target, key] = self._shared.setdefault(tuple(facts.values()), facts)
