"""Scans in buckets: real boto3 calls to a simulation on loopback."""

import base64
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from scanner.errors import BundleError, CredentialsError, EndpointError, OutputError, UsageError
from scanner.storage.place import Place, is_place, place_of
from scanner.storage.s3 import S3Options, Sizes, check_place, download, translated_errors, upload
from tests.fakes.environment import lead_to

BUCKET = "audit-of-acme"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
PLAIN = S3Options()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def client(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    lead_to(endpoint, monkeypatch, region="eu-west-1")
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    yield s3
    for each in s3.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        s3.delete_object(Bucket=BUCKET, Key=each["Key"])
    s3.delete_bucket(Bucket=BUCKET)


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    folder = tmp_path / "scan"
    files = {
        "manifest.json": b"{}",
        "report.html": b"<p>",
        "findings.csv": b"a,b",
        "evidence/111111111111/eu-west-1.jsonl.gz": os.urandom(100),
        "facts/resource/111111111111.parquet": os.urandom(6 << 20),
        ".hidden.part": b"half",
        "facts/vault.parquet.part": b"half",
        "facts.part/vault/111111111111.parquet": b"of an evaluation that was killed",
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "link").symlink_to("/etc/passwd")
    return folder


WHOLE = (
    "evidence/111111111111/eu-west-1.jsonl.gz",
    "facts/resource/111111111111.parquet",
    "findings.csv",
    "manifest.json",
    "report.html",
)


def keys(client: Any) -> list[str]:
    return [each["Key"] for each in client.list_objects_v2(Bucket=BUCKET).get("Contents", ())]


def test_a_scan_goes_up_and_comes_down_the_same(client: Any, scan: Path, tmp_path: Path) -> None:
    place = Place(BUCKET, "audits/weekly")
    assert upload(scan, place, PLAIN) == WHOLE
    assert keys(client) == sorted(f"audits/weekly/{name}" for name in WHOLE)
    assert download(place, tmp_path / "back", PLAIN) == len(WHOLE)
    for name in WHOLE:
        assert (tmp_path / "back" / name).read_bytes() == (scan / name).read_bytes()


def test_each_object_is_encrypted_has_its_checksum_and_its_type(client: Any, scan: Path) -> None:
    upload(scan, Place(BUCKET), PLAIN)
    head = client.head_object(Bucket=BUCKET, Key="findings.csv", ChecksumMode="ENABLED")
    assert head["ServerSideEncryption"] == "AES256"
    assert head["ContentType"] == "text/csv; charset=utf-8"
    assert base64.b64decode(head["ChecksumSHA256"]) == hashlib.sha256(b"a,b").digest()
    grants = client.get_object_acl(Bucket=BUCKET, Key="findings.csv")["Grants"]
    assert [grant["Grantee"]["Type"] for grant in grants] == ["CanonicalUser"]


def test_a_key_of_kms_encrypts_what_it_is_named_for(client: Any, scan: Path) -> None:
    means = S3Options(kms_key=KEY)
    upload(scan, Place(BUCKET), means, sizes=Sizes(one_request=1 << 20, part=5 << 20))
    for name in ("report.html", "facts/resource/111111111111.parquet"):
        head = client.head_object(Bucket=BUCKET, Key=name)
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", KEY)


def test_large_files_go_in_parts(client: Any, scan: Path, tmp_path: Path) -> None:
    upload(scan, Place(BUCKET), PLAIN, sizes=Sizes(one_request=1 << 20, part=5 << 20))
    assert client.head_object(Bucket=BUCKET, Key="facts/resource/111111111111.parquet")["ETag"].endswith(
        '-2"'
    )
    download(Place(BUCKET), tmp_path / "back", PLAIN, without=("evidence",))
    assert not (tmp_path / "back/evidence").exists()
    whole = (scan / "facts/resource/111111111111.parquet").read_bytes()
    assert (tmp_path / "back/facts/resource/111111111111.parquet").read_bytes() == whole


def test_parts_that_cannot_be_sent_leave_nothing(client: Any, scan: Path) -> None:
    """S3 takes no part below 5 MiB but the last: completing fails, and what was begun is given up."""
    with pytest.raises(OutputError, match="EntityTooSmall"):
        upload(scan, Place(BUCKET), PLAIN, sizes=Sizes(one_request=1 << 20, part=1 << 20))
    assert "facts/resource/111111111111.parquet" not in keys(client)
    assert "manifest.json" not in keys(client)
    assert not client.list_multipart_uploads(Bucket=BUCKET).get("Uploads")


def test_the_manifest_does_not_go_before_the_rest_has_arrived(client: Any, scan: Path) -> None:
    names = [*WHOLE, "gone.json"]
    with pytest.raises(OutputError, match=r"gone\.json cannot be read"):
        upload(scan, Place(BUCKET), PLAIN, names)
    assert "manifest.json" not in keys(client)


def test_only_named_files_go(client: Any, scan: Path) -> None:
    assert upload(scan, Place(BUCKET, "x"), PLAIN, ["report.html"]) == ("report.html",)
    assert keys(client) == ["x/report.html"]


def test_a_bucket_that_is_not_there_is_told_before_and_after(client: Any, scan: Path) -> None:
    del client
    for action in (check_place, lambda place, means: upload(scan, place, means)):
        with pytest.raises(OutputError, match="Bucket nobody-has-this does not exist"):
            action(Place("nobody-has-this"), PLAIN)
    with pytest.raises(BundleError, match="Bucket nobody-has-this does not exist"):
        download(Place("nobody-has-this"), scan, PLAIN)


def test_a_place_with_a_scan_is_refused(client: Any, scan: Path) -> None:
    del client
    check_place(Place(BUCKET, "x"), PLAIN)
    upload(scan, Place(BUCKET, "x"), PLAIN)
    with pytest.raises(UsageError, match="There is a scan at"):
        check_place(Place(BUCKET, "x"), PLAIN)
    check_place(Place(BUCKET, "y"), PLAIN)


def test_a_place_without_a_scan_cannot_be_read(client: Any, tmp_path: Path) -> None:
    del client
    with pytest.raises(BundleError, match="There is no scan at"):
        download(Place(BUCKET, "nothing"), tmp_path, PLAIN)


@pytest.mark.parametrize("key", ["x/../../etc/passwd", "x//a", "x/a/./b", "x/a\\b"])
def test_keys_that_would_leave_the_folder_are_refused(client: Any, tmp_path: Path, key: str) -> None:
    client.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    with pytest.raises(BundleError, match="not a valid file name"):
        download(Place(BUCKET, "x"), tmp_path / "in", PLAIN)
    assert not (tmp_path / "in").exists()


def test_without_credentials_the_advice_is_to_log_in(
    client: Any, monkeypatch: pytest.MonkeyPatch, scan: Path
) -> None:
    del client
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(CredentialsError, match="Log in again"):
        upload(scan, Place(BUCKET), PLAIN)


def test_a_profile_that_is_not_there_is_told(client: Any, scan: Path) -> None:
    del client
    with pytest.raises(CredentialsError, match="nobody"):
        upload(scan, Place(BUCKET), S3Options(profile="nobody"))


def test_an_endpoint_that_does_not_answer_is_told(
    client: Any, monkeypatch: pytest.MonkeyPatch, scan: Path
) -> None:
    del client
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(EndpointError, match="does not answer"):
        download(Place(BUCKET), scan, PLAIN)


def error(code: str) -> Exception:
    answer: Any = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {}}
    return ClientError(answer, "PutObject")


