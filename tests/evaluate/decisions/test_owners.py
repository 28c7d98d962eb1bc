"""Who is asked about a finding: the first way that answers, and never a later one where it is not known."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from scanner.evaluate.decisions.owners import (
    Index,
    Owners,
    Subject,
    asked_tags,
    concerns,
    owned,
    owner_of,
    units_above,
)
from scanner.model.decisions import NOBODY, ContactWay, OwnedBy, Owner, Ownership, RuleWay, TagWay
from scanner.model.finding import Finding, Severity, Status, finding_from_document

ACCOUNT = "111111111111"
BY_TAG = TagWay(("team", "owner"))
BY_CONTACT = ContactWay(("email", "name"))
DATABASES = RuleWay(1, OwnedBy(types=("RDS", "Aurora")), "team-db")


def subject(name: str = "vol-1", **more: Any) -> Subject:
    fields: dict[str, Any] = {"type": "EBS", "account": ACCOUNT, "region": "eu-west-1", **more}
    return Subject(subject=f"arn:aws:ec2:eu-west-1:{ACCOUNT}:volume/{name}", **fields)


def finding(arn: str, kind: str = "EBS", **details: Any) -> Finding:
    return Finding(
        control="some-control",
        status=Status.FAIL,
        severity=Severity.HIGH,
        subject=arn,
        subject_type=kind,
        account=ACCOUNT,
        region="eu-west-1",
        reason="",
        details=details,
    )


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ((("team", "blue"), ("owner", "eve")), Owner("blue", "tag team")),
        ((("owner", " eve "),), Owner("eve", "tag owner")),
        ((("team", " "), ("owner", "eve")), Owner("eve", "tag owner")),
        ((("Team", "blue"),), NOBODY),
        ((), NOBODY),
    ],
)
def test_the_first_key_with_a_value_names_the_owner(tags: Any, expected: Owner) -> None:
    assert owner_of(subject(tags=tags), Ownership(ways=(BY_TAG,))) == expected


def test_tags_that_were_not_read_are_not_the_same_as_nobody() -> None:
    ways = (BY_TAG, RuleWay(1, OwnedBy(), "platform"))
    result = owner_of(subject(tags=None), Ownership(ways=ways))
    assert result.name is None
    assert result.source == "not known: its tags were not read; otherwise platform (rule 1)"
    alone = owner_of(subject(tags=None), Ownership(ways=(BY_TAG,)))
    assert (alone.name, alone.source) == (None, "not known: its tags were not read; otherwise nobody")


def test_a_way_before_the_one_that_is_not_known_decides() -> None:
    assert owner_of(subject(type="RDS", tags=None), Ownership(ways=(DATABASES, BY_TAG))) == Owner(
        "team-db", "rule 1"
    )


def test_what_has_no_tags_of_its_own_is_asked_of_the_other_ways() -> None:
    ways = Ownership(ways=(BY_TAG, RuleWay(1, OwnedBy(types=("vault",)), "backup-team")))
    assert owner_of(subject(type="vault", tagged=False), ways) == Owner("backup-team", "rule 1")
    assert owner_of(subject(type="plan", tagged=False), ways) == NOBODY


@pytest.mark.parametrize(
    ("contacts", "name", "source"),
    [
        ({ACCOUNT: {"email": "root@example.com", "name": "prod"}}, "root@example.com", "account email"),
        ({ACCOUNT: {"name": "prod"}}, "prod", "account name"),
        ({ACCOUNT: {}}, "", "nobody is named"),
        (
            {ACCOUNT: {"email": None, "name": "prod"}},
            None,
            "not known: the email of its account was not read; otherwise nobody",
        ),
        ({}, None, "not known: the contacts of its account were not read; otherwise nobody"),
    ],
)
def test_an_account_has_contacts_none_or_unread_ones(contacts: Any, name: str | None, source: str) -> None:
    assert owner_of(subject(), Ownership(ways=(BY_CONTACT,), contacts=contacts)) == Owner(name, source)


def test_each_condition_of_a_rule_is_asked() -> None:
    """The oracle: every combination of conditions that match, do not match, or are not there."""
    choices: dict[str, tuple[Any, ...]] = {
        "accounts": ((), (ACCOUNT,), ("2*",)),
        "types": ((), ("EB*",), ("RDS",)),
        "regions": ((), ("eu-*",), ("us-east-1", "us-west-2")),
        "subjects": ((), ("*volume/vol-*",), ("*/vol-",)),
        "organizational_units": ((), ("ou-1",), ("ou-9",)),
        "tags": ((), (("env", ("pr*", "x")),), (("env", ("dev",)),)),
    }
    place = Ownership(units={ACCOUNT: ("r-1", "ou-1")})
    asked = subject(tags=(("env", "prod"),))
    for numbers in product(range(3), repeat=len(choices)):
        rule = OwnedBy(**{key: choices[key][n] for key, n in zip(choices, numbers, strict=True)})
        assert concerns(rule, asked, place) is (2 not in numbers), rule


def test_a_rule_that_rests_on_what_was_not_read_is_not_known_unless_something_else_decides() -> None:
    by_unit = OwnedBy(organizational_units=("ou-1",))
    assert concerns(by_unit, subject(), Ownership()) is None
    assert concerns(OwnedBy(organizational_units=("ou-1",), types=("RDS",)), subject(), Ownership()) is False
    by_tag = OwnedBy(tags=(("env", ("prod",)),))
    assert concerns(by_tag, subject(tags=None), Ownership()) is None
    assert concerns(by_tag, subject(tagged=False), Ownership()) is False
    result = owner_of(subject(), Ownership(ways=(RuleWay(1, by_unit, "x"),)))
    assert (result.name, result.source) == (
        None,
        "not known: the organizational unit of its account was not read; otherwise nobody",
    )


def test_units_are_those_of_the_path() -> None:
    assert units_above("o-abc/r-ab12/ou-ab12-1/ou-ab12-2/") == ("r-ab12", "ou-ab12-1", "ou-ab12-2")
    assert units_above(None) is None
    assert units_above("") is None


def test_the_keys_that_decide_are_those_of_ways_and_rules() -> None:
    ways = (BY_TAG, RuleWay(1, OwnedBy(tags=(("env", ("x",)),)), "x"), BY_CONTACT)
    assert asked_tags(Ownership(ways=ways)) == {"team", "owner", "env"}


def test_owners_of_many_are_those_that_each_has_by_itself() -> None:
    ways = (
        RuleWay(1, OwnedBy(subjects=("*7",)), "sevens"),
        BY_TAG,
        RuleWay(2, OwnedBy(regions=("us-*",)), "america"),
    )
    many = [
        subject(
            f"vol-{n}",
            region="us-east-1" if n % 3 else "eu-west-1",
            tags=None if n % 11 == 0 else (("team", f"t{n % 5}"),) if n % 2 else (),
        )
        for n in range(2_000)
    ]
    owners = Owners(Ownership(ways=ways), iter(many))
    for each in many:
        assert owners.of(finding(each.subject)) == owner_of(each, Ownership(ways=ways))


def test_a_recovery_point_has_the_owner_of_what_it_is_a_backup_of() -> None:
    volume = subject(tags=(("team", "blue"),))
    ways = (BY_TAG, RuleWay(1, OwnedBy(), "platform"))
    owners = Owners(Ownership(ways=ways), [volume])
    point = finding("arn:aws:ec2:eu-west-1::snapshot/snap-1", "recovery_point", resource=volume.subject)
    assert owners.of(point) == Owner("blue", "tag team")
    gone = finding("arn:aws:ec2:eu-west-1::snapshot/snap-2", "recovery_point", resource="arn:gone")
    assert owners.of(gone) == Owner("platform", "rule 1")


def test_findings_carry_their_owner_and_are_read_back_with_it() -> None:
    owners = Owners(Ownership(ways=(BY_TAG,)), [subject(tags=(("team", "blue"),)), subject("b", tags=None)])
    arns = (subject().subject, subject("b").subject, "arn:of:something:else")
    result = [each.document() for each in owned(map(finding, arns), owners)]
    assert [each["owner"] for each in result] == ["blue", None, ""]
    assert [finding_from_document(each).document() for each in result] == result
    plain = next(owned([finding("x")], None))
    assert plain.owner is None
    assert "owner" not in plain.document()


def test_an_index_tells_what_was_put_into_it_and_nothing_else() -> None:
    def pairs() -> Iterator[tuple[str, str]]:
        return ((f"key-{n}", f"value-{n % 7}") for n in range(5_000))

    index = Index(pairs())
    assert all(index.get(key) == value for key, value in pairs())
    assert index.get("key-5000") is None
    assert Index[str](()).get("x") is None
