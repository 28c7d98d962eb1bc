"""Key files: which are accepted, what they sign, and that OpenSSL verifies it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from scanner.errors import UsageError
from scanner.evidence.keys import KeyFile, parse_private_key, parse_public_key, public_key_of_der

OPENSSL = shutil.which("openssl") or "openssl"
KEYS = {
    "ECDSA_SHA_256": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
    "RSASSA_PKCS1_V1_5_SHA_256": ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
    "ED25519_SHA_512": ("-algorithm", "ED25519"),
}


def openssl(*words: str, folder: Path) -> str:
    done = subprocess.run((OPENSSL, *words), cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def key_file(folder: Path, *words: str) -> Path:
    openssl("genpkey", *words, "-out", "key.pem", folder=folder)
    openssl("pkey", "-in", "key.pem", "-pubout", "-out", "public.pem", folder=folder)
    return folder / "key.pem"


def loaded(path: Path, password: str = "") -> KeyFile:
    return parse_private_key(path.read_bytes(), path.name, password, "PASSWORD")


@pytest.mark.parametrize("algorithm", KEYS)
def test_openssl_verifies_what_a_key_file_signs(algorithm: str, tmp_path: Path) -> None:
    key = loaded(key_file(tmp_path, *KEYS[algorithm]))
    assert key.key.algorithm == algorithm
    (tmp_path / "message").write_bytes(b"DSSEv1 1 a 1 b")
    (tmp_path / "signature").write_bytes(key.sign(b"DSSEv1 1 a 1 b"))
    hashed = () if algorithm == "ED25519_SHA_512" else ("-digest", "sha256")
    verified = openssl(
        *("pkeyutl", "-verify", "-pubin", "-inkey", "public.pem", "-rawin", *hashed),
        *("-in", "message", "-sigfile", "signature"),
        folder=tmp_path,
    )
    assert "Signature Verified Successfully" in verified


@pytest.mark.parametrize("algorithm", KEYS)
def test_the_public_key_verifies_and_has_openssls_fingerprint(algorithm: str, tmp_path: Path) -> None:
    key = loaded(key_file(tmp_path, *KEYS[algorithm]))
    public = parse_public_key((tmp_path / "public.pem").read_bytes(), "public.pem")
    assert public == key.public
    openssl("pkey", "-pubin", "-in", "public.pem", "-outform", "DER", "-out", "public.der", folder=tmp_path)
    digest = openssl("dgst", "-sha256", "-r", "public.der", folder=tmp_path).split()[0]
    assert public.fingerprint == digest
    assert key.key.id == f"sha256:{digest}"
    assert public_key_of_der((tmp_path / "public.der").read_bytes(), "key") == public
    signature = key.sign(b"message")
    assert public.verifies(signature, b"message")
    assert not public.verifies(signature, b"massage")
    assert not public.verifies(b"", b"message")
    assert not public.verifies(signature[:-1], b"message")


@pytest.mark.parametrize("form", [(), ("-traditional",)])
def test_an_encrypted_key_needs_its_password(form: tuple[str, ...], tmp_path: Path) -> None:
    plain = key_file(tmp_path, *KEYS["ECDSA_SHA_256"])
    openssl(
        *("pkey", "-in", "key.pem", "-aes256", "-passout", "pass:correct horse", "-out", "locked.pem", *form),
        folder=tmp_path,
    )
    locked = tmp_path / "locked.pem"
    assert loaded(locked, "correct horse").public == loaded(plain).public
    assert loaded(plain, "not needed").public == loaded(plain).public
    with pytest.raises(UsageError, match=r"locked.pem is encrypted: set PASSWORD"):
        loaded(locked)
    with pytest.raises(UsageError, match=r"locked.pem cannot be decrypted: check PASSWORD"):
        loaded(locked, "wrong")


def test_other_kinds_of_keys_are_refused(tmp_path: Path) -> None:
    for words in (
        ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"),
        ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"),
        ("-algorithm", "ED448"),
    ):
        path = key_file(tmp_path, *words)
        with pytest.raises(UsageError, match=r"not supported[.] Use an EC key on P-256"):
            loaded(path)
        with pytest.raises(UsageError, match="not supported"):
            parse_public_key((tmp_path / "public.pem").read_bytes(), "public.pem")


def test_files_that_are_no_keys_are_refused(tmp_path: Path) -> None:
    key_file(tmp_path, *KEYS["ECDSA_SHA_256"])
    public = (tmp_path / "public.pem").read_bytes()
    for content in (b"", b"no key", public):
        with pytest.raises(UsageError, match=r"is not a private key in PEM[.] Create one: openssl genpkey"):
            parse_private_key(content, "file", "", "PASSWORD")
    with pytest.raises(UsageError, match=r"key.pem is a private key. Use the public one"):
        parse_public_key((tmp_path / "key.pem").read_bytes(), "key.pem")
    with pytest.raises(UsageError, match="is not a public key in PEM"):
        parse_public_key(b"no key", "file")
    with pytest.raises(UsageError, match="cannot be read"):
        public_key_of_der(b"no key", "KMS")
