"""Secrets that the APIs tell never reach a file of a scan."""

import base64
import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pypdf import PdfReader

from scanner.demo.story.accounts import IRELAND, PRODUCTION
from scanner.demo.story.other_services import CANARIES

_BY_CANARY = {
    "stack parameter": "DescribeStacks",
    "stack parameter, resolved": "DescribeStacks",
    "stack output": "DescribeStacks",
    "database password": "DescribeDBInstances",
    "database cluster password": "DescribeDBClusters",
    "warehouse password": "DescribeClusters",
    "file system password": "DescribeFileSystems",
    "file system password, about to change": "DescribeFileSystems",
    "volume's file system password": "DescribeVolumes",
    "cluster activation code": "DescribeCluster",
    "name of a secret": "GetDatabase",
}
"""The operation that tells each; user data is told by one that no scan needs."""


def readable(name: str, raw: bytes) -> Iterator[bytes]:
    """Every text in a file: unpacked, and of a PDF its pages and what is attached to it."""
    yield raw
    if name.endswith(".gz"):
        yield gzip.decompress(raw)
    elif name.endswith(".parquet"):
        yield str(pq.read_table(pa.BufferReader(raw)).to_pylist()).encode()
    elif name.endswith(".pdf"):
        document = PdfReader(io.BytesIO(raw))
        yield from (page.extract_text().encode() for page in document.pages)
        for attached, contents in document.attachments.items():
            for content in contents:
                yield from readable(attached, content)


def spellings(secret: str) -> set[bytes]:
    """The secret as it is, and as it stands within Base64, wherever it begins."""
    raw = secret.encode()
    shifted = {base64.b64encode(b"x" * shift + raw)[4 if shift else 0 : -4] for shift in range(3)}
    return {raw, *shifted}


def sightings(folder: Path) -> set[tuple[str, str]]:
    """File and name of each canary that is found below the folder."""
    wanted = {(name, spelling) for name, secret in CANARIES.items() for spelling in spellings(secret)}
    return {
        (str(path.relative_to(folder)), name)
        for path in folder.rglob("*")
        if path.is_file()
        for text in readable(path.name, path.read_bytes())
        for name, spelling in wanted
        if spelling in text
    }


@pytest.mark.parametrize("canary", sorted(_BY_CANARY))
def test_the_endpoint_tells_the_secret(walk: Any, canary: str) -> None:
    result = [str(answer) for key, answer in walk.answers.items() if key[3] == _BY_CANARY[canary]]
    assert any(CANARIES[canary] in text for text in result)


def test_the_endpoint_tells_user_data(walk: Any, walker: Any) -> None:
    ec2 = walker.client(PRODUCTION, "ec2", IRELAND)
    pages = [a for k, a in walk.answers.items() if k[:4] == (PRODUCTION, IRELAND, "ec2", "DescribeInstances")]
    result = [
        ec2.describe_instance_attribute(InstanceId=one["InstanceId"], Attribute="userData")["UserData"]
        for page in pages
        for reservation in page["Reservations"]
        for one in reservation["Instances"]
    ]
    assert any(CANARIES["user data"].encode() in base64.b64decode(text.get("Value", "")) for text in result)


def test_every_canary_is_told_by_something() -> None:
    assert set(_BY_CANARY) | {"user data"} == set(CANARIES)


@pytest.mark.slow
def test_no_file_of_a_scan_holds_a_secret(scan: Any) -> None:
    names = {path.suffix for path in scan.folder.rglob("*") if path.is_file()}
    assert {".gz", ".parquet", ".json", ".html", ".pdf", ".csv"} <= names
    assert sightings(scan.folder) == set()


def test_the_search_finds_a_secret_in_every_kind_of_file(tmp_path: Path) -> None:
    secret = CANARIES["stack output"]
    (tmp_path / "plain.json").write_text(f'{{"a": "{secret}"}}', encoding="utf-8")
    (tmp_path / "encoded.txt").write_bytes(base64.b64encode(f"a={secret};".encode()))
    (tmp_path / "lines.jsonl.gz").write_bytes(gzip.compress(f"{{}}\n{secret}\n".encode()))
    pq.write_table(pa.table({"tags": [[secret]]}), tmp_path / "rows.parquet", compression="zstd")
    found = sightings(tmp_path)
    assert found == {(path.name, "stack output") for path in tmp_path.iterdir()}
