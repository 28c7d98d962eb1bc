"""Which findings a query can return: one that filters by status does not need the texts of passes.

Read from DuckDB's parse tree, and only where it is plain to see: each `FROM findings` has a condition of its
own in WHERE, joined by AND, that compares its status with constants. Everything else counts as unfiltered.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

Node = Mapping[str, Any]

_STATUS: Final = "status"


def excludes(tree: Any, table: str, statuses: Collection[str]) -> bool:  # noqa: ANN401 -- a tree of JSON
    """Check that no SELECT of the tree can return a row of `table` with one of these statuses."""
    selects = [node for node in nodes(tree) if node.get("type") == "SELECT_NODE"]
    filtered = sum(_filtered(select, table, statuses) for select in selects)
    sources = sum(_is_table(node, table) for node in nodes(tree))
    return sources == filtered and not any(node.get("type") == "SHOW_REF" for node in nodes(tree))


def nodes(tree: Any) -> Iterator[Node]:  # noqa: ANN401 -- a tree of JSON
    """Iterate over the objects of a tree."""
    todo = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, dict):
            yield node
            todo += node.values()
        elif isinstance(node, list):
            todo += node


def _is_table(node: Node, table: str) -> bool:
    return node.get("type") == "BASE_TABLE" and str(node.get("table_name", "")).lower() == table


def _filtered(select: Node, table: str, statuses: Collection[str]) -> int:
    """Count the sources of a SELECT that are `table` and have a filter by status."""
    sources = tuple(_sources(select.get("from_table") or {}))
    compared = [names for names in _compared(select.get("where_clause"), statuses) if names]
    return sum(
        _is_table(source, table)
        and not source.get("column_name_alias")
        and any(_names_status(names, source, alone=len(sources) == 1) for names in compared)
        for source in sources
    )


def _sources(source: Node) -> Iterator[Node]:
    if source.get("type") == "JOIN" and source.get("join_type") == "INNER":
        yield from _sources(source["left"])
        yield from _sources(source["right"])
    else:
        yield source


def _compared(where: Any, statuses: Collection[str]) -> Iterator[tuple[str, ...]]:  # noqa: ANN401
    """Return the names of columns that WHERE compares with constants, none of them in `statuses`."""
    if not isinstance(where, dict):
        return
    match where.get("type"):
        case "CONJUNCTION_AND":
            for child in where["children"]:
                yield from _compared(child, statuses)
        case "COMPARE_EQUAL":
            yield _column((where["left"], where["right"]), statuses)
            yield _column((where["right"], where["left"]), statuses)
        case "COMPARE_IN":
            yield _column(where["children"], statuses)


def _column(operands: Any, statuses: Collection[str]) -> tuple[str, ...]:  # noqa: ANN401
    """Return the name of the column that comes first. Empty: there is none, or another constant follows."""
    column, *constants = operands
    texts = [each.get("literal", {}).get("text") for each in constants if each["type"] == "VALUE_CONSTANT"]
    if column["type"] != "COLUMN_REF" or len(texts) < len(constants) or set(texts) & {None, *statuses}:
        return ()
    return tuple(name.lower() for name in column["column_names"])


def _names_status(names: tuple[str, ...], source: Node, *, alone: bool) -> bool:
    """Check for `status` of this source: by its name, or where there is no other source."""
    called = str(source.get("alias") or source.get("table_name")).lower()
    return names == (called, _STATUS) or (alone and names == (_STATUS,))
