"""Calling AWS: each call is asked once, tried as often as it deserves, and recorded however it ends."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final, Protocol, Self

from botocore import xform_name

from scanner.collect import redact
from scanner.collect.clients import Clients
from scanner.collect.credentials import acting_for
from scanner.collect.operations import Operation
from scanner.collect.retry import FinalError, Halted, RetryPolicy, attempt
from scanner.collect.watch import Unwatched, Watcher
from scanner.evidence.answers import Pagination, pagination
from scanner.evidence.writer import Call, Failure
from scanner.model.names import AccountId, RegionName, Shard

_MAX_PAGES: Final = 100_000


class AlreadyAskedError(Exception):
    """The same call was asked before in this shard; its answer is on record."""


class Recorder(Protocol):
    """Where calls are written down: `ShardWriter` is one."""

    def write(self, call: Call) -> None:
        """Write down a call and its outcome."""


class Held:
    """A recorder that keeps calls until it is known which file they belong in."""

    def __init__(self) -> None:
        self._calls: list[Call] = []

    def write(self, call: Call) -> None:
        """Keep a call."""
        self._calls.append(call)

    def replay(self, recorder: Recorder, account: AccountId) -> None:
        """Write the calls into `recorder`, as calls of `account`: the first one is made to learn its id."""
        for call in self._calls:
            recorder.write(replace(call, shard=Shard(account, call.shard.region)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """What all callers of a scan share. `halt` is set to stop them."""

    clients: Clients
    operations: Mapping[str, Operation]
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    watcher: Watcher = field(default_factory=Unwatched)
    halt: threading.Event = field(default_factory=threading.Event)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    max_pages: int = _MAX_PAGES


class Caller:
    """Calls AWS for one account in one Region, and records each call with its outcome.

    For one thread at a time. `failures` holds the last failure of each operation that had one.
    """

    def __init__(self, wiring: Wiring, shard: Shard, recorder: Recorder, region: RegionName) -> None:
        self.shard = shard
        self.region = region
        self.failures: dict[str, Failure] = {}
        self._wiring = wiring
        self._recorder = recorder
        self._asked: set[tuple[str, str]] = set()
        self._endpoint = ""

    def at(self, endpoint: str) -> Self:
        """Give this caller as one that asks at the host that endpoint discovery named (Amazon Timestream).

        An answer may name it with or without `https://`; see `Clients.of`.
        """
        there = copy(self)
        there._endpoint = endpoint  # noqa: SLF001 -- its own copy
        return there

    def call(self, service: str, operation: str, **parameters: object) -> Mapping[str, Any] | None:
        """Ask once; None when it failed (which is on record) or was asked before."""
        try:
            return self.demand(service, operation, **parameters)
        except (FinalError, AlreadyAskedError):
            return None

    def pages(self, service: str, operation: str, **parameters: object) -> Iterator[Mapping[str, Any]]:
        """Ask for page after page. A page that fails ends the list, which is on record as half read."""
        declared = self._wiring.operations[f"{service}:{operation}"]
        paging = pagination()[declared.key]
        if paging.page_size and declared.page:
            parameters |= {paging.page_size: declared.page}
        seen: set[str] = set()
        while (answer := self.call(service, operation, **parameters)) is not None:
            yield answer
            if not (token := next_token(paging, answer)):
                return
            parameters |= {paging.input: token}
            if token in seen or len(seen) >= self._wiring.max_pages:
                self._give_up(declared, parameters, repeated=token in seen)
                return
            seen.add(token)

    def demand(self, service: str, operation: str, **parameters: object) -> Mapping[str, Any]:
        """Ask once and record the outcome. FinalError: it failed; AlreadyAskedError: asked before."""
        declared = self._wiring.operations[f"{service}:{operation}"]
        identity = (declared.key, repr(sorted(parameters.items())))
        if identity in self._asked:
            raise AlreadyAskedError(declared.key)
        self._asked.add(identity)
        try:
            answer = self._send(declared, parameters)
        except FinalError as problem:
            self._record(declared, parameters, failure=problem.failure, request_id=problem.request_id)
            raise
        metadata = answer.get("ResponseMetadata") or {}
        self._record(declared, parameters, response=answer, request_id=str(metadata.get("RequestId") or ""))
        return answer

    def each(self, names: Iterable[str], read: "Callable[[Caller, str], Iterable[str]]") -> set[str]:
        """Do `read` for each of `names`; give the keys that it named.

        Whatever is listed in many rows and described one by one goes through here.
        """
        return {key for name in names for key in read(self, name)}

    def note(self, service: str, operation: str, parameters: Mapping[str, Any], failure: Failure) -> None:
        """Record a failure that was met elsewhere: a role that could not be assumed."""
        self._record(Operation(service, operation, ""), parameters, failure=failure)

    def _send(self, declared: Operation, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        def send() -> Mapping[str, Any]:
            self._stop_if_halted()
            with acting_for(self.shard.account):
                client = self._wiring.clients.of(declared.service, self.region, self._endpoint)
                answer: dict[str, Any] = getattr(client, xform_name(declared.name))(**parameters)
            redact.remove(answer, declared.secrets)
            return answer

        def pause(failure: Failure, seconds: float) -> None:
            self._wiring.watcher.retried(self.shard, declared.key, failure.code, seconds)
            self._wiring.halt.wait(seconds)

        return attempt(send, self._wiring.retries, pause)

    def _stop_if_halted(self) -> None:
        if self._wiring.halt.is_set():
            raise Halted

    def _give_up(self, declared: Operation, parameters: Mapping[str, Any], *, repeated: bool) -> None:
        if repeated:
            failure = Failure("RepeatedPageToken", "The next page is one that was read before.", 0, 0)
        else:
            failure = Failure("EndlessPages", f"More than {self._wiring.max_pages} pages.", 0, 0)
        self._record(declared, parameters, failure=failure)

    def _record(
        self,
        declared: Operation,
        parameters: Mapping[str, Any],
        *,
        response: Mapping[str, Any] | None = None,
        failure: Failure | None = None,
        request_id: str = "",
    ) -> None:
        call = Call(
            service=declared.service,
            operation=declared.name,
            parameters=dict(parameters),
            at=self._wiring.clock(),
            shard=Shard(self.shard.account, self.region),
            request_id=request_id,
            response=response,
            failure=failure,
        )
        if failure is not None:
            self.failures[declared.key] = failure
        self._recorder.write(call)
        self._wiring.watcher.called(self.shard, declared.key, ok=not call.is_gap)


def next_token(paging: Pagination, answer: Mapping[str, Any]) -> str:
    """Give the token of the page after this one; empty when this is the last."""
    if paging.more and answer.get(paging.more) is False:
        return ""
    return str(answer.get(paging.output) or "")
