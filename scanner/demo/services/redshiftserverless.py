"""Amazon Redshift Serverless: namespaces. Their tags are listed one namespace at a time."""

from collections.abc import Mapping
from typing import Any

from scanner.demo.resource import Resource
from scanner.demo.services.simulation import Operation, Service, listing, not_found
from scanner.demo.services.stock import Document, Sketch, Stock, now, unique_id
from scanner.demo.wire.paging import Pages

_INVALID = "ValidationException"
_NAMESPACES = "redshift-serverless.namespace"
_OWNED = "AWS_OWNED_KMS_KEY"  # what the API says where no key was named


def namespace(stock: Stock, sketch: Sketch) -> Resource:
    """A namespace; without a key it is under a key that AWS owns."""
    namespace_id = unique_id()
    arn = stock.arn("redshift-serverless", f"namespace/{namespace_id}")
    document = {
        "adminUsername": "admin",
        "adminPasswordSecretArn": stock.arn("secretsmanager", f"secret:redshift!{sketch.name}-admin-AbCdEf"),
        "creationDate": now(),
        "dbName": "dev",
        "kmsKeyId": sketch.key or _OWNED,
        "namespaceArn": arn,
        "namespaceId": namespace_id,
        "namespaceName": sketch.name,
        "status": sketch.state or "AVAILABLE",
    }
    stock.add(_NAMESPACES, document, arn, sketch.tags)
    return stock.resource(arn, "Redshift Serverless", sketch)


def _get(stock: Stock, parameters: Mapping[str, Any]) -> Document:
    for namespace_document in stock.of(_NAMESPACES):
        if namespace_document["namespaceName"] == parameters["namespaceName"]:
            return {"namespace": namespace_document}
    raise not_found("ResourceNotFoundException", f"Namespace {parameters['namespaceName']}")


def _tags(stock: Stock, parameters: Mapping[str, Any]) -> Document:
    arn = parameters["resourceArn"]
    if arn not in {namespace_document["namespaceArn"] for namespace_document in stock.of(_NAMESPACES)}:
        raise not_found("ResourceNotFoundException", f"Resource {arn}")
    return {"tags": [{"key": key, "value": value} for key, value in stock.tags.get(arn, {}).items()]}


SERVICE = Service(
    "redshift-serverless",
    _INVALID,
    {
        "ListNamespaces": Operation(
            listing(_NAMESPACES, "namespaces"),
            Pages("namespaces", "maxResults", "nextToken", "nextToken", 2, _INVALID),
        ),
        "GetNamespace": Operation(_get),
        "ListTagsForResource": Operation(_tags),
    },
)
