"""Reading evidence files: plain or gzip-compressed JSON lines, streamed."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from scanner.errors import BundleError
from scanner.evidence.lines import EvidenceLine, parse_line
from scanner.model.names import ORG, AccountId, RegionName, Shard
from scanner.model.reading import EvidenceRef

SUFFIXES: Final = (".jsonl.gz", ".jsonl")
_LONGEST_NAME: Final = 200  # file systems take 255 bytes, endings included


def shard_stem(shard: Shard) -> str:
    """Give a shard's path within the bundle, without its suffix: `evidence/ACCOUNT/REGION`.

    BundleError when the account or the Region cannot name a file, or would lead out of the bundle.
    """
    if shard.region == ORG:
        return "evidence/org"
    for name in (shard.account, shard.region):
        if not names_a_file(name):
            raise BundleError(f"{name[:80]!r} is neither an account id nor a Region: no evidence lies there.")
    return f"evidence/{shard.account}/{shard.region}"


def names_a_file(name: str) -> bool:
    """Whether a name that somebody else gave is one step of a path, and leads nowhere but down."""
    if not 0 < len(name) <= _LONGEST_NAME or name in (".", ".."):
        return False
    return name.isascii() and name.isprintable() and not {"/", "\\"} & set(name)


def shard_file(bundle: Path, shard: Shard) -> str | None:
    """Give the path of a shard's evidence within `bundle`; None when there is none.

    BundleError when there are two, compressed and not: nobody can say which of them is the evidence.
    """
    stem = shard_stem(shard)
    found = [stem + suffix for suffix in SUFFIXES if (bundle / (stem + suffix)).is_file()]
    if len(found) > 1:
        raise BundleError(f"{' and '.join(found)} are both there. Keep the one that is the evidence.")
    return found[0] if found else None


def shards_on_disk(bundle: Path) -> tuple[Shard, ...]:
    """List the shards that the bundle has a file of (account-global ones included, org's not), sorted."""
    found = {
        Shard(AccountId(path.parent.name), RegionName(path.name.removesuffix(suffix)))
        for suffix in SUFFIXES
        for path in (bundle / "evidence").glob(f"*/*{suffix}")
    }
    return tuple(sorted(found))


def read_lines(bundle: Path, name: str) -> Iterator[EvidenceLine]:
    """Stream the lines of one evidence file. BundleError when it is broken, cut off or unreadable."""
    path = bundle / name
    opener = gzip.open if name.endswith(".gz") else open
    number = 0
    try:
        with opener(path, "rb") as stream:
            for number, raw in enumerate(stream, start=1):
                if not raw.isspace():
                    yield parse_line(raw, EvidenceRef(name, number))
    except (EOFError, gzip.BadGzipFile, zlib.error) as problem:
        raise BundleError(
            f"{name}: cut off or damaged after line {number} ({problem}). "
            "The bundle cannot be trusted: restore it from a copy, or scan again."
        ) from problem
    except OSError as problem:
        raise BundleError(f"{name}: cannot be read: {problem.strerror}.") from problem