@pytest.mark.parametrize(
    ("code", "kind", "advice"),
    [
        (
            "AccessDenied",
            OutputError,
            "Required: s3:PutObject on s3://audit-of-acme/x and kms:GenerateDataKey",
        ),
        ("KMS.DisabledException", OutputError, "must belong to account 123456789012"),
        ("ExpiredToken", CredentialsError, "Log in again"),
        ("PermanentRedirect", OutputError, "set AWS_REGION"),
        ("SlowDown", OutputError, "SlowDown: no"),
    ],
)
def test_what_aws_says_becomes_advice(client: Any, code: str, kind: type[Exception], advice: str) -> None:
    del client
    means = S3Options(kms_key=KEY, bucket_owner="123456789012")
    with pytest.raises(kind, match=advice), translated_errors(Place(BUCKET, "x"), means, writes=True):
        raise error(code)
    told = BundleError if kind is OutputError else kind
    with pytest.raises(told), translated_errors(Place(BUCKET, "x"), means, writes=False):
        raise error(code)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("s3://bucket", Place("bucket")),
        ("s3://bucket/", Place("bucket")),
        ("s3://my.bucket-1/a/b/", Place("my.bucket-1", "a/b")),
        ("S3://bucket/a b", Place("bucket", "a b")),
    ],
)
def test_places_are_read_as_people_write_them(text: str, place: Place) -> None:
    assert is_place(text)
    assert place_of(text) == place
    assert place_of(str(place)) == place


@pytest.mark.parametrize(
    "text",
    ["s3://", "s3:///x", "s3://AB", "s3://a", "s3://Bucket/x", "s3://127.0.0.1/x", "s3://a..b/x",
     "s3://bucket/a//b", "s3://bucket/../b", "s3://bucket/a\nb", "s3://bucket/" + "x" * 701],
)  # fmt: skip
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        place_of(text)


def test_folders_are_no_places() -> None:
    assert not is_place("s3/bucket")
    assert not is_place("/s3://x")
