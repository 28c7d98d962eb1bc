"""THE RULE: taking evidence away never turns a definite answer into another definite one.

Each call of a small organisation is left out, refused, or loses its last page. Of every fact that was
definite, the same must still be said, or nothing; and where a list is taken away its subjects may vanish.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from scanner.evidence.answers import Answers
from scanner.evidence.manifest import parse_manifest
from scanner.facts.build import FactsRequest, build_facts
from scanner.facts.resource_resilience import COLUMNS
from scanner.graph.control_plane import ControlPlane, summarise
from scanner.graph.cross_shard import load_spilled_rows
from scanner.inventory.shard import parse_shard
from scanner.model.facts import BackupPlace, PlaceRecoveryPoint, RestoreResult, Row, ThreeTwoOneOneZero
from scanner.model.inventory import ShardInventory, ShardStatus
from scanner.model.names import Shard
from scanner.services.organizations import parse_organization
from tests.facts.past_world import add_past
from tests.fakes.bundles import (
    ACCOUNT,
    FAR,
    MANAGEMENT,
    OTHER,
    REGION,
    BundleBuilder,
    Facts,
    Line,
    admits,
    answers_of,
    copy_to,
    facts_of,
    instance_arn,
    key_arn,
    put_aside_by,
    refused,
    rule,
    shares_key,
    table_arn,
    vault_arn,
    volume_arn,
)

AWAY = vault_arn("away", OTHER, FAR)
NEAR = vault_arn("near", ACCOUNT, FAR)


def organisation(folder: Path) -> BundleBuilder:
    """Make an organisation in which every kind of answer is definite, true and false ones."""
    bundle = BundleBuilder(folder)
    bundle.organization(MANAGEMENT, ACCOUNT, OTHER)
    _source(bundle)
    near = bundle.shard(ACCOUNT, FAR, page=1)
    near.vault("near", key=key_arn("near", ACCOUNT, FAR)).key("near").instance("i-far").volume("vol-far")
    near.key("near")
    away = bundle.shard(OTHER, FAR, page=1)
    away.vault("away", policy=admits(ACCOUNT), key=key_arn("away", OTHER, FAR)).key("away")
    away.vault("closed", key=key_arn("away", OTHER, FAR), Locked=True, MinRetentionDays=90)
    bundle.shard(OTHER, REGION)
    for region in (REGION, FAR):
        bundle.shard(MANAGEMENT, region).settings(EBS=region == REGION)
    for account in (ACCOUNT, OTHER, MANAGEMENT):
        bundle.account(account)
    bundle.account(ACCOUNT).bucket("logs").bucket("far", FAR).page = 1
    unplaced = bundle.account(OTHER).bucket("placed", None)
    unplaced.call("s3:GetBucketLocation", {"LocationConstraint": REGION}, Bucket="placed")
    placed = bundle.shard(OTHER, REGION).bucket_details("placed", tags={"backup": "yes"})
    placed.vault("buckets", key=key_arn("own", OTHER)).key("own").plan(
        "buckets",
        rules=[rule(vault="buckets", CopyActions=[copy_to(AWAY)])],
        selections=[{"Resources": ["arn:aws:s3:::*"]}],
    )
    bundle.shard(ACCOUNT, FAR).bucket_details("far", versioned=False)
    add_past(bundle)
    return bundle


def _source(bundle: BundleBuilder) -> None:
    shard = bundle.shard(ACCOUNT, REGION, page=1)
    shard.settings(RDS=False, incremental=True)
    shard.key("own", policy=shares_key(ACCOUNT, OTHER)).key("shut", policy=shares_key(ACCOUNT))
    shard.key("theirs", "AWS").alias("alias/aws/ebs", "plain").alias("alias/mine", "own")
    shard.instance("i-1", {"backup": "yes"}, BlockDeviceMappings=[{"Ebs": {"VolumeId": "vol-1"}}])
    shard.instance("i-2")
    attached: dict[str, Any] = {"Attachments": [{"InstanceId": "i-1", "State": "attached"}]}
    shard.volume("vol-1", Encrypted=True, KmsKeyId=key_arn("own"), **attached)
    shard.volume("vol-2", {"backup": "yes"}, Encrypted=True, KmsKeyId=key_arn("theirs"))
    shard.volume("vol-3", Attachments=[{"InstanceId": "i-2", "State": "attached"}])
    shard.volume("vol-4", {"backup": "yes"}, Encrypted=True, KmsKeyId=key_arn("shut"))
    shard.volume("vol-5", Encrypted=True, KmsKeyId=key_arn("plain"))
    shard.table("orders", {"backup": "yes"}).table("drafts").table("last")
    shard.listed(
        "rds:DescribeDBInstances",
        {
            "DBInstanceArn": f"arn:aws:rds:{REGION}:{ACCOUNT}:db:one",
            "DBInstanceStatus": "available",
            "Engine": "mysql",
            "StorageEncrypted": False,
        },
        {
            "DBInstanceArn": f"arn:aws:rds:{REGION}:{ACCOUNT}:db:two",
            "DBInstanceStatus": "deleting",
            "Engine": "mysql",
            "StorageEncrypted": False,
        },
    )
    shard.listed(
        "rds:DescribeDBClusters",
        {
            "DBClusterArn": f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:c",
            "Status": "available",
            "Engine": "docdb",
            "StorageEncrypted": False,
        },
    )
    shard.listed(
        "efs:DescribeFileSystems",
        {
            "FileSystemId": "fs-1",
            "LifeCycleState": "available",
            "Encrypted": False,
            "Tags": [{"Key": "backup", "Value": "yes"}],
        },
    )
    shard.bucket_details("logs", key=key_arn("own"), tags={"backup": "yes"})
    shard.vault("main", key=key_arn("own"), Locked=True).vault(
        "spare", policy=json.dumps({"Statement": []}), key=key_arn("own")
    )
    shard.point("main", volume_arn("vol-1"), hours_ago=40)
    shard.point("main", instance_arn("i-1"), hours_ago=3)
    shard.point("spare", volume_arn("vol-2"), hours_ago=2).point("spare", volume_arn("vol-2"), hours_ago=30)
    _plans(shard)


def _plans(shard: Any) -> None:
    tags = [{"ConditionType": "STRINGEQUALS", "ConditionKey": "backup", "ConditionValue": "yes"}]
    copies = [copy_to(AWAY), copy_to(NEAR), copy_to(vault_arn("closed", OTHER, FAR))]
    shard.plan(
        "tagged",
        rules=[rule(CopyActions=copies), rule("weekly", ScheduleExpression="cron(0 5 ? * 1 *)")],
        selections=[{"ListOfTags": tags}],
    )
    shard.plan(
        "named",
        rules=[rule(vault="spare", CopyActions=[copy_to(vault_arn("gone", ACCOUNT, FAR))])],
        selections=[{"Resources": [table_arn("drafts")]}, {"Resources": ["arn:aws:rds:*"]}],
    )
    shard.plan("orgs/policy", rules=[rule(days=None)], selections=[{"Resources": ["arn:aws:ec2:*"]}])
    shard.plan("nobody", rules=[rule(CopyActions=copies)], selections=[{"Resources": [volume_arn("vol-9")]}])


# Columns that are a text about the row, not an answer; `capability` names DynamoDB without its variant
# where the Region settings, which decide it, were not read; `blocked` and `newest_recovery_point` (whose
# `exists` is looked at) say what was seen, and are evidence of a finding, never its ground; `copy_links`
# explains `copies`.
TOLD: Mapping[str, frozenset[str]] = {
    "resource": frozenset(
        {
            *("name", "capability", "copy_links", "uncertain", "not_known", "evidence"),
            *(
                "opt_in_reason",
                "passed_over",
            ),  # `passed_over` explains why no rule covers it, where that is so
            *("near_misses", "nearest", "remedy"),  # advice for what no rule covers; it decides nothing
        }
    ),
    "copy_action": frozenset({"name", "admits_reason", "member_reason", "blocked", "not_known", "evidence"}),
    "rule": frozenset({"name", "lock_reason", "not_known", "evidence"}),
    "selection": frozenset({"name", "role_reason", "not_known", "evidence"}),
}
SAID = frozenset({"name", "not_known", "evidence"})
BECAUSE = frozenset(f"{column}_because" for column in COLUMNS.values())  # tells what could have saved it


def answers(facts: Facts) -> Iterator[tuple[tuple[str, str, str], Any]]:
    """Give every answer by table, subject and column; elements of lists by what they are about."""
    for table, rows in facts.items():
        if table == "account_region":
            continue  # tells what was not read: of course that changes
        for subject, row in rows.items():
            for column, value in _columns(row, TOLD.get(table, SAID)):
                yield (table, subject, column), value


def _columns(row: Row, left_out: frozenset[str]) -> Iterator[tuple[str, Any]]:
    for each in fields(row):
        value = getattr(row, each.name)
        if each.name in left_out or each.name in BECAUSE:
            continue
        if each.name == "newest_recovery_point":
            yield "newest_recovery_point.exists", value.exists
        elif isinstance(value, ThreeTwoOneOneZero):  # the known copies are counted, and may be fewer
            for piece in ("three_copies", "two_accounts", "other_region", "immutable", "no_failure"):
                yield f"{each.name}.{piece}", getattr(value, piece)
        else:
            yield each.name, value


def contradiction(before: Any, after: Any) -> bool:
    """Whether an answer became another one: a list may lose members when it ends with None."""
    if after is None or before == after:
        return False
    if not (isinstance(before, tuple) and isinstance(after, tuple)):
        return True
    if None in before and None not in after:
        return True
    known, still = ([member for member in each if member is not None] for each in (before, after))
    cut = None in after
    lost = not cut and not all(any(_open_or_same(b, a, cut=cut) for a in still) for b in known)
    return lost or not all(any(_open_or_same(b, a, cut=cut) for b in known) for a in still)


def _open_or_same(before: Any, after: Any, *, cut: bool) -> bool:
    """Whether a member of a list is the same one, its own answers no other ones.

    In a list that is cut short, the newest recovery point of a vault may be an older one, a wait longer.
    """
    if isinstance(before, PlaceRecoveryPoint | BackupPlace) and cut:
        return bool(before.vault == after.vault and before.age_hours <= after.age_hours)
    if isinstance(before, RestoreResult) and cut and None not in (before.age_days, after.age_days):
        return bool(before.age_days <= after.age_days)
    if isinstance(before, float) and cut:
        return bool(before <= after)  # a wait, which one rule more may shorten
    if not hasattr(before, "__dataclass_fields__"):
        return bool(before == after)
    texts = {"reason", "because", "capability", "key", "notes"}
    return not any(
        contradiction(getattr(before, each.name), getattr(after, each.name))
        for each in fields(before)
        if each.name not in texts
    )


class Memory:
    """The bundle without its files: of a change, only the shards that it touches are parsed again."""

    def __init__(self, bundle: BundleBuilder) -> None:
        self.lines = bundle.lines()
        self.manifest = parse_manifest(bundle.manifest, bundle.folder / "nowhere")
        self._answers = {stem: self._parse(stem, of_file) for stem, of_file in self.lines.items()}
        self._inventories = {shard: self._inventory(shard, self._answers) for shard in self._shards()}

    def _shards(self) -> Iterator[Shard]:
        for account in self.manifest.scope.accounts:
            for region in self.manifest.scope.regions:
                yield Shard(account, region)

    def _parse(self, stem: str, lines: list[Line]) -> Answers:
        account, region = stem.split("/")[1:] if stem != "evidence/org" else (MANAGEMENT, "org")
        return answers_of(lines, account, region)

    def _inventory(self, shard: Shard, answers: Mapping[str, Answers]) -> ShardInventory:
        own = answers.get(f"evidence/{shard.account}/{shard.region}") or Answers(shard, ())
        account = answers.get(f"evidence/{shard.account}/aws-global") or Answers(shard, ())
        return parse_shard(own, account, ShardStatus.PARTIAL if own.operations else ShardStatus.MISSING)

    def facts(self, stem: str = "", lines: list[Line] | None = None) -> Facts:
        """Give the facts when the lines of one file are others."""
        answers = self._answers if lines is None else {**self._answers, stem: self._parse(stem, lines)}
        inventories = [
            self._inventory(shard, answers)
            if stem in {f"evidence/{shard.account}/{where}" for where in (shard.region, "aws-global")}
            else inventory
            for shard, inventory in self._inventories.items()
        ]
        plane = ControlPlane(
            parse_organization(answers["evidence/org"], self.manifest), map(summarise, inventories)
        )
        request = FactsRequest(as_of=self.manifest.evaluated_as_of, affected_controls={})
        found, recall = Facts(), put_aside_by(inventories)
        for inventory in inventories:
            facts = build_facts(inventory, plane, request, load_spilled_rows(inventory, recall))
            for table, rows in facts.tables.items():
                found.setdefault(table, {}).update({row.subject: row for row in rows})
        return found


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Memory:
    return Memory(organisation(tmp_path_factory.mktemp("whole")))


@pytest.fixture(scope="module")
def whole(memory: Memory) -> Facts:
    return memory.facts()


def changes(whole: Facts, facts: Facts) -> list[str]:
    """Give the answers that became other answers."""
    before = dict(answers(whole))
    return [
        f"{key}: {before.get(key)!r} became {value!r}"
        for key, value in answers(facts)
        if key not in before or contradiction(before[key], value)
    ]


def test_the_organisation_has_answers_of_every_kind(whole: Facts) -> None:
    copies = {
        (row.subject.rpartition("/")[2], copy.destination.rpartition(":")[2]): copy.effective
        for row in whole["resource"].values()
        for copy in row.copies  # type: ignore[attr-defined]
    }
    assert copies["vol-2", "near"] is True
    assert copies["vol-2", "away"] is False  # under an AWS managed key
    assert copies["vol-4", "away"] is False  # its key is not shared
    assert copies["vol-1", "away"] is True
    assert copies["orders", "away"] is True
    assert copies["vol-1", "closed"] is False
    assert copies["drafts", "gone"] is False
    covered = {row.covered for row in whole["resource"].values()}  # type: ignore[attr-defined]
    assert covered == {True, False}
    unknown = {
        key
        for key, value in answers(whole)
        if key[2] not in ("created_at", "state", "size_gib", "size_kind", "destination_units")
        and (value is None or (isinstance(value, tuple) and None in value))
    }
    gone = vault_arn("gone", ACCOUNT, FAR)  # a vault that does not exist has no key and no type
    assert {(subject.rpartition("->")[2], column) for _, subject, column in unknown} == {
        (gone, "destination_key_kind"),
        (gone, "destination_air_gapped"),
    }


def test_the_files_say_what_memory_says(whole: Facts, tmp_path: Path) -> None:
    assert dict(answers(facts_of(organisation(tmp_path).write()))) == dict(answers(whole))


@pytest.mark.slow
@pytest.mark.parametrize("how", ["left out", "refused"])
def test_each_read_taken_away(memory: Memory, whole: Facts, how: str) -> None:
    mistakes: list[str] = []
    for stem, of_file in memory.lines.items():
        for number, line in enumerate(of_file):
            replacement = [] if how == "left out" else [refused(line)]
            facts = memory.facts(stem, [*of_file[:number], *replacement, *of_file[number + 1 :]])
            name = f"{stem} {line['service']}:{line['operation']} {line['parameters']}"
            mistakes += [f"{name}: {each}" for each in changes(whole, facts)]
    assert mistakes == []


def test_each_file_left_out(memory: Memory, whole: Facts) -> None:
    mistakes = {stem: changes(whole, memory.facts(stem, [])) for stem in memory.lines}
    assert {stem: found for stem, found in mistakes.items() if found} == {}


def test_the_order_of_lines_never_matters(memory: Memory, whole: Facts) -> None:
    for stem, of_file in memory.lines.items():
        assert dict(answers(memory.facts(stem, of_file[::-1]))) == dict(answers(whole))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (True, True, False),
        (True, None, False),
        (True, False, True),
        (None, True, True),
        ((1, 2), (1, 2), False),
        ((1, 2), (1, None), False),
        ((1, 2), (1,), True),
        ((1, 2), (1, 3, None), True),
        ((1, None), (1, 2), True),
    ],
)
def test_the_comparison_can_fail(before: Any, after: Any, expected: bool) -> None:  # noqa: FBT001 -- a row
    assert contradiction(before, after) is expected
