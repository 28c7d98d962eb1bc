"""One call on its way to AWS: at the rate that AWS admits, with good credentials, as often as it deserves."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore import xform_name

from scanner.collect import redact
from scanner.collect.clients import Clients
from scanner.collect.credentials import acting_for
from scanner.collect.deadline import Deadline
from scanner.collect.limits import Limits
from scanner.collect.patience import Budget, Time
from scanner.collect.response_identity import check_identity
from scanner.collect.retry import FinalError, Halted, RetryPolicy, attempt, is_expired, is_throttling
from scanner.collect.watch import Watcher
from scanner.evidence.writer import Failure
from scanner.model.names import RegionName, Shard
from scanner.services.base import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Sends the calls of one shard; safe for threads. What it waits for stops when `halt` is set."""

    clients: Clients
    shard: Shard
    region: RegionName
    retries: RetryPolicy
    watcher: Watcher
    halt: threading.Event
    time: Time
    limits: Limits
    budget: Budget
    deadline: Deadline | None = None

    def send(
        self, operation: Operation, parameters: Mapping[str, Any], endpoint: str = ""
    ) -> Mapping[str, Any]:
        """Give the answer, without its secret fields. FinalError: it failed for good. Halted: stop."""

        def once() -> Mapping[str, Any]:
            self._keep_to_limits(operation)
            return self._ask(operation, parameters, endpoint)

        def pause(failure: Failure, seconds: float) -> bool:
            if seconds > self.budget.left() or self._is_out_of_time():
                return False
            self.watcher.retried(self.shard, operation.key, failure.code, seconds)
            self._wait(seconds)
            return True

        return attempt(once, self.retries, pause)

    def _keep_to_limits(self, operation: Operation) -> None:
        """Wait for a token. Halted; FinalError: AWS throttled or failed for so long that no time is left."""
        self._stop_if_too_late()
        seconds, throttled = self.limits.take(operation.service, operation.name)
        if seconds <= 0:
            return
        if throttled:
            self._wait(min(seconds, self.budget.left()))
        else:
            self.time.wait(self.halt, seconds)
        self._stop_if_too_late()

    def _stop_if_too_late(self) -> None:
        """Raise Halted when the scan is being stopped, FinalError when no time is left for the call."""
        self._stop_if_halted()
        if self.deadline is not None and self.deadline.forbids_calls:
            raise FinalError(self.deadline.failure())
        if self.budget.left() <= 0:
            raise FinalError(self._too_late())

    def _is_out_of_time(self) -> bool:
        return self.deadline is not None and self.deadline.forbids_calls

    def _wait(self, seconds: float) -> None:
        with self.budget.waiting():
            self.time.wait(self.halt, seconds)

    def _too_late(self) -> Failure:
        spent = f"{self.budget.seconds:g} seconds were spent on waiting while AWS throttled or failed"
        return Failure("BudgetExceeded", f"Not asked: {spent} in this account and Region.", 0, 0)

    def _ask(self, operation: Operation, parameters: Mapping[str, Any], endpoint: str) -> Mapping[str, Any]:
        wallet, account = self.clients.wallet, self.shard.account
        used = wallet.key_of(account)
        try:
            return self._request(operation, parameters, endpoint)
        except Exception as problem:
            if not (is_expired(problem) and wallet.renew(account, used)):
                raise
        return self._request(operation, parameters, endpoint)

    def _request(
        self, operation: Operation, parameters: Mapping[str, Any], endpoint: str
    ) -> Mapping[str, Any]:
        try:
            with acting_for(self.shard.account):
                client = self.clients.of(operation.service, self.region, endpoint)
                answer: dict[str, Any] = getattr(client, xform_name(operation.name))(**parameters)
                check_identity(
                    client.meta.service_model.operation_model(operation.name),
                    operation,
                    parameters,
                    answer,
                    Shard(self.shard.account, self.region),
                )
        except Exception as problem:
            if is_throttling(problem):
                self.limits.throttled(operation.service, operation.name)
            raise
        self.limits.answered(operation.service, operation.name)
        redact.remove(answer, operation.secrets)
        return answer

    def _stop_if_halted(self) -> None:
        if self.halt.is_set():
            raise Halted
