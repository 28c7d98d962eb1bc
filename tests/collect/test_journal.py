"""What a journal tells, whole, torn and tampered with."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scanner.collect.journal import (
    NAME,
    Header,
    Journal,
    JournalState,
    RequestedScope,
    checked_against_files,
    read_journal,
)
from scanner.errors import BundleError, OutputError, UsageError
from scanner.model.inventory import Account, ShardStatus
from scanner.model.manifest import Excluded, Scope, ShardRecord
from scanner.model.names import AccountId, RegionName, Shard

A, B = AccountId("111111111111"), AccountId("222222222222")
WEST, EAST = RegionName("eu-west-1"), RegionName("us-east-1")
AT = datetime(2026, 11, 22, 18, 0, 0, 123000, tzinfo=UTC)
ASKED = RequestedScope(
    organization=True,
    accounts=(A, B),
    organizational_units=("ou-a",),
    regions=(WEST, EAST),
    excluded=(Excluded(B, "sandbox"),),
    role_name="Reader",
    external_id=True,
    session_name="vaultproof",
    duration_seconds=900,
)
HEADER = Header(
    scan_id="scan-1",
    tool_version="1",
    started_at=AT,
    as_of=None,
    caller_arn="arn:aws:iam::111111111111:user/x",
    caller_account=A,
    home=WEST,
    requested=ASKED,
)
SCOPE = Scope(accounts=(A,), regions=(EAST, WEST), organization_id="o-1", management_account=B)
ACCOUNTS = (Account(A, "a", "ACTIVE", "o-1/r-1"),)
EMPTY_SHA = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def record(region: RegionName, sha256: str = EMPTY_SHA) -> ShardRecord:
    file = f"evidence/{A}/{region}.jsonl.gz"
    return ShardRecord(
        account=A, region=region, status=ShardStatus.PARTIAL, calls=3, errors=1, file=file, sha256=sha256
    )


def written(folder: Path) -> bytes:
    """A journal of five lines: header, scope, two shards, the end."""
    with Journal.create(folder, HEADER) as journal:
        journal.begin(SCOPE, ACCOUNTS, (record(WEST),))
        journal.note(record(EAST))
        journal.end(AT)
    return (folder / NAME).read_bytes()


def past_of(folder: Path) -> JournalState:
    past = read_journal(folder)
    assert past is not None
    return past


def test_what_is_written_is_read(tmp_path: Path) -> None:
    size = len(written(tmp_path))
    past = past_of(tmp_path)
    assert (past.header, past.scope, past.accounts) == (HEADER, SCOPE, ACCOUNTS)
    assert past.finished == {Shard(A, WEST): record(WEST), Shard(A, EAST): record(EAST)}
    assert (past.finished_at, past.size) == (AT, size)


@pytest.mark.parametrize("lines", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    "rest", [b"", b'{"shard":{"account":"1111', b'{"shard":{}}\n', b"\0\0\0\n", b"[]\n", b"\n"]
)
def test_what_is_not_whole_was_not_written(tmp_path: Path, lines: int, rest: bytes) -> None:
    whole = b"".join(written(tmp_path).splitlines(keepends=True)[:lines])
    (tmp_path / NAME).write_bytes(whole + rest)
    past = past_of(tmp_path)
    told = {1: (None, 0, None), 2: (SCOPE, 0, None), 3: (SCOPE, 1, None), 4: (SCOPE, 2, None)}
    assert (past.scope, len(past.finished), past.finished_at) == told.get(lines, (SCOPE, 2, AT))
    assert past.size == len(whole)
    with Journal.reopen(tmp_path)[0] as journal:  # what does not count is cut off, not written behind
        journal.note(record(EAST))
    assert (tmp_path / NAME).read_bytes().startswith(whole + b'{"shard":')
    assert Shard(A, EAST) in past_of(tmp_path).finished


def test_nothing_counts_behind_a_broken_line(tmp_path: Path) -> None:
    lines = written(tmp_path).splitlines(keepends=True)
    (tmp_path / NAME).write_bytes(b"".join([*lines[:2], b"\xff\n", *lines[2:]]))
    assert past_of(tmp_path).finished == {}


def test_a_shard_that_is_read_again_takes_the_end_back(tmp_path: Path) -> None:
    written(tmp_path)
    with Journal.reopen(tmp_path)[0] as journal:
        journal.note(record(EAST, "other"))
    past = past_of(tmp_path)
    assert past.finished_at is None
    assert past.finished[Shard(A, EAST)].sha256 == "other"


def test_the_external_id_is_not_written(tmp_path: Path) -> None:
    request = json.loads(written(tmp_path).splitlines()[0])["request"]
    assert request["external_id"] is True


@pytest.mark.parametrize("content", [b"", b"{}\n", b"no json\n", b'{"schema":"vaultproof/journal/2"}\n'])
def test_a_journal_of_another_kind(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(BundleError, match="not a journal of this version"):
        read_journal(tmp_path)


@pytest.mark.parametrize("key", ["scan_id", "started_at", "caller", "home", "request"])
def test_a_header_that_is_not_whole(tmp_path: Path, key: str) -> None:
    document = json.loads(written(tmp_path).splitlines()[0])
    del document[key]
    (tmp_path / NAME).write_text(json.dumps(document) + "\n")
    with pytest.raises(BundleError, match=key):
        read_journal(tmp_path)


def test_no_journal(tmp_path: Path) -> None:
    assert read_journal(tmp_path / "nowhere") is None
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UsageError, match="There is no scan to resume"):
            Journal.reopen(folder)


def test_one_at_a_time(tmp_path: Path) -> None:
    with Journal.create(tmp_path, HEADER):
        with pytest.raises(UsageError, match="Another audit is running"):
            Journal.reopen(tmp_path)
        with pytest.raises(UsageError, match="Another audit is running"):
            Journal.create(tmp_path, HEADER)
    Journal.reopen(tmp_path)[0].close()


def test_files_that_are_not_the_ones_that_were_finished(tmp_path: Path) -> None:
    written(tmp_path)
    for region, content in ((WEST, b""), (EAST, b"tampered with")):
        path = tmp_path / record(region).file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    past = checked_against_files(past_of(tmp_path), tmp_path)
    assert list(past.finished) == [Shard(A, WEST)]
    assert past.finished_at is None
    assert not (tmp_path / record(EAST).file).exists()
    (tmp_path / record(EAST).file).write_bytes(b"")
    assert checked_against_files(past_of(tmp_path), tmp_path).finished_at == AT
    (tmp_path / record(WEST).file).unlink()
    assert list(checked_against_files(past_of(tmp_path), tmp_path).finished) == [Shard(A, EAST)]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk(tmp_path: Path) -> None:
    with (
        Journal(tmp_path / NAME, Path("/dev/full").open("r+b", buffering=0)) as journal,
        pytest.raises(OutputError, match="No space left"),
    ):
        journal.note(record(WEST))


def test_a_thread_that_comes_too_late_writes_nothing(tmp_path: Path) -> None:
    with Journal.create(tmp_path, HEADER) as journal:
        pass
    journal.note(record(WEST))
    assert past_of(tmp_path).finished == {}
