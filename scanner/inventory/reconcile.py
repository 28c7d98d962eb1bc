"""Reconciliation of the inventory with second sources, and the Region of each S3 bucket.

ListProtectedResources returns resources that were backed up at least once, the tagging API those that have or
had tags: they can only add resources that the lists missed, and prove no list complete (architecture,
"Reports").

ListBuckets returns the Region of a bucket only if the request has a page size. Otherwise it is known from
GetBucketLocation or HeadBucket, or from the shard with the details of the bucket: the collector records these
in the shard of the bucket's Region (Amazon S3 API Reference; evidence format, "Layout").
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from scanner.evidence.answers import Answers
from scanner.evidence.bundle import Bundle
from scanner.evidence.lines import EvidenceLine
from scanner.model.inventory import ShardInventory
from scanner.model.names import AccountId
from scanner.model.resource_types import type_of_arn
from scanner.model.scan import Reconciliation
from scanner.services.base import rows
from scanner.services.s3 import GET_LOCATION, HEAD_BUCKET, LIST_BUCKETS, location, region_of

_DETAILS: Final = ("s3:GetBucketTagging", "s3:GetBucketVersioning", "s3:GetBucketEncryption", HEAD_BUCKET)

_WRONG_REGION: Final = frozenset(
    (
        "301",
        "PermanentRedirect",
        "TemporaryRedirect",
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
        "NoSuchBucket",
    )
)
"""Error codes of S3 for a bucket that is not in the Region of the request, or does not exist."""


class BucketRegions:
    """Regions of the buckets whose Region ListBuckets omits, by account. The last account is cached."""

    def __init__(self, bundle: Bundle) -> None:
        """Store the bundle; it is read when an account has such buckets."""
        self._bundle = bundle
        self._last: tuple[AccountId, Mapping[str, str]] | None = None

    def of(self, account: AccountId) -> Mapping[str, str]:
        """Return the known Regions of an account's buckets whose Region ListBuckets omits."""
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
        return {name: candidates.pop() for name, candidates in regions.items() if len(candidates) == 1}


def _without_region(account: Answers) -> frozenset[str]:
    return frozenset(
        name
        for row, _ in rows(account, LIST_BUCKETS, "Buckets")
        if (name := row.text("Name")) and not row.text("BucketRegion") and location(account, name) is None
    )


def _regions(line: EvidenceLine, region: str) -> Iterator[str]:
    """Yield the Region that one recorded call proves: the one that S3 returned, or that of its shard."""
    response = line.response
    if line.name == GET_LOCATION:
        if response is not None and isinstance(response.get("LocationConstraint"), str | None):
            yield region_of(response.get("LocationConstraint"))
    elif line.name == HEAD_BUCKET and response is not None and isinstance(response.get("BucketRegion"), str):
        yield response["BucketRegion"]
    elif line.name in _DETAILS and (line.error is None or line.error.code not in _WRONG_REGION):
        yield region


def reconcile(inventory: ShardInventory) -> tuple[Reconciliation, ...]:
    """Return, by type, the number of listed resources and the ARNs that only a second source has."""
    # A resource may be missing from its list because it was created between the two calls: this is a note for
    # readers, not a gap.
    listed = Counter(resource.type for resource in inventory.resources)
    arns = {resource.arn for resource in inventory.resources}
    unlisted: dict[str, set[str]] = {}
    for protected in inventory.protected_resources:
        if protected.arn not in arns:
            unlisted.setdefault(protected.type, set()).add(protected.arn)
    for arn in inventory.tagged:
        # The tagging API also returns types that AWS Backup does not support.
        kind = type_of_arn(arn)
        if kind and arn not in arns:
            unlisted.setdefault(kind, set()).add(arn)
    return tuple(
        Reconciliation(
            account=inventory.shard.account,
            region=inventory.shard.region,
            subject_type=kind,
            listed=listed[kind],
            elsewhere=tuple(sorted(unlisted.get(kind, ()))),
        )
        for kind in sorted({*listed, *unlisted})
    )
