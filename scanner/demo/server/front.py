"""One request: who calls, may it, who answers, which page of the answer.

request → signature → identity → call → refused?
    → sts: our own credentials
    → backup: moto's backup with our extension
    → what moto lacks: our own simulations
    → all else: moto
→ mended → cut into pages → written in the service's protocol
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
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
from scanner.demo.server import authorization
from scanner.demo.server.authorization import Credentials, Identity, is_allowed
from scanner.demo.server.backup_policies import OWN_ANSWERS
from scanner.demo.server.mends import DEFAULTS, MENDS, Mend, reroute
from scanner.demo.services import (
    backupgateway,
    cloudformation,
    dsql,
    eks,
    fsx,
    redshift,
    redshiftserverless,
    ssmsap,
    storagegateway,
    timestream,
)
from scanner.demo.services.simulation import Service
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
    from scanner.demo.server.authorization import Refusal


_REQUEST_ID = re.compile(rb"(?<=<RequestId>)[^<]*|(?<=<requestId>)[^<]*|(?<=<RequestID>)[^<]*")

REWRITTEN = frozenset(PAGES) | frozenset(MENDS) | frozenset(DEFAULTS)
"""Operations whose answers pass through our hands; the rest goes from moto to the client as it is."""

_READS = ("Describe", "Get", "List")
"""What the names of operations begin with that change nothing."""
StartResponse = Callable[..., Any]

_REQUEST_ID_HEADERS = frozenset(
    {"x-amzn-requestid", "x-amz-request-id", "x-amz-id-2", "content-length", "date", "server"}
)

SERVICES: Mapping[str, Service] = {
    module.SERVICE.name: module.SERVICE
    for module in (
        backupgateway,
        cloudformation,
        dsql,
        eks,
        fsx,
        redshift,
        redshiftserverless,
        ssmsap,
        storagegateway,
        timestream,
    )
}


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A parsed API call: its operation, and the HTTP request to pass on."""

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
        """Answer one request. Unsigned ones, and those that botocore does not know, go to moto."""
        buffer_body(environ)
        signature = read_signature(environ)
        # Moto's own pages and checks of its state are not signed.
        if signature is None:
            return self.ask_moto(environ)
        identity = self.credentials.identify(signature.access_key)
        request = self._read(environ, signature, identity)
        if request is None:
            return self.ask_moto(environ)
        try:
            answer = self._respond(request, signature.access_key, identity)
        except ApiError as error:
            answer = write_error(request.operation, error)
        return _stamped(answer, request)

    def perform(self, request: ApiRequest) -> dict[str, Any]:
        """Let moto perform a call, and parse its answer. Errors become ApiError."""
        # What was cut into pages before may have changed.
        self._wholes.clear()
        answer = self._pass_on(request)
        if answer.is_error:
            raise ApiError("PlantingFailed", f"{request.call}: {answer.body!r}", answer.status)
        return read_answer(request.operation, answer)

    def ask_moto(self, environ: Environ) -> Answer:
        """Moto's own answer to the request."""
        body, status, headers = run_wsgi_app(self._moto, environ, buffered=True)
        return Answer(int(status.split(" ", 1)[0]), tuple(headers), b"".join(body))

    def _read(self, environ: Environ, signature: Signature, identity: Identity | None) -> ApiRequest | None:
        parsed = read_operation(environ, signature.service)
        if parsed is None:
            return None
        operation, parameters = parsed
        account, arn = (identity.account, identity.arn) if identity else ("", "")
        call = Call(account, arn, signature.region, signature.service, operation.name, parameters)
        return ApiRequest(call, operation, {**environ, "HTTP_X_MOTO_ACCOUNT_ID": account})

    def _respond(self, request: ApiRequest, access_key: str, identity: Identity | None) -> Answer:
        self.log.note(request.call)
        self._admit(request, identity)
        if request.call.service == "sts":
            return self._sts(request, access_key)
        own = OWN_ANSWERS.get((request.call.service, request.call.operation))
        # Before moto, which cannot merge backup policies.
        if own is not None:
            return write_answer(request.operation, own(request.call))
        if request.call.service in SERVICES:
            result = SERVICES[request.call.service].respond(request.call, request.operation)
            return write_answer(request.operation, result)
        request = self._rerouted(request)
        name = (request.call.service, request.call.operation)
        if name not in REWRITTEN:
            # A write may change what the cached lists contain.
            if not request.call.operation.startswith(_READS):
                self._wholes.clear()
            return self._pass_on(request)
        return self._mended(request, MENDS.get(name), PAGES.get(name))

    def _admit(self, request: ApiRequest, identity: Identity | None) -> None:
        """Raise AWS's error for a caller without a known, unexpired key or without the permission."""
        if identity is None:
            raise authorization.unknown_key(request.protocol)
        # The real clock: botocore renews credentials by it.
        if identity.expires and identity.expires <= datetime.now(UTC):
            raise authorization.expired(request.protocol)
        # AWS answers calls to a Region that is not enabled like those with an unknown key.
        if not has_enabled(request.call.account, request.call.region):
            raise authorization.unknown_key(request.protocol)
        refused = any(refusal.applies(request.call) for refusal in self.refusals)
        if refused or not is_allowed(request.call):
            raise authorization.denied(request.call, request.protocol)

    def _sts(self, request: ApiRequest, access_key: str) -> Answer:
        if request.call.operation == "AssumeRole":
            return write_answer(request.operation, self.credentials.assume_role(request.call))
        if request.call.operation == "GetCallerIdentity":
            return write_answer(request.operation, self.credentials.caller_identity(access_key))
        raise authorization.denied(request.call, request.protocol)

    def _rerouted(self, request: ApiRequest) -> ApiRequest:
        """Return the same call, addressed to the account that owns its resource."""
        account = reroute(request.call, request.protocol)
        environ = {**request.environ, "HTTP_X_MOTO_ACCOUNT_ID": account}
        return ApiRequest(request.call, request.operation, environ)

    def _mended(self, request: ApiRequest, mend: Mend | None, pages: Pages | None) -> Answer:
        """Return moto's answer to the whole list, corrected, cut to the page, and without unknown fields."""
        parameters = unpaged(request.call, pages) if pages else dict(request.call.parameters)
        parameters = {**DEFAULTS.get((request.call.service, request.call.operation), {}), **parameters}
        # The pages of one list are cut from one answer of moto's.
        name = whole_name(request.call, parameters)
        result = self._wholes.get(name)
        if result is None:
            whole = rewrite_request(request.environ, request.operation, parameters)
            answer = self._pass_on(ApiRequest(request.call, request.operation, whole))
            if answer.is_error:
                return answer
            result = read_answer(request.operation, answer)
            result = self._wholes[name] = mend(request.call, result) if mend else result
        return write_answer(request.operation, cut(request.call, pages, result) if pages else result)

    def _pass_on(self, request: ApiRequest) -> Answer:
        if request.call.service == "backup":
            return _ask_backup(request.environ)
        return self.ask_moto(request.environ)


def operation_of(service: str, name: str) -> OperationModel:
    """Botocore's model of an operation."""
    operation: OperationModel = get_service_model(service).operation_model(name)
    return operation


def _ask_backup(environ: Environ) -> Answer:
    request = fresh_request(environ)
    request.from_wsgi_server = True
    status, headers, body = DemoBackupResponse.dispatch(request)
    raw = body if isinstance(body, bytes) else str(body).encode()
    reply_headers = tuple((str(key), str(value)) for key, value in headers.items() if key.lower() != "status")
    return Answer(int(status), reply_headers, raw)


def _stamped(answer: Answer, request: ApiRequest) -> Answer:
    """Return the answer with the request id of the call."""
    call_id = request_id(request.call)
    headers = [pair for pair in answer.headers if pair[0].lower() not in _REQUEST_ID_HEADERS]
    name = "x-amz-request-id" if request.call.service == "s3" else "x-amzn-RequestId"
    # Services that answer in XML repeat the id in the body.
    body = _REQUEST_ID.sub(call_id.encode(), answer.body) if answer.body.startswith(b"<") else answer.body
    return Answer(answer.status, (*headers, (name, call_id)), body)


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
