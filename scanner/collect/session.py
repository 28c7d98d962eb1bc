"""The caller's own session with its event hooks, and errors before the first answered call."""

import copy
import threading
from collections.abc import Callable
from ssl import SSLContext
from typing import Any, Final

import botocore.exceptions as aws
from botocore import hooks
from botocore.credentials import Credentials
from botocore.hooks import EventAliaser, HierarchicalEmitter
from botocore.session import Session

from scanner.collect.endpoints import model_loader
from scanner.collect.retry import FinalError
from scanner.errors import CredentialsError, EndpointError, VaultproofError
from scanner.model.names import RegionName, partition_of

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
        "InvalidSignatureException",
        "InvalidClientTokenId",
        "InvalidToken",
        "MissingAuthenticationToken",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_HINT: Final = "Log in again (`aws sso login`, new keys), or name another profile with --profile."

_CLOCK_CODES: Final = frozenset(
    {"InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed", "SignatureDoesNotMatch"}
)
"""Codes of a signature that is too old or from the future, too."""
_CLOCK: Final = "Check the clock of this machine, too: AWS rejects signatures that are 5 minutes off."

_FALLBACK_REGIONS: Final = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
"""The Region for a partition if no known Region of it is named."""


def open_session(profile: str | None) -> Session:
    """Return a botocore session of the profile. CredentialsError: there is no such profile."""
    session = open_hooked_session(profile)
    try:
        session.get_scoped_config()
        session.register_component("data_loader", model_loader(session.get_config_variable("data_path")))
        # The global endpoint of STS is in a single Region, and exists in one partition only.
        session.set_config_variable("sts_regional_endpoints", "regional")
    except _NO_CREDENTIALS as problem:
        raise _unusable(problem) from problem
    return session


def own_credentials(session: Session) -> Credentials:
    """Return the caller's credentials, which renew themselves. CredentialsError: there are none."""
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


def home_region(session: Session, requested: tuple[str, ...]) -> RegionName:
    """Return the Region for calls that are not bound to one: the profile's, or the first requested one.

    Credentials belong to one partition, and so do the requested Regions: a Region of the profile in
    another partition (a default that is set for all profiles) is replaced by one of those.
    """
    configured = session.get_config_variable("region")
    # A scan is within one partition, so the first Region shows which.
    partition = partition_of(requested[0] if requested else configured or "")
    if configured and partition_of(configured) == partition:
        return RegionName(configured)
    partitions = known_regions(session)
    fallback = _FALLBACK_REGIONS.get(partition)
    candidates = (
        *(region for region in requested if partitions.get(region) == partition),
        fallback,
        *requested,
    )
    return RegionName(next(region for region in candidates if region))


def known_regions(session: Session) -> dict[str, str]:
    """Return the partition of every Region in botocore's data."""
    return {
        region: partition
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("ec2", partition_name=partition)
    }


