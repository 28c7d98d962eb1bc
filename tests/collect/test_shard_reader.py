"""A shard's parts are read side by side, and nobody can tell from the evidence who was first."""

import gzip
import json
import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from scanner.collect.environment import Roles, open_scan, set_up
from scanner.collect.pool import away
from scanner.collect.request import CollectRequest, Unwatched
from scanner.collect.retry import RetryPolicy, Time
from scanner.collect.runner import collect
from scanner.collect.scope import resolve
from scanner.collect.session import known_regions
from scanner.collect.shard_collector import CollectContext, ShardCollector
from scanner.model.manifest import ShardRecord
from scanner.model.names import Shard
from tests.fakes.aws import CALLER, Answer, FakeAws, Reply, Request, bucket_list, error, regions, xml_error

REGIONS = ("eu-west-1", "eu-central-1")
PATIENCE = 60.0  # seconds after which a test gives up: it never waits so long
KEY = "arn:aws:kms:eu-west-1:111111111111:key/{}"


def estate(aws: FakeAws, answer: Callable[[Any], Answer] = lambda body: body) -> None:
    """Things that are listed and described, each answer passed through `answer`."""

    def of(body: Callable[[Request], Any] | Any) -> Callable[[Request], Answer]:
        return lambda request: answer(body(request) if callable(body) else body)

    tables = [f"table-{number}" for number in range(30)]
    aws.script |= {
        "ec2:DescribeRegions": of(regions(*REGIONS)),
        "backup:ListBackupVaults": of({"BackupVaultList": [{"BackupVaultName": f"v{n}"} for n in range(3)]}),
        "backup:ListRecoveryPointsByBackupVault": of(
            {"RecoveryPoints": [{"EncryptionKeyArn": KEY.format(n)} for n in range(5)]}
        ),
        "backup:ListBackupPlans": of({"BackupPlansList": [{"BackupPlanId": f"p{n}"} for n in range(4)]}),
        "backup:ListBackupSelections": of({"BackupSelectionsList": [{"SelectionId": "s"}]}),
        "dynamodb:ListTables": of({"TableNames": tables}),
        "dynamodb:DescribeTable": of(
            lambda request: {"Table": {"TableName": request.parameters["TableName"]}}
        ),
        "s3:ListBuckets": of(bucket_list({f"b{n}": REGIONS[n % 2] for n in range(20)})),
        "kms:DescribeKey": of(lambda request: {"KeyMetadata": {"Arn": request.parameters["KeyId"]}}),
    }


