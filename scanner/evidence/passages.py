"""The lines of one evidence file, in an order that does not depend on which thread writes first.

Several threads read a shard in parallel, and each writes to a passage of its own. The order of passages is
fixed when they are created. The first one that is still open is written to the file directly. Lines of later
passages wait, compressed, in memory, and beyond one mebibyte in an unnamed temporary file, which the
operating system removes with the process. Where members begin and end depends on the lines alone.
"""

import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, Self

from scanner.evidence.gzipstream import BinaryFile, Closed, GzipStream, member, write_all

_MEMBER: Final = 256 * 1024
"""Bytes of lines that are compressed together: more gains nothing, as deflate looks back 32 KiB."""

_SMALL: Final = 16 * 1024
"""A closed passage smaller than this is joined with its neighbours before it is compressed."""

_IN_MEMORY: Final = 1024 * 1024
"""Compressed bytes of a shard that may wait in memory before they are spilled."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A finished member that waits: in memory, or `length` bytes at `offset` of the spool file."""

    lines: int
    data: bytes = b""
    offset: int = 0
    length: int = 0


@dataclass(slots=True, eq=False)
class Passage:
    """Lines that are consecutive in the file. Only `Passages` uses its fields."""

    raw: bytearray = field(default_factory=bytearray)
    lines: int = 0
    pieces: list[_Piece] = field(default_factory=list)
    closed: bool = False
    following: Self | None = None


class Passages:
    """The passages of one file. Not thread-safe: its owner holds a lock.

    OSError wherever the disk is full; `salvage` then keeps what the file holds. `folder`: for the temporary
    file.
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
        """Close a passage, and return two that follow it: a branch, and one to continue with."""
        branch, rest = Passage(), Passage(following=passage.following)
        branch.following, passage.following = rest, branch
        self.close(passage)
        return branch, rest

    def close(self, passage: Passage) -> None:
        """Close a passage: nothing more is written to it."""
        if passage.closed:
            return
        passage.closed = True
        # Smaller ones are joined with their neighbours: each member has 18 bytes of header and trailer.
        if len(passage.raw) >= _SMALL:
            self._cut(passage)
        if passage is self._front:
            self._advance()

    def finish(self) -> Closed:
        """End the file. Passages that are still open are written as they are."""
        while self._front is not None:
            self.close(self._front)
        self._flush()
        closed = self._stream.finish()
        self._drop()
        return closed

    def salvage(self) -> Closed:
        """End the file with the lines that it holds for certain. OSError: even that failed."""
        self._drop()  # first: it frees space
        return self._stream.salvage()

    def abandon(self) -> None:
        """Close the file as it is."""
        self._drop()
        self._stream.abandon()

    def _cut(self, passage: Passage) -> None:
        """Compress the lines that a passage has gathered into a member."""
        data, lines = member(passage.raw), passage.lines
        passage.raw, passage.lines = bytearray(), 0
        if passage is self._front:
            self._write(data, lines)
        elif self._waiting + len(data) <= _IN_MEMORY:
            self._waiting += len(data)
            passage.pieces.append(_Piece(lines, data))
        else:
            passage.pieces.append(self._spill(data, lines))

    def _spill(self, data: bytes, lines: int) -> _Piece:
        if self._spool is None:
            # In the folder of the evidence, because /tmp may be small, or in memory.
            self._spool = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115 -- `_drop` does
        piece = _Piece(lines, offset=self._spooled, length=len(data))
        self._spool.seek(piece.offset)
        write_all(self._spool, data)
        self._spooled += len(data)
        return piece

    def _advance(self) -> None:
        """Write everything that is not behind an open passage."""
        while (front := self._front) is not None:
            self._write_pieces(front)
            # Lines that are still to come belong before those of the next passage.
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
            raise OSError("the temporary file of lines is gone")
        parts, at, end = [], piece.offset, piece.offset + piece.length
        while at < end:
            # `pread` may return less than requested.
            part = os.pread(self._spool.fileno(), end - at, at)
            if not part:
                raise OSError("the temporary file of lines cannot be read")
            parts.append(part)
            at += len(part)
        return b"".join(parts)

    def _write(self, data: bytes, lines: int) -> None:
        # What was joined before comes first.
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
