"""Amazon Redshift: provisioned clusters."""

from typing import Final

from scanner.collect.calls import Caller
from scanner.collect.fields import texts
from scanner.collect.operations import Operation

OPERATIONS: Final = (
    Operation(
        "redshift",
        "DescribeClusters",
        "redshift:DescribeClusters",
        page=100,
        secrets=("Clusters[].PendingModifiedValues.MasterUserPassword",),
        own=("Clusters[].ClusterNamespaceArn",),
    ),
)


def collect(caller: Caller) -> set[str]:
    """Record clusters; give the keys that were named."""
    return set(texts(caller.pages("redshift", "DescribeClusters"), "Clusters", "KmsKeyId"))
