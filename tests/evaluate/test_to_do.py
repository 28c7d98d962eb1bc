"""What to do about an unknown follows from why the read is missing, each cause in its own words."""

import re

import pytest

from scanner.evaluate.to_do import Cause, MissingRead, to_do_of
from scanner.model.known import GapKind
from scanner.services.catalogue import OPERATIONS, iam_actions

ACCOUNT, REGION = "111111111111", "eu-west-1"


def read(
    kind: str = "refused", code: str = "", operation: str = "backup:GetBackupPlan", **more: str
) -> MissingRead:
    told = {
        "operation": operation,
        "of": "p",
        "account": ACCOUNT,
        "region": REGION,
        "kind": kind,
        "code": code,
    }
    return MissingRead(**{**told, **more})


@pytest.mark.parametrize(
    ("missing", "cause", "words", "command"),
    [
        (
            read("refused", "AccessDenied"),
            Cause.REFUSED,
            "Allow backup:GetBackupPlan for the role",
            "audit policy",
        ),
        (read("refused", "OptInRequired"), Cause.NOT_SUBSCRIBED, "activate it", "audit run"),
        (read("failed", "BudgetExceeded"), Cause.THROTTLED, "throttled", "--concurrency 2"),
        (read("failed", "ThrottlingException"), Cause.THROTTLED, "throttled", "--concurrency 2"),
        (read("failed", "MalformedAnswer"), Cause.BROKEN, "does not have the form", "audit run"),
        (read("failed", "InternalError"), Cause.FAILED, "failed to answer", "audit run"),
        (read("never asked"), Cause.NEVER_ASKED, "audit run --resume", "audit run"),
        (read("half read"), Cause.HALF_READ, "Pages of backup:GetBackupPlan of p", "audit run"),
        (
            read("refused", "AccessDenied", "sts:AssumeRole"),
            Cause.NOT_ENTERED,
            "could not be entered",
            "role.yaml",
        ),
        (
            read("outside the scope"),
            Cause.OUT_OF_SCOPE,
            f"{ACCOUNT}/{REGION} is outside the scope",
            "--region",
        ),
        (read("never asked", "not-opted-in"), Cause.NOT_ENABLED, "the Region is not enabled", ""),
        (
            read("not reported", "", "s3:ListBuckets"),
            Cause.NOT_REPORTED,
            "without a required value",
            "get-bucket-location",
        ),
        (read("", "", "", of="", account="", region=""), Cause.OPEN, "Another scan cannot resolve this", ""),
    ],
)
def test_each_cause_has_its_own_words(missing: MissingRead, cause: Cause, words: str, command: str) -> None:
    told = to_do_of([missing])
    assert missing.cause is cause
    assert words in told.text
    assert command in told.cli
    assert bool(told.cli) is bool(command)


def test_every_kind_of_gap_has_a_cause() -> None:
    assert {read(kind.value).cause for kind in GapKind} >= {Cause.REFUSED, Cause.FAILED, Cause.HALF_READ}
    assert all(to_do_of([read(kind.value)]).text for kind in GapKind)


def test_nothing_missing_and_nothing_told_is_open() -> None:
    assert to_do_of([]) == to_do_of([read("", "", "", of="", account="", region="")])


def test_causes_are_told_together_and_what_is_open_only_alone() -> None:
    told = to_do_of(
        [
            read("refused", "AccessDenied", "kms:GetKeyPolicy"),
            read("refused", "AccessDenied", "s3:GetBucketEncryption", account="222222222222"),
            read("never asked"),
            read("", "", "", of="", account="", region=""),
        ]
    )
    assert "Allow kms:GetKeyPolicy, s3:GetEncryptionConfiguration" in told.text
    assert "The key policy must allow it" in told.text
    assert "No permission" not in told.text
    assert told.cli.splitlines()[-1] == (
        f"audit run --account {ACCOUNT} --account 222222222222 --region {REGION} --out NEW_SCAN_DIR"
    )


def test_the_organisation_is_read_by_who_starts_the_scan() -> None:
    told = to_do_of([read("refused", "AccessDenied", "organizations:ListAccounts", region="org")])
    assert "for the principal that starts the scan" in told.text
    assert "audit policy --part caller" in told.cli
    assert told.cli.endswith("audit run --org --out NEW_SCAN_DIR")


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda each: each.key)
def test_the_actions_are_those_that_the_collectors_declare(operation: object) -> None:
    assert iam_actions(operation.key) == operation.actions  # type: ignore[attr-defined]


def test_no_text_has_a_hole() -> None:
    assert not any(re.search(r"[{}]|  ", to_do_of([read(kind.value)]).text) for kind in GapKind)
