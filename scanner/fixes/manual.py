"""Root causes that no change of the configuration mends: why, and the step to take by hand."""

from collections.abc import Mapping
from typing import Final

from scanner.model.root_causes import CauseKind

_RESTORE: Final = (
    "A restore test has to run, and pass.",
    "Run a restore, or create a restore testing plan, and scan again.",
)

# A kind is here if mending it needs a decision, a person or time, or if AWS has no call for it.
MANUAL: Final[Mapping[CauseKind, tuple[str, str]]] = {
    CauseKind.ACCOUNT_NOT_ENTERED: (
        "The scan could not enter the account, so what it has is unknown.",
        "Create the role for the scan in the account (audit policy), and scan again.",
    ),
    CauseKind.READS_MISSING: (
        "Reads were refused, so what they would have shown is unknown.",
        "Allow the missing calls (audit policy prints them), and scan again.",
    ),
    CauseKind.ACCOUNT_NOT_MEMBER: (
        "Copies only go to active members of the organisation.",
        "Invite the account, or name a vault of a member account in the copy action.",
    ),
    # Attaching a policy to a unit changes every account in it, also those that pass.
    CauseKind.NO_BACKUP_POLICY: (
        "Whether an account gets a backup policy is decided in AWS Organizations, for many accounts at once.",
        "Attach a backup policy to the account or to an organizational unit above it.",
    ),
    CauseKind.NO_RESTORE: _RESTORE,
    CauseKind.NO_RECENT_RESTORE: _RESTORE,
    CauseKind.BACKUP_JOB_FAILED: (
        "The cause of a failed job is in its message, not in the configuration.",
        "Correct what the message of the job names, and wait for the next job.",
    ),
    CauseKind.BUCKET_NOT_VERSIONED: (
        "Versioning changes what the bucket stores and costs: it is the owner's decision.",
        "Turn it on: aws s3api put-bucket-versioning --versioning-configuration Status=Enabled.",
    ),
    CauseKind.KEY_DISABLED: (
        "Someone has disabled the key, or scheduled its deletion.",
        "Find out why. To undo it: aws kms cancel-key-deletion, then aws kms enable-key.",
    ),
    CauseKind.VAULT_KEY_DISABLED: (
        "Someone has disabled the key of the vault, or scheduled its deletion.",
        "Find out why. To undo it: aws kms cancel-key-deletion, then aws kms enable-key.",
    ),
    # A vault's key is fixed at its creation (AWS Backup, "Creating a backup vault").
    CauseKind.VAULT_KEY_NOT_CUSTOMER_MANAGED: (
        "The key of a vault cannot be changed, and its recovery points cannot be moved.",
        "Use a new vault with such a key, and delete this one when its recovery points have expired.",
    ),
    CauseKind.AWS_MANAGED_KEY: (
        "The resource is encrypted with an AWS managed key, which cannot be shared with another account.",
        "Encrypt the resource with a customer managed key: copy or restore it under the new key.",
    ),
    CauseKind.DESTINATION_TAKES_NO_COPIES: (
        "The destination is of a kind that takes no copies.",
        "Name another vault in the copy action.",
    ),
    CauseKind.TYPE_NOT_COPYABLE: (
        "AWS Backup cannot copy this resource type in this way.",
        "Copy it in two steps (another Region, then another account), or waive the requirement.",
    ),
    CauseKind.TYPE_NOT_AIR_GAPPABLE: (
        "AWS Backup cannot store this resource type in a logically air-gapped vault.",
        "Copy it into a vault of another account that is locked in compliance mode.",
    ),
    CauseKind.IMAGE_MAY_NOT_LEAVE: (
        "The image of the instance (AWS Marketplace, for example) may not leave the account.",
        "Back up its volumes, and build the instance again from its image.",
    ),
    # Which resources were meant cannot be read from a selection that matches none.
    CauseKind.SELECTS_NOTHING: (
        "A selection that matches nothing may be meant for resources to come.",
        "Correct its tags or ARNs, or delete the selection.",
    ),
    CauseKind.PLAN_WITHOUT_SELECTION: (
        "Which resources the plan is meant for is not known.",
        "Add a selection to the plan, or delete the plan.",
    ),
    CauseKind.PLAN_WITHOUT_RULES: (
        "What the plan is meant to do is not known.",
        "Add a rule to the plan, or delete the plan.",
    ),
    CauseKind.VAULT_WITHOUT_APPROVAL_TEAM: (
        "An approval team consists of people.",
        "Create one (multi-party approval of AWS Organizations), and associate it with the vault.",
    ),
}
"""Of each kind of cause without a strategy, why, and what to do."""

NO_STRATEGY: Final = "Run audit explain SCAN SUBJECT to see what the remediation of the control says."
