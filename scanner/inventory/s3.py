"""S3 buckets: the account's ListBuckets names them, the shard of their Region holds their details."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from scanner.evidence.answers import Answers
from scanner.evidence.shape import Shape
from scanner.inventory.ec2 import STACK_TAG
from scanner.inventory.gaps import Gaps, rows
from scanner.inventory.tags import TaggingAnswers, own_tags
from scanner.model.inventory import Encryption, Resource
from scanner.model.names import Arn
from scanner.model.reading import EvidenceRef, Gap, GapKind, Known

LIST_BUCKETS: Final = "s3:ListBuckets"

Bucket = tuple[Shape, EvidenceRef]


def buckets_of_region(account: Answers, region: str) -> tuple[tuple[Bucket, ...], tuple[Gap, ...]]:
    """Give the buckets of one Region, and a gap for each bucket whose Region nobody tells."""
    buckets: dict[str, Bucket] = {}
    gaps: dict[str, Gap] = {}
    for row, ref in rows(account, LIST_BUCKETS, "Buckets"):
        name = row.need("Name")
        place = row.text("BucketRegion") or _location(account, name)
        if place is None:
            gaps[name] = _unplaced(account, name)
        elif place == region:
            buckets[name] = (row, ref)
    return tuple(buckets[name] for name in sorted(buckets)), tuple(gaps[name] for name in sorted(gaps))


def _unplaced(account: Answers, bucket: str) -> Gap:
    """Make the gap of a bucket whose Region nobody tells: the list of each Region's buckets is open."""
    refused = account.one("s3:GetBucketLocation", Bucket=bucket).gap
    gap = account.gap(LIST_BUCKETS, bucket, GapKind.HALF_READ)
    if refused is None or refused.kind is GapKind.NEVER_ASKED:
        return replace(gap, message="Neither the list nor GetBucketLocation tells its Region.")
    return replace(refused, operation=LIST_BUCKETS, about=bucket)


def _location(account: Answers, bucket: str) -> str | None:
    """Read GetBucketLocation, where another program recorded it: no constraint means us-east-1."""
    answer = account.one("s3:GetBucketLocation", Bucket=bucket)
    if answer.gap is not None or not answer.pages:
        return None
    place = answer.pages[0].text("LocationConstraint") or "us-east-1"
    return "eu-west-1" if place == "EU" else place


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
            stack=tags.value.get(STACK_TAG) if isinstance(tags, Known) else None,
            refs=(ref,),
        )


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
