"""A gzip file of several members, which stays readable whatever happens while it is written.

A gzip file may consist of members, one behind the other (RFC 1952, 2.2), and whoever reads it sees their
contents joined. Each member here holds whole lines, so the file may end behind any of them: when writing
fails, it is cut back to the last member that arrived whole. Bytes depend on the content alone: no name,
no time in the headers.
"""

import hashlib
import struct
import zlib
from dataclasses import dataclass
from typing import Final, Protocol

_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"  # deflate, no name, mtime 0, system unknown
_LEVEL: Final = 3
"""A page of answers takes less than half the time of level 6, and a seventh more room."""
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


def member(content: bytes | bytearray) -> bytes:
    """Compress `content` into a gzip member that stands by itself."""
    deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    trailer = struct.pack("<II", zlib.crc32(content) & _MASK, len(content) & _MASK)
    return _HEADER + deflate.compress(content) + deflate.flush() + trailer


class GzipStream:
    """Writes members into `file`. Not safe for threads: its owner holds a lock."""

    def __init__(self, file: BinaryFile) -> None:
        self._file = file
        self._sha = hashlib.sha256()
        self._offset = self._lines = 0

    def write_member(self, data: bytes, lines: int) -> None:
        """Add a member of so many lines. OSError: the file took no more; call `salvage`."""
        write_all(self._file, data)
        self._sha.update(data)
        self._offset += len(data)
        self._lines += lines

    def finish(self) -> Closed:
        """End the file and close it. OSError: the file took no more; call `salvage`."""
        if not self._offset:  # no bytes at all would be no gzip file
            self.write_member(member(b""), 0)
        self._file.close()
        return Closed(self._offset, self._sha.hexdigest(), self._lines)

    def salvage(self) -> Closed:
        """Cut the file back to its last whole member. OSError: not even that was possible."""
        self._file.seek(self._offset)
        self._file.truncate(self._offset)
        return self.finish()

    def abandon(self) -> None:
        """Close the file as it is."""
        self._file.close()


def write_all(file: BinaryFile, data: bytes) -> None:
    """Write all of `data`, however little the file takes at a time. OSError: it took no more."""
    rest = memoryview(data)
    while rest:
        taken = file.write(bytes(rest)) or 0
        rest = rest[taken:]
