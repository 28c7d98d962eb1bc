"""Tables in Parquet files: streamed, and there only when complete."""

import errno
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from scanner.errors import BundleError, OutputError
from scanner.storage.parquet import ParquetTable, encoded_rows, open_parquet, write_parquet


@dataclass(frozen=True, slots=True)
class Line:
    number: int
    text: str | None


@dataclass(frozen=True, slots=True)
class Wider:
    number: int
    text: str | None
    more: bool


def lines(count: int) -> Iterator[Line]:
    return (Line(number, None if number % 3 else str(number)) for number in range(count))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "facts", "line", Line, lines(10))
    assert path == tmp_path / "facts" / "line.parquet"
    read = open_parquet(tmp_path / "facts", "line", Line).to_table().to_pylist()
    assert read == [{"number": line.number, "text": line.text} for line in lines(10)]


def test_an_empty_table_is_a_table(tmp_path: Path) -> None:
    write_parquet(tmp_path, "line", Line, ())
    assert open_parquet(tmp_path, "line", Line).count_rows() == 0


def test_rows_are_streamed_in_groups(tmp_path: Path) -> None:
    with ParquetTable(tmp_path, "line", Line, row_group=4) as writer:
        writer.write(lines(6))
        writer.write(lines(4))
    assert pq.ParquetFile(tmp_path / "line.parquet").metadata.num_row_groups == 3
    assert open_parquet(tmp_path, "line", Line).count_rows() == 10


def test_the_same_rows_are_the_same_bytes(tmp_path: Path) -> None:
    first = write_parquet(tmp_path / "a", "line", Line, lines(100)).read_bytes()
    assert write_parquet(tmp_path / "b", "line", Line, lines(100)).read_bytes() == first


@pytest.mark.parametrize("group", [1, 4, 7, 50])
@pytest.mark.parametrize("shares", [(100,), (0, 3, 4, 0, 60, 33), (50, 50)])
def test_rows_that_were_encoded_elsewhere_make_the_same_bytes(
    tmp_path: Path, group: int, shares: tuple[int, ...]
) -> None:
    rows = list(lines(sum(shares)))
    with ParquetTable(tmp_path / "here", "line", Line, row_group=group) as here:
        here.write(rows)
    with ParquetTable(tmp_path / "there", "line", Line, row_group=group) as there:
        for number, share in enumerate(shares):
            done = sum(shares[:number])
            some = rows[done : done + share]
            if number % 3 == 1:
                there.write(some)
            else:
                there.write_encoded(encoded_rows(Line, some))
    assert there.path.read_bytes() == here.path.read_bytes()


def test_nothing_is_there_until_all_is(tmp_path: Path) -> None:
    with ParquetTable(tmp_path, "line", Line, row_group=2) as writer:
        writer.write(lines(5))
        assert [path.name for path in tmp_path.iterdir()] == ["line.parquet.part"]
    assert [path.name for path in tmp_path.iterdir()] == ["line.parquet"]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_an_interrupted_table_leaves_the_old_one(tmp_path: Path, failure: type[BaseException]) -> None:
    write_parquet(tmp_path, "line", Line, lines(3))

    def broken() -> Iterator[Line]:
        yield from lines(5)
        raise failure

    with pytest.raises(failure):
        write_parquet(tmp_path, "line", Line, broken())
    assert [path.name for path in tmp_path.iterdir()] == ["line.parquet"]
    assert open_parquet(tmp_path, "line", Line).count_rows() == 3


def test_a_row_that_does_not_fit_leaves_nothing(tmp_path: Path) -> None:
    wrong: Any = Line("three", None)  # type: ignore[arg-type]  # that is the point
    with pytest.raises((TypeError, ValueError)):
        write_parquet(tmp_path, "line", Line, [wrong])
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"line\.parquet could not be written.*--out"):
        write_parquet(tmp_path / "file", "line", Line, lines(1))


def test_a_full_disk_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    class Full:
        def write_table(self, *_: Any, **__: Any) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    def on_a_full_disk(writer: Any) -> None:
        with writer:
            writer._writer = Full()
            writer.write(lines(1))

    with pytest.raises(OutputError, match="No space left on device"):
        on_a_full_disk(ParquetTable(tmp_path, "line", Line))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [None, b"", b"PAR1 and nothing else"])
def test_what_is_no_table_is_told(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "line.parquet").write_bytes(content)
    with pytest.raises(BundleError, match=r"line\.parquet cannot be read.*audit evaluate"):
        open_parquet(tmp_path, "line", Line)


def test_a_table_of_another_version_is_told(tmp_path: Path) -> None:
    write_parquet(tmp_path, "line", Line, lines(1))
    with pytest.raises(BundleError, match="lacks the columns more"):
        open_parquet(tmp_path, "line", Wider)
