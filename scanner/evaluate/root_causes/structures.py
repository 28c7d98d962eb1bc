"""The links of rules, selections, plans, copy actions, vaults and accounts, in the order of the chain."""

from collections.abc import Mapping
from typing import Final

from scanner.evaluate.root_causes.links import (
    Facts,
    Link,
    Step,
    always,
    each_of,
    first_of,
    first_trace,
    has_members,
    is_false,
    is_number,
    is_text,
    is_true,
    of_column,
    own,
)
from scanner.model.root_causes import ORGANIZATION, CauseKind, Trace


def _role(facts: Facts) -> str:
    # A selection without a role is its own cause.
    return facts.text("role") or own(facts)


def _destination_account(facts: Facts) -> str:
    account = facts.text("destination_account")
    return f"aws:account:{account}" if account else ""


def _organization(_: Facts) -> str:
    return ORGANIZATION


ROLE_MISSING: Final = Link(
    kind=CauseKind.ROLE_MISSING,
    columns=("role_exists",),
    broken=is_false("role_exists"),
    subject=_role,
    control="selection-role-usable",
)
ROLE_NOT_ASSUMABLE: Final = Link(
    kind=CauseKind.ROLE_NOT_ASSUMABLE,
    columns=("role_exists", "role_admits_backup"),
    broken=each_of(is_true("role_exists"), is_false("role_admits_backup")),
    subject=_role,
    control="selection-role-usable",
)
SELECTS_NOTHING: Final = Link(
    kind=CauseKind.SELECTS_NOTHING,
    columns=("selects_resources", "selected"),
    broken=is_false("selects_resources"),
    control="selection-matches-resources",
)
SCHEDULE_INVALID: Final = Link(
    kind=CauseKind.SCHEDULE_INVALID,
    columns=("schedule_valid",),
    broken=is_false("schedule_valid"),
    control="rule-schedule-valid",
)
SCHEDULE_NEVER_RUNS: Final = Link(
    kind=CauseKind.SCHEDULE_NEVER_RUNS,
    columns=("starts_within_a_year",),
    broken=is_false("starts_within_a_year"),
    control="rule-schedule-valid",
)
TARGET_MISSING: Final = Link(
    kind=CauseKind.VAULT_MISSING,
    columns=("target_exists",),
    broken=is_false("target_exists"),
    subject=of_column("target"),
    control="rule-target-vault-exists",
)
OUTSIDE_LOCK: Final = Link(
    kind=CauseKind.RETENTION_OUTSIDE_LOCK,
    columns=("within_lock",),
    broken=is_false("within_lock"),
    control="rule-retention-within-vault-lock",
)

SELECTION_WORKS: Final = (ROLE_MISSING, ROLE_NOT_ASSUMABLE)
"""The links between a selection and the role that makes its backups."""

RULE_WORKS: Final = (SCHEDULE_INVALID, SCHEDULE_NEVER_RUNS, TARGET_MISSING, OUTSIDE_LOCK)
"""The links between a rule and the backups that it makes."""

