"""What was recorded, however strange, is judged: a hostile answer never stops a whole organisation."""

import gzip
import hashlib
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scanner.app import judgement as app
from scanner.cli.scan.judgement import judgement_of
from scanner.cli.scan.requests import settings_of
from scanner.evidence.bundle import Bundle
from scanner.inventory.shard import parse_shard
from scanner.model.finding import Status
from scanner.model.inventory import ShardInventory, ShardStatus
from scanner.model.known import GapKind
from scanner.model.names import AccountId, RegionName, Shard
from tests.contract.variants import findings_of
from tests.faults.oracle import check_findings
from tests.faults.replay import SAMPLE

SHARD = Shard(AccountId("333333333333"), RegionName("eu-west-1"))
FILE = "evidence/333333333333/eu-west-1.jsonl.gz"
AS_OF = datetime(2026, 11, 20, 6, tzinfo=UTC)

Line = dict[str, Any]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    shutil.copytree(SAMPLE, folder)
    return folder


def lines_of(folder: Path) -> list[Line]:
    return [orjson.loads(line) for line in gzip.decompress((folder / FILE).read_bytes()).splitlines()]


def write(folder: Path, lines: list[Line], *, vouched: bool = True) -> None:
    data = gzip.compress(b"\n".join(orjson.dumps(line) for line in lines) + b"\n", 1, mtime=0)
    (folder / FILE).write_bytes(data)
    path = folder / "manifest.json"
    manifest = orjson.loads(path.read_bytes())
    sha256 = hashlib.sha256(data).hexdigest() if vouched else ""
    for shard in manifest["shards"]:
        if shard["file"] == FILE:
            shard["sha256"] = sha256
    manifest["files"] = {name: sha for name, sha in manifest["files"].items() if name != FILE}
    if vouched:
        manifest["files"][FILE] = sha256
    path.write_bytes(orjson.dumps(manifest))


def parsed(folder: Path) -> ShardInventory:
    bundle = Bundle(folder)
    bundle.check()
    return bundle.parsed(
        lambda: parse_shard(
            bundle.answers(SHARD), bundle.account_answers(SHARD.account), ShardStatus.COMPLETE
        )
    )


def paths(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places in an answer, at most three rows of a list."""
    inner = node.items() if isinstance(node, dict) else enumerate(node[:3]) if isinstance(node, list) else ()
    for key, value in inner:
        yield (*path, key)
        yield from paths(value, (*path, key))


PLACES = [
    (number, path)
    for number, line in enumerate(lines_of(SAMPLE))
    if "response" in line
    for path in paths(line["response"])
]
ODD: list[Any] = [
    None,
    {},
    [],
    "",
    "x",
    " ",
    7,
    -1,
    1.5,
    2**63,
    True,
    [None],
    [[]],
    {"x": None},
    "x" * 100_000,
]
ABSENT = object()


def bend(lines: list[Line], number: int, path: tuple[Any, ...], value: Any) -> None:
    node = lines[number]["response"]
    for step in path[:-1]:
        node = node[step]
    if value is ABSENT:
        del node[path[-1]]
    else:
        node[path[-1]] = value


@settings(
    max_examples=40,
    deadline=None,
    print_blob=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(place=st.sampled_from(PLACES), value=st.sampled_from([*ODD, ABSENT]))
def test_an_answer_bent_anywhere_is_read_or_is_a_gap(
    bundle: Path, place: tuple[int, tuple[Any, ...]], value: Any
) -> None:
    lines = lines_of(SAMPLE)
    bend(lines, *place, value)
    write(bundle, lines)
    inventory = parsed(bundle)
    malformed = {gap.operation for gap in inventory.gaps if gap.code == "MalformedAnswer"}
    line = lines[place[0]]
    assert malformed <= {f"{line['service']}:{line['operation']}"}


@pytest.mark.slow
def test_rows_without_names_are_gaps_and_everything_else_is_judged(bundle: Path, tmp_path: Path) -> None:
    judgement = judgement_of(settings_of(None), None, AS_OF)
    truth = findings_of(bundle, judgement)
    lines = lines_of(SAMPLE)
    bent = {"DescribeVolumes": "Volumes", "ListBackupVaults": "BackupVaultList"}
    for line in lines:
        if (key := bent.get(line["operation"])) and "response" in line:
            line["response"][key].insert(0, {})
    write(bundle, lines)
    found = app.evaluate(bundle, tmp_path / "found", judgement, ())
    codes = {gap.operation for gap in found.scan.gaps if gap.code == "MalformedAnswer"}
    assert codes >= {"ec2:DescribeVolumes", "backup:ListBackupVaults"}
    check_findings(truth, found.scan.findings, gaps=True)
    assert any(finding.status is Status.PASS for finding in found.scan.findings)


def test_many_malformed_answers_of_one_operation_are_left_together(bundle: Path) -> None:
    lines = lines_of(SAMPLE)
    template = next(line for line in lines if line["operation"] == "GetBackupPlan")
    plans = next(line for line in lines if line["operation"] == "ListBackupPlans")
    for number in range(200):
        plans["response"]["BackupPlansList"].append(
            {**plans["response"]["BackupPlansList"][0], "BackupPlanId": f"p{number}"}
        )
        answer = {"BackupPlan": {"Rules": [{"RuleId": 7}]}}
        lines.append({**template, "parameters": {"BackupPlanId": f"p{number}"}, "response": answer})
    write(bundle, lines)
    inventory = parsed(bundle)
    unread = [gap for gap in inventory.gaps if gap.code == "MalformedAnswer"]
    assert len(unread) >= 200


@pytest.mark.parametrize("vouched", [True, False])
def test_a_field_that_cannot_be_read_is_a_gap_with_checksums_and_without(
    bundle: Path, *, vouched: bool
) -> None:
    lines = lines_of(SAMPLE)
    next(line for line in lines if line["operation"] == "ListBackupVaults")["response"]["BackupVaultList"] = 7
    write(bundle, lines, vouched=vouched)
    unread = {gap.operation: gap.message for gap in parsed(bundle).gaps if gap.code == "MalformedAnswer"}
    assert set(unread) == {"backup:ListBackupVaults"}
    assert "ListBackupVaults.BackupVaultList should be a list" in unread["backup:ListBackupVaults"]


def test_a_list_that_says_that_there_is_more_and_not_how_is_half_read(bundle: Path) -> None:
    lines = lines_of(SAMPLE)
    aliases = next(line for line in lines if line["operation"] == "ListAliases")
    aliases["response"] |= {"Truncated": True}
    aliases["response"].pop("NextMarker", None)
    write(bundle, lines)
    gap = Bundle(bundle).answers(SHARD).one("kms:ListAliases").gap
    assert gap is not None
    assert gap.kind is GapKind.HALF_READ
