"""Rows of the model as Arrow tables: the schema follows the annotations of the row's dataclass.

str, int, float and bool become string, int64, float64 and bool; `X | None` is the same column with NULLs; a
tuple becomes a list, a dataclass a struct. Columns are built one by one, children first, so that no
dictionary is made for a row.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import StrEnum
from functools import cache
from itertools import accumulate
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

import pyarrow as pa

from scanner.model.facts import TABLES
from scanner.storage.table_files import columns_digest

_SCALARS: Final = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


@cache
def arrow_schema(table: str) -> pa.Schema:
    """Give the Arrow schema of a fact table. KeyError: there is no such table."""
    return row_schema(TABLES[table])  # type: ignore[arg-type]  # mypy asks the instances' hash


def columns_digests(rows: Mapping[str, type]) -> dict[str, str]:
    """Return the `columns_digest` of tables, by their names."""
    return {name: columns_digest(row_schema(row)) for name, row in rows.items()}


@cache
def row_schema(row: type) -> pa.Schema:
    """Give the Arrow schema of any dataclass of the model. TypeError: a field has no Arrow type."""
    return pa.schema(list(arrow_type(row)))


def arrow_table(table: str, rows: Iterable[object]) -> pa.Table:
    """Turn rows of a fact table into an Arrow table."""
    return table_of(TABLES[table], rows)


def table_of(row: type, rows: Iterable[object]) -> pa.Table:
    """Turn instances of the dataclass `row` into an Arrow table with its schema."""
    schema = row_schema(row)
    listed = list(rows)
    columns = [_array([*map(attrgetter(field.name), listed)], field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def encoded_rows(row: type, rows: Iterable[object]) -> bytes:
    """Turn instances of the dataclass `row` into Arrow's own bytes, without their schema."""
    instances = list(rows)
    if not instances:  # most tables of most shards: building their columns would take half a millisecond
        return b""
    (batch,) = table_of(row, instances).combine_chunks().to_batches()
    return bytes(batch.serialize().to_pybytes())


def decoded_rows(row: type, data: bytes) -> pa.Table:
    """Turn the bytes of `encoded_rows` into an Arrow table again."""
    schema = row_schema(row)
    if not data:
        return schema.empty_table()
    return pa.Table.from_batches([pa.ipc.read_record_batch(pa.py_buffer(data), schema)])


def arrow_type(annotation: Any) -> pa.DataType:  # noqa: ANN401 -- an annotation is of any type
    """Give the Arrow type of a field's annotation. TypeError: it has none."""
    plain = _without_none(annotation)
    if get_origin(plain) is tuple:
        return pa.list_(arrow_type(get_args(plain)[0]))
    if is_dataclass(plain) and isinstance(plain, type):
        hints = get_type_hints(plain)
        return pa.struct([(field.name, arrow_type(hints[field.name])) for field in fields(plain)])
    plain = getattr(plain, "__supertype__", plain)  # a NewType is what it renames
    if isinstance(plain, type) and issubclass(plain, StrEnum):
        return pa.string()
    if plain not in _SCALARS:
        raise TypeError(f"{annotation!r} has no Arrow type")
    return _SCALARS[plain]


def _without_none(annotation: Any) -> Any:  # noqa: ANN401 -- as arrow_type
    if get_origin(annotation) not in (Union, UnionType):
        return annotation
    kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
    if len(kinds) != 1:
        raise TypeError(f"{annotation!r} has no single Arrow type")
    return kinds[0]


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Build one column; `values` are instances, tuples or scalars, or None."""
    if pa.types.is_struct(kind):
        return _struct_array(values, kind)
    if pa.types.is_list(kind):
        return _list_array(values, kind)
    return pa.array(values, kind)


def _struct_array(values: Sequence[Any], kind: pa.StructType) -> pa.Array:
    children = [
        _array([None if value is None else getattr(value, child.name) for value in values], child.type)
        for child in kind
    ]
    mask = pa.array([value is None for value in values], pa.bool_())
    return pa.StructArray.from_arrays(children, fields=list(kind), mask=mask)


def _list_array(values: Sequence[Any], kind: pa.ListType) -> pa.Array:
    lengths = [0 if value is None else len(value) for value in values]
    offsets = pa.array([0, *accumulate(lengths)], pa.int32())
    members = _array([member for value in values if value is not None for member in value], kind.value_type)
    mask = pa.array([value is None for value in values], pa.bool_())
    return pa.ListArray.from_arrays(offsets, members, type=kind, mask=mask)
