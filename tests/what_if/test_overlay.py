"""Changes laid over a small bundle: what the inventory then reads. It is never taken for evidence."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from scanner.app.judged import read_judged
from scanner.app.verification import verify
from scanner.errors import BundleError
from scanner.evidence.bundle import Bundle
from scanner.evidence.manifest import read_manifest
from scanner.inventory.shard import parse_shard
from scanner.model.inventory import BackupPlan, BackupSelection, ShardInventory, Vault
from scanner.model.known import Known, Unread
from scanner.model.names import ORG
from scanner.model.planning.planned_change import (
    UNKNOWN,
    Action,
    ChangeKind,
    Origin,
    PlannedChange,
    PlanReference,
)
from scanner.services.organizations import parse_organization
from scanner.what_if.overlay import Overlay, write_overlay
from tests.fakes.bundles import ACCOUNT, OTHER, REGION, BundleBuilder, rule, vault_arn, volume_arn

ROLE = f"arn:aws:iam::{ACCOUNT}:role/backup"
TERMS = {"IamRoleArn": ROLE, "Resources": [volume_arn("vol-1")]}


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    builder = BundleBuilder(tmp_path / "scan")
    builder.organization(ACCOUNT)
    shard = builder.shard(page=1)  # each list has several pages
    shard.vault("main", policy="{}").vault("locked", Locked=True, LockDate="2026-01-01T00:00:00.000Z")
    shard.point("main", volume_arn("vol-1")).settings(EBS=True)
    shard.plan("daily", rules=[rule(), rule("weekly")], selections=[TERMS, TERMS]).plan(
        "other", rules=[rule()]
    )
    shard.volume("vol-1", {"tier": "gold"}).volume("vol-2")
    return Bundle(builder.record().write())


def change(
    kind: ChangeKind, document: Mapping[str, Any] | None = None, action: Action = Action.UPDATE, **more: Any
) -> PlannedChange:
    fields = {"account": ACCOUNT, "region": REGION, "origin": Origin("change.json"), **more}
    return PlannedChange(kind=kind, action=action, document=document or {}, **fields)


def overlay(bundle: Bundle, *changes: PlannedChange) -> Overlay:
    return write_overlay(bundle, changes, bundle.folder.parent / "what-if")


def after(bundle: Bundle, *changes: PlannedChange) -> ShardInventory:
    result = overlay(bundle, *changes)
    assert result.not_judged == ()
    changed = Bundle(bundle.folder.parent / "what-if", what_if=True)
    changed.check()
    return inventory_of(changed)


def inventory_of(bundle: Bundle) -> ShardInventory:
    ((shard, status),) = bundle.scope()
    return parse_shard(bundle.answers(shard), bundle.account_answers(shard.account), status)


def plans(inventory: ShardInventory) -> dict[str, BackupPlan]:
    return {plan.name: plan for plan in inventory.plans}


def vaults(inventory: ShardInventory) -> dict[str, Vault]:
    return {vault.name: vault for vault in inventory.vaults}


def selections(plan: BackupPlan) -> dict[str, BackupSelection]:
    assert isinstance(plan.selections, Known)
    return {selection.name: selection for selection in plan.selections.value}


PLAN = {"BackupPlanName": "daily", "Rules": [{"RuleName": "daily", "TargetBackupVaultName": "main"}]}


def test_a_changed_plan_keeps_its_ids_and_selections(bundle: Bundle) -> None:
    before, now = inventory_of(bundle), after(bundle, change(ChangeKind.PLAN, PLAN, name="daily"))
    assert plans(now)["other"] == plans(before)["other"]
    daily = plans(now)["daily"]
    assert daily.id == "daily"
    assert isinstance(daily.rules, Known)
    assert [(each.id, each.lifecycle.delete_after_days) for each in daily.rules.value] == [
        ("rule-daily", None)
    ]
    assert selections(daily).keys() == {"s1", "s2"}


def test_references_to_evidence_stay_right(bundle: Bundle) -> None:
    removal = change(ChangeKind.PLAN, action=Action.REMOVE, name="daily")
    before, now = inventory_of(bundle), after(bundle, removal)
    assert now.recovery_points == before.recovery_points
    assert vaults(now) == vaults(before)
    assert plans(now).keys() == {"other"}


def test_a_new_plan_with_a_selection(bundle: Bundle) -> None:
    origin = Origin("plan.json", "aws_backup_plan.new")
    plan = change(
        ChangeKind.PLAN, {**PLAN, "BackupPlanName": "new"}, Action.CREATE, name="new", origin=origin
    )
    of_plan = PlanReference(address="aws_backup_plan.new")
    chosen = change(ChangeKind.SELECTION, {"SelectionName": "gold", **TERMS}, name="gold", plan=of_plan)
    now = after(bundle, chosen, plan)
    new = plans(now)["new"]
    assert new.arn == f"arn:aws:backup:{REGION}:{ACCOUNT}:backup-plan:{new.id}"
    assert isinstance(selections(new)["gold"].terms, Known)
    assert now.gaps == inventory_of(bundle).gaps


def test_two_runs_give_the_same_bytes(bundle: Bundle, tmp_path: Path) -> None:
    plan = change(ChangeKind.PLAN, {**PLAN, "BackupPlanName": "new"}, Action.CREATE, name="new")
    for name in ("first", "second"):
        write_overlay(bundle, [plan], tmp_path / name)
    files = [
        path.relative_to(tmp_path / "first") for path in (tmp_path / "first").rglob("*") if path.is_file()
    ]
    assert len(files) == 4
    for file in files:
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()


@pytest.mark.parametrize(
    "rules",
    [
        UNKNOWN,
        [{"RuleName": "daily", "TargetBackupVaultName": UNKNOWN}],
        [{"RuleName": "daily", "TargetBackupVaultName": "main", "Lifecycle": {"DeleteAfterDays": UNKNOWN}}],
        [{"RuleName": "daily", "TargetBackupVaultName": "main", "CopyActions": UNKNOWN}],
    ],
)
def test_an_unknown_value_of_a_plan_is_never_absent(bundle: Bundle, rules: Any) -> None:
    now = after(bundle, change(ChangeKind.PLAN, {"BackupPlanName": "daily", "Rules": rules}, name="daily"))
    reading = plans(now)["daily"].rules
    assert isinstance(reading, Unread)
    assert reading.gap.code == "KnownAfterApply"
    assert "is known only after the change is applied" in reading.gap.message


def test_an_unknown_value_of_a_selection(bundle: Bundle) -> None:
    terms = {"SelectionName": "s1", "IamRoleArn": ROLE, "Resources": [UNKNOWN]}
    of_plan = PlanReference(id="daily")
    now = after(bundle, change(ChangeKind.SELECTION, terms, name="s1", plan=of_plan))
    found = selections(plans(now)["daily"])
    assert isinstance(found["s1"].terms, Unread)
    assert isinstance(found["s2"].terms, Known)


def test_a_removed_selection(bundle: Bundle) -> None:
    removal = change(
        ChangeKind.SELECTION, action=Action.REMOVE, name="s1", id="s1", plan=PlanReference(id="daily")
    )
    assert selections(plans(after(bundle, removal))["daily"]).keys() == {"s2"}


def test_a_new_vault_has_no_policy_no_points_and_an_unknown_key(bundle: Bundle) -> None:
    now = after(bundle, change(ChangeKind.VAULT, {"BackupVaultName": "new"}, Action.CREATE, name="new"))
    new = vaults(now)["new"]
    assert new.arn == vault_arn("new")
    assert (new.lock.locked, new.key, new.key_type) == (False, None, None)
    assert isinstance(new.policy, Known)
    assert new.policy.value is None
    assert isinstance(new.notifications, Known)
    assert isinstance(new.recovery_points_read, Known)
    assert now.gaps == inventory_of(bundle).gaps


def test_a_removed_vault_with_recovery_points_is_noted(bundle: Bundle) -> None:
    result = overlay(bundle, change(ChangeKind.VAULT, action=Action.REMOVE, name="main"))
    assert result.effects.notes == [
        (
            f"AWS deletes the backup vault main in {ACCOUNT}/{REGION} only without recovery points, "
            "and it has 1: it is judged as if they were gone."
        )
    ]
    now = inventory_of(Bundle(bundle.folder.parent / "what-if", what_if=True))
    assert vaults(now).keys() == {"locked"}
    assert not now.recovery_points


@pytest.mark.parametrize(
    ("document", "action", "policy"),
    [
        ({"Policy": '{"a":1}'}, Action.UPDATE, '{"a":1}'),
        ({}, Action.REMOVE, None),
        ({"Policy": UNKNOWN}, Action.UPDATE, UNKNOWN),
    ],
)
def test_policies(bundle: Bundle, document: dict[str, Any], action: Action, policy: object) -> None:
    reading = vaults(after(bundle, change(ChangeKind.VAULT_POLICY, document, action, name="main")))[
        "main"
    ].policy
    assert (reading.value if isinstance(reading, Known) else UNKNOWN) == policy


def test_locks(bundle: Bundle) -> None:
    limits = {"MinRetentionDays": 7, "ChangeableForDays": 3}
    now = vaults(after(bundle, change(ChangeKind.VAULT_LOCK, limits, name="main")))["main"].lock
    assert (now.locked, now.min_retention_days, now.max_retention_days) == (True, 7, None)
    assert now.lock_date is not None
    assert (now.lock_date - bundle.manifest.evaluated_as_of).days == 3


def test_an_unknown_lock_leaves_unknown_whether_the_vault_is_locked(bundle: Bundle) -> None:
    lock = change(ChangeKind.VAULT_LOCK, {"MinRetentionDays": UNKNOWN}, name="main")
    now = vaults(after(bundle, lock))["main"].lock
    assert (now.locked, now.lock_date, now.min_retention_days) == (None, None, None)


def test_a_compliance_lock_cannot_be_removed_and_that_is_noted(bundle: Bundle) -> None:
    result = overlay(bundle, change(ChangeKind.VAULT_LOCK, action=Action.REMOVE, name="locked"))
    assert result.effects.notes == [
        (
            f"AWS refuses to remove the lock of the backup vault locked in {ACCOUNT}/{REGION}: it is "
            "in compliance mode since 2026-01-01."
        )
    ]


def test_settings_of_the_region(bundle: Bundle) -> None:
    document = {"ResourceTypeOptInPreference": {"EBS": False}}
    now = after(bundle, change(ChangeKind.REGION_SETTINGS, document))
    assert isinstance(now.settings, Known)
    assert (now.settings.value.opt_in["EBS"], now.settings.value.opt_in["EC2"]) == (False, True)


def test_unknown_settings_of_the_region(bundle: Bundle) -> None:
    document = {"ResourceTypeOptInPreference": {"EBS": UNKNOWN}}
    assert isinstance(after(bundle, change(ChangeKind.REGION_SETTINGS, document)).settings, Unread)


def test_global_settings(bundle: Bundle) -> None:
    document = {"GlobalSettings": {"isCrossAccountBackupEnabled": "false"}}
    result = overlay(bundle, change(ChangeKind.GLOBAL_SETTINGS, document, region=ORG))
    assert result.not_judged == ()
    changed = Bundle(bundle.folder.parent / "what-if", what_if=True)
    enabled = parse_organization(changed.organization_answers(), changed.manifest).cross_account_backup
    assert isinstance(enabled, Known)
    assert enabled.value is False


def test_tags(bundle: Bundle) -> None:
    tags = change(ChangeKind.TAGS, {"Tags": {"tier": "silver"}}, name=volume_arn("vol-1"))
    now = {str(resource.arn): resource.tags for resource in after(bundle, tags).resources}
    first, second = now[volume_arn("vol-1")], now[volume_arn("vol-2")]
    assert isinstance(first, Known)
    assert isinstance(second, Known)
    assert (first.value, second.value) == ({"tier": "silver"}, {})


@pytest.mark.parametrize(
    ("planned", "why"),
    [
        (
            change(ChangeKind.PLAN, PLAN, name="daily", account=OTHER),
            f"Account {OTHER} was not scanned, so what the change does there is unknown.",
        ),
        (
            change(ChangeKind.PLAN, PLAN, name="daily", region="us-east-1"),
            f"{ACCOUNT}/us-east-1 was not read by the scan, so what the change does there is unknown.",
        ),
        (
            change(ChangeKind.PLAN, PLAN, name="daily", id="gone"),
            "The scan has no backup plan gone: it was created since, or elsewhere.",
        ),
        (
            change(ChangeKind.SELECTION, TERMS, name="s", plan=PlanReference(id="gone")),
            "The scan has no backup plan gone for the selection.",
        ),
        (
            change(ChangeKind.VAULT_POLICY, {"Policy": "{}"}, name="gone"),
            f"The scan has no backup vault gone in {ACCOUNT}/{REGION}.",
        ),
        (
            change(ChangeKind.TAGS, {"Tags": {"a": UNKNOWN}}, name=volume_arn("vol-1")),
            f"The tags of {volume_arn('vol-1')} are known only after the change is applied.",
        ),
        (
            change(ChangeKind.PLAN, action=Action.REMOVE, name="gone"),
            "The scan has no backup plan gone to remove.",
        ),
    ],
)
def test_what_the_evidence_does_not_allow(bundle: Bundle, planned: PlannedChange, why: str) -> None:
    result = overlay(bundle, planned)
    assert (result.applied, [problem.why for problem in result.not_judged]) == ((), [why])


def test_plans_of_one_name_are_not_guessed(tmp_path: Path) -> None:
    builder = BundleBuilder(tmp_path / "scan")
    shard = builder.shard().plan("one").plan("two")
    shard.listed("backup:ListBackupPlans", {"BackupPlanId": "three", "BackupPlanName": "one"})
    result = overlay(Bundle(builder.write()), change(ChangeKind.PLAN, PLAN, name="one"))
    assert [problem.why for problem in result.not_judged] == [
        "2 backup plans are called one: name the plan by its id."
    ]


def test_a_list_that_was_not_read_cannot_be_added_to(tmp_path: Path) -> None:
    builder = BundleBuilder(tmp_path / "scan")
    builder.shard()
    lines = builder.lines()
    stem = f"evidence/{ACCOUNT}/{REGION}"
    lines[stem] = [line for line in lines[stem] if line["operation"] != "ListBackupPlans"]
    result = overlay(Bundle(builder.write(lines)), change(ChangeKind.PLAN, PLAN, Action.CREATE, name="new"))
    assert [problem.why for problem in result.not_judged] == [
        f"The scan did not read the list of backup plans in {ACCOUNT}/{REGION}."
    ]


def test_nothing_takes_a_what_if_for_evidence(bundle: Bundle) -> None:
    overlay(bundle, change(ChangeKind.PLAN, PLAN, name="daily"))
    folder = bundle.folder.parent / "what-if"
    with pytest.raises(BundleError, match="is no evidence: audit what-if made it"):
        Bundle(folder)
    assert verify(folder, "what-if").has_failed
    for reading in (read_manifest, read_judged):  # what signing, evaluating and reporting begin with
        with pytest.raises(BundleError, match="is no evidence"):
            reading(folder)


def test_the_scan_stays_as_it_was(bundle: Bundle) -> None:
    files = {path: path.read_bytes() for path in bundle.folder.rglob("*") if path.is_file()}
    overlay(bundle, change(ChangeKind.PLAN, PLAN, name="daily"))
    assert files == {path: path.read_bytes() for path in bundle.folder.rglob("*") if path.is_file()}


def test_what_other_reads_still_name_is_removed_all_the_same(tmp_path: Path) -> None:
    """Jobs of the last day name the plan and the vault, and a resource was last backed up into the vault."""
    builder = BundleBuilder(tmp_path / "scan")
    builder.organization(ACCOUNT)
    shard = builder.shard().vault("main").plan("daily", rules=[rule()])
    shard.volume("vol-1")
    shard.listed(
        "backup:ListProtectedResources",
        {"ResourceArn": volume_arn("vol-1"), "ResourceType": "EBS", "LastBackupVaultArn": vault_arn("main")},
    )
    before = Bundle(builder.record().write())
    removals = (
        change(ChangeKind.VAULT, action=Action.REMOVE, name="main"),
        change(ChangeKind.PLAN, action=Action.REMOVE, name="daily"),
    )
    now = after(before, *removals)
    assert (now.vaults, now.plans) == ((), ())
    assert now.gaps == inventory_of(before).gaps
