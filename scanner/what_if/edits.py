"""What each change does to the recorded answers of its account-Region.

The answers become those that AWS would give once the change is applied. A value that is known only then makes
its call a failed read, so that it is unknown, never absent. Identifiers that AWS would assign are derived
from the change, so that two runs give the same.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from scanner.evidence.manifest import rfc3339
from scanner.model.names import AWS_GLOBAL, ORG, AccountId, RegionName, Shard, partition_of, vault_arn
from scanner.model.planned_change import (
    UNKNOWN,
    VAULT_KINDS,
    Action,
    ChangeKind,
    PlannedChange,
    PlanReference,
    has_unknown,
    unknown_paths,
)
from scanner.what_if.shapes import problem_of
from scanner.what_if.shard_lines import Document, ShardLines, known_after_apply
from scanner.what_if.tag_edits import edit_tags

PLANS: Final = "backup:ListBackupPlans"
PLAN: Final = "backup:GetBackupPlan"
SELECTIONS: Final = "backup:ListBackupSelections"
SELECTION: Final = "backup:GetBackupSelection"
VAULTS: Final = "backup:ListBackupVaults"
VAULT: Final = "backup:DescribeBackupVault"
POLICY: Final = "backup:GetBackupVaultAccessPolicy"
NOTIFICATIONS: Final = "backup:GetBackupVaultNotifications"
POINTS: Final = "backup:ListRecoveryPointsByBackupVault"
REGION_SETTINGS: Final = "backup:DescribeRegionSettings"
GLOBAL_SETTINGS: Final = "backup:DescribeGlobalSettings"
ROLES: Final = "iam:ListRoles"
ROLE: Final = "iam:GetRole"
RESOURCES: Final = "resourcegroupstaggingapi:GetResources"

EDITED: Final = frozenset(
    {PLANS, PLAN, SELECTIONS, SELECTION, VAULTS, VAULT, POLICY, NOTIFICATIONS, POINTS}
    | {REGION_SETTINGS, GLOBAL_SETTINGS, ROLES, ROLE, RESOURCES}
)

_NAMESPACE: Final = uuid.UUID("6f4c4b0e-31c5-4d39-9a55-6f9a2f5c5d11")
_NO_POLICY: Final = "Backup vault {} has no access policy"
_NO_NOTIFICATIONS: Final = "Failed reading notifications from vault {}"
_LOCK_FIELDS: Final = ("Locked", "LockDate", "MinRetentionDays", "MaxRetentionDays")
_AIR_GAPPED: Final = "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"


class NotJudgedError(Exception):
    """A change cannot be laid over the evidence. The message is one sentence."""


@dataclass(slots=True)
class Effects:
    """What the changes of all account-Regions did.

    `unreadable`: the ARNs of plans whose rules are known only after the change: their rules are not gone.
    `notes`: what a reader has to know about a change that was judged.
    """

    unreadable: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class ShardEdits:
    """The lines of one account-Region, and what is needed to change them.

    `as_of`: the clock of the evaluation, from which a lock's cooling-off time counts. `at`: when the scan
    ended, which is when its last answers were recorded.
    """

    shard: Shard
    lines: ShardLines
    as_of: datetime
    at: str
    effects: Effects
    plan_ids: dict[str, str] = field(
        default_factory=dict
    )  # of the plans that changes create, by address or name

    def apply(self, change: PlannedChange) -> str:
        """Apply one change, and return its subject as findings name it; empty: several, or none.

        NotJudgedError: the evidence does not allow it.
        """
        if problem := problem_of(change):
            raise NotJudgedError(problem)
        before = "" if change.action is Action.CREATE else self._subject(change)
        _APPLY[change.kind](self, change)
        return before or self._subject(change)

    def _subject(self, change: PlannedChange) -> str:
        plan = change.plan or PlanReference(change.id, change.name, change.origin.address)
        if change.kind in {ChangeKind.PLAN, ChangeKind.SELECTION}:
            plan_id = self.plan_id(plan.id, plan.name, plan.address) or self.plan_ids.get(plan.name, "")
            arn = self.plan_arn(plan_id) if plan_id else ""
            selection = self._selection_id(change, plan_id) if change.plan and plan_id else ""
            return f"{arn}#{selection}" if selection else arn
        if change.kind in VAULT_KINDS:
            row = self._vault_row(change.name) or {}
            return str(row.get("BackupVaultArn") or vault_arn(self.partition, self.shard, change.name))
        return change.name if change.kind is ChangeKind.TAGS else ""

    # Plans and selections

    def plan_arn(self, plan_id: str) -> str:
        """Return the ARN of a plan: as the list has it, or as AWS would make it."""
        listed = (row.get("BackupPlanArn") for row in self._plan_rows() if row.get("BackupPlanId") == plan_id)
        made = f"arn:{self.partition}:backup:{self.shard.region}:{self.shard.account}:backup-plan:{plan_id}"
        return str(next(listed, None) or made)

    @property
    def partition(self) -> str:
        """The partition of the Region."""
        return partition_of(self.shard.region)

    def _plan_rows(self) -> Iterable[Document]:
        rows = self.lines.rows(PLANS, "BackupPlansList")
        return [row for row in rows if row.get("DeletionDate") is None]

    def _require(self, operation: str, what: str, **parameters: str) -> None:
        if not self.lines.is_read(operation, **parameters):
            raise NotJudgedError(f"The scan did not read {what} in {self.shard.account}/{self.shard.region}.")

    def plan_id(self, identity: str, name: str, address: str = "") -> str:
        """Return the id of an existing plan, or of one that a change creates; empty: there is none.

        NotJudgedError: several plans have the name, which AWS allows.
        """
        ids = dict.fromkeys(str(row.get("BackupPlanId")) for row in self._plan_rows())
        if identity:
            return identity if identity in ids else ""
        if address and address in self.plan_ids:
            return self.plan_ids[address]
        named = [
            str(row["BackupPlanId"])
            for row in self._plan_rows()
            if row.get("BackupPlanName") == name and name
        ]
        if len(set(named)) > 1:
            raise NotJudgedError(
                f"{len(set(named))} backup plans are called {name}: name the plan by its id."
            )
        return named[0] if named else ""

    def put_plan(self, change: PlannedChange) -> None:
        """Create or replace a plan. Rules keep their ids by their names."""
        self._require(PLANS, "the list of backup plans")
        is_created = change.action is Action.CREATE
        plan_id = "" if is_created else self.plan_id(change.id, change.name)
        if not plan_id and change.id and not is_created:
            raise NotJudgedError(
                f"The scan has no backup plan {change.id}: it was created since, or elsewhere."
            )
        is_new = not plan_id
        plan_id = plan_id or self._new_id(change.origin.address or change.name, change.origin.file)
        self.plan_ids[change.origin.address] = self.plan_ids[change.name or change.origin.address] = plan_id
        document = change.document
        arn, name = self.plan_arn(plan_id), document.get("BackupPlanName")
        row = {"BackupPlanArn": arn, "BackupPlanId": plan_id}
        renamed = {"BackupPlanName": name} if isinstance(name, str) else {}
        if is_new:
            added = {**row, "CreationDate": self.at, **renamed}
            self.lines.edit_rows(PLANS, "BackupPlansList", lambda listed: listed, added)
            self._put(SELECTIONS, {"BackupPlanId": plan_id}, {"BackupSelectionsList": []})
        else:
            self._edit_rows(PLANS, "BackupPlansList", "BackupPlanId", plan_id, renamed)
        if has_unknown(document):
            self.effects.unreadable.add(arn)
            what = f"{_paths(document)} of the backup plan {change.name or plan_id}"
            self.lines.put(PLAN, {"BackupPlanId": plan_id}, known_after_apply(what), self.at)
            return
        body = {**document, "Rules": self._rules(plan_id, document["Rules"])}
        self._put(PLAN, {"BackupPlanId": plan_id}, {**row, "BackupPlan": body})

    def _rules(self, plan_id: str, rules: Iterable[Any]) -> list[dict[str, Any]]:
        """Return rules with their ids: those of the rules that have the same names now."""
        ids: dict[str, str] = {}
        for answer in self.lines.of(PLAN, BackupPlanId=plan_id):
            plan = (answer.get("response") or {}).get("BackupPlan") or {}
            ids |= {str(rule["RuleName"]): str(rule["RuleId"]) for rule in _identified(plan.get("Rules"))}
        named = []
        for rule in rules:
            name = str(rule.get("RuleName") or "")
            named.append(
                {**rule, "RuleId": rule.get("RuleId") or ids.get(name) or self._new_id(plan_id, name)}
            )
        return named

    def remove_plan(self, change: PlannedChange) -> None:
        """Remove a plan with its selections."""
        self._require(PLANS, "the list of backup plans")
        plan_id = self.plan_id(change.id, change.name)
        if not plan_id:
            raise NotJudgedError(f"The scan has no backup plan {change.name or change.id} to remove.")
        self._edit_rows(PLANS, "BackupPlansList", "BackupPlanId", plan_id, None)
        for operation in (PLAN, SELECTIONS, SELECTION):
            self.lines.remove(operation, BackupPlanId=plan_id)

    def _plan_of(self, change: PlannedChange) -> str:
        plan = change.plan or PlanReference()
        self._require(PLANS, "the list of backup plans")
        plan_id = self.plan_id(plan.id, plan.name, plan.address)
        plan_id = plan_id or self.plan_ids.get(plan.name, "")
        if not plan_id:
            raise NotJudgedError(
                f"The scan has no backup plan {plan.name or plan.id or plan.address} for the selection."
            )
        self._require(SELECTIONS, f"the selections of backup plan {plan_id}", BackupPlanId=plan_id)
        return plan_id

    def _selection_id(self, change: PlannedChange, plan_id: str) -> str:
        rows = list(self.lines.rows(SELECTIONS, "BackupSelectionsList", BackupPlanId=plan_id))
        ids = [str(row.get("SelectionId")) for row in rows]
        if change.id in ids:
            return change.id
        named = [str(row.get("SelectionId")) for row in rows if row.get("SelectionName") == change.name]
        return named[0] if named and not change.id else ""

    def put_selection(self, change: PlannedChange) -> None:
        """Create or replace a selection."""
        plan_id = self._plan_of(change)
        selection_id = "" if change.action is Action.CREATE else self._selection_id(change, plan_id)
        if not selection_id and change.id:
            raise NotJudgedError(f"The scan has no backup selection {change.id} in plan {plan_id}.")
        is_new = not selection_id
        selection_id = selection_id or self._new_id(plan_id, change.name, change.origin.address)
        name, role = (change.document.get(key) for key in ("SelectionName", "IamRoleArn"))
        described = {"SelectionName": name, "IamRoleArn": role}
        known = {key: value for key, value in described.items() if isinstance(value, str)}
        identity = {"SelectionId": selection_id, "BackupPlanId": plan_id}
        if is_new:
            added = {**identity, **known, "CreationDate": self.at}
            about = {"BackupPlanId": plan_id}
            self.lines.edit_rows(SELECTIONS, "BackupSelectionsList", lambda row: row, added, about)
        else:
            self._edit_rows(SELECTIONS, "BackupSelectionsList", "SelectionId", selection_id, known, plan_id)
        if has_unknown(change.document):
            what = f"{_paths(change.document)} of the backup selection {change.name or selection_id}"
            self.lines.put(SELECTION, identity, known_after_apply(what), self.at)
        else:
            self._put(SELECTION, identity, {**identity, "BackupSelection": dict(change.document)})

    def remove_selection(self, change: PlannedChange) -> None:
        """Remove a selection."""
        plan_id = self._plan_of(change)
        selection_id = self._selection_id(change, plan_id)
        if not selection_id:
            raise NotJudgedError(f"The scan has no backup selection {change.name or change.id} to remove.")
        self._edit_rows(SELECTIONS, "BackupSelectionsList", "SelectionId", selection_id, None, plan_id)
        self.lines.remove(SELECTION, BackupPlanId=plan_id, SelectionId=selection_id)

    # Vaults

    def _vault_row(self, name: str) -> Document | None:
        rows = self.lines.rows(VAULTS, "BackupVaultList")
        return next((row for row in rows if row.get("BackupVaultName") == name), None)

    def _require_vault(self, name: str) -> Document:
        self._require(VAULTS, "the list of backup vaults")
        row = self._vault_row(name)
        if row is None:
            raise NotJudgedError(
                f"The scan has no backup vault {name} in {self.shard.account}/{self.shard.region}."
            )
        return row

    def put_vault(self, change: PlannedChange) -> None:
        """Create a vault, or change its key. A key that is not known is left out, so it is unknown."""
        self._require(VAULTS, "the list of backup vaults")
        document = {key: value for key, value in change.document.items() if value is not UNKNOWN}
        has_key = "EncryptionKeyArn" in change.document
        row = self._vault_row(change.name)
        if row is not None:
            # Without a key in the document, the vault keeps the key that it has.
            fields = {key: value for key, value in document.items() if key != "VaultType"}
            is_rekeyed = has_key and document.get("EncryptionKeyArn") != row.get("EncryptionKeyArn")
            removed = dict.fromkeys(("EncryptionKeyArn", "EncryptionKeyType")) if is_rekeyed else {}
            self._edit_rows(VAULTS, "BackupVaultList", "BackupVaultName", change.name, {**removed, **fields})
            return
        arn = vault_arn(self.partition, self.shard, change.name)
        is_air_gapped = document.get("VaultType") == _AIR_GAPPED
        added = {
            "BackupVaultName": change.name,
            "BackupVaultArn": arn,
            "VaultType": document.get("VaultType", "BACKUP_VAULT"),
            "CreationDate": self.at,
            "NumberOfRecoveryPoints": 0,
            "Locked": is_air_gapped,
            **document,
        }
        self.lines.edit_rows(VAULTS, "BackupVaultList", lambda listed: listed, added)
        about = {"BackupVaultName": change.name}
        self._put_none(POLICY, change.name)
        self._put_none(NOTIFICATIONS, change.name)
        self._put(POINTS, about, {"RecoveryPoints": []})
        if is_air_gapped:
            described = known_after_apply(f"The description of the backup vault {change.name}")
            self.lines.put(VAULT, about, described, self.at)

    def remove_vault(self, change: PlannedChange) -> None:
        """Remove a vault. AWS refuses that while it has recovery points."""
        self._require_vault(change.name)
        points = sum(1 for _ in self.lines.rows(POINTS, "RecoveryPoints", BackupVaultName=change.name))
        if points:
            self.effects.notes.append(
                f"AWS deletes the backup vault {change.name} in {self.shard.account}/{self.shard.region} "
                f"only once its {points:,} recovery points are gone: it is judged as if they were."
            )
        self._edit_rows(VAULTS, "BackupVaultList", "BackupVaultName", change.name, None)
        for operation in (VAULT, POLICY, NOTIFICATIONS, POINTS):
            self.lines.remove(operation, BackupVaultName=change.name)

    def put_policy(self, change: PlannedChange) -> None:
        """Replace the access policy of a vault."""
        row = self._require_vault(change.name)
        policy = change.document.get("Policy")
        if not isinstance(policy, str):
            what = f"The access policy of the backup vault {change.name}"
            self.lines.put(POLICY, {"BackupVaultName": change.name}, known_after_apply(what), self.at)
            return
        self._put(POLICY, {"BackupVaultName": change.name}, {**_vault_identity(row), "Policy": policy})

    def remove_policy(self, change: PlannedChange) -> None:
        """Remove the access policy of a vault, if the vault stays."""
        self._require_vault(change.name)
        self._put_none(POLICY, change.name)

    def put_notifications(self, change: PlannedChange) -> None:
        """Replace the notifications of a vault."""
        row = self._require_vault(change.name)
        about = {"BackupVaultName": change.name}
        if has_unknown(change.document):
            what = f"{_paths(change.document)} of the notifications of the backup vault {change.name}"
            self.lines.put(NOTIFICATIONS, about, known_after_apply(what), self.at)
            return
        self._put(NOTIFICATIONS, about, {**_vault_identity(row), **change.document})

    def remove_notifications(self, change: PlannedChange) -> None:
        """Remove the notifications of a vault."""
        self._require_vault(change.name)
        self._put_none(NOTIFICATIONS, change.name)

    def put_lock(self, change: PlannedChange) -> None:
        """Lock a vault. If anything of the lock is not known, whether the vault is locked is not, either."""
        row = self._require_vault(change.name)
        self._note_compliance(row, change)
        lock: dict[str, Any] = dict.fromkeys(_LOCK_FIELDS)
        document = change.document
        if not has_unknown(document):
            lock |= {key: document.get(key) for key in ("MinRetentionDays", "MaxRetentionDays")}
            lock["Locked"] = True
            if (days := document.get("ChangeableForDays")) is not None:
                lock["LockDate"] = row.get("LockDate") or rfc3339(self.as_of + timedelta(days=int(days)))
        self._edit_rows(VAULTS, "BackupVaultList", "BackupVaultName", change.name, lock)

    def remove_lock(self, change: PlannedChange) -> None:
        """Remove the lock of a vault."""
        row = self._require_vault(change.name)
        self._note_compliance(row, change)
        lock = {**dict.fromkeys(_LOCK_FIELDS), "Locked": False}
        self._edit_rows(VAULTS, "BackupVaultList", "BackupVaultName", change.name, lock)

    def _note_compliance(self, row: Mapping[str, Any], change: PlannedChange) -> None:
        date = row.get("LockDate")
        if row.get("Locked") and isinstance(date, str) and datetime.fromisoformat(date) <= self.as_of:
            self.effects.notes.append(
                f"AWS refuses to {change.action.value} the lock of the backup vault {change.name} in "
                f"{self.shard.account}/{self.shard.region}: it is in compliance mode since {date[:10]}."
            )

    # Settings, roles and tags

    def put_region_settings(self, change: PlannedChange) -> None:
        """Change the settings of the Region. Those that the change does not name stay."""
        self._put_settings(REGION_SETTINGS, change, "settings of the Region")

    def put_global_settings(self, change: PlannedChange) -> None:
        """Change the global settings. Those that the change does not name stay."""
        self._put_settings(GLOBAL_SETTINGS, change, "global settings")

    def _put_settings(self, operation: str, change: PlannedChange, what: str) -> None:
        answer = next((line for line in self.lines.of(operation) if line.get("response") is not None), None)
        if answer is None:
            raise NotJudgedError(f"The scan did not read the {what} of {self.shard.account}.")
        parameters = answer["parameters"]
        extra = _place(answer)
        if has_unknown(change.document):
            outcome = known_after_apply(f"{_paths(change.document)} of the {what}")
        else:
            merged = dict(answer["response"])
            for section, values in change.document.items():
                merged[section] = {**(merged.get(section) or {}), **values}
            outcome = {"response": merged}
        self.lines.put(operation, parameters, {**extra, **outcome}, self.at)

    def put_role(self, change: PlannedChange) -> None:
        """Create or change a role. A trust policy that is not known is left out, which is read as unknown."""
        name = change.name.rpartition("/")[2]
        trust, path = (change.document.get(key) for key in ("AssumeRolePolicyDocument", "Path"))
        row = {"Arn": change.name, "RoleName": name, "Path": path if isinstance(path, str) else "/"}
        if not has_unknown(trust) and trust is not None:
            row["AssumeRolePolicyDocument"] = trust
        self.remove_role(change)
        self.lines.edit_rows(ROLES, "Roles", lambda listed: listed, row)
        if not self.lines.is_read(ROLES):
            self._put(ROLE, {"RoleName": name}, {"Role": row})

    def remove_role(self, change: PlannedChange) -> None:
        """Remove a role. Whoever lists roles then finds none of this name."""
        name = change.name.rpartition("/")[2]
        self._edit_rows(ROLES, "Roles", "Arn", change.name, None)
        self.lines.remove(ROLE, RoleName=name)

    def put_tags(self, change: PlannedChange) -> None:
        """Change the tags of a resource, wherever an answer has them."""
        tags = change.document.get("Tags")
        if not isinstance(tags, Mapping) or has_unknown(tags):
            raise NotJudgedError(f"The tags of {change.name} are known only after the change is applied.")
        self._require(RESOURCES, "the tags of resources")
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        rows = self.lines.rows(RESOURCES, "ResourceTagMappingList")
        is_listed = any(row.get("ResourceARN") == change.name for row in rows)
        added = None if is_listed else {"ResourceARN": change.name, "Tags": pairs}
        self.lines.edit_rows(
            RESOURCES,
            "ResourceTagMappingList",
            lambda row: {**row, "Tags": pairs} if row.get("ResourceARN") == change.name else row,
            added,
        )
        self.lines.edit_containing(*edit_tags(change.name, dict(tags)))

    # Lines

    def _put(self, operation: str, parameters: Mapping[str, str], response: Mapping[str, Any]) -> None:
        self.lines.put(operation, parameters, {"response": dict(response)}, self.at)

    def _put_none(self, operation: str, vault: str) -> None:
        """Record that a vault has no policy or notifications: AWS answers that with an error."""
        text = _NO_POLICY if operation == POLICY else _NO_NOTIFICATIONS
        error = {
            "code": "ResourceNotFoundException",
            "message": text.format(vault),
            "status": 400,
            "attempts": 1,
        }
        self.lines.put(operation, {"BackupVaultName": vault}, {"error": error}, self.at)

    def _edit_rows(  # noqa: PLR0913, PLR0917 -- a list, the row in it, and what it becomes
        self,
        operation: str,
        key: str,
        identity: str,
        value: str,
        fields: Mapping[str, Any] | None,
        plan_id: str = "",
    ) -> None:
        """Change fields of a row (None: remove the field), or remove the row (`fields` None)."""

        def edit(row: Document) -> Document | None:
            if row.get(identity) != value:
                return row
            if fields is None:
                return None
            return {name: inner for name, inner in {**row, **fields}.items() if inner is not None}

        about = {"BackupPlanId": plan_id} if plan_id else {}
        self.lines.edit_rows(operation, key, edit, about=about)

    def _new_id(self, *parts: str) -> str:
        """Return an identifier as AWS would assign one: the same for the same change."""
        return str(uuid.uuid5(_NAMESPACE, "\n".join((self.shard.account, self.shard.region, *parts))))


def _identified(rules: object) -> list[Mapping[str, Any]]:
    """Return the rules of a recorded plan that have a name and an id."""
    rows = rules if isinstance(rules, list) else []
    return [rule for rule in rows if isinstance(rule, Mapping) and {"RuleName", "RuleId"} <= rule.keys()]


def _place(answer: Document) -> dict[str, Any]:
    """Return the account and the Region that lines about the organization have."""
    return {key: value for key, value in answer.items() if key in {"account", "region"}}


def _vault_identity(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in ("BackupVaultName", "BackupVaultArn") if key in row}


def _paths(document: Mapping[str, Any]) -> str:
    """Return what is unknown in a document: the first three paths."""
    paths = unknown_paths(document)
    more = len(paths) - 3
    return ", ".join(paths[:3]) + (f" and {more} more" if more > 0 else "") if paths else "A value"


Apply = Callable[[ShardEdits, PlannedChange], None]


def _either(put: Apply, remove: Apply) -> Apply:
    return lambda edits, change: (remove if change.action is Action.REMOVE else put)(edits, change)


_APPLY: Final[Mapping[ChangeKind, Apply]] = {
    ChangeKind.PLAN: _either(ShardEdits.put_plan, ShardEdits.remove_plan),
    ChangeKind.SELECTION: _either(ShardEdits.put_selection, ShardEdits.remove_selection),
    ChangeKind.VAULT: _either(ShardEdits.put_vault, ShardEdits.remove_vault),
    ChangeKind.VAULT_POLICY: _either(ShardEdits.put_policy, ShardEdits.remove_policy),
    ChangeKind.VAULT_LOCK: _either(ShardEdits.put_lock, ShardEdits.remove_lock),
    ChangeKind.VAULT_NOTIFICATIONS: _either(ShardEdits.put_notifications, ShardEdits.remove_notifications),
    ChangeKind.REGION_SETTINGS: ShardEdits.put_region_settings,
    ChangeKind.GLOBAL_SETTINGS: ShardEdits.put_global_settings,
    ChangeKind.ROLE: _either(ShardEdits.put_role, ShardEdits.remove_role),
    ChangeKind.TAGS: ShardEdits.put_tags,
}

_ORDER: Final = (
    ChangeKind.SELECTION,  # removals first: a selection before its plan, what a vault has before the vault
    *sorted(VAULT_KINDS - {ChangeKind.VAULT}),
    ChangeKind.PLAN,
    ChangeKind.VAULT,
)


def in_order(changes: Iterable[PlannedChange]) -> list[PlannedChange]:
    """Return changes in an order in which each finds what it needs: parts go first and come last."""
    return sorted(changes, key=_rank)


def _rank(change: PlannedChange) -> tuple[int, int]:
    place = _ORDER.index(change.kind) if change.kind in _ORDER else len(_ORDER)
    return (0, place) if change.action is Action.REMOVE else (1, -place)


def shard_of(change: PlannedChange) -> Shard:
    """Return the account-Region whose file has the evidence: roles and global settings have their own."""
    region = {ChangeKind.ROLE: AWS_GLOBAL, ChangeKind.GLOBAL_SETTINGS: ORG}.get(change.kind)
    return Shard(AccountId(change.account), region or RegionName(change.region))
