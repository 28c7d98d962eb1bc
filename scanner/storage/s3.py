"""Speaking to S3, and saying in a sentence what went wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import boto3
from botocore import exceptions as aws
from botocore.config import Config

from scanner.errors import BundleError, CredentialsError, EndpointError, OutputError, VaultproofError
from scanner.storage.place import Place

ATTEMPTS: Final = 5
"""How often a request is sent at most; botocore waits longer before each, 20 seconds at most."""

CONNECTIONS: Final = 8
"""Files that are on their way at once."""

_CONFIG: Final = Config(
    retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    connect_timeout=10,
    read_timeout=60,
    max_pool_connections=CONNECTIONS,
    user_agent_extra="vaultproof",
)
_LOG_IN: Final = "Log in again (`aws sso login`, new keys), or name another profile (AWS_PROFILE)."
_EXPIRED: Final = frozenset(
    (
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidToken",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
    )
)
_ELSEWHERE: Final = frozenset(
    (
        "301",
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
        "PermanentRedirect",
        "TemporaryRedirect",
    )
)
_REFUSED: Final = frozenset(("403", "AccessDenied", "AllAccessDisabled", "AccountProblem", "Forbidden"))
_CREDENTIALS: Final = (
    aws.NoCredentialsError,
    aws.PartialCredentialsError,
    aws.ProfileNotFound,
    aws.CredentialRetrievalError,
    aws.TokenRetrievalError,
    aws.SSOError,
    aws.LoginError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """How a bucket is spoken to.

    `kms_key`: the key that encrypts (an id, ARN or alias); empty: S3's own (SSE-S3). `bucket_owner`: the
    account that must own the bucket; empty: whoever does. `profile`: None for the one of the environment.
    """

    kms_key: str = ""
    bucket_owner: str = ""
    profile: str | None = None

    @property
    def owner(self) -> dict[str, str]:
        """Give the parameter that makes S3 refuse when somebody else owns the bucket."""
        return {"ExpectedBucketOwner": self.bucket_owner} if self.bucket_owner else {}

    @property
    def encryption(self) -> dict[str, str]:
        """Give the parameters of server-side encryption."""
        if not self.kms_key:
            return {"ServerSideEncryption": "AES256"}
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.kms_key}


def open_s3(means: Means) -> Any:  # noqa: ANN401 -- boto3 makes the class of a client at run time
    """Make a client. CredentialsError: there is no such profile."""
    try:
        return boto3.Session(profile_name=means.profile).client("s3", config=_CONFIG)
    except _CREDENTIALS as problem:
        raise CredentialsError(f"The credentials cannot be used: {problem}. {_LOG_IN}") from problem


@contextmanager
def telling(place: Place, means: Means, *, writes: bool) -> Iterator[None]:
    """Turn what AWS says into one of our errors, with advice.

    Raises:
        CredentialsError: there are none, or they have expired.
        EndpointError: S3 does not answer.
        OutputError, or BundleError when it is read: the bucket is not there, is somebody else's, or refuses.
    """
    try:
        yield
    except aws.ClientError as problem:
        raise _told(problem, place, means, writes=writes) from problem
    except _CREDENTIALS as problem:
        raise CredentialsError(
            f"The credentials cannot be used for {place}: {problem}. {_LOG_IN}"
        ) from problem
    except (aws.HTTPClientError, aws.ConnectionError) as problem:
        raise EndpointError(f"S3 does not answer for {place}: {problem}. Check the network.") from problem
    except aws.BotoCoreError as problem:
        raise _kind(writes)(f"{place}: {problem}.") from problem


def code_of(problem: aws.ClientError) -> str:
    """Give AWS's word for an error; of an answer without a body, the number of its HTTP status."""
    return str(problem.response.get("Error", {}).get("Code", ""))


def _kind(writes: bool) -> type[VaultproofError]:  # noqa: FBT001 -- the one thing that it asks
    return OutputError if writes else BundleError


def _told(problem: aws.ClientError, place: Place, means: Means, *, writes: bool) -> VaultproofError:
    code, kind = code_of(problem), _kind(writes)
    message = str(problem.response.get("Error", {}).get("Message") or code)
    if code in _EXPIRED:
        return CredentialsError(f"AWS does not take the credentials ({code}: {message}). {_LOG_IN}")
    if code == "NoSuchBucket":
        return kind(f"There is no bucket {place.bucket}: make it, or name another one.")
    if code in _ELSEWHERE:
        return kind(f"{place.bucket} lies in another Region ({code}): set AWS_REGION to the bucket's own.")
    if code in _REFUSED or code.startswith("KMS."):
        return kind(f"{place} refuses ({code}: {message}). {_needed(place, means, writes=writes)}")
    return kind(f"{place}: {code}: {message}.")


def _needed(place: Place, means: Means, *, writes: bool) -> str:
    actions = "s3:PutObject" if writes else "s3:GetObject and s3:ListBucket"
    keyed = f" and kms:GenerateDataKey and kms:Decrypt on {means.kms_key}" if means.kms_key and writes else ""
    owned = f", and that account {means.bucket_owner} owns the bucket" if means.bucket_owner else ""
    return f"It takes {actions} on {place}{keyed}{owned} (docs/permissions.md)."
