"""The keys that sign manifests: private ones in PEM files, and public ones that verify.

Three kinds, each with one algorithm, so that a signature never names how it is verified: EC P-256, RSA and
Ed25519. `cryptography` is imported when a key is used: it belongs to the extra `sign`.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from scanner.errors import UsageError
from scanner.model.signing import SigningKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

EC: Final = "ECDSA_SHA_256"
RSA: Final = "RSASSA_PKCS1_V1_5_SHA_256"
ED25519: Final = "ED25519_SHA_512"
ALGORITHMS: Final = (EC, RSA, ED25519)
"""AWS KMS's names of the signing algorithms."""

# NIST SP 800-131A disallows signatures with shorter keys.
LEAST_RSA_BITS: Final = 2_048
LARGEST_FILE: Final = 64 << 10
"""The most bytes that are read of a key file."""

MISSING: Final = (
    "Signatures need the package {package}, which is not installed. "
    "Install this program with its extra sign: pip install '.[sign]' in its source folder."
)
_KINDS: Final = "Use an EC key on P-256, an RSA key of at least 2,048 bits, or an Ed25519 key."


@contextmanager
def signing_packages() -> Iterator[None]:
    """Translate a missing package of the extra `sign` into one sentence. UsageError: it is not installed."""
    try:
        yield
    except ModuleNotFoundError as problem:
        raise UsageError(MISSING.format(package=problem.name)) from problem


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key. `der`: its SubjectPublicKeyInfo."""

    der: bytes
    algorithm: str

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the SubjectPublicKeyInfo, in lowercase hex."""
        return hashlib.sha256(self.der).hexdigest()

    def identity(self, key_id: str = "") -> SigningKey:
        """Return what a statement says of the key. Without an id, it is called by its fingerprint."""
        return SigningKey(key_id or f"sha256:{self.fingerprint}", self.fingerprint, self.algorithm)

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Return whether a signature of a message was made with the private key of this public key."""
        with signing_packages():
            from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 -- of the extra
            from cryptography.hazmat.primitives.serialization import load_der_public_key  # noqa: PLC0415
        key: Any = load_der_public_key(self.der)
        try:
            # With the algorithm of the key: a signature cannot choose a weaker one.
            key.verify(signature, message, *_parameters(self.algorithm))
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A private key from a file. `name` is only for messages."""

    name: str
    private: "PrivateKeyTypes"
    public: PublicKey

    @property
    def key(self) -> SigningKey:
        """What a statement says of the key."""
        return self.public.identity()

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message."""
        key: Any = self.private
        signature: bytes = key.sign(message, *_parameters(self.public.algorithm))
        return signature


def parse_private_key(pem: bytes, name: str, password: str = "", password_name: str = "") -> KeyFile:  # nosec B107 # empty: the key is not encrypted
    """Parse a private key in PEM. `password_name`: where the password comes from, for messages.

    UsageError: it is no private key, of a kind that is not supported, or the password is missing or wrong.
    """
    with signing_packages():
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 -- of the extra
        from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415
    secret = password.encode() or None
    try:
        # The library refuses a password for a key that is not encrypted.
        private = load_pem_private_key(pem, secret if _is_encrypted(pem) else None)
    # The library's error for an encrypted key without a password.
    except TypeError as problem:
        raise UsageError(f"{name} is encrypted: set {password_name} to its password.") from problem
    except (ValueError, UnsupportedAlgorithm) as problem:
        if _is_encrypted(pem):
            raise UsageError(f"{name} cannot be decrypted: check {password_name}.") from problem
        raise UsageError(
            f"{name} is not a private key in PEM. Create one: openssl genpkey -algorithm EC -pkeyopt "
            "ec_paramgen_curve:P-256 -out signing-key.pem"
        ) from problem
    return KeyFile(name, private, _public_key(private.public_key(), name))


def _is_encrypted(pem: bytes) -> bool:
    """Whether a PEM file says that its key is encrypted (PKCS #8, or OpenSSL's older format)."""
    return b"ENCRYPTED" in pem


def parse_public_key(pem: bytes, name: str) -> PublicKey:
    """Parse a public key in PEM. UsageError: it is none, or of a kind that is not supported."""
    with signing_packages():
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 -- of the extra
        from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415
    if b"PRIVATE KEY" in pem:
        raise UsageError(
            f"{name} is a private key. Use the public one: openssl pkey -in {name} -pubout -out public.pem"
        )
    try:
        public = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as problem:
        raise UsageError(
            f"{name} is not a public key in PEM. Get it with openssl pkey -in PRIVATE_KEY -pubout, or from "
            "KMS with aws kms get-public-key (docs/verify.md)."
        ) from problem
    return _public_key(public, name)


def public_key_of_der(der: bytes, name: str) -> PublicKey:
    """Parse a SubjectPublicKeyInfo, as KMS returns it. UsageError: as `parse_public_key`."""
    with signing_packages():
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 -- of the extra
        from cryptography.hazmat.primitives.serialization import load_der_public_key  # noqa: PLC0415
    try:
        return _public_key(load_der_public_key(der), name)
    except (ValueError, UnsupportedAlgorithm) as problem:
        raise UsageError(f"{name} has a public key that cannot be read. {_KINDS}") from problem


def _public_key(key: "PublicKeyTypes", name: str) -> PublicKey:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 -- of the extra
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: PLC0415 -- as above

    match key:
        case ec.EllipticCurvePublicKey() if isinstance(key.curve, ec.SECP256R1):
            algorithm = EC
        case rsa.RSAPublicKey() if key.key_size >= LEAST_RSA_BITS:
            algorithm = RSA
        case ed25519.Ed25519PublicKey():
            algorithm = ED25519
        case _:
            raise UsageError(f"{name} is a key of a kind that is not supported. {_KINDS}")
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return PublicKey(der, algorithm)


def _parameters(algorithm: str) -> tuple[Any, ...]:
    """Return the parameters with which `cryptography` signs and verifies, after signature and message."""
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 -- of the extra
    from cryptography.hazmat.primitives.asymmetric import ec, padding  # noqa: PLC0415 -- as above

    if algorithm == EC:
        return (ec.ECDSA(hashes.SHA256()),)
    # Ed25519 has no parameters: it hashes the message itself.
    return (padding.PKCS1v15(), hashes.SHA256()) if algorithm == RSA else ()
