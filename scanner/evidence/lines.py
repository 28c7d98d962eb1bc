"""Evidence lines: one API call that was answered, or that failed for good (evidence format)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from scanner.errors import BundleError
from scanner.model.reading import EvidenceRef

_REQUIRED: Final = {"service": str, "operation": str, "parameters": dict}


@dataclass(frozen=True, slots=True)
class CallError:
    """What AWS said instead of answering. `status`: the HTTP status, 0 when there was no answer at all."""

    code: str
    message: str
    status: int
    attempts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceLine:
    """One line: exactly one of `response` and `error` is there. `at` is as it was written."""

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


def parse_line(raw: bytes, ref: EvidenceRef) -> EvidenceLine:
    """Read one line. BundleError names the file and the line when it is not in the documented format."""
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as problem:
        raise _corrupt(ref, f"is no JSON: {problem}") from problem
    if not isinstance(document, dict):
        raise _corrupt(ref, "is no JSON object")
    for key, kind in _REQUIRED.items():
        if not isinstance(document.get(key), kind):
            raise _corrupt(ref, f"has no {key!r}")
    response, error = document.get("response"), document.get("error")
    if (response is None) == (error is None):
        raise _corrupt(ref, "must hold exactly one of 'response' and 'error'")
    if response is not None and not isinstance(response, dict):
        raise _corrupt(ref, "has a 'response' that is no object")
    return EvidenceLine(
        service=document["service"],
        operation=document["operation"],
        parameters=document["parameters"],
        at=str(document.get("at") or ""),
        response=response,
        error=None if error is None else _parse_error(error, ref),
        account=str(document.get("account") or ""),
        region=str(document.get("region") or ""),
        ref=ref,
    )


def _parse_error(error: object, ref: EvidenceRef) -> CallError:
    if not isinstance(error, dict) or not isinstance(error.get("code"), str):
        raise _corrupt(ref, "has an 'error' without a 'code'")
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
