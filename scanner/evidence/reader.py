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


def shard_stem(shard: Shard) -> str:
    """Give a shard's path within the bundle, without its suffix: `evidence/ACCOUNT/REGION`."""
    return "evidence/org" if shard.region == ORG else f"evidence/{shard.account}/{shard.region}"


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