DESTINATION_MISSING: Final = Link(
    kind=CauseKind.VAULT_MISSING,
    columns=("destination_exists",),
    broken=is_false("destination_exists"),
    subject=of_column("destination"),
    control="copy-destination-exists",
)
NOT_MEMBER: Final = Link(
    kind=CauseKind.ACCOUNT_NOT_MEMBER,
    columns=("in_organization",),
    broken=is_false("in_organization"),
    subject=_destination_account,
    control="copy-destination-in-organization",
)
CROSS_ACCOUNT_OFF: Final = Link(
    kind=CauseKind.CROSS_ACCOUNT_OFF,
    columns=("cross_account_enabled",),
    broken=is_false("cross_account_enabled"),
    subject=_organization,
    control="copy-cross-account-enabled",
)
NOT_ADMITTED: Final = Link(
    kind=CauseKind.POLICY_DOES_NOT_ADMIT,
    columns=("admits_source",),
    broken=is_false("admits_source"),
    subject=of_column("destination"),
    control="copy-destination-admits-source",
)
KEY_NOT_SHARED: Final = Link(
    kind=CauseKind.KEY_NOT_SHARED,
    columns=("source_keys_shared", "covered_keys"),
    broken=has_members("unshared_keys"),
    subject=first_of("unshared_keys"),
    control="copy-source-key-shared",
)
KEY_AWS_MANAGED: Final = Link(
    kind=CauseKind.AWS_MANAGED_KEY,
    columns=("blocked", "covered_keys"),
    broken=has_members("blocking_keys"),
    subject=first_of("blocking_keys"),
    control="copy-customer-managed-key",
)
DESTINATION_KEY: Final = Link(
    kind=CauseKind.VAULT_KEY_NOT_CUSTOMER_MANAGED,
    columns=("destination_key_kind",),
    # Air-gapped vaults accept copies under an AWS owned key (guide, "Logically air-gapped vault").
    broken=each_of(
        is_text("destination_key_kind", "aws_managed", "aws_owned"), is_false("destination_air_gapped")
    ),
    subject=of_column("destination"),
    control="copy-customer-managed-key",
)
NOT_COPYABLE: Final = Link(
    kind=CauseKind.TYPE_NOT_COPYABLE,
    columns=("supported", "covered_keys"),
    broken=has_members("uncopyable_types"),
    control="copy-supported",
)

# Those of a job that failed: of the same resources, or the job may have failed for another reason.
_FAILED_KEY: Final = Link(
    kind=CauseKind.KEY_NOT_SHARED,
    columns=KEY_NOT_SHARED.columns,
    broken=has_members("unshared_keys_of_failed_jobs"),
    subject=first_of("unshared_keys_of_failed_jobs"),
    control=KEY_NOT_SHARED.control,
)
_FAILED_MANAGED_KEY: Final = Link(
    kind=CauseKind.AWS_MANAGED_KEY,
    columns=KEY_AWS_MANAGED.columns,
    broken=has_members("blocking_keys_of_failed_jobs"),
    subject=first_of("blocking_keys_of_failed_jobs"),
    control=KEY_AWS_MANAGED.control,
)
_FAILED_VAULT_KEY: Final = Link(
    kind=CauseKind.VAULT_KEY_NOT_CUSTOMER_MANAGED,
    columns=KEY_AWS_MANAGED.columns,
    broken=has_members("vault_keys_of_failed_jobs"),
    subject=of_column("destination"),
    control=KEY_AWS_MANAGED.control,
)
_FAILED_TYPE: Final = Link(
    kind=CauseKind.TYPE_NOT_COPYABLE,
    columns=NOT_COPYABLE.columns,
    broken=has_members("uncopyable_types_of_failed_jobs"),
    control=NOT_COPYABLE.control,
)
ACTION_WORKS: Final = (NOT_MEMBER, DESTINATION_MISSING, CROSS_ACCOUNT_OFF, NOT_ADMITTED)
"""The links of a copy action that are the same for all resources."""


def _selections_of(facts: Facts) -> Trace | None:
    """Trace a plan whose selections select nothing to the first of these."""
    # Sorted, so that each run names the same selection.
    for subject in sorted(facts.structures.selections):
        row = facts.structures.selections[subject]
        if row.get("plan") == own(facts):
            trace = SELECTS_NOTHING.trace(Facts(row))
            if trace is not None:
                return trace
    return None


def _own(kind: CauseKind, control: str, *columns: str) -> tuple[Link, ...]:
    """Return the only link of a control that checks a setting of its own subject."""
    # The control checks one setting, so its failure needs no further proof.
    return (Link(kind=kind, columns=columns, broken=always, control=control),)


_NO_SELECTION: Final = Link(
    kind=CauseKind.PLAN_WITHOUT_SELECTION,
    columns=("selects_resources",),
    broken=is_number("selections", 0),
    control="plan-protects-something",
)
_NO_RULES: Final = Link(
    kind=CauseKind.PLAN_WITHOUT_RULES,
    columns=("rules",),
    broken=is_number("rule_count", 0),
    control="plan-protects-something",
)
_KEY_OF_VAULT: Final = Link(
    kind=CauseKind.VAULT_KEY_NOT_CUSTOMER_MANAGED,
    columns=("key_enabled",),
    broken=is_text("key_kind", "aws_managed", "aws_owned"),
    control="vault-customer-managed-key",
)
_KEY_OF_VAULT_DISABLED: Final = Link(
    kind=CauseKind.VAULT_KEY_DISABLED,
    columns=("key_enabled",),
    broken=is_false("key_enabled"),
    control="vault-customer-managed-key",
)
_NOT_ENTERED: Final = Link(
    kind=CauseKind.ACCOUNT_NOT_ENTERED,
    columns=("missing_reads",),
    broken=is_false("entered"),
    subject=lambda facts: f"aws:account:{facts.text('account')}",
    control="account-region-assessed",
)

