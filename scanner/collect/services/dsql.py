"""Aurora DSQL: clusters and their descriptions."""

from collections.abc import Iterable
from typing import Final

from scanner.collect.calls import Caller
from scanner.collect.fields import text, texts
from scanner.collect.operations import Operation

OPERATIONS: Final = (
    Operation("dsql", "ListClusters", "dsql:ListClusters", page=100, own=("clusters[].arn",)),
    Operation("dsql", "GetCluster", "dsql:GetCluster", after=("dsql:ListClusters",), own=("arn",)),
)


def collect(caller: Caller) -> set[str]:
    """Record clusters with their descriptions; give the keys that were named."""
    return caller.each(texts(caller.pages("dsql", "ListClusters"), "clusters", "identifier"), _describe)


def _describe(caller: Caller, identifier: str) -> Iterable[str]:
    answer = caller.call("dsql", "GetCluster", identifier=identifier) or {}
    key = text(answer, "encryptionDetails", "kmsKeyArn")
    return (key,) if key else ()
