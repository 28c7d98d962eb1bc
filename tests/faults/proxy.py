"""A loopback proxy that stands between a scan and its AWS, and injects faults by rule.

It reads HTTP/1.1 off raw sockets, keeps connections open, and knows what was asked: service, operation,
account, Region. A rule says which exchanges a fault is injected into; the rest is passed on.
"""

import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from io import BytesIO
from typing import Any, Protocol
from urllib.parse import urlsplit

from moto.core.model import OperationModel

from scanner.demo.wire.answer import Answer
from scanner.demo.wire.call import read_operation, read_signature

_ROLE = re.compile(rb"RoleArn=arn%3Aaws%3Aiam%3A%3A(\d{12})")
_KEY_ID = re.compile(rb"<AccessKeyId>([^<]+)</AccessKeyId>")
_RESET = struct.pack("ii", 1, 0)
SOMEBODY = "caller"


class Gone(Exception):  # noqa: N818 -- no error: a side of the connection has hung up
    """There is nobody left to talk to on this connection."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: whose, where, for what, and as it came."""

    service: str
    operation: str
    account: str
    region: str
    parameters: Mapping[str, Any]
    model: OperationModel
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def key(self) -> str:
        """The operation as evidence names it."""
        return f"{self.service}:{self.operation}"

    @property
    def protocol(self) -> str:
        """The protocol that the service speaks."""
        return str(self.model.service_model.resolved_protocol)


class Upstream(Protocol):
    """Whoever has the true answers."""

    def fetch(self, asked: Asked) -> Answer:
        """Answer as AWS would."""


