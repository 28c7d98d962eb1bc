"""The environment of a collection before its first call: session, credentials and clients."""

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from botocore.credentials import ReadOnlyCredentials
from botocore.session import Session

from scanner.collect.calls import Caller, HeldCalls, Wiring
from scanner.collect.clients import Clients
from scanner.collect.credentials import (
    CredentialStore,
    Lease,
    OwnSource,
    RoleSource,
    Source,
    acting_for,
    session_seconds,
)
from scanner.collect.request import CollectRequest, Watcher
from scanner.collect.retry import BrokenAnswerError, FinalError, Halted, attempt, is_expired
from scanner.collect.session import explain_first_call, home_region, open_session, own_credentials
from scanner.errors import CredentialsError
from scanner.evidence.writer import Failure
from scanner.model.names import AWS_GLOBAL, AccountId, RegionName, Shard, parse_arn
from scanner.services import ec2
from scanner.services.base import text
from scanner.services.catalogue import OPERATIONS

_UNIDENTIFIED: Final = AccountId("caller")  # replaced when the first call returns the account id
_KEYS: Final = ("AccessKeyId", "SecretAccessKey", "SessionToken")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanEnvironment:
    """Session, credentials and clients. `home` is the Region for calls that are not bound to one."""

    session: Session
    own: OwnSource
    credential_store: CredentialStore
    wiring: Wiring
    home: RegionName
    keeps: bool = False

    def release(self) -> None:
        """Release the clients: close their connections, or keep them for the next collection."""
        if not self.keeps:
            self.wiring.clients.close()
            return
        with _idle_lock:
            _idle.append(self.wiring.clients)


_idle: list[Clients] = []

_idle_lock: Final = threading.Lock()
"""Guards `_idle`: clients for the next collection, since creating hundreds of them takes seconds."""


def _clients_of(request: CollectRequest) -> Clients:
    """Return new clients, or those of an earlier collection if the request keeps them."""
    # Everything that clients are bound to when they are created, including the endpoint from the environment.
    made_for = (request.profile, request.concurrency, request.timeouts, os.environ.get("AWS_ENDPOINT_URL"))
    with _idle_lock:
        for idle in [idle for idle in _idle if request.keeps_clients and idle.made_for == made_for]:
            _idle.remove(idle)
            idle.credential_store.clear()
            return idle
    # A separate session, whose credentials are those of the context instead of the caller's.
    session = open_session(request.profile)
    clients = Clients(
        session, CredentialStore(), frozenset(OPERATIONS), request.concurrency, request.timeouts
    )
    clients.made_for = made_for
    return clients


