"""A finding that failed is called by its failure, any other one by the requirement."""

from dataclasses import replace

import pytest

from scanner.model.control import Control
from scanner.model.finding import Severity, Status

CONTROL = Control(
    id="vault-locked",
    title="Vault is locked",
    failure_title="Vault is not locked",
    severity=Severity.HIGH,
    subject="vault",
    population="true",
    require="true",
    reason="Vault Lock is off.",
)


@pytest.mark.parametrize("status", list(Status))
def test_only_failures_are_called_failures(status: Status) -> None:
    failed = status in {Status.FAIL, Status.WAIVED}
    assert CONTROL.title_of(status) == ("Vault is not locked" if failed else "Vault is locked")


def test_without_a_title_of_its_own_a_failure_says_that_the_requirement_is_not_met() -> None:
    assert replace(CONTROL, failure_title="").failure == "Not met: Vault is locked"


def test_a_control_that_is_known_by_its_id_alone_is_called_by_it() -> None:
    assert replace(CONTROL, title="vault-locked", failure_title="").failure == "vault-locked"
