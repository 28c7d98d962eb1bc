"""Amazon Redshift: DescribeClusters; and of Redshift Serverless, ListNamespaces."""

from collections.abc import Iterator
from typing import Final

from scanner.evidence.shape import Shape
from scanner.inventory.ec2 import STACK_TAG
from scanner.inventory.gaps import rows
from scanner.inventory.sources import Sources
from scanner.inventory.tags import tag_pairs
from scanner.model.inventory import Encryption, Resource
from scanner.model.names import Arn
from scanner.model.reading import EvidenceRef, Known

_AWS_OWNED: Final = "AWS_OWNED_KMS_KEY"  # what Redshift Serverless says instead of a key


def parse_redshift(sources: Sources) -> Iterator[Resource]:
    """Parse provisioned clusters, and namespaces of Redshift Serverless."""
    clusters = {
        row.need("ClusterIdentifier"): (row, ref)
        for row, ref in rows(sources.answers, "redshift:DescribeClusters", "Clusters")
    }
    for _, (row, ref) in sorted(clusters.items()):
        yield _cluster(sources, row, ref)
    namespaces = {
        row.need("namespaceArn"): (row, ref)
        for row, ref in rows(sources.answers, "redshift-serverless:ListNamespaces", "namespaces")
    }
    for _, (row, ref) in sorted(namespaces.items()):
        yield _namespace(sources, row, ref)


def _cluster(sources: Sources, row: Shape, ref: EvidenceRef) -> Resource:
    identifier, tags, key = row.need("ClusterIdentifier"), tag_pairs(row, "Tags"), row.text("KmsKeyId")
    return Resource(
        arn=sources.arn("redshift", f"cluster:{identifier}"),
        type="Redshift",
        capability="Redshift",
        account=sources.shard.account,
        region=sources.shard.region,
        name=identifier,
        state=row.text("ClusterStatus"),
        tags=Known(tags, (ref,)),
        encryption=Known(Encryption(row.flag("Encrypted"), (key,) if key else ()), (ref,)),
        created_at=row.instant("ClusterCreateTime"),
        stack=tags.get(STACK_TAG),
        refs=(ref,),
    )


def _namespace(sources: Sources, row: Shape, ref: EvidenceRef) -> Resource:
    arn = row.need("namespaceArn")
    tags = sources.tags(
        arn, "redshift-serverless:namespace", "redshift-serverless:ListTagsForResource", resourceArn=arn
    )
    return Resource(
        arn=Arn(arn),
        type="Redshift Serverless",
        capability="RedshiftServerless",
        account=sources.shard.account,
        region=sources.shard.region,
        name=row.text("namespaceName") or arn.rpartition("/")[2],
        state=row.text("status"),
        tags=tags,
        encryption=Known(_serverless_encryption(row), (ref,)),
        created_at=row.instant("creationDate"),
        stack=tags.value.get(STACK_TAG) if isinstance(tags, Known) else None,
        refs=(ref,),
    )


def _serverless_encryption(row: Shape) -> Encryption:
    """Read a namespace's key: all are encrypted, under a key that AWS owns where no other is named."""
    key = row.text("kmsKeyId")
    return Encryption(encrypted=True, keys=() if key in (None, "", _AWS_OWNED) else (key or "",))
