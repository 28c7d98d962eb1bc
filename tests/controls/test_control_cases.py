"""Runs the cases beside each shipped control, and demands that there are enough of them."""

from pathlib import Path

import pytest

from scanner.evaluate.controls.lint import lint, reachable
from scanner.evaluate.controls.loader import load_controls
from scanner.model.finding import Status
from scanner.resources import controls_folder

CONTROLS = {control.id: control for control in load_controls()}

FRAMEWORKS = {
    "aws-well-architected",
    "cis-controls-8",
    "dora",
    "hipaa",
    "iso-27001-2022",
    "nis-2",
    "nist-800-53-r5",
    "nist-csf-2",
    "pci-dss-4",
    "soc-2",
}

CATALOGUE = {
    "account-region-assessed": {},
    "backup-jobs-succeed": {"window_days": 7, "max_failure_ratio": 0.0},
    "copy-arrives": {"window_days": 7},
    "copy-customer-managed-key": {"exempt_fully_managed": True},
    "copy-destination-exists": {},
    "copy-retention": {"min_days": 35},
    "plan-frequency-and-retention": {"max_interval_hours": 24, "min_retention_days": 35},
    "recovery-point-clean": {},
    "recovery-point-encrypted": {},
    "recovery-point-not-orphaned": {},
    "recovery-point-retention": {"min_days": 35},
    "recovery-point-usable": {},
    "resource-backed-up-recently": {"max_age_hours": 24},
    "resource-continuous-backup": {"types": ()},
    "resource-cross-account-copy": {"accounts": ()},
    "resource-cross-region-copy": {"regions": (), "min_distance_km": 0},
    "resource-in-air-gapped-vault": {"max_age_hours": 0},
    "resource-in-backup-plan": {},
    "resource-meets-rpo": {"max_gap_hours": 24},
    "resource-retention": {"min_days": 35},
    "resource-single-continuous-rule": {},
    "restore-tested": {"max_age_days": 90, "by": "resource"},
    "restore-time-target": {"max_minutes": 720, "window_days": 90},
    "rule-lifecycle-supported": {},
    "rule-lifecycle-valid": {},
    "rule-overlap-consistent": {},
    "rule-retention-within-vault-lock": {},
    "rule-schedule-valid": {},
    "rule-target-vault-exists": {},
    "vault-locked": {"mode": "governance", "min_retention_days": 0, "max_retention_days": 0},
    "vault-manual-deletion-denied": {"exempt_principal_arns": (), "strict": True},
}


@pytest.mark.parametrize("name", sorted(CONTROLS))
def test_every_case_comes_out_as_expected_and_it_lacks_nothing(name: str) -> None:
    assert lint([CONTROLS[name]]) == ()  # it runs the cases


def test_a_case_that_comes_out_otherwise_is_a_mistake(tmp_path: Path) -> None:
    for file in controls_folder().glob("vault-locked*.yaml"):
        text = file.read_text(encoding="utf-8")
        (tmp_path / file.name).write_text(text.replace("status: pass", "status: fail", 1), encoding="utf-8")
    (control,) = load_controls([str(tmp_path)])
    assert "expected fail, came out as pass" in lint([control])[0].message


@pytest.mark.parametrize("name", sorted(CONTROLS))
def test_every_control_says_why_and_what_to_do(name: str) -> None:
    control = CONTROLS[name]
    assert control.motivation
    assert control.remediation.text
    assert control.remediation.cli
    assert control.remediation.terraform
    assert control.remediation.cloudformation
    assert set(control.frameworks) <= FRAMEWORKS
    assert all(control.parameter_rules[each].doc for each in control.parameters)


def test_ids_and_parameters_are_those_of_the_catalogue() -> None:
    shipped = {name: dict(control.parameters) for name, control in CONTROLS.items()}
    assert {name: shipped.get(name) for name in CATALOGUE} == CATALOGUE


def test_few_controls_cannot_be_unknown() -> None:
    certain = {name for name, control in CONTROLS.items() if Status.UNKNOWN not in reachable(control)}
    # A rule or a copy action has a row only where its plan was read, and that says all that these ask.
    of_the_plan_itself = {"copy-retention", "rule-lifecycle-valid"}
    assert certain == of_the_plan_itself


def test_every_control_has_titles_for_the_catalogue_and_for_failures() -> None:
    titles = [title for control in CONTROLS.values() for title in (control.title, control.failure_title)]
    assert "" not in titles
    assert len(set(titles)) == len(titles)
    assert [title for title in titles if title.endswith(".") or len(title) > 100] == []
