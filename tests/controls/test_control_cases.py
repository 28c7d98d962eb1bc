"""Runs the cases beside each shipped control, and demands that there are enough of them."""

from dataclasses import fields, is_dataclass
from types import NoneType
from typing import Any, get_args, get_type_hints

import pytest

from scanner.evaluate.cases import cases_file, load_cases, run_cases, undemonstrated
from scanner.evaluate.compiled import compile_control
from scanner.evaluate.loader import load_controls
from scanner.model.control import Control
from scanner.model.facts import columns
from scanner.model.finding import Status

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
    "copy-customer-managed-key": {"exempt_fully_managed": True},
    "copy-destination-exists": {},
    "plan-frequency-and-retention": {"max_interval_hours": 24, "min_retention_days": 35},
    "recovery-point-encrypted": {},
    "recovery-point-retention": {"min_days": 35},
    "resource-backed-up-recently": {"max_age_hours": 24},
    "resource-cross-account-copy": {"accounts": ()},
    "resource-cross-region-copy": {"regions": ()},
    "resource-in-backup-plan": {},
    "vault-locked": {"mode": "governance", "min_retention_days": 0, "max_retention_days": 0},
    "vault-manual-deletion-denied": {"exempt_principal_arns": (), "strict": True},
}


def may_be_unknown(annotation: Any) -> bool:
    if annotation is NoneType:
        return True
    if isinstance(annotation, type) and is_dataclass(annotation):
        hints = get_type_hints(annotation)
        return any(may_be_unknown(hints[field.name]) for field in fields(annotation))
    return any(map(may_be_unknown, get_args(annotation)))


def reachable(control: Control) -> set[Status]:
    judges = compile_control(control).judges
    known = not any(may_be_unknown(each.type) for each in columns(control.subject) if each.name in judges)
    return {Status.PASS, Status.FAIL, Status.NOT_APPLICABLE, *(() if known else (Status.UNKNOWN,))}


@pytest.mark.parametrize("name", sorted(CONTROLS))
def test_every_case_comes_out_as_expected(name: str) -> None:
    control = CONTROLS[name]
    outcomes = run_cases(control, load_cases(control, cases_file(control)))
    assert [outcome.difference for outcome in outcomes if outcome.difference] == []


@pytest.mark.parametrize("name", sorted(CONTROLS))
def test_every_status_that_can_come_out_has_a_case(name: str) -> None:
    control = CONTROLS[name]
    missing = undemonstrated(load_cases(control, cases_file(control)))
    assert set(missing) & reachable(control) == set()


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


def test_only_one_control_cannot_be_unknown() -> None:
    certain = {name for name, control in CONTROLS.items() if Status.UNKNOWN not in reachable(control)}
    assert certain == {"account-region-assessed"}