def explain_first_call(final: FinalError, region: RegionName) -> VaultproofError:
    """Return an error that explains why the first call failed: credentials, network, or AWS."""
    problem, failure = final.__cause__, final.failure
    if isinstance(problem, _NO_CREDENTIALS):
        return _unusable(problem)
    if type(problem) is RuntimeError:  # botocore: new credentials have expired already
        return CredentialsError(f"{_unusable(problem)} {_CLOCK}")
    if failure.code in _BAD_CREDENTIALS:
        reason = (failure.message or failure.code).rstrip(".")
        clock = f" {_CLOCK}" if failure.code in _CLOCK_CODES else ""
        return CredentialsError(
            f"AWS does not accept the credentials: {reason}. {_HINT}{clock}{_region_hint(region)}"
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


def _region_hint(region: RegionName) -> str:
    if partition_of(region) != "aws":
        return f" They were tried in {region}."
    return f" They were tried in {region}; those of China or GovCloud need a Region of theirs with --region."


def _unusable(problem: BaseException) -> CredentialsError:
    return CredentialsError(f"The AWS credentials cannot be used: {str(problem).rstrip('.')}. {_HINT}")


# The TLS context that all clients of a scan share, so that the file of trusted authorities is read once.
#
# With botocore and urllib3, each new connection parses the whole file, which takes 16 ms of CPU and, per
# client, 0.7 MB of memory. The verification of certificates is unchanged.
class SharedTrust:
    """The TLS context of the clients of a session, which all have the same settings (AWS_CA_BUNDLE)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._context: SSLContext | None = None

    def share(self, http_session: Any) -> bool:  # noqa: ANN401 -- botocore's private attribute
        """Make a botocore HTTP session use the shared context. Call it before the session's first request.

        Returns False, without any change, if this version of botocore stores its context elsewhere.
        """
        settings = getattr(getattr(http_session, "_manager", None), "connection_pool_kw", None)
        context = settings.get("ssl_context") if isinstance(settings, dict) else None
        if not isinstance(settings, dict) or type(context) is not SSLContext:
            return False
        with self._lock:
            if self._context is None:
                self._context = _loading_once(context)
        settings["ssl_context"] = self._context
        return True


def _loading_once(context: SSLContext) -> SSLContext:
    """Make a context ignore certificate authorities that it has loaded before."""
    load, lock, loaded = context.load_verify_locations, threading.Lock(), set[object]()

    def load_if_new(cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:  # noqa: ANN401
        """Load authorities, unless this was done. Raises what `SSLContext.load_verify_locations` raises."""
        with lock:
            if (cafile, capath, cadata) not in loaded:
                load(cafile, capath, cadata)
                loaded.add((cafile, capath, cadata))

    context.load_verify_locations = load_if_new  # type: ignore[method-assign]
    return context


# botocore copies the hooks of the session, a tree of about 400 nodes, for each client, which then adds two
# or three handlers. Here nodes are immutable: adding a handler replaces the nodes on the path to it.
def open_hooked_session(profile: str | None) -> Session:
    """Return a session of a profile whose clients share its hooks, where botocore's are as expected."""
    if not are_shareable():
        return Session(profile=profile)
    emitter = HierarchicalEmitter()
    vars(emitter)["_handlers"] = _tree()
    session = Session(profile=profile, event_hooks=emitter)
    session.register_component("event_emitter", SharedAliaser(emitter))
    return session


def are_shareable() -> bool:
    """Return whether botocore stores its hooks in the expected tree, which can be shared."""
    tree: Any = vars(HierarchicalEmitter()).get("_handlers")
    if _tree_class() is None or type(tree) is not _tree_class():
        return False
    # A trial: the private attributes are used only if they are exactly those that this code was written for.
    tree.append_item("event", print)
    root: dict[str, Any] = {"chunk": None, "values": None, "children": {}}
    leaf = {"chunk": "event", "values": ([], [print], []), "children": {}}
    aliaser = vars(EventAliaser(HierarchicalEmitter()))
    return vars(tree) == {"_root": root | {"children": {"event": leaf}}} and (
        aliaser.keys() == {"_event_aliases", "_alias_name_cache", "_emitter"}
    )


class SharedAliaser(EventAliaser):
    """Translator for old event names. Its copies share the cache of translated names."""

    def __copy__(self) -> "SharedAliaser":
        """Return an aliaser of a copy of the hooks."""
        own: dict[str, Any] = vars(self)
        copied = SharedAliaser(copy.copy(own["_emitter"]), own["_event_aliases"])
        vars(copied)["_alias_name_cache"] = own["_alias_name_cache"]
        return copied


def _tree_class() -> Any:  # noqa: ANN401 -- a private class of botocore
    return getattr(hooks, "_PrefixTrie", None)


def _tree() -> Any:  # noqa: ANN401 -- the like
    class SharedTree(_tree_class()):  # type: ignore[misc]
        """The tree of handlers by the parts of an event's name. No node is changed that a copy may hold."""

        _root: dict[str, Any]

        def append_item(self, key: str, value: Callable[..., Any], *section: int, **sections: int) -> None:
            self._root = _renewed(self._root, key.split("."))
            super().append_item(key, value, *section, **sections)

        def remove_item(self, key: str, value: Callable[..., Any]) -> None:
            self._root = _renewed(self._root, key.split("."))
            super().remove_item(key, value)

        def __copy__(self) -> Any:  # noqa: ANN401
            copied: Any = SharedTree()
            copied._root = self._root  # noqa: SLF001 -- its own class
            return copied

    return SharedTree()


def _renewed(node: dict[str, Any], parts: list[str]) -> dict[str, Any]:
    """Return a copy of a node and of its descendants along `parts`, which shares all other nodes."""
    children = dict(node["children"])
    if parts and parts[0] in children:
        children[parts[0]] = _renewed(children[parts[0]], parts[1:])
    return {"chunk": node["chunk"], "values": copy.copy(node["values"]), "children": children}
