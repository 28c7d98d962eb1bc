"""Which reads of AWS the columns rest on, in groups: operations as `service:Operation`."""

from collections.abc import Mapping
from typing import Final

TAG_READS: Final = (
    "resourcegroupstaggingapi:GetResources",
    "backup-gateway:ListTagsForResource",
    "dsql:GetCluster",
    "dsql:ListTagsForResource",
    "dynamodb:ListTagsOfResource",
    "eks:DescribeCluster",
    "eks:ListTagsForResource",
    "redshift-serverless:ListTagsForResource",
    "s3:GetBucketTagging",
    "storagegateway:ListTagsForResource",
    "timestream-write:ListTagsForResource",
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
RESOURCE_READS: Final = (
    "ec2:DescribeInstances",
    "ec2:DescribeVolumes",
    "rds:DescribeDBInstances",
    "rds:DescribeDBClusters",
    "dynamodb:ListTables",
    "dynamodb:DescribeTable",
    "efs:DescribeFileSystems",
    "fsx:DescribeFileSystems",
    "fsx:DescribeVolumes",
    "s3:ListBuckets",
    "s3:GetBucketLocation",
    "storagegateway:ListVolumes",
    "storagegateway:DescribeCachediSCSIVolumes",
    "storagegateway:DescribeStorediSCSIVolumes",
    "dsql:ListClusters",
    "dsql:GetCluster",
    "redshift:DescribeClusters",
    "redshift-serverless:ListNamespaces",
    "timestream-write:ListTables",
    "backup-gateway:ListVirtualMachines",
    "cloudformation:DescribeStacks",
    "ssm-sap:ListDatabases",
    "ssm-sap:GetDatabase",
    "eks:ListClusters",
    "eks:DescribeCluster",
)
ENCRYPTION_READS: Final = ("s3:GetBucketEncryption", "timestream-write:ListDatabases")
KEY_READS: Final = (
    "kms:DescribeKey",
    "kms:ListAliases",
    "dsql:GetCluster",
    "eks:DescribeCluster",
    "fsx:DescribeFileSystems",
    "storagegateway:DescribeCachediSCSIVolumes",
    "storagegateway:DescribeStorediSCSIVolumes",
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
