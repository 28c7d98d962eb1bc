"""How often a second AWS lets one account call in one Region, as far as AWS tells.

Sources: AWS General Reference, "AWS Backup endpoints and quotas" (facts 10.1); AWS Organizations User
Guide, "Quotas" (rate and burst of an account); Amazon EC2 Developer Guide, "Request throttling" (token
bucket of 100 describes, refilled with 20 a second, when a page size is given); Resource Groups Tagging
API quotas (facts 10.2). For what is not listed AWS publishes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Rate:
    """So many calls a second in the long run, and so many at once."""

    per_second: float
    burst: float


_FIVE: Final = Rate(5, 5)
_TEN: Final = Rate(10, 10)
_FIFTEEN: Final = Rate(15, 15)
_TWENTY: Final = Rate(20, 20)

SERVICES: Final[Mapping[str, Rate]] = {
    "backup": Rate(50, 50),
    "ec2": Rate(20, 100),
    "resourcegroupstaggingapi": _FIFTEEN,
}
"""What all calls of a service share, by boto3's name of it."""

OPERATIONS: Final[Mapping[str, Rate]] = {
    "backup:DescribeBackupVault": _FIVE,
    "backup:DescribeProtectedResource": _TEN,
    "backup:GetBackupPlan": _FIFTEEN,
    "backup:GetBackupSelection": _FIFTEEN,
    "backup:GetBackupVaultAccessPolicy": _FIFTEEN,
    "backup:GetBackupVaultNotifications": _FIFTEEN,
    "backup:DescribeRecoveryPoint": _FIFTEEN,
    "backup:DescribeBackupJob": _FIFTEEN,
    "backup:GetSupportedResourceTypes": _FIFTEEN,
    "backup:ListBackupPlans": _TWENTY,
    "backup:ListBackupSelections": _TWENTY,
    "backup:ListBackupVaults": _TWENTY,
    "backup:ListProtectedResources": _TWENTY,
    "backup:ListRecoveryPointsByBackupVault": _TWENTY,
    "backup:ListRecoveryPointsByResource": _TWENTY,
    "backup:ListBackupJobs": _TWENTY,
    "backup:ListRestoreJobs": _TWENTY,
    "backup:ListTags": _TWENTY,
    "organizations:DescribeOrganization": Rate(1, 2),
    "organizations:DescribePolicy": Rate(2, 2),
    "organizations:ListAccounts": Rate(8, 12),
    "organizations:ListAccountsForParent": Rate(5, 8),
    "organizations:ListChildren": Rate(6, 10),
    "organizations:ListDelegatedAdministrators": Rate(5, 8),
    "organizations:ListOrganizationalUnitsForParent": Rate(5, 8),
    "organizations:ListParents": Rate(5, 8),
    "organizations:ListPolicies": Rate(5, 8),
    "organizations:ListRoots": Rate(1, 2),
    "organizations:ListTargetsForPolicy": Rate(5, 8),
}
"""What one operation is limited to beside that, by `service:Operation`."""
