"""The placeholders of commands, and what a user puts for each where the scan does not know it."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

HINTS: Final[Mapping[str, str]] = {
    "ACCOUNT_ID": "the id of the account: `aws sts get-caller-identity` with its credentials shows it",
    "AIR_GAPPED_VAULT_ARN": "the ARN that create-logically-air-gapped-backup-vault returns",
    "BACKUP_ACCOUNT_ID": "the account of your organization that keeps backups, not the one of the resource",
    "BUCKET_NAME": "the name of the bucket",
    "DESTINATION_ACCOUNT": "the account of the destination vault",
    "DESTINATION_REGION": "the Region of the destination vault",
    "DESTINATION_VAULT_ARN": "the ARN of the destination vault, in the copy action of the rule",
    "JOB_ID": "the BackupJobId that list-backup-jobs shows",
    "KEY_ARN": "a customer managed key of this account and Region: `aws kms list-aliases` shows them",
    "KEY_ID": "the id of the key: `aws kms list-aliases` shows them",
    "KEY_POLICY": "the policy with the statement added, as JSON",
    "MANAGEMENT_ACCOUNT": "the management account: `aws organizations describe-organization` shows it",
    "NEW_SCAN_DIR": "a folder that does not exist yet",
    "ORGANIZATION_ID": "the id of the organization: `aws organizations describe-organization` shows it",
    "OTHER_REGION": "a Region other than that of the backups",
    "OU_ID": "an organizational unit: `aws organizations list-organizational-units-for-parent` shows them",
    "PARENT_ID": "where the account is: `aws organizations list-parents --child-id` shows it",
    "PLAN_ID": "a backup plan of this account and Region: `aws backup list-backup-plans` shows them",
    "POLICY_ID": "the backup policy: `aws organizations list-policies --filter BACKUP_POLICY` shows its id",
    "RECOVERY_POINT_ARN": "`aws backup list-recovery-points-by-resource` shows the recovery points",
    "REGION": "the Region of the subject",
    "RESOURCE_ARN": "the ARN of the resource",
    "ROLE_ARN": "a role that AWS Backup may assume: the one of a backup selection",
    "ROLE_NAME": "the name of the role in the backup selection",
    "ROLE_PATH": "the path of the role in the backup selection",
    "ROOT_ID": "the root of the organization: `aws organizations list-roots` shows it",
    "RULE_NAME": "the rule of the plan",
    "SCANNING_ACCOUNT": "the account that the scan runs from",
    "SELECTION_ID": "a selection of the plan: `aws backup list-backup-selections` shows them",
    "SNAPSHOT_ID": "the EBS snapshot",
    "SOURCE_VAULT": "the vault that has the recovery point",
    "TAG_KEY": "the tag that a backup selection requires",
    "TAG_VALUE": "the value of the tag that a backup selection requires",
    "TEAM_ARN": "an approval team that is shared with this account: `aws mpa list-approval-teams` shows them",
    "TOPIC_ARN": "a standard SNS topic of this account and Region: `aws sns list-topics` shows them",
    "TYPE": "the resource type, as AWS Backup spells it",
    "VAULT_NAME": "a backup vault of this account and Region: `aws backup list-backup-vaults` shows them",
    "ZONE": "an Availability Zone of the Region: `aws ec2 describe-availability-zones` shows them",
}
"""Every placeholder, and what a user puts for it where the scan does not know it."""

# As whole words: `ACCOUNT_ID` is also the end of `BACKUP_ACCOUNT_ID`.
PLACEHOLDER: Final = re.compile(rf"\b({'|'.join(sorted(HINTS, key=len, reverse=True))})\b")


@lru_cache(maxsize=8_192)
def parts_of(text: str) -> tuple[str, ...]:
    """Return the parts of a text: what is before, between and after its placeholders, and these in turn.

    A text without a placeholder is one part.
    """
    return tuple(PLACEHOLDER.split(text))
