"""Amazon S3: an account's buckets, and the details of those of one Region."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from scanner.collect.calls import Caller
from scanner.collect.fields import rows, text
from scanner.collect.operations import Operation
from scanner.model.names import RegionName

OPERATIONS: Final = (
    # A page size makes S3 say each bucket's Region.
    Operation("s3", "ListBuckets", "s3:ListAllMyBuckets", page=10_000),
    Operation("s3", "GetBucketLocation", "s3:GetBucketLocation", after=("s3:ListBuckets",)),
    Operation(
        "s3",
        "GetBucketTagging",
        "s3:GetBucketTagging",
        after=(
            "s3:ListBuckets",
            "s3:GetBucketLocation",
        ),
    ),
    Operation(
        "s3",
        "GetBucketVersioning",
        "s3:GetBucketVersioning",
        after=(
            "s3:ListBuckets",
            "s3:GetBucketLocation",
        ),
    ),
    Operation(
        "s3",
        "GetBucketEncryption",
        "s3:GetEncryptionConfiguration",
        after=(
            "s3:ListBuckets",
            "s3:GetBucketLocation",
        ),
    ),
)

# GetBucketLocation has old names for two Regions (Amazon S3 API Reference).
_OLD_NAMES: Final = {"": "us-east-1", "EU": "eu-west-1"}


def buckets(caller: Caller) -> dict[RegionName, list[str]]:
    """Record the account's buckets; give their names by Region, less those whose Region is not told."""
    return by_region(caller.pages("s3", "ListBuckets"), lambda name: _location(caller, name))


def by_region(
    pages: Iterable[Mapping[str, Any]], locate: Callable[[str], str]
) -> dict[RegionName, list[str]]:
    """Give the buckets' names by Region; `locate` finds that of a bucket whose row does not name it."""
    found: dict[RegionName, list[str]] = {}
    for answer in pages:
        for row in rows(answer, "Buckets"):
            name = text(row, "Name")
            region = text(row, "BucketRegion") or locate(name)
            if name and region:
                found.setdefault(RegionName(region), []).append(name)
    return found


def _location(caller: Caller, name: str) -> str:
    answer = caller.call("s3", "GetBucketLocation", Bucket=name) if name else None
    return "" if answer is None else place(answer)


def place(answer: Mapping[str, Any]) -> str:
    """Give the Region of an answer of GetBucketLocation."""
    told = text(answer, "LocationConstraint")
    return _OLD_NAMES.get(told, told)


def collect(caller: Caller, names: Iterable[str]) -> set[str]:
    """Record the details of the buckets `names`; give the keys that were named."""
    return caller.each(names, _describe)


def _describe(caller: Caller, name: str) -> set[str]:
    caller.call("s3", "GetBucketTagging", Bucket=name)
    caller.call("s3", "GetBucketVersioning", Bucket=name)
    return set(_keys(caller.call("s3", "GetBucketEncryption", Bucket=name) or {})) - {""}


def _keys(answer: Mapping[str, Any]) -> Iterable[str]:
    configuration = answer.get("ServerSideEncryptionConfiguration")
    for rule in rows(configuration if isinstance(configuration, Mapping) else None, "Rules"):
        yield text(rule, "ApplyServerSideEncryptionByDefault", "KMSMasterKeyID")
