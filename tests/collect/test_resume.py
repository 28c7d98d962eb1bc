"""Resuming a collection: from every place where it can have ended, and with other options."""

import os
import shutil
import signal
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scanner.collect.journal import NAME, JournalState, read_journal
from scanner.collect.request import Collected, CollectRequest, Interrupted
from scanner.collect.resume import Resumed, ResumeOptions, resume
from scanner.collect.retry import RetryPolicy
from scanner.collect.runner import collect
from scanner.errors import CredentialsError, UsageError
from scanner.evidence.reader import read_lines
from scanner.model.manifest import Excluded
from scanner.model.names import AccountId
from tests.fakes.aws import (
    CALLER,
    Answer,
    FakeAws,
    Request,
    bucket_list,
    regions,
    xml_error,
)

OTHER, THIRD = "222222222222", "333333333333"
HASTY: dict[str, Any] = {"concurrency": 1, "retries": RetryPolicy(2, 0.001)}
WHOLE = CollectRequest(organization=True, regions=("eu-west-1", "af-south-1"), **HASTY)


@pytest.fixture
def world(aws: FakeAws) -> FakeAws:
    """An organisation with buckets, a Region that nobody enabled, and an account that cannot be entered."""
    rows = [
        {"Id": account, "Status": "ACTIVE", "Arn": f"arn:aws:organizations::1:account/o-1/{account}"}
        for account in (CALLER, OTHER, THIRD)
    ]
    aws.script |= {
        "organizations:DescribeOrganization": {"Organization": {"Id": "o-1", "MasterAccountId": CALLER}},
        "organizations:ListAccounts": {"Accounts": rows},
        "organizations:ListRoots": {"Roots": [{"Id": "r-1"}]},
        "organizations:ListAccountsForParent": {"Accounts": rows},
        "ec2:DescribeRegions": regions("eu-west-1", "eu-central-1", disabled=["af-south-1"]),
        "s3:ListBuckets": bucket_list({"here": "eu-west-1", "there": "af-south-1", "untold": ""}),
        "s3:GetBucketLocation": b"<LocationConstraint>EU</LocationConstraint>",
    }
    assumed = aws.script["sts:AssumeRole"]
    assert callable(assumed)
    aws.script["sts:AssumeRole"] = lambda request: (
        xml_error("AccessDenied", 403) if THIRD in request.parameters["RoleArn"] else assumed(request)
    )
    return aws


def again(folder: Path, request: CollectRequest = WHOLE, **given: Any) -> Resumed:
    return resume(ResumeOptions(**given), request, folder)


def contents(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """The lines of all evidence, less when and how often they were asked."""
    return {
        str(path.relative_to(folder)): [
            (line.name, line.parameters, line.response, line.error, line.account, line.region)
            for line in read_lines(folder, str(path.relative_to(folder)))
        ]
        for path in sorted(folder.glob("evidence/**/*.gz"))
    }


def rows(collected: Collected) -> list[tuple[object, ...]]:
    return [
        (row.account, row.region, row.status, row.calls, row.errors, row.file) for row in collected.shards
    ]


def cut(folder: Path, lines: int) -> None:
    """Let the journal end as if the program had been killed."""
    path = folder / NAME
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:lines]) + b'{"shard":{"acc')


@pytest.mark.slow
def test_from_wherever_it_ended(world: FakeAws, tmp_path: Path) -> None:
    whole = collect(WHOLE, tmp_path / "whole")
    expected = contents(tmp_path / "whole")
    lines = len((tmp_path / "whole" / NAME).read_bytes().splitlines())
    # header, scope, org, aws-global x 3, Regions x 4 (two accounts have not enabled one), the end
    assert lines == 3 + 3 + 4 + 1
    for kept in (1, 2, 3, 5, 8, lines - 1, lines):
        folder = tmp_path / str(kept)
        shutil.copytree(tmp_path / "whole", folder)
        cut(folder, kept)
        done = again(folder, CollectRequest(**HASTY))
        assert done.had_all == (kept == lines)
        assert rows(done.collected) == rows(whole)
        assert contents(folder) == expected
        for field in ("scan_id", "scope", "accounts", "caller_arn", "caller_account"):
            assert getattr(done.collected, field) == getattr(whole, field)
        assert abs(done.collected.started_at - whole.started_at).total_seconds() < 0.001
    assert world.requests


def test_what_is_finished_is_not_asked_again(world: FakeAws, tmp_path: Path) -> None:
    collect(WHOLE, tmp_path)
    first = len(world.requests)
    assert again(tmp_path).had_all
    assert world.requests[first:] == []
    cut(tmp_path, 10)  # all shards, but not the end
    again(tmp_path)
    assert [request.key for request in world.requests[first:]] == ["sts:GetCallerIdentity"]
    cut(tmp_path, 9)
    first = len(world.requests)
    again(tmp_path)
    asked = [request for request in world.requests[first:] if not request.key.startswith("sts:")]
    assert len({(request.account, request.region) for request in asked}) <= 1
    assert not {"ec2:DescribeRegions", "s3:ListBuckets"} & {request.key for request in asked}


