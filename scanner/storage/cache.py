"""The user's cache folder for results that can be computed again.

A cache is one JSON file, `NAME-VERSION.json`. It is optional: if the folder cannot be read or written, or the
file is broken or writable by another user, the results are computed again.

The folder is `$VAULTPROOF_CACHE`, or else `vaultproof` in `$XDG_CACHE_HOME` or `~/.cache`.
`VAULTPROOF_CACHE=off` disables caching.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import orjson

from scanner.errors import OutputError
from scanner.storage.files import write_atomically

FOLDER: Final = "VAULTPROOF_CACHE"
OFF: Final = "off"

_VERSIONS: Final = 4  # newest files of a cache to keep: several checkouts may share a folder
_PRIVATE: Final = 0o700


class Cache:
    """Cached documents by key. Entries of one `version` are not visible to another."""

    def __init__(self, name: str, version: str) -> None:
        self._name, self._version = name, version
        self._folder = _folder()
        self._entries = self._read()
        self._is_new = False

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the document of a key, or None."""
        document = self._entries.get(key)
        return document if isinstance(document, dict) else None

    def put(self, key: str, document: dict[str, Any]) -> None:
        """Add a document in memory; `save` writes it to disk."""
        self._entries[key] = document
        self._is_new = True

    def save(self) -> None:
        """Write new entries, if there are any, and remove files of old versions."""
        if self._folder is None or not self._is_new:
            return
        # Read again: another process may have added entries.
        content = orjson.dumps({**self._read(), **self._entries})
        with suppress(OSError, OutputError):
            self._folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
            write_atomically(self._file(self._folder), content)
            self._is_new = False
            self._prune(self._folder)

    def _file(self, folder: Path) -> Path:
        return folder / f"{self._name}-{self._version[:16]}.json"

    def _read(self) -> dict[str, Any]:
        if self._folder is None:
            return {}
        file = self._file(self._folder)
        with suppress(OSError, orjson.JSONDecodeError):
            if _is_ours(file):
                entries = orjson.loads(file.read_bytes())
                return entries if isinstance(entries, dict) else {}
        return {}

    def _prune(self, folder: Path) -> None:
        files = sorted(folder.glob(f"{self._name}-*.json"), key=lambda file: file.stat().st_mtime)
        for file in files[:-_VERSIONS]:
            file.unlink(missing_ok=True)


def _is_ours(file: Path) -> bool:
    """Check that no other user could have written the file: cached content is trusted like code.

    Files of root are fine, since root can write the code, too: in a container image, root fills the cache
    that its user reads.
    """
    status = file.stat()
    writable_by_others = status.st_mode & 0o022
    return status.st_uid in {0, os.geteuid()} and not writable_by_others


def _folder() -> Path | None:
    named = os.environ.get(FOLDER, "")
    if named == OFF:
        return None
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        home = Path(base) if base else Path.home() / ".cache"
    except RuntimeError:  # a container's user without an entry in /etc/passwd
        return None
    return home / "vaultproof"
