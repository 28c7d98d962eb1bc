"""Amazon S3: buckets. The account lists them; their details are in the shard of their Region.

ListBuckets returns the Region of a bucket only if a page size is requested (Amazon S3 API Reference). All
other calls name the account that must own the bucket: the name of a deleted one may soon belong to another.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from scanner.evidence.answers import Answers
from scanner.evidence.shape import Shape
from scanner.model.inventory import Encryption, Resource
from scanner.model.known import EvidenceRef, Gap, GapKind, Known
from scanner.model.names import Arn, RegionName, partition_of
from scanner.services.base import CallScope, Operation, objects, rows, text
from scanner.services.caller import Caller
from scanner.services.sources import Bucket, Sources
from scanner.services.tagging import STACK_TAG, own_tags

LIST_BUCKETS: Final = "s3:ListBuckets"
GET_LOCATION: Final = "s3:GetBucketLocation"
HEAD_BUCKET: Final = "s3:HeadBucket"
_LOCATED: Final = ("s3:ListBuckets", "s3:GetBucketLocation")

# GetBucketLocation has old names for two Regions (Amazon S3 API Reference).
_OLD_NAMES: Final = {"": "us-east-1", "EU": "eu-west-1"}

OPERATIONS: Final = (
    # With a page size S3 returns the Region of every bucket.
    Operation(
        "s3",
        "ListBuckets",
        "s3:ListAllMyBuckets",
        page=10_000,
        scope=CallScope.ACCOUNT,
        identity=("Buckets[].Name",),
    ),
    Operation(
        "s3",
        "GetBucketLocation",
        "s3:GetBucketLocation",
        after=("s3:ListBuckets",),
        scope=CallScope.ACCOUNT,
        per="bucket whose Region is not listed",
    ),
    Operation(
        "s3",
        "GetBucketTagging",
        "s3:GetBucketTagging",
        after=_LOCATED,
        per="bucket",
    ),
    Operation(
        "s3",
        "GetBucketVersioning",
        "s3:GetBucketVersioning",
        after=_LOCATED,
        per="bucket",
    ),
    Operation(
        "s3",
        "GetBucketEncryption",
        "s3:GetEncryptionConfiguration",
        after=_LOCATED,
        per="bucket",
    ),
)


def buckets(caller: Caller) -> dict[RegionName, list[str]]:
    """Record the account's buckets; return their names by Region, without those of unknown Region."""
    return by_region(caller.pages("s3", "ListBuckets"), lambda name: _location(caller, name))


def by_region(
    pages: Iterable[Mapping[str, Any]], locate: Callable[[str], str]
) -> dict[RegionName, list[str]]:
    """Return the names of buckets by Region; `locate` looks up a Region that the row omits."""
    names: dict[RegionName, list[str]] = {}
    for answer in pages:
        for row in objects(answer, "Buckets"):
            name = text(row, "Name")
            # ListBuckets returns BucketRegion only for requests with a page size; GetBucketLocation is one
            # call per bucket.
            region = text(row, "BucketRegion") or locate(name)
            if name and region:
                names.setdefault(RegionName(region), []).append(name)
    return names


def _location(caller: Caller, name: str) -> str:
    answer = _ask(caller, "GetBucketLocation", name) if name else None
    return "" if answer is None else region_of(text(answer, "LocationConstraint"))


def region_of(constraint: str | None) -> str:
    """Return the Region of a LocationConstraint; none means us-east-1."""
    return _OLD_NAMES.get(constraint or "", constraint or "")


def collect_buckets(caller: Caller, names: Iterable[str]) -> set[str]:
    """Record the details of the buckets `names`; return the keys that they name."""
    return caller.each(names, _describe)


def _describe(caller: Caller, name: str) -> set[str]:
    _ask(caller, "GetBucketTagging", name)
    _ask(caller, "GetBucketVersioning", name)
    return set(_keys(_ask(caller, "GetBucketEncryption", name) or {})) - {""}


def _ask(caller: Caller, operation: str, name: str) -> Mapping[str, Any] | None:
    return caller.call("s3", operation, Bucket=name, ExpectedBucketOwner=caller.shard.account)


def _keys(answer: Mapping[str, Any]) -> Iterable[str]:
    configuration = answer.get("ServerSideEncryptionConfiguration")
    for rule in objects(configuration if isinstance(configuration, Mapping) else None, "Rules"):
        yield text(rule, "ApplyServerSideEncryptionByDefault", "KMSMasterKeyID")