def test_a_file_that_was_changed_or_is_gone_is_asked_again(world: FakeAws, tmp_path: Path) -> None:
    collect(WHOLE, tmp_path)
    expected = contents(tmp_path)
    files = [tmp_path / "evidence" / "org.jsonl.gz", tmp_path / "evidence" / OTHER / "eu-west-1.jsonl.gz"]
    files[0].write_bytes(b"\x1f\x8b and no more")
    files[1].unlink()
    first = len(world.requests)
    assert not again(tmp_path).had_all
    assert contents(tmp_path) == expected
    asked = world.requests[first:]
    assert "organizations:ListAccounts" in {request.key for request in asked}
    assert {request.region for request in asked if request.key.startswith("backup:List")} == {"eu-west-1"}


def test_what_was_being_written_is_removed(world: FakeAws, tmp_path: Path) -> None:
    collect(WHOLE, tmp_path)
    assert world.requests
    parts = [
        tmp_path / name
        for name in (
            ".manifest.json.x1.part",
            "evidence/org.jsonl.gz.part",
            f"evidence/{OTHER}/eu-west-1.jsonl.gz.part",
            "facts/resource.parquet.part",
            "facts.part/resource/111111111111.parquet",
            "facts.old.part/resource.parquet",
            "findings.part/111111111111.parquet",
            "inventory/accounts.parquet.part",
        )
    ]
    for part in parts:
        part.parent.mkdir(parents=True, exist_ok=True)
        part.touch()
    again(tmp_path)
    assert not [part for part in parts if part.exists()]


def test_ctrl_c_is_gone_on_from(world: FakeAws, tmp_path: Path) -> None:
    collect(WHOLE, tmp_path / "whole")
    reached = threading.Event()

    def slow(_: Request) -> Answer:
        reached.set()
        time.sleep(2.5)
        return {}

    def interrupt() -> None:
        reached.wait()
        os.kill(os.getpid(), signal.SIGINT)

    script = world.script.pop("efs:DescribeFileSystems", None)
    world.script["efs:DescribeFileSystems"] = slow
    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(Interrupted) as caught:
        collect(WHOLE, tmp_path / "cut")
    assert "partial" in {row.status.value for row in caught.value.collected.shards}
    world.script["efs:DescribeFileSystems"] = script or {}
    again(tmp_path / "cut")
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_a_role_that_can_no_longer_be_assumed_is_data(world: FakeAws, tmp_path: Path) -> None:
    collect(WHOLE, tmp_path)
    cut(tmp_path, 6)
    world.script["sts:AssumeRole"] = xml_error("AccessDenied", 403)
    status = {(row.account, row.region): row.status.value for row in again(tmp_path).collected.shards}
    assert status[AccountId(OTHER), "eu-west-1"] == "failed"  # type: ignore[index]
    assert status[AccountId(OTHER), "af-south-1"] == "skipped"  # type: ignore[index]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"organization": False}, "--org"),
        ({"accounts": (OTHER,)}, "--account.*which is none"),
        ({"organizational_units": ("ou-x",)}, "--ou"),
        ({"regions": ("eu-west-1", "us-east-1")}, "--region.*which is eu-west-1, af-south-1"),
        ({"excluded": (Excluded(AccountId(OTHER), "x"),)}, "scope.exclude"),
        ({"role_name": "Other"}, "--role-name.*VaultproofReadOnly"),
    ],
)
def test_options_that_contradict(world: FakeAws, tmp_path: Path, given: dict[str, Any], told: str) -> None:
    collect(WHOLE, tmp_path)
    first = len(world.requests)
    with pytest.raises(UsageError, match=told):
        again(tmp_path, **given)
    assert world.requests[first:] == []


def test_options_that_say_the_same_are_no_mistake(world: FakeAws, tmp_path: Path) -> None:
    collect(WHOLE, tmp_path)
    assert world.requests
    assert again(tmp_path, organization=True, regions=WHOLE.regions[::-1], role_name=WHOLE.role_name).had_all


