"""Roles that selections name: there, not there, or not known."""

import json
from typing import Any

import pytest

from scanner.model.inventory import Role
from scanner.model.known import GapKind, Known, Reading, Unread
from scanner.services.base import Gaps
from scanner.services.iam import parse_roles
from tests.fakes.bundles import ACCOUNT, OTHER, REGION, ShardScript, answers_of, parsed

ROLE = f"arn:aws:iam::{ACCOUNT}:role/service-role/Backup"
TRUST = {"Version": "2012-10-17", "Statement": []}
LIST, GET = "iam:ListRoles", "iam:GetRole"


def account() -> ShardScript:
    return ShardScript(ACCOUNT, "aws-global")


def row(arn: str = ROLE, **more: Any) -> dict[str, Any]:
    fields = {"Arn": arn, "RoleName": arn.rpartition("/")[2], "Path": "/service-role/"}
    return {**fields, "AssumeRolePolicyDocument": TRUST, **more}


def read(script: ShardScript, arn: str = ROLE) -> tuple[Reading[Role | None], Gaps]:
    gaps = Gaps()
    answers = answers_of(script.lines(), ACCOUNT, "aws-global")
    return parse_roles(answers, gaps, [arn, arn])[arn], gaps


def value(reading: Reading[Role | None]) -> Role | None:
    assert isinstance(reading, Known)
    return reading.value


def test_a_listed_role_is_known_with_its_trust_policy() -> None:
    reading, gaps = read(account().listed(LIST, row(f"{ROLE}2"), row(f"{ROLE}3"), row()))
    role = value(reading)
    assert role is not None
    assert (role.name, role.path, json.loads(role.trust_policy or "")) == ("Backup", "/service-role/", TRUST)
    assert gaps.all() == ()


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (TRUST, TRUST),
        (json.dumps(TRUST), TRUST),
        ("%7B%22Version%22%3A%20%222012-10-17%22%2C%20%22Statement%22%3A%20%5B%5D%7D", TRUST),
        (None, None),
    ],
)
def test_trust_policies_as_programs_write_them(document: object, expected: object) -> None:
    role = value(read(account().listed(LIST, row(AssumeRolePolicyDocument=document)))[0])
    assert role is not None
    assert (json.loads(role.trust_policy) if role.trust_policy else None) == expected


def test_a_role_that_a_whole_list_leaves_out_does_not_exist() -> None:
    reading, gaps = read(account().listed(LIST, row(f"{ROLE}2")))
    assert value(reading) is None
    assert gaps.all() == ()


def test_a_list_that_failed_or_was_narrowed_proves_no_absence() -> None:
    half = account().call(LIST, {"Roles": [row(f"{ROLE}2")], "IsTruncated": True, "Marker": "m"})
    refused = account().call(LIST, error="AccessDenied")
    narrowed = account().call(LIST, {"Roles": []}, PathPrefix="/other/")
    kinds = []
    for script in (half, refused, narrowed, account()):
        reading, gaps = read(script)
        assert isinstance(reading, Unread)
        assert gaps.all() == (reading.gap,)
        kinds.append((reading.gap.operation, reading.gap.kind))
    assert kinds == [
        (LIST, GapKind.HALF_READ),
        (LIST, GapKind.REFUSED),
        (LIST, GapKind.NEVER_ASKED),
        (LIST, GapKind.NEVER_ASKED),
    ]


def test_a_role_of_a_half_read_list_is_there_all_the_same() -> None:
    half = account().call(LIST, {"Roles": [row()], "IsTruncated": True, "Marker": "m"})
    assert value(read(half)[0]) is not None


def test_get_role_answers_too() -> None:
    found = account().call(GET, {"Role": row()}, RoleName="Backup")
    gone = account().call(GET, error="NoSuchEntity", RoleName="Backup")
    refused = account().call(GET, error="AccessDenied", RoleName="Backup")
    assert value(read(found)[0]) is not None
    assert value(read(gone)[0]) is None
    reading, _ = read(refused)
    assert isinstance(reading, Unread)
    assert (reading.gap.operation, reading.gap.kind) == (GET, GapKind.REFUSED)
    # Either of them will do.
    assert value(read(refused.listed(LIST))[0]) is None


def test_a_role_of_the_same_name_under_another_path_is_another_role() -> None:
    elsewhere = row(f"arn:aws:iam::{ACCOUNT}:role/Backup", Path="/")
    assert value(read(account().call(GET, {"Role": elsewhere}, RoleName="Backup"))[0]) is None
    assert value(read(account().listed(LIST, elsewhere))[0]) is None


def test_the_answer_with_a_trust_policy_is_believed() -> None:
    script = account().call(GET, {"Role": row(AssumeRolePolicyDocument=None)}, RoleName="Backup")
    role = value(read(script.listed(LIST, row()))[0])
    assert role is not None
    assert role.trust_policy is not None


def test_a_role_of_another_account_is_not_known_here() -> None:
    arn = f"arn:aws:iam::{OTHER}:role/Backup"
    reading, _ = read(account().listed(LIST), arn)
    assert isinstance(reading, Unread)
    assert (reading.gap.account, reading.gap.about, reading.gap.kind) == (OTHER, arn, GapKind.NEVER_ASKED)


def test_roles_of_selections_and_of_restore_tests_are_looked_up() -> None:
    tester = f"arn:aws:iam::{ACCOUNT}:role/Tester"
    script = ShardScript(ACCOUNT, REGION).plan("p", selections=[{"IamRoleArn": ROLE}, {"Resources": ["*"]}])
    plan = {"RestoreTestingPlanName": "t", "RestoreTestingPlanArn": "arn"}
    script.listed("backup:ListRestoreTestingPlans", plan)
    chosen = {"RestoreTestingSelectionName": "s", "IamRoleArn": tester}
    script.listed("backup:ListRestoreTestingSelections", chosen, RestoreTestingPlanName="t")
    roles = parsed(script, account().listed(LIST, row())).roles
    assert {arn: value(reading) is not None for arn, reading in roles.items()} == {ROLE: True, tester: False}
    refused = parsed(script, account().call(LIST, error="AccessDenied"))
    assert (LIST, REGION) in {(gap.operation, gap.region) for gap in refused.gaps}
