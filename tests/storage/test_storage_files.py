import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from scanner.errors import OutputError
from scanner.storage.files import write_atomically


def test_bytes_and_pieces_arrive_whole_in_a_folder_that_is_made(tmp_path: Path) -> None:
    write_atomically(tmp_path / "new" / "a", b"one")
    write_atomically(tmp_path / "new" / "b", (piece for piece in (b"one", b"two")))
    assert (tmp_path / "new" / "a").read_bytes() == b"one"
    assert (tmp_path / "new" / "b").read_bytes() == b"onetwo"
    assert stat.S_IMODE((tmp_path / "new" / "a").stat().st_mode) == 0o600


def test_what_stood_there_stays_when_the_disk_is_full(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise OSError(28, os.strerror(28))

    path = tmp_path / "report.html"
    path.write_bytes(b"old")
    with pytest.raises(OutputError, match=r"report\.html could not be written: No space left.*--out"):
        write_atomically(path, pieces())
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_a_file_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="could not be written"):
        write_atomically(tmp_path / "file" / "report.html", b"")


def test_no_part_is_left_behind_when_the_content_breaks(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise ValueError("broken content")

    with pytest.raises(ValueError, match="broken content"):
        write_atomically(tmp_path / "x", pieces())
    assert list(tmp_path.iterdir()) == []
