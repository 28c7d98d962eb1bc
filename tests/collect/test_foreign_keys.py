"""Keys that one account names and another one owns: their owner is asked, in a second pass (ruling 17)."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scanner.collect.foreign_keys import OwnerEvidence, by_owner, keys_elsewhere
from scanner.collect.journal import NAME
from scanner.collect.request import Collected, CollectRequest
from scanner.collect.resume import ResumeOptions, resume
from scanner.collect.retry import RetryPolicy
from scanner.collect.runner import collect
from scanner.evidence.reader import read_lines
from scanner.model.manifest import Scope
from scanner.model.names import AccountId, RegionName, Shard
from tests.fakes.aws import CALLER, Answer, FakeAws, Request, error, regions, xml_error

OTHER, THIRD = "222222222222", "333333333333"
REGION, FAR = "eu-west-1", "eu-central-1"
WHOLE = CollectRequest(organization=True, regions=(REGION,), concurrency=2, retries=RetryPolicy(2, 0.001))


def arn(key: str, account: str = CALLER, region: str = REGION) -> str:
    return f"arn:aws:kms:{region}:{account}:{key}"


@pytest.fixture
def world(aws: FakeAws) -> FakeAws:
    """Build three accounts; the second and the third name keys of the first one, which it names nowhere."""
    rows = [
        {"Id": account, "Status": "ACTIVE", "Arn": f"arn:aws:organizations::1:account/o-1/{account}"}
        for account in (CALLER, OTHER, THIRD)
    ]
    named = {
        CALLER: [arn("key/own"), arn("key/theirs", OTHER)],
        OTHER: [arn("key/b"), arn("alias/central"), arn("key/far", CALLER, FAR), arn("key/x", "9" * 12)],
        THIRD: [arn("key/a"), arn("key/b"), arn("key/own"), arn("key/theirs", OTHER)],
    }
    aws.script |= {
        "organizations:DescribeOrganization": {"Organization": {"Id": "o-1", "MasterAccountId": CALLER}},
        "organizations:ListAccounts": {"Accounts": rows},
        "organizations:ListRoots": {"Roots": [{"Id": "r-1"}]},
        "organizations:ListAccountsForParent": {"Accounts": rows},
        "ec2:DescribeRegions": regions(REGION, FAR),
        "efs:DescribeFileSystems": lambda request: {
            "FileSystems": [{"FileSystemId": key, "KmsKeyId": key} for key in named[request.account]]
        },
        "kms:ListAliases": lambda request: {
            "Aliases": [{"AliasName": "alias/central", "TargetKeyId": "c"}]
            if request.account == CALLER
            else []
        },
        "kms:DescribeKey": _describe,
        "kms:GetKeyPolicy": {"Policy": "{}"},
    }
    return aws


def _describe(request: Request) -> Answer:
    key = request.parameters["KeyId"]
    if request.account != key.split(":")[4]:
        return error("AccessDeniedException")
    metadata = {"KeyId": key.rpartition("/")[2], "Arn": key, "KeyManager": "CUSTOMER"}
    return {"KeyMetadata": metadata}


def keys_of(folder: Path, account: str) -> Iterator[tuple[str, str, bool]]:
    for line in read_lines(folder, f"evidence/{account}/{REGION}.jsonl.gz"):
        if line.name.startswith("kms:") and "KeyId" in line.parameters:
            yield line.name, str(line.parameters["KeyId"]), line.response is not None


def record_of(collected: Collected, account: str) -> Any:
    return next(row for row in collected.shards if (row.account, row.region) == (account, REGION))


@pytest.mark.usefixtures("world")
def test_the_owner_is_asked_at_the_end_of_its_file(tmp_path: Path) -> None:
    done = collect(WHOLE, tmp_path)
    assert list(keys_of(tmp_path, CALLER)) == [
        ("kms:DescribeKey", arn("key/own"), True),
        ("kms:GetKeyPolicy", arn("key/own"), True),
        ("kms:DescribeKey", arn("key/theirs", OTHER), False),
        *(
            (f"kms:{operation}", arn(f"key/{key}"), True)
            for key in "abc"
            for operation in ("DescribeKey", "GetKeyPolicy")
        ),
    ]
    record = record_of(done, CALLER)
    file = tmp_path / record.file
    assert (record.sha256, record.bytes) == (
        hashlib.sha256(file.read_bytes()).hexdigest(),
        file.stat().st_size,
    )
    lines = list(read_lines(tmp_path, record.file))
    assert (record.calls, record.errors) == (len(lines), sum(line.error is not None for line in lines))
    assert not list(tmp_path.glob("evidence/**/*.part"))


def test_nothing_is_asked_twice_and_no_stranger(world: FakeAws, tmp_path: Path) -> None:
    collect(WHOLE, tmp_path)
    asked = [(r.key, r.region, r.account, str(sorted(r.parameters.items()))) for r in world.requests]
    assert len(asked) == len(set(asked))
    assert FAR not in {request.region for request in world.asked("kms:DescribeKey")}
    assert {request.account for request in world.asked("kms:GetKeyPolicy")} == {CALLER, OTHER}


def test_an_answer_of_the_owner_that_is_a_refusal_is_a_gap(world: FakeAws, tmp_path: Path) -> None:
    world.script["kms:GetKeyPolicy"] = error("AccessDeniedException")
    record = record_of(collect(WHOLE, tmp_path), OTHER)
    assert record.status.value == "partial"
    assert ("kms:GetKeyPolicy", arn("key/theirs", OTHER), False) in keys_of(tmp_path, OTHER)


def test_an_owner_that_could_not_be_entered_is_not_asked(world: FakeAws, tmp_path: Path) -> None:
    assumed = world.script["sts:AssumeRole"]
    assert callable(assumed)
    world.script["sts:AssumeRole"] = lambda request: (
        xml_error("AccessDenied", 403) if OTHER in request.parameters["RoleArn"] else assumed(request)
    )
    record = record_of(collect(WHOLE, tmp_path), OTHER)
    assert (record.status.value, record.calls) == ("failed", 1)
    assert not [request for request in world.requests if request.account == OTHER]


@pytest.mark.parametrize("second_pass", [0, 1, 2])
def test_resumed_between_the_passes_and_in_the_second_one(
    world: FakeAws, tmp_path: Path, second_pass: int
) -> None:
    """`second_pass`: the owners that were through; both files had got their lines when the program died."""
    whole = collect(WHOLE, tmp_path)
    expected = {account: list(keys_of(tmp_path, account)) for account in (CALLER, OTHER, THIRD)}
    journal = tmp_path / NAME
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[: len(lines) - 3 + second_pass]))
    first = len(world.requests)
    done = resume(ResumeOptions(), WHOLE, tmp_path).collected
    asked = {request.key for request in world.requests[first:] if not request.key.startswith("sts:")}
    assert asked == ({"kms:DescribeKey", "kms:GetKeyPolicy"} if second_pass < 2 else set())
    assert {account: list(keys_of(tmp_path, account)) for account in expected} == expected
    counts = [(row.account, row.region, row.status, row.calls, row.errors) for row in done.shards]
    assert counts == [(row.account, row.region, row.status, row.calls, row.errors) for row in whole.shards]
    files = {row.file: row.sha256 for row in done.shards if row.file}
    assert all(
        hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == sha for name, sha in files.items()
    )
    last = json.loads(journal.read_bytes().splitlines()[-1])
    assert "finished_at" in last


@pytest.mark.usefixtures("world")
def test_resumed_in_the_first_pass_knows_the_keys_of_what_was_finished(tmp_path: Path) -> None:
    collect(WHOLE, tmp_path)
    expected = {account: sorted(keys_of(tmp_path, account)) for account in (CALLER, OTHER, THIRD)}
    journal = tmp_path / NAME
    lines = journal.read_bytes().splitlines(keepends=True)
    owner = next(n for n, line in enumerate(lines) if f'"{CALLER}","region":"{REGION}"'.encode() in line)
    kept = [line for n, line in enumerate(lines[:-3]) if n != owner]
    journal.write_bytes(b"".join(kept))
    resume(ResumeOptions(), WHOLE, tmp_path)
    assert {account: sorted(keys_of(tmp_path, account)) for account in expected} == expected


def test_which_keys_lie_elsewhere() -> None:
    here = Shard(AccountId(CALLER), RegionName(REGION))
    scope = Scope(
        accounts=(AccountId(CALLER), AccountId(OTHER)), regions=(RegionName(REGION), RegionName(FAR))
    )
    named = [
        "key", "alias/a", arn("key/own"), arn("key/far", CALLER, FAR), arn("key/b", OTHER),
        arn("alias/b", OTHER), arn("key/x", THIRD), arn("key/x", OTHER, "us-east-1"),
    ]  # fmt: skip
    found = keys_elsewhere(named, here, scope)
    assert found == (arn("key/far", CALLER, FAR), arn("alias/b", OTHER), arn("key/b", OTHER))
    assert by_owner({here: found}) == {
        Shard(AccountId(CALLER), RegionName(FAR)): (arn("key/far", CALLER, FAR),),
        Shard(AccountId(OTHER), RegionName(REGION)): (arn("alias/b", OTHER), arn("key/b", OTHER)),
    }


def test_an_owner_is_not_asked_for_a_key_by_another_of_its_names() -> None:
    owner = Shard(AccountId(OTHER), RegionName(REGION))
    evidence = OwnerEvidence({"alias/a": "k"}, frozenset({arn("key/k", OTHER), arn("key/foreign")}))
    names = [arn("alias/a", OTHER), arn("key/k", OTHER), arn("key/foreign", OTHER), arn("alias/b", OTHER)]
    assert evidence.not_asked(names, owner) == (arn("key/foreign", OTHER), arn("alias/b", OTHER))
