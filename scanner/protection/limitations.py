"""What the verdicts do not rest on, and the readings chosen where AWS leaves its behaviour open.

Printed in every report and in docs/assumptions.md (catalogue, rulings 4 and 14).
"""

from typing import Final

from scanner.protection.capabilities import changes

LIMITATIONS: Final = (
    (
        "Whether a copy can arrive is judged from vaults, locks, policies, keys and organisation settings. "
        "Identity policies of roles, the service-linked role of AWS Backup, service control policies and the "
        "Allowed AMIs setting of EC2 are not assessed."
    ),
    (
        "A wildcard in a backup selection stands for any run of characters wherever it stands, although AWS "
        "documents it for the end of an ARN only."
    ),
    "A condition with a negative operator holds for a resource without the tag, as in IAM.",
    (
        "A backup selection without Resources and ListOfTags selects every supported resource that meets its "
        "conditions and that the Region is opted in to."
    ),
    "Keys in ListOfTags are read with and without the prefix aws:ResourceTag/.",
    "A recovery point whose list entry names no expiry never expires, unless it is continuous.",
    "A copy action without a retention of its own follows that of its rule.",
    "A recovery point that is dated after the clock of the evaluation has age 0.",
    (
        "Where an expression is no AWS cron expression, its rule is taken never to start; where it has a "
        "form that AWS neither documents nor is known to refuse, it is not known whether it does."
    ),
    (
        "A local time that does not exist on the night the clocks go forward is no start, and one that comes "
        "twice when they go back is one start."
    ),
    (
        "Of rules whose start windows overlap, those of one plan are held against each other: of several "
        "plans AWS does not say which backup it keeps."
    ),
    "Copies into a logically air-gapped vault are not stopped by its AWS owned key.",
    "A key is shared with another account where its policy says so; grants are not read.",
    (
        "A vault's access policy governs the AWS Backup API only: snapshots of types that AWS Backup does "
        "not fully manage may still be deleted through their own service."
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
        "Which EBS volumes, file systems and buckets the backup of an EKS cluster holds is not read: each of "
        "them is judged by itself."
    ),
    (
        "Who takes over an account is taken to act as every role of it, and as the management account in "
        "every member. A backup that nobody of the account can delete counts as safe from that, whoever may "
        "delete the key that it needs: survives-key-loss asks for that."
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
