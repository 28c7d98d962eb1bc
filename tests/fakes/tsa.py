"""A time stamping authority: OpenSSL behind HTTP on the loopback interface."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

OPENSSL = shutil.which("openssl") or "openssl"
# Without `certs`: OpenSSL would add the chain in an order that strict parsers of DER refuse.
CONFIG = """
[tsa]
default_tsa = tsa_config
[tsa_config]
serial = serial
signer_cert = tsa.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
ess_cert_id_alg = sha256
[extensions]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
"""
EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def openssl(folder: Path, *words: str) -> bytes:
    """Run openssl in a folder, and return what it prints."""
    return subprocess.run((OPENSSL, *words), cwd=folder, capture_output=True, check=True).stdout


def certificates(folder: Path) -> Path:
    """Create an authority, root.pem and a certificate for time stamps, and return the root's file."""
    folder.mkdir(exist_ok=True)
    (folder / "tsa.cnf").write_text(CONFIG)
    (folder / "serial").write_text("01\n")
    openssl(
        folder,
        "req",
        "-x509",
        *EC,
        "-subj",
        "/CN=Root",
        "-days",
        "2",
        "-keyout",
        "root.key",
        "-out",
        "root.pem",
    )
    openssl(folder, "req", *EC, "-subj", "/CN=Time stamps", "-keyout", "tsa.key", "-out", "tsa.csr")
    openssl(
        folder,
        *("x509", "-req", "-in", "tsa.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial"),
        *("-days", "2", "-extfile", "tsa.cnf", "-extensions", "extensions", "-out", "tsa.pem"),
    )
    return folder / "root.pem"


@dataclass
class Authority:
    """A running authority. `answers`: what it answers first, as (status, type, body)."""

    url: str
    root: Path
    answers: list[tuple[int, str, bytes]] = field(default_factory=list)
    requests: int = 0

    def reply(self, query: bytes) -> bytes:
        """Return the time stamp response to a request."""
        folder = self.root.parent
        (folder / "query.tsq").write_bytes(query)
        openssl(
            folder, "ts", "-reply", "-config", "tsa.cnf", "-section", "tsa_config", "-queryfile", "query.tsq",
            "-out", "reply.tsr",
        )  # fmt: skip
        return (folder / "reply.tsr").read_bytes()


@contextmanager
def time_stamping_authority(folder: Path) -> Iterator[Authority]:
    """Run an authority whose files are in a folder."""
    authority = Authority("", certificates(folder))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            authority.requests += 1
            query = self.rfile.read(int(self.headers["Content-Length"]))
            status, kind, body = (
                authority.answers.pop(0)
                if authority.answers
                else (200, "application/timestamp-reply", authority.reply(query))
            )
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if 300 <= status < 400:
                self.send_header("Location", authority.url)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *_: object) -> None:  # noqa: A002 -- http.server's name
            """Write nothing to stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    authority.url = f"http://127.0.0.1:{server.server_port}/tsr"
    try:
        yield authority
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
