"""Atomic writing of files and folders: a reader sees the old content or the new, never a part."""

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from scanner.errors import OutputError

_ADVICE = {
    errno.ENOSPC: "Free some space, or name another folder with --out.",
    errno.EDQUOT: "Your disk quota is used up: free some space, or name another folder with --out.",
    errno.EACCES: "Name a folder that you may write to with --out.",
    errno.EPERM: "Name a folder that you may write to with --out.",
    errno.EROFS: "The file system is read-only: name another folder with --out.",
}
_OTHERS = 0o077
"""The permissions of group and others."""


def keep_files_private() -> None:
    """Let this process and its children create files with mode 0600 at most, and folders with 0700.

    A scan describes how an organisation could lose its data. Arrow, DuckDB, SQLite and WeasyPrint create
    files, too, so that the mode is not left to each place that opens one. Stricter umasks stay in force.
    """
    os.umask(os.umask(_OTHERS) | _OTHERS)


class Measured:
    """Byte pieces, counted and hashed while they are iterated."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces
        self._digest = hashlib.sha256()
        self.bytes = 0

    @property
    def sha256(self) -> str:
        """The SHA-256 of the pieces so far, in hexadecimal."""
        return self._digest.hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        """Yield the pieces unchanged."""
        for piece in self._pieces:
            self.bytes += len(piece)
            self._digest.update(piece)
            yield piece


def write_atomically(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Write `content` to `path` in one step, creating its folder if needed.

    Raises:
        OutputError: the disk is full, or the folder is not writable. An existing file stays as it was.
    """
    pieces = (content,) if isinstance(content, bytes) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Shortened, since file systems allow 255 bytes for a name.
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:40]}.", suffix=".part", dir=path.parent)
    except OSError as problem:
        raise _output_error(path, problem) from problem
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(pieces)
            file.flush()
            # Before the file is renamed: after a power failure, it has its name only with its content.
            os.fsync(file.fileno())
        part.replace(path)
        _sync_folder(path.parent)
    except OSError as problem:
        raise _output_error(path, problem) from problem
    finally:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()


def _sync_folder(folder: Path) -> None:
    """Write the names in a folder to the disk: files renamed later cannot be there without these."""
    if folder.is_dir():
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _output_error(path: Path, problem: OSError) -> OutputError:
    advice = _ADVICE.get(problem.errno or 0, "Check the folder, or name another one with --out.")
    return OutputError(f"{path} could not be written: {problem.strerror or problem}. {advice}")


def temporary_file_error(failure: str, problem: OSError) -> OutputError:
    """Return the error for a temporary file that could not be written. `failure`: what failed with it."""
    folder = os.environ.get("TMPDIR") or "/tmp"  # nosec B108 # noqa: S108 -- as tempfile
    return OutputError(
        f"{failure}, because it needs a temporary file: {problem.strerror or problem}. Free some space in "
        f"{folder}, or name another folder with the environment variable TMPDIR."
    )


def parts_of(folder: Path) -> tuple[Path, Path]:
    """Return the temporary folders that `replaced` uses: for the new content, and for the old."""
    return folder.with_name(f"{folder.name}.part"), folder.with_name(f"{folder.name}.old.part")


@contextlib.contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that replaces `folder` in one step when the block succeeds.

    If the block raises, the new content is removed and `folder` stays as it was.

    Raises:
        OutputError: a folder cannot be created, renamed or removed.
    """
    part, old = parts_of(folder)
    try:
        remove_folders(part, old)
        part.mkdir(parents=True)
    except OSError as problem:
        raise _output_error(part, problem) from problem
    try:
        yield part
        _exchange(folder, part, old)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        # Otherwise the old folder is all there is.
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)


def _exchange(folder: Path, part: Path, old: Path) -> None:
    try:
        # A link to nothing does not exist, and would be in the way all the same.
        if folder.is_symlink() or folder.exists():
            folder.rename(old)
        part.rename(folder)
    except OSError as problem:
        # The new folder could not be renamed: the old one gets its name back.
        if not folder.exists() and old.exists():
            with contextlib.suppress(OSError):
                old.rename(folder)
        raise _output_error(folder, problem) from problem


def remove_files(*paths: Path) -> None:
    """Remove files; missing ones and folders are ignored. OutputError: a file cannot be removed."""
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except (NotADirectoryError, IsADirectoryError):
            continue
        except OSError as problem:
            raise _output_error(path, problem) from problem
    for folder in {path.parent for path in paths}:
        _sync_folder(folder)


def remove_folders(*folders: Path) -> None:
    """Remove folders with their content; missing ones are ignored. OSError: a folder cannot be removed."""
    for folder in folders:
        if folder.is_symlink() or folder.is_file():
            folder.unlink()
        elif folder.exists():
            shutil.rmtree(folder)
