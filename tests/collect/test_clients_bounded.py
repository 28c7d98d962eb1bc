from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError, HTTPClientError, ReadTimeoutError

from scanner.collect.clients import BoundedSession


class ProtocolError(Exception):
    """Named as urllib3 names a connection that ends too early."""


class Raw:
    def __init__(self, *pieces: bytes | Exception) -> None:
        self.pieces, self.is_closed = list(pieces), False

    def read1(self, _amount: int, *, decode_content: bool) -> bytes:
        assert not decode_content
        piece = self.pieces.pop(0) if self.pieces else b""
        if isinstance(piece, Exception):
            raise piece
        return piece

    def close(self) -> None:
        self.is_closed = True


class Session:
    def __init__(self, raw: Raw) -> None:
        self.raw, self.is_closed = raw, False

    def send(self, request: Any) -> Any:
        assert request.stream_output
        headers: Any = {}
        return AWSResponse(request.url, 200, headers, self.raw)

    def close(self) -> None:
        self.is_closed = True


class Request:
    url = "http://x"
    stream_output = False


def bounded(raw: Raw, seconds: float = 10.0) -> BoundedSession:
    ticks = iter(range(100))
    return BoundedSession(Session(raw), seconds, lambda: float(next(ticks)))


def send(session: BoundedSession) -> AWSResponse:
    request: Any = Request()
    return session.send(request)


def test_a_body_is_read_whole() -> None:
    assert send(bounded(Raw(b"a", b"b"))).content == b"ab"
    assert send(bounded(Raw())).content == b""


def test_a_body_that_goes_on_beyond_its_time_is_given_up() -> None:
    raw = Raw(*[b" "] * 90)
    with pytest.raises(ReadTimeoutError):
        send(bounded(raw))
    assert raw.is_closed
    assert len(raw.pieces) > 50


@pytest.mark.parametrize(
    ("problem", "expected"),
    [(ProtocolError("x"), ConnectionClosedError), (RuntimeError("x"), HTTPClientError)],
)
def test_what_breaks_within_a_body_is_said_as_botocore_says_it(
    problem: Exception, expected: type[Exception]
) -> None:
    raw = Raw(b"a", problem)
    with pytest.raises(expected):
        send(bounded(raw))
    assert raw.is_closed


def test_closing_closes_botocores_session() -> None:
    inner = Session(Raw())
    BoundedSession(inner, 1.0).close()
    assert inner.is_closed
