"""Arrow columns of rows of the model: each value where it was, and NULL where there was none."""

from dataclasses import asdict, dataclass

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.storage.column_builders import table_of_rows
from scanner.storage.parquet import row_schema


@dataclass(frozen=True, slots=True)
class Place:
    file: str
    line: int | None


@dataclass(frozen=True, slots=True)
class Rule:
    name: str | None
    place: Place | None
    places: tuple[Place | None, ...] | None


@dataclass(frozen=True, slots=True)
class Row:
    subject: str
    is_covered: bool | None
    hours: float | None
    rule: Rule | None
    rules: tuple[Rule, ...]
    tags: tuple[tuple[str | None, ...], ...] | None


@dataclass(frozen=True, slots=True)
class Single:
    places: tuple[Place, ...] | None


SCHEMA = row_schema(Row)
PLACES = st.builds(Place, st.text(max_size=3), st.none() | st.integers(-5, 5))
RULES = st.builds(
    Rule,
    st.none() | st.text(max_size=3),
    st.none() | PLACES,
    st.none() | st.lists(st.none() | PLACES, max_size=3).map(tuple),
)
TAGS = st.lists(st.lists(st.none() | st.text(max_size=2), max_size=2).map(tuple), max_size=2).map(tuple)
ROWS = st.builds(
    Row,
    st.text(max_size=5),
    st.none() | st.booleans(),
    st.none() | st.floats(allow_nan=False),
    st.none() | RULES,
    st.lists(RULES, max_size=3).map(tuple),
    st.none() | TAGS,
)


def as_lists(value: object) -> object:
    """Return a value with lists in place of tuples, as Arrow returns it."""
    if isinstance(value, dict):
        return {name: as_lists(member) for name, member in value.items()}
    return [as_lists(member) for member in value] if isinstance(value, tuple) else value


@given(st.lists(ROWS, max_size=6))
def test_a_table_has_the_values_of_its_rows(rows: list[Row]) -> None:
    table = table_of_rows(SCHEMA, rows)
    table.validate(full=True)
    assert table.schema == SCHEMA
    assert table.to_pylist() == [as_lists(asdict(row)) for row in rows]


@given(st.lists(ROWS, max_size=4), st.lists(ROWS, max_size=4))
def test_rows_that_are_built_apart_make_the_same_table(rows: list[Row], others: list[Row]) -> None:
    apart = pa.concat_tables([table_of_rows(SCHEMA, rows), table_of_rows(SCHEMA, others)])
    assert apart.combine_chunks().equals(table_of_rows(SCHEMA, [*rows, *others]))


def test_a_row_may_have_a_single_column() -> None:
    rows = [Single((Place("a", 1), Place("b", None))), Single(None), Single(())]
    found = table_of_rows(row_schema(Single), rows).to_pylist()
    assert found == [as_lists(asdict(row)) for row in rows]


def test_a_value_of_another_type_is_refused() -> None:
    with pytest.raises((TypeError, pa.ArrowException)):
        table_of_rows(row_schema(Place), [Place("a", "one")])  # type: ignore[arg-type]  # that is the point
