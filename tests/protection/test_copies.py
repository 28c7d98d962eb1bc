"""Each link of an effective copy (ruling 4): true, false and unknown, one change at a time."""

import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from scanner.model.inventory import Account, KeyKind, Organization, RegionSettings, Resource, Vault
from scanner.model.names import AccountId, Arn, RegionName, Shard
from scanner.model.reading import Known, Reading
from scanner.model.ternary import Answer
from scanner.protection.copies import Destination, Link, Source, action_links, effective, resource_links
from scanner.protection.keys import KeyOf, ResourceKeys
from tests.fakes.bundles import (
    ACCOUNT,
    FAR,
    MANAGEMENT,
    ORG_ID,
    OTHER,
    REGION,
    admits,
    key_arn,
    shares_key,
    vault_arn,
)
from tests.fakes.models import GAP, UNREAD, copy, resource, rule, settings, vault

THERE = vault_arn("there", OTHER, FAR)
HERE = vault_arn("here", ACCOUNT, FAR)
MANAGED = settings(managed={"DynamoDB": True})


def key_of(kind: KeyKind | None, account: str = ACCOUNT, policy: str | None = None) -> KeyOf:
    return KeyOf(
        name=key_arn("k", account),
        account=AccountId(account),
        kind=kind,
        kind_gap=None if kind else GAP,
        policy=policy,
        policy_gap=None if policy else GAP,
    )


def organization(status: str | None = "ACTIVE", **more: Any) -> Organization:
    path = f"{ORG_ID}/r-1/ou-1/"
    accounts = {
        OTHER: Account(AccountId(OTHER), "other", status, path),
        ACCOUNT: Account(AccountId(ACCOUNT), "own", "ACTIVE", path),
    }
    told: dict[str, Any] = {
        "id": Known(ORG_ID),
        "management_account": Known(AccountId(MANAGEMENT)),
        "members": Known(None),
        "accounts": accounts,
        "cross_account_backup": Known(value=True),
    }
    return Organization(**(told | more))


def seen(arn: str, *, key: KeyOf | None = None, **more: Any) -> Destination:
    *_, region, account, _, name = arn.split(":")
    told = vault(name, arn=arn, policy=more.pop("policy", Known(admits(ACCOUNT))), **more)
    return Destination(
        arn=Arn(arn),
        account=AccountId(account),
        region=RegionName(region),
        name=name,
        exists=Answer(value=True),
        vault=told,
        key=key,
        gap=None,
    )


CUSTOMER = key_of(KeyKind.CUSTOMER_MANAGED, OTHER)
SHARED = ResourceKeys(True, (key_of(KeyKind.CUSTOMER_MANAGED, policy=shares_key(ACCOUNT, OTHER)),))  # noqa: FBT003 -- its field


@dataclass(frozen=True)
class Case:
    """A copy that arrives, until something is changed."""

    destination: Destination = field(default_factory=lambda: seen(THERE, key=CUSTOMER))
    source: Resource = field(default_factory=lambda: resource(tags={}))
    keys: ResourceKeys = SHARED
    organization: Organization = field(default_factory=organization)
    settings: Reading[RegionSettings] = MANAGED
    delete_after: int | None = 35

    def links(self) -> tuple[Link, ...]:
        source = Source(Shard(AccountId(ACCOUNT), RegionName(REGION)), self.settings, None)
        action = copy(self.destination.arn, self.delete_after)
        return (
            *action_links(source, rule(), action, self.destination, self.organization),
            *resource_links(source, self.source, self.keys, self.destination, self.organization),
        )

    def verdict(self) -> bool | None:
        return effective(self.links())[0].value


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


def absent(arn: str, *, exists: bool | None) -> Destination:
    return replace(
        seen(arn), exists=Answer(exists, "why"), vault=None, key=None, gap=None if exists is False else GAP
    )


def deny() -> str:
    statement = {"Effect": "Deny", "Principal": "*", "Action": "backup:CopyIntoBackupVault", "Resource": "*"}
    return json.dumps({"Statement": [*json.loads(admits(ACCOUNT))["Statement"], statement]})


NONE_ENCRYPTED = ResourceKeys(False, ())  # noqa: FBT003 -- its field
AIR = "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"
ADVANCED = resource("arn:aws:dynamodb:eu-west-1:111111111111:table/t", "DynamoDB", {}, state="ACTIVE")
EFS = resource("arn:aws:elasticfilesystem:eu-west-1:111111111111:file-system/fs-1", "EFS", {})


def under(kind: KeyKind | None, policy: str | None = None) -> ResourceKeys:
    return ResourceKeys(True, (key_of(kind, policy=policy),))  # noqa: FBT003 -- its field


OWN = {ACCOUNT: Account(AccountId(ACCOUNT), "own", "ACTIVE", None)}


def at_vault(**more: Any) -> Case:
    return Case(destination=seen(THERE, **({"key": CUSTOMER} | more)))


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
    assert effective(both.links())[1] is None
    answer, gap = effective(at_vault(policy=UNREAD).links())
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
    told: Vault | None = at_vault(type=AIR).destination.vault
    assert told is not None
    assert told.air_gapped