def test_credentials_of_another_account(
    world: FakeAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collect(WHOLE, tmp_path)
    cut(tmp_path, 5)
    first = len(world.requests)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", f"AKIA{OTHER}BASE")
    with pytest.raises(CredentialsError, match=f"account {CALLER}, but these are of {OTHER}"):
        again(tmp_path)
    assert [request.key for request in world.requests[first:]] == ["sts:GetCallerIdentity"]


def test_the_external_id_is_needed_again(world: FakeAws, tmp_path: Path) -> None:
    request = CollectRequest(organization=True, regions=("eu-west-1",), external_id="canary-id", **HASTY)
    collect(request, tmp_path)
    assert b"canary-id" not in (tmp_path / NAME).read_bytes()
    cut(tmp_path, 4)
    with pytest.raises(UsageError, match="--external-id again"):
        again(tmp_path)
    first = len(world.requests)
    again(tmp_path, request)
    assumed = [one for one in world.requests[first:] if one.key == "sts:AssumeRole"]
    assert {one.parameters["ExternalId"] for one in assumed} == {"canary-id"}


def test_another_version_asks_other_questions(world: FakeAws, tmp_path: Path) -> None:
    collect(WHOLE, tmp_path)
    assert world.requests
    path = tmp_path / NAME
    path.write_bytes(path.read_bytes().replace(b'"version":"', b'"version":"0.0.', 1))
    assert again(tmp_path).had_all
    cut(tmp_path, 5)
    with pytest.raises(UsageError, match=r"started by version 0\.0\."):
        again(tmp_path)


@pytest.mark.parametrize("back", [timedelta(minutes=10), timedelta(days=3650)])
def test_a_clock_that_was_set_back_is_to_be_corrected(
    world: FakeAws, tmp_path: Path, back: timedelta
) -> None:
    collect(WHOLE, tmp_path)
    cut(tmp_path, 9)
    asked = len(world.requests)
    with pytest.raises(UsageError, match=r"The clock of this machine says .* Correct the clock"):
        resume(ResumeOptions(), WHOLE, tmp_path, clock=lambda: datetime.now(UTC) - back)
    assert len(world.requests) == asked


@pytest.mark.parametrize("shift", [-timedelta(minutes=2), timedelta(hours=2), timedelta(days=3650)])
def test_a_clock_that_was_set_a_little_back_or_forward_ends_the_scan(
    world: FakeAws, tmp_path: Path, shift: timedelta
) -> None:
    collect(WHOLE, tmp_path)
    cut(tmp_path, 9)
    asked = len(world.requests)
    done = resume(ResumeOptions(), WHOLE, tmp_path, clock=lambda: datetime.now(UTC) + shift)
    assert done.collected.started_at <= done.collected.finished_at
    assert len([request for request in world.requests[asked:] if request.key == "sts:AssumeRole"]) <= 2


def test_an_organisation_that_is_left_behind(world: FakeAws, tmp_path: Path) -> None:
    """A scan of the organisation that ended before its scope was known; then one of a single account."""
    collect(WHOLE, tmp_path)
    cut(tmp_path, 1)
    done = collect(CollectRequest(regions=("eu-west-1",), **HASTY), tmp_path)
    assert {row.account for row in done.shards} == {CALLER}
    assert not (tmp_path / "evidence" / "org.jsonl.gz").exists()
    assert world.requests


def test_a_caller_outside_the_scope(world: FakeAws, tmp_path: Path) -> None:
    request = CollectRequest(accounts=(OTHER,), regions=("eu-west-1",), **HASTY)
    collect(request, tmp_path / "whole")
    lines = len((tmp_path / "whole" / NAME).read_bytes().splitlines())
    for kept in range(2, lines):
        folder = tmp_path / str(kept)
        shutil.copytree(tmp_path / "whole", folder)
        cut(folder, kept)
        first = len(world.requests)
        again(folder, request)
        assert contents(folder) == contents(tmp_path / "whole")
        regions_asked = [r for r in world.requests[first:] if r.key == "ec2:DescribeRegions"]
        assert len([r for r in regions_asked if r.account == CALLER]) == (kept <= 2)


def test_what_credentials_that_expired_left_out_is_asked_again(world: FakeAws, tmp_path: Path) -> None:
    undisturbed = collect(WHOLE, tmp_path / "undisturbed")
    assumed = world.script["sts:AssumeRole"]
    assert callable(assumed)
    world.script["sts:AssumeRole"] = xml_error("ExpiredToken", 403, "It has expired.")
    collect(WHOLE, tmp_path / "cut")
    assert read_journal_of(tmp_path / "cut").finished_at is None
    world.script["sts:AssumeRole"] = assumed
    world.requests.clear()
    done = again(tmp_path / "cut")
    assert not done.had_all
    assert rows(done.collected) == rows(undisturbed)
    assert contents(tmp_path / "cut") == contents(tmp_path / "undisturbed")
    assert not [request for request in world.asked("backup:ListBackupPlans") if request.account == CALLER]
    assert again(tmp_path / "cut").had_all


def read_journal_of(folder: Path) -> JournalState:
    past = read_journal(folder)
    assert past is not None
    return past
