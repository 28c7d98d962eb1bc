"""What two sets of principals have in common. Each row names the rule it shows."""

import pytest

from scanner.protection.policy.match import Patterns, intersection, pair_intersection, session_of

ROLE = "arn:aws:iam::111122223333:role/team/backup"
ROLES = "arn:aws:iam::111122223333:role/*"
SESSION = "arn:aws:sts::111122223333:assumed-role/backup/one"
USER = "arn:aws:iam::111122223333:user/backup"
ELSEWHERE = "arn:aws:iam::444455556666:role/team/backup"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        pytest.param(ROLE, ROLE, (ROLE,), id="one and the same"),
        pytest.param(ROLE, ROLES, (ROLE,), id="the narrower of two"),
        pytest.param(ROLES, ROLE, (ROLE,), id="the narrower of two, turned round"),
        pytest.param(SESSION, ROLE, (SESSION,), id="a session is of its role"),
        pytest.param(ROLE, SESSION, (SESSION,), id="a session is of its role, turned round"),
        pytest.param(SESSION, ELSEWHERE, (), id="a session is of no role of another account"),
        pytest.param(SESSION, USER, (), id="a session is of no user"),
        pytest.param(ROLE, USER, (), id="nothing in common"),
        pytest.param(f"{ROLES}x", f"{ROLE}*", (None,), id="what is in both has no pattern of its own"),
        pytest.param(None, ROLE, (None,), id="what is unknown may be in it"),
        pytest.param(ROLE, None, (None,), id="what is unknown may be in it, turned round"),
    ],
)
def test_what_two_patterns_share(one: str | None, other: str | None, expected: Patterns) -> None:
    assert pair_intersection(one, other) == expected


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        pytest.param((ROLE, USER), (USER, ELSEWHERE), (USER,), id="what both hold"),
        pytest.param((ROLE, USER), (ROLES,), (ROLE,), id="what a pattern of theirs covers"),
        pytest.param((ROLES,), (ROLE, USER), (ROLE,), id="what a pattern of ours covers"),
        pytest.param((ROLE,), (SESSION,), (SESSION,), id="a session of theirs"),
        pytest.param((None, ROLE), (ROLE,), (ROLE, None), id="what is unknown comes last"),
        pytest.param((ROLE,), (), (), id="nothing"),
        pytest.param(None, (ROLE,), None, id="too much before is too much now"),
    ],
)
def test_what_two_sets_share(ours: Patterns | None, theirs: Patterns, expected: Patterns | None) -> None:
    assert intersection(ours, theirs) == expected


@pytest.mark.parametrize(
    ("session", "role", "expected"),
    [
        (SESSION, ROLE, True),
        (SESSION, ROLES, True),
        (SESSION, ROLE.replace("backup", "restore"), False),
        (SESSION, ELSEWHERE, False),
        (SESSION, USER, False),
        (ROLE, ROLE, False),
    ],
)
def test_sessions_belong_to_roles_by_name_whatever_the_path(
    session: str, role: str, *, expected: bool
) -> None:
    assert session_of(session, role) is expected
