"""What the verdicts do not rest on, and the readings chosen where AWS leaves its behaviour open.

Printed in every report and in docs/assumptions.md (catalogue, rulings 4 and 14).
"""

from typing import Final

from scanner.protection.capabilities import changes

LIMITATIONS: Final = (
    (
        "Whether a copy can succeed is evaluated from vaults, locks, policies, keys and organisation "
        "settings. Identity policies of roles, the service-linked role of AWS Backup, service control "
        "policies and the Allowed AMIs setting of EC2 are not assessed."
    ),
    (
        "A wildcard in a backup selection matches any run of characters in any position, although AWS "
        "documents it for the end of an ARN only."
    ),
    "A condition with a negative operator is met by a resource without the tag, as in IAM.",
    (
        "A backup selection without Resources and ListOfTags selects every supported resource that meets its "
        "conditions and that the Region is opted in to."
    ),
    "Keys in ListOfTags are read with and without the prefix aws:ResourceTag/.",
    "A recovery point whose list entry names no expiry never expires, unless it is continuous.",
    "A copy action without a retention of its own uses that of its rule.",
    "A recovery point that is dated after the evaluation time has age 0.",
    (
        "A rule whose schedule is not an AWS cron expression is assumed never to start. If the schedule has "
        "a form that AWS neither documents nor is known to refuse, its starts are unknown."
    ),
    (
        "A local time that is skipped when the clocks go forward is not a start, and one that occurs twice "
        "when they go back is one start."
    ),
    (
        "Overlapping start windows are compared within one plan only: AWS does not document which backup it "
        "keeps if rules of several plans overlap."
    ),
    "The AWS owned key of a logically air-gapped vault does not prevent copies into it.",
    "A key is shared with another account if its key policy allows it; grants are not read.",
    (
        "A vault's access policy governs the AWS Backup API only: snapshots of types that AWS Backup does "
        "not fully manage can still be deleted through their own service."
    ),
    (
        "Principals of AWS services in a vault's access policy are not outside the organisation; what RAM "
        "or a multi-party approval team shares of a logically air-gapped vault is not read."
    ),
    "Resources of types that this version does not list are not in the population.",
    (
        "A resource with the tag of a CloudFormation stack that is still there counts as part of the stack, "
        "although a resource that was taken out of its stack and retained keeps the tag."
    ),
    (
        "The EBS volumes, file systems and buckets that the backup of an EKS cluster contains are not read: "
        "each of them is evaluated separately."
    ),
    (
        "An attacker who takes over an account is assumed to act as every role of it, and from the "
        "management account in every member account. A backup that no principal of the account can delete "
        "counts as safe, even if its key can be deleted: survives-key-loss checks the key."
    ),
)
"""Sentences for the report."""

CHARGES: Final = (
    "AWS makes no additional charge for managing backups centrally through AWS Organizations; the storage of "
    "backups, copies to other Regions and restores are charged as in a single account."
)


def report_notes() -> tuple[str, ...]:
    """Return what a reader of older notes on AWS Backup should know: charges, and dated changes."""
    return (CHARGES, *(f"Older notes on AWS Backup: {change.history}" for change in changes()))
