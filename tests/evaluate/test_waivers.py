"""Waivers change failures, until their day has passed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from scanner.evaluate.waivers import Returned, WaiverReport, WaiverRule, Waivers
from scanner.model.finding import Finding, Severity, Status, Waiver

AS_OF = datetime(2026, 11, 22, 18, tzinfo=UTC)
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


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.FAIL])
def test_only_failures_change(status: Status) -> None:
    finding = replace(FAILURE, status=status)
    waivers = Waivers([rule()], AS_OF)
    assert waivers.apply(finding) is finding
    assert waivers.report() == WaiverReport((), (rule(),))


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
    assert bool(waivers.report().unused) is not applies


@pytest.mark.parametrize(
    ("expires", "applies"), [("2026-11-21", False), ("2026-11-22", True), ("2026-11-23", True)]
)
def test_the_last_day_counts(expires: str, *, applies: bool) -> None:
    waivers = Waivers([rule(expires=expires)], AS_OF)
    assert (waivers.apply(FAILURE).status is Status.WAIVED) is applies
    assert bool(waivers.report().expired) is not applies


def test_the_day_is_that_of_utc() -> None:
    late = datetime(2026, 11, 22, 22, tzinfo=timezone(timedelta(hours=-5)))
    assert Waivers([rule(expires="2026-11-22")], late).report().expired


def test_the_first_that_covers_counts_and_the_second_is_unused() -> None:
    first, second = rule(name="first"), rule(name="second")
    waivers = Waivers([first, second], AS_OF)
    assert waivers.apply(FAILURE).waiver == first.waiver
    assert waivers.report() == WaiverReport((), (second,))


def test_an_expired_waiver_tells_the_failures_that_are_back() -> None:
    old, other = rule(expires="2026-11-21", name="old"), rule("nothing", expires="2026-11-21", name="other")
    waivers = Waivers([old, other], AS_OF)
    assert waivers.apply(FAILURE) is FAILURE
    waivers.apply(replace(FAILURE, subject="held", status=Status.PASS))
    assert waivers.returned() == (Returned(old, ((FAILURE.control, FAILURE.subject),)),)


def test_a_failure_that_another_waiver_covers_is_not_back() -> None:
    waivers = Waivers([rule(expires="2026-11-21", name="old"), rule(name="new")], AS_OF)
    assert waivers.apply(FAILURE).status is Status.WAIVED
    assert waivers.returned() == ()
