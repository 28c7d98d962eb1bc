"""Writes evidence: one file for each shard, one line for each call.

A shard's file is named `….part` until it is finished, so a file without that suffix is always complete.
What was read survives an interruption and a full disk.
"""

import base64
import errno
import hashlib
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import orjson

from scanner.errors import OutputError
from scanner.evidence.answers import says_there_is_none
from scanner.evidence.gzipstream import Closed, member
from scanner.evidence.passages import Passage, Passages
from scanner.evidence.reader import shard_stem
from scanner.model.inventory import ShardStatus
from scanner.model.manifest import ShardRecord
from scanner.model.names import ORG, Shard

_OPTIONS: Final = orjson.OPT_PASSTHROUGH_DATETIME
_PART: Final = ".part"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call finally failed. `status`: the HTTP status, 0 where there was no response."""

    code: str
    message: str
    status: int
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call and its outcome: exactly one of `response` and `failure` is set.

    `shard`: where it was made. `parameters`: what was passed to the client. `response`: what the client
    returned, with or without ResponseMetadata, which is left out of the line.
    """

    service: str
    operation: str
    parameters: Mapping[str, Any]
    at: datetime
    shard: Shard
    request_id: str = ""
    response: Mapping[str, Any] | None = None
    failure: Failure | None = None

    @property
    def is_gap(self) -> bool:
        """Whether the call failed with an error that does not mean "there is none" (evidence format)."""
        if self.failure is None:
            return False
        name = f"{self.service}:{self.operation}"
        return not says_there_is_none(name, self.failure.code, self.failure.message)


class WriterClosedError(RuntimeError):
    """A call was recorded after its shard's file was finished."""


class Strand:
    """A part of a shard's evidence, written by the task that reads that part of the shard.

    Its lines are where it was branched off, whatever other tasks write in the meantime.
    """

    def __init__(self, writer: "ShardWriter", passage: Passage) -> None:
        self._writer = writer
        self._passage = passage

    def write(self, call: Call) -> None:
        """Add a line. OutputError: the disk is full; the file is then finished with what it holds."""
        self._writer.write_to(self._passage, call)

    def branch(self) -> "Strand":
        """Return a strand whose lines come after those written here so far, and before those to come."""
        passage, self._passage = self._writer.split(self._passage)
        return Strand(self._writer, passage)

    def close(self) -> None:
        """Close the strand: lines behind it need not wait any longer."""
        self._writer.close_passage(self._passage)


class ShardWriter:
    """The evidence file of one shard, written call by call. Thread-safe.

    As a context manager it finishes the file however the block ends; `record` is the shard's record in the
    manifest. Tasks that read parts of a shard in parallel each write to a strand of their own, so the order
    of lines is the same in every run. OutputError: the file cannot be written.
    """

    def __init__(self, folder: Path, shard: Shard) -> None:
        self.shard = shard
        self.file = f"{shard_stem(shard)}.jsonl.gz"
        self._path = folder / self.file
        self._part = self._path.with_name(self._path.name + _PART)
        self._lock = threading.Lock()
        self._calls = self._gaps = self._responses = 0
        self._record: ShardRecord | None = None
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Without a buffer, since passages write whole members, none of which is lost in a crash.
            self._passages = Passages(self._part.open("wb", buffering=0), self._path.parent)
        except OSError as problem:
            raise _output_error(self._part, problem) from problem
        self.strand = Strand(self, self._passages.first)

    def write(self, call: Call) -> None:
        """Add a line to the first strand."""
        self.strand.write(call)

    def branch(self) -> Strand:
        """Branch a strand off the first one."""
        return self.strand.branch()

    def close(self) -> None:
        """Do nothing: `finish` is what ends the first strand."""

    def write_to(self, passage: Passage, call: Call) -> None:
        """Add a line to a passage, for `Strand.write`."""
        # Before the lock is taken, because encoding takes most of the time.
        line = encode_line(call, with_place=self.shard.region == ORG)
        with self._writing():
            self._passages.append(passage, line)
            self._calls += 1
            # "There is none" is an answer, although AWS returns it as an error.
            self._gaps += call.is_gap
            self._responses += not call.is_gap

    def split(self, passage: Passage) -> tuple[Passage, Passage]:
        """Split a passage, for `Strand.branch`."""
        with self._writing():
            return self._passages.split(passage)

    def close_passage(self, passage: Passage) -> None:
        """Close a passage, for `Strand.close`."""
        with self._writing():
            self._passages.close(passage)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._lock:
            if self._record is not None:
                raise WriterClosedError(self.file)
            try:
                yield
            except OSError as problem:
                self._salvage()
                raise _output_error(self._part, problem) from problem

    def finish(self, *, interrupted: bool = False) -> ShardRecord:
        """Finish the file under its own name, and return its record. Calling it again returns the same."""
        with self._lock:
            if self._record is None:
                self._finish(self._status(interrupted=interrupted))
            assert self._record is not None  # nosec B101 # noqa: S101 -- set in the line above, or an error was raised
            return self._record

    @property
    def record(self) -> ShardRecord | None:
        """The shard's record in the manifest; None while the file is being written."""
        return self._record

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish(interrupted=kind is not None)

    def _status(self, *, interrupted: bool) -> ShardStatus:
        # Without any answer, the account-Region counts as not read at all.
        if self._responses == 0 and (interrupted or self._gaps):
            return ShardStatus.FAILED
        return ShardStatus.PARTIAL if interrupted or self._gaps else ShardStatus.COMPLETE

    def _finish(self, status: ShardStatus) -> None:
        try:
            closed = self._passages.finish()
        except OSError as problem:
            self._salvage()
            raise _output_error(self._part, problem) from problem
        try:
            self._part.replace(self._path)
        except OSError as problem:
            self._set_record(ShardStatus.FAILED, None)
            raise _output_error(self._path, problem) from problem
        self._set_record(status, closed)

    def _salvage(self) -> None:
        """Finish the file with the lines that are safely in it. If even that fails, the part file stays."""
        try:
            closed = self._passages.salvage()
            self._part.replace(self._path)
        except OSError:
            self._passages.abandon()
            self._set_record(ShardStatus.FAILED, None)
            return
        # Lines that did not reach the file are not counted.
        self._calls = closed.lines
        self._set_record(ShardStatus.PARTIAL if closed.lines else ShardStatus.FAILED, closed)

    def _set_record(self, status: ShardStatus, closed: Closed | None) -> None:
        """Set the record; `closed` None: there is no file under the shard's name."""
        self._record = ShardRecord(
            account=self.shard.account,
            region=self.shard.region,
            status=status,
            calls=self._calls,
            errors=self._gaps,
            file=self.file if closed else "",
            sha256=closed.sha256 if closed else "",
            bytes=closed.bytes if closed else 0,
        )


