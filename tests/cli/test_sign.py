"""`audit sign` and the signing options, on a real scan."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from typer.testing import CliRunner, Result

from scanner.cli.commands import audit as commands
from scanner.evidence.attestation import signed_statement
from scanner.evidence.keys import parse_public_key, public_key_of_der
from scanner.model.signing import SignedStatement
from tests.fakes.tsa import Authority, openssl, time_stamping_authority

BUNDLE = Path(__file__).resolve().parents[2] / "sample_reports" / "bundle"
FEW = ("--controls", "vault-locked", "--format", "csv", "--quiet")


def audit(*words: object, **environment: str) -> Result:
    """Run a command in this process, which has already imported and compiled what it needs."""
    own: dict[str, str | None] = {
        name: None for name in os.environ if name.startswith(("AWS_", "VAULTPROOF_SIGN"))
    }
    settings = own | {"AWS_EC2_METADATA_DISABLED": "true"} | environment
    return CliRunner().invoke(commands, [*map(str, words)], env=settings)


def statement(scan: Path) -> SignedStatement:
    raw = (scan / "manifest.json").read_bytes()
    signed = signed_statement(raw, json.loads(raw)["scan_id"])
    assert signed is not None
    return signed


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    openssl(folder, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "key.pem")
    openssl(folder, "pkey", "-in", "key.pem", "-pubout", "-out", "public.pem")
    openssl(folder, "pkey", "-in", "key.pem", "-aes256", "-passout", "pass:secret", "-out", "locked.pem")
    return folder


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scans") / "judged"
    done = audit("evaluate", BUNDLE, "--out", folder, *FEW)
    assert done.exit_code == 0, done.stderr
    return folder


@pytest.fixture
def scan(judged: Path, tmp_path: Path) -> Path:
    return shutil.copytree(judged, tmp_path / "scan")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with time_stamping_authority(tmp_path_factory.mktemp("tsa")) as running:
        yield running


@pytest.fixture(scope="module")
def aws() -> Iterator[dict[str, str]]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    server.stop()


def kms(aws: dict[str, str]) -> Any:
    return boto3.client(
        "kms",
        region_name="eu-central-1",
        endpoint_url=aws["AWS_ENDPOINT_URL"],
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )


def test_a_scan_is_signed_while_it_is_evaluated(
    judged: Path, keys: Path, authority: Authority, tmp_path: Path
) -> None:
    out = tmp_path / "signed"
    done = audit(
        *("evaluate", BUNDLE, "--out", out, "--sign-key", keys / "locked.pem", "--previous", judged),
        *("--timestamp-url", authority.url, *FEW),
        VAULTPROOF_SIGN_KEY_PASSWORD="secret",
    )
    assert done.exit_code == 0, done.stderr
    signed = statement(out)
    public = parse_public_key((keys / "public.pem").read_bytes(), "public.pem")
    assert public.verifies(signed.signature, signed.message)
    assert signed.attestation.key == public.identity()
    previous = openssl(judged, "dgst", "-sha256", "-r", "manifest.json").split()[0].decode()
    assert signed.attestation.previous_sha256 == previous
    manifest = json.loads((out / "manifest.json").read_bytes())
    assert base64.b64decode(manifest["time_stamp"])
    before = json.loads((judged / "manifest.json").read_bytes())
    assert {**manifest, "signature": None, "files": {}} == {
        **before,
        "time_stamp": manifest["time_stamp"],
        "files": {},
    }
    words = ("report", out, "--format", "csv", "--out", tmp_path / "csv")
    subprocess.run((sys.executable, "-m", "scanner", *map(str, words)), check=True, capture_output=True)


def test_a_signed_scan_takes_no_more_reports(scan: Path, keys: Path) -> None:
    assert audit("sign", scan, "--sign-key", keys / "key.pem").exit_code == 0
    done = audit("report", scan, "--format", "markdown")
    assert (done.exit_code, "is signed, so no reports can be added" in done.stderr) == (2, True)


def test_the_former_scan_of_since_is_the_previous_one(judged: Path, keys: Path, tmp_path: Path) -> None:
    out = tmp_path / "signed"
    done = audit("evaluate", BUNDLE, "--out", out, "--since", judged, "--sign-key", keys / "key.pem", *FEW)
    assert done.exit_code == 0, done.stderr
    assert statement(out).attestation.previous_sha256 is not None


def test_a_scan_that_exists_is_signed_once(scan: Path, keys: Path) -> None:
    done = audit("sign", scan, VAULTPROOF_SIGN_KEY=str(keys / "key.pem"))
    assert (done.exit_code, done.stderr) == (0, f"{scan} is signed. Check it with: audit verify {scan}\n")
    assert statement(scan).attestation.previous_sha256 is None
    again = audit("sign", scan, "--sign-key", keys / "key.pem")
    assert (again.exit_code, "is signed already: replace the signature with --force" in again.stderr) == (
        2,
        True,
    )
    assert audit("sign", scan, "--sign-key", keys / "key.pem", "--force", "--quiet").exit_code == 0


def test_a_bundle_is_signed(keys: Path, tmp_path: Path) -> None:
    bundle = shutil.copytree(BUNDLE, tmp_path / "bundle")
    assert audit("sign", bundle, "--sign-key", keys / "key.pem").exit_code == 0
    assert statement(bundle)
    assert audit("evaluate", bundle, "--out", tmp_path / "judged", *FEW).exit_code == 0
    assert json.loads((tmp_path / "judged" / "manifest.json").read_bytes())["signature"] is None


def test_a_bundle_that_was_signed_and_is_judged_in_its_folder_is_not_signed(
    keys: Path, tmp_path: Path
) -> None:
    bundle = shutil.copytree(BUNDLE, tmp_path / "bundle")
    assert audit("sign", bundle, "--sign-key", keys / "key.pem").exit_code == 0
    assert audit("evaluate", bundle, *FEW).exit_code == 0
    assert json.loads((bundle / "manifest.json").read_bytes())["signature"] is None


def test_changed_files_are_not_signed(scan: Path, keys: Path) -> None:
    (scan / "reports.sha256").write_text("")
    done = audit("sign", scan, "--sign-key", keys / "key.pem")
    assert (done.exit_code, "reports.sha256 is not the file that manifest.json names" in done.stderr) == (
        6,
        True,
    )


def test_an_edited_signed_scan_is_read_by_no_command(scan: Path, keys: Path) -> None:
    assert audit("sign", scan, "--sign-key", keys / "key.pem").exit_code == 0
    manifest = scan / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"organization_id": "o-', '"organization_id": "o-x'))
    again = ("sign", scan, "--sign-key", keys / "key.pem", "--force")
    for words in (("report", scan, "--out", scan / "new"), ("query", scan, "SELECT 1"), again):
        done = audit(*words)
        assert (done.exit_code, "manifest.json was changed after it was signed" in done.stderr) == (6, True)


def test_a_time_stamp_is_added_later(scan: Path, keys: Path, authority: Authority) -> None:
    unsigned = audit("sign", scan, "--timestamp-url", authority.url)
    assert (unsigned.exit_code, "is not signed" in unsigned.stderr) == (2, True)
    assert audit("sign", scan, "--sign-key", keys / "key.pem").exit_code == 0
    before = statement(scan)
    assert audit("sign", scan, "--timestamp-url", authority.url).exit_code == 0
    assert statement(scan) == before
    assert "time_stamp" in json.loads((scan / "manifest.json").read_bytes())


def test_a_scan_without_its_time_stamp_is_complete_and_ends_with_5(
    keys: Path, tmp_path: Path, authority: Authority
) -> None:
    out = tmp_path / "signed"
    authority.answers.append((404, "text/plain", b""))
    done = audit(
        *("evaluate", BUNDLE, "--out", out, "--sign-key", keys / "key.pem"),
        *("--timestamp-url", authority.url, *FEW),
    )
    assert done.exit_code == 5
    assert "error: The time stamping authority" in done.stderr
    assert "audit sign SCAN_DIR --timestamp-url URL" in done.stderr
    assert statement(out)


def test_a_kms_key_signs(scan: Path, aws: dict[str, str]) -> None:
    client = kms(aws)
    arn = client.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    done = audit("sign", scan, "--sign-kms", arn, **aws)
    assert done.exit_code == 0, done.stderr
    signed = statement(scan)
    assert signed.attestation.key.id == arn
    public = public_key_of_der(client.get_public_key(KeyId=arn)["PublicKey"], arn)
    assert public.verifies(signed.signature, signed.message)


def test_a_kms_key_that_does_not_exist_ends_before_anything_is_judged(
    tmp_path: Path, aws: dict[str, str]
) -> None:
    arn = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    done = audit("evaluate", BUNDLE, "--out", tmp_path / "out", "--sign-kms", arn, *FEW, **aws)
    assert (done.exit_code, "NotFoundException" in done.stderr) == (2, True)
    assert not (tmp_path / "out").exists()


def test_audit_yaml_names_the_key(keys: Path, tmp_path: Path) -> None:
    config = tmp_path / "audit.yaml"
    config.write_text(f"sign:\n  key: {keys / 'key.pem'}\n")
    done = audit("evaluate", BUNDLE, "--out", tmp_path / "out", "--config", config, *FEW)
    assert done.exit_code == 0, done.stderr
    assert statement(tmp_path / "out")
    config.write_text(f"sign:\n  key: key.pem\n  kms_key: arn:aws:kms:eu-west-1:{'1' * 12}:alias/audit\n")
    both = audit("evaluate", BUNDLE, "--out", tmp_path / "two", "--config", config, *FEW)
    assert (both.exit_code, "sign has both key and kms_key (remove one of them)" in both.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--sign-key", "no-such-file"), "no-such-file cannot be read: No such file"),
        (("--sign-kms", "alias/audit"), "is not the ARN of a KMS key"),
        (("--sign-key", "a", "--sign-kms", "b"), "--sign-key and --sign-kms cannot be combined"),
        (("--timestamp-url", "https://tsa.example.com"), "--timestamp-url requires --sign-key or --sign-kms"),
        (("--previous", "scan"), "--previous requires --sign-key or --sign-kms"),
        (
            ("--sign-key", "a", "--timestamp-url", "tsa"),
            "'tsa' is not the address of a time stamping authority",
        ),
        (("--sign-key", "a", "--previous", "nothing"), "nothing/manifest.json cannot be read"),
    ],
)
def test_mistakes_are_found_before_anything_is_judged(
    words: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    done = audit("evaluate", BUNDLE, "--out", tmp_path / "out", *words, *FEW)
    assert done.exit_code in {2, 6}
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_key_is_needed(scan: Path) -> None:
    done = audit("sign", scan)
    assert (done.exit_code, "Name the key: --sign-key FILE or --sign-kms ARN" in done.stderr) == (2, True)


def verified(scan: object, *words: object, **environment: str) -> tuple[int, dict[str, str], str]:
    """Return exit code, results by name and the conclusion of `audit verify`."""
    done = audit("verify", scan, "--format", "json", *words, **environment)
    document = json.loads(done.stdout)
    return done.exit_code, {row["name"]: row["result"] for row in document["checks"]}, document["conclusion"]


def test_audit_verify_verifies_signature_time_stamp_and_chain(
    judged: Path, keys: Path, authority: Authority, tmp_path: Path
) -> None:
    scan = shutil.copytree(judged, tmp_path / "scan")
    options = ("--sign-key", keys / "key.pem", "--timestamp-url", authority.url, "--previous", judged)
    assert audit("sign", scan, *options).exit_code == 0
    key = ("--public-key", keys / "public.pem")
    code, results, conclusion = verified(scan, *key, "--tsa-root", authority.root, "--chain", judged)
    assert code == 0
    assert {results[name] for name in ("signature", "time_stamp", "chain")} == {"ok"}
    assert "not verified" not in conclusion
    code, results, conclusion = verified(scan)
    assert code == 0
    assert {results[name] for name in ("signature", "time_stamp", "chain")} == {"not_checked"}
    assert "The signature was not verified, so this proves that nothing changed" in conclusion


def test_audit_verify_fails_for_an_unsigned_scan_if_a_key_is_given(judged: Path, keys: Path) -> None:
    code, results, _ = verified(judged, "--public-key", keys / "public.pem")
    assert (code, results["signature"]) == (6, "failed")
    assert "time_stamp" not in results
    assert verified(judged)[:1] == (0,)


def test_audit_verify_fails_for_another_key(scan: Path, keys: Path, tmp_path: Path) -> None:
    assert audit("sign", scan, "--sign-key", keys / "key.pem").exit_code == 0
    openssl(tmp_path, "genpkey", "-algorithm", "ED25519", "-out", "key.pem")
    openssl(tmp_path, "pkey", "-in", "key.pem", "-pubout", "-out", "other.pem")
    code, results, _ = verified(scan, "--public-key", tmp_path / "other.pem")
    assert (code, results["signature"]) == (6, "failed")


def test_audit_verify_gets_the_key_from_kms(scan: Path, aws: dict[str, str]) -> None:
    client = kms(aws)
    arn = client.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    assert audit("sign", scan, "--sign-kms", arn, **aws).exit_code == 0
    code, results, _ = verified(scan, "--kms", arn, **aws)
    assert (code, results["signature"]) == (0, "ok")


def test_mistakes_in_the_keys_of_audit_verify(judged: Path, keys: Path) -> None:
    for words, message in (
        (("--public-key", keys / "key.pem"), "key.pem is a private key. Use the public one"),
        (("--public-key", "nothing"), "nothing cannot be read: No such file"),
        (("--public-key", "a", "--kms", "b"), "--public-key and --kms cannot be combined"),
        (("--tsa-root", "nothing"), "nothing cannot be read: No such file"),
    ):
        done = audit("verify", judged, *words)
        assert (done.exit_code, message in done.stderr) == (2, True), done.stderr


def test_a_scan_in_a_bucket_is_signed_there(keys: Path, aws: dict[str, str]) -> None:
    s3 = boto3.client(
        "s3", endpoint_url=aws["AWS_ENDPOINT_URL"], aws_access_key_id="x", aws_secret_access_key="x"
    )
    s3.create_bucket(Bucket="signed-scans")
    place, environment = "s3://signed-scans/today", {**aws, "AWS_DEFAULT_REGION": "us-east-1"}
    done = audit("evaluate", BUNDLE, "--out", place, "--sign-key", keys / "key.pem", *FEW, **environment)
    assert done.exit_code == 0, done.stderr
    before = s3.get_object(Bucket="signed-scans", Key="today/manifest.json")["Body"].read()
    arn = kms(aws).create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    again = audit("sign", place, "--sign-kms", arn, "--force", "--previous", place, **environment)
    assert again.exit_code == 0, again.stderr
    after = s3.get_object(Bucket="signed-scans", Key="today/manifest.json")["Body"].read()
    signed = signed_statement(after, json.loads(after)["scan_id"])
    assert signed is not None
    assert signed.attestation.key.id == arn
    assert signed.attestation.previous_sha256 == hashlib.sha256(before).hexdigest()
    code, results, _ = verified(place, "--kms", arn, **environment)
    assert (code, results["signature"]) == (0, "ok")
