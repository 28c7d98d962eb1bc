"""The eleven controls of AWS Backup Audit Manager as ours: parameters, units, what has no counterpart."""

from typing import Any

import pytest

from scanner.evaluate.compliance.audit_manager import (
    COUNTERPARTS,
    ScopeOfControl,
    compare,
    scope_of,
    scope_words,
    shown,
    translate,
)
from scanner.evaluate.controls.loader import load_controls
from scanner.evaluate.controls.spec import check_parameters
from scanner.model.assurance import FrameworkControl
from scanner.model.compliance import Comparison

PLAN = "BACKUP_RESOURCES_PROTECTED_BY_BACKUP_PLAN"
FREQUENCY = "BACKUP_PLAN_MIN_FREQUENCY_AND_MIN_RETENTION_CHECK"
DELETION = "BACKUP_RECOVERY_POINT_MANUAL_DELETION_DISABLED"
ENCRYPTED = "BACKUP_RECOVERY_POINT_ENCRYPTED"
RETENTION = "BACKUP_RECOVERY_POINT_MINIMUM_RETENTION_CHECK"
CROSS_REGION = "BACKUP_RESOURCES_PROTECTED_BY_CROSS_REGION"
CROSS_ACCOUNT = "BACKUP_RESOURCES_PROTECTED_BY_CROSS_ACCOUNT"
LOCK = "BACKUP_RESOURCES_PROTECTED_BY_BACKUP_VAULT_LOCK"
LAST = "BACKUP_LAST_RECOVERY_POINT_CREATED"
RESTORE = "RESTORE_TIME_FOR_RESOURCES_MEET_TARGET"
AIR_GAP = "RESOURCES_IN_LOGICALLY_AIR_GAPPED_VAULT"

ROLE = "arn:aws:iam::111111111111:role/Break"


def given(name: str, *more: tuple[str, str], **parameters: str) -> FrameworkControl:
    return FrameworkControl(name, (*parameters.items(), *more), (), (), ())


def scoped(name: str, **scope: Any) -> FrameworkControl:
    limits = {"resource_ids": (), "resource_types": (), "tags": ()} | scope
    return FrameworkControl(name, (), **limits)


@pytest.mark.parametrize(
    ("control", "ours", "parameters"),
    [
        (given(PLAN), "resource-in-backup-plan", {}),
        (
            given(FREQUENCY),
            "plan-frequency-and-retention",
            {"max_interval_hours": 24, "min_retention_days": 35},
        ),
        (
            given(
                FREQUENCY,
                requiredFrequencyUnit="hours",
                requiredFrequencyValue="12",
                requiredRetentionDays="365",
            ),
            "plan-frequency-and-retention",
            {"max_interval_hours": 12, "min_retention_days": 365},
        ),
        (
            given(FREQUENCY, requiredFrequencyUnit="days", requiredFrequencyValue="7"),
            "plan-frequency-and-retention",
            {"max_interval_hours": 168, "min_retention_days": 35},
        ),
        (
            given(DELETION),
            "vault-manual-deletion-denied",
            {"exempt_principal_arns": (), "strict": False},
        ),
        (
            given(DELETION, principalArnList=f"{ROLE}, {ROLE}2,{ROLE}"),
            "vault-manual-deletion-denied",
            {"exempt_principal_arns": (ROLE, f"{ROLE}2"), "strict": False},
        ),
        (given(ENCRYPTED), "recovery-point-encrypted", {}),
        (given(RETENTION), "recovery-point-retention", {"min_days": 35}),
        (given(RETENTION, requiredRetentionDays=" 7 "), "recovery-point-retention", {"min_days": 7}),
        (given(CROSS_REGION), "resource-cross-region-copy", {"regions": ()}),
        (
            given(CROSS_REGION, crossRegionList="eu-west-1"),
            "resource-cross-region-copy",
            {"regions": ("eu-west-1",)},
        ),
        (given(CROSS_ACCOUNT), "resource-cross-account-copy", {"accounts": ()}),
        (
            given(CROSS_ACCOUNT, crossAccountList="012345678901"),
            "resource-cross-account-copy",
            {"accounts": ("012345678901",)},
        ),
        (
            given(LOCK),
            "vault-locked",
            {"mode": "governance", "min_retention_days": 0, "max_retention_days": 0},
        ),
        (
            given(LOCK, minRetentionDays="7", maxRetentionDays="365"),
            "vault-locked",
            {"mode": "governance", "min_retention_days": 7, "max_retention_days": 365},
        ),
        (given(LAST), "resource-backed-up-recently", {"max_age_hours": 24}),
        (
            given(LAST, recoveryPointAgeUnit="days", recoveryPointAgeValue="31"),
            "resource-backed-up-recently",
            {"max_age_hours": 744},
        ),
        (
            given(LAST, recoveryPointAgeUnit="hours", recoveryPointAgeValue="3"),
            "resource-backed-up-recently",
            {"max_age_hours": 3},
        ),
        (
            given(RESTORE, maxRestoreTime="720"),
            "restore-time-target",
            {"max_minutes": 720, "window_days": 36_500},
        ),
        (
            given(AIR_GAP, recoveryPointAgeUnit="days", recoveryPointAgeValue="91"),
            "resource-in-air-gapped-vault",
            {"max_age_hours": 2184},
        ),
        (
            given(AIR_GAP, recoveryPointAgeUnit="hours", recoveryPointAgeValue="48"),
            "resource-in-air-gapped-vault",
            {"max_age_hours": 48},
        ),
    ],
)
def test_a_control_as_ours(control: FrameworkControl, ours: str, parameters: dict[str, Any]) -> None:
    made = translate(control)
    assert (made.control, dict(made.parameters), made.notes) == (ours, parameters, ())


