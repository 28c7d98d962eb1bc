"""A signing key in AWS KMS, in the Region of its ARN.

Messages are signed as they are (`MessageType=RAW`): KMS hashes them, as OpenSSL does when it verifies. KMS
takes at most 4,096 bytes (AWS KMS API reference, "Sign").
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import boto3
from botocore import exceptions as aws
from botocore.config import Config

from scanner.errors import CredentialsError, EndpointError, OutputError, UsageError, VaultproofError
from scanner.model.names import parse_arn
from scanner.storage.s3 import code_of

LARGEST_MESSAGE: Final = 4_096
"""The most bytes that KMS signs as they are."""

ALGORITHMS: Final = ("ECDSA_SHA_256", "RSASSA_PKCS1_V1_5_SHA_256", "ED25519_SHA_512")
"""The signing algorithms in use. A key supports at most one of them, and OpenSSL verifies each."""

_CONFIG: Final = Config(
    retries={"mode": "standard", "total_max_attempts": 5},
    connect_timeout=10,
    read_timeout=30,
    user_agent_extra="vaultproof",
)
_EXPIRED: Final = frozenset(
    ("ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException")
)
_ADVICE: Final[Mapping[str, str]] = {
    "AccessDeniedException": "Allow it in the key's policy or that of the caller (docs/permissions.md).",
    "DisabledException": "Enable the key, or use another one.",
    "InvalidArnException": "Check the ARN.",
    "KMSInvalidStateException": "Check the state of the key: it may be pending deletion.",
    "KeyUnavailableException": "Try again later.",
    "NotFoundException": "Check the ARN.",
}
_WOULD_SUCCEED: Final = "DryRunOperationException"


@dataclass(frozen=True, slots=True)
class KmsKey:
    """An asymmetric signing key. `der`: its SubjectPublicKeyInfo; `algorithm`: KMS's name."""

    arn: str
    der: bytes
    algorithm: str
    client: Any  # boto3 makes the class of a client at run time

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message. OutputError: KMS refuses; EndpointError: it does not answer."""
        return self._sign(message, OutputError)

    def check_permission(self) -> None:
        """Check that the caller may sign, before a scan takes hours. UsageError: KMS refuses."""
        try:
            # With DryRun, KMS only checks, and answers with an error even if signing would succeed.
            self._sign(b"permission", UsageError, DryRun=True)
        except aws.ClientError as problem:
            if code_of(problem) != _WOULD_SUCCEED:
                raise

    def _sign(self, message: bytes, error: type[VaultproofError], **options: bool) -> bytes:
        if len(message) > LARGEST_MESSAGE:
            raise OutputError(
                f"The statement to sign has {len(message):,} bytes, and AWS KMS signs at most "
                f"{LARGEST_MESSAGE:,}. Sign with a key file (--sign-key)."
            )
        with _translated("kms:Sign", self.arn, error):
            answer = self.client.sign(
                KeyId=self.arn,
                Message=message,
                MessageType="RAW",
                SigningAlgorithm=self.algorithm,
                **options,
            )
        signature: bytes = answer["Signature"]
        return signature


def kms_key(arn: str, profile: str | None = None) -> KmsKey:
    """Read the public key of a KMS key. An alias is resolved, so that the key does not change later.

    Raises:
        UsageError: the ARN is not that of a key, KMS refuses, or the key cannot sign.
        CredentialsError, EndpointError: AWS cannot be called.
    """
    parts = parse_arn(arn)
    if parts is None or parts.service != "kms" or not parts.region or "/" not in parts.resource:
        raise UsageError(
            f"{arn[:200]!r} is not the ARN of a KMS key. Write arn:aws:kms:REGION:ACCOUNT:key/ID, or "
            "alias/NAME instead of key/ID."
        )
    with _translated("kms:GetPublicKey", arn, UsageError):
        session = boto3.Session(profile_name=profile)
        client = session.client("kms", region_name=parts.region, config=_CONFIG)
        # One call checks that the key exists, is for signing, and may be read.
        answer = client.get_public_key(KeyId=arn)
    algorithm = next((name for name in ALGORITHMS if name in answer.get("SigningAlgorithms", ())), None)
    if algorithm is None:
        raise UsageError(
            f"{arn} is a KMS key that does not support {', '.join(ALGORITHMS)}: use a key of the kind "
            "ECC_NIST_P256, RSA_2048 (or larger) or ECC_NIST_EDWARDS25519 for signing."
        )
    key_id = str(answer["KeyId"])
    if parse_arn(key_id) is None:  # AWS returns the ARN of the key, a simulation may return its id
        key_id = f"{arn.removesuffix(parts.resource)}key/{key_id}"
    return KmsKey(key_id, bytes(answer["PublicKey"]), algorithm, client)


@contextmanager
def _translated(action: str, arn: str, error: type[VaultproofError]) -> Iterator[None]:
    """Turn errors of AWS into one sentence; `error` is the class of refusals."""
    try:
        yield
    except aws.ClientError as problem:
        code = code_of(problem)
        if code == _WOULD_SUCCEED:
            raise
        message = str(problem.response.get("Error", {}).get("Message") or code)
        if code in _EXPIRED:
            raise CredentialsError(
                f"AWS rejected the credentials ({code}: {message}). Log in again."
            ) from problem
        advice = _ADVICE.get(code, "Try again.")
        raise error(f"{action} on {arn} failed ({code}: {message.rstrip('.')}). {advice}") from problem
    except (
        aws.NoCredentialsError,
        aws.PartialCredentialsError,
        aws.ProfileNotFound,
        aws.SSOError,
    ) as problem:
        raise CredentialsError(f"The credentials cannot be used: {problem}. Log in again.") from problem
    except (aws.HTTPClientError, aws.ConnectionError) as problem:
        raise EndpointError(f"AWS KMS does not answer {action}: {problem}. Check the network.") from problem
    except aws.BotoCoreError as problem:
        raise error(f"{action} on {arn} failed: {problem}.") from problem
