"""Amazon EKS: clusters. The list names them only; everything else comes one by one."""

from collections.abc import Mapping
from typing import Any

from scanner.demo.resource import Resource
from scanner.demo.services.simulation import Operation, Service, not_found
from scanner.demo.services.stock import Document, Sketch, Stock, now
from scanner.demo.wire.answer import HTTP_NOT_FOUND
from scanner.demo.wire.paging import Pages

_INVALID = "InvalidParameterException"
_CLUSTERS = "eks.cluster"


def cluster(stock: Stock, sketch: Sketch, activation: str = "") -> Resource:
    """A cluster; its key encrypts its secrets. `activation`: the code with which an outside one connects."""
    arn = stock.arn("eks", f"cluster/{sketch.name}")
    # EKS encrypts secrets alone; without a key the member is absent.
    encryption = [{"resources": ["secrets"], "provider": {"keyArn": sketch.key}}] if sketch.key else None
    document = {
        "name": sketch.name,
        "arn": arn,
        "createdAt": now(),
        "version": "1.34",
        "endpoint": f"https://{sketch.name}.gr7.{stock.region}.eks.amazonaws.com",
        "roleArn": f"arn:aws:iam::{stock.account}:role/eks-cluster",
        "status": sketch.state or "ACTIVE",
        "certificateAuthority": {"data": "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t"},
        "platformVersion": "eks.12",
        "tags": dict(sketch.tags),
        "encryptionConfig": encryption,
        "accessConfig": {"authenticationMode": "API_AND_CONFIG_MAP"},
        # Outside clusters join with this code: a scan must not record it.
        "connectorConfig": {"activationCode": activation, "provider": "OTHER"} if activation else None,
    }
    stock.add(_CLUSTERS, document, arn, sketch.tags)
    return stock.resource(arn, "EKS", sketch, managed=True)


def _list(stock: Stock, _: Mapping[str, Any]) -> Document:
    return {"clusters": [cluster_document["name"] for cluster_document in stock.of(_CLUSTERS)]}


def _describe(stock: Stock, parameters: Mapping[str, Any]) -> Document:
    for cluster_document in stock.of(_CLUSTERS):
        if cluster_document["name"] == parameters["name"]:
            return {"cluster": cluster_document}
    raise not_found(
        "ResourceNotFoundException", f"No cluster: a cluster named {parameters['name']}", HTTP_NOT_FOUND
    )


SERVICE = Service(
    "eks",
    _INVALID,
    {
        "ListClusters": Operation(
            _list, Pages("clusters", "maxResults", "nextToken", "nextToken", 2, _INVALID)
        ),
        "DescribeCluster": Operation(_describe),
    },
)
