"""Evidence lines: one API call that was answered, or that finally failed (evidence format)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from scanner.errors import BundleError
from scanner.model.known import EvidenceRef
from scanner.model.text import mended_json

MALFORMED: Final = "MalformedAnswer"
"""The code of a call whose answer is not of the form that AWS documents."""

MISMATCH: Final = "AnswerMismatch"
"""The code of a call whose recorded answer is not about what was requested (`evidence.identity`)."""

# Without these it is not known what was called, so that the line cannot even be a failed call.
_REQUIRED: Final = {"service": str, "operation": str, "parameters": dict}


@dataclass(frozen=True, slots=True)
class CallError:
    """The error of a call. `status`: the HTTP status, 0 where there was no response."""

    code: str
    message: str
    status: int
    attempts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceLine:
    """One line: exactly one of `response` and `error` is set. `at` is as it was written."""

    service: str
    operation: str
    parameters: Mapping[str, Any]
    at: str
    response: Mapping[str, Any] | None
    error: CallError | None
    account: str
    region: str
    ref: EvidenceRef

    @property
    def name(self) -> str:
        """The operation as gaps and fact columns name it: `backup:ListBackupPlans`."""
        return f"{self.service}:{self.operation}"


def _document(raw: bytes) -> Any:  # noqa: ANN401 -- whatever JSON holds
    """Parse JSON; what is not valid Unicode becomes U+FFFD. JSONDecodeError: it is not JSON."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        # One lone surrogate must not make a whole file unreadable.
        return orjson.loads(mended_json(raw.decode(errors="replace")))


def parse_line(raw: bytes, ref: EvidenceRef) -> EvidenceLine:
    """Parse one line. BundleError names file and line where it does not say which call it records.

    A line that does, but has an unreadable response or error, is a failed call (ruling 21).
    """
    try:
        document = _document(raw)
    except orjson.JSONDecodeError as problem:
        raise _corrupt(ref, f"is not JSON: {problem}") from problem
    if not isinstance(document, dict):
        raise _corrupt(ref, "is not a JSON object")
    for key, kind in _REQUIRED.items():
        if not isinstance(document.get(key), kind):
            raise _corrupt(ref, f"has no {key!r}")
    response, error = _outcome(document.get("response"), document.get("error"))
    return EvidenceLine(
        service=document["service"],
        operation=document["operation"],
        parameters=document["parameters"],
        # Not parsed here: a call without a valid time is a call all the same.
        at=str(document.get("at") or ""),
        response=response,
        error=error,
        account=str(document.get("account") or ""),
        region=str(document.get("region") or ""),
        ref=ref,
    )


def _outcome(response: object, error: object) -> tuple[Mapping[str, Any] | None, CallError | None]:
    """Return the response or the error of a call."""
    if (response is None) == (error is None):
        return None, CallError(MALFORMED, "The line has neither or both of 'response' and 'error'.", 0)
    if response is None:
        return None, _parse_error(error)
    if not isinstance(response, dict):
        return None, CallError(MALFORMED, "The line's 'response' is not an object.", 0)
    return response, None


def _parse_error(error: object) -> CallError:
    if not isinstance(error, dict) or not isinstance(error.get("code"), str):
        return CallError(MALFORMED, "The line's 'error' has no 'code'.", 0)
    status, attempts = error.get("status"), error.get("attempts")
    return CallError(
        code=error["code"],
        message=str(error.get("message") or ""),
        status=status if isinstance(status, int) else 0,
        attempts=attempts if isinstance(attempts, int) else 0,
    )


def _corrupt(ref: EvidenceRef, what: str) -> BundleError:
    return BundleError(
        f"{ref.file}: line {ref.line} {what}. "
        "The bundle cannot be trusted: restore it from a copy, or scan again."
    )
