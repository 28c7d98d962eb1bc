"""Objects below a prefix: written once, checked, and only in the bucket of the right owner."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from scanner.distributed.gathering import pack
from scanner.distributed.workspace import Workspace
from scanner.errors import BundleError, OutputError
from scanner.model.names import AccountId
from scanner.storage.place import Place
from scanner.storage.s3 import S3Options

MEANS: Final = S3Options(bucket_owner="123456789012")
NAMES: Final = [AccountId(f"{number}" * 12) for number in range(1, 6)]


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        for bucket in ("work-bucket", "evidence-bucket"):
            client.create_bucket(Bucket=bucket)
            client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        yield client


def workspace(s3: Any, bucket: str = "evidence-bucket") -> Workspace:
    return Workspace(s3, Place(bucket, "scans/night-1"), MEANS)


def versions(s3: Any) -> list[str]:
    return [row["Key"] for row in s3.list_object_versions(Bucket="evidence-bucket").get("Versions", [])]


def test_a_file_is_kept_once(s3: Any, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"{}")
    for _ in range(2):
        workspace(s3).keep_files(tmp_path, ["a.json"])
    assert versions(s3) == ["scans/night-1/a.json"]


def test_another_file_under_a_name_that_is_taken_is_refused(s3: Any, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"{}")
    workspace(s3).keep_files(tmp_path, ["a.json"])
    (tmp_path / "a.json").write_bytes(b"[]")
    with pytest.raises(OutputError, match="with other content"):
        workspace(s3).keep_files(tmp_path, ["a.json"])
    assert workspace(s3).read("a.json") == b"{}"


def test_a_copy_is_kept_once_and_must_be_the_same(s3: Any) -> None:
    work = workspace(s3, "work-bucket")
    work.write("evidence/org.jsonl.gz", b"lines")
    named = {"evidence/org.jsonl.gz": sha256(b"lines").hexdigest()}
    for _ in range(2):
        workspace(s3).keep_copies(work, named)
    assert versions(s3) == ["scans/night-1/evidence/org.jsonl.gz"]
    with pytest.raises(OutputError, match="with other content"):
        workspace(s3).keep_copies(work, {"evidence/org.jsonl.gz": sha256(b"others").hexdigest()})


def test_what_is_missing_is_named(s3: Any, tmp_path: Path) -> None:
    work = workspace(s3, "work-bucket")
    assert work.read("plan.json") is None
    with pytest.raises(BundleError, match=r"plan\.json is missing"):
        work.fetch_all(["plan.json"], tmp_path)


def test_a_name_that_leaves_the_folder_is_refused(s3: Any, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="not the name of a file"):
        workspace(s3).fetch_all(["../../etc/passwd"], tmp_path)


def test_json_that_is_none_is_one_sentence(s3: Any) -> None:
    work = workspace(s3, "work-bucket")
    work.write("plan.json", b"\x80\x04pickle")
    with pytest.raises(BundleError, match="is not JSON"):
        work.read_json("plan.json")


def test_a_bucket_of_another_owner_is_refused(s3: Any) -> None:
    with Stubber(s3) as stub:
        expected = {
            "Bucket": "evidence-bucket",
            "Key": "scans/night-1/manifest.json",
            "ExpectedBucketOwner": "123456789012",
            "ChecksumMode": "ENABLED",
        }
        stub.add_client_error("get_object", "AccessDenied", "Access Denied", 403, expected_params=expected)
        with pytest.raises(BundleError, match="bucket must belong to account 123456789012"):
            workspace(s3).read("manifest.json")


@pytest.mark.parametrize(
    ("sizes", "lengths"),
    [((1, 1, 1, 1, 1), [5]), ((4, 4, 4, 9, 1), [2, 1, 1, 1]), ((0, 20, 0, 0, 0), [1, 1, 3]), ((), [])],
)
def test_batches_are_packed_by_bytes_in_the_order_of_accounts(
    sizes: tuple[int, ...], lengths: list[int]
) -> None:
    accounts = dict(zip(NAMES, sizes, strict=False))
    batches = pack(accounts, 8)
    assert [len(batch) for batch in batches] == lengths
    assert [account for batch in batches for account in batch] == list(accounts)
    assert len(pack(accounts, 8, single=True)) == min(1, len(accounts))