def test_every_counterpart_says_the_same_of_itself() -> None:
    """Ours name Audit Manager's controls too (`audit_manager`): both tables agree, and none is left out."""
    declared = {control.audit_manager: control.id for control in load_controls() if control.audit_manager}
    assert {name: each.control for name, each in COUNTERPARTS.items()} == declared
    assert len(COUNTERPARTS) == 11


@pytest.mark.parametrize("name", COUNTERPARTS)
def test_what_is_translated_is_what_our_controls_take(name: str) -> None:
    controls = load_controls()
    wanted = {
        "requiredFrequencyValue": "3",
        "recoveryPointAgeValue": "3",
        "requiredRetentionDays": "3",
        "minRetentionDays": "3",
        "maxRetentionDays": "3",
        "maxRestoreTime": "3",
        "crossRegionList": "eu-west-1",
        "crossAccountList": "111111111111",
        "principalArnList": ROLE,
    }
    made = translate(given(name, **wanted))
    assert check_parameters(controls, {made.control: dict(made.parameters)}) == ()


# What has no counterpart is told


@pytest.mark.parametrize(
    ("control", "note", "parameters"),
    [
        (given("BACKUP_OF_TOMORROW", limit="3"), "'limit' = '3'", {}),
        (given(PLAN, requiredRetentionDays="35"), "'requiredRetentionDays' = '35'", {}),
        (given(ENCRYPTED, ("", "")), "'' = ''", {}),
        (given(RETENTION, requiredRetentionDays="1 year"), "a whole number", {}),
        (given(RETENTION, requiredRetentionDays="0"), "a whole number", {}),
        (given(RETENTION, requiredRetentionDays="-5"), "a whole number", {}),
        (given(RETENTION, requiredRetentionDays="9" * 5000), "a whole number", {}),
        (given(RETENTION, requiredRetentionDays="\u0663\u0665"), "a whole number", {}),
        (
            given(FREQUENCY, requiredFrequencyUnit="weeks", requiredFrequencyValue="1"),
            "must be hours or days",
            {"min_retention_days": 35},
        ),
        (given(RESTORE), "has no default", {"window_days": 36_500}),
        (
            given(DELETION, principalArnList=f"{ROLE},arn:aws:iam::111111111111:role/*"),
            "would match other principals",
            {"exempt_principal_arns": (ROLE,), "strict": False},
        ),
        (
            given(CROSS_REGION, crossRegionList="eu-west-1,eu-west-2"),
            "does not document",
            {"regions": ("eu-west-1", "eu-west-2")},
        ),
        (
            given(RETENTION, ("requiredRetentionDays", "7"), ("requiredRetentionDays", "70")),
            "occurs twice",
            {"min_days": 7},
        ),
    ],
)
def test_what_cannot_be_said_is_told(
    control: FrameworkControl, note: str, parameters: dict[str, Any]
) -> None:
    made = translate(control)
    assert len(made.notes) == 1
    assert note in made.notes[0]
    assert dict(made.parameters) == parameters
    assert compare(made, {"min_days": 35, "max_minutes": 1, "regions": ()}) in (
        Comparison.NOT_COMPARABLE,
        Comparison.NO_COUNTERPART,
    )


def test_a_note_is_one_line_however_hostile_the_text() -> None:
    (note,) = translate(given(PLAN, ("a\nb\u202e", "x" * 1000))).notes
    assert "\n" not in note
    assert "\u202e" not in note
    assert len(note) < 200
    assert shown("plain") == "'plain'"


# Comparing


