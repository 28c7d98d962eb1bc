"""Moto's backup backend with selections, policies, notifications, recovery points, jobs and settings.

What is kept here is already in the shape that the API answers with (botocore's output shapes): a
recovery point is a `RecoveryPointByBackupVault`, a job a `BackupJob`, `CopyJob` or `RestoreJobsListMember`.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from moto.backup.exceptions import (
    AlreadyExistsException,
    InvalidParameterValueException,
    ResourceNotFoundException,
)
from moto.backup.models import BackupBackend, Plan, Vault, backup_backends
from moto.core.utils import unix_time
from moto.moto_api._internal import mock_random

if TYPE_CHECKING:
    from datetime import datetime

OPT_IN_TYPES = (
    "Aurora",
    "CloudFormation",
    "DocumentDB",
    "DSQL",
    "DynamoDB",
    "EBS",
    "EC2",
    "EFS",
    "EKS",
    "FSx",
    "Neptune",
    "RDS",
    "Redshift",
    "Redshift Serverless",
    "S3",
    "SAP HANA on Amazon EC2",
    "Storage Gateway",
    "Timestream",
    "VirtualMachine",
)
"""Keys of DescribeRegionSettings (AWS Backup API reference)."""

Document = dict[str, Any]


@dataclass(slots=True)
class Selection:
    """A backup selection of a plan; `body` is the API's BackupSelection."""

    selection_id: str
    plan_id: str
    body: Document
    created: float
    creator_request_id: str | None


@dataclass(slots=True)
class VaultExtras:
    """What moto's vault has no place for."""

    policy: str | None = None
    notifications: Document | None = None
    # None under aws/backup: EncryptionKeyType has no value for AWS managed keys.
    key_type: str | None = None
    vault_type: str = "BACKUP_VAULT"
    approval_team: str | None = None
    recovery_points: list[Document] = field(default_factory=list)


class DemoBackupBackend(BackupBackend):
    """One account's AWS Backup in one Region."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.selections: dict[str, dict[str, Selection]] = {}
        self.extras: dict[str, VaultExtras] = {}
        self.kept: defaultdict[str, dict[str, Document]] = defaultdict(dict)
        self.backup_jobs: list[Document] = []
        self.copy_jobs: list[Document] = []
        self.restore_jobs: list[Document] = []
        # An account is opted in to all types when it first uses AWS Backup in a Region.
        self.opt_in: dict[str, bool] = dict.fromkeys(OPT_IN_TYPES, True)
        self.management: dict[str, bool] = dict.fromkeys(("CloudFormation", "DSQL", "DynamoDB", "EFS"), True)
        self.incremental: dict[str, bool] = {"DynamoDB": False}
        self.global_settings: dict[str, str] = {
            # Texts, as in the API: a client that reads them as flags takes "false" for true.
            "isCrossAccountBackupEnabled": "false",
            "isDelegatedAdministratorEnabled": "false",
            "isMpaEnabled": "false",
        }
        self.global_settings_changed: datetime | None = None

    def vault(self, name: str) -> Vault:
        """The vault. Raises ResourceNotFoundException, as every call that names one does."""
        if name not in self.vaults:
            raise ResourceNotFoundException(msg=f"Backup vault {name} does not exist")
        return self.vaults[name]

    def extras_of(self, name: str) -> VaultExtras:
        """The vault's policy, notifications, kind and recovery points."""
        self.vault(name)
        # Moto creates vaults itself, so what it lacks is added when it is first needed.
        return self.extras.setdefault(name, VaultExtras())

    def plan(self, plan_id: str) -> Plan:
        """The plan. Raises ResourceNotFoundException."""
        if plan_id not in self.plans:
            raise ResourceNotFoundException(msg=f"Backup plan {plan_id} does not exist")
        return self.plans[plan_id]

    def create_selection(self, plan_id: str, body: Document, creator_request_id: str | None) -> Selection:
        """Add a selection. Its name is unique within the plan, and name and role are required."""
        self.plan(plan_id)
        if not body.get("SelectionName") or not body.get("IamRoleArn"):
            raise InvalidParameterValueException(msg="SelectionName and IamRoleArn are required")
        siblings = self.selections.setdefault(plan_id, {})
        if any(sibling.body["SelectionName"] == body["SelectionName"] for sibling in siblings.values()):
            raise AlreadyExistsException(msg="Backup selection with the same name already exists")
        selection = Selection(str(mock_random.uuid4()), plan_id, body, unix_time(), creator_request_id)
        siblings[selection.selection_id] = selection
        return selection

    def selection(self, plan_id: str, selection_id: str) -> Selection:
        """One selection of a plan. Raises ResourceNotFoundException."""
        self.plan(plan_id)
        selection = self.selections.get(plan_id, {}).get(selection_id)
        if selection is None:
            raise ResourceNotFoundException(msg=f"Backup selection {selection_id} does not exist")
        return selection

    def keep(self, kind: str, name: str, document: Document) -> Document:
        """Keep a document of a kind ("framework"). Raises AlreadyExistsException for a second of its name."""
        if name in self.kept[kind]:
            raise AlreadyExistsException(msg=f"A {kind} with the same name already exists")
        self.kept[kind][name] = document
        return document

    def find(self, kind: str, name: str) -> Document:
        """The document of a kind that has this name. Raises ResourceNotFoundException."""
        if name not in self.kept[kind]:
            raise ResourceNotFoundException(msg=f"There is no {kind} {name}")
        return self.kept[kind][name]

    def arn(self, rest: str) -> str:
        """An ARN of AWS Backup here."""
        return f"arn:aws:backup:{self.region_name}:{self.account_id}:{rest}"

    def recovery_points(self) -> list[Document]:
        """Every recovery point of this account and Region, vault by vault."""
        return [point for extras in self.extras.values() for point in extras.recovery_points]


def install() -> None:
    """Let moto make this backend instead of its own, from now on."""
    backup_backends.backend = DemoBackupBackend


def backend_of(account: str, region: str) -> DemoBackupBackend:
    """The backend of one account in one Region."""
    backend = backup_backends[account][region]
    if not isinstance(backend, DemoBackupBackend):
        raise TypeError("moto's own backup backend was made before scanner.demo.backup.backend.install()")
    return backend
