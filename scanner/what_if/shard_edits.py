"""The answers of one account-Region, as changes rewrite them (`plan_edits`, `vault_edits` and others)."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from scanner.model.names import Shard, partition_of
from scanner.model.planning.planned_change import unknown_paths
from scanner.what_if.shard_lines import Document, ShardLines

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
KEY_POLICY: Final = "kms:GetKeyPolicy"
RESOURCES: Final = "resourcegroupstaggingapi:GetResources"

_NAMESPACE: Final = uuid.UUID("6f4c4b0e-31c5-4d39-9a55-6f9a2f5c5d11")
# The messages that AWS sends: `evidence/answers.json` reads such an error as "there is none".
_NO_POLICY: Final = "Backup vault {} has no access policy"
_NO_NOTIFICATIONS: Final = "Failed reading notifications from vault {}"


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

    def plan_arn(self, plan_id: str) -> str:
        """Return the ARN of a plan: as the list has it, or as AWS would make it."""
        listed = (row.get("BackupPlanArn") for row in self.plan_rows() if row.get("BackupPlanId") == plan_id)
        default = (
            f"arn:{self.partition}:backup:{self.shard.region}:{self.shard.account}:backup-plan:{plan_id}"
        )
        return str(next(listed, None) or default)

    @property
    def partition(self) -> str:
        """The partition of the Region."""
        return partition_of(self.shard.region)

    def plan_rows(self) -> Iterable[Document]:
        """Return the rows of the list of plans, without deleted ones."""
        rows = self.lines.rows(PLANS, "BackupPlansList")
        # ListBackupPlans can return deleted plans, with the date of their deletion.
        return [row for row in rows if row.get("DeletionDate") is None]

    def require(self, operation: str, what: str, **parameters: str) -> None:
        """Check that the last page of a list was read. NotJudgedError: it was not."""
        if not self.lines.is_read(operation, **parameters):
            raise NotJudgedError(f"The scan did not read {what} in {self.shard.account}/{self.shard.region}.")

    def plan_id(self, identity: str, name: str, address: str = "") -> str:
        """Return the id of an existing plan, or of one that a change creates; empty: there is none.

        NotJudgedError: several plans have the name, which AWS allows.
        """
        # A plan may be listed on two pages if plans changed during the scan.
        ids = dict.fromkeys(str(row.get("BackupPlanId")) for row in self.plan_rows())
        if identity:
            return identity if identity in ids else ""
        if address and address in self.plan_ids:
            return self.plan_ids[address]
        named = [
            str(row["BackupPlanId"]) for row in self.plan_rows() if row.get("BackupPlanName") == name and name
        ]
        if len(set(named)) > 1:
            raise NotJudgedError(
                f"{len(set(named))} backup plans are called {name}: name the plan by its id."
            )
        return named[0] if named else ""

    def put(self, operation: str, parameters: Mapping[str, str], response: Mapping[str, Any]) -> None:
        """Record the answer of a call in the place of the one that the scan recorded."""
        self.lines.put(operation, parameters, {"response": dict(response)}, self.at)

    def put_none(self, operation: str, vault: str) -> None:
        """Record that a vault has no policy or notifications: AWS answers that with an error."""
        text = _NO_POLICY if operation == POLICY else _NO_NOTIFICATIONS
        # AWS Backup has no empty answer for either: both calls end with an error.
        error = {
            "code": "ResourceNotFoundException",
            "message": text.format(vault),
            "status": 400,
            "attempts": 1,
        }
        self.lines.put(operation, {"BackupVaultName": vault}, {"error": error}, self.at)

    def edit_rows(  # noqa: PLR0913, PLR0917 -- a list, the row in it, and what it becomes
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
        self.lines.edit_rows(operation, key, edit, about=about, identity=identity)

    def new_id(self, *parts: str) -> str:
        """Return an identifier as AWS would assign one: the same for the same change."""
        # Derived, never random: the same change gives the same findings in each run.
        return str(uuid.uuid5(_NAMESPACE, "\n".join((self.shard.account, self.shard.region, *parts))))


def paths_of(document: Mapping[str, Any]) -> str:
    """Return what is unknown in a document: the first three paths."""
    paths = unknown_paths(document)
    more = len(paths) - 3
    return ", ".join(paths[:3]) + (f" and {more} more" if more > 0 else "") if paths else "A value"
