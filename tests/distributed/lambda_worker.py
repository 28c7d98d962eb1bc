"""A warm sandbox: reads events from stdin, a line each, and writes what the handler made of them."""

import json
import resource
import sys
from typing import Any

from scanner.lambda_handler import handler


class Context:
    """What AWS Lambda passes to the handler."""

    aws_request_id = "request"

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self._seconds * 1000)


def answered(line: str) -> dict[str, Any]:
    """Carry out a line: `{"event": ..., "seconds": ...}`."""
    asked = json.loads(line)
    try:
        answer = handler(asked["event"], Context(asked["seconds"]))
    except Exception as problem:  # noqa: BLE001 -- what the runtime would report
        return {"error": {"errorType": type(problem).__name__, "errorMessage": str(problem)}}
    return {"answer": answer, "mebibytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}


if __name__ == "__main__":
    for event in sys.stdin:
        sys.stdout.write(json.dumps(answered(event)) + "\n")
        sys.stdout.flush()
