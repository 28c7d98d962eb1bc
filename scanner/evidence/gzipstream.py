"""A gzip file that stays readable whatever happens while it is written.

`gzip.GzipFile` leaves a file without an end when the disk fills up. This one sets a mark every quarter
of a megabyte, behind which nothing is half written; when writing fails, the file is cut back to the
last mark and closed there. Bytes depend on the content alone: no name, no time in the header.
"""

import hashlib
import struct
import zlib
from dataclasses import dataclass
from typing import Final, Protocol

_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"  # deflate, no name, mtime 0, system unknown
_LAST_BLOCK: Final = b"\x03\x00"  # an empty final block: what ends a deflate stream at a mark
_MARK_EVERY: Final = 256 * 1024
_LEVEL: Final = 6
_MASK: Final = 0xFFFFFFFF


class BinaryFile(Protocol):
    """What is needed of an open file; `open(path, "wb", buffering=0)` is one."""

    def write(self, data: bytes, /) -> int | None:
        """Write and say how many bytes were taken."""

    def seek(self, offset: int, /) -> int:
        """Go to an offset."""

    def truncate(self, size: int | None = None, /) -> int:
        """Cut the file."""

    def close(self) -> None:
        """Close it."""


@dataclass(frozen=True, slots=True)
class Closed:
    """A finished file: its size in bytes, its SHA-256, and how many lines it holds."""

    bytes: int
    sha256: str
    lines: int


@dataclass(frozen=True, slots=True)
class _Mark:
    """A place where the file could end: bytes written, checksum and length of the content, lines."""

    offset: int
    crc: int
    size: int
    lines: int


class GzipStream:
    """Writes lines into `file`. Not safe for threads: its owner holds a lock."""

    def __init__(self, file: BinaryFile) -> None:
        self._file = file
        self._deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._sha = hashlib.sha256()
        self._offset = self._crc = self._size = self._lines = 0
        try:
            self._put(_HEADER)
        except OSError:
            file.close()
            raise
        self._mark = _Mark(self._offset, 0, 0, 0)
        self._sha_at_mark = self._sha.copy()

    def write_line(self, line: bytes) -> None:
        """Add a line; `line` has no line end. OSError: the file took no more; call `salvage`."""
        data = line + b"\n"
        self._put(self._deflate.compress(data))
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)
        self._lines += 1
        if self._size - self._mark.size >= _MARK_EVERY:
            self._set_mark()

    def finish(self) -> Closed:
        """End the file and close it. OSError: the file took no more; call `salvage`."""
        self._put(self._deflate.flush(zlib.Z_FINISH))
        self._put(_trailer(self._crc, self._size))
        self._file.close()
        return Closed(self._offset, self._sha.hexdigest(), self._lines)

    def salvage(self) -> Closed:
        """Cut the file back to the last mark and end it there. OSError: not even that was possible."""
        mark = self._mark
        self._file.seek(mark.offset)
        self._file.truncate(mark.offset)
        self._offset, self._sha = mark.offset, self._sha_at_mark.copy()
        self._put(_LAST_BLOCK + _trailer(mark.crc, mark.size))
        self._file.close()
        return Closed(self._offset, self._sha.hexdigest(), mark.lines)

    def abandon(self) -> None:
        """Close the file as it is."""
        self._file.close()

    def _set_mark(self) -> None:
        self._put(self._deflate.flush(zlib.Z_FULL_FLUSH))
        self._mark = _Mark(self._offset, self._crc, self._size, self._lines)
        self._sha_at_mark = self._sha.copy()

    def _put(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            taken = self._file.write(bytes(rest)) or 0
            self._sha.update(rest[:taken])
            self._offset += taken
            rest = rest[taken:]


def _trailer(crc: int, size: int) -> bytes:
    return struct.pack("<II", crc & _MASK, size & _MASK)
