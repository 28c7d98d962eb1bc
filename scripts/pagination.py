"""The content of `scanner/evidence/pagination.json`: how each operation paginates.

The field `output` of an answer becomes the parameter `input` of the next call. `more_results`, where there is
one, is a field that is false on the last page; `page_size` is the parameter for the number of rows of a page;
`list` is the field with the rows. Entries come from botocore's paginators, except those in BY_HAND.
"""

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
"""Operations that paginate without a paginator in botocore (facts 10.1 names some), or that only other
programs record."""

_NAMES: Final = {
    "input_token": "input",  # nosec B105 # a token of pagination, no password
    "output_token": "output",  # nosec B105 # a token of pagination, no password
    "more_results": "more_results",
    "limit_key": "page_size",
    "result_key": "list",
}


def table() -> dict[str, dict[str, str]]:
    """Return the entry of each declared operation that paginates."""
    session = botocore.session.get_session()
    entries: dict[str, dict[str, str]] = {}
    for key, operation in sorted(OPERATIONS.items()):
        try:
            paginator = session.get_paginator_model(operation.service).get_paginator(operation.name)
        except (ValueError, botocore.exceptions.UnknownServiceError, botocore.exceptions.DataNotFoundError):
            continue
        entries[key] = _entry(key, paginator)
    return dict(sorted((entries | {key: dict(entry) for key, entry in BY_HAND.items()}).items()))


def _entry(key: str, paginator: Mapping[str, Any]) -> dict[str, str]:
    entry = {short: paginator[name] for name, short in _NAMES.items() if name in paginator}
    if not all(isinstance(value, str) for value in entry.values()):
        raise ValueError(f"{key} paginates by several tokens, which readers of the evidence do not follow.")
    return entry


def content() -> bytes:
    """Return the file's bytes."""
    return orjson.dumps(table(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