STRUCTURE_LINKS: Final[Mapping[str, tuple[Step, ...]]] = {
    "selection-role-usable": SELECTION_WORKS,
    "selection-matches-resources": (SELECTS_NOTHING,),
    "rule-schedule-valid": (SCHEDULE_INVALID, SCHEDULE_NEVER_RUNS),
    "rule-target-vault-exists": (TARGET_MISSING,),
    "rule-retention-within-vault-lock": (OUTSIDE_LOCK,),
    "rule-lifecycle-valid": _own(CauseKind.LIFECYCLE_INVALID, "rule-lifecycle-valid"),
    "rule-lifecycle-supported": _own(CauseKind.COLD_STORAGE_UNSUPPORTED, "rule-lifecycle-supported"),
    "plan-protects-something": (_NO_SELECTION, _NO_RULES, _selections_of),
    "plan-frequency-and-retention": _own(
        CauseKind.PLAN_BELOW_TARGET, "plan-frequency-and-retention", "rules"
    ),
    "rule-overlap-consistent": _own(CauseKind.RULES_OVERLAP, "rule-overlap-consistent", "overlapping_rules"),
    "copy-destination-exists": (DESTINATION_MISSING,),
    "copy-destination-in-organization": (NOT_MEMBER,),
    "copy-cross-account-enabled": (CROSS_ACCOUNT_OFF,),
    # A vault that does not exist has no policy, and the missing vault is what to fix.
    "copy-destination-admits-source": (DESTINATION_MISSING, NOT_ADMITTED),
    "copy-source-key-shared": (KEY_NOT_SHARED,),
    "copy-customer-managed-key": (DESTINATION_KEY, KEY_AWS_MANAGED),
    "copy-supported": (NOT_COPYABLE,),
    "copy-retention": _own(CauseKind.RETENTION_TOO_SHORT, "copy-retention"),
    "copy-arrives": (*ACTION_WORKS, _FAILED_KEY, _FAILED_VAULT_KEY, _FAILED_MANAGED_KEY, _FAILED_TYPE),
    "vault-locked": _own(CauseKind.VAULT_NOT_LOCKED, "vault-locked"),
    "vault-manual-deletion-denied": _own(
        CauseKind.VAULT_ALLOWS_DELETION, "vault-manual-deletion-denied", "deletion_guards"
    ),
    "vault-policy-stays-in-organization": _own(
        CauseKind.VAULT_OPEN_TO_OUTSIDERS, "vault-policy-stays-in-organization", "outsiders"
    ),
    "vault-notifications": _own(
        CauseKind.VAULT_DOES_NOT_NOTIFY, "vault-notifications", "notification_events"
    ),
    "vault-multi-party-approval": _own(
        CauseKind.VAULT_WITHOUT_APPROVAL_TEAM, "vault-multi-party-approval", "approval_team"
    ),
    "vault-customer-managed-key": (_KEY_OF_VAULT, _KEY_OF_VAULT_DISABLED),
    "account-backup-policy": _own(CauseKind.NO_BACKUP_POLICY, "account-backup-policy", "backup_policy"),
    "account-region-assessed": (
        _NOT_ENTERED,
        *_own(CauseKind.READS_MISSING, "account-region-assessed", "missing_reads"),
    ),
}
"""Of each control, the links that can be broken, in the order of the chain."""


def structure_trace(control: str, facts: Facts) -> Trace | None:
    """Return the trace of a failure of a rule, selection, plan, copy action, vault or account."""
    return first_trace(STRUCTURE_LINKS.get(control, ()), facts)
