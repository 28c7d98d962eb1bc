"""Each link of rules, selections, plans, copy actions, vaults and accounts: proven, unknown, and whole."""

from typing import Any

import pytest

from scanner.evaluate.root_causes.links import Facts, Structures
from scanner.evaluate.root_causes.structures import STRUCTURE_LINKS, structure_trace
from scanner.model.known import EvidenceRef
from scanner.model.root_causes import Blocker, CauseKind, RootCause

HOME, BACKUP = "111111111111", "222222222222"
VAULT = f"arn:aws:backup:eu-west-1:{HOME}:backup-vault:main"
FAR = f"arn:aws:backup:eu-central-1:{BACKUP}:backup-vault:far"
PLAN = f"arn:aws:backup:eu-west-1:{HOME}:backup-plan:p"
RULE, SELECTION, COPY = f"{PLAN}#daily", f"{PLAN}#all", f"{PLAN}#daily->{FAR}"
ROLE = f"arn:aws:iam::{HOME}:role/backup"
KEY, OTHER_KEY = (f"arn:aws:kms:eu-west-1:{HOME}:key/{name}" for name in ("one", "two"))

# Of each link: a control that checks it, the row of a failure, the columns that prove it, the cause.
PROVEN: tuple[tuple[str, dict[str, Any], tuple[str, ...], CauseKind, str], ...] = (
    (
        "selection-role-usable",
        {"subject": SELECTION, "role": ROLE, "role_exists": False, "role_admits_backup": False},
        ("role_exists",),
        CauseKind.ROLE_MISSING,
        ROLE,
    ),
    (
        "selection-role-usable",
        {"subject": SELECTION, "role": "", "role_exists": False, "role_admits_backup": False},
        ("role_exists",),
        CauseKind.ROLE_MISSING,
        SELECTION,
    ),
    (
        "selection-role-usable",
        {"subject": SELECTION, "role": ROLE, "role_exists": True, "role_admits_backup": False},
        ("role_admits_backup",),
        CauseKind.ROLE_NOT_ASSUMABLE,
        ROLE,
    ),
    (
        "selection-matches-resources",
        {"subject": SELECTION, "selects_resources": False},
        ("selects_resources",),
        CauseKind.SELECTS_NOTHING,
        SELECTION,
    ),
    (
        "rule-schedule-valid",
        {"subject": RULE, "schedule_valid": False, "starts_within_a_year": None},
        ("schedule_valid",),
        CauseKind.SCHEDULE_INVALID,
        RULE,
    ),
    (
        "rule-schedule-valid",
        {"subject": RULE, "schedule_valid": True, "starts_within_a_year": False},
        ("starts_within_a_year",),
        CauseKind.SCHEDULE_NEVER_RUNS,
        RULE,
    ),
    (
        "rule-target-vault-exists",
        {"subject": RULE, "target": VAULT, "target_exists": False},
        ("target_exists",),
        CauseKind.VAULT_MISSING,
        VAULT,
    ),
    (
        "rule-retention-within-vault-lock",
        {"subject": RULE, "within_lock": False},
        ("within_lock",),
        CauseKind.RETENTION_OUTSIDE_LOCK,
        RULE,
    ),
    (
        "plan-protects-something",
        {"subject": PLAN, "selections": 0, "rule_count": 1},
        ("selections",),
        CauseKind.PLAN_WITHOUT_SELECTION,
        PLAN,
    ),
    (
        "plan-protects-something",
        {"subject": PLAN, "selections": 1, "rule_count": 0},
        ("rule_count",),
        CauseKind.PLAN_WITHOUT_RULES,
        PLAN,
    ),
    (
        "copy-destination-exists",
        {"subject": COPY, "destination": FAR, "destination_exists": False},
        ("destination_exists",),
        CauseKind.VAULT_MISSING,
        FAR,
    ),
    (
        "copy-destination-in-organization",
        {"subject": COPY, "destination_account": BACKUP, "in_organization": False},
        ("in_organization",),
        CauseKind.ACCOUNT_NOT_MEMBER,
        f"aws:account:{BACKUP}",
    ),
    (
        "copy-cross-account-enabled",
        {"subject": COPY, "cross_account_enabled": False},
        ("cross_account_enabled",),
        CauseKind.CROSS_ACCOUNT_OFF,
        "aws:organization",
    ),
    (
        "copy-destination-admits-source",
        {"subject": COPY, "destination": FAR, "destination_exists": True, "admits_source": False},
        ("admits_source",),
        CauseKind.POLICY_DOES_NOT_ADMIT,
        FAR,
    ),
    (
        "copy-destination-admits-source",
        {"subject": COPY, "destination": FAR, "destination_exists": False, "admits_source": False},
        ("destination_exists", "admits_source"),
        CauseKind.VAULT_MISSING,
        FAR,
    ),
    (
        "copy-source-key-shared",
        {"subject": COPY, "unshared_keys": [OTHER_KEY, KEY]},
        ("unshared_keys",),
        CauseKind.KEY_NOT_SHARED,
        KEY,
    ),
    (
        "copy-customer-managed-key",
        {"subject": COPY, "blocking_keys": [KEY], "destination_key_kind": "customer_managed"},
        ("blocking_keys",),
        CauseKind.AWS_MANAGED_KEY,
        KEY,
    ),
    (
        "copy-customer-managed-key",
        {
            "subject": COPY,
            "destination": FAR,
            "destination_key_kind": "aws_managed",
            "destination_air_gapped": False,
        },
        ("destination_key_kind",),
        CauseKind.VAULT_KEY_NOT_CUSTOMER_MANAGED,
        FAR,
    ),
    (
        "copy-supported",
        {"subject": COPY, "uncopyable_types": ["Redshift"]},
        ("uncopyable_types",),
        CauseKind.TYPE_NOT_COPYABLE,
        COPY,
    ),
    (
        "copy-arrives",
        {"subject": COPY, "destination": FAR, "vault_keys_of_failed_jobs": [KEY]},
        ("vault_keys_of_failed_jobs",),
        CauseKind.VAULT_KEY_NOT_CUSTOMER_MANAGED,
        FAR,
    ),
    (
        "copy-arrives",
        {"subject": COPY, "unshared_keys": [OTHER_KEY], "unshared_keys_of_failed_jobs": [KEY]},
        ("unshared_keys_of_failed_jobs",),
        CauseKind.KEY_NOT_SHARED,
        KEY,
    ),
    (
        "copy-arrives",
        {"subject": COPY, "blocking_keys_of_failed_jobs": [KEY]},
        ("blocking_keys_of_failed_jobs",),
        CauseKind.AWS_MANAGED_KEY,
        KEY,
    ),
    (
        "copy-arrives",
        {"subject": COPY, "uncopyable_types_of_failed_jobs": ["Redshift"]},
        ("uncopyable_types_of_failed_jobs",),
        CauseKind.TYPE_NOT_COPYABLE,
        COPY,
    ),
    (
        "vault-customer-managed-key",
        {"subject": VAULT, "key_kind": "aws_managed", "key_enabled": True},
        ("key_kind",),
        CauseKind.VAULT_KEY_NOT_CUSTOMER_MANAGED,
        VAULT,
    ),
    (
        "vault-customer-managed-key",
        {"subject": VAULT, "key_kind": "customer_managed", "key_enabled": False},
        ("key_enabled",),
        CauseKind.VAULT_KEY_DISABLED,
        VAULT,
    ),
    (
        "account-region-assessed",
        {"subject": f"aws:account-region:{HOME}/eu-west-1", "entered": False},
        (),
        CauseKind.ACCOUNT_NOT_ENTERED,
        f"aws:account:{HOME}",
    ),
)

