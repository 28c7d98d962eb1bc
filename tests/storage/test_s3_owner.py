"""No request to a bucket leaves without the account that must own it."""

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from scanner.errors import CredentialsError, EndpointError, OutputError
from scanner.storage.place import Place
from scanner.storage.s3 import (
    S3Options,
    Sizes,
    check_place,
    download,
    judged_scans,
    open_s3,
    upload,
    with_owner,
)

OWN: Final = "123456789012"
OTHER: Final = "999999999999"
PLACE: Final = Place("bucket", "scans/new")
IDENTITY: Final = (
    b"<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account>"
    b"</GetCallerIdentityResult></GetCallerIdentityResponse>"
)
LISTED: Final = (
    b"<ListBucketResult><Contents><Key>scans/new/manifest.json</Key><Size>1</Size></Contents>"
    b"<CommonPrefixes><Prefix>scans/old/</Prefix></CommonPrefixes></ListBucketResult>"
)


@dataclass
class Bucket:
    """What came in, and which requests are refused."""

    requests: list[tuple[str, str | None]] = field(default_factory=list)
    identities: int = 0
    refused: Callable[[str, str], int] = lambda *_: 0
    identity_refused: bool = False

    def owners(self) -> set[str | None]:
        return {owner for _, owner in self.requests}

    def answer(self, method: str, path: str, owner: str | None) -> tuple[int, bytes]:
        parts = urlsplit(path)
        if method == "POST" and parts.path == "/":
            self.identities += 1
            denied = b"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"
            return (403, denied) if self.identity_refused else (200, IDENTITY)
        self.requests.append((f"{method} {parts.query.partition('=')[0]}".strip(), owner))
        if status := self.refused(method, parts.query):
            return status, b"<Error><Code>AccessDenied</Code></Error>"
        if method == "HEAD" and parts.path.count("/") > 1:
            return (404, b"") if "old" not in parts.path else (200, b"")
        if method == "GET":
            return 200, LISTED if "list-type" in parts.query else b"x"
        if "uploads" in parts.query:
            return (
                200,
                b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>",
            )
        return 200, b"<CompleteMultipartUploadResult/>" if method == "POST" else b""


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    made = Bucket()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one segment: see tests/fakes/aws.py
        disable_nagle_algorithm = True

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = made.answer(
                self.command, self.path, self.headers.get("x-amz-expected-bucket-owner")
            )
            self.send_response(status)
            self.send_header("ETag", '"e"')
            self.send_header("Last-Modified", "Mon, 30 Nov 2026 10:00:00 GMT")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else body)

        do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = answer  # noqa: N815 -- http.server's names

        def log_message(self, *_: Any) -> None:
            pass

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        settings = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield made
        server.shutdown()
        thread.join()


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    folder = tmp_path / "scan"
    folder.mkdir()
    (folder / "manifest.json").write_bytes(b"{}")
    (folder / "large.parquet").write_bytes(bytes(6 << 20))
    return folder


PARTS: Final = Sizes(one_request=1 << 20, part=5 << 20)


def everything(scan: Path, tmp_path: Path, options: S3Options) -> None:
    check_place(PLACE, options)
    upload(scan, PLACE, options, sizes=PARTS)
    download(PLACE, tmp_path / "back", options)
    judged_scans(Place("bucket", "scans"), options)


@pytest.mark.parametrize(("named", "owner"), [("", OWN), (OTHER, OTHER)])
def test_every_request_names_the_owner(
    bucket: Bucket, scan: Path, tmp_path: Path, named: str, owner: str
) -> None:
    everything(scan, tmp_path, S3Options(bucket_owner=named))
    assert bucket.owners() == {owner}
    kinds = {kind for kind, _ in bucket.requests}
    assert kinds >= {"HEAD", "PUT", "GET list-type", "POST uploads", "POST uploadId"}
    assert bool(bucket.identities) is not bool(named)


def test_giving_up_a_large_file_names_it_too(bucket: Bucket, scan: Path) -> None:
    bucket.refused = lambda method, query: 403 * (method == "PUT" and "partNumber" in query)
    with pytest.raises(OutputError, match=f"must belong to account {OWN}, that of the credentials"):
        upload(scan, PLACE, S3Options(), sizes=PARTS)
    assert any(kind.startswith("DELETE") for kind, _ in bucket.requests)
    assert bucket.owners() == {OWN}


def test_a_refused_look_ahead_names_the_owner_that_nobody_named(bucket: Bucket) -> None:
    bucket.refused = lambda *_: 403
    assert f"account {OWN}, that of the credentials, unless --bucket-owner" in check_place(PLACE, S3Options())
    assert check_place(PLACE, S3Options(bucket_owner=OTHER)) == ""


def test_without_an_identity_no_bucket_is_used(bucket: Bucket, scan: Path) -> None:
    bucket.identity_refused = True
    with pytest.raises(CredentialsError, match=r"sts:GetCallerIdentity \(AccessDenied\).*--bucket-owner"):
        upload(scan, PLACE, S3Options())
    assert bucket.requests == []


def test_a_request_that_forgets_the_owner_is_not_sent(bucket: Bucket) -> None:
    client = open_s3(S3Options())
    with pytest.raises(ValueError, match="names no owner of the bucket: /key"):
        client.get_object(Bucket="bucket", Key="key")
    with pytest.raises(ValueError, match="names no owner"):
        list(client.get_paginator("list_objects_v2").paginate(Bucket="bucket"))
    assert bucket.requests == []


def test_where_sts_does_not_answer_the_owner_can_be_named(
    monkeypatch: pytest.MonkeyPatch, bucket: Bucket
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    with pytest.raises(EndpointError, match=r"STS does not answer.*--bucket-owner"):
        with_owner(S3Options())
    assert with_owner(S3Options(bucket_owner=OTHER)).owner == {"ExpectedBucketOwner": OTHER}
    assert bucket.requests == []
