"""RFC 3161 time stamps of signatures: the request, and what a token proves.

A token covers the bytes of the signature, so it proves that the signature, and with it the manifest, existed
at its time. The manifest has the token alone; the library verifies it in a response around it.
`rfc3161_client` is imported when it is used: it belongs to the extra `sign`.
"""

import base64
import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from scanner.errors import BundleError, OutputError, UsageError
from scanner.evidence.keys import signing_packages

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_GRANTED: Final = b"\x30\x03\x02\x01\x00"  # PKIStatusInfo: granted
_SHA256_OID: Final = "2.16.840.1.101.3.4.2.1"
_SHORT: Final = 0x80
"""Lengths from here on have bytes of their own in DER (X.690, section 8.1.3)."""


def request_token(signature: bytes, send: Callable[[bytes], bytes]) -> bytes:
    """Return the token of a signature. `send`: sends a request, and returns the response.

    OutputError: the authority refuses, or its token is about something else.
    """
    with signing_packages():
        from rfc3161_client import (  # noqa: PLC0415 -- of the extra
            HashAlgorithm,
            TimestampRequestBuilder,
            decode_timestamp_response,
        )
    request = (
        TimestampRequestBuilder()
        .data(signature)
        .hash_algorithm(HashAlgorithm.SHA256)
        .nonce(nonce=True)
        .build()
    )
    answer = send(request.as_bytes())
    try:
        response: Any = decode_timestamp_response(answer)
        status, words = response.status, " ".join(response.status_string)
        # 1 is "granted with modifications" (RFC 3161, section 2.4.2), none of which is accepted here.
        if status != 0:
            raise OutputError(
                f"The time stamping authority refused the request (status {status}). {words}".strip()
            )
        token = bytes(response.time_stamp_token())
        # The nonce shows that this is no earlier answer that was sent again (RFC 3161, section 2.4.1).
        is_ours = _is_about(response, signature) and response.tst_info.nonce == request.nonce
    except ValueError as problem:
        raise OutputError(
            f"The answer of the time stamping authority cannot be read: {problem}. Check --timestamp-url."
        ) from problem
    if not is_ours:
        raise OutputError(
            "The time stamping authority stamped something else than the signature. Check --timestamp-url."
        )
    return token


def encoded(token: bytes) -> str:
    """Return the value of the manifest's key `time_stamp`."""
    return base64.b64encode(token).decode()


def decoded(text: object) -> bytes:
    """Return the token from the value of the manifest's key `time_stamp`. BundleError: it is not base64."""
    try:
        return base64.b64decode(str(text), validate=True)
    except ValueError as problem:
        raise BundleError(f"The time stamp in manifest.json is not base64: {problem}.") from problem


def _is_about(response: Any, signature: bytes) -> bool:  # noqa: ANN401 -- the library's class
    imprint = response.tst_info.message_imprint
    return (
        imprint.hash_algorithm.dotted_string == _SHA256_OID
        and bytes(imprint.message) == hashlib.sha256(signature).digest()
    )


def stamped_at(token: bytes, signature: bytes) -> datetime:
    """Return the time of a token. BundleError: it is malformed, or not about the signature.

    Nothing is verified: the authority's certificate is needed for that (`verified_time`).
    """
    response = _response(token)
    if not _is_about(response, signature):
        raise BundleError("The time stamp in manifest.json is not that of its signature.")
    at: datetime = response.tst_info.gen_time
    return at


def verified_time(token: bytes, signature: bytes, roots: bytes, name: str) -> datetime:
    """Return the time of a token, whose authority is verified against root certificates in PEM.

    Raises:
        BundleError: the token is malformed, not about the signature, or not signed below these roots.
        UsageError: `name`, the file of the roots, contains no certificate.
    """
    at = stamped_at(token, signature)
    with signing_packages():
        from rfc3161_client import VerificationError, VerifierBuilder  # noqa: PLC0415 -- of the extra
    verifier = VerifierBuilder(roots=_certificates(roots, name)).build()
    try:
        verifier.verify(_response(token), hashlib.sha256(signature).digest())
    except (VerificationError, ValueError) as problem:
        raise BundleError(
            f"The time stamp in manifest.json is not signed by an authority below {name}: {problem}."
        ) from problem
    return at


def _certificates(pem: bytes, name: str) -> "list[Certificate]":
    from cryptography.x509 import load_pem_x509_certificates  # noqa: PLC0415 -- of the extra

    try:
        return load_pem_x509_certificates(pem)
    except ValueError as problem:
        raise UsageError(f"{name} contains no certificate in PEM.") from problem


def _response(token: bytes) -> Any:  # noqa: ANN401 -- the library's class
    """Parse a token, in a response around it. BundleError: it is malformed."""
    with signing_packages():
        from rfc3161_client import decode_timestamp_response  # noqa: PLC0415 -- of the extra
    try:
        response: Any = decode_timestamp_response(_sequence(_GRANTED + token))
        parsed = bytes(response.time_stamp_token())
        response.tst_info  # noqa: B018 -- it is parsed when it is read
    except ValueError as problem:
        raise BundleError(f"The time stamp in manifest.json cannot be read: {problem}.") from problem
    if parsed != token:
        raise BundleError("The time stamp in manifest.json cannot be read: something else follows it.")
    return response


def _sequence(content: bytes) -> bytes:
    """Return a DER sequence of encoded values."""
    length = len(content)
    # 0x30 is the tag of a sequence (X.690, section 8.9).
    if length < _SHORT:
        return bytes((0x30, length)) + content
    size = (length.bit_length() + 7) // 8
    return bytes((0x30, _SHORT | size)) + length.to_bytes(size) + content
