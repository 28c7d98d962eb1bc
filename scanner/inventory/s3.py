"""S3 buckets: ListBuckets of the account names them; their details are in the shard of their Region."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from scanner.evidence.answers import Answers
from scanner.evidence.shape import Shape
from scanner.inventory.bucket_regions import GET_LOCATION, LIST_BUCKETS, location
from scanner.inventory.ec2 import STACK_TAG
from scanner.inventory.gaps import Gaps, rows
from scanner.inventory.tags import TaggingAnswers, own_tags
from scanner.model.inventory import Encryption, Resource
from scanner.model.names import Arn
from scanner.model.reading import EvidenceRef, Gap, GapKind, Known

Bucket = tuple[Shape, EvidenceRef]


def buckets_of_region(
    account: Answers, region: str, regions: Mapping[str, str]
) -> tuple[tuple[Bucket, ...], tuple[Gap, ...]]:
    """Return the buckets of one Region, and a gap for each bucket whose Region is not known.

    `regions`: the Regions of buckets that the account's own answers do not place (`BucketRegions.of`).
    """
    buckets: dict[str, Bucket] = {}
    gaps: dict[str, Gap] = {}
    for row, ref in rows(account, LIST_BUCKETS, "Buckets"):
        name = row.need("Name")
        place = row.text("BucketRegion") or location(account, name) or regions.get(name)
        if place is None:
            gaps[name] = _unplaced(account, name, ref)
        elif place == region:
            buckets[name] = (row, ref)
    return tuple(buckets[name] for name in sorted(buckets)), tuple(gaps[name] for name in sorted(gaps))


def _unplaced(account: Answers, bucket: str, ref: EvidenceRef) -> Gap:
    """Build the gap of a bucket without a Region: it may be in each Region, so the lists of all are open."""
    refused = account.one(GET_LOCATION, Bucket=bucket).gap
    if refused is not None and refused.kind is not GapKind.NEVER_ASKED:
        return replace(refused, about=bucket)
    gap = account.gap(LIST_BUCKETS, bucket, GapKind.NOT_REPORTED)
    return replace(gap, message=f"the Region of the bucket {bucket}", ref=ref)


def parse_s3(
    answers: Answers, gaps: Gaps, tagging: TaggingAnswers, buckets: tuple[Bucket, ...], partition: str
) -> Iterator[Resource]:
    """Parse the buckets of the shard's Region."""
    for row, ref in buckets:
        name = row.need("Name")
        arn = Arn(f"arn:{partition}:s3:::{name}")
        own = answers.one("s3:GetBucketTagging", Bucket=name)
        tags = own_tags(own, tagging.of(arn, "s3:bucket"), gaps)
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
    """Return which kind that AWS Backup cannot back up a bucket is.

    ListBuckets lists general purpose buckets only, but another program may have recorded all of them in one
    list. The names of directory buckets end with `--x-s3` (S3 user guide, "Directory bucket naming rules").
    """
    service = (row.text("BucketArn") or "").split(":")[2:3]
    if service == ["s3-outposts"]:
        return "s3_outposts"
    return "s3_directory" if service == ["s3express"] or name.endswith("--x-s3") else ""


def _versioned(pages: tuple[Shape, ...]) -> bool:
    return any(page.text("Status") == "Enabled" for page in pages)


def _encryption(pages: tuple[Shape, ...]) -> Encryption:
    """Read the default encryption. aws:kms without a key is under the AWS managed alias/aws/s3."""
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
        if (default.text("SSEAlgorithm") or "").startswith("aws:kms")
    )
    return Encryption(encrypted=bool(defaults), keys=keys)
