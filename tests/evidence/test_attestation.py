"""The signed statement in a manifest: what it covers, and what is refused."""

import base64
import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from scanner.errors import BundleError
from scanner.evidence.attestation import (
    PAYLOAD_TYPE,
    attest,
    canonical_bytes,
    envelope_document,
    judgement_sha256,
    signed_message,
    signed_statement,
    statement_bytes,
)
from scanner.evidence.manifest import manifest_bytes, read_document
from scanner.model.signing import SigningKey

KEY = SigningKey("sha256:" + "ab" * 32, "ab" * 32, "ECDSA_SHA_256")
DIGEST = "0" * 64
MANIFEST: dict[str, Any] = {
    "schema": "backup-audit/manifest/2",
    "scan_id": "scan-1",
    "evaluated_as_of": "2026-11-22T18:00:00.000Z",
    "scope": {"accounts": ["111111111111"], "regions": ["eu-west-1"]},
    "accounts": [{"id": "111111111111", "name": "J\u00fcrgen \u2028 {test}"}],
    "files": {
        "findings/111111111111.parquet": DIGEST,
        "first-seen.json.gz": DIGEST,
        "inventory/vaults.parquet": DIGEST,
        "reports.sha256": DIGEST,
    },
    "signature": None,
    "capabilities_as_of": "2026-11-01",
    "columns": {"findings": DIGEST},
}
SED = (
    shutil.which("sed") or "sed",
    "-e",
    '/^  "time_stamp": /d',
    "-e",
    's/^  "signature": {.*/  "signature": null,/',
)


def signed(document: dict[str, Any] = MANIFEST, **keys: Any) -> bytes:
    payload = statement_bytes(attest(manifest_bytes(document), KEY, document["scan_id"], None))
    envelope = envelope_document(payload, KEY.id, b"a signature")
    return manifest_bytes({**document, "signature": envelope, **keys})


def changed(raw: bytes, **values: Any) -> bytes:
    document = json.loads(raw)
    document["signature"] |= values
    return manifest_bytes(document)


def test_sed_alone_restores_what_was_signed(tmp_path: Path) -> None:
    stamped = {"signature": None, "time_stamp": "bm8=", **MANIFEST}
    for raw in (signed(), signed(time_stamp="bm8gc3RhbXA="), signed(stamped), manifest_bytes(MANIFEST)):
        (tmp_path / "manifest.json").write_bytes(raw)
        restored = subprocess.run((*SED, "manifest.json"), cwd=tmp_path, capture_output=True, check=True)
        assert restored.stdout == canonical_bytes(raw)
        assert json.loads(restored.stdout)["signature"] is None
    assert canonical_bytes(signed(time_stamp="bm8=")) == manifest_bytes(MANIFEST)


def test_keys_of_the_signature_are_never_last_in_the_manifest_of_another_program() -> None:
    foreign = {key: value for key, value in MANIFEST.items() if key != "capabilities_as_of"}
    raw = signed(foreign, time_stamp="bm8=")
    assert canonical_bytes(raw) == manifest_bytes(foreign)
    statement = signed_statement(raw, "scan-1")
    assert statement is not None
    assert statement.attestation.manifest_sha256 == hashlib.sha256(manifest_bytes(foreign)).hexdigest()


def test_the_judgement_does_not_cover_what_is_written_after_the_reports() -> None:
    early = ("findings/111111111111.parquet", "inventory/vaults.parquet")
    at_report = {**MANIFEST, "files": dict.fromkeys(early, DIGEST)}
    assert judgement_sha256(signed()) == judgement_sha256(manifest_bytes(at_report))
    assert json.loads(manifest_bytes(at_report))["files"].keys() < MANIFEST["files"].keys()


def test_the_statement_of_an_unchanged_manifest() -> None:
    statement = signed_statement(signed(time_stamp="bm8="), "scan-1")
    assert statement is not None
    assert statement.attestation == attest(manifest_bytes(MANIFEST), KEY, "scan-1", None)
    assert statement.signature == b"a signature"
    payload = base64.b64decode(json.loads(signed())["signature"]["payload"])
    assert statement.message == b"DSSEv1 28 %s %d %s" % (PAYLOAD_TYPE.encode(), len(payload), payload)
    assert statement.message == signed_message(payload)
    assert signed_statement(manifest_bytes(MANIFEST), "scan-1") is None


