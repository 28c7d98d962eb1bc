"""Amazon Redshift: provisioned clusters."""

from collections.abc import Iterator
from typing import Final

from scanner.evidence.shape import Shape
from scanner.model.inventory import Encryption, Resource
from scanner.model.known import EvidenceRef, Known
from scanner.services.base import MIB, Operation, distinct, provisioned_size, rows, texts
from scanner.services.caller import Caller
from scanner.services.sources import Sources
from scanner.services.tagging import STACK_TAG, tag_pairs

OPERATIONS: Final = (
    Operation(
        "redshift",
        "DescribeClusters",
        "redshift:DescribeClusters",
        page=100,
        secrets=("Clusters[].PendingModifiedValues.MasterUserPassword",),
        own=("Clusters[].ClusterNamespaceArn",),
        identity=("Clusters[].ClusterIdentifier",),
    ),
)


def collect(caller: Caller) -> set[str]:
    """Record clusters; return the keys that they name."""
    return set(texts(caller.pages("redshift", "DescribeClusters"), "Clusters", "KmsKeyId"))


def parse(sources: Sources) -> Iterator[Resource]:
    """Parse clusters."""
    clusters = distinct(rows(sources.answers, "redshift:DescribeClusters", "Clusters"), "ClusterIdentifier")
    for _, (row, ref) in sorted(clusters.items()):
        yield _cluster(sources, row, ref)


def _cluster(sources: Sources, row: Shape, ref: EvidenceRef) -> Resource:
    identifier, tags, key = row.need("ClusterIdentifier"), tag_pairs(row, "Tags"), row.text("KmsKeyId")
    return Resource(
        # DescribeClusters returns the ARN of the namespace, but not that of the cluster.
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
        size=provisioned_size(row, "TotalStorageCapacityInMegaBytes", MIB),
        stack=tags.get(STACK_TAG),
        refs=(ref,),
    )
