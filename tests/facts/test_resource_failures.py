"""What failed last of a resource, where lists are not whole and jobs do not tell how they ended."""

from typing import Any

import pytest

from scanner.facts.resource_jobs import Failures, HistoryColumns, failures_of
from scanner.model.facts import BackupJobResult, CopyChain, RestoreResult
from scanner.model.known import Ternary
from tests.fakes.bundles import OTHER, vault_arn

AWAY, OLD = vault_arn("away", OTHER), vault_arn("old", OTHER)
ACTIONS = {("rule", AWAY)}


def backup(**more: Any) -> BackupJobResult:
    result: dict[str, Any] = {
        "job": "b",
        "resource": "r",
        "state": "COMPLETED",
        "age_hours": 1.0,
        "finished": True,
        "succeeded": True,
        "failed": False,
        "newest": True,
        "backup_type": "",
        "category": "",
        "message": "",
        "issues": "",
    }
    return BackupJobResult(**(result | more))


def chain(**more: Any) -> CopyChain:
    result: dict[str, Any] = {
        "rule": "rule",
        "destination": AWAY,
        "age_hours": 1.0,
        "state": "COMPLETED",
        "succeeded": True,
        "behind": False,
        "category": "",
        "message": "",
        "issues": "",
    }
    return CopyChain(**(result | more))


def restore(**more: Any) -> RestoreResult:
    result: dict[str, Any] = {
        "job": "j",
        "resource": "r",
        "state": "COMPLETED",
        "age_days": 1.0,
        "minutes": 9.0,
        "completed": True,
        "validated": True,
        "validation_reported": True,
        "message": "",
    }
    return RestoreResult(**(result | more))


def failures(
    backups: tuple[BackupJobResult | None, ...] = (backup(),),
    copies: tuple[CopyChain | None, ...] = (),
    restores: tuple[RestoreResult | None, ...] = (restore(),),
    *,
    has_backup: Ternary = True,
) -> Failures:
    past = HistoryColumns(backups, copies, restores, ())
    return failures_of(past, ACTIONS, has_backup=has_backup)


FAILED = {"state": "FAILED", "succeeded": False}


@pytest.mark.parametrize(
    ("backups", "has_backup", "expected"),
    [
        ((backup(),), False, True),
        ((backup(**FAILED),), True, False),
        ((backup(newest=None),), True, None),  # another one may be newer
        ((backup(succeeded=None),), True, None),
        ((backup(newest=False), None), True, None),
        ((backup(newest=False),), True, True),  # it is under way, and there is a backup of before
        ((), True, True),
        ((), False, False),
        ((), None, None),
        ((None,), True, None),
    ],
)
def test_the_newest_backup(
    backups: tuple[BackupJobResult | None, ...], has_backup: Ternary, expected: Ternary
) -> None:
    assert failures(backups, has_backup=has_backup).none is expected


@pytest.mark.parametrize(
    ("copies", "expected"),
    [
        ((), True),
        ((None,), None),
        ((chain(),), True),
        ((chain(**FAILED),), False),
        ((chain(**FAILED), None), False),
        ((chain(succeeded=None, state=None, age_hours=None),), None),
        ((chain(state="", succeeded=False),), True),  # none is finished yet
        ((chain(), chain(rule="", **FAILED)), False),  # by hand, into the vault that it is copied to
        ((chain(), chain(rule="gone", destination=OLD, **FAILED)), True),  # a rule that copies it no more
        ((chain(rule="gone", destination=OLD, age_hours=2.0, **FAILED),), False),
        (
            (chain(rule="gone", destination=OLD, **FAILED), chain(rule="", destination=OLD, age_hours=0.5)),
            True,
        ),
        (
            (
                chain(rule="gone", destination=OLD),
                chain(rule="", destination=OLD, age_hours=None, state=None, succeeded=None),
            ),
            None,
        ),
    ],
)
def test_the_newest_copy_by_each_rule_that_copies_it_now(
    copies: tuple[CopyChain | None, ...], expected: Ternary
) -> None:
    assert failures(copies=copies).none is expected


@pytest.mark.parametrize(
    ("restores", "expected"),
    [
        ((restore(),), True),
        ((), False),
        ((None,), None),
        ((restore(age_days=90.0),), True),
        ((restore(age_days=90.1),), False),
        ((restore(age_days=None),), None),
        ((restore(completed=False, state="FAILED"), restore(age_days=2.0)), False),
        ((restore(validated=False),), False),
        ((restore(completed=None, state=""),), None),
        ((restore(completed=False, state="RUNNING"), restore(age_days=2.0)), True),
        ((restore(), None), None),
    ],
)
def test_the_newest_restore_test_of_90_days(
    restores: tuple[RestoreResult | None, ...], expected: Ternary
) -> None:
    assert failures(restores=restores).none is expected


def test_failures_are_told_in_words() -> None:
    found = failures((backup(**FAILED),), (chain(**FAILED),), (restore(validated=False),))
    assert found.failed == (
        "the latest backup job ended with status FAILED",
        "the latest copy into away ended with status FAILED",
        "the latest restore was not validated",
    )
