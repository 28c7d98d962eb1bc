"""A simulated service: a table of operations; parameters are checked, lists cut into pages."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.model import ListShape, Shape, StructureShape
from moto.core.model import OperationModel

from scanner.demo.services.stock import Document, Stock, check_endpoint, stock_of
from scanner.demo.wire.answer import HTTP_BAD_REQUEST, ApiError
from scanner.demo.wire.call import Call
from scanner.demo.wire.paging import Pages, cut

Answer = Callable[[Stock, Mapping[str, Any]], Document]
"""The whole answer of an operation, keyed as boto3's, from what there is and the call's parameters.
Raises ApiError."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; `pages` where its list comes in pages."""

    answer: Answer
    pages: Pages | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """One service by boto3's name; `invalid` is the code with which it refuses parameters."""

    name: str
    invalid: str
    operations: Mapping[str, Operation]

    def respond(self, call: Call, model: OperationModel) -> Document:
        """The answer to a call. Raises ApiError, also for an operation that is not simulated."""
        check_endpoint(call)
        operation = self.operations.get(call.operation)
        if operation is None:
            raise ApiError("UnknownOperationException", f"The demo does not simulate {call.operation}.")
        # Moto accepts most parameters; a scanner's mistake must fail here as it would in AWS.
        problems = list(_problems(model.input_shape, call.parameters)) if model.input_shape else []
        if problems:
            raise ApiError(self.invalid, "; ".join(problems))
        result = operation.answer(stock_of(call.account, call.region), call.parameters)
        return dict(cut(call, operation.pages, result)) if operation.pages else result


def listing(kind: str, items: str) -> Answer:
    """An operation that lists everything of a kind."""
    return lambda stock, _: {items: stock.of(kind)}


def not_found(code: str, what: str, status: int = HTTP_BAD_REQUEST) -> ApiError:
    """The error for what does not exist; services on REST answer it with status 404."""
    return ApiError(code, f"{what} does not exist.", status)


def _problems(shape: Shape, value: Any, path: str = "") -> Iterator[str]:  # noqa: ANN401 - any parameter
    """What is wrong with a parameter, by the API's own model: missing, too long, not one of the values."""
    if isinstance(shape, StructureShape):
        missing = (name for name in shape.required_members if name not in value)
        yield from (f"{path}{name} is required" for name in missing)
        for name, inner in value.items():
            if name in shape.members:
                yield from _problems(shape.members[name], inner, f"{path}{name}.")
        return
    place = path.rstrip(".")
    if isinstance(value, list | str | int) and not isinstance(value, bool):
        yield from _outside(shape.metadata, value if isinstance(value, int) else len(value), place)
    if isinstance(shape, ListShape):
        for inner in value:
            yield from _problems(shape.member, inner, path)
    elif isinstance(value, str):
        yield from _wrong_text(shape, value, place)


def _outside(limits: Mapping[str, Any], size: int, place: str) -> Iterator[str]:
    """Length or number beyond the bounds of the model."""
    if size < limits.get("min", size):
        yield f"{place} must be at least {limits['min']}"
    if size > limits.get("max", size):
        yield f"{place} must be at most {limits['max']}"


def _wrong_text(shape: Shape, value: str, place: str) -> Iterator[str]:
    allowed = shape.metadata.get("enum")
    # Answers may have newer words than the model, but requests may not.
    if allowed and value not in allowed:
        yield f"{place} must be one of {allowed}"
    pattern = shape.metadata.get("pattern")
    if pattern and not _matches(pattern, value):
        yield f"{place} must match {pattern}"


def _matches(pattern: str, value: str) -> bool:
    """Whether the text fits, at any place (Smithy: patterns are not anchored); Java's own are passed over."""
    try:
        return re.search(pattern, value) is not None
    except re.error:
        return True