def buckets_of_region(
    account: Answers, region: str, regions: Mapping[str, str]
) -> tuple[tuple[Bucket, ...], tuple[Gap, ...]]:
    """Return the buckets of one Region, and a gap for each bucket of unknown Region.

    `regions`: the Regions of buckets that the account's own answers omit (`BucketRegions.of`).
    """
    buckets: dict[str, Bucket] = {}
    gaps: dict[str, Gap] = {}
    for row, ref in rows(account, LIST_BUCKETS, "Buckets"):
        name = row.need("Name")
        home = row.text("BucketRegion") or location(account, name) or regions.get(name)
        if home is None:
            gaps[name] = _unplaced(account, name, ref)
        elif home == region:
            buckets[name] = (row, ref)
    return tuple(buckets[name] for name in sorted(buckets)), tuple(gaps[name] for name in sorted(gaps))


def _unplaced(account: Answers, bucket: str, ref: EvidenceRef) -> Gap:
    """Build the gap of a bucket of unknown Region, which leaves the lists of all Regions incomplete."""
    refused = account.one(GET_LOCATION, Bucket=bucket).gap
    if refused is not None and refused.kind is not GapKind.NEVER_ASKED:
        return replace(refused, about=bucket)
    gap = account.gap(LIST_BUCKETS, bucket, GapKind.NOT_REPORTED)
    return replace(gap, message=f"the Region of the bucket {bucket}", ref=ref)


def location(account: Answers, name: str) -> str | None:
    """Return a bucket's Region according to GetBucketLocation or HeadBucket; None: not known."""
    located = account.one(GET_LOCATION, Bucket=name)
    if located.gap is None and located.pages:
        return region_of(located.pages[0].text("LocationConstraint"))
    # This scan does not call HeadBucket, but other programs do, and its answer has the Region, too.
    headed = account.one(HEAD_BUCKET, Bucket=name)
    return next((region for page in headed.pages if (region := page.text("BucketRegion"))), None)


def parse(sources: Sources) -> Iterator[Resource]:
    """Parse the buckets of the shard's Region."""
    answers, gaps = sources.answers, sources.gaps
    for row, ref in sources.buckets:
        name = row.need("Name")
        arn = Arn(f"arn:{partition_of(answers.shard.region)}:s3:::{name}")
        own = answers.one("s3:GetBucketTagging", Bucket=name)
        tags = own_tags(own, sources.tagging.of(arn, "s3:bucket"), gaps)
        versioning = answers.one("s3:GetBucketVersioning", Bucket=name)
        encryption = answers.one("s3:GetBucketEncryption", Bucket=name)
        yield Resource(
            arn=arn,
            type="S3",
            capability="S3",
            account=answers.shard.account,
            region=answers.shard.region,
            name=name,
            state=None,
            tags=tags,
            encryption=gaps.reading(_encryption(encryption.pages), encryption),
            created_at=row.instant("CreationDate"),
            versioned=gaps.reading(_versioned(versioning.pages), versioning),
            unsupported_kind=_unsupported_kind(row, name),
            stack=tags.value.get(STACK_TAG) if isinstance(tags, Known) else None,
            refs=(ref,),
        )


def _unsupported_kind(row: Shape, name: str) -> str:
    """Return why AWS Backup cannot back up a bucket (a kind); empty: it can.

    ListBuckets returns general purpose buckets only, but another program may have recorded all kinds in one
    list. Names of directory buckets end with `--x-s3` (S3 user guide, "Directory bucket naming rules").
    """
    service = (row.text("BucketArn") or "").split(":")[2:3]
    if service == ["s3-outposts"]:
        return "s3_outposts"
    return "s3_directory" if service == ["s3express"] or name.endswith("--x-s3") else ""


def _versioned(pages: tuple[Shape, ...]) -> bool:
    # Not `Suspended`: AWS Backup requires versioning (AWS Backup Developer Guide, "Amazon S3 backups").
    return any(page.text("Status") == "Enabled" for page in pages)


def _encryption(pages: tuple[Shape, ...]) -> Encryption:
    """Parse the default encryption. aws:kms without a key means the AWS managed key alias/aws/s3."""
    defaults = [
        default
        for page in pages
        if (configuration := page.child("ServerSideEncryptionConfiguration"))
        for rule in configuration.children("Rules")
        if (default := rule.child("ApplyServerSideEncryptionByDefault"))
    ]
    keys = tuple(
        default.text("KMSMasterKeyID") or "alias/aws/s3"
        for default in defaults
        # Also aws:kms:dsse.
        if (default.text("SSEAlgorithm") or "").startswith("aws:kms")
    )
    # Every bucket has default encryption since January 2023 (Amazon S3 User Guide).
    return Encryption(encrypted=bool(defaults), keys=keys)
