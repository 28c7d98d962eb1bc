"""Signing of scans: the last step of `run` and `evaluate`, and `audit sign` for a scan that exists."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from scanner.app.reports import SHARED
from scanner.errors import BundleError, OutputError, UsageError
from scanner.evidence.attestation import (
    attest,
    envelope_document,
    signed_message,
    signed_statement,
    statement_bytes,
)
from scanner.evidence.bundle import Bundle, file_sha256
from scanner.evidence.keys import LARGEST_FILE, PublicKey, parse_private_key, public_key_of_der
from scanner.evidence.manifest import (
    NAME,
    SIGNATURE,
    TIME_STAMP,
    manifest_bytes,
    parse_manifest,
    read_document,
)
from scanner.evidence.scan_files import FACTS, FINDINGS, INVENTORY, ScanFiles, is_judged
from scanner.evidence.time_stamps import encoded, request_token
from scanner.model.signing import SigningKey
from scanner.storage.files import write_atomically
from scanner.storage.tsa import check_url, request_time_stamp

PASSWORD: Final = "VAULTPROOF_SIGN_KEY_PASSWORD"  # noqa: S105 -- the name of a variable
"""The environment variable with the password of an encrypted key file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """What signs a scan. `sign` returns the signature of a message, `stamp` the time stamp token of one.

    `previous_sha256`: the SHA-256 of the former scan's manifest; None: none was named.
    """

    key: SigningKey
    public: PublicKey
    sign: Callable[[bytes], bytes]
    stamp: Callable[[bytes], bytes] | None = None
    previous_sha256: str | None = None


def key_file_signer(path: Path, password: str) -> Signer:
    """Load a signing key from a PEM file.

    UsageError: it cannot be read, is no key, or needs another password.
    """
    private = parse_private_key(read_key_file(path), str(path), password, PASSWORD)
    return Signer(key=private.key, public=private.public, sign=private.sign)


def read_key_file(path: Path) -> bytes:
    """Read a file with a key or certificates. UsageError: it cannot be read, or is too large."""
    try:
        with path.open("rb") as file:
            # One byte more than allowed, so that a larger file is noticed without reading it whole.
            content = file.read(LARGEST_FILE + 1)
    except OSError as problem:
        raise UsageError(f"{path} cannot be read: {problem.strerror or problem}.") from problem
    if len(content) > LARGEST_FILE:
        raise UsageError(f"{path} is not a key: it has more than {LARGEST_FILE:,} bytes.")
    return content


def kms_signer(arn: str, profile: str | None = None) -> Signer:
    """Read the public key of a KMS key, and check that the caller may sign with it.

    UsageError, CredentialsError, EndpointError: as `kms_key`, or KMS refuses to sign.
    """
    from scanner.storage.kms import kms_key  # noqa: PLC0415 -- loads the AWS client

    key = kms_key(arn, profile)
    # Checked now: a scan of hours must not fail at its last step for a missing permission.
    key.check_permission()
    public = public_key_of_der(key.der, key.arn)
    return Signer(key=public.identity(key.arn), public=public, sign=key.sign)


def time_stamper(url: str) -> Callable[[bytes], bytes]:
    """Return a function that requests a time stamp token. UsageError: the address is not one of HTTP."""
    return partial(request_token, send=partial(request_time_stamp, check_url(url)))


def manifest_sha256(scan: Path) -> str:
    """Return the SHA-256 of the manifest of a former scan. BundleError: there is none, or a broken one."""
    # Parsed before it is hashed: the digest of a broken manifest would chain scans to nothing.
    read_document(scan)
    return file_sha256(scan / NAME)


def check_scan(folder: Path, *, force: bool) -> None:
    """Check a scan or a bundle before it is signed: changed files are not signed.

    Raises:
        UsageError: it is signed already, and `force` is not set.
        BundleError: a file is not the one that the manifest names.
    """
    document = read_document(folder)
    if document.get(SIGNATURE) is not None and not force:
        raise UsageError(f"{folder} is signed already: replace the signature with --force.")
    # A bundle's own files first; a judged scan has further ones.
    if (folder / "evidence").exists():
        Bundle(folder).check()
    manifest = parse_manifest(document, folder)
    if is_judged(manifest.files):
        files = ScanFiles(folder, manifest)
        files.checked(*FINDINGS, FACTS, INVENTORY)
        for name in manifest.files:
            if not name.startswith("evidence/"):
                files.check(name)
        for subfolder in (Path(), Path(SHARED)):
            files.check_reports(subfolder)


def is_signed(folder: Path) -> bool:
    """Return whether a manifest has a signature. BundleError: as `read_document`."""
    return read_document(folder).get(SIGNATURE) is not None


def sign_scan(folder: Path, signer: Signer) -> None:
    """Sign the manifest of a scan or a bundle, and write it in one step. An earlier signature is replaced.

    Raises:
        OutputError, EndpointError, CredentialsError: the manifest could not be signed, and stays as it was;
            or there is no time stamp, and the manifest is signed without.
    """
    document = _unsigned(read_document(folder))
    scan_id = str(document.get("scan_id") or "")
    # The signature is over the manifest without signature: it cannot contain itself.
    attestation = attest(manifest_bytes(document), signer.key, scan_id, signer.previous_sha256)
    payload = statement_bytes(attestation)
    signature = signer.sign(signed_message(payload))
    document[SIGNATURE] = envelope_document(payload, signer.key.id, signature)
    # Verified with the public key before it is written: a key pair that does not match is noticed here.
    _check(document, scan_id, signer.public)
    write_atomically(folder / NAME, manifest_bytes(document))
    # The signature is stored first, so that a failing authority does not cost it.
    if signer.stamp is not None:
        stamp_scan(folder, signer.stamp)


def stamp_scan(folder: Path, stamp: Callable[[bytes], bytes]) -> None:
    """Add a time stamp to the manifest of a signed scan. An earlier one is replaced.

    Raises:
        UsageError: the scan is not signed.
        OutputError: the authority does not stamp; the manifest stays as it was.
    """
    document = read_document(folder)
    statement = signed_statement(_read(folder), str(document.get("scan_id") or ""))
    if statement is None:
        raise UsageError(f"{folder} is not signed: sign it with --sign-key or --sign-kms.")
    try:
        token = stamp(statement.signature)
    except OutputError as problem:
        problem.add_note(
            "The scan is signed without a time stamp. Add one: audit sign SCAN_DIR --timestamp-url URL"
        )
        raise
    write_atomically(folder / NAME, manifest_bytes({**document, TIME_STAMP: encoded(token)}))


def _unsigned(document: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest without signature and time stamp, the keys in their order."""
    without_stamp = {key: value for key, value in document.items() if key != TIME_STAMP}
    return {**without_stamp, SIGNATURE: None}


def _check(document: dict[str, Any], scan_id: str, public: PublicKey) -> None:
    """Check a signature as its readers will, before it is written. OutputError: it does not verify."""
    try:
        statement = signed_statement(manifest_bytes(document), scan_id)
    except BundleError as problem:
        raise OutputError(f"The scan was not signed: {problem}") from problem
    if statement is None or not public.verifies(statement.signature, statement.message):
        raise OutputError(
            "The scan was not signed: the signature does not verify with the public key. Check the key."
        )


def _read(folder: Path) -> bytes:
    return (folder / NAME).read_bytes()
