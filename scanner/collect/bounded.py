"""Reading bodies within a bound of time.

botocore's read time-out is that of each piece: a body that comes a byte at a time, each in time, would keep
a thread for ever.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError, HTTPClientError, ReadTimeoutError

_PIECE: Final = 1 << 16
_FINAL: Final = 200
"""Statuses below this one announce another answer."""


class BoundedSession:
    """botocore's HTTP session, with the whole of each body read within `seconds` of its first byte."""

    def __init__(self, session: Any, seconds: float, now: Callable[[], float] = time.monotonic) -> None:  # noqa: ANN401 -- botocore's private attribute
        self._session = session
        self._seconds = seconds
        self._now = now

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        """Send, and read the answer. Raises what botocore's own session raises (HTTPClientError)."""
        request.stream_output = True
        response: Any = self._session.send(request)
        if response.status_code < _FINAL:
            # The final answer is still to come on this connection: another call would take it for its own.
            response.raw.close()
            raise ConnectionClosedError(request=request, endpoint_url=request.url)
        try:
            body = b"".join(self._pieces(response.raw, request.url))
        except HTTPClientError:
            response.raw.close()
            raise
        except Exception as problem:
            response.raw.close()
            raise _as_botocore_says(problem, request) from problem
        return AWSResponse(request.url, response.status_code, response.headers, _Read(body))

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def _pieces(self, raw: Any, url: str) -> Iterator[bytes]:  # noqa: ANN401 -- urllib3's response
        until = self._now() + self._seconds
        while piece := raw.read1(_PIECE, decode_content=False):
            yield piece
            if self._now() > until:
                raise ReadTimeoutError(endpoint_url=url, error=f"no end after {self._seconds:g} seconds")


class _Read:
    """A body that was read, as botocore's response reads one."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Iterator[bytes]:
        """Give all of it."""
        yield self._body


def _as_botocore_says(problem: Exception, request: AWSPreparedRequest) -> HTTPClientError:
    match type(problem).__name__:
        case "ReadTimeoutError":
            return ReadTimeoutError(endpoint_url=request.url, error=problem)
        case "ProtocolError" | "IncompleteRead" | "InvalidChunkLength":
            return ConnectionClosedError(error=problem, request=request, endpoint_url=request.url)
        case _:
            return HTTPClientError(error=problem)
