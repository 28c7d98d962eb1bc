import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from scanner.errors import BundleError
from scanner.evidence.lines import CallError, parse_line
from scanner.evidence.reader import read_lines, shard_file, shards_on_disk
from scanner.model.known import EvidenceRef
from scanner.model.names import ORG, AccountId, RegionName, Shard

REF = EvidenceRef("evidence/111111111111/eu-west-1.jsonl", 7)
NAME = "evidence/111111111111/eu-west-1.jsonl"
LINE: dict[str, Any] = {
    "service": "backup",
    "operation": "ListBackupPlans",
    "parameters": {},
    "at": "2026-11-22T18:00:00Z",
    "response": {"BackupPlansList": []},
}


def encoded(**changes: Any) -> bytes:
    document = {key: value for key, value in (LINE | changes).items() if value != "left out"}
    return json.dumps(document).encode()


def test_an_answer_is_read_with_its_place() -> None:
    line = parse_line(encoded(account="1", region="r", request_id=None, more={"x": 1}), REF)
    assert (line.name, line.at, line.ref) == ("backup:ListBackupPlans", LINE["at"], REF)
    assert (line.account, line.region) == ("1", "r")
    assert line.response == {"BackupPlansList": []}
    assert line.error is None


@pytest.mark.parametrize("at", ["left out", None])
def test_only_the_instant_may_be_missing(at: str | None) -> None:
    assert parse_line(encoded(at=at), REF).at == ""


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"code": "X"}, CallError("X", "", 0)),
        ({"code": "X", "message": None, "status": None}, CallError("X", "", 0)),
        ({"code": "X", "message": "m", "status": 403, "attempts": 3}, CallError("X", "m", 403, 3)),
    ],
)
def test_an_error_needs_its_code_only(error: dict[str, Any], expected: CallError) -> None:
    line = parse_line(encoded(response=None, error=error), REF)
    assert (line.response, line.error) == (None, expected)


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b'{"service": "backup"',
        encoded(service=None),
        encoded(service=5),
        encoded(operation="left out"),
        encoded(parameters=[]),
        encoded(parameters="left out"),
        b'{"service":"s","operation":"O","parameters":{},"response":{"n":NaN}}',
        b"[" * 5000,
    ],
)
def test_a_line_of_another_format_is_named(raw: bytes) -> None:
    with pytest.raises(BundleError, match=r"evidence/111111111111/eu-west-1\.jsonl: line 7 "):
        parse_line(raw, REF)


@pytest.mark.parametrize(
    "raw",
    [
        encoded(response=None),
        encoded(response=[]),
        encoded(response="text"),
        encoded(response=35),
        encoded(error={"code": "X"}),
        encoded(response=None, error={}),
        encoded(response=None, error="AccessDenied"),
        encoded(response=None, error={"code": 5}),
    ],
)
def test_a_call_whose_answer_cannot_be_read_failed(raw: bytes) -> None:
    line = parse_line(raw, REF)
    assert line.response is None
    assert line.error is not None
    assert line.error.code == "MalformedAnswer"


def write(folder: Path, content: bytes, name: str = NAME) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return folder


@pytest.mark.parametrize("name", [NAME, NAME + ".gz"])
def test_lines_are_counted_from_one_blank_ones_included(tmp_path: Path, name: str) -> None:
    content = encoded() + b"\n\n  \r\n" + encoded(operation="ListBackupVaults")
    write(tmp_path, gzip.compress(content) if name.endswith(".gz") else content, name)
    lines = list(read_lines(tmp_path, name))
    assert [(line.operation, line.ref.line) for line in lines] == [
        ("ListBackupPlans", 1),
        ("ListBackupVaults", 4),
    ]
    assert {line.ref.file for line in lines} == {name}


def test_the_broken_line_is_named_not_the_first(tmp_path: Path) -> None:
    write(tmp_path, encoded() + b"\n" + encoded()[:-9])
    with pytest.raises(BundleError, match=r"eu-west-1\.jsonl: line 2 is not JSON"):
        list(read_lines(tmp_path, NAME))


@pytest.mark.parametrize(
    ("name", "read"),
    [
        (rb"a\ud800b", "a\ufffdb"),
        (rb"\udc00", "\ufffd"),
        (rb"\ud800\ud800\udc00", "\ufffd\U00010000"),
        (rb"\ud83d\ude00", "\U0001f600"),
        (rb"\\ud800", r"\ud800"),
        (b"\xed\xa0\x80 \xff", "\ufffd\ufffd\ufffd \ufffd"),
    ],
)
def test_what_is_not_valid_unicode_is_replaced(name: bytes, read: str) -> None:
    raw = encoded(response={"BackupPlansList": [{"BackupPlanName": "NAME"}]}).replace(b"NAME", name)
    response = parse_line(raw, REF).response
    assert response == {"BackupPlansList": [{"BackupPlanName": read}]}


@pytest.mark.parametrize("damage", ["cut", "flipped", "no gzip", "trailing"])
def test_a_damaged_archive_is_an_error_never_an_end(tmp_path: Path, damage: str) -> None:
    whole = gzip.compress(b"".join(encoded(at=str(number)) + b"\n" for number in range(500)))
    middle = len(whole) // 2
    content = {
        "cut": whole[:-12],
        "flipped": whole[:middle] + bytes([whole[middle] ^ 0xFF]) + whole[middle + 1 :],
        "no gzip": encoded(),
        "trailing": whole + b"rubbish",
    }[damage]
    write(tmp_path, content, NAME + ".gz")
    with pytest.raises(BundleError, match=r"eu-west-1\.jsonl\.gz: (truncated or damaged after line|line)"):
        list(read_lines(tmp_path, NAME + ".gz"))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir(parents=True)
    with pytest.raises(BundleError, match=r"eu-west-1\.jsonl: cannot be read"):
        list(read_lines(tmp_path, NAME))


def test_files_are_found_compressed_or_not(tmp_path: Path) -> None:
    write(tmp_path, b"", "evidence/111111111111/eu-west-1.jsonl")
    write(tmp_path, b"", "evidence/111111111111/aws-global.jsonl.gz")
    write(tmp_path, b"", "evidence/org.jsonl")
    write(tmp_path, b"", "evidence/111111111111/notes.txt")
    one = AccountId("111111111111")
    assert shards_on_disk(tmp_path) == (
        Shard(one, RegionName("aws-global")),
        Shard(one, RegionName("eu-west-1")),
    )
    assert shard_file(tmp_path, Shard(one, RegionName("eu-west-1"))) == NAME
    assert shard_file(tmp_path, Shard(AccountId("2"), ORG)) == "evidence/org.jsonl"
    assert shard_file(tmp_path, Shard(one, RegionName("eu-west-2"))) is None
