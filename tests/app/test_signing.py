"""Signing of manifests: the last step, whole or not done."""

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scanner.app.signing import (
    PASSWORD,
    Signer,
    key_file_signer,
    manifest_sha256,
    sign_scan,
    stamp_scan,
    time_stamper,
)
from scanner.errors import BundleError, OutputError, UsageError
from scanner.evidence.attestation import signed_statement
from scanner.evidence.keys import parse_public_key
from scanner.evidence.manifest import manifest_bytes
from scanner.evidence.time_stamps import decoded, verified_time
from scanner.model.signing import SignedStatement
from tests.fakes.tsa import Authority, openssl, time_stamping_authority

MANIFEST = {
    "schema": "backup-audit/manifest/2",
    "scan_id": "scan-1",
    "files": {"findings/aws-organization.parquet": "0" * 64, "reports.sha256": "1" * 64},
    "signature": None,
    "capabilities_as_of": "2026-11-01",
}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with time_stamping_authority(tmp_path_factory.mktemp("tsa")) as running:
        yield running


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    folder = tmp_path / "scan"
    folder.mkdir()
    (folder / "manifest.json").write_bytes(manifest_bytes(MANIFEST))
    return folder


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    openssl(tmp_path, "genpkey", "-algorithm", "ED25519", "-out", "key.pem")
    return key_file_signer(tmp_path / "key.pem", "")


def raw(scan: Path) -> bytes:
    return (scan / "manifest.json").read_bytes()


def statement(scan: Path) -> SignedStatement:
    signed = signed_statement(raw(scan), "scan-1")
    assert signed is not None
    return signed


def test_a_signed_manifest_changes_only_in_its_signature(scan: Path, signer: Signer) -> None:
    sign_scan(scan, replace(signer, previous_sha256="2" * 64))
    document = json.loads(raw(scan))
    assert {**document, "signature": None} == MANIFEST
    assert list(document) == list(MANIFEST)
    signed = statement(scan)
    assert signer.public.verifies(signed.signature, signed.message)
    assert signed.attestation.previous_sha256 == "2" * 64
    assert signed.attestation.key == signer.key
    assert signed.attestation.manifest_sha256 == hashlib.sha256(manifest_bytes(MANIFEST)).hexdigest()


def test_a_scan_is_signed_again(scan: Path, signer: Signer, authority: Authority) -> None:
    sign_scan(scan, replace(signer, stamp=time_stamper(authority.url)))
    assert "time_stamp" in json.loads(raw(scan))
    first = statement(scan).attestation
    sign_scan(scan, signer)
    assert statement(scan).attestation == first
    assert "time_stamp" not in json.loads(raw(scan))  # it was that of the replaced signature


def test_a_time_stamp_is_one_of_the_signature(scan: Path, signer: Signer, authority: Authority) -> None:
    sign_scan(scan, replace(signer, stamp=time_stamper(authority.url)))
    token = decoded(json.loads(raw(scan))["time_stamp"])
    assert verified_time(token, statement(scan).signature, authority.root.read_bytes(), "root.pem")
    assert raw(scan).count(b'\n  "time_stamp": "') == 1


def test_without_a_time_stamp_the_scan_is_signed_nevertheless(
    scan: Path, signer: Signer, authority: Authority
) -> None:
    authority.answers.append((404, "text/plain", b""))
    with pytest.raises(OutputError, match="HTTP 404") as raised:
        sign_scan(scan, replace(signer, stamp=time_stamper(authority.url)))
    assert "signed without a time stamp" in raised.value.__notes__[0]
    assert "time_stamp" not in json.loads(raw(scan))
    assert statement(scan)
    stamp_scan(scan, time_stamper(authority.url))
    assert "time_stamp" in json.loads(raw(scan))
    assert statement(scan)


def test_a_signature_that_does_not_verify_is_not_written(scan: Path, signer: Signer) -> None:
    before = raw(scan)
    with pytest.raises(OutputError, match="was not signed: the signature does not verify"):
        sign_scan(scan, replace(signer, sign=lambda _: b"no signature"))
    assert raw(scan) == before


def test_an_edited_scan_is_not_signed_again(scan: Path, signer: Signer) -> None:
    sign_scan(scan, signer)
    (scan / "manifest.json").write_bytes(raw(scan).replace(b"0" * 64, b"3" * 64))
    with pytest.raises(BundleError, match="was changed after it was signed"):
        sign_scan(scan, signer)


def test_only_a_signed_scan_is_stamped(scan: Path, authority: Authority) -> None:
    with pytest.raises(UsageError, match="is not signed: sign it with --sign-key"):
        stamp_scan(scan, time_stamper(authority.url))


def test_the_previous_scan_is_named_by_the_bytes_of_its_manifest(scan: Path, tmp_path: Path) -> None:
    assert manifest_sha256(scan) == hashlib.sha256(raw(scan)).hexdigest()
    with pytest.raises(BundleError, match="cannot be read"):
        manifest_sha256(tmp_path / "nothing")


def test_key_files(tmp_path: Path) -> None:
    openssl(
        tmp_path, "genpkey", "-algorithm", "ED25519", "-aes256", "-pass", "pass:secret", "-out", "key.pem"
    )
    path = tmp_path / "key.pem"
    signer = key_file_signer(path, "secret")
    openssl(tmp_path, "pkey", "-in", "key.pem", "-passin", "pass:secret", "-pubout", "-out", "public.pem")
    public = parse_public_key((tmp_path / "public.pem").read_bytes(), "public.pem")
    assert signer.key == public.identity()
    with pytest.raises(UsageError, match=f"is encrypted: set {PASSWORD}"):
        key_file_signer(path, "")
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        key_file_signer(tmp_path / "nothing", "")
    (tmp_path / "large").write_bytes(b" " * (65 << 10))
    with pytest.raises(UsageError, match="more than 65,536 bytes"):
        key_file_signer(tmp_path / "large", "")


def test_the_value_of_a_time_stamp_is_base64() -> None:
    with pytest.raises(BundleError, match=r"time stamp in manifest\.json is not base64"):
        decoded("no base64!")
    assert decoded(base64.b64encode(b"token").decode()) == b"token"
