"""Sends the notifications of a scan to all targets, and describes each failure in one sentence.

boto3 retries requests that AWS throttles or fails. AWS may also accept part of a request (PutEvents,
BatchImportFindings); the other part is sent again here. A target that fails does not stop the others.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import boto3
import orjson
from botocore import exceptions as aws
from botocore.config import Config

from scanner.errors import VaultproofError
from scanner.model.names import partition_of
from scanner.model.notification import Call, Delivery, DeliveryStatus, ScanSummary, SecurityHubTarget, Targets
from scanner.notify.event import count_of, event_call, one_line
from scanner.notify.topic import TARGET as SNS
from scanner.notify.topic import topic_call

ATTEMPTS: Final = 4
"""How often the refused part of a request is sent, at most."""
MAX_REASON: Final = 300
SECURITY_HUB: Final = "Security Hub"

_CONFIG: Final = Config(
    retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    connect_timeout=10,
    read_timeout=30,
    user_agent_extra="vaultproof",
)

_TRANSIENT: Final = frozenset(
    ("InternalFailure", "InternalException", "LimitExceededException", "ThrottlingException")
)
"""Error codes of entries or findings that may succeed when they are sent again."""

_METHODS: Final = {
    "PutEvents": "put_events",
    "Publish": "publish",
    "BatchImportFindings": "batch_import_findings",
}
Sleep = Callable[[float], None]


class NotSentError(Exception):
    """A request could not be made, or AWS refused it. The message names the cause and the fix."""


class Sender:
    """Makes requests, each with credentials of the account that it must come from."""

    def __init__(
        self,
        profile: str | None = None,
        security_hub: SecurityHubTarget | None = None,
        sleep: Sleep = time.sleep,
    ) -> None:
        self._profile, self._hub, self._sleep = profile, security_hub, sleep
        self._sessions: dict[str, Any] = {}
        self._clients: dict[tuple[str, str, str], Any] = {}
        self._own_account: str | None = None
        # A role that was refused is not tried again for each of its batches.
        self._refused: dict[str, NotSentError] = {}

    def send(self, call: Call) -> int:
        """Make a request, and return how many of its events, messages or findings AWS accepted.

        Raises:
            NotSentError: AWS refused the request, or part of it in every attempt.
        """
        try:
            return self._send(call)
        except aws.ClientError as problem:
            raise NotSentError(_refusal(problem, call)) from problem
        except aws.BotoCoreError as problem:
            raise NotSentError(one_line(str(problem), MAX_REASON)) from problem

    def _send(self, call: Call) -> int:
        method = getattr(self._client(call), _METHODS[call.operation])
        # A message is accepted or refused as a whole.
        if call.operation == "Publish":
            method(**call.parameters)
            return 1
        name = "Entries" if call.operation == "PutEvents" else "Findings"
        parts: Sequence[Mapping[str, Any]] = call.parameters[name]
        total = len(parts)
        for attempt in range(ATTEMPTS):
            refused = _refused(parts, method(**{name: list(parts)}))
            parts = [part for part, code, _ in refused if code in _TRANSIENT]
            # Once a part is refused for good, the request has failed: another attempt does not change that.
            if len(parts) < len(refused) or (refused and attempt == ATTEMPTS - 1):
                raise NotSentError(_partial(refused, total, call))
            if not parts:
                return total
            # botocore retries only requests that fail as a whole.
            self._sleep(2.0**attempt)
        return total

    def _client(self, call: Call) -> Any:  # noqa: ANN401 -- boto3 makes the class at run time
        key = (call.service, call.region, call.account)
        if key not in self._clients:
            # A bus that is only named is in the Region of the environment.
            region = {"region_name": call.region} if call.region else {}
            session = self._session(call.account, call.region)
            self._clients[key] = session.client(call.service, config=_CONFIG, **region)
        return self._clients[key]

    def _session(self, account: str, region: str) -> Any:  # noqa: ANN401 -- of boto3
        own = self._sessions.setdefault("", boto3.Session(profile_name=self._profile))
        if not account:
            return own
        if account in self._refused:
            raise self._refused[account]
        if account not in self._sessions:
            try:
                self._sessions[account] = self._assume(own, account, region)
            except NotSentError as problem:
                self._refused[account] = problem
                raise
        return self._sessions[account]

    def _assume(self, own: Any, account: str, region: str) -> Any:  # noqa: ANN401 -- of boto3
        """Return a session for an account: the caller's own, or one of the configured role there."""
        # In the findings' Region, because credentials belong to one partition.
        sts = own.client("sts", region_name=region, config=_CONFIG)
        # Requested once: the caller's own account needs no role.
        if self._own_account is None:
            self._own_account = str(sts.get_caller_identity()["Account"])
        if self._own_account == account:
            return own
        if self._hub is None or not self._hub.role_name:
            raise NotSentError(
                f"account {account} is not the caller's own ({self._own_account}), and Security Hub accepts "
                "findings from the account itself only. Set notify.security_hub.role_name in audit.yaml"
            )
        role = f"arn:{partition_of(region)}:iam::{account}:role/{self._hub.role_name}"
        external = {"ExternalId": self._hub.external_id} if self._hub.external_id else {}
        try:
            keys = sts.assume_role(RoleArn=role, RoleSessionName="vaultproof-notify", **external)[
                "Credentials"
            ]
        except aws.ClientError as problem:
            code = problem.response.get("Error", {}).get("Code", "")
            raise NotSentError(f"{role} could not be assumed ({code}). Check its trust policy") from problem
        return boto3.Session(
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )


