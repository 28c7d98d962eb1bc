"""Time stamps of a real authority (OpenSSL), and what is refused."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from scanner.errors import BundleError, OutputError, UsageError
from scanner.evidence.time_stamps import request_token, stamped_at, verified_time
from scanner.storage.tsa import check_url, request_time_stamp
from tests.fakes.tsa import Authority, certificates, openssl, time_stamping_authority

SIGNATURE = b"the bytes of a signature"
REPLY = "application/timestamp-reply"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with time_stamping_authority(tmp_path_factory.mktemp("tsa")) as running:
        yield running


@pytest.fixture(scope="module")
def token(authority: Authority) -> bytes:
    return request_token(SIGNATURE, authority.reply)


def verified(token: bytes, authority: Authority, signature: bytes = SIGNATURE) -> datetime:
    return verified_time(token, signature, authority.root.read_bytes(), "root.pem")


def test_a_token_is_verified_by_us_and_by_openssl(authority: Authority, token: bytes, tmp_path: Path) -> None:
    at = verified(token, authority)
    assert abs(at - datetime.now(UTC)) < timedelta(hours=1)
    assert stamped_at(token, SIGNATURE) == at
    (tmp_path / "token.der").write_bytes(token)
    (tmp_path / "signature").write_bytes(SIGNATURE)
    said = openssl(
        tmp_path,
        *("ts", "-verify", "-token_in", "-in", "token.der", "-data", "signature"),
        *("-CAfile", str(authority.root)),
    )
    assert b"Verification: OK" in said


def test_a_token_of_another_signature_is_refused(authority: Authority, token: bytes) -> None:
    with pytest.raises(BundleError, match="not that of its signature"):
        stamped_at(token, b"another")
    with pytest.raises(BundleError, match="not that of its signature"):
        verified(token, authority, b"another")


def test_a_changed_token_is_refused_or_has_the_same_time(authority: Authority, token: bytes) -> None:
    at, refused = verified(token, authority), 0
    positions = range(0, len(token), 23)
    for position in positions:
        changed = token[:position] + bytes((token[position] ^ 1,)) + token[position + 1 :]
        try:  # a few bytes of the envelope, such as an algorithm's parameters, are not signed
            assert verified(changed, authority) == at, position
        except BundleError:
            refused += 1
    assert refused > 0.9 * len(positions)


@pytest.mark.parametrize("broken", [b"", b"no token", b"\x30\x80"])
def test_what_is_no_token_is_refused(broken: bytes) -> None:
    with pytest.raises(BundleError, match="cannot be read"):
        stamped_at(broken, SIGNATURE)


def test_bytes_around_a_token_are_refused(token: bytes) -> None:
    for changed in (token + b"\0", token + token, token[:-1], b"\0" + token):
        with pytest.raises(BundleError, match="cannot be read"):
            stamped_at(changed, SIGNATURE)


def test_a_token_of_another_authority_is_refused(token: bytes, tmp_path: Path) -> None:
    other = certificates(tmp_path / "other")
    with pytest.raises(BundleError, match=r"not signed by an authority below other\.pem"):
        verified_time(token, SIGNATURE, other.read_bytes(), "other.pem")
    with pytest.raises(UsageError, match=r"none\.pem contains no certificate"):
        verified_time(token, SIGNATURE, b"nothing", "none.pem")


def test_a_token_is_requested_over_http(authority: Authority) -> None:
    send = partial(request_time_stamp, authority.url)
    assert verified(request_token(SIGNATURE, send), authority)


def test_a_server_error_is_asked_again(authority: Authority) -> None:
    waits: list[float] = []
    authority.answers += [(503, "text/plain", b"busy"), (500, "text/plain", b"broken")]
    send = partial(request_time_stamp, authority.url, sleep=waits.append)
    assert verified(request_token(SIGNATURE, send), authority)
    assert waits == [2.0, 4.0]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((404, "text/plain", b""), "does not answer .HTTP 404 Not Found"),
        ((302, "text/plain", b""), "does not answer .HTTP 302"),
        ((200, "text/html", b"<html>"), "answered with text/html and 6 bytes"),
        ((200, REPLY, b"\0" * (300 << 10)), "not with a time stamp"),
        ((200, REPLY, b"no response"), "cannot be read"),
        ((200, REPLY, base64.b64decode("MAUwAwIBAg==")), "refused the request .status 2"),
    ],
)
def test_other_answers_are_refused(
    authority: Authority, answer: tuple[int, str, bytes], message: str
) -> None:
    authority.answers.append(answer)
    requests = authority.requests
    with pytest.raises(OutputError, match=message):
        request_token(SIGNATURE, partial(request_time_stamp, authority.url))
    assert authority.requests == requests + 1


def test_the_answer_to_another_request_is_refused(authority: Authority) -> None:
    queries: list[bytes] = []

    def record(query: bytes) -> bytes:
        queries.append(query)
        return authority.reply(query)

    request_token(SIGNATURE, record)
    with pytest.raises(OutputError, match="stamped something else"):  # the nonce is that of another request
        request_token(SIGNATURE, lambda _: authority.reply(queries[0]))


def test_an_authority_that_is_not_there() -> None:
    waits: list[float] = []
    with pytest.raises(OutputError, match=r"does not answer \(.*refused.*Check --timestamp-url"):
        request_time_stamp("http://127.0.0.1:9/tsr", b"query", waits.append)
    assert waits == [2.0, 4.0]


@pytest.mark.parametrize(
    "url", ["", "tsa.example.com", "ftp://tsa.example.com", "file:///etc/passwd", "http://", "http://u:p@host/",
            "http://host:99999/", "http://[", "http://a b/"],
)  # fmt: skip
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(UsageError, match="not the address of a time stamping authority"):
        check_url(url)
    assert check_url("https://tsa.example.com/tsr") == "https://tsa.example.com/tsr"