@pytest.mark.parametrize(
    ("control", "ours", "expected"),
    [
        (given(PLAN), {}, Comparison.EQUAL),
        (given(RETENTION), {"min_days": 35}, Comparison.EQUAL),
        (given(RETENTION), {"min_days": 36}, Comparison.STRICTER),
        (given(RETENTION), {"min_days": 34}, Comparison.WEAKER),
        (given(RETENTION), {}, Comparison.NOT_COMPARABLE),
        (given(FREQUENCY), {"max_interval_hours": 12, "min_retention_days": 35}, Comparison.STRICTER),
        (given(FREQUENCY), {"max_interval_hours": 25, "min_retention_days": 1}, Comparison.WEAKER),
        (given(FREQUENCY), {"max_interval_hours": 12, "min_retention_days": 1}, Comparison.NOT_COMPARABLE),
        (given(LAST), {"max_age_hours": 0}, Comparison.STRICTER),
        (given(AIR_GAP), {"max_age_hours": 0}, Comparison.WEAKER),  # there 0 is any age
        (given(AIR_GAP), {"max_age_hours": 1}, Comparison.STRICTER),
        (given(DELETION), {"exempt_principal_arns": (), "strict": False}, Comparison.EQUAL),
        (given(DELETION), {"exempt_principal_arns": (), "strict": True}, Comparison.STRICTER),
        (given(DELETION), {"exempt_principal_arns": (ROLE,), "strict": False}, Comparison.WEAKER),
        (given(DELETION), {"exempt_principal_arns": (ROLE,), "strict": True}, Comparison.NOT_COMPARABLE),
        (given(CROSS_REGION), {"regions": ()}, Comparison.EQUAL),
        (given(CROSS_REGION), {"regions": ("eu-west-1",)}, Comparison.STRICTER),
        (given(CROSS_REGION, crossRegionList="eu-west-1"), {"regions": ()}, Comparison.WEAKER),
        (given(CROSS_REGION, crossRegionList="eu-west-1"), {"regions": ["eu-west-1"]}, Comparison.EQUAL),
        (
            given(CROSS_REGION, crossRegionList="eu-west-1"),
            {"regions": ("eu-west-1", "eu-west-2")},
            Comparison.WEAKER,
        ),
        (
            given(CROSS_REGION, crossRegionList="eu-west-1"),
            {"regions": ("eu-west-2",)},
            Comparison.NOT_COMPARABLE,
        ),
        (
            given(LOCK, maxRetentionDays="365"),
            {"mode": "compliance", "min_retention_days": 0, "max_retention_days": 0},
            Comparison.NOT_COMPARABLE,
        ),
        (
            given(LOCK),
            {"mode": "compliance", "min_retention_days": 7, "max_retention_days": 365},
            Comparison.STRICTER,
        ),
        (given("BACKUP_OF_TOMORROW"), {}, Comparison.NO_COUNTERPART),
    ],
)
def test_our_parameters_beside_theirs(
    control: FrameworkControl, ours: dict[str, Any], expected: Comparison
) -> None:
    assert compare(translate(control), ours) is expected


# Scopes


@pytest.mark.parametrize(
    ("control", "types", "unknown"),
    [
        (scoped(RESTORE), ("Aurora", "DynamoDB", "EBS", "EC2", "EFS", "FSx", "RDS", "S3"), ()),
        (scoped(PLAN, resource_types=("StorageGateway", "s3")), ("S3", "Storage Gateway"), ()),
        (scoped(PLAN, resource_types=("AWS::EC2::Volume",)), ("EBS",), ()),
        (scoped(AIR_GAP, resource_types=("DynamoDB", "EBS")), ("EBS",), ("DynamoDB",)),
        (scoped(PLAN, resource_types=("Teapot",)), (), ("Teapot",)),
        (scoped(FREQUENCY, resource_types=("AWS::Backup::BackupPlan",)), None, ()),
        (scoped(FREQUENCY, resource_types=("EBS",)), None, ("EBS",)),
    ],
)
def test_the_types_of_a_scope(
    control: FrameworkControl, types: tuple[str, ...] | None, unknown: tuple[str, ...]
) -> None:
    assert scope_of(control) == ScopeOfControl(types, (), (), unknown)


def test_a_scope_in_words() -> None:
    control = scoped(
        PLAN, resource_types=("EBS", "RDS"), resource_ids=("vol-1",), tags=(("tier", "gold"), ("env", ""))
    )
    assert scope_words(control) == (
        "resource types 'EBS', 'RDS'",
        "resource ids 'vol-1'",
        "tag 'tier' = 'gold'",
        "tag 'env'",
    )
    assert scope_words(scoped(PLAN)) == ()
