"""Amazon EKS: clusters and their descriptions."""

from collections.abc import Iterable
from typing import Final

from scanner.collect.calls import Caller
from scanner.collect.fields import rows, text
from scanner.collect.operations import Operation

OPERATIONS: Final = (
    Operation("eks", "ListClusters", "eks:ListClusters", page=100),
    Operation(
        "eks",
        "DescribeCluster",
        "eks:DescribeCluster",
        # A connector's activation code is a secret; certificates are none, and nobody needs them.
        secrets=("cluster.connectorConfig", "cluster.certificateAuthority"),
        after=("eks:ListClusters",),
        own=("cluster.arn",),
    ),
)


def collect(caller: Caller) -> set[str]:
    """Record clusters with their descriptions; give the keys that were named."""
    names: dict[str, None] = {}
    for answer in caller.pages("eks", "ListClusters"):
        names |= dict.fromkeys(name for name in answer.get("clusters") or () if isinstance(name, str))
    return caller.each(names, _describe)


def _describe(caller: Caller, name: str) -> Iterable[str]:
    cluster = (caller.call("eks", "DescribeCluster", name=name) or {}).get("cluster")
    keys = {text(row, "provider", "keyArn") for row in rows(cluster, "encryptionConfig")}
    return keys - {""}
