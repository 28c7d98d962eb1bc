"""S3 locations as users write them: `s3://bucket/prefix`."""

import re
from dataclasses import dataclass
from typing import Final

from scanner.errors import UsageError

SCHEME: Final = "s3://"

# S3 user guide, "General purpose bucket naming rules"; dots are allowed, since old buckets have them.
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
# S3 allows no bucket with the form of an IP address (same page).
_ADDRESS: Final = re.compile(r"[0-9]+(\.[0-9]+){3}")
_LONGEST_PREFIX: Final = 700  # bytes of 1,024 for a key: the rest is for the name of a file


@dataclass(frozen=True, slots=True)
class Place:
    """A bucket and a key prefix: empty, or without a slash at either end."""

    bucket: str
    prefix: str = ""

    def key(self, name: str) -> str:
        """Return the key of a file with this name below the prefix."""
        return f"{self.prefix}/{name}" if self.prefix else name

    def __str__(self) -> str:
        return SCHEME + "/".join(filter(None, (self.bucket, self.prefix)))


def is_place(text: str) -> bool:
    """Return whether a text is an S3 location rather than a folder."""
    return text.lower().startswith(SCHEME)


def place_of(text: str) -> Place:
    """Parse `s3://bucket/prefix`. UsageError: the bucket or the prefix is not valid."""
    bucket, _, rest = text[len(SCHEME) :].partition("/")
    prefix = rest.strip("/")
    if not _BUCKET.fullmatch(bucket) or _ADDRESS.fullmatch(bucket) or ".." in bucket:
        raise UsageError(f"{text} is not a valid S3 location: write s3://BUCKET/PREFIX.")
    parts = prefix.split("/") if prefix else []
    if not prefix.isprintable() or any(part in ("", ".", "..") for part in parts):
        raise UsageError(f"{text} has an invalid prefix: remove `//`, `.`, `..` and control characters.")
    if len(prefix.encode(errors="replace")) > _LONGEST_PREFIX:
        raise UsageError(f"The prefix of {text[:60]}... is too long: {_LONGEST_PREFIX} bytes at most.")
    return Place(bucket, prefix)
