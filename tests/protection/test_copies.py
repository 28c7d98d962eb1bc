"""Each link of an effective copy (ruling 4): true, false and unknown, one change at a time."""

import json
from dataclasses import replace

import pytest

from scanner.model.inventory import KeyKind, Vault
from scanner.model.known import Known, Ternary
from scanner.model.names import AccountId, RegionName, Shard
from scanner.protection.copies import Source, joined_links, policy_link
from scanner.protection.key_kinds import ResourceKeys
from tests.fakes.bundles import ACCOUNT, AS_OF, FAR, ORG_ID, OTHER, REGION, admits, shares_key, vault_arn
from tests.fakes.copies import (
    AIR,
    HERE,
    MANAGED,
    NONE_ENCRYPTED,
    OWN,
    THERE,
    Case,
    absent,
    at_vault,
    key_of,
    organization,
    seen,
    under,
)
from tests.fakes.models import GAP, UNREAD, resource, settings


def test_a_copy_with_all_its_links_arrives() -> None:
    assert Case().verdict() is True
    assert {link.name for link in Case().links()} == {
        "destination exists",
        "retention within the lock",
        "vault policy admits the source",
        "destination account is a member",
        "cross-account backup is on",
        "type can be copied",
        "image may leave the account",
        "no AWS managed key in the way",
        "source key shared",
    }


def deny() -> str:
    statement = {"Effect": "Deny", "Principal": "*", "Action": "backup:CopyIntoBackupVault", "Resource": "*"}
    return json.dumps({"Statement": [*json.loads(admits(ACCOUNT))["Statement"], statement]})


ADVANCED = resource("arn:aws:dynamodb:eu-west-1:111111111111:table/t", "DynamoDB", {}, state="ACTIVE")
EFS = resource("arn:aws:elasticfilesystem:eu-west-1:111111111111:file-system/fs-1", "EFS", {})


@pytest.mark.parametrize(
    ("link", "case", "expected"),
    [
        ("destination exists", Case(destination=absent(THERE, exists=False)), False),
        ("destination exists", Case(destination=absent(THERE, exists=None)), None),
        ("retention within the lock", at_vault(locked=True, min_retention_days=36), False),
        ("retention within the lock", at_vault(locked=True, max_retention_days=34), False),
        (
            "retention within the lock",
            at_vault(locked=True, min_retention_days=35, max_retention_days=35),
            True,
        ),
        ("retention within the lock", Case(destination=absent(THERE, exists=None)), None),
        ("vault policy admits the source", at_vault(policy=Known(None)), False),
        ("vault policy admits the source", at_vault(policy=Known(admits(OTHER))), False),
        ("vault policy admits the source", at_vault(policy=Known(deny())), False),
        ("vault policy admits the source", at_vault(policy=UNREAD), None),
        ("vault policy admits the source", at_vault(policy=Known("{")), None),
        ("vault policy admits the source", Case(destination=absent(THERE, exists=None)), None),
        ("destination account is a member", Case(organization=organization("SUSPENDED")), False),
        ("destination account is a member", Case(organization=organization(None)), None),
        ("destination account is a member", Case(organization=organization(accounts=OWN)), False),
        (
            "destination account is a member",
            Case(organization=organization(accounts={}, members=UNREAD)),
            None,
        ),
        ("destination account is a member", Case(organization=organization(members=UNREAD)), True),
        (
            "cross-account backup is on",
            Case(organization=organization(cross_account_backup=Known(value=False))),
            False,
        ),
        ("cross-account backup is on", Case(organization=organization(cross_account_backup=UNREAD)), None),
        ("type can be copied", Case(source=ADVANCED), True),
        ("type can be copied", Case(source=ADVANCED, settings=settings(managed={"DynamoDB": False})), False),
        ("type can be copied", Case(source=ADVANCED, settings=UNREAD), None),
        ("type can be copied", Case(source=replace(EFS, type="X", capability="RDS_MULTI_AZ_CLUSTER")), False),
        ("type can be air-gapped", at_vault(type=AIR), True),
        (
            "image may leave the account",
            Case(source=resource(kind="EC2", tags={}, product_codes=("m",))),
            False,
        ),
        ("no AWS managed key in the way", Case(keys=under(KeyKind.AWS_MANAGED)), False),
        ("no AWS managed key in the way", Case(keys=under(None)), None),
        ("no AWS managed key in the way", Case(keys=NONE_ENCRYPTED), True),
        ("no AWS managed key in the way", Case(keys=ResourceKeys(None, None, GAP)), None),
        ("no AWS managed key in the way", at_vault(key=key_of(KeyKind.AWS_MANAGED, OTHER)), False),
        ("no AWS managed key in the way", at_vault(key=key_of(KeyKind.AWS_OWNED, OTHER)), False),
        ("no AWS managed key in the way", at_vault(key=key_of(KeyKind.AWS_OWNED, OTHER), type=AIR), True),
        ("no AWS managed key in the way", at_vault(key=key_of(None, OTHER)), None),
        ("no AWS managed key in the way", at_vault(key=None), None),
        ("source key shared", Case(keys=under(KeyKind.CUSTOMER_MANAGED, shares_key(ACCOUNT))), False),
        ("source key shared", Case(keys=under(KeyKind.CUSTOMER_MANAGED)), None),
        ("source key shared", Case(keys=ResourceKeys(None, None, GAP)), None),
        ("source key shared", Case(keys=NONE_ENCRYPTED), True),
        ("source key shared", Case(source=EFS, keys=under(KeyKind.CUSTOMER_MANAGED)), True),
    ],
)
def test_one_link_at_a_time(link: str, case: Case, expected: bool | None) -> None:  # noqa: FBT001 -- a row
    found = {each.name: each.answer for each in case.links()}
    assert found[link].value is expected
    if expected is not True:
        assert found[link].because
        assert case.verdict() is expected or (case.verdict() is False and expected is None)


