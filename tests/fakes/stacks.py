"""CloudFormation's DescribeStacks on loopback: that of moto needs a library for each kind of resource."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

_NAMESPACE = 'xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"'


def _stack(name: str, outputs: Mapping[str, str]) -> str:
    members = "".join(
        f"<member><OutputKey>{key}</OutputKey><OutputValue>{value}</OutputValue></member>"
        for key, value in outputs.items()
    )
    return (
        f"<DescribeStacksResponse {_NAMESPACE}><DescribeStacksResult><Stacks><member>"
        f"<StackName>{name}</StackName><CreationTime>2026-11-30T00:00:00Z</CreationTime>"
        f"<StackStatus>CREATE_COMPLETE</StackStatus><Outputs>{members}</Outputs>"
        "</member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
    )


def _missing(name: str) -> str:
    return (
        f"<ErrorResponse {_NAMESPACE}><Error><Type>Sender</Type><Code>ValidationError</Code>"
        f"<Message>Stack with id {name} does not exist</Message></Error></ErrorResponse>"
    )


@contextmanager
def serve_stacks(stacks: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Serve stacks by name, each with its outputs; give the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            (name,) = parse_qs(body)["StackName"]
            found = name in stacks
            answer = (_stack(name, stacks[name]) if found else _missing(name)).encode()
            self.send_response(200 if found else 400)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
