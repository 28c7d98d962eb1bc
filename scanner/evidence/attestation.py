"""The signed statement about a manifest: an in-toto Statement v1 in a DSSE envelope.

The envelope is the value of the manifest's key `signature`. The statement's subjects are two digests:

    manifest.json   the manifest's own bytes with `"signature": null` and without the line of `time_stamp`
    judgement       the same without the files that are written after the reports: these can print it

`manifest_bytes` writes `signature` and `time_stamp` as one line each. So the signed bytes are restored by
replacing one line and deleting another, without parsing JSON (docs/verify.md does it with sed). Everything
else of the file is covered by the signature, whitespace included. Both lines are therefore accepted only in
the exact form in which they are written: otherwise a line could carry other keys, unsigned.

Sources: in-toto attestation framework, "Statement" v1; DSSE, "Protocol" and "Envelope" v1.0.2.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from scanner.errors import BundleError
from scanner.model.signing import Attestation, SignedStatement, Signing, SigningKey

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "urn:vaultproof:scan:1"
MANIFEST_SUBJECT: Final = "manifest.json"
JUDGEMENT_SUBJECT: Final = "judgement"

_UNSIGNED: Final = b'  "signature": null,\n'
_SIGNATURE_LINE: Final = re.compile(rb'^  "signature": (.*)\n', re.MULTILINE)
_TIME_STAMP_LINE: Final = re.compile(rb'^  "time_stamp": (.*)\n', re.MULTILINE)
_TIME_STAMP: Final = re.compile(rb'"([A-Za-z0-9+/]+={0,2})",')
_AFTER_REPORTS: Final = re.compile(
    rb',\n    "(?:first-seen\.json\.gz|redacted/reports\.sha256|reports\.sha256)": "[0-9a-f]{64}"'
)
"""The entries of files that are written after the reports."""

_DIGEST: Final = re.compile("[0-9a-f]{64}")
_RESTORE: Final = "Restore manifest.json from a copy."


def canonical_bytes(manifest: bytes) -> bytes:
    """Return the bytes of a manifest that its signature covers.

    BundleError: `signature` or `time_stamp` is not written as `manifest_bytes` writes it.
    """
    lines = _SIGNATURE_LINE.findall(manifest)
    if len(lines) != 1 or not lines[0].endswith(b","):
        raise BundleError(
            "manifest.json does not have its signature in one line of its own, so what was signed cannot be "
            f"restored. {_RESTORE}"
        )
    if lines[0] != b"null,":
        _compact(lines[0][:-1])
    stamps = _TIME_STAMP_LINE.findall(manifest)
    if len(stamps) > 1 or not all(map(_TIME_STAMP.fullmatch, stamps)):
        raise BundleError(
            "manifest.json has more than base64 in the line of its time stamp, which no signature covers. "
            + _RESTORE
        )
    # On the bytes: JSON that is parsed and written again may have other numbers and escapes.
    return _SIGNATURE_LINE.sub(_UNSIGNED, _TIME_STAMP_LINE.sub(b"", manifest))


def judgement_bytes(canonical: bytes) -> bytes:
    """Return the canonical bytes without the entries of files that are written after the reports."""
    return _AFTER_REPORTS.sub(b"", canonical)


def judgement_sha256(manifest: bytes) -> str:
    """Return the digest of the subject `judgement`. BundleError: as `canonical_bytes`."""
    return _sha256(judgement_bytes(canonical_bytes(manifest)))


def _compact(value: bytes) -> dict[str, Any]:
    """Parse an envelope. BundleError: it is not an object without whitespace and repeated keys."""
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError as problem:
        raise BundleError(
            f"The signature in manifest.json is followed by something else, or is not JSON. {_RESTORE}"
        ) from problem
    # Encoding it again shows repeated keys and whitespace, which parsing does not.
    if not isinstance(document, dict) or orjson.dumps(document) != value:
        raise BundleError(f"The signature in manifest.json is not a compact JSON object. {_RESTORE}")
    return document


def statement_bytes(attestation: Attestation) -> bytes:
    """Return the in-toto statement, the payload of the envelope."""
    subjects = {
        MANIFEST_SUBJECT: attestation.manifest_sha256,
        JUDGEMENT_SUBJECT: attestation.judgement_sha256,
    }
    key = attestation.key
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in subjects.items()],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "scan_id": attestation.scan_id,
            "previous_manifest_sha256": attestation.previous_sha256,
            "key": {"id": key.id, "sha256": key.fingerprint, "algorithm": key.algorithm},
        },
    }
    return orjson.dumps(statement)


def attest(manifest: bytes, key: SigningKey, scan_id: str, previous_sha256: str | None) -> Attestation:
    """Return the statement about a manifest. BundleError: as `canonical_bytes`."""
    canonical = canonical_bytes(manifest)
    return Attestation(
        scan_id=scan_id,
        manifest_sha256=_sha256(canonical),
        judgement_sha256=_sha256(judgement_bytes(canonical)),
        previous_sha256=previous_sha256,
        key=key,
    )


def signed_message(payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """Return DSSE's pre-authentication encoding: the bytes that are signed."""
    kind = payload_type.encode()
    # With the lengths, no byte can pass from the type to the payload (DSSE, "Protocol").
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def envelope_document(payload: bytes, key_id: str, signature: bytes) -> dict[str, Any]:
    """Return the DSSE envelope: the value of the manifest's key `signature`."""
    return {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": key_id, "sig": base64.b64encode(signature).decode()}],
    }