def lines(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The evidence by file, less when it was asked."""
    found = {}
    for path in sorted(folder.rglob("*.jsonl.gz")):
        rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
        found[str(path.relative_to(folder))] = [{k: v for k, v in row.items() if k != "at"} for row in rows]
    return found


class Breaking(Unwatched):
    """Breaks while the buckets are listed, as a mistake of the program would."""

    def called(self, shard: Shard, operation: str, *, ok: bool) -> None:  # noqa: ARG002 -- as Watcher
        if operation == "s3:ListBuckets":
            raise KeyError("unexpected")


def test_an_exception_while_buckets_are_listed_fails_the_shards_that_wait_for_them(
    aws: FakeAws, tmp_path: Path
) -> None:
    estate(aws)
    done = collect(CollectRequest(regions=REGIONS), tmp_path, Breaking())
    status = {str(record.region): record.status.value for record in done.shards}
    assert status == dict.fromkeys(("aws-global", *REGIONS), "partial")
    for file, rows in lines(tmp_path).items():
        if CALLER in file:
            (failed,) = [
                row["error"] for row in rows if row["service"] == "s3" and row["operation"] == "Collect"
            ]
            assert (failed["code"], failed["message"]) == ("CollectorFailed", "KeyError: 'unexpected'")


@pytest.mark.slow
def test_two_runs_leave_the_same_lines_in_the_same_order(aws: FakeAws, tmp_path: Path) -> None:
    chance = random.Random(1)  # noqa: S311 -- disorder, no secret

    def late(body: Any) -> Reply:
        return Reply(body, after=chance.choice([0.0, 0.0, 0.005, 0.03]))

    estate(aws, late)
    for run in ("one", "two", "three"):
        request = CollectRequest(regions=REGIONS)
        collect(replace(request, concurrency=1 if run == "one" else 16), tmp_path / run)
    first = lines(tmp_path / "one")
    assert len(first) == 3
    assert lines(tmp_path / "two") == lines(tmp_path / "three") == first
    asked = Counter(
        json.dumps([name, row["service"], row["operation"], row["parameters"]], sort_keys=True)
        for name, rows in first.items()
        for row in rows
    )
    assert set(asked.values()) == {1}


def test_no_more_calls_at_once_than_asked_for(aws: FakeAws, tmp_path: Path) -> None:
    lock, under_way, most = threading.Lock(), 0, 0

    def count(body: Any) -> Answer:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        threading.Event().wait(0.002)
        with lock:
            under_way -= 1
        return body  # type: ignore[no-any-return]

    estate(aws, count)
    collect(CollectRequest(regions=REGIONS, concurrency=3), tmp_path)
    assert 1 < most <= 3


THROTTLED = "333333333333"
OTHERS = (CALLER, "222222222222", "444444444444")


class Watch(Unwatched):
    """Knows when the shards of the other accounts are through."""

    def __init__(self) -> None:
        self.others_done = threading.Event()
        self.finished: list[ShardRecord] = []
        self.retries: list[Shard] = []
        self._left = len(OTHERS) * (1 + len(REGIONS))

    def retried(self, shard: Shard, operation: str, code: str, delay: float) -> None:
        del operation, code, delay
        self.retries.append(shard)

    def shard_finished(self, record: ShardRecord) -> None:
        self.finished.append(record)
        self._left -= record.account != THROTTLED
        if self._left == 0:
            self.others_done.set()


@pytest.mark.slow
def test_others_finish_as_if_an_account_that_is_throttled_for_ever_were_not_there(
    aws: FakeAws, tmp_path: Path
) -> None:
    """The throttled account's waits last until the others are through: were one held up, none would end."""
    estate(aws)
    watch = Watch()

    def wait(_: threading.Event, _seconds: float) -> None:
        with away():
            assert watch.others_done.wait(PATIENCE), "another account waits for the throttled one"

    read(tmp_path / "calm", OTHERS, Watch(), Time())
    calm = len(aws.requests)
    for key, script in list(aws.script.items()):
        if not key.startswith(("sts:", "ec2:DescribeRegions")):
            aws.script[key] = throttling(script)
    for key in ("efs:DescribeFileSystems", "backup:ListBackupJobs"):
        aws.script[key] = throttling({})
    read(tmp_path / "storm", (*OTHERS, THROTTLED), watch, Time(lambda: 0.0, wait))

    storm = lines(tmp_path / "storm")
    assert {name: rows for name, rows in storm.items() if THROTTLED not in name} == lines(tmp_path / "calm")
    asked = aws.requests[calm:]
    assert sum(request.account != THROTTLED for request in asked) == calm + 1, "one more AssumeRole"
    assert {shard.account for shard in watch.retries} == {THROTTLED}
    last_of_others = max(n for n, row in enumerate(watch.finished) if row.account != THROTTLED)
    assert last_of_others < min(n for n, row in enumerate(watch.finished) if row.account == THROTTLED)
    assert {row.status.value for row in watch.finished if row.account == THROTTLED} == {"partial"}


def throttling(script: Any) -> Callable[[Request], Answer]:
    def answer(request: Request) -> Answer:
        if request.account == THROTTLED:
            is_xml = request.key.startswith(("rds:", "ec2:", "s3:", "iam:"))
            return xml_error("Throttling", 429) if is_xml else error("ThrottlingException", 429)
        return script(request) if callable(script) else script  # type: ignore[no-any-return]

    return answer


def read(folder: Path, accounts: tuple[str, ...], watch: Watch, time: Time) -> None:
    """Collect with a time of the test's own."""
    retries = RetryPolicy(attempts=2, base=0.001)
    request = CollectRequest(accounts=accounts, regions=REGIONS, retries=retries, concurrency=4)
    environment = set_up(request, watch, lambda: datetime(2026, 11, 22, tzinfo=UTC))
    wiring = replace(environment.wiring, time=time)
    opening = open_scan(wiring, environment.credential_store, environment.own, environment.home)
    scope = resolve(request, opening, None, known_regions(environment.session)).scope
    collector = ShardCollector(
        CollectContext(
            wiring=wiring,
            credential_store=environment.credential_store,
            roles=Roles(request, wiring, opening.account, opening.partition, environment.home),
            opening=opening,
            scope=scope,
            home=environment.home,
            folder=folder,
        )
    )
    collector.run(request.concurrency)
    wiring.clients.close()
