"""Reading files that others may have written: regular files only, of bounded size.

A bundle may come from anyone. So a file is refused that is a symbolic link, a pipe, a socket or a device, or
that unpacks to much more than an answer of AWS could: each with one sentence, in little memory and time.

    LARGEST_FILE      a file of a bundle or a scan
    LARGEST_DOCUMENT  a JSON document that is read as a whole: manifest.json, summary.json, journal.jsonl
    LONGEST_LINE      a line of evidence or of findings: AWS's largest pages have a few megabytes
    MOST_BLANK_LINES  lines without content in one file
    RATIO, FREE       a file may unpack to RATIO times its size and FREE bytes; answers shrink to a tenth to
                      a fiftieth, because ids and times differ
    FREE_IN_ALL       the same for all evidence of a bundle together

The limits have a wide margin for scans of a million resources.
"""

import errno
import os
import stat
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from scanner.errors import BundleError

LARGEST_FILE: Final = 16 << 30
LARGEST_DOCUMENT: Final = 512 << 20
LONGEST_LINE: Final = 32 << 20
MOST_BLANK_LINES: Final = 10_000
RATIO: Final = 200
FREE: Final = 16 << 20
FREE_IN_ALL: Final = 1 << 30

_PIECE: Final = 1 << 20
_PACKED: Final = 16 << 10  # after each gzip member, what is left of a piece is copied
_GZIP: Final = 16 + zlib.MAX_WBITS
_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # opening a pipe must not wait


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file. OSError: there is none, it is of another kind, or it is too large."""
    try:
        handle = os.open(path, _FLAGS)
    except OSError as problem:
        if problem.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "it is a symbolic link") from problem
        if problem.errno == errno.ENXIO:
            raise OSError(errno.ENXIO, "it is not a regular file") from problem
        raise
    # Of the opened file: the path may have been replaced meanwhile.
    status = os.fstat(handle)
    if stat.S_ISREG(status.st_mode) and status.st_size <= LARGEST_FILE:
        return os.fdopen(handle, "rb")
    os.close(handle)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file")
    raise _too_large(LARGEST_FILE)


def read_regular(path: Path, most: int = LARGEST_DOCUMENT) -> bytes:
    """Return the content of a regular file. OSError: as `open_regular`, or it has more than `most` bytes."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise _too_large(most)
        return file.read(size)  # a number: reading allocates it at once


def _too_large(most: int) -> OSError:
    return OSError(errno.EFBIG, f"it has more than {most:,} bytes")


class Allowance:
    """How many bytes all files of a bundle may unpack to, together."""

    def __init__(self, packed: int) -> None:
        """Allow for files that have `packed` bytes on the disk."""
        self._most = packed * RATIO + FREE_IN_ALL
        self._sizes: dict[Path, int] = {}
        self._total = 0

    def check(self, path: Path, size: int) -> None:
        """Count the unpacked bytes of a file, once if it is read again. OSError: they are too many."""
        counted = self._sizes.get(path, 0)
        self._sizes[path] = max(size, counted)
        self._total += self._sizes[path] - counted
        if self._total > self._most:
            raise OSError(errno.EFBIG, "the evidence unpacks to far more than AWS's answers could have")


def read_lines(path: Path, allowance: Allowance | None = None) -> Iterator[bytes]:
    """Yield the lines of a file, without line ends; `.gz`: unpacked.

    Raises:
        OSError: as `open_regular`, or a line, the unpacked content or the number of blank lines is too large.
        EOFError, zlib.error: the file is truncated or damaged.
    """
    blank = 0
    with open_regular(path) as file:
        for line in _lines(_pieces(file, path, allowance)):
            if not line or line.isspace():
                blank += 1
                if blank > MOST_BLANK_LINES:
                    raise OSError(errno.EFBIG, f"it has more than {MOST_BLANK_LINES:,} blank lines")
            yield line


def read_gzip(path: Path, most: int = LARGEST_DOCUMENT) -> bytes:
    """Return the unpacked content of a gzip file. Errors as `read_lines`, and above `most` bytes."""
    content = bytearray()
    with open_regular(path) as file:
        for piece in _unpacked(file):
            content += piece
            if len(content) > most:
                raise _too_large(most)
    return bytes(content)


def _pieces(file: BinaryIO, path: Path, allowance: Allowance | None) -> Iterator[bytes]:
    if path.suffix != ".gz":
        yield from iter(lambda: file.read(_PIECE), b"")
        return
    size = counted = 0
    for piece in _unpacked(file):
        size += len(piece)
        # Once per mebibyte, because a check of each small piece would cost time.
        if allowance is not None and size - counted > _PIECE:
            allowance.check(path, size)
            counted = size
        yield piece


def _unpacked(file: BinaryIO) -> Iterator[bytes]:
    """Yield the content of a gzip file, which may have several members (RFC 1952, 2.2), in small pieces.

    EOFError: it is truncated. zlib.error: it is damaged. OSError: it unpacks to too much.
    """
    most = os.fstat(file.fileno()).st_size * RATIO + FREE
    size, packed, is_open = 0, file.read(_PACKED), True
    unpacker = zlib.decompressobj(_GZIP)
    while packed:
        # At most this much at once, however well it is compressed.
        piece = unpacker.decompress(packed, _PIECE)
        size += len(piece)
        if size > most:
            raise OSError(
                errno.EFBIG, f"it unpacks to more than {RATIO} times its size, as no answer of AWS does"
            )
        if piece:
            yield piece
        packed, is_open = unpacker.unconsumed_tail, not unpacker.eof
        if unpacker.eof:
            unpacker, packed = zlib.decompressobj(_GZIP), _next_member(unpacker.unused_data, file)
        packed = packed or file.read(_PACKED)
    if is_open:
        raise EOFError("the file ends in the middle of its data")


def _next_member(rest: bytes, file: BinaryIO) -> bytes:
    """Return the bytes from the next member on; zeros between members are padding."""
    while not (member := rest.lstrip(b"\0")):
        if not (rest := file.read(_PACKED)):
            return b""
    return member


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Join pieces, and yield their lines. OSError: one is longer than LONGEST_LINE."""
    # Parts are joined once, so that a long line is not copied for each piece.
    parts: list[bytes] = []
    size = 0
    for piece in pieces:
        first, *others = piece.split(b"\n")
        parts.append(first)
        size += len(first)
        if size > LONGEST_LINE:
            raise OSError(errno.EFBIG, f"a line has more than {LONGEST_LINE:,} bytes")
        if others:
            yield b"".join(parts)
            parts = [others.pop()]
            size = len(parts[0])
            yield from others
    if size:
        yield b"".join(parts)


def check_regular(folder: Path, names: Iterable[str]) -> None:
    """Check that these parts of a folder, and all below them, are regular files and folders.

    BundleError: there is a symbolic link, a pipe, a socket or a device, which is never followed or opened.
    """
    pending = [folder / name for name in names]
    while pending:
        path = pending.pop()
        try:
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode):
                continue
            if not stat.S_ISDIR(mode):
                raise _not_regular(path)
            with os.scandir(path) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(Path(entry.path))
                    elif not entry.is_file(follow_symlinks=False):
                        raise _not_regular(Path(entry.path))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as problem:
            raise BundleError(f"{path} cannot be read: {problem.strerror}.") from problem


def _not_regular(path: Path) -> BundleError:
    return BundleError(
        f"{path} is neither a regular file nor a folder. Scans contain no symbolic links, pipes or devices: "
        "restore it from a copy."
    )
