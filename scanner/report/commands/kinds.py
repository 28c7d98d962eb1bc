"""The commands that mend root causes which the remediation of a control does not name alone."""

from collections.abc import Mapping
from typing import Final

from scanner.model.root_causes import CauseKind

# The trust policy of AWS's own default role for AWS Backup.
_TRUST: Final = (
    '\'{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", '
    '"Principal": {"Service": "backup.amazonaws.com"}, "Action": "sts:AssumeRole"}]}\''
)

KINDS: Final[Mapping[CauseKind, str]] = {
    CauseKind.ROLE_MISSING: (
        f"aws iam create-role --role-name ROLE_NAME --path ROLE_PATH --assume-role-policy-document {_TRUST}\n"
        "aws iam attach-role-policy --role-name ROLE_NAME "
        "--policy-arn arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup\n"
    ),
    CauseKind.ROLE_NOT_ASSUMABLE: (
        f"aws iam update-assume-role-policy --role-name ROLE_NAME --policy-document {_TRUST}\n"
    ),
    # After its deletion is cancelled a key is still disabled (AWS KMS, "Deleting keys").
    CauseKind.KEY_DISABLED: (
        "# if its deletion is scheduled:\n"
        "aws kms cancel-key-deletion --key-id KEY_ID\n"
        "aws kms enable-key --key-id KEY_ID\n"
    ),
    CauseKind.ACCOUNT_NOT_ENTERED: (
        "audit policy --format cloudformation --trusted-principal SCANNING_ACCOUNT > role.yaml\n"
        "aws cloudformation create-stack --stack-name vaultproof-read-only --template-body file://role.yaml "
        "--capabilities CAPABILITY_NAMED_IAM\n"
    ),
    CauseKind.AWS_MANAGED_KEY: (
        "# An AWS managed key cannot be shared, and a resource keeps its key. Restore its data\n"
        "# with a customer managed key, and protect the new resource in place of the old one.\n"
        'aws kms create-key --description "data that is copied to another account"\n'
    ),
    CauseKind.IMAGE_MAY_NOT_LEAVE: (
        "# No command mends this: images of this instance may not leave their account. "
        "Copy its data otherwise.\n"
    ),
    CauseKind.BUCKET_NOT_VERSIONED: (
        "aws s3api put-bucket-versioning --bucket BUCKET_NAME --versioning-configuration Status=Enabled\n"
    ),
}
"""Templates by the kind of a cause. All other kinds have the commands of the control that checks them."""

POLICY_MADE: Final = (
    "# A backup policy of the organization made this plan: it cannot be changed in the account.\n"
    "# In account MANAGEMENT_ACCOUNT:\n"
    "aws organizations list-policies --filter BACKUP_POLICY\n"
    "aws organizations describe-policy --policy-id POLICY_ID --query Policy.Content --output text "
    "> policy.json\n"
    "# edit policy.json\n"
    # From a file: the content is JSON in JSON, and too long for a command line.
    "aws organizations update-policy --policy-id POLICY_ID --content file://policy.json\n"
)
"""What takes the place of commands that change a plan, if a policy made the plan."""
