"""A tiny AWS on loopback: says what a test tells it to, in the wire formats that boto3 reads.

It knows who signed a request by the access key (`AKIA` + account id + anything), and which operation was
meant by botocore's own models. What a test does not script is answered with an empty list.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from botocore.session import Session

from scanner.evidence.answers import pagination
from scanner.services.catalogue import OPERATIONS

CALLER = "111111111111"
SECRET = "canary-secret-access-key"
TOKEN = "canary-session-token"

_SIGNING_NAMES = {
    "elasticfilesystem": "efs",
    "tagging": "resourcegroupstaggingapi",
    "timestream": "timestream-write",
}
_REST = {"backup", "efs", "s3", "eks", "dsql", "ssm-sap"}
_QUERY = {"iam", "rds", "sts", "redshift", "cloudformation"}
_SCOPE = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/aws4_request")


@dataclass(frozen=True)
class Request:
    """What came in. `parameters` are the form's or the JSON body's, for REST also path and query."""

    key: str
    account: str
    region: str
    access_key: str
    parameters: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """What goes out. A dict becomes JSON; `cut` promises more bytes than are sent; `after`: seconds."""

    body: Any = b"{}"
    status: int = 200
    cut: bool = False
    after: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)


Answer = Reply | dict[str, Any] | bytes
Script = Answer | Sequence[Answer] | Callable[[Request], Answer]


def xml(inner: str, operation: str = "X") -> bytes:
    """A query protocol's answer."""
    return (
        f"<{operation}Response><{operation}Result>{inner}</{operation}Result>"
        f"<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{operation}Response>"
    ).encode()


def error(code: str, status: int = 400, message: str = "no") -> Reply:
    """An error that boto3 reads in every protocol but S3's and EC2's."""
    document = f'{{"__type": "{code}", "message": "{message}"}}'
    return Reply(document.encode(), status, headers={"x-amzn-ErrorType": code})


def xml_error(code: str, status: int = 400, message: str = "no") -> Reply:
    """An error of the query protocol."""
    return Reply(
        f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>".encode(),
        status,
    )


def s3_error(code: str, status: int = 404) -> Reply:
    """An error of S3."""
    return Reply(f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode(), status)


def identity(request: Request) -> bytes:
    """GetCallerIdentity."""
    arn = f"arn:aws:iam::{request.account}:user/tester"
    return xml(f"<Arn>{arn}</Arn><Account>{request.account}</Account>", "GetCallerIdentity")


def assume(request: Request, expires: str = "2099-01-01T00:00:00Z", number: int = 0) -> bytes:
    """AssumeRole, with secrets that must never be seen again."""
    account = request.parameters["RoleArn"].split(":")[4]
    return xml(
        f"<Credentials><AccessKeyId>AKIA{account}N{number}</AccessKeyId><SecretAccessKey>{SECRET}"
        f"</SecretAccessKey><SessionToken>{TOKEN}</SessionToken><Expiration>{expires}</Expiration>"
        f"</Credentials><AssumedRoleUser><Arn>arn:aws:sts::{account}:assumed-role/R/s</Arn>"
        "<AssumedRoleId>x:s</AssumedRoleId></AssumedRoleUser>",
        "AssumeRole",
    )


def regions(*enabled: str, disabled: Sequence[str] = ()) -> bytes:
    """DescribeRegions."""
    rows = [(name, "opt-in-not-required") for name in enabled] + [(name, "not-opted-in") for name in disabled]
    body = "".join(
        f"<item><regionName>{name}</regionName><optInStatus>{status}</optInStatus></item>"
        for name, status in rows
    )
    return f"<DescribeRegionsResponse><regionInfo>{body}</regionInfo></DescribeRegionsResponse>".encode()


def bucket_list(buckets: Mapping[str, str]) -> bytes:
    """ListBuckets: names with their Regions (empty: not told)."""
    rows = "".join(
        f"<Bucket><Name>{name}</Name>{f'<BucketRegion>{region}</BucketRegion>' if region else ''}</Bucket>"
        for name, region in buckets.items()
    )
    return f"<ListAllMyBucketsResult><Buckets>{rows}</Buckets></ListAllMyBucketsResult>".encode()