def test_the_statement_follows_in_toto() -> None:
    statement = json.loads(base64.b64decode(json.loads(signed())["signature"]["payload"]))
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert [subject["name"] for subject in statement["subject"]] == ["manifest.json", "judgement"]
    assert statement["predicate"] == {
        "scan_id": "scan-1",
        "previous_manifest_sha256": None,
        "key": {"id": KEY.id, "sha256": KEY.fingerprint, "algorithm": "ECDSA_SHA_256"},
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'"111111111111"', b'"222222222222"', "was changed after it was signed"),
        (b'"scan-1"', b'"scan-2"', "is that of another scan, 'scan-1'"),
        (b'    "reports.sha256": "0', b'    "reports.sha256": "1', "Reports were written after"),
        (b'  "files"', b'   "files"', "was changed after it was signed"),
        (b"}]},\n", b'}]}, "files": {},\n', "followed by something else"),
        (b"}]},\n", b'}],"x": 1},\n', "not a compact JSON object"),
        (b"}]},\n", b"}]}\n,", "in one line of its own"),
        (b'{"payload":"', b'{"payload":"","payload":"', "not a compact JSON object"),
        (b'"time_stamp": "bm8="', b'"time_stamp": "bm8=", "files": {}', "more than base64"),
        (b'  "time_stamp": "bm8=",\n', b'  "time_stamp": "bm8=",\n' * 2, "more than base64"),
        (b'"payload":"ey', b'"payload":"e!', "payload in manifest.json is not base64"),
        (b'"payload":"eyJf', b'"payload":"W10s', "not an in-toto statement"),
        (b'"sig":"YSBzaWduYXR1cmU="', b'"sig":"YSBzaWduYXR1cmX="', "not base64 as it was written"),
        (b'"sig":"YSBzaWduYXR1cmU="', b'"sig":17', "signature in manifest.json is not base64"),
    ],
)
def test_an_edited_manifest_is_refused(old: bytes, new: bytes, message: str, tmp_path: Path) -> None:
    raw = signed(time_stamp="bm8=")
    edited = raw.replace(old, new)
    assert edited != raw
    with pytest.raises(BundleError, match=message):
        signed_statement(edited, json.loads(edited)["scan_id"] if b"scan-2" in edited else "scan-1")
    (tmp_path / "manifest.json").write_bytes(edited)
    with pytest.raises(BundleError):
        read_document(tmp_path)


def test_an_envelope_of_another_form_is_refused() -> None:
    raw = signed()
    signatures = json.loads(raw)["signature"]["signatures"]
    for values, message in (
        ({"signatures": signatures * 2}, "exactly one signature"),
        ({"signatures": []}, "exactly one signature"),
        ({"signatures": ["no"]}, "without key id"),
        ({"signatures": [{**signatures[0], "keyid": "another"}]}, "names the key another"),
        ({"payloadType": "text/plain"}, "payload type 'text/plain'"),
        ({"more": 1}, "not a DSSE envelope"),
    ):
        with pytest.raises(BundleError, match=message):
            signed_statement(changed(raw, **values), "scan-1")


def test_a_statement_of_another_form_is_refused() -> None:
    raw = signed()
    statement = json.loads(base64.b64decode(json.loads(raw)["signature"]["payload"]))
    subjects = statement["subject"]
    for values in (
        {"subject": subjects[:1]},
        {"subject": [*subjects, subjects[0]]},
        {"subject": [{"name": "manifest.json", "digest": {"sha256": "short"}}, subjects[1]]},
        {"predicateType": "https://example.com/other"},
        {"predicate": {**statement["predicate"], "scan_id": 1}},
        {"predicate": {**statement["predicate"], "more": 1}},
    ):
        payload = json.dumps({**statement, **values}, separators=(",", ":")).encode()
        with pytest.raises(BundleError, match="The signed statement in manifest"):
            signed_statement(changed(raw, payload=base64.b64encode(payload).decode()), "scan-1")


def test_trailing_bytes_after_the_statement_are_refused() -> None:
    raw = signed()
    payload = base64.b64decode(json.loads(raw)["signature"]["payload"]) + b"\n"
    with pytest.raises(BundleError, match="contents that are not known"):
        signed_statement(changed(raw, payload=base64.b64encode(payload).decode()), "scan-1")
