"""What botocore's own parser makes of an answer, and how it is compared with what another makes of it."""

from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element, tostring

from botocore.eventstream import EventStream
from botocore.model import OperationModel
from botocore.parsers import ResponseParser, ResponseParserFactory
from botocore.utils import parse_timestamp

from scanner.evidence.writer import rfc3339

HEADERS = {"x-amzn-RequestId": "id-1", "x-amz-request-id": "id-2", "Content-Type": "text/plain"}


def botocores(protocol: str) -> ResponseParser:
    """botocore's own parser, with nothing changed but that each datetime is written as text."""
    factory = ResponseParserFactory()
    factory.set_parser_defaults(timestamp_parser=lambda value: rfc3339(parse_timestamp(value)))
    return factory.create_parser(protocol)


def outcome(
    parser: ResponseParser, operation: OperationModel, status: int, body: bytes, headers: Mapping[str, str]
) -> object:
    """What a parser makes of an answer, in a form that can be compared, or the class of its error."""
    answer = {
        "status_code": status,
        "headers": {name.lower(): value for name, value in headers.items()},
        "body": body,
        "context": {"operation_name": operation.name},
    }
    shape: Any = operation.output_shape
    try:
        return _comparable(parser.parse(answer, shape))
    except Exception as problem:  # noqa: BLE001 -- the class is what is compared
        return type(problem)


def _comparable(value: Any) -> object:
    """Tell apart what == does not (1, 1.0 and True), and liken what it does not (NaN, two elements)."""
    if isinstance(value, Mapping):
        return {key: _comparable(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_comparable(inner) for inner in value]
    if isinstance(value, Element):
        return tostring(value)
    if isinstance(value, EventStream):
        return EventStream
    return type(value).__name__, repr(value)