class Wire:
    """One connection of a client."""

    def __init__(self, connection: socket.socket, stopping: threading.Event) -> None:
        self._socket = connection
        self._stopping = stopping
        self.is_open = True

    def send(self, data: bytes) -> None:
        """Send bytes; Gone when the client has hung up."""
        try:
            self._socket.sendall(data)
        except OSError as problem:
            self.is_open = False
            raise Gone from problem

    def reset(self) -> None:
        """End the connection with a reset."""
        with suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.close()

    def close(self) -> None:
        """End the connection in an orderly way."""
        self.is_open = False
        with suppress(OSError):
            self._socket.close()

    def half_close(self) -> None:
        """Say no more, and go on listening."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def wait(self, seconds: float) -> None:
        """Do nothing for a while; the proxy's end cuts it short."""
        self._stopping.wait(seconds)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and the connection it came on. `number` counts what this rule was applied to, from 1."""

    asked: Asked
    wire: Wire
    number: int
    fetch: Callable[[], Answer]

    def reply(self, answer: Answer) -> None:
        """Send a whole answer."""
        self.wire.send(raw(answer))


Fault = Callable[[Exchange], None]
"""Does something else than answering; the connection stays open unless the fault ends it."""


def always(_number: int) -> bool:
    """Every time."""
    return True


def first(_count: int = 1) -> Callable[[int], bool]:
    """The first so many times."""
    return lambda number: number <= _count


def every(count: int) -> Callable[[int], bool]:
    """Each time that `count` divides."""
    return lambda number: number % count == 0


@dataclass(slots=True)
class Rule:
    """Injects `fault` into what matches (`*`: anything), when the count of matches says so.

    `by` tells counts apart: with `asked.key` each operation has its own first time.
    """

    fault: Fault
    keys: frozenset[str] | None = None
    account: str = "*"
    when: Callable[[int], bool] = always
    by: Callable[[Asked], object] = lambda _asked: None
    applied: list[str] = field(default_factory=list)
    _counts: dict[object, int] = field(default_factory=dict)

    def turn(self, asked: Asked) -> int:
        """Give the number of this match when the fault is due; 0 when not."""
        if self.keys is not None and asked.key not in self.keys:
            return 0
        if self.account not in ("*", asked.account):
            return 0
        number = self._counts[self.by(asked)] = self._counts.get(self.by(asked), 0) + 1
        if not self.when(number):
            return 0
        self.applied.append(asked.key)
        return number


class Proxy:
    """`rules` are asked in order, the first that applies is injected. `asked` is what came in, in order.

    `keys` tells whose an access key is; those of roles are learnt as they are assumed.
    """

    def __init__(self, upstream: Upstream) -> None:
        self.rules: list[Rule] = []
        self.asked: list[Asked] = []
        self.upstream = upstream
        self.keys: dict[str, str] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def run(self) -> None:
        """Take connections until the proxy is stopped."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def stop(self) -> None:
        """Take no more connections, and let those that wait go."""
        self._stopping.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def start_over(self, *rules: Rule) -> None:
        """Forget what was asked, and inject by these rules from now on."""
        with self._lock:
            self.rules = list(rules)
            self.asked = []

    def _serve(self, connection: socket.socket) -> None:
        wire = Wire(connection, self._stopping)
        connection.settimeout(30)
        stream = connection.makefile("rb")
        try:
            while wire.is_open and (asked := self._read(stream)) is not None:
                self._answer(asked, wire)
        except (Gone, OSError):
            pass
        finally:
            stream.close()
            wire.close()

    def _answer(self, asked: Asked, wire: Wire) -> None:
        with self._lock:
            self.asked.append(asked)
            due = next(((rule, number) for rule in self.rules if (number := rule.turn(asked))), None)
        if due is None:
            wire.send(raw(self._fetch(asked)))
        else:
            rule, number = due
            rule.fault(Exchange(asked, wire, number, lambda: self._fetch(asked)))

    def _fetch(self, asked: Asked) -> Answer:
        answer = self.upstream.fetch(asked)
        if asked.operation == "AssumeRole" and (key := _KEY_ID.search(answer.body)):
            role = _ROLE.search(asked.body)
            assert role
            self.keys[key.group(1).decode()] = role.group(1).decode()
        return answer

    def _read(self, stream: Any) -> Asked | None:
        line = stream.readline()
        if not line:
            return None
        method, target, _ = line.decode("latin-1").split()
        headers: dict[str, str] = {}
        while (line := stream.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", 0)))
        environ = environ_of(method, target, headers, body)
        signature = read_signature(environ)
        assert signature, f"an unsigned request: {method} {target}"
        found = read_operation(environ, signature.service)
        assert found, f"nothing known is asked by {method} {target}"
        model, parameters = found
        return Asked(
            service=signature.service,
            operation=model.name,
            account=self.keys.get(signature.access_key, SOMEBODY),
            region=signature.region,
            parameters=parameters,
            model=model,
            method=method,
            target=target,
            headers=headers,
            body=body,
        )


def environ_of(method: str, target: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """A request as WSGI has it, for those who read operations out of it."""
    parts = urlsplit(target)
    environ: dict[str, Any] = {
        f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()
    }
    return environ | {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": parts.path,
        "RAW_URI": target,
        "REQUEST_URI": target,
        "QUERY_STRING": parts.query,
        "CONTENT_TYPE": headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body),
        "demo.body": body,
    }


def raw(answer: Answer) -> bytes:
    """An answer as bytes, its length told."""
    return head(answer) + answer.body


def head(answer: Answer, **more: str | None) -> bytes:
    """The status line and the headers; `more` (`content_length="7"`) adds, replaces or (None) leaves out."""
    named = {"content-length": str(len(answer.body)), "x-amzn-requestid": "request-1"}
    named |= {name.lower(): value for name, value in answer.headers if name.lower() != "content-length"}
    changed = {name.replace("_", "-"): value for name, value in more.items()}
    lines = [f"{name}: {value}" for name, value in (named | changed).items() if value is not None]
    return "\r\n".join([f"HTTP/1.1 {answer.status} Said", *lines, "", ""]).encode("latin-1")


class Forward:
    """The upstream at an address: the demo organisation's server, or a fake."""

    def __init__(self, endpoint: str) -> None:
        self._address = urlsplit(endpoint).netloc
        self._kept: dict[object, Answer] = {}

    def fetch(self, asked: Asked) -> Answer:
        """Ask each question once: the answers of a simulation do not change."""
        question = (asked.account, asked.region, asked.key, asked.target, asked.body)
        if question not in self._kept:
            self._kept[question] = self._ask(asked)
        return self._kept[question]

    def _ask(self, asked: Asked) -> Answer:
        connection = HTTPConnection(self._address, timeout=60)
        try:
            connection.request(asked.method, asked.target, asked.body, dict(asked.headers))
            response = connection.getresponse()
            return Answer(response.status, tuple(response.getheaders()), response.read())
        finally:
            connection.close()


@contextmanager
def proxy_before(upstream: Upstream) -> Iterator[Proxy]:
    """A proxy on a free port until the block ends."""
    proxy = Proxy(upstream)
    thread = threading.Thread(target=proxy.run, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.stop()
        thread.join()
