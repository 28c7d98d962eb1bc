"""What each change does to the recorded answers of its account-Region.

The answers become those that AWS would give once the change is applied. A value that is known only then makes
its call a failed read, so that it is unknown, never absent. Identifiers that AWS would assign are derived
from the change, so that two runs give the same.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from scanner.model.names import AWS_GLOBAL, ORG, AccountId, RegionName, Shard, vault_arn
from scanner.model.planning.planned_change import (
    VAULT_KINDS,
    Action,
    ChangeKind,
    PlannedChange,
    PlanReference,
)
from scanner.what_if import shard_edits as names
from scanner.what_if.new_resources import family_of, operations_of
from scanner.what_if.plan_edits import id_of_selection, put_plan, put_selection, remove_plan, remove_selection
from scanner.what_if.policy_edits import (
    POLICY_OPERATIONS,
    attach,
    detach,
    put_backup_policy,
    put_effective_policy,
    remove_backup_policy,
    remove_effective_policy,
)
from scanner.what_if.resource_edits import put_resource, remove_resource
from scanner.what_if.setting_edits import (
    put_global_settings,
    put_key_policy,
    put_region_settings,
    put_role,
    put_tags,
    remove_role,
)
from scanner.what_if.shapes import problem_of
from scanner.what_if.shard_edits import NotJudgedError, ShardEdits
from scanner.what_if.vault_edits import (
    put_lock,
    put_notifications,
    put_policy,
    put_vault,
    remove_lock,
    remove_notifications,
    remove_policy,
    remove_vault,
    vault_row,
)

EDITED: Final = frozenset(
    {names.PLANS, names.PLAN, names.SELECTIONS, names.SELECTION, names.VAULTS, names.VAULT, names.POLICY}
    | {names.NOTIFICATIONS, names.POINTS, names.REGION_SETTINGS, names.GLOBAL_SETTINGS}
    | {names.ROLES, names.ROLE, names.RESOURCES, names.KEY_POLICY}
    | POLICY_OPERATIONS
)
"""The operations whose answers changes rewrite, whatever they are about."""


def operations(changes: Iterable[PlannedChange]) -> frozenset[str]:
    """Return the operations whose answers these changes rewrite."""
    families = {family for change in changes if (family := _family(change))}
    return EDITED.union(*map(operations_of, families))


def _family(change: PlannedChange) -> str:
    if change.kind is not ChangeKind.RESOURCE:
        return ""
    return str(change.document.get("Family") or family_of(change.name))


def apply(edits: ShardEdits, change: PlannedChange) -> str:
    """Apply one change, and return its subject as findings name it; empty: several, or none.

    NotJudgedError: the evidence does not allow it.
    """
    if problem := problem_of(change):
        raise NotJudgedError(problem)
    # Read before the edit as well: after a removal, the list no longer has the ARN.
    before = "" if change.action is Action.CREATE else _subject(edits, change)
    _APPLY[change.kind](edits, change)
    return before or _subject(edits, change)


def _subject(edits: ShardEdits, change: PlannedChange) -> str:
    plan = change.plan or PlanReference(change.id, change.name, change.origin.address)
    if change.kind in {ChangeKind.PLAN, ChangeKind.SELECTION}:
        plan_id = edits.plan_id(plan.id, plan.name, plan.address) or edits.plan_ids.get(plan.name, "")
        arn = edits.plan_arn(plan_id) if plan_id else ""
        selection = id_of_selection(edits, change, plan_id) if change.plan and plan_id else ""
        return f"{arn}#{selection}" if selection else arn
    if change.kind in VAULT_KINDS:
        # The ARN in the list wins, since it has the true partition.
        row = vault_row(edits, change.name) or {}
        return str(row.get("BackupVaultArn") or vault_arn(edits.partition, edits.shard, change.name))
    named_by_arn = {ChangeKind.TAGS, ChangeKind.KEY_POLICY, ChangeKind.RESOURCE}
    return change.name if change.kind in named_by_arn else ""


Apply = Callable[[ShardEdits, PlannedChange], None]


def _either(put: Apply, remove: Apply) -> Apply:
    return lambda edits, change: (remove if change.action is Action.REMOVE else put)(edits, change)


_APPLY: Final[Mapping[ChangeKind, Apply]] = {
    ChangeKind.PLAN: _either(put_plan, remove_plan),
    ChangeKind.SELECTION: _either(put_selection, remove_selection),
    ChangeKind.VAULT: _either(put_vault, remove_vault),
    ChangeKind.VAULT_POLICY: _either(put_policy, remove_policy),
    ChangeKind.VAULT_LOCK: _either(put_lock, remove_lock),
    ChangeKind.VAULT_NOTIFICATIONS: _either(put_notifications, remove_notifications),
    # Settings, key policies and tags have no removal: they stay when the code that sets them goes.
    ChangeKind.REGION_SETTINGS: put_region_settings,
    ChangeKind.GLOBAL_SETTINGS: put_global_settings,
    ChangeKind.ROLE: _either(put_role, remove_role),
    ChangeKind.KEY_POLICY: put_key_policy,
    ChangeKind.TAGS: put_tags,
    ChangeKind.RESOURCE: _either(put_resource, remove_resource),
    ChangeKind.BACKUP_POLICY: _either(put_backup_policy, remove_backup_policy),
    ChangeKind.POLICY_ATTACHMENT: _either(attach, detach),
    ChangeKind.EFFECTIVE_POLICY: _either(put_effective_policy, remove_effective_policy),
}

_ORDER: Final = (
    ChangeKind.SELECTION,  # removals first: a selection before its plan, what a vault has before the vault
    *sorted(VAULT_KINDS - {ChangeKind.VAULT}),
    ChangeKind.POLICY_ATTACHMENT,
    ChangeKind.BACKUP_POLICY,
    ChangeKind.PLAN,
    ChangeKind.VAULT,
)


def in_order(changes: Iterable[PlannedChange]) -> list[PlannedChange]:
    """Return changes in an order in which each finds what it needs: parts go first and come last."""
    return sorted(changes, key=_rank)


def _rank(change: PlannedChange) -> tuple[int, int]:
    place = _ORDER.index(change.kind) if change.kind in _ORDER else len(_ORDER)
    # Creations have the reverse order: a vault before its policy, a plan before its selections.
    return (0, place) if change.action is Action.REMOVE else (1, -place)


_SHARED: Final[Mapping[ChangeKind, RegionName]] = {
    ChangeKind.ROLE: AWS_GLOBAL,
    ChangeKind.EFFECTIVE_POLICY: AWS_GLOBAL,
    ChangeKind.GLOBAL_SETTINGS: ORG,
    ChangeKind.BACKUP_POLICY: ORG,
    ChangeKind.POLICY_ATTACHMENT: ORG,
}
"""The shard of an account, or of the organization, that has the evidence of a kind."""


def shards_of(change: PlannedChange) -> tuple[Shard, ...]:
    """Return the account-Regions whose files have the evidence.

    Roles and global settings have their own. A bucket is in the list of the account, and in its Region.
    """
    account = AccountId(change.account)
    region = _SHARED.get(change.kind)
    own = Shard(account, region or RegionName(change.region))
    # ListBuckets returns the buckets of all Regions, and is called once for each account.
    return (Shard(account, AWS_GLOBAL), own) if _family(change) == "bucket" else (own,)