Part = tuple[Mapping[str, Any], str, str]
"""An entry or finding that AWS refused, with its code and message."""


def _refused(parts: Sequence[Mapping[str, Any]], answer: Mapping[str, Any]) -> list[Part]:
    """Return what AWS did not accept, from its answer."""
    if "Entries" in answer:  # PutEvents answers in the order of the request
        results = zip(parts, answer["Entries"], strict=True)
        return [
            (part, result["ErrorCode"], result.get("ErrorMessage", ""))
            for part, result in results
            if result.get("ErrorCode")
        ]
    # BatchImportFindings returns only what failed, by the ids of the findings.
    by_id = {part["Id"]: part for part in parts}
    failed = answer.get("FailedFindings", ())
    return [
        (by_id[result["Id"]], result["ErrorCode"], result.get("ErrorMessage", ""))
        for result in failed
        if result["Id"] in by_id
    ]


def _partial(refused: Sequence[Part], total: int, call: Call) -> str:
    # The refusal that lasts is the one to fix.
    lasting = (entry for entry in refused if entry[1] not in _TRANSIENT)
    part, code, text = next(lasting, refused[0])
    name = f", first {part['Id']}" if "Id" in part else ""
    return one_line(
        f"{call.operation} did not accept {len(refused):,} of {total:,}{name}: {code}: {text}", MAX_REASON
    )


_ADVICE: Final = {
    "InvalidAccessException": "Enable Security Hub there",
    "NotFound": "Check the ARN of the topic",
    "NotFoundException": "Check the ARN of the topic",
    "ResourceNotFoundException": "Check the name of the event bus",
    "ExpiredToken": "Log in again",
    "ExpiredTokenException": "Log in again",
}

_DENIED: Final = frozenset(
    ("AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException")
)


def _refusal(problem: aws.ClientError, call: Call) -> str:
    """Describe a refused request: AWS's code and message, and what to do."""
    error = problem.response.get("Error", {})
    code = str(error.get("Code", ""))
    advice = _ADVICE.get(code, "")
    if code in _DENIED:
        advice = f"Allow {call.service}:{call.operation}, see docs/notifications.md"
    text = one_line(f"{code}: {error.get('Message', '')}", MAX_REASON).rstrip(".")
    return f"{text}. {advice}".rstrip(". ")


def deliver(calls: Iterable[Call], sender: Sender) -> tuple[Delivery, ...]:
    """Make requests. Return a result for each target that accepted some, and for each place that failed."""
    accepted: dict[str, int] = defaultdict(int)
    places: dict[str, set[str]] = defaultdict(set)
    failures: dict[str, str] = {}
    for call in calls:
        place = f"{call.target} {call.account} {call.region}" if call.account else call.target
        try:
            number = sender.send(call)
            accepted[call.target] += number
            places[call.target].add(place)
        except NotSentError as problem:
            # The first failure of a place: others have the same cause.
            failures.setdefault(place, str(problem))
    sent = (
        Delivery(target, DeliveryStatus.SENT, _sent(target, number, len(places[target])))
        for target, number in accepted.items()
    )
    failed = (Delivery(place, DeliveryStatus.FAILED, text) for place, text in failures.items())
    return (*sent, *failed)


def _sent(target: str, number: int, places: int) -> str:
    if target == SECURITY_HUB:
        return f"{count_of(number, 'finding')} imported in {count_of(places, 'account-Region')}"
    return "sent"


def notify(
    summary: ScanSummary, targets: Targets, batches: Iterable[bytes] = (), sender: Sender | None = None
) -> tuple[Delivery, ...]:
    """Send to every target, and return the result of each. Errors of AWS are results, too: none is raised.

    `batches`: findings for Security Hub, each a JSON array for one call of one account and Region.
    """
    sender = sender or Sender(security_hub=targets.security_hub)
    results: list[Delivery] = []
    for planned in planned_calls(summary, targets):
        results += [planned] if isinstance(planned, Delivery) else deliver([planned], sender)
    if targets.security_hub is not None:
        results += _import_findings(batches, sender)
    return tuple(results)


def _import_findings(batches: Iterable[bytes], sender: Sender) -> tuple[Delivery, ...]:
    """Import findings into Security Hub. A scan file that cannot be read is a result, and no error."""
    try:
        imported = deliver(import_calls(batches), sender)
    except VaultproofError as problem:
        return (Delivery(SECURITY_HUB, DeliveryStatus.FAILED, str(problem).rstrip(".")),)
    return imported or (Delivery(SECURITY_HUB, DeliveryStatus.SKIPPED, "no findings to import"),)


def planned_calls(summary: ScanSummary, targets: Targets) -> Iterator[Call | Delivery]:
    """Yield the requests for the event and the message, or the reason why a target gets nothing."""
    if targets.event_bus:
        yield event_call(summary, targets.event_bus)
    if targets.topic:
        call = topic_call(summary, targets)
        yield Delivery(SNS, DeliveryStatus.SKIPPED, call) if isinstance(call, str) else call


def import_calls(batches: Iterable[bytes]) -> Iterator[Call]:
    """Yield one BatchImportFindings request for each batch."""
    for batch in batches:
        findings: list[dict[str, Any]] = orjson.loads(batch)
        yield Call(
            target=SECURITY_HUB,
            service="securityhub",
            operation="BatchImportFindings",
            parameters={"Findings": findings},
            region=findings[0]["ProductArn"].split(":")[3],
            account=findings[0]["AwsAccountId"],
        )
