"""Waivers change failures, until their day has passed; then they are findings themselves."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from scanner.evaluate.decisions.waivers import CONTROL, EXPIRED, WaiverRule, Waivers
from scanner.evaluate.engine import evaluate
from scanner.model.decisions import Waiver, WaiverState
from scanner.model.finding import Finding, Severity, Status
from scanner.storage.parquet import arrow_table

AS_OF = datetime(2026, 11, 22, 18, tzinfo=UTC)
HOME = "999999999999"
FAILURE = Finding(
    control="vault-locked",
    status=Status.FAIL,
    severity=Severity.HIGH,
    subject="arn:aws:backup:eu-west-1:111111111111:backup-vault:test-1",
    subject_type="vault",
    account="111111111111",
    region="eu-west-1",
    reason="Vault Lock is off.",
)


def rule(
    subject: str = "*", control: str = "vault-locked", expires: str = "2026-12-31", name: str = "w"
) -> WaiverRule:
    return WaiverRule(control, subject, Waiver(name, "owner", "approver", "a test vault", expires))


def states(waivers: Waivers, controls: Sequence[str] = ("vault-locked",)) -> list[WaiverState]:
    return [each.state for each in waivers.uses(controls)]


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.FAIL])
def test_only_failures_change(status: Status) -> None:
    finding = replace(FAILURE, status=status)
    waivers = Waivers([rule()], AS_OF)
    assert waivers.apply(finding) is finding
    is_open = status in (Status.UNKNOWN, Status.ERROR)
    assert states(waivers) == [WaiverState.UNDECIDED if is_open else WaiverState.UNUSED]


@pytest.mark.parametrize(
    ("subject", "control", "applies"),
    [
        ("*", "vault-locked", True),
        ("arn:aws:backup:*:backup-vault:test-*", "*", True),
        (FAILURE.subject, "vault-locked", True),
        ("arn:aws:backup:*:backup-vault:test", "vault-locked", False),
        ("arn:aws:backup:*:backup-vault:test-?", "vault-locked", False),
        ("arn:aws:backup:*:backup-vault:test-[0-9]", "vault-locked", False),
        ("*", "vault", False),
        ("*", "vault-*", True),
    ],
)
def test_a_star_is_any_text_and_nothing_else_is_special(subject: str, control: str, *, applies: bool) -> None:
    waivers = Waivers([rule(subject, control)], AS_OF)
    assert (waivers.apply(FAILURE).status is Status.WAIVED) is applies
    assert (WaiverState.IN_USE in states(waivers)) is applies


@pytest.mark.parametrize(
    ("expires", "applies"), [("2026-11-21", False), ("2026-11-22", True), ("2026-11-23", True)]
)
def test_the_last_day_counts(expires: str, *, applies: bool) -> None:
    waivers = Waivers([rule(expires=expires)], AS_OF, HOME)
    assert (waivers.apply(FAILURE).status is Status.WAIVED) is applies
    assert states(waivers) == [WaiverState.IN_USE if applies else WaiverState.EXPIRED]
    assert bool([*waivers.findings()]) is not applies


def test_the_day_is_that_of_utc() -> None:
    late = datetime(2026, 11, 22, 22, tzinfo=timezone(timedelta(hours=-5)))
    assert states(Waivers([rule(expires="2026-11-22")], late)) == [WaiverState.EXPIRED]


def test_the_first_that_covers_counts_and_the_second_is_unused() -> None:
    first, second = rule(name="first"), rule(name="second")
    waivers = Waivers([first, second], AS_OF)
    assert waivers.apply(FAILURE).waiver == first.waiver
    assert states(waivers) == [WaiverState.IN_USE, WaiverState.UNUSED]


def test_a_waiver_of_a_control_that_was_not_asked_is_not_called_unused() -> None:
    waivers = Waivers([rule(), rule(control="vault-*")], AS_OF)
    assert states(waivers, ("resource-in-backup-plan",)) == [WaiverState.NOT_ASKED] * 2


def test_failures_are_counted() -> None:
    waivers = Waivers([rule(expires="2026-11-21", name="old"), rule("*test-2", name="new")], AS_OF)
    assert waivers.apply(FAILURE) is FAILURE
    waivers.apply(replace(FAILURE, subject="test-2"))
    waivers.apply(replace(FAILURE, subject="test-2", status=Status.UNKNOWN))
    old, new = waivers.uses(["vault-locked"])
    assert (old.covers, old.open) == (1, 1)
    assert (new.covers, new.open, new.state) == (1, 1, WaiverState.IN_USE)


def test_an_expired_waiver_is_a_failure_of_its_own() -> None:
    waivers = Waivers(
        [rule(expires="2026-11-21", name="b"), rule(expires="2026-01-01", name="a")], AS_OF, HOME
    )
    first, second = waivers.findings()
    assert (first.subject, second.subject) == ("waiver/a", "waiver/b")
    assert (second.control, second.status, second.severity) == (EXPIRED, Status.FAIL, Severity.MEDIUM)
    assert (second.subject_type, second.account, second.region) == ("waiver", HOME, "aws-global")
    assert second.reason == (
        "Waiver b of vault-locked for * expired on 2026-11-21, 1 day ago. "
        "owner owns it; approver approved it."
    )
    assert second.details["days_expired"] == 1


def test_a_waiver_that_has_expired_is_never_waived() -> None:
    everything = rule(control="*", name="everything")
    waivers = Waivers([rule(expires="2026-11-21", name="old"), everything], AS_OF, HOME)
    (finding,) = waivers.findings()
    assert waivers.apply(finding) is finding


def test_findings_of_waivers_stand_where_their_control_does(resource: Any, control: Any) -> None:
    tables = {"resource": arrow_table("resource", [resource(covered=True)])}
    waivers = Waivers([rule(expires="2026-11-21")], AS_OF, HOME)
    asked = [control(id="waiver"), control(id="zebra")]
    found = list(evaluate(tables, asked, as_of=AS_OF, waivers=waivers))
    assert [each.control for each in found] == ["waiver", EXPIRED, "zebra"]
    last = list(evaluate(tables, asked[:1], as_of=AS_OF, waivers=Waivers([rule()], AS_OF, HOME)))
    assert [each.control for each in last] == ["waiver"]
    assert CONTROL.id == EXPIRED
