"""Which reads of AWS the columns rest on, in groups: operations as `service:Operation`."""

from collections.abc import Mapping
from typing import Final

from scanner.model.resource_types import RESOURCE_TYPES, distinct

TAG_READS: Final = (
    "resourcegroupstaggingapi:GetResources",
    *sorted({read for kind in RESOURCE_TYPES for read in kind.tag_reads}),
)
SELECTION_READS: Final = (
    "backup:ListBackupPlans",
    "backup:ListBackupSelections",
    "backup:GetBackupSelection",
    "backup:DescribeRegionSettings",
    *TAG_READS,
)
OPT_IN_READS: Final = (*SELECTION_READS, "organizations:DescribeOrganization")
RULE_READS: Final = (*SELECTION_READS, "backup:GetBackupPlan")
PLAN_READS: Final = ("backup:ListBackupPlans", "backup:GetBackupPlan")
RESOURCE_READS: Final = distinct(
    operation
    for kind in RESOURCE_TYPES
    for operation in (*(listing.operation for listing in kind.lists), *kind.describes)
)
_KEY_READS: Final = sorted({read for kind in RESOURCE_TYPES for read in kind.key_reads})
ENCRYPTION_READS: Final = tuple(read for read in _KEY_READS if read not in RESOURCE_READS)
"""Reads that return only how a resource is encrypted."""

KEY_READS: Final = (
    "kms:DescribeKey",
    "kms:ListAliases",
    *(read for read in _KEY_READS if read in RESOURCE_READS),
    *ENCRYPTION_READS,
)
VAULT_READS: Final = ("backup:ListBackupVaults",)
VAULT_KEY_READS: Final = ("backup:ListBackupVaults", "kms:DescribeKey", "kms:ListAliases")
POLICY_READS: Final = ("backup:ListBackupVaults", "backup:GetBackupVaultAccessPolicy")
NOTIFICATION_READS: Final = ("backup:ListBackupVaults", "backup:GetBackupVaultNotifications")
ORGANIZATION_READS: Final = ("organizations:DescribeOrganization", "organizations:ListAccounts")
POINT_READS: Final = ("backup:ListBackupVaults", "backup:ListRecoveryPointsByBackupVault")
# Recovery points of an instance or a stack count for what a rule covers through it.
NEWEST_READS: Final = (*POINT_READS, *RULE_READS)
PLACE_READS: Final = (*NEWEST_READS, "backup:ListCopyJobs")
COPY_READS: Final = (
    *RULE_READS,
    *KEY_READS,
    "kms:GetKeyPolicy",
    "backup:ListBackupVaults",
    "backup:GetBackupVaultAccessPolicy",
    "backup:DescribeGlobalSettings",
    "organizations:ListAccounts",
    "organizations:DescribeOrganization",
)

SUBJECT_READS: Final[Mapping[str, tuple[str, ...]]] = {
    "resource": RESOURCE_READS,
    "plan": ("backup:ListBackupPlans",),
    "rule": PLAN_READS,
    "selection": ("backup:ListBackupPlans", "backup:ListBackupSelections"),
    "vault": VAULT_READS,
    "recovery_point": POINT_READS,
    "copy_action": PLAN_READS,
    "account": (),
    "account_region": (),
}
"""The reads that name the subjects of each fact table: without them the table has no rows.

Accounts and Regions are the scope of the scan.
"""
