"""Rows of the model as Arrow tables."""

from dataclasses import asdict, dataclass, fields
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.model.facts import TABLES
from scanner.model.finding import Severity
from scanner.model.names import Arn
from scanner.storage.parquet import arrow_schema, arrow_table, arrow_type, row_schema, table_of

SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(st.characters(codec="utf-8"), max_size=5),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False),
    bool: st.booleans(),
    NoneType: st.none(),
}


def values(annotation: Any) -> st.SearchStrategy[Any]:
    known = SCALARS.get(annotation)
    if known is not None:
        return known
    if get_origin(annotation) is tuple:
        return st.lists(values(get_args(annotation)[0]), max_size=3).map(tuple)
    if get_args(annotation):
        return st.one_of(*map(values, get_args(annotation)))
    hints = get_type_hints(annotation)
    return st.builds(annotation, **{name: values(hint) for name, hint in hints.items()})


def plain(value: Any) -> Any:
    """Tuples come back as lists."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("table", sorted(TABLES))
def test_the_schema_has_the_columns_of_the_model(table: str) -> None:
    assert arrow_schema(table).names == [field.name for field in fields(TABLES[table])]


@pytest.mark.parametrize("table", sorted(TABLES))
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_what_goes_in_comes_out(table: str, data: st.DataObject) -> None:
    rows = data.draw(st.lists(values(TABLES[table]), max_size=3))
    made = arrow_table(table, rows)
    made.validate(full=True)
    assert made.schema == arrow_schema(table)
    assert made.to_pylist() == [plain(asdict(row)) for row in rows]


@dataclass(frozen=True, slots=True)
class Inner:
    number: int | None


@dataclass(frozen=True, slots=True)
class Outer:
    arn: Arn
    severity: Severity | None
    inner: Inner | None
    grid: tuple[tuple[float | None, ...], ...] | None


def test_a_null_struct_is_no_struct_of_nulls() -> None:
    rows = [Outer(Arn("a"), Severity.LOW, Inner(None), ((1.0, None), ())), Outer(Arn("b"), None, None, None)]
    assert table_of(Outer, rows).to_pylist() == [
        {"arn": "a", "severity": "low", "inner": {"number": None}, "grid": [[1.0, None], []]},
        {"arn": "b", "severity": None, "inner": None, "grid": None},
    ]


def test_types_follow_the_annotations() -> None:
    assert row_schema(Outer).types == [
        pa.string(),
        pa.string(),
        pa.struct([("number", pa.int64())]),
        pa.list_(pa.list_(pa.float64())),
    ]


@pytest.mark.parametrize("annotation", [bytes, int | str, dict[str, int]])
def test_what_has_no_arrow_type_is_refused(annotation: Any) -> None:
    with pytest.raises(TypeError):
        arrow_type(annotation)


def test_there_is_no_such_table() -> None:
    with pytest.raises(KeyError):
        arrow_schema("resorce")
