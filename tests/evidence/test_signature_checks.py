"""What `audit verify` says of signatures and time stamps: of real keys, and a real authority."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scanner.app.signing import Signer, key_file_signer, sign_scan, time_stamper
from scanner.evidence.manifest import manifest_bytes
from scanner.evidence.signature_checks import Trust, signature_checks
from scanner.evidence.verification import CheckResult
from tests.fakes.tsa import Authority, certificates, openssl, time_stamping_authority

MANIFEST: dict[str, Any] = {
    "schema": "backup-audit/manifest/2",
    "scan_id": "scan-1",
    "files": {"findings/aws-organization.parquet": "0" * 64, "reports.sha256": "1" * 64},
    "signature": None,
    "capabilities_as_of": "2026-11-01",
    "columns": {},
}
OK, FAILED, MISSING, NOT_CHECKED = (
    CheckResult.OK,
    CheckResult.FAILED,
    CheckResult.MISSING,
    CheckResult.NOT_CHECKED,
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with time_stamping_authority(tmp_path_factory.mktemp("tsa")) as running:
        yield running


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    folder = tmp_path_factory.mktemp("key")
    openssl(folder, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "key.pem")
    return key_file_signer(folder / "key.pem", "")


@pytest.fixture(scope="module")
def stamped(signer: Signer, authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return signed(tmp_path_factory.mktemp("scan"), replace(signer, stamp=time_stamper(authority.url)))


def signed(folder: Path, signer: Signer) -> bytes:
    (folder / "manifest.json").write_bytes(manifest_bytes(MANIFEST))
    sign_scan(folder, signer)
    return (folder / "manifest.json").read_bytes()


def results(
    raw: bytes, trust: Trust | None = None, finished_at: datetime | None = None
) -> dict[str, tuple[CheckResult, str]]:
    checks = signature_checks(raw, json.loads(raw), finished_at, trust or Trust())
    return {check.name: (check.result, check.detail) for check in checks}


def trusted(signer: Signer, authority: Authority) -> Trust:
    return Trust(
        key=signer.public,
        key_source="public.pem",
        roots=authority.root.read_bytes(),
        roots_source="root.pem",
    )


def test_a_signature_and_its_time_stamp_are_verified(
    stamped: bytes, signer: Signer, authority: Authority
) -> None:
    checks = results(stamped, trusted(signer, authority), datetime.now(UTC))
    assert [result for result, _ in checks.values()] == [OK, OK]
    assert f"ECDSA_SHA_256, fingerprint {signer.key.fingerprint}" in checks["signature"][1]
    assert "an authority below root.pem confirms" in checks["time_stamp"][1]


def test_without_a_key_nothing_is_ok(stamped: bytes, signer: Signer) -> None:
    checks = results(stamped)
    assert [result for result, _ in checks.values()] == [NOT_CHECKED, NOT_CHECKED]
    assert f"by the key {signer.key.id}" in checks["signature"][1]
    assert "--tsa-root" in checks["time_stamp"][1]


def test_what_is_not_signed_is_missing_and_fails_where_a_key_was_given(
    signer: Signer, authority: Authority
) -> None:
    raw = manifest_bytes(MANIFEST)
    assert [result for result, _ in results(raw).values()] == [MISSING]
    checks = results(raw, trusted(signer, authority))
    assert [result for result, _ in checks.values()] == [FAILED, FAILED]
    assert "the signature was removed, or the scan was never signed" in checks["signature"][1]


def test_another_key_fails(stamped: bytes, signer: Signer, authority: Authority, tmp_path: Path) -> None:
    openssl(tmp_path, "genpkey", "-algorithm", "ED25519", "-out", "key.pem")
    other = key_file_signer(tmp_path / "key.pem", "")
    result, detail = results(stamped, replace(trusted(signer, authority), key=other.public))["signature"]
    assert (result, "signed with another key" in detail) == (FAILED, True)


def test_a_forger_who_names_the_right_key_fails(signer: Signer, tmp_path: Path) -> None:
    openssl(tmp_path, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "key.pem")
    forger = key_file_signer(tmp_path / "key.pem", "")
    raw = signed(tmp_path, replace(forger, key=signer.key))
    result, detail = results(raw, Trust(key=signer.public, key_source="public.pem"))["signature"]
    assert (result, "not made with the key in public.pem" in detail) == (FAILED, True)


def test_an_edited_manifest_fails_without_a_key(stamped: bytes) -> None:
    result, detail = results(stamped.replace(b"0" * 64, b"2" * 64))["signature"]
    assert (result, "was changed after it was signed" in detail) == (FAILED, True)


def test_a_time_stamp_of_another_signature_fails(
    stamped: bytes, signer: Signer, authority: Authority, tmp_path: Path
) -> None:
    other = json.loads(signed(tmp_path, replace(signer, previous_sha256="3" * 64)))
    raw = manifest_bytes({**other, "time_stamp": json.loads(stamped)["time_stamp"]})
    for trust in (None, trusted(signer, authority)):
        result, detail = results(raw, trust)["time_stamp"]
        assert (result, "not that of its signature" in detail) == (FAILED, True)


def test_a_time_stamp_without_a_signature_fails(stamped: bytes) -> None:
    raw = manifest_bytes({**json.loads(stamped), "signature": None})
    result, detail = results(raw)["time_stamp"]
    assert (result, "no signature that it could be of" in detail) == (FAILED, True)


def test_a_time_stamp_of_another_authority_fails(
    stamped: bytes, signer: Signer, authority: Authority, tmp_path: Path
) -> None:
    roots = certificates(tmp_path / "other").read_bytes()
    result, detail = results(stamped, replace(trusted(signer, authority), roots=roots))["time_stamp"]
    assert (result, "not signed by an authority below root.pem" in detail) == (FAILED, True)


def test_a_time_stamp_before_the_end_of_the_scan_fails(
    stamped: bytes, signer: Signer, authority: Authority
) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    for trust in (None, trusted(signer, authority)):
        result, detail = results(stamped, trust, later)["time_stamp"]
        assert (result, "is older than the end of the scan" in detail) == (FAILED, True)


def test_a_signature_of_another_kind_fails() -> None:
    raw = manifest_bytes({**MANIFEST, "signature": "PGP"})
    result, detail = results(raw)["signature"]
    assert (result, "not a compact JSON object" in detail) == (FAILED, True)
