"""Check that a response arrived completely, and answers the request.

botocore takes a body of JSON that was cut off on the way for an answer without fields, does not compare a
body's length with what was promised, takes the first interim answer for the last one, and leaves out
what it does not know: a list cut short, and another operation's answer, would look like a list of nothing.
What is refused here is tried again, and fails for good when it stays as it is.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import suppress
from functools import partial
from typing import Any, Final, cast
from xml.etree import ElementTree as ET  # nosec B405 # botocore parses the same bytes in the same way

import orjson
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from scanner.collect.parsing.body import Check, document, leave_check
from scanner.collect.retry import BrokenAnswerError
from scanner.evidence.answers import pagination
from scanner.services.catalogue import OPERATIONS

_FIRST_ERROR: Final = 301
"""botocore takes every lower status for a success."""
_ROOT: Final = re.compile(rb"<(?![?!])(?:[\w.-]+:)?([\w.-]+)")

_S3_ROOTS: Final = {
    "GetBucketEncryption": "ServerSideEncryptionConfiguration",
    "GetBucketLocation": "LocationConstraint",
    "GetBucketTagging": "Tagging",
    "GetBucketVersioning": "VersioningConfiguration",
    "ListBuckets": "ListAllMyBucketsResult",
}
"""The elements that S3's answers are (Amazon S3 API Reference): its model does not name them."""
_NO_ANSWERS: Final = frozenset({"html", "Error", "ErrorResponse", *_S3_ROOTS.values()})

_DOCUMENTS: Final = (b"{", b"<?xml", b"<Error", b"<Response>")
"""How AWS's errors begin, and pages for people do not."""

_KEY: Final = b'":'

ValueCheck = Callable[[Any], None]
"""Raises Mistyped for a value (never null) that is not of its type."""

_DECODED: Final = "policyDocumentType"
"""IAM's policies: botocore gives them decoded."""
_INT64: Final = range(-(1 << 63), 1 << 63)
_BLOBS: Final = frozenset({str, bytes})
_FLAGS: Final = frozenset({"true", "false"})
_DIGITS: Final = re.compile(r"-?[0-9]{1,18}", re.ASCII)

_NO_NUMBERS: Final = frozenset({"NaN", "Infinity", "-Infinity"})
"""Texts that AWS's protocols have for numbers that JSON has no form for."""


# Whether a decoded answer is of the types that the operation's model promises.
#
# botocore converts what it finds and asks little: a list of nulls stays one, a truth value that is none
# becomes false. What is of another type than AWS says is no answer; the call is tried again, and fails for
# good rather than being taken for less than there is.
class Mistyped(Exception):  # noqa: N818 -- turned into BrokenAnswerError, with the place
    """A value is of another type than the model says."""


class AnswerTypes:
    """The checks of the answers of all operations, made when they are first needed.

    `wire`: answers are as the body of JSON has them, under the names that it uses; else as the client
    gives them. `coerced`: the client's parser reads numbers and truth values out of texts.
    """

    def __init__(self, *, wire: bool, coerced: bool) -> None:
        self._wire = wire
        self._checks = {**_CHECKS, **(_COERCED if coerced else {})}
        self._made: dict[int, tuple[Shape, ValueCheck]] = {}

    def check(self, operation: str, shape: Shape, answer: object) -> None:
        """Raise BrokenAnswerError when `answer` is not of its shape."""
        try:
            self._of(shape)(answer)
        except (Mistyped, RecursionError) as problem:
            what = str(problem) or "a strange value"
            raise BrokenAnswerError(f"{operation} was answered with {what}.") from problem

    def _of(self, shape: Shape) -> ValueCheck:
        entry = self._made.get(id(shape))
        if entry is None:  # the shape is kept with its check, so that its id stays its own
            entry = self._made[id(shape)] = (shape, self._make(shape))
        return entry[1]

    def _make(self, shape: Shape) -> ValueCheck:
        match shape.type_name:
            case "structure":
                return self._structure(cast("StructureShape", shape))
            case "list":
                return self._list(cast("ListShape", shape).member)
            case "map":
                return self._map(cast("MapShape", shape).value)
            case "string" if shape.name == _DECODED:
                return _anything
            case kind:
                return self._checks.get(kind, _text)

    def _structure(self, shape: StructureShape) -> ValueCheck:
        if shape.is_document_type:
            return _anything
        members = {
            self._name(name, member): member
            for name, member in shape.members.items()
            if "location" not in member.serialization
        }
        texts = frozenset(
            name
            for name, member in members.items()
            if member.type_name == "string" and member.name != _DECODED
        )

        def check(node: Any) -> None:  # noqa: ANN401 -- a Check
            if type(node) is not dict:
                raise Mistyped(f"{_kind(node)} for {shape.name}")
            for name, value in node.items():
                if name in texts:
                    if type(value) is not str and value is not None:
                        raise Mistyped(f"{_kind(value)} for the text {shape.name}.{name}")
                elif value is not None and (member := members.get(name)) is not None:
                    self._of(member)(value)

        return check

    def _name(self, name: str, member: Shape) -> str:
        return str(member.serialization.get("name", name)) if self._wire else name

    def _list(self, member: Shape) -> ValueCheck:
        def check(nodes: Any) -> None:  # noqa: ANN401 -- a Check
            if type(nodes) is not list:
                raise Mistyped(f"{_kind(nodes)} for a list")
            element = self._of(member) if nodes else _anything
            for node in nodes:
                if node is None:
                    raise Mistyped("null in a list")
                element(node)

        return check

    def _map(self, member: Shape) -> ValueCheck:
        def check(node: Any) -> None:  # noqa: ANN401 -- a Check
            if type(node) is not dict:
                raise Mistyped(f"{_kind(node)} for a map")
            element = self._of(member) if node else _anything
            for value in node.values():
                if value is None:
                    raise Mistyped("null in a map")
                element(value)

        return check


