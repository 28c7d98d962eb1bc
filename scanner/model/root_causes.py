"""Why a check failed: the first broken link of the chain that protects its subject, and how many it explains.

A root cause is proven by facts that are known. Where they are not, a failure is not traced. A missing read is
the cause of unknown findings only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from scanner.model.known import EvidenceRef

ORGANIZATION = "aws:organization"
"""The subject of a cause that is a setting of the organisation."""


class CauseKind(StrEnum):
    """What is wrong with the subject of a root cause."""

    # Coverage: the subject is a selection, a plan, or an account in a Region.
    NO_SELECTION = "no_selection"
    NOT_SELECTED = "not_selected"
    OPT_IN_OFF = "opt_in_off"
    TAG_SPELLING = "tag_spelling"
    ARN_MISMATCH = "arn_mismatch"
    SELECTION_EXCLUDES = "selection_excludes"
    TAG_VALUE = "tag_value"
    TAG_MISSING = "tag_missing"
    PLAN_WITHOUT_RULES = "plan_without_rules"
    PLAN_WITHOUT_SELECTION = "plan_without_selection"
    SELECTS_NOTHING = "selects_nothing"
    # Backups: the subject is a role, a rule, a vault or a key.
    ROLE_MISSING = "role_missing"
    ROLE_NOT_ASSUMABLE = "role_not_assumable"
    SCHEDULE_INVALID = "schedule_invalid"
    SCHEDULE_NEVER_RUNS = "schedule_never_runs"
    SCHEDULE_TOO_RARE = "schedule_too_rare"
    VAULT_MISSING = "vault_missing"
    RETENTION_OUTSIDE_LOCK = "retention_outside_lock"
    RETENTION_TOO_SHORT = "retention_too_short"
    LIFECYCLE_INVALID = "lifecycle_invalid"
    COLD_STORAGE_UNSUPPORTED = "cold_storage_unsupported"
    KEY_DISABLED = "key_disabled"
    NO_CONTINUOUS_RULE = "no_continuous_rule"
    SEVERAL_CONTINUOUS_RULES = "several_continuous_rules"
    RULES_OVERLAP = "rules_overlap"
    PLAN_BELOW_TARGET = "plan_below_target"
    BUCKET_NOT_VERSIONED = "bucket_not_versioned"
    BACKUP_JOB_FAILED = "backup_job_failed"
    NO_RESTORE = "no_restore"
    NO_RECENT_RESTORE = "no_recent_restore"
    # Copies: the subject is a rule, a copy action, a vault, a key, an account or the organisation.
    NO_CROSS_ACCOUNT_COPY = "no_cross_account_copy"
    NO_CROSS_REGION_COPY = "no_cross_region_copy"
    NO_AIR_GAPPED_COPY = "no_air_gapped_copy"
    NO_COPY = "no_copy"
    ACCOUNT_NOT_MEMBER = "account_not_member"
    CROSS_ACCOUNT_OFF = "cross_account_off"
    POLICY_DOES_NOT_ADMIT = "policy_does_not_admit"
    DESTINATION_TAKES_NO_COPIES = "destination_takes_no_copies"
    KEY_NOT_SHARED = "key_not_shared"
    AWS_MANAGED_KEY = "aws_managed_key"
    VAULT_KEY_NOT_CUSTOMER_MANAGED = "vault_key_not_customer_managed"
    VAULT_KEY_DISABLED = "vault_key_disabled"
    TYPE_NOT_COPYABLE = "type_not_copyable"
    TYPE_NOT_AIR_GAPPABLE = "type_not_air_gappable"
    IMAGE_MAY_NOT_LEAVE = "image_may_not_leave"
    # Vaults and accounts.
    VAULT_NOT_LOCKED = "vault_not_locked"
    VAULT_ALLOWS_DELETION = "vault_allows_deletion"
    VAULT_OPEN_TO_OUTSIDERS = "vault_open_to_outsiders"
    VAULT_DOES_NOT_NOTIFY = "vault_does_not_notify"
    VAULT_WITHOUT_APPROVAL_TEAM = "vault_without_approval_team"
    NO_BACKUP_POLICY = "no_backup_policy"
    ACCOUNT_NOT_ENTERED = "account_not_entered"
    READS_MISSING = "reads_missing"  # of account-region-assessed, which fails for them
    # Of unknown findings only.
    MISSING_READ = "missing_read"


class Step(StrEnum):
    """When a cause is mended, the first first: a policy needs its vault, and a lock right retentions."""

    ACCESS = "access"
    ORGANIZATION = "organization"
    VAULTS_AND_KEYS = "vaults_and_keys"
    ROLES_AND_POLICIES = "roles_and_policies"
    RULES_AND_COPIES = "rules_and_copies"
    SELECTIONS = "selections"
    JOBS_AND_RESTORES = "jobs_and_restores"
    LOCKS = "locks"


_K: Final = CauseKind
_KINDS: Final[Mapping[Step, tuple[CauseKind, ...]]] = {
    Step.ACCESS: (_K.ACCOUNT_NOT_ENTERED, _K.READS_MISSING, _K.MISSING_READ),
    Step.ORGANIZATION: (_K.ACCOUNT_NOT_MEMBER, _K.CROSS_ACCOUNT_OFF, _K.NO_BACKUP_POLICY, _K.OPT_IN_OFF),
    Step.VAULTS_AND_KEYS: (
        *(_K.VAULT_MISSING, _K.KEY_DISABLED, _K.VAULT_KEY_DISABLED, _K.VAULT_KEY_NOT_CUSTOMER_MANAGED),
        *(_K.AWS_MANAGED_KEY, _K.BUCKET_NOT_VERSIONED, _K.DESTINATION_TAKES_NO_COPIES),
    ),
    Step.ROLES_AND_POLICIES: (
        *(_K.ROLE_MISSING, _K.ROLE_NOT_ASSUMABLE, _K.POLICY_DOES_NOT_ADMIT, _K.KEY_NOT_SHARED),
        *(_K.VAULT_ALLOWS_DELETION, _K.VAULT_OPEN_TO_OUTSIDERS, _K.VAULT_DOES_NOT_NOTIFY),
        _K.VAULT_WITHOUT_APPROVAL_TEAM,
    ),
    Step.RULES_AND_COPIES: (
        *(_K.PLAN_WITHOUT_RULES, _K.SCHEDULE_INVALID, _K.SCHEDULE_NEVER_RUNS, _K.SCHEDULE_TOO_RARE),
        *(_K.RETENTION_OUTSIDE_LOCK, _K.RETENTION_TOO_SHORT, _K.LIFECYCLE_INVALID),
        *(_K.COLD_STORAGE_UNSUPPORTED, _K.NO_CONTINUOUS_RULE, _K.SEVERAL_CONTINUOUS_RULES),
        *(_K.RULES_OVERLAP, _K.PLAN_BELOW_TARGET, _K.NO_CROSS_ACCOUNT_COPY, _K.NO_CROSS_REGION_COPY),
        *(_K.NO_AIR_GAPPED_COPY, _K.NO_COPY, _K.TYPE_NOT_COPYABLE, _K.TYPE_NOT_AIR_GAPPABLE),
        _K.IMAGE_MAY_NOT_LEAVE,
    ),
    Step.SELECTIONS: (
        *(_K.NO_SELECTION, _K.PLAN_WITHOUT_SELECTION, _K.NOT_SELECTED, _K.SELECTS_NOTHING),
        *(_K.TAG_SPELLING, _K.ARN_MISMATCH, _K.SELECTION_EXCLUDES, _K.TAG_VALUE, _K.TAG_MISSING),
    ),
    Step.JOBS_AND_RESTORES: (_K.BACKUP_JOB_FAILED, _K.NO_RESTORE, _K.NO_RECENT_RESTORE),
    Step.LOCKS: (_K.VAULT_NOT_LOCKED,),
}
_STEPS: Final = {kind: step for step, kinds in _KINDS.items() for kind in kinds}


@dataclass(frozen=True, slots=True, kw_only=True)
class RootCause:
    """The first broken link. `account`, `region`: where its subject is, and is mended.

    `subject` is an ARN or a name as findings have it; of a MISSING_READ the operation. `about`: a resource
    type or the category of a job, where the subject has several. `name`: its own; empty: the subject says it.
    """

    kind: CauseKind
    subject: str
    account: str
    region: str
    about: str = ""
    name: str = ""
    control: str = ""  # the control that checks it; empty: none
    evidence: tuple[EvidenceRef, ...] = ()

    @property
    def step(self) -> Step:
        """When it is mended."""
        return _STEPS[self.kind]

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """What makes causes the same: everything but name, control and evidence."""
        return (self.kind.value, self.subject, self.about, self.account, self.region)


def cause_document(cause: RootCause) -> dict[str, Any]:
    """Return a root cause as documents have it."""
    return {
        "kind": cause.kind.value,
        "step": cause.step.value,
        "subject": cause.subject,
        "name": cause.name,
        "about": cause.about,
        "account": cause.account,
        "region": cause.region,
        "control": cause.control,
        "evidence": [{"file": ref.file, "line": ref.line} for ref in cause.evidence],
    }


def missing_operation(cause: RootCause | None) -> str | None:
    """Return the operation whose missing read is the cause of an unknown finding; None: it has another."""
    return cause.subject if cause is not None and cause.kind is CauseKind.MISSING_READ else None


def cause_from_document(document: Mapping[str, Any]) -> RootCause:
    """Build a root cause from its document. KeyError, TypeError or ValueError: it is not one."""
    return RootCause(
        kind=CauseKind(document["kind"]),
        **{key: document[key] for key in ("subject", "name", "about", "account", "region", "control")},
        evidence=tuple(EvidenceRef(ref["file"], ref["line"]) for ref in document["evidence"]),
    )


@dataclass(frozen=True, slots=True)
class Blocker:
    """Another failure that must be mended first, waived or not: its control and its subject."""

    control: str
    subject: str


@dataclass(frozen=True, slots=True)
class Trace:
    """The root cause of a failure, and the failure that it hangs on. None: not traced, and none."""

    root_cause: RootCause | None = None
    blocked_by: Blocker | None = None


@dataclass(frozen=True, slots=True)
class CauseCount:
    """A root cause, and how many failures of each control it explains."""

    cause: RootCause
    controls: Mapping[str, int]

    @property
    def failures(self) -> int:
        """How many failures it explains."""
        return sum(self.controls.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class RootCauseSummary:
    """The root causes of a scan, those that explain most first; `causes` has the first of `number`."""

    failures: int
    traced: int
    number: int
    causes: tuple[CauseCount, ...]
    untraced: Mapping[str, int]  # by control
    unknown: int = 0
    missing_reads: tuple[CauseCount, ...] = ()  # the first missing read of unknown findings
