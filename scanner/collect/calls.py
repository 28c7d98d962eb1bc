"""Calls to AWS: each is made once per shard, with retries, and recorded with its outcome."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Protocol, Self

import orjson
from botocore import xform_name

from scanner.collect.clients import Clients
from scanner.collect.credentials import acting_for
from scanner.collect.limits import Limits
from scanner.collect.request import Unwatched, Watcher
from scanner.collect.retry import (
    BrokenAnswerError,
    Budget,
    Deadline,
    FinalError,
    Halted,
    RetryPolicy,
    Time,
    attempt,
    is_expired,
    is_throttling,
)
from scanner.evidence.answers import Pagination, pagination
from scanner.evidence.identity import mismatch
from scanner.evidence.writer import Call, Failure
from scanner.model.manifest import CollectedReads, is_collected
from scanner.model.names import AccountId, RegionName, Shard
from scanner.services.base import Operation

# Beyond every list: a vault's 1,000,000 recovery points ("AWS Backup quotas") are 1,000 pages.
_MAX_PAGES: Final = 100_000
_PARTS: Final = 64

_MOST_NAMES: Final = 5
"""Names per task: one, or up to this many if there are more tasks than threads can use."""

MOST_FRUITLESS: Final = 100
"""Consecutive pages without a new row, after which reading a list is stopped.

A few are normal: AWS may return an empty page, or a row twice when the list changes during the calls.
"""


class AlreadyAskedError(Exception):
    """The same call was made before in this shard, and its answer is recorded."""


class Recorder(Protocol):
    """The interface for recording calls: a `ShardWriter`, or one of its strands."""

    def write(self, call: Call) -> None:
        """Record a call and its outcome."""

    def branch(self) -> "Recorder":
        """Return a recorder for calls that come after those so far, and before all later ones."""

    def close(self) -> None:
        """End the recording; no more calls follow."""


class HeldCalls:
    """A recorder that keeps calls in memory until their file is known."""

    def __init__(self) -> None:
        self._calls: list[Call] = []

    @property
    def recorded(self) -> tuple[Call, ...]:
        """The calls so far."""
        return tuple(self._calls)

    def write(self, call: Call) -> None:
        """Store a call."""
        self._calls.append(call)

    def branch(self) -> "HeldCalls":
        """Return this recorder: all calls are kept in one list."""
        return self

    def close(self) -> None:
        """Do nothing: the calls stay in memory."""

    def replay(self, recorder: Recorder, account: AccountId) -> None:
        """Write the calls into `recorder` as calls of `account`, whose id the first of them returned."""
        for call in self._calls:
            recorder.write(replace(call, shard=Shard(account, call.shard.region)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """Objects that all callers of a scan share. `halt` stops them; `reads` None: everything is collected."""

    clients: Clients
    operations: Mapping[str, Operation]
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    watcher: Watcher = field(default_factory=Unwatched)
    halt: threading.Event = field(default_factory=threading.Event)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    max_pages: int = _MAX_PAGES
    time: Time = field(default_factory=Time)
    deadline: Deadline | None = None
    reads: CollectedReads | None = None


class CallRegister:
    """The calls that were made in a shard; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: set[object] = set()

    def is_new(self, operation: str, parameters: Mapping[str, object]) -> bool:
        """Register a call, and return whether it was not registered before."""
        # Most calls have one parameter or none, and need no sorting.
        call: object = (operation, *parameters.items()) if len(parameters) < 2 else None  # noqa: PLR2004
        try:
            return self._add(call or (operation, *sorted(parameters.items())))
        except TypeError:  # a list among the values
            return self._add((operation, repr(sorted(parameters.items()))))

    def _add(self, call: object) -> bool:
        with self._lock:
            before = len(self._calls)
            self._calls.add(call)
            return len(self._calls) > before


Read = Callable[["Caller"], Iterable[str] | None]
"""A part of a shard's collection: it makes calls, and returns the keys that the answers name."""

Start = Callable[[Read], None]
"""Starts the read for which a position was reserved."""


