"""The checks of `audit verify` about the signature of a manifest and its time stamp.

A signature or a time stamp that cannot be verified, because no key or certificate was given, is not checked,
never OK. If a key is given, a scan without signature fails: anyone can remove a signature.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from scanner.errors import BundleError, UsageError
from scanner.evidence.attestation import signed_statement
from scanner.evidence.keys import PublicKey
from scanner.evidence.manifest import SIGNATURE, TIME_STAMP, rfc3339
from scanner.evidence.time_stamps import decoded, stamped_at, verified_time
from scanner.evidence.verification import Check, CheckResult
from scanner.model.signing import SignedStatement

_TOLERANCE: Final = timedelta(minutes=5)
"""How much the clocks of a scan and of an authority may differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What signatures are verified with, and where it comes from, for messages.

    `roots`: certificates in PEM that time stamps are verified against; empty: none were given.
    """

    key: PublicKey | None = None
    key_source: str = ""
    roots: bytes = b""
    roots_source: str = ""


def signature_checks(
    raw: bytes, document: dict[str, Any], finished_at: datetime | None, trust: Trust
) -> Iterator[Check]:
    """Yield the checks `signature` and, if there is a signature, `time_stamp` of a manifest.

    UsageError: packages that verify are not installed, or the certificates cannot be read.
    """
    statement: SignedStatement | None = None
    try:
        if document.get(SIGNATURE) is not None:
            statement = signed_statement(raw, str(document.get("scan_id") or ""))
        yield _signature_check(statement, trust)
    except BundleError as problem:
        yield Check("signature", CheckResult.FAILED, str(problem))
    if not (document.get(SIGNATURE) or document.get(TIME_STAMP) or trust.roots):
        return  # there is nothing that could have a time stamp
    try:
        # Also without a valid signature: a time stamp that is wrong is reported as well.
        yield _time_stamp_check(document.get(TIME_STAMP), statement, finished_at, trust)
    except BundleError as problem:
        yield Check("time_stamp", CheckResult.FAILED, str(problem))


def _signature_check(statement: SignedStatement | None, trust: Trust) -> Check:
    """Verify a signature. BundleError: it is wrong, or there is none although a key was given."""
    if statement is None:
        if trust.key is not None:
            raise BundleError(
                f"The manifest is not signed, and {trust.key_source} was given to verify it: the signature "
                "was removed, or the scan was never signed."
            )
        return Check("signature", CheckResult.MISSING, "The manifest is not signed.")
    key = statement.attestation.key
    if trust.key is None:
        detail = (
            f"It says that it is by the key {key.id} ({key.algorithm}, fingerprint {key.fingerprint}). "
            "Name the public key with --public-key or --kms to verify it."
        )
        return Check("signature", CheckResult.NOT_CHECKED, detail)
    # By fingerprint, because a key in KMS and its exported public key have different ids.
    if (key.fingerprint, key.algorithm) != (trust.key.fingerprint, trust.key.algorithm):
        raise BundleError(
            f"The scan was signed with another key: it has the fingerprint {key.fingerprint}, and "
            f"{trust.key_source} has {trust.key.fingerprint}."
        )
    if not trust.key.verifies(statement.signature, statement.message):
        raise BundleError(f"The signature was not made with the key in {trust.key_source}.")
    detail = (
        f"Signed with the key in {trust.key_source} ({key.algorithm}, fingerprint {key.fingerprint}), over "
        "the manifest and the checksums in it."
    )
    return Check("signature", CheckResult.OK, detail)


def _time_stamp_check(
    value: object, statement: SignedStatement | None, finished_at: datetime | None, trust: Trust
) -> Check:
    """Verify a time stamp. BundleError: it is wrong, or there is none although certificates were given."""
    if value is None:
        if trust.roots:
            raise BundleError(f"There is no time stamp, and {trust.roots_source} was given to verify it.")
        return Check("time_stamp", CheckResult.MISSING, "The signature has no time stamp.")
    if statement is None:
        raise BundleError("There is a time stamp, but no signature that it could be of.")
    token = decoded(value)
    if not trust.roots:
        return _unverified_time(token, statement, finished_at)
    at = verified_time(token, statement.signature, trust.roots, trust.roots_source)
    _check_order(at, finished_at)
    detail = f"The signature existed at {rfc3339(at)}, as an authority below {trust.roots_source} confirms."
    return Check("time_stamp", CheckResult.OK, detail)


def _unverified_time(token: bytes, statement: SignedStatement, finished_at: datetime | None) -> Check:
    try:
        at = stamped_at(token, statement.signature)
    except UsageError as problem:  # without the extra, what was not requested does not fail either
        return Check("time_stamp", CheckResult.NOT_CHECKED, str(problem))
    _check_order(at, finished_at)
    detail = f"It says {rfc3339(at)}. Name the authority's root certificate with --tsa-root to verify it."
    return Check("time_stamp", CheckResult.NOT_CHECKED, detail)


def _check_order(at: datetime, finished_at: datetime | None) -> None:
    """Raise BundleError if a signature is older than the scan that it signs."""
    if finished_at is not None and at < finished_at - _TOLERANCE:
        raise BundleError(
            f"The time stamp ({rfc3339(at)}) is older than the end of the scan ({rfc3339(finished_at)})."
        )
