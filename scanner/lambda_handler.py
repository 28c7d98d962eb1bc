"""The AWS Lambda handler: runs an event as a step of a scan, and returns a small JSON object.

Set the function's handler to `scanner.lambda_handler.handler`. docs/distributed.md describes the events.
"""

import json
import logging
import os
import time
from functools import cache
from typing import Any, Final, Protocol

from scanner.distributed.events import parse_event
from scanner.distributed.options import Environment, environment_of
from scanner.distributed.steps import carry_out
from scanner.errors import VaultproofError
from scanner.storage.files import keep_files_private
from scanner.storage.s3 import open_s3

_RESERVE: Final = 0.06
"""The share of the remaining time that is reserved for the last uploads and the runtime."""

_LOG: Final = logging.getLogger("vaultproof")


class Context(Protocol):
    """The parts of AWS Lambda's context object that are used."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the invocation times out."""


def handler(event: object, context: Context) -> dict[str, Any]:
    """Run an event, and return a JSON object. VaultproofError: a sentence with cause and fix."""
    _LOG.setLevel(logging.INFO)
    keep_files_private()
    started = time.monotonic()
    try:
        parsed = parse_event(event)
        environment = environment_of(os.environ)
        seconds = context.get_remaining_time_in_millis() / 1000 * (1 - _RESERVE)
        answer = carry_out(
            parsed,
            environment,
            _s3(environment, os.environ.get("AWS_ENDPOINT_URL")),
            context.aws_request_id,
            seconds,
        )
    except Exception as problem:
        _log(event, started, outcome="failed", error=type(problem).__name__, message=_sentence(problem))
        if isinstance(problem, VaultproofError):
            raise problem.with_traceback(None) from None
        raise
    _log(event, started, outcome="done", **answer)
    return answer


@cache
def _s3(environment: Environment, _endpoint: str | None) -> Any:  # noqa: ANN401 -- a client
    """Return an S3 client; cached, so that a warm sandbox reuses it."""
    return open_s3(environment.means)


def _sentence(problem: Exception) -> str:
    if isinstance(problem, VaultproofError):
        return str(problem)
    return f"{problem} (internal error: please report it with the lines below)"


def _log(event: object, started: float, **outcome: object) -> None:
    """Log one line of JSON: the step and the scan, the outcome, and the duration."""
    document = event if isinstance(event, dict) else {}
    named = {
        key: document[key]
        for key in ("action", "scan_id", "account", "batch")
        if isinstance(document.get(key), str | int)
    }
    _LOG.info(json.dumps({**named, **outcome, "seconds": round(time.monotonic() - started, 3)}))