def append_calls(folder: Path, record: ShardRecord, calls: Sequence[Call]) -> ShardRecord:
    """Append lines to a finished evidence file, and return its record. OutputError: the disk is full.

    The file is replaced atomically by one with another gzip member; its earlier bytes stay the same.
    """
    path = folder / record.file
    part = path.with_name(path.name + _PART)
    lines = b"".join(encode_line(call, with_place=False) + b"\n" for call in calls)
    try:
        # A copy, so that the finished file is intact until the new one is complete.
        shutil.copyfile(path, part)
        with part.open("ab") as file:
            file.write(member(lines))
        with part.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        size = part.stat().st_size
        part.replace(path)
    except OSError as problem:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise _output_error(path, problem) from problem
    gaps = sum(call.is_gap for call in calls)
    return replace(
        record,
        status=ShardStatus.PARTIAL if gaps else record.status,
        calls=record.calls + len(calls),
        errors=record.errors + gaps,
        sha256=sha256,
        bytes=size,
    )


def encode_line(call: Call, *, with_place: bool) -> bytes:
    """Return the JSON line of a call, without a line end. `with_place` adds account and Region."""
    line: dict[str, Any] = {"service": call.service, "operation": call.operation}
    if with_place:
        # Only in the organization's file: the path of any other one names both.
        line |= {"account": call.shard.account, "region": call.shard.region}
    line |= {"parameters": call.parameters, "at": rfc3339(call.at)}
    if call.request_id:
        line["request_id"] = call.request_id
    if call.failure is not None:
        line["error"] = {
            "code": call.failure.code,
            "message": call.failure.message,
            "status": call.failure.status,
            "attempts": call.failure.attempts,
        }
    else:
        response = call.response or {}
        line["response"] = {key: value for key, value in response.items() if key != "ResponseMetadata"}
    return _encode(line)


def rfc3339(instant: datetime) -> str:
    """Return an instant in UTC with milliseconds: `2026-11-22T18:00:00.123Z`. Naive ones are UTC."""
    if instant.tzinfo is not None and instant.utcoffset():
        try:
            instant = instant.astimezone(UTC)
        except OverflowError:  # on the first or last day of the calendar
            instant = instant.replace(tzinfo=UTC)
    return instant.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _encode(line: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(line, default=_plain, option=_OPTIONS)
    except TypeError:  # a lone surrogate, an integer beyond 64 bits, a key that is not a string
        return orjson.dumps(_tame(line), default=_plain, option=_OPTIONS)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    return str(value)


def _tame(value: object) -> object:
    """Make values valid for JSON that AWS should never send: they are recorded, if not exactly."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, Mapping):
        return {str(_tame(key)): _tame(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_tame(inner) for inner in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 1 << 63:
        return str(value)
    return value


def _output_error(path: Path, problem: OSError) -> OutputError:
    if problem.errno in {errno.ENOSPC, errno.EDQUOT}:
        return OutputError(
            f"{path}: the disk is full. What was collected so far is kept. Free some space, then "
            "resume the scan."
        )
    return OutputError(f"{path}: cannot be written: {problem.strerror}. Specify another folder with --out.")
