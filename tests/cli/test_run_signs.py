"""`audit run` signs as its last step; without the signature the scan is complete."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from scanner.app.signing import Signer, key_file_signer
from scanner.cli import run_actions
from scanner.cli.commands import audit
from scanner.errors import OutputError
from scanner.evidence.attestation import signed_statement
from scanner.model.signing import Attestation
from tests.cli.test_run_notifies import CONTROL
from tests.fakes.tsa import openssl

pytestmark = pytest.mark.usefixtures("two_volumes_collected")


@pytest.fixture(autouse=True)
def without_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    openssl(tmp_path, "genpkey", "-algorithm", "ED25519", "-out", "key.pem")
    openssl(tmp_path, "pkey", "-in", "key.pem", "-pubout", "-out", "public.pem")
    return tmp_path


def run(folder: Path, *words: object) -> Result:
    options = ("--controls", CONTROL, "--format", "html", "-q")
    return CliRunner().invoke(audit, list(map(str, ("run", "--out", folder, *options, *words))))


def attestation(folder: Path) -> Attestation:
    raw = (folder / "manifest.json").read_bytes()
    signed = signed_statement(raw, json.loads(raw)["scan_id"])
    assert signed is not None
    return signed.attestation


def test_a_scan_and_the_next_one_are_signed_and_linked(keys: Path) -> None:
    assert run(keys / "one", "--sign-key", keys / "key.pem").exit_code == 0
    done = run(keys / "two", "--sign-key", keys / "key.pem", "--since", keys / "one")
    assert done.exit_code == 0, done.stderr
    assert attestation(keys / "one").previous_sha256 is None
    digest = openssl(keys / "one", "dgst", "-sha256", "-r", "manifest.json").split()[0].decode()
    assert attestation(keys / "two").previous_sha256 == digest
    words = ("verify", keys / "two", "--public-key", keys / "public.pem", "--chain", keys / "one")
    verified = CliRunner().invoke(audit, [*map(str, words), "--format", "json"])
    results = {row["name"]: row["result"] for row in json.loads(verified.stdout)["checks"]}
    assert (results["signature"], results["chain"]) == ("ok", "ok")
    assert verified.exit_code == 0


def test_the_report_prints_the_digest_that_the_statement_has(keys: Path) -> None:
    config = keys / "audit.yaml"
    config.write_text(f"sign: {{key: {keys / 'key.pem'}}}\nnotify: {{security_hub: {{role_name: Hub}}}}\n")
    run(keys / "scan", "--config", config)  # what cannot be imported into Security Hub is no part of this
    files = json.loads((keys / "scan" / "manifest.json").read_bytes())["files"]
    assert {"first-seen.json.gz", "reports.sha256"} <= set(files)
    signed = attestation(keys / "scan")
    page = (keys / "scan" / "report.html").read_text()
    assert signed.judgement_sha256 in page
    assert signed.key.fingerprint in page
    assert signed.manifest_sha256 not in page


def test_a_key_that_fails_at_the_end_leaves_a_complete_scan(
    keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: bytes) -> bytes:
        raise OutputError("kms:Sign on KEY failed (DisabledException: disabled). Enable the key.")

    def signer_of(*_: object) -> Signer:
        return replace(key_file_signer(keys / "key.pem", ""), sign=refuse)

    monkeypatch.setattr(run_actions, "signer_of", signer_of)
    done = run(keys / "scan")
    assert done.exit_code == 5
    assert "error: kms:Sign on KEY failed" in done.stderr
    assert "The scan is complete, but not signed. Sign it with: audit sign SCAN_DIR" in done.stderr
    assert json.loads((keys / "scan" / "manifest.json").read_bytes())["signature"] is None
    signed = CliRunner().invoke(audit, ["sign", str(keys / "scan"), "--sign-key", str(keys / "key.pem")])
    assert signed.exit_code == 0, signed.stderr
    assert attestation(keys / "scan").judgement_sha256 in (keys / "scan" / "report.html").read_text()


def test_a_key_that_cannot_be_used_ends_the_scan_before_it_collects(keys: Path) -> None:
    done = run(keys / "scan", "--sign-key", keys / "public.pem")
    assert done.exit_code == 2
    assert "is not a private key in PEM" in done.stderr
    assert not (keys / "scan").exists()
