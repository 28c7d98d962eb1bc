"""Amazon Redshift: provisioned clusters."""

from collections.abc import Mapping
from typing import Any

from scanner.demo.resource import Resource, tag_list
from scanner.demo.services.simulation import Operation, Service, not_found
from scanner.demo.services.stock import Document, Sketch, Stock, now, unique_id, wanted
from scanner.demo.wire.answer import HTTP_NOT_FOUND
from scanner.demo.wire.paging import Pages

_INVALID = "InvalidParameterValue"
_CLUSTERS = "redshift.cluster"


def cluster(stock: Stock, sketch: Sketch, pending: str = "") -> Resource:
    """A cluster; without a key it is not encrypted. `pending` is a password that is about to be changed."""
    arn = stock.arn("redshift", f"cluster:{sketch.name}")
    document = {
        "ClusterIdentifier": sketch.name,
        "NodeType": "ra3.xlplus",
        "ClusterStatus": sketch.state or "available",
        "ClusterAvailabilityStatus": "Modifying" if sketch.state else "Available",
        "MasterUsername": "admin",
        "DBName": "dev",
        "ClusterCreateTime": now(),
        "AutomatedSnapshotRetentionPeriod": 1,
        # The API's model allows a new password here, so a scan must not record the member.
        "PendingModifiedValues": {"MasterUserPassword": pending} if pending else {},
        "NumberOfNodes": 2,
        "PubliclyAccessible": False,
        "Encrypted": sketch.key is not None,
        "KmsKeyId": sketch.key,
        "Tags": tag_list(sketch.tags),
        # The only ARN in the answer, and not that of the cluster.
        "ClusterNamespaceArn": stock.arn("redshift", f"namespace:{unique_id()}"),
        "MultiAZ": "Disabled",
    }
    stock.add(_CLUSTERS, document, arn, sketch.tags)
    return stock.resource(arn, "Redshift", sketch)


def _describe(stock: Stock, parameters: Mapping[str, Any]) -> Document:
    name = parameters.get("ClusterIdentifier")
    clusters, missing = wanted(stock.of(_CLUSTERS), "ClusterIdentifier", [name] if name else None)
    if missing:
        raise not_found("ClusterNotFound", f"Cluster {name}", HTTP_NOT_FOUND)
    keys, values = parameters.get("TagKeys"), parameters.get("TagValues")
    tagged = [
        cluster_document
        for cluster_document in clusters
        if _tagged(cluster_document, "Key", keys) and _tagged(cluster_document, "Value", values)
    ]
    return {"Clusters": tagged}


def _tagged(cluster_: Document, field: str, among: list[str] | None) -> bool:
    return not among or any(tag[field] in among for tag in cluster_["Tags"])


SERVICE = Service(
    "redshift",
    _INVALID,
    {
        "DescribeClusters": Operation(
            _describe, Pages("Clusters", "MaxRecords", "Marker", "Marker", 2, _INVALID)
        )
    },
)
