"""Decoding a body of JSON, once for all who want to see it."""

import json
from collections.abc import Callable, MutableMapping
from typing import Any, Final

import orjson

_KEPT: Final = "vaultproof.document"
_DOUBT: Final = "vaultproof.doubt"

Check = Callable[[object], None]
"""Raises an error when a decoded body is not what it should be."""


def document(answer: MutableMapping[str, Any]) -> object:
    """Decode the body of `answer` (botocore's response_dict). ValueError: it is no JSON.

    What was decoded is kept in `answer` until `take` fetches it.
    """
    if _KEPT not in answer:
        answer[_KEPT] = decode(answer["body"])
    return answer[_KEPT]


def take(answer: MutableMapping[str, Any]) -> object:
    """Return the decoded body, which the caller may change. ValueError: it is no JSON."""
    body = document(answer)
    del answer[_KEPT]
    return body


def leave_check(answer: MutableMapping[str, Any], check: Check) -> None:
    """Leave a costly check of the decoded body to the parser, which makes it only when in doubt."""
    answer[_DOUBT] = check


def make_check(answer: MutableMapping[str, Any]) -> None:
    """Make the check that was left, if any: the body is not of the types that the model promises."""
    check: Check | None = answer.pop(_DOUBT, None)
    if check is not None:
        check(decode(answer["body"]))


def decode(body: bytes) -> object:
    """Decode JSON as botocore does. ValueError: it is none.

    A whole number beyond 64 bits comes as a float: whoever needs it exactly takes `json`.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:  # what orjson refuses and botocore takes: a lone surrogate, infinity
        return json.loads(body.decode("utf-8"))
