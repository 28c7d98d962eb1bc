"""The Region of each S3 bucket, from whatever the bundle holds (Amazon S3 API Reference).

ListBuckets names the Region only where a page size was asked for. Otherwise GetBucketLocation or HeadBucket
says it, or the shard in which the details of the bucket are: they are recorded in the shard of its Region
(evidence format, "Layout").
"""

from collections.abc import Iterator, Mapping
from typing import Final

from scanner.evidence.answers import Answers
from scanner.evidence.bundle import Bundle
from scanner.evidence.lines import EvidenceLine
from scanner.model.names import AccountId
from scanner.services.base import rows
from scanner.services.s3 import GET_LOCATION, HEAD_BUCKET, LIST_BUCKETS, location, region_of

_DETAILS: Final = ("s3:GetBucketTagging", "s3:GetBucketVersioning", "s3:GetBucketEncryption", HEAD_BUCKET)

_ELSEWHERE: Final = frozenset(
    (
        "301",
        "PermanentRedirect",
        "TemporaryRedirect",
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
        "NoSuchBucket",
    )
)
"""Errors by which S3 says that a bucket is not in the Region that was asked (or not there at all)."""


class BucketRegions:
    """The Regions of buckets that ListBuckets does not place, by account; the last account is kept."""

    def __init__(self, bundle: Bundle) -> None:
        """Take the bundle. Nothing is read until an account has such buckets."""
        self._bundle = bundle
        self._last: tuple[AccountId, Mapping[str, str]] | None = None

    def of(self, account: AccountId) -> Mapping[str, str]:
        """Return the Regions of an account's buckets that ListBuckets does not place, as far as known."""
        if self._last is None or self._last[0] != account:
            self._last = (account, self._read(account))
        return self._last[1]

    def _read(self, account: AccountId) -> Mapping[str, str]:
        names = _without_region(self._bundle.account_answers(account))
        if not names:
            return {}
        regions: dict[str, set[str]] = {}
        for shard, _ in self._bundle.scope():
            if shard.account != account:
                continue
            for line in self._bundle.lines(shard):
                name = str(line.parameters.get("Bucket") or "")
                if line.service == "s3" and name in names:
                    regions.setdefault(name, set()).update(_regions(line, shard.region))
        return {name: found.pop() for name, found in regions.items() if len(found) == 1}


def _without_region(account: Answers) -> frozenset[str]:
    return frozenset(
        name
        for row, _ in rows(account, LIST_BUCKETS, "Buckets")
        if (name := row.text("Name")) and not row.text("BucketRegion") and location(account, name) is None
    )


def _regions(line: EvidenceLine, region: str) -> Iterator[str]:
    """Return the Region that one recorded call proves: what S3 named, else that of its shard."""
    response = line.response
    if line.name == GET_LOCATION:
        if response is not None and isinstance(response.get("LocationConstraint"), str | None):
            yield region_of(response.get("LocationConstraint"))
    elif line.name == HEAD_BUCKET and response is not None and isinstance(response.get("BucketRegion"), str):
        yield response["BucketRegion"]
    elif line.name in _DETAILS and (line.error is None or line.error.code not in _ELSEWHERE):
        yield region