def set_up(
    request: CollectRequest,
    watcher: Watcher,
    clock: Callable[[], datetime],
    home: RegionName | None = None,
) -> ScanEnvironment:
    """Find the caller's credentials and create the clients. CredentialsError: there are none."""
    session = open_session(request.profile)
    clients = _clients_of(request)
    return ScanEnvironment(
        session=session,
        own=OwnSource(own_credentials(session), lambda: own_credentials(open_session(request.profile))),
        credential_store=clients.credential_store,
        keeps=request.keeps_clients,
        wiring=Wiring(
            clients=clients,
            operations=OPERATIONS,
            retries=request.retries,
            watcher=watcher,
            clock=clock,
            deadline=request.deadline,
            reads=request.reads,
        ),
        home=home or home_region(session, request.regions),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """The answers of the first calls. `regions`: which are enabled; None: AWS did not answer.

    `held` are the recorded calls, which belong to the evidence of the caller's account.
    """

    arn: str
    account: AccountId
    partition: str
    regions: Mapping[RegionName, bool] | None
    held: HeldCalls


def open_scan(  # noqa: PLR0913 -- the last two are for resuming only
    wiring: Wiring,
    credential_store: CredentialStore,
    own: Source,
    home: RegionName,
    *,
    expected: AccountId | None = None,
    asks_regions: bool = True,
) -> Opening:
    """Request the identity from STS and the Regions from EC2, and store the caller's credentials.

    CredentialsError, EndpointError: the first call was not answered, or the caller is not `expected`.
    """
    held = HeldCalls()
    # The first call has to be signed for an account, and only its answer says for which.
    credential_store.put(_UNIDENTIFIED, own)
    identity = _identity(Caller(_impatient(wiring), Shard(_UNIDENTIFIED, AWS_GLOBAL), held, home))
    arn, account = text(identity, "Arn"), AccountId(text(identity, "Account"))
    parts = parse_arn(arn)
    if parts is None or not account:
        raise CredentialsError(
            "sts:GetCallerIdentity was answered without an account: is AWS_ENDPOINT_URL that of AWS?"
        )
    if expected is not None and account != expected:
        raise CredentialsError(
            f"The scan was started with credentials of account {expected}, but these are of {account}. "
            "Use another --profile, or start another scan with --out."
        )
    credential_store.put(account, own)
    regions = ec2.regions(Caller(wiring, Shard(account, AWS_GLOBAL), held, home)) if asks_regions else None
    return Opening(arn=arn, account=account, partition=parts.partition, regions=regions, held=held)


def _identity(caller: Caller) -> Mapping[str, Any]:
    try:
        return caller.demand("sts", "GetCallerIdentity")
    except FinalError as problem:
        raise explain_first_call(problem, caller.region) from problem


def _impatient(wiring: Wiring) -> Wiring:
    """Return fewer retries for the first call: the user waits for it, and most of its errors persist."""
    retries = replace(wiring.retries, attempts=min(2, wiring.retries.attempts))
    return replace(wiring, retries=retries, deadline=None)


@dataclass(frozen=True, slots=True)
class Roles:
    """How to assume the role of a request: with the credentials of `caller`, at STS in `region`."""

    request: CollectRequest
    wiring: Wiring
    caller: AccountId
    partition: str
    region: RegionName

    def arn(self, account: AccountId) -> str:
        """Return the ARN of the role in an account."""
        return f"arn:{self.partition}:iam::{account}:role/{self.request.role_name}"

    def source(self, account: AccountId) -> RoleSource:
        """Return the source of the role's credentials in `account`. Calling it may raise FinalError."""
        return RoleSource(self._assume(account), self.wiring.time.now)

    def _assume(self, account: AccountId) -> Callable[[], Lease]:
        parameters: dict[str, object] = {
            "RoleArn": self.arn(account),
            "RoleSessionName": self.request.session_name,
            "DurationSeconds": self.request.duration_seconds,
        }
        if self.request.external_id is not None:
            parameters["ExternalId"] = self.request.external_id

        def send() -> Mapping[str, Any]:
            if self.wiring.halt.is_set():
                raise Halted
            # Not by a Caller, which would record the answer: it is a secret.
            credential_store = self.wiring.clients.credential_store
            used = credential_store.key_of(self.caller)
            try:
                return self._ask(parameters)
            except Exception as problem:
                if not (is_expired(problem) and credential_store.renew(self.caller, used)):
                    raise
            return self._ask(parameters)

        return lambda: self._lease(attempt(send, self.wiring.retries, self._pause), account)

    def _ask(self, parameters: Mapping[str, object]) -> Mapping[str, Any]:
        with acting_for(self.caller):
            client: Any = self.wiring.clients.of("sts", self.region)
            answer: dict[str, Any] = client.assume_role(**parameters)
        if not all(text(answer, "Credentials", name) for name in _KEYS):
            raise BrokenAnswerError("AssumeRole was answered without credentials.")
        return answer

    def _pause(self, _failure: Failure, seconds: float) -> bool:
        self.wiring.time.wait(self.wiring.halt, seconds)
        return True

    def _lease(self, answer: Mapping[str, Any], account: AccountId) -> Lease:
        role = parse_arn(text(answer, "AssumedRoleUser", "Arn"))
        # Otherwise the answers of another account would be recorded as those of this one.
        if role is not None and role.account != account:
            raise FinalError(Failure("WrongAccount", f"The role belongs to account {role.account}.", 0, 1))
        credentials = answer["Credentials"]
        keys = ReadOnlyCredentials(
            credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"], None
        )
        expires_at, requested = _expiry(credentials.get("Expiration")), self.request.duration_seconds
        return Lease(keys, session_seconds(expires_at, self.wiring.clock(), requested))


def _expiry(value: object) -> datetime | None:
    """Return when a session ends: a text in answers (`parsing.times`), or botocore's datetime."""
    expires = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(expires, datetime):
        return None
    return expires if expires.tzinfo else expires.replace(tzinfo=UTC)
