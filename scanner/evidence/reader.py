"""Reading evidence files: plain or gzip-compressed JSON lines, streamed."""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from scanner.errors import BundleError
from scanner.evidence.lines import EvidenceLine, parse_line
from scanner.model.known import EvidenceRef
from scanner.model.names import ORG, AccountId, RegionName, Shard
from scanner.storage import bounded
from scanner.storage.bounded import Allowance

SUFFIXES: Final = (".jsonl.gz", ".jsonl")
_LONGEST_NAME: Final = 200  # file systems allow 255 bytes, suffixes included


def shard_stem(shard: Shard) -> str:
    """Return a shard's path within the bundle, without its suffix: `evidence/ACCOUNT/REGION`.

    BundleError: the account or the Region is not a valid file name, or would lead out of the bundle.
    """
    if shard.region == ORG:
        return "evidence/org"
    for name in (shard.account, shard.region):
        if not names_a_file(name):
            raise BundleError(
                f"{name[:80]!r} is neither an account id nor a Region: there is no evidence of it."
            )
    return f"evidence/{shard.account}/{shard.region}"


def names_a_file(name: str) -> bool:
    """Check whether a name from outside is a single path component that cannot leave its folder."""
    if not 0 < len(name) <= _LONGEST_NAME or name in (".", ".."):
        return False
    # Only ASCII, because file systems normalize other letters in different ways.
    return name.isascii() and name.isprintable() and not {"/", "\\"} & set(name)


def shard_file(bundle: Path, shard: Shard) -> str | None:
    """Return the path of a shard's evidence within `bundle`; None where there is none.

    BundleError: there are two, one compressed and one not.
    """
    stem = shard_stem(shard)
    files = [stem + suffix for suffix in SUFFIXES if (bundle / (stem + suffix)).is_file()]
    if len(files) > 1:
        raise BundleError(f"{' and '.join(files)} both exist. Remove the one that is not the evidence.")
    return files[0] if files else None


def shards_on_disk(bundle: Path) -> tuple[Shard, ...]:
    """Return the shards that the bundle has a file of (global services included, org not), sorted."""
    shards = {
        Shard(AccountId(path.parent.name), RegionName(path.name.removesuffix(suffix)))
        for suffix in SUFFIXES
        for path in (bundle / "evidence").glob(f"*/*{suffix}")
    }
    return tuple(sorted(shards))


def read_lines(bundle: Path, name: str, allowance: Allowance | None = None) -> Iterator[EvidenceLine]:
    """Yield the lines of one evidence file. BundleError: as `raw_lines`, or a line is not of the format."""
    for number, raw in enumerate(raw_lines(bundle, name, allowance), start=1):
        # Blank lines count in the numbers, which are those of an editor.
        if raw and not raw.isspace():
            yield parse_line(raw, EvidenceRef(name, number))


def raw_lines(bundle: Path, name: str, allowance: Allowance | None = None) -> Iterator[bytes]:
    """Yield the lines of one evidence file as bytes, without line ends.

    BundleError: it is damaged, truncated, unreadable, no regular file, or too large (`storage.bounded`).
    """
    number = 0
    try:
        for raw in bounded.read_lines(bundle / name, allowance):
            number += 1
            yield raw
    except (EOFError, zlib.error) as problem:
        raise BundleError(
            f"{name}: truncated or damaged after line {number} ({problem}). "
            "The bundle cannot be trusted: restore it from a copy, or scan again."
        ) from problem
    except OSError as problem:
        raise BundleError(f"{name}: cannot be read after line {number}: {problem.strerror}.") from problem
