"""The chain of signed scans: none is left out, and none is another."""

from dataclasses import replace
from pathlib import Path

import pytest

from scanner.app.signing import Signer, key_file_signer, manifest_sha256, sign_scan
from scanner.evidence.chain import chain_check
from scanner.evidence.manifest import manifest_bytes
from scanner.evidence.verification import CheckResult
from tests.fakes.tsa import openssl


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    openssl(tmp_path, "genpkey", "-algorithm", "ED25519", "-out", "key.pem")
    return key_file_signer(tmp_path / "key.pem", "")


def scan(folder: Path, signer: Signer | None, previous: Path | None = None) -> Path:
    folder.mkdir()
    document = {
        "schema": "backup-audit/manifest/1",
        "scan_id": folder.name,
        "evaluated_as_of": "2026-11-22T18:00:00Z",
        "scope": {"accounts": ["111111111111"], "regions": ["eu-west-1"]},
        "accounts": [{"id": "111111111111"}],
        "signature": None,
        "files": {},
    }
    (folder / "manifest.json").write_bytes(manifest_bytes(document))
    if signer is not None:
        sha256 = None if previous is None else manifest_sha256(previous)
        sign_scan(folder, replace(signer, previous_sha256=sha256))
    return folder


def test_all_scans_of_a_chain_are_followed_in_any_order(tmp_path: Path, signer: Signer) -> None:
    first = scan(tmp_path / "1", signer)
    second = scan(tmp_path / "2", signer, first)
    third = scan(tmp_path / "3", signer, second)
    for earlier in ((first, second), (second, first), (second,)):
        assert chain_check(third, earlier).result is CheckResult.OK
    assert "up to the first one" in chain_check(third, (first, second)).detail
    assert manifest_sha256(first) in chain_check(third, (second,)).detail


def test_a_scan_that_is_left_out_or_changed_or_strange_is_reported(tmp_path: Path, signer: Signer) -> None:
    first = scan(tmp_path / "1", signer)
    second = scan(tmp_path / "2", signer, first)
    third = scan(tmp_path / "3", signer, second)
    stranger = scan(tmp_path / "stranger", signer)
    left_out = chain_check(third, (first,))
    assert left_out.result is CheckResult.FAILED
    assert manifest_sha256(second) in left_out.detail
    unused = chain_check(third, (first, second, stranger))
    assert (unused.result, "stranger" in unused.detail) == (CheckResult.FAILED, True)
    sign_scan(second, replace(signer, previous_sha256="0" * 64))
    assert chain_check(third, (first, second)).result is CheckResult.FAILED


def test_without_folders_or_signature_nothing_is_ok(tmp_path: Path, signer: Signer) -> None:
    first = scan(tmp_path / "1", signer)
    second = scan(tmp_path / "2", signer, first)
    assert chain_check(second, ()).result is CheckResult.NOT_CHECKED
    assert chain_check(first, ()).result is CheckResult.MISSING
    assert chain_check(scan(tmp_path / "unsigned", None), (first,)).result is CheckResult.FAILED
    assert chain_check(second, (tmp_path / "nothing",)).result is CheckResult.FAILED
