"""Lines stand in the order of their passages, whoever wrote first."""

import errno
import gzip
import random
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.errors import OutputError
from scanner.evidence.passages import Passage, Passages
from scanner.evidence.reader import read_lines
from scanner.evidence.writer import Call, ShardWriter, Strand, WriterClosedError
from scanner.model.inventory import ShardStatus
from scanner.model.names import AccountId, RegionName, Shard

SHARD = Shard(AccountId("111111111111"), RegionName("eu-west-1"))
NAME = "evidence/111111111111/eu-west-1.jsonl.gz"


def line(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size // 2).hex().encode() or b"-"  # noqa: S311 -- incompressible


def write(folder: Path, parts: list[list[int]], seed: int) -> bytes:
    """Write parts side by side, in an order that `seed` makes up; give the file."""
    target = folder / "file"
    writing = Passages(target.open("wb", buffering=0), folder)
    passage, todo = writing.first, []
    for number, sizes in enumerate(parts):
        writing.append(passage, b"before %d" % number)
        other, passage = writing.split(passage)
        todo.append((other, [line(size, number * 100 + turn) for turn, size in enumerate(sizes)]))
    chance = random.Random(seed)  # noqa: S311 -- an order, no secret
    while todo:
        which = chance.randrange(len(todo))
        other, lines = todo[which]
        if lines:
            writing.append(other, lines.pop(0))
        else:
            writing.close(other)
            del todo[which]
    writing.append(passage, b"after")
    closed = writing.finish()
    content = target.read_bytes()
    assert closed.bytes == len(content)
    assert closed.lines == gzip.decompress(content).count(b"\n")
    return content


@settings(max_examples=60, deadline=None)
@given(
    parts=st.lists(st.lists(st.sampled_from([1, 900, 20_000, 300_000]), max_size=4), max_size=6),
    seeds=st.tuples(st.integers(0, 99), st.integers(0, 99)),
)
def test_the_bytes_do_not_depend_on_who_wrote_first(
    tmp_path_factory: pytest.TempPathFactory, parts: list[list[int]], seeds: tuple[int, int]
) -> None:
    folder = tmp_path_factory.mktemp("passages")
    first, second = (write(folder, parts, seed) for seed in seeds)
    assert first == second
    expected = []
    for number, sizes in enumerate(parts):
        expected.append(b"before %d" % number)
        expected += [line(size, number * 100 + turn) for turn, size in enumerate(sizes)]
    assert gzip.decompress(first).splitlines() == [*expected, b"after"]
    shutil.rmtree(folder)


def test_what_waits_is_put_aside_in_a_file_that_nobody_sees(tmp_path: Path) -> None:
    target = tmp_path / "file"
    writing = Passages(target.open("wb", buffering=0), tmp_path)
    other, rest = writing.split(writing.first)
    lines = [line(300_000, seed) for seed in range(30)]
    for each in lines:
        writing.append(rest, each)
    assert writing._spooled > 2_000_000
    assert sum(len(piece.data) for piece in rest.pieces) <= 1024 * 1024
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    writing.append(other, b"first")
    writing.finish()
    assert gzip.decompress(target.read_bytes()).splitlines() == [b"first", *lines]


def test_what_comes_first_goes_to_the_file_as_it_grows(tmp_path: Path) -> None:
    target = tmp_path / "file"
    writing = Passages(target.open("wb", buffering=0), tmp_path)
    writing.append(writing.first, line(300_000, 1))
    assert target.stat().st_size > 100_000
    writing.abandon()


def test_small_passages_share_a_member(tmp_path: Path) -> None:
    content = write(tmp_path, [[900]] * 50, 0)
    assert content.count(b"\x1f\x8b\x08\x00\x00\x00\x00\x00") == 1


@pytest.mark.skipif(shutil.which("zcat") is None, reason="there is no zcat")
def test_zcat_and_the_reader_read_several_members(tmp_path: Path) -> None:
    with ShardWriter(tmp_path, SHARD) as writer:
        for number in range(4):
            strand = writer.branch()
            strand.write(called(number, size=400_000))
            strand.close()
    unpacked = subprocess.run(["zcat", tmp_path / NAME], check=True, capture_output=True).stdout  # noqa: S607
    assert unpacked.count(b"\n") == 4
    assert [each.parameters["n"] for each in read_lines(tmp_path, NAME)] == [0, 1, 2, 3]


def called(number: int, size: int = 10) -> Call:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    text = line(size, number).decode()
    return Call(
        service="x", operation="Y", parameters={"n": number}, at=at, shard=SHARD, response={"text": text}
    )


def test_strands_stand_where_they_were_branched_off(tmp_path: Path) -> None:
    with ShardWriter(tmp_path, SHARD) as writer:
        writer.write(called(1))
        early = writer.branch()
        late = writer.branch()
        writer.write(called(6))
        late.write(called(5))
        early.write(called(2))
        inner = early.branch()
        early.write(called(4))
        inner.write(called(3))
    assert [each.parameters["n"] for each in read_lines(tmp_path, NAME)] == [1, 2, 3, 4, 5, 6]
    assert writer.record is not None
    assert (writer.record.calls, writer.record.status) == (6, ShardStatus.COMPLETE)
    for act in (early.branch, early.close, lambda: early.write(called(7))):
        with pytest.raises(WriterClosedError):
            act()


def test_an_interruption_keeps_what_open_strands_hold(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path, SHARD)
    first, second = writer.branch(), writer.branch()
    second.write(called(2))
    first.write(called(1, size=400_000))
    record = writer.finish(interrupted=True)
    assert (record.status, record.calls) == (ShardStatus.PARTIAL, 2)
    assert [each.parameters["n"] for each in read_lines(tmp_path, NAME)] == [1, 2]


def write_all(strand: Strand) -> None:
    for number in range(20):
        strand.write(called(number, size=400_000))


class NoRoom:
    """A nameless file on a full disk."""

    def seek(self, _offset: int) -> int:
        return 0

    def write(self, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def close(self) -> None:
        pass


def test_no_room_to_put_aside_ends_the_file_with_what_it_holds(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path, SHARD)
    writer._passages._spool = cast("IO[bytes]", NoRoom())
    writer.write(called(1, size=400_000))
    waiting, late = writer.branch(), writer.branch()
    with pytest.raises(OutputError, match="the disk is full"):
        write_all(late)
    with pytest.raises(WriterClosedError):
        waiting.close()
    assert writer.record is not None
    assert (writer.record.status, writer.record.calls) == (ShardStatus.PARTIAL, 1)
    assert len(list(read_lines(tmp_path, NAME))) == 1


def test_put_aside_lines_that_are_gone_are_an_error(tmp_path: Path) -> None:
    writing = Passages((tmp_path / "file").open("wb", buffering=0), tmp_path)
    other, rest = writing.split(writing.first)
    for seed in range(12):
        writing.append(rest, line(300_000, seed))
    assert writing._spool is not None
    writing._spool.truncate(10)
    with pytest.raises(OSError, match="lines cannot be read"):
        writing.close(other)
    writing.abandon()
    with pytest.raises(OSError, match="is gone"):
        writing._fetch(rest.pieces[-1])
    assert isinstance(other, Passage)