def _text(value: Any) -> None:  # noqa: ANN401 -- a Check
    if type(value) is not str:
        raise Mistyped(f"{_kind(value)} for a text")


def _whole(value: Any) -> None:  # noqa: ANN401 -- a Check
    if type(value) is not int or value not in _INT64:
        raise Mistyped(f"{_kind(value)} for a whole number")


def _whole_or_text(value: Any) -> None:  # noqa: ANN401 -- a Check
    if type(value) is not str or not _DIGITS.fullmatch(value):
        _whole(value)


def _number(value: Any) -> None:  # noqa: ANN401 -- a Check
    if type(value) is str and value in _NO_NUMBERS:
        return
    if type(value) not in (int, float) or not math.isfinite(value):
        raise Mistyped(f"{_kind(value)} for a number")


def _flag(value: Any) -> None:  # noqa: ANN401 -- a Check
    if type(value) is not bool:
        raise Mistyped(f"{_kind(value)} for true or false")


def _flag_or_text(value: Any) -> None:  # noqa: ANN401 -- a Check
    if type(value) is not str or value.lower() not in _FLAGS:
        _flag(value)


def _time(value: Any) -> None:  # noqa: ANN401 -- a Check
    if type(value) in (int, float) and not math.isfinite(value):
        raise Mistyped("no number for a time")
    if value is True or value is False or isinstance(value, dict | list):
        raise Mistyped(f"{_kind(value)} for a time")


def _blob(value: Any) -> None:  # noqa: ANN401 -- a Check
    if type(value) not in _BLOBS:
        raise Mistyped(f"{_kind(value)} for bytes")


def _anything(_value: Any) -> None:  # noqa: ANN401 -- a Check
    """A document: whatever it holds."""


_CHECKS: Final[Mapping[str, ValueCheck]] = {
    "string": _text,
    "character": _text,
    "integer": _whole,
    "long": _whole,
    "float": _number,
    "double": _number,
    "boolean": _flag,
    "timestamp": _time,
    "blob": _blob,
}

_COERCED: Final[Mapping[str, ValueCheck]] = {
    "integer": _whole_or_text,
    "long": _whole_or_text,
    "boolean": _flag_or_text,
}
_KINDS: Final[Mapping[type, str]] = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "a number")


_JSON: Final = {
    "json": AnswerTypes(wire=True, coerced=False),
    "rest-json": AnswerTypes(wire=True, coerced=True),
}
_XML: Final = AnswerTypes(wire=False, coerced=False)


def refuse_broken_answer(**event: Any) -> None:  # noqa: ANN401 -- botocore's signature
    """Raise BrokenAnswerError for a success that is none (botocore's event `before-parse`)."""
    check_answer(event["operation_model"], event["response_dict"], types_now=False)


def refuse_strange_answer(**event: Any) -> None:  # noqa: ANN401 -- botocore's signature
    """Raise BrokenAnswerError for what a success was read as (botocore's event `after-call`)."""
    if event["http_response"].status_code < _FIRST_ERROR:
        check_parsed(event["model"], event["parsed"])


