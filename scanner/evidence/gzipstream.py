"""A gzip file of several members, which stays readable whatever happens while it is written.

A gzip file may consist of several members (RFC 1952, 2.2); readers see their contents joined. Each member
here holds complete lines, so the file may end after any of them: when writing fails, it is truncated to the
last complete member. The bytes depend on the content alone: headers have no name and no time.
"""

import hashlib
import struct
import zlib
from dataclasses import dataclass
from typing import Final, Protocol

_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"  # deflate, no name, mtime 0, system unknown
_LEVEL: Final = 3
"""For a page of answers, less than half the time of level 6, at a seventh more space."""
_MASK: Final = 0xFFFFFFFF


class BinaryFile(Protocol):
    """The methods of a file that are used; `open(path, "wb", buffering=0)` has them."""

    def write(self, data: bytes, /) -> int | None:
        """Write data, and return the number of bytes written."""

    def seek(self, offset: int, /) -> int:
        """Move to an offset."""

    def truncate(self, size: int | None = None, /) -> int:
        """Truncate the file."""

    def close(self) -> None:
        """Close the file."""


@dataclass(frozen=True, slots=True)
class Closed:
    """A finished file: its size in bytes, its SHA-256, and its number of lines."""

    bytes: int
    sha256: str
    lines: int


def member(content: bytes | bytearray) -> bytes:
    """Compress `content` into a gzip member of its own."""
    deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    trailer = struct.pack("<II", zlib.crc32(content) & _MASK, len(content) & _MASK)
    return _HEADER + deflate.compress(content) + deflate.flush() + trailer


class GzipStream:
    """Writes members into `file`. Not thread-safe: its owner holds a lock."""

    def __init__(self, file: BinaryFile) -> None:
        self._file = file
        self._sha = hashlib.sha256()
        self._offset = self._lines = 0

    def write_member(self, data: bytes, lines: int) -> None:
        """Add a member with this number of lines. OSError: the disk is full or fails; call `salvage`."""
        write_all(self._file, data)
        # After writing: the digest covers what is in the file for certain.
        self._sha.update(data)
        self._offset += len(data)
        self._lines += lines

    def finish(self) -> Closed:
        """End and close the file. OSError: the disk is full or fails; call `salvage`."""
        if not self._offset:  # an empty file is not a valid gzip file
            self.write_member(member(b""), 0)
        self._file.close()
        return Closed(self._offset, self._sha.hexdigest(), self._lines)

    def salvage(self) -> Closed:
        """Truncate the file to its last complete member. OSError: even that failed."""
        self._file.seek(self._offset)
        self._file.truncate(self._offset)
        return self.finish()

    def abandon(self) -> None:
        """Close the file as it is."""
        self._file.close()


def write_all(file: BinaryFile, data: bytes) -> None:
    """Write all of `data`, however little the file accepts at a time. OSError: it accepts no more."""
    rest = memoryview(data)
    while rest:
        taken = file.write(bytes(rest)) or 0
        rest = rest[taken:]
