"""Makes `scanner/evidence/pagination.json`: `python -m scripts.pagination`.

An entry says how an operation's answer leads to the next page: the answer's field `output` becomes the
parameter `input` of the next call; `more_results`, where there is one, is a field that is false on the
last page; `page_size` is the parameter that sets how many come at once; `list` the answer's list.
All but what stands in BY_HAND comes from botocore's paginators.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import botocore.exceptions
import botocore.session
import orjson

from scanner import evidence
from scanner.services.catalogue import OPERATIONS

FILE: Final = Path(evidence.__path__[0]) / "pagination.json"

BY_HAND: Final[Mapping[str, Mapping[str, str]]] = {
    "backup:ListFrameworks": {
        "input": "NextToken",
        "output": "NextToken",
        "page_size": "MaxResults",
        "list": "Frameworks",
    },
    "backup:ListReportPlans": {
        "input": "NextToken",
        "output": "NextToken",
        "page_size": "MaxResults",
        "list": "ReportPlans",
    },
    "dynamodb:ListTagsOfResource": {"input": "NextToken", "output": "NextToken", "list": "Tags"},
    "storagegateway:ListTagsForResource": {
        "input": "Marker",
        "output": "Marker",
        "page_size": "Limit",
        "list": "Tags",
    },
    "timestream-write:ListDatabases": {
        "input": "NextToken",
        "output": "NextToken",
        "page_size": "MaxResults",
        "list": "Databases",
    },
    "timestream-write:ListTables": {
        "input": "NextToken",
        "output": "NextToken",
        "page_size": "MaxResults",
        "list": "Tables",
    },
}
"""Operations that page and have no paginator in botocore (facts 10.1 names some), or that other programs
record and this one only reads."""

_NAMES: Final = {
    "input_token": "input",
    "output_token": "output",
    "more_results": "more_results",
    "limit_key": "page_size",
    "result_key": "list",
}


def table() -> dict[str, dict[str, str]]:
    """Give the entry of each declared operation that pages."""
    session = botocore.session.get_session()
    entries: dict[str, dict[str, str]] = {}
    for key, operation in sorted(OPERATIONS.items()):
        try:
            found = session.get_paginator_model(operation.service).get_paginator(operation.name)
        except (ValueError, botocore.exceptions.UnknownServiceError, botocore.exceptions.DataNotFoundError):
            continue
        entries[key] = _entry(key, found)
    return dict(sorted((entries | {key: dict(entry) for key, entry in BY_HAND.items()}).items()))


def _entry(key: str, paginator: Mapping[str, Any]) -> dict[str, str]:
    entry = {short: paginator[name] for name, short in _NAMES.items() if name in paginator}
    if not all(isinstance(value, str) for value in entry.values()):
        raise ValueError(f"{key} pages by several tokens, which the evidence's readers do not follow.")
    return entry


def content() -> bytes:
    """Give the file's bytes."""
    return orjson.dumps(table(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


if __name__ == "__main__":
    FILE.write_bytes(content())
    sys.stdout.write(f"{FILE}\n")