class Caller:
    """Calls AWS for one account in one Region, and records each call with its outcome.

    Use it in one thread at a time; parallel reads have their own callers (`in_parallel`). `failures` has the
    last failure of each operation that failed, for the whole shard.
    """

    def __init__(
        self,
        wiring: Wiring,
        shard: Shard,
        recorder: Recorder,
        region: RegionName,
        reserve: "Callable[[Caller], Start] | None" = None,
    ) -> None:
        self.shard = shard
        self.region = region
        self.service = ""  # the service to record if this part breaks
        self.failures: dict[str, Failure] = {}
        self.recorder = recorder
        self._wiring = wiring
        self._reserve = reserve
        # Copies (`at`, `branched`) share the register and the sender: calls are made once per shard, to which
        # AWS's rates apply as well.
        self._asked = CallRegister()
        self._endpoint = ""
        self._sender = Sender(
            clients=wiring.clients,
            shard=shard,
            region=region,
            retries=wiring.retries,
            watcher=wiring.watcher,
            halt=wiring.halt,
            time=wiring.time,
            limits=Limits(wiring.time.now),
            budget=Budget(wiring.retries.budget, wiring.time.now),
            deadline=wiring.deadline,
        )

    def at(self, endpoint: str) -> Self:
        """Return a caller for the host that endpoint discovery returned (Amazon Timestream).

        The host may be given with or without `https://`; see `Clients.of`.
        """
        there = copy(self)
        there._endpoint = endpoint  # noqa: SLF001 -- its own copy
        return there

    def branched(self) -> Self:
        """Return a caller for another thread, whose lines come between those so far and all later ones."""
        branch = copy(self)
        branch.recorder = self.recorder.branch()
        return branch

    def in_parallel(self, *reads: Read) -> set[str]:
        """Run each of `reads` with its own caller, in parallel if there are threads.

        Returns the keys that the answers name; if the reads run later, the keys are added to those of the
        shard. A read must use no shared state but its caller, and must not wait for another read.
        """
        if self._reserve is None:
            return {key for read in reads for key in read(self) or ()}
        for read in reads:
            self.later()(read)
        return set()

    def later(self) -> "Start":
        """Reserve a position in the evidence for a read, and return the function that starts it.

        The keys that it returns are added to those of the shard. Without threads, it runs in the function
        that starts it, and its keys are lost.
        """
        if self._reserve is None:
            return self._at_once
        return self._reserve(self.branched())

    def _at_once(self, read: "Read") -> None:
        read(self)

    def call(self, service: str, operation: str, **parameters: object) -> Mapping[str, Any] | None:
        """Call once; None if the call failed (which is recorded), was made before, or is not collected."""
        if not self.collects(f"{service}:{operation}"):
            return None
        try:
            return self.demand(service, operation, **parameters)
        except (FinalError, AlreadyAskedError):
            return None

    def collects(self, operation: str) -> bool:
        """Return whether the scan collects an operation (`service:Operation`)."""
        return is_collected(operation, self._wiring.reads)

    def pages(self, service: str, operation: str, **parameters: object) -> Iterator[Mapping[str, Any]]:
        """Yield the pages of a list. A failed page ends it, and the list is recorded as half read."""
        declared = self._wiring.operations[f"{service}:{operation}"]
        paging = pagination()[declared.key]
        if paging.page_size and declared.page:
            parameters |= {paging.page_size: declared.page}
        seen: set[str] = set()
        progress = Progress(paging)
        while (answer := self.call(service, operation, **parameters)) is not None:
            yield answer
            if not (token := next_token(paging, answer)):
                return
            parameters |= {paging.input: token}
            # Following a token again would read the same pages for ever.
            if token in seen or len(seen) >= self._wiring.max_pages or progress.has_ended(answer):
                self._give_up(declared, parameters, repeated=token in seen)
                return
            seen.add(token)

    def demand(self, service: str, operation: str, **parameters: object) -> Mapping[str, Any]:
        """Call once and record the outcome.

        FinalError: it failed; AlreadyAskedError: it was called before.
        """
        declared = self._wiring.operations[f"{service}:{operation}"]
        # Registered before the call, so that no other thread makes it
        # meanwhile. A failure counts as its answer, too.
        if not self._asked.is_new(declared.key, parameters):
            raise AlreadyAskedError(declared.key)
        try:
            answer = self._sender.send(declared, parameters, self._endpoint)
        except FinalError as problem:
            self._record(declared, parameters, failure=problem.failure, request_id=problem.request_id)
            raise
        metadata = answer.get("ResponseMetadata") or {}
        self._record(declared, parameters, response=answer, request_id=str(metadata.get("RequestId") or ""))
        return answer

    def each(self, names: Iterable[str], read: "Callable[[Caller, str], Iterable[str]]") -> set[str]:
        """Run `read` for each of `names`, several names per thread, and return the keys that it returned."""
        # A row can come twice when a list changes while it is read. The
        # order is that of the list, for equal evidence.
        unique = tuple(dict.fromkeys(names))
        size = max(1, min(_MOST_NAMES, len(unique) // _PARTS))
        chunks = (unique[start : start + size] for start in range(0, len(unique), size))
        return self.in_parallel(*(partial(_read_chunk, names=chunk, read=read) for chunk in chunks))

    def note(self, service: str, operation: str, parameters: Mapping[str, Any], failure: Failure) -> None:
        """Record a failure from elsewhere, such as that of a role that could not be assumed."""
        self._record(Operation(service, operation, ""), parameters, failure=failure)

    def _give_up(self, declared: Operation, parameters: Mapping[str, Any], *, repeated: bool) -> None:
        if repeated:
            failure = Failure("RepeatedPageToken", "The next page is one that was read before.", 0, 0)
        else:
            most = f"{self._wiring.max_pages} pages, or {MOST_FRUITLESS} in a row that bring nothing new"
            failure = Failure("EndlessPages", f"More than {most}.", 0, 0)
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
            # The Region that was called: for global services the home Region, not `aws-global`.
            shard=Shard(self.shard.account, self.region),
            request_id=request_id,
            response=response,
            failure=failure,
        )
        if failure is not None:
            self.failures[declared.key] = failure
        self.recorder.write(call)
        self._wiring.watcher.called(self.shard, declared.key, ok=not call.is_gap)


def _check_identity(
    operation: Operation, parameters: Mapping[str, Any], answer: Mapping[str, Any], shard: Shard
) -> None:
    """Raise BrokenAnswerError for an answer about something other than what was requested."""
    if problem := mismatch(operation.key, parameters, answer, shard):
        raise BrokenAnswerError(problem)


def next_token(paging: Pagination, answer: Mapping[str, Any]) -> str:
    """Return the token of the next page; empty on the last page."""
    # A list with such a flag (IsTruncated) ends with false, even if a token is there.
    if paging.more and answer.get(paging.more) is False:
        return ""
    return str(answer.get(paging.output) or "")


def _read_chunk(
    caller: Caller, *, names: Iterable[str], read: Callable[[Caller, str], Iterable[str]]
) -> set[str]:
    return {key for name in names for key in read(caller, name)}


class Progress:
    """Detects lists that never end, with eight bytes per page."""

    def __init__(self, paging: Pagination) -> None:
        self._paging_members = {paging.output, paging.more, "ResponseMetadata"}
        self._seen: set[int] = set()
        self._fruitless = 0

    def has_ended(self, answer: Mapping[str, Any]) -> bool:
        """Register a page that has a successor; return whether too many pages brought nothing new."""
        # Without the token, which differs on every page: only new rows are progress.
        digest = hash(
            _bytes({key: value for key, value in answer.items() if key not in self._paging_members})
        )
        self._fruitless = self._fruitless + 1 if digest in self._seen else 0
        self._seen.add(digest)
        return self._fruitless >= MOST_FRUITLESS


def _bytes(value: object) -> bytes:
    try:
        return orjson.dumps(value, default=str)
    except TypeError:  # a lone surrogate, a number beyond 64 bits
        return repr(value).encode("utf-8", "backslashreplace")


def remove(answer: MutableMapping[str, Any], paths: tuple[str, ...]) -> None:
    """Remove the fields at `paths` (`Reservations[].Instances[].UserData`) from `answer`, in place."""
    for path in paths:
        _remove(answer, path.split("."))


def _remove(node: object, steps: list[str]) -> None:
    if not isinstance(node, MutableMapping):
        return
    step, rest = steps[0], steps[1:]
    if not rest:
        node.pop(step, None)
    elif step.endswith("[]"):
        for inner in node.get(step[:-2]) or ():
            _remove(inner, rest)
    else:
        _remove(node.get(step), rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Sends the calls of one shard; safe for threads. Its waits end when `halt` is set."""

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
        """Return the answer without its secret fields.

        FinalError: the call failed. Halted: the scan stops.
        """

        def send_once() -> Mapping[str, Any]:
            # Every attempt counts against AWS's rates, so each takes a token.
            self._keep_to_limits(operation)
            return self._ask(operation, parameters, endpoint)

        def pause(failure: Failure, seconds: float) -> bool:
            # A wait that cannot end within the budget is not started: the call fails now instead of later.
            if seconds > self.budget.left() or self._is_out_of_time():
                return False
            self.watcher.retried(self.shard, operation.key, failure.code, seconds)
            self._wait(seconds)
            return True

        return attempt(send_once, self.retries, pause)

    def _keep_to_limits(self, operation: Operation) -> None:
        """Wait for a token of the rate limits. Halted, or FinalError: no time is left for waiting."""
        self._stop_if_too_late()
        seconds, throttled = self.limits.take(operation.service, operation.name)
        if seconds <= 0:
            return
        # Only waits that AWS causes are charged to the budget. Keeping to its published rates is no failure.
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
        credential_store, account = self.clients.credential_store, self.shard.account
        # Read before the call: another thread may renew the credentials while this one waits for the answer.
        used = credential_store.key_of(account)
        try:
            return self._request(operation, parameters, endpoint)
        except Exception as problem:
            if not (is_expired(problem) and credential_store.renew(account, used)):
                raise
        # Once only: if the renewed credentials have expired as well, another renewal does not help.
        return self._request(operation, parameters, endpoint)

    def _request(
        self, operation: Operation, parameters: Mapping[str, Any], endpoint: str
    ) -> Mapping[str, Any]:
        try:
            with acting_for(self.shard.account):
                client = self.clients.of(operation.service, self.region, endpoint)
                answer: dict[str, Any] = getattr(client, xform_name(operation.name))(**parameters)
                _check_identity(operation, parameters, answer, Shard(self.shard.account, self.region))
        except Exception as problem:
            if is_throttling(problem):
                self.limits.throttled(operation.service, operation.name)
            raise
        self.limits.answered(operation.service, operation.name)
        # Here, before anything can record or log the answer.
        remove(answer, operation.secrets)
        return answer

    def _stop_if_halted(self) -> None:
        if self.halt.is_set():
            raise Halted
