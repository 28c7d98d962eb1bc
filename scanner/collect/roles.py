"""Assuming a role in each account. Nothing of an AssumeRole answer is ever recorded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from botocore.credentials import ReadOnlyCredentials

from scanner.collect.calls import Wiring
from scanner.collect.credentials import Lease, RoleSource, acting_for
from scanner.collect.request import CollectRequest
from scanner.collect.retry import BrokenAnswerError, FinalError, Halted, attempt, is_expired
from scanner.evidence.writer import Failure
from scanner.model.names import AccountId, RegionName, parse_arn
from scanner.services.base import text

_KEYS: Final = ("AccessKeyId", "SecretAccessKey", "SessionToken")


@dataclass(frozen=True, slots=True)
class Roles:
    """How to assume the role of a request: with the credentials of `caller`, at STS in `region`."""

    request: CollectRequest
    wiring: Wiring
    caller: AccountId
    partition: str
    region: RegionName

    def arn(self, account: AccountId) -> str:
        """Give the ARN of the role in an account."""
        return f"arn:{self.partition}:iam::{account}:role/{self.request.role_name}"

    def source(self, account: AccountId) -> RoleSource:
        """Give credentials of the role in `account`, which renew themselves. Calling it may FinalError."""
        return RoleSource(self._assume(account), self.wiring.clock)

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
            wallet = self.wiring.clients.wallet
            used = wallet.key_of(self.caller)
            try:
                return self._ask(parameters)
            except Exception as problem:
                if not (is_expired(problem) and wallet.renew(self.caller, used)):
                    raise
            return self._ask(parameters)

        return lambda: _lease(attempt(send, self.wiring.retries, self._pause), account)

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


def _lease(answer: Mapping[str, Any], account: AccountId) -> Lease:
    role = parse_arn(text(answer, "AssumedRoleUser", "Arn"))
    if role is not None and role.account != account:
        raise FinalError(Failure("WrongAccount", f"The role belongs to account {role.account}.", 0, 1))
    given = answer["Credentials"]
    keys = ReadOnlyCredentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], None)
    return Lease(keys, _expiry(given.get("Expiration")))


def _expiry(value: object) -> datetime:
    """Read when a session ends: answers have times as text (`parsing.times`), unless botocore read them."""
    expires = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(expires, datetime):
        return datetime.now(UTC) + timedelta(minutes=15)  # the shortest session that STS gives
    return expires if expires.tzinfo else expires.replace(tzinfo=UTC)
