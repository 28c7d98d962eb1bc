"""EFS file systems and S3 buckets."""

from datetime import UTC
from typing import Any

from moto.efs.models import efs_backends
from moto.s3.models import s3_backends

from scanner.demo.clock import demo_utcnow
from scanner.demo.estate.site import Resource, Site, Tags, tag_list

_US_EAST_1 = "us-east-1"  # the one Region that a location constraint must not name


def file_system(site: Site, name: str, tags: Tags, key: str | None = None) -> Resource:
    """An EFS file system; `key` None leaves it unencrypted."""
    encryption: dict[str, Any] = {"Encrypted": True, "KmsKeyId": key} if key else {"Encrypted": False}
    answer = site.do(
        "efs", "CreateFileSystem", CreationToken=name, Tags=tag_list({"Name": name, **tags}), **encryption
    )
    # Moto asks the real clock for this date.
    planted = efs_backends[site.account][site.region].file_systems_by_id[answer["FileSystemId"]]
    planted.creation_time = demo_utcnow().replace(tzinfo=UTC).timestamp()
    return Resource(planted.file_system_arn, "EFS", name, site.account, site.region, key, fully_managed=True)


def bucket(site: Site, name: str, tags: Tags, key: str | None = None, *, versioned: bool = True) -> Resource:
    """An S3 bucket; `key` None means Amazon S3's own keys. Without versions it cannot be backed up."""
    place = {} if site.region == _US_EAST_1 else {"LocationConstraint": site.region}
    site.do("s3", "CreateBucket", Bucket=name, CreateBucketConfiguration=place)
    _encrypt(site, name, key)
    if tags:
        site.do("s3", "PutBucketTagging", Bucket=name, Tagging={"TagSet": tag_list(tags)})
    if versioned:
        site.do("s3", "PutBucketVersioning", Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    # Moto asks the real clock for this date.
    s3_backends[site.account]["aws"].buckets[name].creation_date = demo_utcnow().replace(tzinfo=UTC)
    arn = f"arn:aws:s3:::{name}"
    return Resource(arn, "S3", name, site.account, site.region, key, fully_managed=True)


def _encrypt(site: Site, name: str, key: str | None) -> None:
    kms = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    rule = {
        "ApplyServerSideEncryptionByDefault": kms if key else {"SSEAlgorithm": "AES256"},
        "BucketKeyEnabled": bool(key),
    }
    site.do(
        "s3",
        "PutBucketEncryption",
        Bucket=name,
        ServerSideEncryptionConfiguration={"Rules": [rule]},
    )
