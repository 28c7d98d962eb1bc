"""A collection that must stop: whole shards are kept, and a resumption reads the rest."""

from pathlib import Path
from typing import Any

import pytest

from scanner.collect.account import collect_account
from scanner.collect.journal import read_journal
from scanner.collect.request import CollectRequest
from scanner.collect.retry import EXCEEDED, Deadline, RetryPolicy
from scanner.collect.runner import collect, open_collection
from scanner.evidence.reader import read_lines
from scanner.model.inventory import ShardStatus
from scanner.model.names import AccountId
from tests.fakes.aws import CALLER, FakeAws

HASTY = RetryPolicy(attempts=2, base=0.001)


def request(deadline: Deadline | None = None) -> CollectRequest:
    return CollectRequest(regions=("eu-west-1", "eu-west-2"), retries=HASTY, deadline=deadline)


def over(*, gives_up: bool = False) -> Deadline:
    return Deadline(at=0.0, gives_up=gives_up, now=lambda: 1.0)


@pytest.fixture
def opened(aws: FakeAws, tmp_path: Path) -> Path:
    assert aws
    open_collection(request(), tmp_path, scan_id="night-1")
    return tmp_path


def test_a_deadline_that_is_over_leaves_everything_to_a_resumption(aws: FakeAws, tmp_path: Path) -> None:
    assert aws
    collected = collect(request(over()), tmp_path)
    past = read_journal(tmp_path)
    assert collected.shards == ()
    assert past is not None
    assert past.finished_at is None


def test_an_opened_scan_has_a_scope_and_no_shard(opened: Path) -> None:
    past = read_journal(opened)
    assert past is not None
    assert past.header.scan_id == "night-1"
    assert past.scope is not None
    assert past.scope.regions == ("eu-west-1", "eu-west-2")
    assert not past.finished


def test_an_account_is_read_in_rounds(opened: Path) -> None:
    finished: list[Any] = []
    account = AccountId(CALLER)
    nothing = collect_account(request(over()), opened, account, finished.append)
    assert (nothing.records, nothing.has_more, finished) == ((), True, [])
    first = collect_account(request(), opened, account, finished.append, shards_at_most=1)
    assert first.has_more
    assert [record.region for record in finished] == ["aws-global", "eu-west-1"] or len(finished) == 2
    rest = collect_account(request(), opened, account, finished.append)
    assert not rest.has_more
    assert len(finished) == 3, "no shard is read twice"
    assert {record.region for record in rest.records} == {"aws-global", "eu-west-1", "eu-west-2"}


def test_who_gives_up_records_each_call_that_was_not_made(aws: FakeAws, opened: Path) -> None:
    before = len(aws.asked("backup:ListBackupPlans"))
    last = collect_account(request(over(gives_up=True)), opened, AccountId(CALLER), lambda _record: None)
    assert not last.has_more
    regions = [record for record in last.records if record.region != "aws-global"]
    assert {record.status for record in regions} == {ShardStatus.FAILED}
    for record in regions:
        lines = list(read_lines(opened, record.file))
        assert lines
        assert {line.error.code for line in lines if line.error is not None} == {EXCEEDED}
    assert len(aws.asked("backup:ListBackupPlans")) == before


def test_the_margin_ends_where_the_deadline_is() -> None:
    at = [0.0]
    deadline = Deadline(at=10.0, margin=4.0, now=lambda: at[0])
    states: list[tuple[float, bool]] = []
    for at[0] in (5.0, 6.0, 12.0):
        states.append((deadline.left, deadline.is_near))
    assert states == [(5.0, False), (4.0, True), (0.0, True)]
    assert not deadline.forbids_calls
