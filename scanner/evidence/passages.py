"""The lines of one evidence file, in an order that does not depend on who wrote first.

Several threads read a shard side by side, and each writes to a passage of its own. The order of passages
is fixed when they are made. The first one that is still open goes to the file as it grows; what is
written behind it waits, compressed, in memory, and beyond a mebibyte in a nameless file beside it, which
vanishes with the process. Where members begin and end depends on the lines alone.
"""

import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, Self

from scanner.evidence.gzipstream import BinaryFile, Closed, GzipStream, member, write_all

_MEMBER: Final = 256 * 1024
"""Bytes of lines that are compressed together: more gains nothing, deflate looks back 32 KiB."""

_SMALL: Final = 16 * 1024
"""A closed passage with less than this is joined with its neighbours before it is compressed."""

_IN_MEMORY: Final = 1024 * 1024
"""Compressed bytes of a shard that may wait in memory."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A finished member that waits: in memory, or `length` bytes at `offset` of the spool."""

    lines: int
    data: bytes = b""
    offset: int = 0
    length: int = 0


@dataclass(slots=True, eq=False)
class Passage:
    """Lines that stand together in the file. Only `Passages` looks inside."""

    raw: bytearray = field(default_factory=bytearray)
    lines: int = 0
    pieces: list[_Piece] = field(default_factory=list)
    closed: bool = False
    following: Self | None = None


class Passages:
    """The passages of one file. Not safe for threads: its owner holds a lock.

    OSError wherever the disk takes no more; `salvage` then keeps what the file holds. `folder` is where
    the nameless file may lie.
    """

    def __init__(self, file: BinaryFile, folder: Path) -> None:
        self.first = Passage()
        self._stream = GzipStream(file)
        self._folder = folder
        self._front: Passage | None = self.first
        self._joint = bytearray()
        self._joint_lines = 0
        self._waiting = 0
        self._spool: IO[bytes] | None = None
        self._spooled = 0

    def append(self, passage: Passage, line: bytes) -> None:
        """Add a line, without its line end, to a passage."""
        passage.raw += line
        passage.raw += b"\n"
        passage.lines += 1
        if len(passage.raw) >= _MEMBER:
            self._cut(passage)

    def split(self, passage: Passage) -> tuple[Passage, Passage]:
        """Close a passage; give two that follow it: one for somebody else, one to go on with."""
        other, rest = Passage(), Passage(following=passage.following)
        other.following, passage.following = rest, other
        self.close(passage)
        return other, rest

    def close(self, passage: Passage) -> None:
        """Nobody writes to a passage any more."""
        if passage.closed:
            return
        passage.closed = True
        if len(passage.raw) >= _SMALL:
            self._cut(passage)
        if passage is self._front:
            self._advance()

    def finish(self) -> Closed:
        """End the file; what is still open is taken as it is."""
        while self._front is not None:
            self.close(self._front)
        self._flush()
        closed = self._stream.finish()
        self._drop()
        return closed

    def salvage(self) -> Closed:
        """End the file with the lines that it holds for certain. OSError: not even that was possible."""
        self._drop()  # first of all: it gives room back
        return self._stream.salvage()

    def abandon(self) -> None:
        """Close the file as it is."""
        self._drop()
        self._stream.abandon()

    def _cut(self, passage: Passage) -> None:
        """Make a member of what a passage has gathered."""
        data, lines = member(passage.raw), passage.lines
        passage.raw, passage.lines = bytearray(), 0
        if passage is self._front:
            self._write(data, lines)
        elif self._waiting + len(data) <= _IN_MEMORY:
            self._waiting += len(data)
            passage.pieces.append(_Piece(lines, data))
        else:
            passage.pieces.append(self._put_aside(data, lines))

    def _put_aside(self, data: bytes, lines: int) -> _Piece:
        if self._spool is None:
            self._spool = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115 -- `_drop` does
        piece = _Piece(lines, offset=self._spooled, length=len(data))
        self._spool.seek(piece.offset)
        write_all(self._spool, data)
        self._spooled += len(data)
        return piece

    def _advance(self) -> None:
        """Write what no open passage stands before."""
        while (front := self._front) is not None:
            self._write_pieces(front)
            if not front.closed:
                return
            self._joint += front.raw
            self._joint_lines += front.lines
            front.raw, front.lines = bytearray(), 0
            if len(self._joint) >= _MEMBER:
                self._flush()
            self._front = front.following

    def _write_pieces(self, passage: Passage) -> None:
        for piece in passage.pieces:
            self._waiting -= len(piece.data)
            self._write(piece.data or self._fetch(piece), piece.lines)
        passage.pieces = []

    def _fetch(self, piece: _Piece) -> bytes:
        if self._spool is None:
            raise OSError("the put-aside lines are gone")
        parts, at, end = [], piece.offset, piece.offset + piece.length
        while at < end:
            part = os.pread(self._spool.fileno(), end - at, at)
            if not part:
                raise OSError("the put-aside lines cannot be read back")
            parts.append(part)
            at += len(part)
        return b"".join(parts)

    def _write(self, data: bytes, lines: int) -> None:
        self._flush()
        self._stream.write_member(data, lines)

    def _flush(self) -> None:
        if self._joint:
            joint, lines = self._joint, self._joint_lines
            self._joint, self._joint_lines = bytearray(), 0
            self._stream.write_member(member(joint), lines)

    def _drop(self) -> None:
        if self._spool is not None:
            self._spool.close()
            self._spool = None