# Controls that check one setting of their own subject: the failure itself is the proof.
OWN = {
    "rule-lifecycle-valid": CauseKind.LIFECYCLE_INVALID,
    "rule-lifecycle-supported": CauseKind.COLD_STORAGE_UNSUPPORTED,
    "rule-overlap-consistent": CauseKind.RULES_OVERLAP,
    "plan-frequency-and-retention": CauseKind.PLAN_BELOW_TARGET,
    "copy-retention": CauseKind.RETENTION_TOO_SHORT,
    "vault-locked": CauseKind.VAULT_NOT_LOCKED,
    "vault-manual-deletion-denied": CauseKind.VAULT_ALLOWS_DELETION,
    "vault-policy-stays-in-organization": CauseKind.VAULT_OPEN_TO_OUTSIDERS,
    "vault-notifications": CauseKind.VAULT_DOES_NOT_NOTIFY,
    "vault-multi-party-approval": CauseKind.VAULT_WITHOUT_APPROVAL_TEAM,
    "account-backup-policy": CauseKind.NO_BACKUP_POLICY,
    "account-region-assessed": CauseKind.READS_MISSING,
}


def placed(row: dict[str, Any]) -> dict[str, Any]:
    return {"account": HOME, "region": "eu-west-1", **row}


def cause(control: str, row: dict[str, Any], structures: Structures | None = None) -> RootCause | None:
    trace = structure_trace(control, Facts(placed(row), structures or Structures()))
    return None if trace is None else trace.root_cause


