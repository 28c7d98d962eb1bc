"""One request: who calls, may it, who answers, which page of the answer.

request → signature → identity → call → refused?
    → sts: our own credentials
    → backup: moto's backup with our extension
    → what moto lacks: our own simulations
    → all else: moto
→ mended → cut into pages → written in the service's protocol
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.core.model import OperationModel
from moto.core.utils import get_service_model
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Response

from scanner.demo.backup.responses import DemoBackupResponse
from scanner.demo.server import refusals
from scanner.demo.server.authorization import is_allowed
from scanner.demo.server.backup_policies import OWN_ANSWERS
from scanner.demo.server.credentials import Credentials, Identity
from scanner.demo.server.mends import DEFAULTS, MENDS, Mend, reroute
from scanner.demo.services.registry import SERVICES
from scanner.demo.services.stock import has_enabled
from scanner.demo.wire.answer import (
    Answer,
    ApiError,
    read_answer,
    request_id,
    rewrite_request,
    whole_name,
    write_answer,
    write_error,
)
from scanner.demo.wire.call import (
    Call,
    Environ,
    Signature,
    buffer_body,
    fresh_request,
    read_operation,
    read_signature,
)
from scanner.demo.wire.paging import PAGES, Pages, cut, unpaged

if TYPE_CHECKING:
    from scanner.demo.server.refusals import Refusal


_REQUEST_ID = re.compile(rb"(?<=<RequestId>)[^<]*|(?<=<requestId>)[^<]*|(?<=<RequestID>)[^<]*")

REWRITTEN = frozenset(PAGES) | frozenset(MENDS) | frozenset(DEFAULTS)
"""Operations whose answers pass through our hands; the rest goes from moto to the client as it is."""

_READS = ("Describe", "Get", "List")
"""What the names of operations begin with that change nothing."""
StartResponse = Callable[..., Any]

_REQUEST_ID_HEADERS = frozenset(
    {"x-amzn-requestid", "x-amz-request-id", "x-amz-id-2", "content-length", "date", "server"}
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A call with what is needed to pass it on: its operation and the request that carried it."""

    call: Call
    operation: OperationModel
    environ: Environ

    @property
    def protocol(self) -> str:
        """The protocol that the service speaks."""
        return str(self.operation.service_model.resolved_protocol)


