import base64
import errno
import gzip
import hashlib
import json
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from scanner.errors import OutputError
from scanner.evidence.gzipstream import GzipStream, member
from scanner.evidence.passages import Passages
from scanner.evidence.reader import read_lines
from scanner.evidence.writer import Call, Failure, ShardWriter, WriterClosedError, encode_line, rfc3339
from scanner.model.inventory import ShardStatus
from scanner.model.names import AWS_GLOBAL, ORG, AccountId, RegionName, Shard

AT = datetime(2026, 11, 22, 18, 0, 0, 123456, tzinfo=UTC)
SHARD = Shard(AccountId("111111111111"), RegionName("eu-west-1"))
NAME = "evidence/111111111111/eu-west-1.jsonl.gz"


def answered(response: dict[str, Any] | None, **changes: Any) -> Call:
    values: dict[str, Any] = {
        "service": "backup",
        "operation": "ListBackupPlans",
        "parameters": {"MaxResults": 1000},
        "at": AT,
        "shard": SHARD,
        "request_id": "r-1",
        "response": response,
    }
    return Call(**(values | changes))


def failed(code: str = "AccessDenied", **changes: Any) -> Call:
    return answered(None, failure=Failure(code, "no", 403, 1), **changes)


def lines_of(folder: Path, name: str = NAME) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress((folder / name).read_bytes()).splitlines()]


class FullDisk:
    """A file on a disk with room for so many bytes; cutting the file gives room back."""

    def __init__(self, room: int, *, cuttable: bool = True) -> None:
        self.room, self.content, self.at, self.cuttable = room, bytearray(), 0, cuttable

    def write(self, data: bytes, /) -> int:
        taken = data[: self.room - self.at]
        if not taken:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.content[self.at :] = taken
        self.at += len(taken)
        return len(taken)

    def seek(self, offset: int, /) -> int:
        self.at = offset
        return offset

    def truncate(self, size: int | None = None, /) -> int:
        if not self.cuttable:
            raise OSError(errno.EIO, "Input/output error")
        del self.content[size:]
        return len(self.content)

    def close(self) -> None:
        self.room = 0


def test_a_line_has_the_keys_of_the_contract_in_its_order() -> None:
    line = encode_line(answered({"Plans": [], "ResponseMetadata": {"RequestId": "r-1"}}), with_place=False)
    assert line == (
        b'{"service":"backup","operation":"ListBackupPlans","parameters":{"MaxResults":1000},'
        b'"at":"2026-11-22T18:00:00.123Z","request_id":"r-1","response":{"Plans":[]}}'
    )


def test_an_error_line_and_the_place_of_an_organisation_line() -> None:
    assert json.loads(encode_line(failed(request_id=""), with_place=True)) == {
        "service": "backup",
        "operation": "ListBackupPlans",
        "account": "111111111111",
        "region": "eu-west-1",
        "parameters": {"MaxResults": 1000},
        "at": "2026-11-22T18:00:00.123Z",
        "error": {"code": "AccessDenied", "message": "no", "status": 403, "attempts": 1},
    }


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2))), "2026-01-02T01:04:05.000Z"),
        (datetime(2026, 1, 2, 3, 4, 5, 999999), "2026-01-02T03:04:05.999Z"),  # noqa: DTZ001 -- the case
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=2))), "0001-01-01T00:00:00.000Z"),
    ],
)
def test_times_are_utc_to_the_millisecond(instant: datetime, text: str) -> None:
    assert rfc3339(instant) == text


def test_times_bytes_and_hostile_text_become_json() -> None:
    hostile = {"t": AT, "b": b"\x00\xff", "s": "a\ud800\udc00b\udfff", "\udc80": 1, "n": 1 << 70, "é": "é\n"}
    response = json.loads(encode_line(answered(hostile), with_place=False))["response"]
    assert response["t"] == "2026-11-22T18:00:00.123Z"
    assert base64.b64decode(response["b"]) == b"\x00\xff"
    assert response["s"] == "a\U00010000b\ufffd"
    assert response["n"] == str(1 << 70)
    assert response["é"] == "é\n"


def test_the_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    with ShardWriter(tmp_path, SHARD) as writer:
        writer.write(answered({"a": 1}))
        assert not (tmp_path / NAME).exists()
    record = writer.record
    assert record is not None
    content = (tmp_path / NAME).read_bytes()
    assert (record.status, record.calls, record.errors) == (ShardStatus.COMPLETE, 1, 0)
    assert (record.file, record.bytes) == (NAME, len(content))
    assert record.sha256 == hashlib.sha256(content).hexdigest()
    assert content[3] == 0, "no name in the header"
    assert content[4:8] == b"\0\0\0\0", "no time in the header"
    assert not list(tmp_path.rglob("*.part"))
    assert [line.response for line in read_lines(tmp_path, NAME)] == [{"a": 1}]


def test_where_files_lie(tmp_path: Path) -> None:
    for region, name in ((ORG, "evidence/org.jsonl.gz"), (AWS_GLOBAL, "evidence/1/aws-global.jsonl.gz")):
        with ShardWriter(tmp_path, Shard(AccountId("1"), region)) as writer:
            writer.write(answered({}))
        assert (tmp_path / name).is_file()
    assert lines_of(tmp_path, "evidence/org.jsonl.gz")[0]["account"] == "111111111111"


