"""Which account-Regions changes concern: facts of all others stay as they are, for each kind of change.

The sample has copies, keys, buckets and restores across accounts and Regions.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from scanner.evaluate.controls.loader import load_controls
from scanner.evaluate.needs import affected_controls
from scanner.evidence.bundle import Bundle
from scanner.facts.build import FactsRequest
from scanner.judging.concerned import concerned_shards
from scanner.judging.tables import write_tables
from scanner.model.facts import TABLES
from scanner.model.names import AWS_GLOBAL, ORG, AccountId, RegionName, Shard
from scanner.model.planning.planned_change import (
    UNKNOWN,
    Action,
    ChangeKind,
    Origin,
    PlannedChange,
    PlanReference,
)
from scanner.storage.parquet import open_parquet
from scanner.what_if.overlay import write_overlay

SAMPLE = Path(__file__).resolve().parents[2] / "sample_reports" / "bundle"
MANAGEMENT, CENTRAL, PRODUCTION, DEVELOPMENT = (digit * 12 for digit in "1234")
IRELAND, FRANKFURT = "eu-west-1", "eu-central-1"
HOME = Shard(AccountId(PRODUCTION), RegionName(IRELAND))
ROLE = f"arn:aws:iam::{PRODUCTION}:role/service-role/AWSBackupDefaultServiceRole"
VOLUME = f"arn:aws:ec2:{IRELAND}:{PRODUCTION}:volume/vol-6185e5e8a3d456e7e"
TYPES = ("Aurora", "DynamoDB", "EBS", "EC2", "EFS", "RDS", "S3")
RULE = {"RuleName": "daily", "TargetBackupVaultName": "production-gold"}

Rows = dict[Shard, list[tuple[str, str]]]


def change(kind: ChangeKind, document: Mapping[str, Any] | None = None, **more: Any) -> PlannedChange:
    place = {"account": PRODUCTION, "region": IRELAND, "origin": Origin("f"), "action": Action.UPDATE}
    return PlannedChange(kind=kind, document=document or {}, **{**place, **more})


def request(bundle: Bundle) -> FactsRequest:
    controls = affected_controls(tuple(load_controls()))
    return FactsRequest(as_of=bundle.manifest.evaluated_as_of, affected_controls=controls)


def facts(bundle: Bundle, out: Path, only: frozenset[Shard] | None = None) -> Rows:
    """Return the fact rows of each account-Region, but not those of accounts."""
    write_tables(bundle, out, request(bundle), 1, only=only)
    rows: Rows = {}
    for table, row in TABLES.items():
        for file in () if table == "account" else sorted((out / "facts" / table).glob("*.parquet")):
            for fields in open_parquet(out / "facts", f"{table}/{file.stem}", row).to_table().to_pylist():
                place = Shard(AccountId(fields["account"]), RegionName(fields["region"]))
                rows.setdefault(place, []).append((table, repr(fields)))
    return rows


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    return facts(Bundle(SAMPLE), tmp_path_factory.mktemp("before"))


CHANGES = {
    "plan": change(
        ChangeKind.PLAN, {"BackupPlanName": "production-gold", "Rules": [RULE]}, name="production-gold"
    ),
    "plan known after apply": change(
        ChangeKind.PLAN, {"BackupPlanName": "production-gold", "Rules": UNKNOWN}, name="production-gold"
    ),
    "removed plan": change(
        ChangeKind.PLAN, name="production-overseas", action=Action.REMOVE, region="us-east-1"
    ),
    "selection": change(
        ChangeKind.SELECTION,
        {"SelectionName": "new", "IamRoleArn": ROLE, "Resources": [VOLUME]},
        name="new",
        plan=PlanReference(name="production-gold"),
    ),
    "policy of the central vault": change(
        ChangeKind.VAULT_POLICY, {"Policy": "{}"}, name="central-backup", account=CENTRAL
    ),
    "removed central vault": change(
        ChangeKind.VAULT,
        name="central-backup-frankfurt",
        action=Action.REMOVE,
        account=CENTRAL,
        region=FRANKFURT,
    ),
    "removed local vault": change(ChangeKind.VAULT, name="production-gold", action=Action.REMOVE),
    "lock of the other Region": change(
        ChangeKind.VAULT_LOCK, {"MinRetentionDays": 7}, name="production-disaster", region=FRANKFURT
    ),
    "notifications": change(ChangeKind.VAULT_NOTIFICATIONS, name="production-gold", action=Action.REMOVE),
    "new vault": change(
        ChangeKind.VAULT, {"BackupVaultName": "new"}, name="new", action=Action.CREATE, account=CENTRAL
    ),
    "settings of the management account": change(
        ChangeKind.REGION_SETTINGS,
        {"ResourceTypeOptInPreference": dict.fromkeys(TYPES, False)},
        account=MANAGEMENT,
    ),
    "global settings": change(
        ChangeKind.GLOBAL_SETTINGS, {"GlobalSettings": {"isCrossAccountBackupEnabled": "false"}}, region=ORG
    ),
    "role": change(ChangeKind.ROLE, name=ROLE, action=Action.REMOVE, region=AWS_GLOBAL),
    "tags": change(ChangeKind.TAGS, {"Tags": {"tier": "gold"}}, name=VOLUME),
}
ALL = frozenset({"global settings", "plan known after apply"})
"""What concerns all: a plan that was not read may target any vault."""


@pytest.mark.parametrize("name", CHANGES)
def test_nothing_differs_in_the_others(before: Rows, tmp_path: Path, name: str) -> None:
    bundle = Bundle(SAMPLE)
    overlay = write_overlay(bundle, [CHANGES[name]], tmp_path / "bundle")
    assert overlay.not_judged == ()
    changed = Bundle(tmp_path / "bundle", what_if=True)
    only = concerned_shards(bundle, changed, overlay.edited)
    after = facts(changed, tmp_path / "all")
    differing = {shard for shard in {*before, *after} if before.get(shard) != after.get(shard)}
    assert (only is None) == (name in ALL)
    if only is not None:
        assert differing <= only
        assert len(only) < len(before)
        # What is judged alone is what is judged with all others.
        assert facts(changed, tmp_path / "only", only) == {
            shard: rows for shard, rows in after.items() if shard in only
        }
    assert differing, "the change is one that facts show"


def test_a_plan_concerns_its_account_region_and_the_vaults_that_it_targets(tmp_path: Path) -> None:
    overlay = write_overlay(Bundle(SAMPLE), [CHANGES["plan"]], tmp_path / "bundle")
    changed = Bundle(tmp_path / "bundle", what_if=True)
    # The plan no longer copies to Frankfurt, and no other rule does.
    destination = Shard(AccountId(CENTRAL), RegionName(FRANKFURT))
    assert concerned_shards(Bundle(SAMPLE), changed, overlay.edited) == frozenset({HOME, destination})
    assert overlay.edited == {HOME}


def test_a_bucket_is_found_by_its_name(tmp_path: Path) -> None:
    """Backups of acme-landing-zone-state are in the central vault; the bucket is in another account."""
    overlay = write_overlay(Bundle(SAMPLE), [CHANGES["policy of the central vault"]], tmp_path / "bundle")
    changed = Bundle(tmp_path / "bundle", what_if=True)
    only = concerned_shards(Bundle(SAMPLE), changed, overlay.edited)
    assert only is not None
    assert Shard(AccountId(MANAGEMENT), RegionName(IRELAND)) in only
    assert Shard(AccountId(DEVELOPMENT), RegionName("us-east-1")) not in only
