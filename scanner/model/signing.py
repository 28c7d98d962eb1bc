"""The signature of a scan: what it signs, and the key that it is made with."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that signs manifests.

    `id`: the ARN of a KMS key, or `sha256:FINGERPRINT` for a key file. `fingerprint`: the SHA-256 of the
    public key (SubjectPublicKeyInfo, DER), in lowercase hex. `algorithm`: AWS KMS's name of it.
    """

    id: str
    fingerprint: str
    algorithm: str


@dataclass(frozen=True, slots=True)
class Signing:
    """What reports print about the signature of their scan. `key` None: it was not signed.

    `judgement_sha256`: the SHA-256 of the manifest without signature, time stamp and the files that are
    written after the reports. A report can print it, although the manifest covers the report.
    """

    judgement_sha256: str
    key: SigningKey | None = None

    @property
    def is_hashed(self) -> bool:
        """Whether the message is hashed with SHA-256 before it is signed, as `openssl dgst` does."""
        return self.key is not None and self.key.algorithm.endswith("SHA_256")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """The statement that a signature covers. `previous_sha256`: of the former scan's manifest; None: none."""

    scan_id: str
    manifest_sha256: str
    judgement_sha256: str
    previous_sha256: str | None
    key: SigningKey


@dataclass(frozen=True, slots=True)
class SignedStatement:
    """A statement with its signature. `message`: the bytes that were signed, with DSSE's encoding."""

    attestation: Attestation
    message: bytes
    signature: bytes
