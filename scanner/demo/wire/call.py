"""Read an HTTP request as one call of an AWS API."""

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from moto.core.model import OperationModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.utils import get_service_model
from werkzeug.exceptions import NotFound

Environ: TypeAlias = dict[str, Any]
"""A WSGI environment."""

_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
_SIGNING_NAMES = {
    "elasticfilesystem": "efs",
    "tagging": "resourcegroupstaggingapi",
    "timestream": "timestream-write",
}
"""Names in the credential scope that are not boto3's client names."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What the Authorization header says: who calls which service where."""

    access_key: str
    region: str
    service: str


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `parameters` is keyed as boto3's are; `caller` is an ARN."""

    account: str
    caller: str
    region: str
    service: str
    operation: str
    parameters: Mapping[str, Any]


def read_signature(environ: Environ) -> Signature | None:
    """The signature's scope, or None where the request is not signed (Signature Version 4)."""
    match = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    if not match:
        return None
    # Region and service are in the signed scope, so a client cannot mix them up.
    access_key, region, service = match.groups()
    return Signature(access_key, region, _SIGNING_NAMES.get(service, service))


def buffer_body(environ: Environ) -> None:
    """Make the body readable more than once: every reader gets a stream of its own."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    # A stream can be read once, but the front and moto both parse the request.
    environ["demo.body"] = environ["wsgi.input"].read(length) if length else b""
    environ["wsgi.input"] = io.BytesIO(environ["demo.body"])


def fresh_request(environ: Environ) -> Request:
    """A request over `environ` that leaves the body unread for whoever comes after."""
    return Request({**environ, "wsgi.input": io.BytesIO(environ["demo.body"])})


def read_operation(environ: Environ, service: str) -> tuple[OperationModel, dict[str, Any]] | None:
    """The operation and its parameters, or None where the request is none that botocore knows."""
    request = fresh_request(environ)
    matched = _find_operation(request, service)
    if matched is None:
        return None
    operation, labels = matched
    return operation, _parse(request, operation, labels)


def _find_operation(request: Request, service: str) -> tuple[OperationModel, dict[str, Any]] | None:
    model = get_service_model(service)
    target = request.headers.get("X-Amz-Target")
    # JSON protocols name the operation in a header, the query protocol in the form, REST in the path.
    name = target.rpartition(".")[2] if target else request.form.get("Action")
    if name:
        return (model.operation_model(name), {}) if name in model.operation_names else None
    # Other protocols always name the operation: without a name the request is none of theirs.
    if str(model.resolved_protocol) not in ("rest-json", "rest-xml"):
        return None
    try:
        operation, labels = get_service_router(service).match(request)
    except (NotFound, NotImplementedError):
        return None
    return operation, dict(labels)


def _parse(request: Request, operation: OperationModel, labels: dict[str, Any]) -> dict[str, Any]:
    protocol = determine_request_protocol(operation.service_model, request.content_type)
    parser = PROTOCOL_PARSERS[protocol](operation)
    parsed: dict[str, Any] = parser.parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": request.data,
            "url_path": request.path,
            "url_params": labels,
        }
    )
    return parsed
