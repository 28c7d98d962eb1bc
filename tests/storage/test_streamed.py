"""Columns of a dataset are streamed file by file, with the rows that a condition leaves."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from scanner.storage.parquet import streamed

SCHEMA = pa.schema([("name", pa.string()), ("number", pa.int64()), ("sure", pa.bool_())])


def dataset(folder: Path, *numbers: list[int]) -> ds.Dataset:
    for count, values in enumerate(numbers):
        rows = {
            "sure": pa.array([None] * len(values), pa.bool_()),
            "number": pa.array(values, pa.int64()),
            "name": pa.array([f"n{value}" for value in values], pa.string()),
        }
        # Another order of columns than that of the schema.
        pq.write_table(pa.table(rows), folder / f"{count}.parquet")
    return ds.dataset([str(path) for path in sorted(folder.glob("*"))], SCHEMA, format="parquet")


def test_all_rows_of_all_files_come_in_order(tmp_path: Path) -> None:
    rows = streamed(dataset(tmp_path, [1, 2], [], [3]), ("number", "name")).read_all()
    assert rows.to_pydict() == {"number": [1, 2, 3], "name": ["n1", "n2", "n3"]}


def test_a_condition_leaves_some_rows_and_drops_what_is_not_known(tmp_path: Path) -> None:
    table = dataset(tmp_path, [1, 2], [3])
    assert streamed(table, ("number",), pc.field("number") > 1).read_all().to_pydict() == {"number": [2, 3]}
    assert streamed(table, ("sure",), ~pc.field("sure")).read_all().num_rows == 0


def test_a_dataset_without_files_has_no_rows() -> None:
    empty = ds.dataset([], SCHEMA, format="parquet")
    assert streamed(empty, ("name",)).read_all().num_rows == 0


def test_a_dataset_in_memory_is_streamed_too() -> None:
    table = ds.dataset(pa.table({"name": ["a", "b"], "number": [1, 2], "sure": [True, None]}, SCHEMA))
    assert streamed(table, ("name",), pc.field("sure")).read_all().to_pydict() == {"name": ["a"]}