class Front:
    """The WSGI application of the simulation."""

    def __init__(self, credentials: Credentials) -> None:
        self.credentials = credentials
        self.refusals: list[Refusal] = []
        self.log = CallLog()
        self._wholes: dict[str, dict[str, Any]] = {}
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one HTTP request."""
        answer = self.answer(environ)
        response = Response(answer.body, status=answer.status, headers=list(answer.headers))
        return response(environ, start_response)

    def answer(self, environ: Environ) -> Answer:
        """Answer one request; an unsigned one, or one that botocore does not know, is left to moto."""
        buffer_body(environ)
        signature = read_signature(environ)
        if signature is None:
            return self.ask_moto(environ)
        identity = self.credentials.identify(signature.access_key)
        asked = self._read(environ, signature, identity)
        if asked is None:
            return self.ask_moto(environ)
        try:
            answer = self._respond(asked, signature.access_key, identity)
        except ApiError as error:
            answer = write_error(asked.operation, error)
        return _stamped(answer, asked)

    def perform(self, asked: Asked) -> dict[str, Any]:
        """Let moto do what is asked, and read its answer. An error becomes an ApiError."""
        self._wholes.clear()
        answer = self._pass_on(asked)
        if answer.is_error:
            raise ApiError("PlantingFailed", f"{asked.call}: {answer.body!r}", answer.status)
        return read_answer(asked.operation, answer)

    def ask_moto(self, environ: Environ) -> Answer:
        """Moto's own answer to the request."""
        body, status, headers = run_wsgi_app(self._moto, environ, buffered=True)
        return Answer(int(status.split(" ", 1)[0]), tuple(headers), b"".join(body))

    def _read(self, environ: Environ, signature: Signature, identity: Identity | None) -> Asked | None:
        found = read_operation(environ, signature.service)
        if found is None:
            return None
        operation, parameters = found
        account, arn = (identity.account, identity.arn) if identity else ("", "")
        call = Call(account, arn, signature.region, signature.service, operation.name, parameters)
        return Asked(call, operation, {**environ, "HTTP_X_MOTO_ACCOUNT_ID": account})

    def _respond(self, asked: Asked, access_key: str, identity: Identity | None) -> Answer:
        self.log.note(asked.call)
        self._admit(asked, identity)
        if asked.call.service == "sts":
            return self._sts(asked, access_key)
        own = OWN_ANSWERS.get((asked.call.service, asked.call.operation))
        if own is not None:
            return write_answer(asked.operation, own(asked.call))
        if asked.call.service in SERVICES:
            result = SERVICES[asked.call.service].respond(asked.call, asked.operation)
            return write_answer(asked.operation, result)
        asked = self._rerouted(asked)
        name = (asked.call.service, asked.call.operation)
        if name not in REWRITTEN:
            if not asked.call.operation.startswith(_READS):
                self._wholes.clear()
            return self._pass_on(asked)
        return self._mended(asked, MENDS.get(name), PAGES.get(name))

    def _admit(self, asked: Asked, identity: Identity | None) -> None:
        """Raise what AWS answers to a caller without a known, unexpired key or without the permission."""
        if identity is None:
            raise refusals.unknown_key(asked.protocol)
        if identity.expires and identity.expires <= datetime.now(UTC):
            raise refusals.expired(asked.protocol)
        if not has_enabled(asked.call.account, asked.call.region):
            raise refusals.unknown_key(asked.protocol)
        refused = any(refusal.applies(asked.call) for refusal in self.refusals)
        if refused or not is_allowed(asked.call):
            raise refusals.denied(asked.call, asked.protocol)

    def _sts(self, asked: Asked, access_key: str) -> Answer:
        if asked.call.operation == "AssumeRole":
            return write_answer(asked.operation, self.credentials.assume_role(asked.call))
        if asked.call.operation == "GetCallerIdentity":
            return write_answer(asked.operation, self.credentials.caller_identity(access_key))
        raise refusals.denied(asked.call, asked.protocol)

    def _rerouted(self, asked: Asked) -> Asked:
        """The same call, asked of the account that owns what it speaks of."""
        account = reroute(asked.call, asked.protocol)
        environ = {**asked.environ, "HTTP_X_MOTO_ACCOUNT_ID": account}
        return Asked(asked.call, asked.operation, environ)

    def _mended(self, asked: Asked, mend: Mend | None, pages: Pages | None) -> Answer:
        """Moto's answer put right: asked for the whole, mended, cut, and without what has no shape."""
        parameters = unpaged(asked.call, pages) if pages else dict(asked.call.parameters)
        parameters = {**DEFAULTS.get((asked.call.service, asked.call.operation), {}), **parameters}
        # The pages of one list are cut from one answer of moto's.
        name = whole_name(asked.call, parameters)
        result = self._wholes.get(name)
        if result is None:
            whole = rewrite_request(asked.environ, asked.operation, parameters)
            answer = self._pass_on(Asked(asked.call, asked.operation, whole))
            if answer.is_error:
                return answer
            result = read_answer(asked.operation, answer)
            result = self._wholes[name] = mend(asked.call, result) if mend else result
        return write_answer(asked.operation, cut(asked.call, pages, result) if pages else result)

    def _pass_on(self, asked: Asked) -> Answer:
        if asked.call.service == "backup":
            return _ask_backup(asked.environ)
        return self.ask_moto(asked.environ)


def operation_of(service: str, name: str) -> OperationModel:
    """Botocore's model of an operation."""
    operation: OperationModel = get_service_model(service).operation_model(name)
    return operation


def _ask_backup(environ: Environ) -> Answer:
    request = fresh_request(environ)
    request.from_wsgi_server = True
    status, headers, body = DemoBackupResponse.dispatch(request)
    raw = body if isinstance(body, bytes) else str(body).encode()
    kept = tuple((str(key), str(value)) for key, value in headers.items() if key.lower() != "status")
    return Answer(int(status), kept, raw)


def _stamped(answer: Answer, asked: Asked) -> Answer:
    """The answer under the request id that belongs to the call, whoever answered it."""
    own = request_id(asked.call)
    headers = [pair for pair in answer.headers if pair[0].lower() not in _REQUEST_ID_HEADERS]
    name = "x-amz-request-id" if asked.call.service == "s3" else "x-amzn-RequestId"
    body = _REQUEST_ID.sub(own.encode(), answer.body) if answer.body.startswith(b"<") else answer.body
    return Answer(answer.status, (*headers, (name, own)), body)


class CallLog:
    """Passes calls to listeners, each of which has its own list. Safe for threads."""

    def __init__(self) -> None:
        self._listeners: list[list[Call]] = []

    def note(self, call: Call) -> None:
        """Pass a call, answered or refused, to every listener."""
        for calls in self._listeners:
            calls.append(call)

    @contextmanager
    def listening(self) -> Iterator[list[Call]]:
        """Yield the list of calls that arrive during the block, in order."""
        calls: list[Call] = []
        self._listeners.append(calls)
        try:
            yield calls
        finally:
            # Not remove(), which would compare lists by their calls and might remove another one.
            self._listeners = [listener for listener in self._listeners if listener is not calls]
