"""Clients share what they trust, and still refuse a server that they cannot trust."""

import json
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import SSLError
from botocore.httpsession import URLLib3Session
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from scanner.collect.clients import Clients
from scanner.collect.credentials import acting_for
from scanner.collect.session import SharedTrust
from scanner.model.names import RegionName
from tests.collect.test_clients_sharing import ACCOUNT, make_clients


def write_certificate(folder: Path, address: str) -> Path:
    """Write a certificate that signs itself, with its key, for a server at an address."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"test {address}")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file = folder / f"{address}.pem"
    file.write_bytes(certificate.public_bytes(Encoding.PEM) + private)
    return file


@contextmanager
def serving(certificate: Path) -> Iterator[int]:
    """Serve empty lists of backup plans over TLS, one request a connection; give the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    body = json.dumps({"BackupPlansList": []}).encode()
    answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # closed: the test is over
                return
            with closing(connection):
                try:
                    with context.wrap_socket(connection, server_side=True) as secure:
                        secure.recv(65536)
                        secure.sendall(answer)
                except OSError:  # the client does not trust this server
                    pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def list_plans(clients: Clients, region: str) -> Any:
    client: Any = clients.of("backup", RegionName(region))
    with acting_for(ACCOUNT):
        return client.list_backup_plans()["BackupPlansList"]


@pytest.fixture
def clients_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Clients]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)

    def make(port: int, trusted: Path | None) -> Clients:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://127.0.0.1:{port}")
        if trusted is not None:
            monkeypatch.setenv("AWS_CA_BUNDLE", str(trusted))
        return make_clients()

    return make


def test_the_authorities_are_loaded_once_for_all_clients(
    clients_of: Callable[..., Clients], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = write_certificate(tmp_path, "127.0.0.1")
    loads: list[object] = []

    original = ssl.SSLContext.load_verify_locations

    def load(self: ssl.SSLContext, *arguments: Any) -> None:
        loads.append(arguments)
        original(self, *arguments)

    with serving(certificate) as port:
        clients = clients_of(port, certificate)
        monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", load)
        for region in ("eu-west-1", "us-east-1", "eu-west-1"):
            assert list_plans(clients, region) == []
    assert loads == [(str(certificate), None, None)]


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2"])
def test_a_server_that_cannot_be_trusted_is_refused(
    clients_of: Callable[..., Clients], tmp_path: Path, address: str
) -> None:
    """Its certificate is signed by an unknown authority, or names another address."""
    certificate = write_certificate(tmp_path, address)
    with serving(certificate) as port:
        clients = clients_of(port, certificate if address == "127.0.0.2" else None)
        for region in ("eu-west-1", "us-east-1", "eu-west-1"):
            with pytest.raises(SSLError, match=r"certificate verify failed|doesn't match"):
                list_plans(clients, region)


def test_a_file_that_cannot_be_read_is_an_error_each_time(
    clients_of: Callable[..., Clients], tmp_path: Path
) -> None:
    with serving(write_certificate(tmp_path, "127.0.0.1")) as port:
        clients = clients_of(port, tmp_path / "none.pem")
        for _ in range(2):
            with pytest.raises((SSLError, OSError), match=r"No such file|invalid path"):
                list_plans(clients, "eu-west-1")


def test_the_locked_botocore_shares_its_context() -> None:
    trust = SharedTrust()
    sessions: list[Any] = [URLLib3Session(), URLLib3Session()]
    assert all(trust.share(session) for session in sessions)
    first, second = (session._manager.connection_pool_kw["ssl_context"] for session in sessions)
    assert first is second


@pytest.mark.parametrize(
    "manager", [None, SimpleNamespace(), SimpleNamespace(connection_pool_kw={"ssl_context": None})]
)
def test_another_botocore_is_left_as_it_is(manager: object) -> None:
    assert not SharedTrust().share(SimpleNamespace(_manager=manager))
