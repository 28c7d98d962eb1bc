"""Write an answer or error in its service's protocol; read moto's answer back; rewrite a request to moto."""

import hashlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import unquote, urlencode
from uuid import UUID

from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from moto.core.exceptions import ServiceException
from moto.core.model import OperationModel
from moto.core.serialize import get_serializer_class

from scanner.demo.wire.call import Call, Environ

HTTP_BAD_REQUEST = 400
HTTP_FORBIDDEN = 403
HTTP_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: status, headers, body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def is_error(self) -> bool:
        """AWS answers every error with a status from 400 on."""
        return self.status >= HTTP_BAD_REQUEST


class ApiError(ServiceException):
    """An error as AWS documents it: code, message, HTTP status."""

    def __init__(self, code: str, message: str, status: int = HTTP_BAD_REQUEST) -> None:
        super().__init__(code, message)
        self.status = status


def write_answer(operation: OperationModel, result: Mapping[str, Any]) -> Answer:
    """The answer of an operation; `result` is keyed as boto3's is, and what has no shape is left out."""
    # Moto's own serializers, so that both kinds of answers have the same form.
    return _write(operation, result, None)


def write_error(operation: OperationModel, error: ApiError) -> Answer:
    """An error in the operation's protocol."""
    return _write(operation, error, error.status)


def _write(operation: OperationModel, result: object, status: int | None) -> Answer:
    protocol = str(operation.service_model.resolved_protocol)
    serializer = get_serializer_class(operation.service_model.service_name, protocol)(operation)
    with warnings.catch_warnings():
        # Codes such as AccessDenied are common to all services and stand in no model; moto warns of it.
        warnings.filterwarnings("ignore", message="Exception.*does not match an error shape")
        written = serializer.serialize(result)
    body = written["body"]
    headers = tuple((str(key), str(value)) for key, value in written["headers"].items())
    raw = body if isinstance(body, bytes) else body.encode()
    return Answer(status or written["status_code"], headers, raw)


def read_answer(operation: OperationModel, answer: Answer) -> dict[str, Any]:
    """Moto's answer as botocore reads it, without ResponseMetadata: whatever has no shape is gone."""
    headers = {key.lower(): value for key, value in answer.headers}
    response = {"status_code": answer.status, "headers": headers, "body": answer.body}
    parser = create_parser(str(operation.service_model.resolved_protocol))
    shape = operation.output_shape
    parsed: dict[str, Any] = parser.parse(response, shape) if shape else {}
    parsed.pop("ResponseMetadata", None)
    return parsed


def rewrite_request(environ: Environ, operation: OperationModel, parameters: Mapping[str, Any]) -> Environ:
    """The same request with other parameters, as botocore would have sent it."""
    serializer = create_serializer(str(operation.service_model.resolved_protocol))
    request = serializer.serialize_to_request(dict(parameters), operation)
    body = _encoded(request["body"])
    query = request["query_string"]
    text = query if isinstance(query, str) else urlencode(query)
    path, _, fixed = request["url_path"].partition("?")
    url = "?".join(part for part in (path, "&".join(part for part in (fixed, text) if part)) if part)
    return {
        **environ,
        **{_header_key(name): str(value) for name, value in request["headers"].items()},
        # Everything that depends on the parameters is replaced: moto reads them from path, query or body.
        "REQUEST_METHOD": request["method"],
        "PATH_INFO": unquote(path),
        "RAW_URI": url,
        "REQUEST_URI": url,
        "QUERY_STRING": url.partition("?")[2],
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body),
        "demo.body": body,
    }


def _encoded(body: object) -> bytes:
    if isinstance(body, dict):
        return urlencode(body).encode()
    return body if isinstance(body, bytes) else str(body or "").encode()


def _header_key(name: str) -> str:
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"


def request_id(call: Call) -> str:
    """A request id that depends on the call alone, so that two scans of the demo record the same."""
    text = whole_name(call, call.parameters)
    return str(UUID(bytes=hashlib.sha256(text.encode()).digest()[:16], version=4))


def whole_name(call: Call, parameters: Mapping[str, Any]) -> str:
    """One text for one call with these parameters."""
    request = [call.account, call.region, call.service, call.operation, dict(parameters)]
    return json.dumps(request, sort_keys=True, default=str)
