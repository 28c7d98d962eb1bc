"""The caller's own session, and what goes wrong before the first call is answered."""

from functools import cache
from typing import Final

import botocore.exceptions as aws
from botocore.credentials import Credentials
from botocore.loaders import Loader, create_loader
from botocore.session import Session

from scanner.collect.retry import FinalError
from scanner.errors import CredentialsError, EndpointError, VaultproofError
from scanner.model.names import RegionName

_NO_CREDENTIALS: Final = (
    aws.NoCredentialsError,
    aws.PartialCredentialsError,
    aws.ProfileNotFound,
    aws.ConfigParseError,
    aws.ConfigNotFound,
    aws.CredentialRetrievalError,
    aws.TokenRetrievalError,
    aws.NoAuthTokenError,
    aws.SSOError,
    aws.LoginError,
    aws.InvalidConfigError,
    aws.MetadataRetrievalError,
    aws.RefreshWithMFAUnsupportedError,
    aws.MissingDependencyException,
    aws.UnknownCredentialError,
)
_BAD_CREDENTIALS: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "MissingAuthenticationToken",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_HINT: Final = "Log in again (`aws sso login`, new keys), or name another profile with --profile."
_FALLBACK_REGION: Final = "us-east-1"


def open_session(profile: str | None) -> Session:
    """Make a botocore session of the profile. CredentialsError: there is no such profile."""
    session = Session(profile=profile)
    try:
        session.get_scoped_config()
        session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
    except _NO_CREDENTIALS as problem:
        raise _unusable(problem) from problem
    return session


@cache
def _loader(data_path: str | None) -> Loader:
    """Read botocore's models once in a process, rather than once a session."""
    return create_loader(data_path)


def own_credentials(session: Session) -> Credentials:
    """Find the caller's credentials, which renew themselves. CredentialsError: there are none."""
    try:
        credentials = session.get_credentials()
    except _NO_CREDENTIALS as problem:
        raise _unusable(problem) from problem
    if credentials is None:
        raise CredentialsError(
            "No AWS credentials were found. Set AWS_PROFILE or AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, log in with `aws sso login`, or name a profile with --profile."
        )
    return credentials


def home_region(session: Session, asked: tuple[str, ...]) -> RegionName:
    """Choose the Region of the calls that need none: the profile's, else the first known one asked for."""
    known = known_regions(session)
    configured = session.get_config_variable("region")
    candidates = [configured] if configured else [region for region in asked if region in known]
    return RegionName(candidates[0] if candidates else _FALLBACK_REGION)


def known_regions(session: Session) -> dict[str, str]:
    """Give the partition of each Region that botocore knows."""
    return {
        region: partition
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("ec2", partition_name=partition)
    }


def explain_first_call(final: FinalError) -> VaultproofError:
    """Say what is wrong when the very first call failed: the credentials, the network, or AWS."""
    problem, failure = final.__cause__, final.failure
    if isinstance(problem, _NO_CREDENTIALS):
        return _unusable(problem)
    if failure.code in _BAD_CREDENTIALS:
        return CredentialsError(
            f"AWS does not accept the credentials: {failure.message or failure.code} {_HINT}"
        )
    if isinstance(problem, aws.BotoCoreError) and "endpoint_url" in problem.kwargs:
        url = problem.kwargs["endpoint_url"]
        return EndpointError(
            f"{url} does not answer ({failure.code}). Check the network, the proxy, the Region, "
            "and AWS_ENDPOINT_URL if it is set."
        )
    return EndpointError(
        f"AWS did not answer the first call, sts:GetCallerIdentity: {failure.code}: {failure.message} "
        "Check the network, the proxy, and AWS_ENDPOINT_URL if it is set."
    )


def _unusable(problem: BaseException) -> CredentialsError:
    return CredentialsError(f"The AWS credentials cannot be used: {str(problem).rstrip('.')}. {_HINT}")