def test_an_error_makes_a_shard_partial_and_an_answering_error_does_not(tmp_path: Path) -> None:
    with ShardWriter(tmp_path, SHARD) as writer:
        writer.write(failed("NoSuchTagSet", service="s3", operation="GetBucketTagging"))
    assert writer.record is not None
    assert (writer.record.status, writer.record.errors) == (ShardStatus.COMPLETE, 0)
    with ShardWriter(tmp_path, SHARD) as writer:
        writer.write(failed())
        writer.write(answered({}))
    assert writer.record is not None
    assert (writer.record.status, writer.record.errors) == (ShardStatus.PARTIAL, 1)
    with ShardWriter(tmp_path, SHARD) as writer:
        writer.write(failed())
    assert writer.record is not None
    assert writer.record.status is ShardStatus.FAILED


def write_and_interrupt(writer: ShardWriter) -> None:
    with writer:
        writer.write(answered({"a": 1}))
        raise KeyboardInterrupt


def write_some(writer: ShardWriter) -> None:
    for _ in range(50):
        writer.write(answered({"x": "y" * 99}))


def write_many(writer: ShardWriter) -> None:
    with writer:
        for number in range(1000):
            writer.write(answered({"n": number, "text": "x" * number}))


def test_an_interruption_keeps_what_there_is(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path, SHARD)
    with pytest.raises(KeyboardInterrupt):
        write_and_interrupt(writer)
    assert writer.record is not None
    assert writer.record.status is ShardStatus.PARTIAL
    assert len(lines_of(tmp_path)) == 1
    with pytest.raises(WriterClosedError):
        writer.write(answered({}))
    assert writer.finish() is writer.record


def test_threads_may_write_to_one_file(tmp_path: Path) -> None:
    with ShardWriter(tmp_path, SHARD) as writer:
        threads = [threading.Thread(target=lambda: write_some(writer)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(lines_of(tmp_path)) == 200


def write_members(stream: GzipStream, lines: list[bytes]) -> None:
    for line in lines:
        stream.write_member(member(line), 1)


def test_a_full_disk_leaves_a_readable_file_of_whole_lines() -> None:
    disk = FullDisk(room=200_000)
    stream = GzipStream(disk)
    lines = [b"%d %s\n" % (n, hashlib.shake_256(b"%d" % n).hexdigest(2000).encode()) for n in range(500)]
    with pytest.raises(OSError, match="No space"):
        write_members(stream, lines)
    closed = stream.salvage()
    kept = gzip.decompress(bytes(disk.content)).splitlines(keepends=True)
    assert 0 < closed.lines < 500
    assert kept == lines[: closed.lines]
    assert closed.bytes == len(disk.content)
    assert closed.sha256 == hashlib.sha256(disk.content).hexdigest()


def test_a_file_without_lines_is_a_gzip_file_all_the_same() -> None:
    disk = FullDisk(room=100)
    closed = GzipStream(disk).finish()
    assert gzip.decompress(bytes(disk.content)) == b""
    assert closed.bytes == len(disk.content) > 0


def with_disk(writer: ShardWriter, disk: FullDisk, folder: Path) -> ShardWriter:
    writer._passages.abandon()
    writer._passages = Passages(disk, folder)
    writer.strand._passage = writer._passages.first
    return writer


@pytest.mark.parametrize(("room", "status"), [(30, ShardStatus.FAILED), (7000, ShardStatus.PARTIAL)])
def test_a_full_disk_is_an_output_error_that_says_what_to_do(
    tmp_path: Path, room: int, status: ShardStatus
) -> None:
    writer = with_disk(ShardWriter(tmp_path, SHARD), FullDisk(room), tmp_path)
    with pytest.raises(OutputError, match="the disk is full"):
        write_many(writer)
    assert writer.record is not None
    assert writer.record.status is status


def test_a_disk_that_cannot_even_be_cut_leaves_the_part_file(tmp_path: Path) -> None:
    writer = with_disk(ShardWriter(tmp_path, SHARD), FullDisk(room=4000, cuttable=False), tmp_path)
    with pytest.raises(OutputError, match="the disk is full"):
        write_many(writer)
    assert writer.record is not None
    assert (writer.record.status, writer.record.file) == (ShardStatus.FAILED, "")
    assert list(tmp_path.rglob("*.part"))


def test_a_file_that_cannot_take_its_name_stays_a_part(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path, SHARD)
    (tmp_path / NAME).mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        write_many(writer)
    assert writer.record is not None
    assert (writer.record.status, writer.record.file) == (ShardStatus.FAILED, "")
    assert list(tmp_path.rglob("*.part"))


def test_a_real_device_without_space(tmp_path: Path) -> None:
    part = tmp_path / (NAME + ".part")
    part.parent.mkdir(parents=True)
    part.symlink_to("/dev/full")
    writer = ShardWriter(tmp_path, SHARD)
    writer.write(answered({}))
    with pytest.raises(OutputError, match="disk is full"):
        writer.finish()
    assert writer.record is not None
    assert (writer.record.status, writer.record.file) == (ShardStatus.FAILED, "")


def test_a_folder_that_cannot_be_made_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "evidence").write_text("a file")
    with pytest.raises(OutputError, match="cannot be written"):
        ShardWriter(tmp_path, SHARD)