@pytest.mark.parametrize(
    ("name", "key", "free"),
    [
        ("there", KeyKind.AWS_MANAGED, True),
        ("there", None, True),
        ("Default", KeyKind.CUSTOMER_MANAGED, False),
        ("aws/efs/automatic-backup-vault", KeyKind.CUSTOMER_MANAGED, False),
    ],
)
def test_fully_managed_types_ask_for_the_vault_not_for_its_key(
    name: str, key: KeyKind | None, *, free: bool
) -> None:
    for source in (EFS, ADVANCED):
        own = under(KeyKind.AWS_MANAGED)
        case = Case(
            destination=seen(vault_arn(name, OTHER, FAR), key=key_of(key, OTHER)), source=source, keys=own
        )
        assert case.verdict() is free


def test_within_the_account_keys_and_organisation_do_not_matter() -> None:
    case = Case(
        destination=seen(HERE, key=None, policy=UNREAD),
        keys=ResourceKeys(None, None, GAP),
        organization=organization(accounts={}, cross_account_backup=UNREAD),
        source=resource(kind="EC2", tags={}, product_codes=("m",)),
    )
    assert case.verdict() is True


def test_rds_cannot_be_air_gapped() -> None:
    database = resource("arn:aws:rds:eu-west-1:111111111111:db:d", "RDS", {})
    assert replace(at_vault(type=AIR), source=database).verdict() is False


def test_a_false_link_beats_an_open_one_and_the_open_ones_gap_is_given() -> None:
    both = replace(at_vault(policy=UNREAD), keys=under(KeyKind.AWS_MANAGED))
    assert both.verdict() is False
    assert joined_links(both.links())[1] is None
    answer, gap = joined_links(at_vault(policy=UNREAD).links())
    assert (answer.value, gap) == (None, GAP)


def test_a_copy_without_an_end_is_held_against_the_lock_by_its_source() -> None:
    locked = at_vault(locked=True, min_retention_days=90)
    assert replace(locked, delete_after=120).verdict() is True
    assert replace(locked, delete_after=None).verdict() is False  # follows the rule: 35 days


def test_an_organisation_condition_needs_the_organisations_id() -> None:
    statement = json.loads(admits("*"))["Statement"][0]
    statement |= {"Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": ORG_ID}}}
    case = at_vault(policy=Known(json.dumps({"Statement": [statement]})))
    assert case.verdict() is True
    assert replace(case, organization=organization(id=UNREAD)).verdict() is None
    assert replace(case, organization=organization(id=Known("o-theirs"))).verdict() is False


def test_the_vault_type_is_told() -> None:
    result: Vault | None = at_vault(type=AIR).destination.vault
    assert result is not None
    assert result.air_gapped


def conditioned(operator: str, key: str, value: str) -> Case:
    """Give a copy into a vault that admits whoever comes up to one condition."""
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "backup:CopyIntoBackupVault",
        "Resource": "*",
        "Condition": {operator: {key: value}},
    }
    return at_vault(policy=Known(json.dumps({"Statement": [statement]})))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (("StringEquals", "aws:ResourceOrgID", ORG_ID), True),
        (("StringEquals", "aws:ResourceOrgID", "o-other"), False),
        (("DateGreaterThan", "aws:CurrentTime", "2020-01-01T00:00:00Z"), True),
        (("DateLessThan", "aws:CurrentTime", "2020-01-01T00:00:00Z"), False),
    ],
)
def test_the_destinations_organisation_and_the_clock_decide_conditions(
    condition: tuple[str, str, str], expected: Ternary
) -> None:
    case = conditioned(*condition)
    source = Source(Shard(AccountId(ACCOUNT), RegionName(REGION)), MANAGED, None, AS_OF)
    assert policy_link(source, case.destination, case.organization).answer.value is expected


def test_without_a_clock_or_a_member_such_conditions_stay_open() -> None:
    source = Source(Shard(AccountId(ACCOUNT), RegionName(REGION)), MANAGED, None)
    timed = conditioned("DateLessThan", "aws:CurrentTime", "2020-01-01T00:00:00Z")
    assert policy_link(source, timed.destination, timed.organization).answer.value is None
    placed = conditioned("StringEquals", "aws:ResourceOrgID", ORG_ID)
    strangers = organization(accounts={})
    assert policy_link(source, placed.destination, strangers).answer.value is None