def signed_statement(manifest: bytes, scan_id: str) -> SignedStatement | None:
    """Return the statement of a manifest and its signature; None: the manifest is not signed.

    The statement is compared with the manifest and its scan id, but the signature is not verified: that needs
    a key. BundleError: the envelope or the statement is malformed, or is about another manifest.
    """
    canonical = canonical_bytes(manifest)
    (line,) = _SIGNATURE_LINE.findall(manifest)
    if line == b"null,":
        return None
    payload, key_id, signature = _opened(_compact(line[:-1]))
    attestation = _parse_statement(payload)
    # The key id of the envelope is not signed (DSSE, "Protocol"), so it has to repeat the signed one.
    if attestation.key.id != key_id:
        raise BundleError(
            f"The envelope in manifest.json names the key {key_id[:200]}, and the statement in it the key "
            f"{attestation.key.id[:200]}. {_RESTORE}"
        )
    _check_subjects(attestation, canonical, scan_id)
    return SignedStatement(attestation, signed_message(payload), signature)


def signing_of(manifest: bytes, scan_id: str) -> Signing | None:
    """Return what reports print about the signature of a manifest; None: another program wrote it.

    BundleError: as `signed_statement`.
    """
    try:
        digest = judgement_sha256(manifest)
    except BundleError:
        return None
    statement = signed_statement(manifest, scan_id)
    return Signing(digest, None if statement is None else statement.attestation.key)


def _opened(envelope: Mapping[str, Any]) -> tuple[bytes, str, bytes]:
    """Return payload, key id and signature of an envelope. BundleError: it is not one of ours."""
    if set(envelope) != {"payload", "payloadType", "signatures"}:
        raise BundleError(f"The signature in manifest.json is not a DSSE envelope. {_RESTORE}")
    if envelope["payloadType"] != PAYLOAD_TYPE:
        raise BundleError(
            f"The envelope in manifest.json has the payload type {str(envelope['payloadType'])[:80]!r}, not "
            f"{PAYLOAD_TYPE!r}. {_RESTORE}"
        )
    signatures = envelope["signatures"]
    if not isinstance(signatures, list) or len(signatures) != 1:
        raise BundleError(f"The envelope in manifest.json does not have exactly one signature. {_RESTORE}")
    signature = signatures[0]
    if not isinstance(signature, dict) or set(signature) != {"keyid", "sig"}:
        raise BundleError(f"The envelope in manifest.json has a signature without key id. {_RESTORE}")
    payload = _decoded(envelope["payload"], "payload")
    return payload, str(signature["keyid"]), _decoded(signature["sig"], "signature")


def _decoded(text: object, what: str) -> bytes:
    """Decode base64, in its only spelling: a lenient decoder would accept changed bytes."""
    try:
        data = base64.b64decode(str(text), validate=True)
    except (binascii.Error, ValueError) as problem:
        raise BundleError(f"The {what} in manifest.json is not base64: {problem}. {_RESTORE}") from problem
    if base64.b64encode(data).decode() != text:
        raise BundleError(f"The {what} in manifest.json is not base64 as it was written. {_RESTORE}")
    return data


def _parse_statement(payload: bytes) -> Attestation:
    """Parse a statement. BundleError: it is not JSON, or not a statement about a scan."""
    try:
        document = orjson.loads(payload)
        attestation = _attestation(document)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as problem:
        raise BundleError(
            f"The signed statement in manifest.json is not an in-toto statement about a scan. {_RESTORE}"
        ) from problem
    # Contents that this version does not know would be signed, but never shown.
    if statement_bytes(attestation) != payload:
        raise BundleError(
            f"The signed statement in manifest.json has contents that are not known here. {_RESTORE}"
        )
    return attestation


def _attestation(document: Mapping[str, Any]) -> Attestation:
    predicate, subjects = document["predicate"], document["subject"]
    digests = {subject["name"]: subject["digest"]["sha256"] for subject in subjects}
    key, previous = predicate["key"], predicate["previous_manifest_sha256"]
    for text in (predicate["scan_id"], key["id"], key["algorithm"]):
        if not isinstance(text, str):
            raise TypeError(text)
    for digest in (*digests.values(), key["sha256"], *(() if previous is None else (previous,))):
        if not _DIGEST.fullmatch(digest):
            raise ValueError(digest)
    return Attestation(
        scan_id=predicate["scan_id"],
        manifest_sha256=digests[MANIFEST_SUBJECT],
        judgement_sha256=digests[JUDGEMENT_SUBJECT],
        previous_sha256=previous,
        key=SigningKey(id=key["id"], fingerprint=key["sha256"], algorithm=key["algorithm"]),
    )


def _check_subjects(attestation: Attestation, canonical: bytes, scan_id: str) -> None:
    """Compare a statement with the manifest that it is in. BundleError: it is about another one."""
    if attestation.scan_id != scan_id:
        raise BundleError(
            f"The signature in manifest.json is that of another scan, {attestation.scan_id[:80]!r}: this one "
            f"is {scan_id[:80]!r}. {_RESTORE}"
        )
    if attestation.manifest_sha256 == _sha256(canonical):
        return
    # Only files that are written after the reports differ.
    if attestation.judgement_sha256 == _sha256(judgement_bytes(canonical)):
        raise BundleError(
            "Reports were written after the scan was signed: the signature covers findings and evidence, but "
            f"not reports.sha256. {_RESTORE}"
        )
    raise BundleError(
        "manifest.json was changed after it was signed: its SHA-256 is not the signed one. " + _RESTORE
    )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
