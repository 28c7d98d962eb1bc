"""What is wrong with the subject of a root cause, in words: the same in every format."""

from collections.abc import Mapping
from typing import Final

from scanner.model.names import parse_arn
from scanner.model.root_causes import CauseKind, RootCause
from scanner.report.wording import short_name

_LAST_PART: Final = ("iam", "kms")  # services whose ARNs begin with the kind, which the sentence says
_PLACES: Final = ("aws:account-region:", "aws:account:")

_SENTENCES: Final[Mapping[CauseKind, str]] = {
    CauseKind.NO_SELECTION: "no plan of {name} has a backup selection",
    CauseKind.NOT_SELECTED: "the backup selections of {name} do not match some resources",
    CauseKind.OPT_IN_OFF: "{name} is not opted in to {about}",
    CauseKind.TAG_SPELLING: "resources have the tag of selection {name} in another spelling",
    CauseKind.ARN_MISMATCH: "an ARN in selection {name} almost matches the resource",
    CauseKind.SELECTION_EXCLUDES: "selection {name} excludes the resources",
    CauseKind.TAG_VALUE: "resources have another value of the tag that selection {name} requires",
    CauseKind.TAG_MISSING: "resources lack the tag that selection {name} requires",
    CauseKind.PLAN_WITHOUT_RULES: "plan {name} has no rule",
    CauseKind.PLAN_WITHOUT_SELECTION: "plan {name} has no backup selection",
    CauseKind.SELECTS_NOTHING: "selection {name} selects no resource",
    CauseKind.ROLE_MISSING: "role {name} does not exist",
    CauseKind.ROLE_NOT_ASSUMABLE: "AWS Backup may not assume role {name}",
    CauseKind.SCHEDULE_INVALID: "the schedule of rule {name} is not valid",
    CauseKind.SCHEDULE_NEVER_RUNS: "rule {name} does not start within a year",
    CauseKind.SCHEDULE_TOO_RARE: "rule {name} starts too rarely",
    CauseKind.VAULT_MISSING: "vault {name} does not exist",
    CauseKind.RETENTION_OUTSIDE_LOCK: "the retention of {name} is outside the limits of the vault's lock",
    CauseKind.RETENTION_TOO_SHORT: "{name} keeps backups for too short a time",
    CauseKind.LIFECYCLE_INVALID: "the lifecycle of {name} is not valid",
    CauseKind.COLD_STORAGE_UNSUPPORTED: "rule {name} moves nothing that it covers to cold storage",
    CauseKind.KEY_DISABLED: "key {name} is not enabled",
    CauseKind.VAULT_KEY_DISABLED: "the key of vault {name} is disabled, or its deletion is scheduled",
    CauseKind.NO_CONTINUOUS_RULE: "rule {name} makes no continuous backups",
    CauseKind.SEVERAL_CONTINUOUS_RULES: "rule {name} is not the only continuous rule of a resource",
    CauseKind.RULES_OVERLAP: "rules of plan {name} overlap with different retention",
    CauseKind.PLAN_BELOW_TARGET: "no rule of plan {name} is frequent enough and keeps backups long enough",
    CauseKind.BUCKET_NOT_VERSIONED: "buckets in {name} are not versioned",
    CauseKind.BACKUP_JOB_FAILED: "the latest backup jobs in {name} failed ({about})",
    CauseKind.NO_RESTORE: "resources in {name} were never restored",
    CauseKind.NO_RECENT_RESTORE: "resources in {name} have no recent validated restore",
    CauseKind.NO_CROSS_ACCOUNT_COPY: "rule {name} copies to no other account",
    CauseKind.NO_CROSS_REGION_COPY: "rule {name} copies to no other Region",
    CauseKind.NO_AIR_GAPPED_COPY: "rule {name} copies to no logically air-gapped vault",
    CauseKind.NO_COPY: "rule {name} makes no copies",
    CauseKind.ACCOUNT_NOT_MEMBER: "account {name} is not an active member of the organization",
    CauseKind.CROSS_ACCOUNT_OFF: "cross-account backup is off in the organization",
    CauseKind.POLICY_DOES_NOT_ADMIT: "the policy of vault {name} does not allow the source to copy",
    CauseKind.DESTINATION_TAKES_NO_COPIES: "vault {name} does not accept copies",
    CauseKind.KEY_NOT_SHARED: "key {name} is not shared with the destination account",
    CauseKind.AWS_MANAGED_KEY: "AWS managed key {name} cannot be shared with another account",
    CauseKind.VAULT_KEY_NOT_CUSTOMER_MANAGED: "vault {name} has no customer managed key",
    CauseKind.TYPE_NOT_COPYABLE: "AWS Backup cannot copy some resources by {name}",
    CauseKind.TYPE_NOT_AIR_GAPPABLE: "some resources of {name} cannot be in a logically air-gapped vault",
    CauseKind.IMAGE_MAY_NOT_LEAVE: "images of {name} may not leave their account",
    CauseKind.VAULT_NOT_LOCKED: "vault {name} is not locked as required",
    CauseKind.VAULT_ALLOWS_DELETION: "recovery points of vault {name} can be deleted",
    CauseKind.VAULT_OPEN_TO_OUTSIDERS: "vault {name} allows access from outside the organization",
    CauseKind.VAULT_DOES_NOT_NOTIFY: "vault {name} does not send the required notifications",
    CauseKind.VAULT_WITHOUT_APPROVAL_TEAM: "vault {name} has no multi-party approval team",
    CauseKind.NO_BACKUP_POLICY: "account {name} has no effective backup policy with a plan",
    CauseKind.ACCOUNT_NOT_ENTERED: "account {name} could not be entered",
    CauseKind.READS_MISSING: "reads of {name} are missing",
    CauseKind.MISSING_READ: "{name} was not read",
}

_OF_COPIES: Final[Mapping[CauseKind, str]] = {
    CauseKind.KEY_NOT_SHARED: "a key of what {name} copies is not shared with the destination account",
    CauseKind.AWS_MANAGED_KEY: "an AWS managed key prevents copies by {name}",
}
"""The sentences where the subject is a copy action, since it is not known which of several keys it is."""


def cause_sentence(cause: RootCause) -> str:
    """Return what is wrong, as a clause."""
    sentences = {**_SENTENCES, **(_OF_COPIES if "->" in cause.subject else {})}
    return sentences[cause.kind].format(name=cause_name(cause), about=cause.about or "no category")


def cause_name(cause: RootCause) -> str:
    """Return what people call the subject of a cause."""
    if cause.name:
        return cause.name
    for prefix in _PLACES:
        if cause.subject.startswith(prefix):
            return cause.subject.removeprefix(prefix)
    # The whole ARN would repeat the account and the Region, which formats show next to it.
    arn = parse_arn(cause.subject)
    if arn is not None and arn.service in _LAST_PART:
        return arn.resource.rpartition("/")[2]
    return short_name(cause.subject)


_NOT_TRACED: Final[Mapping[str, str]] = {
    "recovery-point": "AWS does not report what made the recovery point so",
    "restore-time-target": "how long a restore takes depends on its data and its target",
    "waiver-expired": "a waiver is a decision, not a link",
}
"""Why failures of some controls are not traced, by how the control starts."""


def untraced_reason(control: str) -> str:
    """Return why a failure of a control has no root cause."""
    # By the beginning, since several controls check recovery points.
    reasons = (reason for start, reason in _NOT_TRACED.items() if control.startswith(start))
    return next(reasons, "no link of the chain is proven broken by what the scan knows")
