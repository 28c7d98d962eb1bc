"""Amazon Aurora DSQL: clusters. The list names them only; everything else comes one by one."""

from collections.abc import Mapping
from typing import Any

from scanner.demo.resource import Resource
from scanner.demo.services.simulation import Operation, Service, not_found
from scanner.demo.services.stock import Document, Sketch, Stock, identifier, now
from scanner.demo.wire.answer import HTTP_NOT_FOUND
from scanner.demo.wire.paging import Pages

_INVALID = "ValidationException"
_CLUSTERS = "dsql.cluster"


def cluster(stock: Stock, sketch: Sketch) -> Resource:
    """A cluster; without a key it is under a key that AWS owns. Its name is a tag."""
    cluster_id = identifier("", 26)
    arn = stock.arn("dsql", f"cluster/{cluster_id}")
    named = {"Name": sketch.name, **sketch.tags}
    kind = "CUSTOMER_MANAGED_KMS_KEY" if sketch.key else "AWS_OWNED_KMS_KEY"
    details = {"encryptionType": kind, "encryptionStatus": "ENABLED"}
    document = {
        "identifier": cluster_id,
        "arn": arn,
        "status": sketch.state or "ACTIVE",
        "creationTime": now(),
        "deletionProtectionEnabled": not sketch.state,
        "tags": named,
        "encryptionDetails": details | ({"kmsKeyArn": sketch.key} if sketch.key else {}),
        "endpoint": f"{cluster_id}.dsql.{stock.region}.on.aws",
    }
    stock.add(_CLUSTERS, document, arn, named)
    return stock.resource(arn, "DSQL", sketch, managed=True)


def _list(stock: Stock, _: Mapping[str, Any]) -> Document:
    return {"clusters": [{key: row[key] for key in ("identifier", "arn")} for row in stock.of(_CLUSTERS)]}


def _get(stock: Stock, parameters: Mapping[str, Any]) -> Document:
    for document in stock.of(_CLUSTERS):
        if document["identifier"] == parameters["identifier"]:
            return document
    raise not_found("ResourceNotFoundException", f"Cluster {parameters['identifier']}", HTTP_NOT_FOUND)


SERVICE = Service(
    "dsql",
    _INVALID,
    {
        "ListClusters": Operation(
            _list, Pages("clusters", "maxResults", "nextToken", "nextToken", 2, _INVALID)
        ),
        "GetCluster": Operation(_get),
    },
)