@pytest.mark.parametrize(("control", "row", "kind", "subject"), [(*link[:2], *link[3:]) for link in PROVEN])
def test_a_link_that_facts_prove_broken_is_the_cause(
    control: str, row: dict[str, Any], kind: CauseKind, subject: str
) -> None:
    found = cause(control, row)
    assert found is not None
    assert (found.kind, found.subject) == (kind, subject)


@pytest.mark.parametrize(
    ("control", "row", "columns"),
    [(control, row, columns) for control, row, columns, *_ in PROVEN if columns],
)
def test_what_is_unknown_is_never_the_cause(
    control: str, row: dict[str, Any], columns: tuple[str, ...]
) -> None:
    assert cause(control, row | dict.fromkeys(columns)) is None
    lacking = {name: value for name, value in row.items() if name not in columns}
    assert cause(control, lacking) is None


@pytest.mark.parametrize(("control", "kind"), OWN.items())
def test_a_control_of_one_setting_fails_for_its_own_subject(control: str, kind: CauseKind) -> None:
    found = cause(control, {"subject": VAULT, "entered": True})
    assert found is not None
    assert (found.kind, found.subject) == (kind, VAULT)


def test_every_control_with_links_is_tested_here() -> None:
    assert {control for control, *_ in PROVEN} | OWN.keys() == STRUCTURE_LINKS.keys()


def test_a_plan_hangs_on_the_selection_that_selects_nothing() -> None:
    selection = placed({"subject": SELECTION, "plan": PLAN, "name": "p / all", "selects_resources": False})
    row = placed({"subject": PLAN, "selections": 1, "rule_count": 1})
    facts = Facts(row, Structures(selections={SELECTION: selection}))
    trace = structure_trace("plan-protects-something", facts)
    assert trace is not None
    assert trace.root_cause is not None
    assert (trace.root_cause.kind, trace.root_cause.name) == (CauseKind.SELECTS_NOTHING, "p / all")
    assert trace.blocked_by == Blocker("selection-matches-resources", SELECTION)
    unread = Structures(selections={SELECTION: {**selection, "selects_resources": None}})
    assert structure_trace("plan-protects-something", Facts(row, unread)) is None


def test_the_cause_has_the_place_of_its_subject_and_the_evidence_of_its_columns() -> None:
    row = {
        "subject": COPY,
        "destination": FAR,
        "destination_exists": True,
        "admits_source": False,
        "evidence": [
            {"about": "", "file": "evidence/a.jsonl.gz", "line": 1},
            {"about": "admits_source", "file": "evidence/b.jsonl.gz", "line": 7},
        ],
    }
    found = cause("copy-destination-admits-source", row)
    assert found is not None
    assert (found.account, found.region) == (BACKUP, "eu-central-1")
    assert found.evidence == (EvidenceRef("evidence/b.jsonl.gz", 7),)
    whole = cause("copy-destination-exists", row | {"destination_exists": False})
    assert whole is not None
    assert whole.evidence == (EvidenceRef("evidence/a.jsonl.gz", 1),)
