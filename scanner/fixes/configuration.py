"""What the scan has recorded of an account-Region, as far as changes start from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RecordedPlan:
    """A backup plan: its document as GetBackupPlan returns it."""

    id: str
    arn: str
    document: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.document.get("BackupPlanName") or "")

    @property
    def is_of_organization(self) -> bool:
        """Whether an Organizations backup policy made it: it can only be changed there."""
        # AWS Backup gives plans of backup policies ids of this form, and refuses changes of them.
        return self.id.startswith("orgs/")


@dataclass(frozen=True, slots=True)
class RecordedSelection:
    """A backup selection, as GetBackupSelection returns it."""

    id: str
    plan_id: str
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RecordedVault:
    """A vault: its row in the list. `policy`: its statement list and version; None: it has none.

    `policy_problem`: why the policy cannot be extended; empty: it can. The same for notifications.
    """

    name: str
    row: Mapping[str, Any]
    policy: Mapping[str, Any] | None = None
    # A policy that could not be read would be overwritten by one that only has the new statement.
    policy_problem: str = ""
    notifications: Mapping[str, Any] | None = None
    notifications_problem: str = ""

    @property
    def arn(self) -> str:
        """Its ARN."""
        return str(self.row.get("BackupVaultArn") or "")


@dataclass(frozen=True, slots=True)
class RecordedKey:
    """A KMS key whose description was read. `policy` None: it was not read."""

    arn: str
    is_customer_managed: bool
    is_enabled: bool
    policy: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedShard:
    """The configuration of one account in one Region. `are_..._read`: whether the list is complete."""

    account: str
    region: str
    partition: str
    plans: Mapping[str, RecordedPlan] = field(default_factory=dict)  # by id
    selections: tuple[RecordedSelection, ...] = ()
    vaults: Mapping[str, RecordedVault] = field(default_factory=dict)  # by name
    keys: Mapping[str, RecordedKey] = field(default_factory=dict)  # by ARN
    # None: not read. An empty map would mean that no type is listed.
    opt_in: Mapping[str, bool] | None = None
    roles: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)  # ARN to trust policy
    are_plans_read: bool = False
    are_vaults_read: bool = False
    are_roles_read: bool = False


Load = Callable[[str, str], RecordedShard | None]
"""Return the configuration of an account and Region; None: the scan did not read it."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A vault that copy actions of the scan copy into, and for how many of them that works."""

    arn: str
    account: str
    region: str
    is_air_gapped: bool
    is_customer_managed: bool
    # A vault that no copy reaches today may be broken itself, so it is proposed last.
    works: int
    is_locked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """The recorded configuration, read where it is needed. `organization`: its id; empty: not known.

    `tags`: of resources that a tag may be added to. The rules
    are those that cover a resource.
    """

    load: Load
    organization: str = ""
    management_account: str = ""
    destinations: tuple[Destination, ...] = ()
    tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    continuous_rules: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    covering_rules: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
