"""What a scan that was killed leaves in its folder, and nobody needs."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Final

from scanner.errors import OutputError
from scanner.evidence.reader import SUFFIXES, shard_stem
from scanner.model.names import ORG, AccountId, Shard
from scanner.storage.files import parts_of, remove_folders

_PATTERNS: Final = (".*.part", "evidence/*.part", "evidence/*/*.part", "inventory/*.part", "facts/*.part")

_REPLACED: Final = ("facts", "findings")
"""Folders that a new evaluation replaces as a whole."""


def remove_parts(folder: Path) -> None:
    """Remove the files and folders that were being written. OutputError: one cannot be removed."""
    for path in chain.from_iterable(folder.glob(pattern) for pattern in _PATTERNS):
        _remove(path)
    for path in chain.from_iterable(parts_of(folder / name) for name in _REPLACED):
        with _removing(path):
            remove_folders(path)


def remove_unfinished(folder: Path, finished: Iterable[Shard]) -> None:
    """Remove the evidence of shards that are asked again. OutputError as above.

    A Region that turns out not to be enabled will have none.
    """
    kept = {shard_stem(shard) for shard in finished}
    for path in chain.from_iterable(folder.glob(f"evidence/*/*{suffix}") for suffix in SUFFIXES):
        if str(path.relative_to(folder)).removesuffix(".gz").removesuffix(".jsonl") not in kept:
            _remove(path)


def remove_organization(folder: Path) -> None:
    """Remove the organisation's evidence: a scan that begins anew may have none. OutputError as above."""
    stem = shard_stem(Shard(AccountId(""), ORG))
    for suffix in SUFFIXES:
        _remove(folder / (stem + suffix))


def _remove(path: Path) -> None:
    with _removing(path):
        path.unlink(missing_ok=True)


@contextmanager
def _removing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise OutputError(f"{path} cannot be removed: {problem.strerror}. Remove it yourself.") from problem