class FakeAws:
    """The server. `script` says what operations answer; `requests` is what was asked, in order."""

    def __init__(self) -> None:
        self.script: dict[str, Script] = {
            "sts:GetCallerIdentity": identity,
            "sts:AssumeRole": assume,
            "ec2:DescribeRegions": regions("eu-west-1", "eu-central-1"),
            "s3:ListBuckets": bucket_list({}),
            "s3:GetBucketTagging": s3_error("NoSuchTagSet"),
            "s3:GetBucketVersioning": b"<VersioningConfiguration/>",
            "s3:GetBucketEncryption": s3_error("ServerSideEncryptionConfigurationNotFoundError"),
        }
        self.requests: list[Request] = []
        self.lock = threading.Lock()
        self._rules = _rules()

    def asked(self, key: str) -> list[Request]:
        """The requests for one operation."""
        return [request for request in self.requests if request.key == key]

    def answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> Reply:
        """Find out what was asked, and what to say."""
        request = self._read(handler, body)
        with self.lock:
            turn = len(self.asked(request.key))
            self.requests.append(request)
            script = self.script.get(request.key)
        if callable(script):
            script = script(request)
        if isinstance(script, list | tuple):
            script = script[min(turn, len(script) - 1)]
        if script is None:
            script = _empty(request)
        if isinstance(script, dict) and request.key in pagination():
            # AWS sends empty lists, too. Whoever wants an empty object scripts its bytes.
            script = {**{name: [] for name in _lists(*request.key.split(":"))}, **script}
        return script if isinstance(script, Reply) else Reply(script)

    def _read(self, handler: BaseHTTPRequestHandler, body: bytes) -> Request:
        found = _SCOPE.search(handler.headers.get("Authorization", ""))
        assert found, "an unsigned request"
        access_key, region, name = found.groups()
        service = _SIGNING_NAMES.get(name, name)
        parts = urlsplit(handler.path)
        query = {key: values[0] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
        if target := handler.headers.get("X-Amz-Target"):
            operation, parameters = target.rpartition(".")[2], json.loads(body)
        elif "Action=" in body.decode():
            parameters = {key: values[0] for key, values in parse_qs(body.decode()).items()}
            operation = parameters["Action"]
        else:
            operation, parameters = self._match(service, handler.command, parts.path, query)
        headers = {name.lower(): value for name, value in handler.headers.items()}
        return Request(f"{service}:{operation}", access_key[4:16], region, access_key, parameters, headers)

    def _match(
        self, service: str, method: str, path: str, query: Mapping[str, str]
    ) -> tuple[str, dict[str, str]]:
        for rule in self._rules:
            found = rule.pattern.fullmatch(path)
            if rule.service == service and rule.method == method and found and rule.query <= query.keys():
                path_values = {key: unquote(value) for key, value in found.groupdict().items()}
                return rule.operation, {**query, **path_values}
        raise AssertionError(f"nothing known is asked by {method} {service} {path} {query}")


@dataclass(frozen=True)
class _Rule:
    service: str
    operation: str
    method: str
    pattern: re.Pattern[str]
    query: frozenset[str]


@cache
def _rules() -> tuple[_Rule, ...]:
    """How REST operations are told apart: the longest path first, those with a query before those without."""
    session = Session()
    rules = []
    for operation in OPERATIONS.values():
        if operation.service in _REST:
            http = session.get_service_model(operation.service).operation_model(operation.name).http
            path, _, query = http["requestUri"].partition("?")
            path = re.sub(r"\\{(\w+)\+?\\}", r"(?P<\1>[^/]+)", re.escape(path.rstrip("/"))) + "/?"
            wanted = frozenset(part.split("=")[0] for part in query.split("&") if part)
            rules.append(_Rule(operation.service, operation.name, http["method"], re.compile(path), wanted))
    return tuple(sorted(rules, key=lambda rule: (-len(rule.query), -len(rule.pattern.pattern))))


_service: Final = cache(Session().get_service_model)


@cache
def _lists(service: str, operation: str) -> tuple[str, ...]:
    """Return the lists of an operation's answers."""
    model = _service(service).operation_model(operation)
    members = model.output_shape.members if model.output_shape else {}
    return tuple(name for name, shape in members.items() if shape.type_name == "list")


def _empty(request: Request) -> Answer:
    service, operation = request.key.split(":")
    lists = _lists(service, operation)
    if service == "s3":
        return b"<Empty/>"
    if service == "ec2":
        names = {"Reservations": "reservationSet", "Volumes": "volumeSet"}
        return f"<Empty>{''.join(f'<{names.get(name, name)}/>' for name in lists)}</Empty>".encode()
    if service in _QUERY:
        return xml("".join(f"<{name}/>" for name in lists), operation)
    return json.dumps({name: [] for name in lists}).encode()


@contextmanager
def serve() -> Iterator[tuple[FakeAws, str]]:
    """Serve on a free port; give the fake and its address."""
    fake = FakeAws()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # An answer is one segment: else its second one waits 40 ms for the acknowledgement of the first.
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def do_HEAD(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            reply = fake.answer(self, body)
            time.sleep(reply.after)
            data = json.dumps(reply.body).encode() if isinstance(reply.body, dict) else reply.body
            self.send_response(reply.status)
            self.send_header("x-amzn-RequestId", "request-1")
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data) + (100 if reply.cut else 0)))
            self.end_headers()
            self.wfile.write(data)
            self.close_connection = reply.cut

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *_: Any) -> None:
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield fake, f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
