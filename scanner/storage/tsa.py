"""Requests to a time stamping authority over HTTP (RFC 3161, section 3.4)."""

import http.client
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any, Final

from scanner.errors import OutputError, UsageError

SECONDS: Final = 30
"""How long a connection, or a part of the answer, may take."""

ATTEMPTS: Final = 3
LARGEST_ANSWER: Final = 256 << 10
"""The most bytes of an answer. A token with its certificates has 1 to 10 KB."""

_QUERY: Final = "application/timestamp-query"
_REPLY: Final = "application/timestamp-reply"
_SERVER_ERRORS: Final = 500


def check_url(url: str) -> str:
    """Return the address of an authority. UsageError: it is not http:// or https://."""
    try:
        parts = urllib.parse.urlsplit(url)
        has_host = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        has_host = False
    if (
        not has_host
        or parts.scheme not in {"http", "https"}
        # A password in the address would appear in messages.
        or parts.username
        or not url.isascii()
        or " " in url
    ):
        raise UsageError(
            f"{url[:200]!r} is not the address of a time stamping authority: write https://HOST/PATH."
        )
    return url


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Makes a redirect an error: urllib would repeat a POST as a GET."""

    def redirect_request(self, *_: Any) -> None:  # noqa: ANN401 -- urllib's parameters
        return None


def request_time_stamp(url: str, query: bytes, sleep: Callable[[float], None] = time.sleep) -> bytes:
    """Send a time stamp request, and return the response, both in DER. It is sent again after server errors.

    OutputError: the authority does not answer, or with something else than a time stamp response.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _post(url, query)
        except urllib.error.HTTPError as problem:
            reason = f"HTTP {problem.code} {problem.reason}"
            problem.close()
            # The authority refuses the request itself, which another attempt does not change.
            is_lasting = problem.code < _SERVER_ERRORS
        except (OSError, http.client.HTTPException) as problem:
            reason, is_lasting = (
                str(getattr(problem, "reason", "") or problem) or type(problem).__name__,
                False,
            )
        if is_lasting or attempt == ATTEMPTS:
            break
        sleep(2.0**attempt)
    raise OutputError(f"The time stamping authority {url} does not answer ({reason}). Check --timestamp-url.")


def _post(url: str, query: bytes) -> bytes:
    request = urllib.request.Request(  # noqa: S310 -- check_url allows http and https only
        url, data=query, headers={"Content-Type": _QUERY, "Accept": _REPLY}, method="POST"
    )
    # Not the default opener, which follows redirects.
    opener = urllib.request.build_opener(_NoRedirect)
    with opener.open(request, timeout=SECONDS) as answer:
        kind = answer.headers.get_content_type()
        # One byte more shows that the answer is too large.
        body: bytes = answer.read(LARGEST_ANSWER + 1)
    if kind != _REPLY or len(body) > LARGEST_ANSWER:
        raise OutputError(
            f"The time stamping authority {url} answered with {kind} and {len(body):,} bytes, not with a "
            "time stamp. Check --timestamp-url."
        )
    return body