def check_answer(
    operation: OperationModel, answer: MutableMapping[str, Any], *, types_now: bool = True
) -> None:
    """Raise BrokenAnswerError when `answer` (botocore's status_code, headers, body) is not whole.

    The document of a JSON body is kept in `answer` for the parser, which is next. The body of an error
    without a code is replaced by one with its HTTP status as the code. `types_now` False: the parser checks
    the types of JSON while it reads (`parsing.json_plan`).
    """
    body, status = answer["body"], int(answer["status_code"])
    # A streamed body, which botocore leaves unread.
    if not isinstance(body, bytes):
        return
    if status >= _FIRST_ERROR:
        _mend_error(operation, answer, status)
        return
    name = operation.name
    # Another success (202, 204) is not the answer of this operation, and may have no body.
    if status != operation.http.get("responseCode", 200):
        raise BrokenAnswerError(f"{name} was answered with the status {status}.")
    if operation.output_shape is None:
        return
    if not body.strip():
        raise BrokenAnswerError(f"{name} was answered with an empty body.")
    if _is_short(body, answer["headers"]):
        raise BrokenAnswerError(f"The answer to {name} was cut off after {len(body)} bytes.")
    if _is_json(operation):
        check = _check_json(operation, answer)
        if types_now:
            check(document(answer))
        else:
            leave_check(answer, check)
    else:
        _check_root(operation, body)


def check_parsed(operation: OperationModel, parsed: Mapping[str, Any]) -> None:
    """Raise BrokenAnswerError when what was read is of wrong types, or speaks of more without saying how."""
    paging = pagination().get(f"{operation.service_model.service_name}:{operation.name}")
    if paging is not None and paging.more and parsed.get(paging.more) and not parsed.get(paging.output):
        raise BrokenAnswerError(f"{operation.name} says that there is more, and not how to ask for it.")
    if operation.output_shape is not None and not _is_json(operation):
        said = {name: value for name, value in parsed.items() if name != "ResponseMetadata"}
        _XML.check(operation.name, operation.output_shape, said)


def _is_json(operation: OperationModel) -> bool:
    return str(operation.service_model.resolved_protocol) in _JSON


def _is_short(body: bytes, headers: Mapping[str, str]) -> bool:
    promised = headers.get("content-length", "")
    if headers.get("content-encoding") or not promised.isdecimal():  # the length is not that of the body
        return False
    return len(body) < int(promised)


def _check_json(operation: OperationModel, answer: MutableMapping[str, Any]) -> Check:
    """Check all but the types; give the check of those."""
    try:
        said = document(answer)
        twice = _says_twice(answer["body"], said)
    except (ValueError, RecursionError) as problem:
        raise BrokenAnswerError(f"{operation.name} was answered with something that is no JSON.") from problem
    if not isinstance(said, dict) or twice:
        what = "an object that has a key twice" if twice else "something that is no JSON object"
        raise BrokenAnswerError(f"{operation.name} was answered with {what}.")
    shape = cast("StructureShape", operation.output_shape)
    payload = shape.serialization.get("payload")
    body_shape = cast("StructureShape", shape.members[payload] if payload else shape)
    # Only errors have it. With the status of a success, an error would be read as an answer without rows.
    error = said.get("__type")
    if isinstance(error, str) and "__type" not in body_shape.members:
        raise BrokenAnswerError(
            f"{operation.name} was answered with the error {error} and a status of success."
        )
    if unknown := _unknown_member(operation, body_shape, said):
        raise BrokenAnswerError(
            f"{operation.name} was answered with {unknown}, which this version does not know."
        )
    if _is_of_another(operation, body_shape, said):
        raise BrokenAnswerError(f"{operation.name} was answered with the answer to another call.")
    types = _JSON[str(operation.service_model.resolved_protocol)]
    return partial(types.check, operation.name, body_shape)


def _is_of_another(operation: OperationModel, shape: StructureShape, said: Mapping[str, Any]) -> bool:
    """Check whether an answer has no member of its operation, apart from whether there is more."""
    names = {str(member.serialization.get("name", name)) for name, member in shape.members.items()}
    # The usual case: every member is known.
    if names.issuperset(said) or shape.is_document_type:
        return False
    paging = pagination().get(f"{operation.service_model.service_name}:{operation.name}")
    more = {paging.output, paging.more} if paging else set()
    tokens = {str(shape.members[name].serialization.get("name", name)) for name in more if name}
    return not (said.keys() & names) - tokens


def _unknown_member(operation: OperationModel, shape: StructureShape, said: Mapping[str, Any]) -> str:
    """Return a member below a closed node that the model does not have; empty: there is none.

    botocore drops what its model does not have. Below some nodes that changes what the rest means: a
    selection with a new kind of condition selects less than the conditions that are left.
    """
    key = f"{operation.service_model.service_name}:{operation.name}"
    declared = OPERATIONS.get(key)
    for path in declared.closed if declared else ():
        for name, (node, node_shape) in _nodes(said, shape, path.split(".")):
            if unknown := _foreign(node, node_shape):
                return f"{name}.{unknown}"
    return ""


