"""Build Arrow columns from rows of the model.

The types of a column decide once how it is built, so that the many columns of a few rows cost little.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from itertools import accumulate, chain
from operator import attrgetter
from typing import Any, TypeAlias

import pyarrow as pa

Builder: TypeAlias = Callable[[Sequence[Any]], pa.Array]
"""Builds a column of instances, tuples or scalars; None is NULL."""


def table_of_rows(schema: pa.Schema, rows: Iterable[object]) -> pa.Table:
    """Build a table from instances of the dataclass that `schema` describes."""
    instances = list(rows)
    if not instances:
        return schema.empty_table()
    columns = _columns_builder(tuple(schema.names), tuple(schema.types))(instances)
    return pa.Table.from_arrays(columns, schema=schema)


@cache
def _columns_builder(
    names: tuple[str, ...], types: tuple[pa.DataType, ...]
) -> Callable[[Sequence[Any]], list[pa.Array]]:
    """Return a function that builds a column of each attribute of instances, none of which is None."""
    builders = [_builder(kind) for kind in types]
    values_of = attrgetter(*names)
    # For a single name, attrgetter returns the value itself and no tuple.
    if len(names) == 1:
        return lambda instances: [builders[0]([*map(values_of, instances)])]
    return lambda instances: [
        build(values)
        for build, values in zip(builders, zip(*map(values_of, instances), strict=True), strict=True)
    ]


@cache
def _builder(kind: pa.DataType) -> Builder:
    if pa.types.is_struct(kind):
        return _struct_builder(kind)
    if pa.types.is_list(kind):
        return _list_builder(kind)
    return partial(pa.array, type=kind)


def _struct_builder(kind: pa.StructType) -> Builder:
    fields = list(kind)
    columns_of = _columns_builder(
        tuple(field.name for field in fields), tuple(field.type for field in fields)
    )
    nothing = _Nothing(**{field.name: None for field in fields})

    def build(values: Sequence[Any]) -> pa.Array:
        missing = [value is None for value in values]
        # The usual cases first, which need no mask.
        if True not in missing:
            return pa.StructArray.from_arrays(columns_of(values), fields=fields)
        if False not in missing:
            return pa.nulls(len(values), kind)
        present = [nothing if value is None else value for value in values]
        return pa.StructArray.from_arrays(columns_of(present), fields=fields, mask=pa.array(missing))

    return _unless_empty(kind, build)


class _Nothing:
    """In place of a missing instance: each of its fields is NULL."""

    def __init__(self, **fields: None) -> None:
        self.__dict__.update(fields)


def _list_builder(kind: pa.ListType) -> Builder:
    build_members = _builder(kind.value_type)

    def build(values: Sequence[Any]) -> pa.Array:
        lengths = [len(value) if value else 0 for value in values]
        offsets = pa.array([*accumulate(lengths, initial=0)], pa.int32())
        members = build_members([*chain.from_iterable(filter(None, values))])
        missing = [value is None for value in values]
        mask = pa.array(missing) if True in missing else None
        return pa.ListArray.from_arrays(offsets, members, type=kind, mask=mask)

    return _unless_empty(kind, build)


def _unless_empty(kind: pa.DataType, build: Builder) -> Builder:
    """Build a column without values once: most lists of most tables have no members."""
    empty = pa.array([], kind)
    return lambda values: build(values) if values else empty
