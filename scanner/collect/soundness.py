"""Whether an answer arrived whole.

botocore takes a body of JSON that was cut off on the way for an answer without fields, and does not
compare a body's length with what was promised: a list cut short would look like a list of nothing.
"""

from collections.abc import Mapping, MutableMapping
from typing import Any, Final

from botocore.model import OperationModel

from scanner.collect.parsing.body import document
from scanner.collect.retry import BrokenAnswerError

_SUCCESS: Final = range(200, 300)


def refuse_broken_answer(**event: Any) -> None:  # noqa: ANN401 -- botocore's signature
    """Raise BrokenAnswerError for a success that is empty or cut off (botocore's event `before-parse`)."""
    check_answer(event["operation_model"], event["response_dict"])


def check_answer(operation: OperationModel, answer: MutableMapping[str, Any]) -> None:
    """Raise BrokenAnswerError when `answer` (botocore's status_code, headers, body) is not whole.

    What a body of JSON holds is kept in `answer` for the parser, which is next.
    """
    body = answer["body"]
    if answer["status_code"] not in _SUCCESS or operation.output_shape is None or not isinstance(body, bytes):
        return
    if not body.strip():
        raise BrokenAnswerError(f"{operation.name} was answered with an empty body.")
    if _is_short(body, answer["headers"]):
        raise BrokenAnswerError(f"The answer to {operation.name} was cut off after {len(body)} bytes.")
    if "json" in str(operation.service_model.resolved_protocol) and not _is_object(answer):
        raise BrokenAnswerError(f"{operation.name} was answered with something that is no JSON object.")


def _is_short(body: bytes, headers: Mapping[str, str]) -> bool:
    promised = headers.get("content-length", "")
    if headers.get("content-encoding") or not promised.isdecimal():  # the length is not that of the body
        return False
    return len(body) < int(promised)


def _is_object(answer: MutableMapping[str, Any]) -> bool:
    try:
        return isinstance(document(answer), dict)
    except ValueError:
        return False