def _nodes(node: object, shape: Shape, steps: list[str]) -> Iterator[tuple[str, tuple[object, Shape]]]:
    """Yield the objects at a path, with its text and their shapes."""
    if not steps:
        yield "", (node, shape)
        return
    step = steps[0].removesuffix("[]")
    if not isinstance(node, dict) or not isinstance(shape, StructureShape) or step not in node:
        return
    inner = shape.members[step]
    values = node[step] if isinstance(inner, ListShape) else [node[step]]
    for value in values if isinstance(values, list) else ():
        below = inner.member if isinstance(inner, ListShape) else inner
        yield from (
            (".".join(filter(None, (step, name))), inner_node)
            for name, inner_node in _nodes(value, below, steps[1:])
        )


def _foreign(node: object, shape: Shape) -> str:
    """Return the path of a member that a shape does not have, anywhere below; empty: there is none."""
    if isinstance(shape, ListShape):
        return (
            next(filter(None, (_foreign(element, shape.member) for element in node)), "")
            if isinstance(node, list)
            else ""
        )
    if not isinstance(shape, StructureShape) or not isinstance(node, dict):
        return ""
    for name, value in node.items():
        if name not in shape.members:
            return str(name)
        if below := _foreign(value, shape.members[name]):
            return f"{name}.{below}"
    return ""


def _says_twice(body: bytes, said: object) -> bool:
    """Check whether an object of a body has a key twice: parsers keep one of the two."""
    with suppress(TypeError):  # a lone surrogate, a number beyond 64 bits
        # Counting is fast. Only where the numbers differ is the body
        # decoded again, to find a key that comes twice.
        if body.count(_KEY) == orjson.dumps(said).count(_KEY):
            return False
    doubles: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        gathered = dict(items)
        if len(gathered) < len(items):
            doubles.append("")
        return gathered

    json.loads(body, object_pairs_hook=pairs)
    return bool(doubles)


def _check_root(operation: OperationModel, body: bytes) -> None:
    """Refuse a document of XML that is the answer to another call, or a page for people."""
    match = _ROOT.search(body)
    root = match.group(1).decode(errors="replace") if match else ""
    expected = {f"{operation.name}Response", _S3_ROOTS.get(operation.name, "")}
    if root in expected:
        return
    others = operation.service_model.operation_names
    strange = root in _NO_ANSWERS or root.lower() == "html" or root.removesuffix("Response") in others
    if strange or _has_nothing_known(operation, body):
        raise BrokenAnswerError(f"{operation.name} was answered with a document of <{root}>.")


def _has_nothing_known(operation: OperationModel, body: bytes) -> bool:
    """Check whether a document has elements, but none of the operation's answers."""
    shape = cast("StructureShape", operation.output_shape)
    payload = shape.serialization.get("payload")
    members = cast("StructureShape", shape.members[payload] if payload else shape).members
    names = {shape.serialization.get("resultWrapper"), *members}
    for member in members.values():
        inner = getattr(member, "member", member)  # a flattened list has the name of its members
        names |= {member.serialization.get("name"), inner.serialization.get("name")}
    try:
        tags = {_local(child.tag) for child in ET.fromstring(body)}  # nosec B314 # noqa: S314 -- as in _tells_in_xml
    except ET.ParseError:
        return False  # the parser says so
    return bool(tags) and not tags & names


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _mend_error(operation: OperationModel, answer: MutableMapping[str, Any], status: int) -> None:
    """Return an error with its status as the code if it has none. BrokenAnswerError: it was cut off."""
    body, is_json = answer["body"], _is_json(operation)
    if _tells_in_json(body) if is_json else _tells_in_xml(body):
        return
    if _is_short(body, answer["headers"]) or body.lstrip().startswith(_DOCUMENTS):
        raise BrokenAnswerError(f"{operation.name} was answered with an error, {status}, that is not whole.")
    code = b"<ErrorResponse><Error><Code>%d</Code></Error></ErrorResponse>" % status
    answer["body"] = b"{}" if is_json else code


def _tells_in_json(body: bytes) -> bool:
    try:
        said = json.loads(body.decode())
    except (ValueError, RecursionError):
        return False
    return isinstance(said, dict) and all(
        isinstance(said.get(key, ""), str) for key in ("__type", "code", "Code", "message", "Message")
    )


def _tells_in_xml(body: bytes) -> bool:
    try:
        root = ET.fromstring(body)  # nosec B314 # noqa: S314 -- botocore parses the same bytes in the same way next
    except ET.ParseError:
        return False
    codes = (node.text for node in root.iter() if _local(node.tag) == "Code")
    return any(code and code.strip() for code in codes)
