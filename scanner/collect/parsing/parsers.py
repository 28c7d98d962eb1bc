"""The parsers that a session is given in place of botocore's, one for each protocol.

They are botocore's own, but for the way from the body of a success to the members of its answer.
ResponseMetadata, errors and whatever is unusual stay botocore's, and what the two make of an answer is
the same, but that times are text.
"""

from collections.abc import Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from botocore.model import Shape
from botocore.parsers import (
    EC2QueryParser,
    JSONParser,
    QueryParser,
    ResponseParser,
    ResponseParserFactory,
    RestJSONParser,
    RestXMLParser,
)
from botocore.session import Session

from scanner.collect.parsing.body import make_check, take
from scanner.collect.parsing.json_plan import JsonPlan
from scanner.collect.parsing.plan import Convert, Unusual, members, unusual
from scanner.collect.parsing.times import instant
from scanner.collect.parsing.xml_plan import XmlPlan, local

Answer = MutableMapping[str, Any]
"""botocore's response_dict: status_code, headers, body, context."""


def install(session: Session) -> None:
    """Make clients that `session` creates from now on read answers with these parsers."""
    session.register_component("response_parser_factory", ParserFactory())


class ParserFactory(ResponseParserFactory):
    """Gives the parser of a protocol; all clients of a session share it, and what it has learnt."""

    def __init__(self) -> None:
        super().__init__()
        self.set_parser_defaults(timestamp_parser=instant)
        self._ours: dict[str, ResponseParser] = {name: make() for name, make in _OURS.items()}

    def create_parser(self, protocol_name: str) -> ResponseParser:
        """Return a parser. botocore reads the other protocols, with times as text."""
        ours = self._ours.get(protocol_name)
        return super().create_parser(protocol_name) if ours is None else ours


@dataclass(frozen=True, slots=True)
class _Output:
    """How an answer is read. `payload`: the member that is the body, None when the body is all.

    `located`: some members stand in headers. `wrapper`: the tag of the element that holds the answer.
    """

    convert: Convert
    payload: str | None
    located: bool
    wrapper: str | None


class _Outputs:
    """How the answer of each output shape is read; made when it is first needed."""

    def __init__(self, plan: Callable[[], JsonPlan | XmlPlan]) -> None:
        self._plan = plan
        self._made: dict[Shape, _Output] = {}

    def of(self, shape: Shape | None) -> _Output:
        """Return how a shape is read. Unusual: there is no shape."""
        if shape is None:
            raise Unusual
        output = self._made.get(shape)
        if output is None:
            output = self._made[shape] = self._make(shape)
        return output

    def _make(self, shape: Shape) -> _Output:
        payload = shape.serialization.get("payload")
        body = shape if payload is None else members(shape)[payload]
        return _Output(
            # A payload that is no structure (text, bytes) is the body itself.
            convert=self._plan().of(body) if body.type_name == "structure" else unusual,
            payload=payload,
            located=any("location" in member.serialization for member in members(shape).values()),
            wrapper=shape.serialization.get("resultWrapper"),
        )


class _Json(JSONParser):
    def __init__(self) -> None:
        super().__init__(timestamp_parser=instant)
        # botocore's own methods, also those that are overridden below.
        self._own: Any = super()
        self._outputs = _Outputs(lambda: JsonPlan(rest=False))

    def _do_parse(self, response: Answer, shape: Shape | None) -> Any:  # noqa: ANN401 -- botocore's
        # What fails here, for whatever reason, is read again by botocore: its result or error is what counts.
        with suppress(Exception):
            parsed = self._outputs.of(shape).convert(take(response))
            self._own._inject_response_metadata(parsed, response["headers"])
            return parsed
        # botocore's parser accepts values of wrong types, so the check that was left is made before it runs.
        make_check(response)
        return self._own._do_parse(response, shape)


class _RestJson(RestJSONParser):
    def __init__(self) -> None:
        super().__init__(timestamp_parser=instant)
        self._own: Any = super()
        self._outputs = _Outputs(lambda: JsonPlan(rest=True))

    def _do_parse(self, response: Answer, shape: Shape | None) -> Any:  # noqa: ANN401 -- botocore's
        with suppress(Exception):
            return _rest(self._own, self._outputs.of(shape), response, shape, take(response))
        make_check(response)
        return self._own._do_parse(response, shape)


class _RestXml(RestXMLParser):
    def __init__(self) -> None:
        super().__init__(timestamp_parser=instant)
        self._own: Any = super()
        self._outputs = _Outputs(XmlPlan)

    def _do_parse(self, response: Answer, shape: Shape | None) -> Any:  # noqa: ANN401 -- botocore's
        with suppress(Exception):
            output = self._outputs.of(shape)
            return _rest(self._own, output, response, shape, self._own._initial_body_parse(response["body"]))
        return self._own._do_parse(response, shape)


class _PlannedQuery:
    """Parses an answer of a query protocol with its plan. A subclass names botocore's parser behind it."""

    def __init__(self) -> None:
        super().__init__(timestamp_parser=instant)  # type: ignore[call-arg]  # of botocore's parser
        self._own: Any = super()
        self._outputs = _Outputs(XmlPlan)

    def _do_parse(self, response: Answer, shape: Shape | None) -> Any:  # noqa: ANN401 -- botocore's
        with suppress(Exception):
            return _query(self._own, self._outputs.of(shape), response)
        return self._own._do_parse(response, shape)


class _Query(_PlannedQuery, QueryParser):
    pass


class _Ec2(_PlannedQuery, EC2QueryParser):
    pass


def _rest(own: Any, output: _Output, response: Answer, shape: Shape | None, body: object) -> dict[str, Any]:  # noqa: ANN401
    """Read an answer of a REST protocol: metadata and some members in headers, the others in the body."""
    parsed: dict[str, Any] = {"ResponseMetadata": own._populate_response_metadata(response)}
    if output.located and shape is not None:
        own._parse_non_payload_attrs(response, shape, members(shape), parsed)
    if output.payload is not None:
        parsed[output.payload] = output.convert(body)
    else:
        parsed.update(output.convert(body))
    return parsed


def _query(own: Any, output: _Output, response: Answer) -> dict[str, Any]:  # noqa: ANN401
    """Read an answer of a query protocol, which is in a wrapper next to its metadata."""
    root = own._parse_xml_string_to_dom(response["body"])
    start = root
    if output.wrapper is not None:
        wrapped = [child for child in root if local(child.tag) == output.wrapper]
        if len(wrapped) != 1:
            raise Unusual
        start = wrapped[0]
    parsed: dict[str, Any] = output.convert(start)
    own._inject_response_metadata(root, parsed)
    return parsed


_OURS: Final[dict[str, Callable[[], ResponseParser]]] = {
    "json": _Json,
    "rest-json": _RestJson,
    "rest-xml": _RestXml,
    "query": _Query,
    "ec2": _Ec2,
}
