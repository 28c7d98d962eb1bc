"""Places in S3, as people write them: `s3://bucket/prefix`."""

import re
from dataclasses import dataclass
from typing import Final

from scanner.errors import UsageError

SCHEME: Final = "s3://"

# S3 user guide, "General purpose bucket naming rules"; dots are admitted, since old buckets have them.
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ADDRESS: Final = re.compile(r"[0-9]+(\.[0-9]+){3}")
_LONGEST_PREFIX: Final = 700  # bytes; a key has 1,024, and the longest name of ours fits into the rest


@dataclass(frozen=True, slots=True)
class Place:
    """A bucket, and what the keys begin with: empty, or without a slash at either end."""

    bucket: str
    prefix: str = ""

    def key(self, name: str) -> str:
        """Give the key of a file by its name below the place."""
        return f"{self.prefix}/{name}" if self.prefix else name

    def __str__(self) -> str:
        return SCHEME + "/".join(filter(None, (self.bucket, self.prefix)))


def is_place(text: str) -> bool:
    """Whether a text names a place in S3, and no folder."""
    return text.lower().startswith(SCHEME)


def place_of(text: str) -> Place:
    """Read `s3://bucket/prefix`. UsageError: it names no bucket, or nothing that can be a key."""
    bucket, _, rest = text[len(SCHEME) :].partition("/")
    prefix = rest.strip("/")
    if not _BUCKET.fullmatch(bucket) or _ADDRESS.fullmatch(bucket) or ".." in bucket:
        raise UsageError(f"{text} names no bucket: write s3://BUCKET/PREFIX.")
    parts = prefix.split("/") if prefix else []
    if not prefix.isprintable() or any(part in ("", ".", "..") for part in parts):
        raise UsageError(f"{text} has a prefix that cannot be a folder: leave out `//`, `.` and `..`.")
    if len(prefix.encode(errors="replace")) > _LONGEST_PREFIX:
        raise UsageError(f"The prefix of {text[:60]}... is too long: {_LONGEST_PREFIX} bytes at most.")
    return Place(bucket, prefix)
