"""Decoding a body of JSON, once for all who want to see it."""

import json
from collections.abc import MutableMapping
from typing import Any, Final

import orjson

_KEPT: Final = "vaultproof.document"


def document(answer: MutableMapping[str, Any]) -> object:
    """Decode the body of `answer` (botocore's response_dict). ValueError: it is no JSON.

    What was decoded is kept in `answer` until `take` fetches it.
    """
    if _KEPT not in answer:
        answer[_KEPT] = decode(answer["body"])
    return answer[_KEPT]


def take(answer: MutableMapping[str, Any]) -> object:
    """Give the decoded body for good: whoever takes it may change it. ValueError: it is no JSON."""
    kept = document(answer)
    del answer[_KEPT]
    return kept


def decode(body: bytes) -> object:
    """Decode JSON as botocore does. ValueError: it is none.

    A whole number beyond 64 bits comes as a float: whoever needs it exactly takes `json`.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:  # what orjson refuses and botocore takes: a lone surrogate, infinity
        return json.loads(body.decode("utf-8"))
