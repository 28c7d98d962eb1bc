"""The prerequisites of copies across accounts, row by row (facts 6), and the vaults that take no copies."""

import json
from dataclasses import replace
from typing import Any

import pytest

from scanner.model.inventory import Account, KeyKind, RegionSettings
from scanner.model.known import Known
from scanner.model.names import AccountId
from scanner.protection.key_kinds import ResourceKeys
from tests.fakes.bundles import ACCOUNT, FAR, OTHER, REGION, admits, key_arn, shares_key, vault_arn
from tests.fakes.copies import (
    AIR,
    CUSTOMER,
    HERE,
    NONE_ENCRYPTED,
    OWN,
    SHARED,
    THERE,
    Case,
    absent,
    at_vault,
    key_of,
    organization,
    seen,
    under,
)
from tests.fakes.models import UNREAD, resource, settings

MEMBER = "destination account is a member"
FOREIGN = "333333333333"
DATABASE = resource("arn:aws:rds:eu-west-1:111111111111:cluster:c", "Aurora", {})
TABLE = resource("arn:aws:dynamodb:eu-west-1:111111111111:table/t", "DynamoDB", {}, state="ACTIVE")
EFS = resource("arn:aws:elasticfilesystem:eu-west-1:111111111111:file-system/fs-1", "EFS", {})


def account(name: str, status: str | None = "ACTIVE") -> dict[AccountId, Account]:
    return {AccountId(name): Account(AccountId(name), name, status, None)}


@pytest.mark.parametrize(
    ("accounts", "unread", "expected"),
    [
        (account(ACCOUNT) | account(OTHER), False, True),
        (account(ACCOUNT) | account(OTHER, "SUSPENDED"), False, False),
        (account(ACCOUNT) | account(OTHER, "PENDING_CLOSURE"), False, False),
        (account(ACCOUNT) | account(OTHER, None), False, None),
        (account(ACCOUNT), False, False),
        (account(OTHER), False, False),  # the source is no member of the destination's organisation
        (account(FOREIGN), False, None),  # neither: they may be members of another one
        ({}, False, None),
        (account(OTHER), True, True),
        (account(OTHER, "SUSPENDED"), True, False),
        (account(ACCOUNT), True, None),
        ({}, True, None),
    ],
)
def test_row_1_both_accounts_are_members_of_one_organisation(
    accounts: dict[AccountId, Account], *, unread: bool, expected: bool | None
) -> None:
    """Ruling 4: the destination account is an ACTIVE member of the organisation."""
    result = organization(accounts=accounts, members=UNREAD if unread else Known(None))
    found = Case(organization=result).link(MEMBER)
    assert found.value is expected
    assert found.because


@pytest.mark.parametrize(("value", "word"), [(True, "on"), (False, "off")])
def test_row_2_the_setting_is_told_as_it_is(*, value: bool, word: str) -> None:
    found = Case(organization=organization(cross_account_backup=Known(value))).link(
        "cross-account backup is on"
    )
    assert (found.value, found.because) == (
        value,
        f"cross-account backup is {word} in the organisation",
    )


def test_row_3_a_vault_that_does_not_exist_admits_nobody() -> None:
    gone, unseen = (Case(destination=absent(THERE, exists=exists)) for exists in (False, None))
    assert [gone.link(name).value for name in ("destination exists", "vault policy admits the source")] == [
        False,
        False,
    ]
    assert unseen.link("vault policy admits the source").value is None


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        (f"arn:aws:iam::{ACCOUNT}:root", True),
        (ACCOUNT, True),
        (f"arn:aws:iam::{ACCOUNT}:role/Backup", None),
        (f"arn:aws:iam::{FOREIGN}:root", False),
    ],
)
def test_row_4_the_policy_admits_the_account_as_a_whole(principal: str, *, expected: bool | None) -> None:
    statement = json.loads(admits(ACCOUNT))["Statement"][0] | {"Principal": {"AWS": principal}}
    case = at_vault(policy=Known(json.dumps({"Statement": [statement]})))
    assert case.link("vault policy admits the source").value is expected
    assert case.verdict() is expected


@pytest.mark.parametrize(
    ("name", "source", "across", "expected"),
    [
        ("Default", EFS, OTHER, False),
        ("Default", EFS, ACCOUNT, True),
        ("aws/efs/automatic-backup-vault", EFS, OTHER, False),
        ("aws/efs/automatic-backup-vault", EFS, ACCOUNT, False),  # reserved for EFS's own backups
        ("default", EFS, OTHER, True),  # names are case sensitive
    ],
)
def test_row_6_vaults_that_aws_keeps_for_itself(
    name: str, source: Any, across: str, *, expected: bool
) -> None:
    case = Case(destination=seen(vault_arn(name, across, FAR), key=CUSTOMER), source=source)
    assert case.verdict() is expected


@pytest.mark.parametrize(
    ("keys", "vault_key", "expected"),
    [
        (NONE_ENCRYPTED, KeyKind.CUSTOMER_MANAGED, True),
        (NONE_ENCRYPTED, KeyKind.AWS_MANAGED, False),
        (NONE_ENCRYPTED, KeyKind.AWS_OWNED, False),
        (NONE_ENCRYPTED, None, None),
        (SHARED, KeyKind.CUSTOMER_MANAGED, True),
        (under(KeyKind.AWS_MANAGED), KeyKind.CUSTOMER_MANAGED, False),
        (under(KeyKind.AWS_MANAGED), None, False),
        (under(None, shares_key(ACCOUNT, OTHER)), KeyKind.CUSTOMER_MANAGED, None),
        (ResourceKeys(True, None), KeyKind.CUSTOMER_MANAGED, None),  # noqa: FBT003 -- its field
    ],
)
def test_row_7_types_that_are_not_fully_managed(
    keys: ResourceKeys, vault_key: KeyKind | None, *, expected: bool | None
) -> None:
    """Ruling 6."""
    found = Case(destination=seen(THERE, key=key_of(vault_key, OTHER)), keys=keys)
    assert found.link("no AWS managed key in the way").value is expected
    assert found.verdict() is expected


@pytest.mark.parametrize("kind", [KeyKind.AWS_MANAGED, KeyKind.CUSTOMER_MANAGED, KeyKind.AWS_OWNED, None])
def test_row_8_fully_managed_types_do_not_mind_keys(kind: KeyKind | None) -> None:
    for keys in (under(KeyKind.AWS_MANAGED), under(None), ResourceKeys(None, None)):
        case = Case(source=EFS, keys=keys, destination=seen(THERE, key=key_of(kind, OTHER)))
        assert case.verdict() is True


def test_where_it_is_not_known_whether_a_type_is_fully_managed_both_must_agree() -> None:
    """A table whose Region settings were not read: advanced features would need no key at all."""
    table = Case(source=TABLE, settings=UNREAD, keys=under(KeyKind.CUSTOMER_MANAGED, shares_key(ACCOUNT)))
    assert table.link("source key shared").value is None
    assert replace(table, keys=SHARED).link("source key shared").value is True
    assert replace(table, keys=SHARED).link("no AWS managed key in the way").value is True
    assert replace(table, keys=under(KeyKind.AWS_MANAGED)).link("no AWS managed key in the way").value is None
    assert table.verdict() is None


@pytest.mark.parametrize(
    ("opt_in", "managed", "expected"),
    [
        (True, True, True),
        (True, False, False),
        (False, True, False),
        (None, True, None),
        (True, None, None),
        (None, False, False),
    ],
)
def test_dynamodb_by_its_region_settings(
    opt_in: bool | None,  # noqa: FBT001 -- a row
    managed: bool | None,  # noqa: FBT001
    *,
    expected: bool | None,
) -> None:
    result = RegionSettings(
        {} if opt_in is None else {"DynamoDB": opt_in}, {} if managed is None else {"DynamoDB": managed}
    )
    case = Case(source=TABLE, settings=Known(result))
    assert case.link("type can be copied").value is expected
    assert case.verdict() is expected


@pytest.mark.parametrize(
    ("partition", "region", "far"),
    [("aws-cn", "cn-north-1", "cn-northwest-1"), ("aws-us-gov", "us-gov-west-1", "us-gov-east-1")],
)
def test_row_9_keys_are_asked_in_their_own_partition(partition: str, region: str, far: str) -> None:
    """The same copy arrives in every partition, or no principal of a policy would ever match."""

    def there(text: str) -> str:
        return text.replace("arn:aws:", f"arn:{partition}:").replace(REGION, region).replace(FAR, far)

    def case(*accounts: str) -> Case:
        key = key_of(KeyKind.CUSTOMER_MANAGED, policy=there(shares_key(*accounts)))
        return Case(
            destination=seen(there(THERE), key=CUSTOMER, policy=Known(there(admits(ACCOUNT)))),
            source=resource(there("arn:aws:ec2:eu-west-1:111111111111:volume/v"), tags={}),
            keys=ResourceKeys(True, (replace(key, name=there(key.name)),)),  # noqa: FBT003 -- its field
            region=region,
        )

    assert case(ACCOUNT, OTHER).verdict() is True
    assert case(ACCOUNT).link("source key shared").value is False


@pytest.mark.parametrize("services", [("ec2",), ("rds",), ("ec2", "storagegateway")])
def test_row_9_a_key_for_some_services_only(services: tuple[str, ...]) -> None:
    statement = json.loads(shares_key(ACCOUNT, OTHER))["Statement"][0]
    via = [f"{service}.{REGION}.amazonaws.com" for service in services]
    statement |= {"Condition": {"StringEquals": {"kms:ViaService": via}}}
    key = under(KeyKind.CUSTOMER_MANAGED, json.dumps({"Statement": [statement]}))
    gateway = resource(
        "arn:aws:storagegateway:eu-west-1:111111111111:gateway/g/volume/v",
        "Storage Gateway",
        {},
        capability="StorageGateway",
    )
    assert Case(keys=key).link("source key shared").value is (True if "ec2" in services else None)
    whole = services == ("ec2", "storagegateway")
    assert Case(keys=key, source=gateway).link("source key shared").value is (True if whole else None)


def test_row_9_one_key_of_several_that_is_not_shared() -> None:
    keys = (
        key_of(KeyKind.CUSTOMER_MANAGED, policy=shares_key(ACCOUNT, OTHER)),
        replace(key_of(KeyKind.CUSTOMER_MANAGED, policy=shares_key(ACCOUNT)), name=key_arn("other")),
    )
    found = Case(keys=ResourceKeys(True, keys)).link("source key shared")  # noqa: FBT003 -- its field
    assert (found.value, key_arn("other") in found.because) == (False, True)


def test_row_9_a_key_of_which_nobody_knows_who_manages_it() -> None:
    """If it is AWS managed, it stops the copy by another link; if not, it is not shared."""
    assert Case(keys=under(None, shares_key(ACCOUNT))).link("source key shared").value is None
    assert Case(keys=under(None, shares_key(ACCOUNT, OTHER))).link("source key shared").value is True


@pytest.mark.parametrize(("across", "expected"), [(OTHER, False), (ACCOUNT, True)])
def test_row_14_marketplace_images_stay_in_their_account(across: str, *, expected: bool) -> None:
    image = resource(kind="EC2", tags={}, product_codes=("marketplace",))
    case = Case(destination=seen(vault_arn("v", across, FAR), key=CUSTOMER), source=image)
    assert case.verdict() is expected


@pytest.mark.parametrize(
    ("source", "keys", "expected"),
    [
        (DATABASE, NONE_ENCRYPTED, False),  # clusters that are not encrypted cannot go there
        (DATABASE, SHARED, True),
        (DATABASE, under(KeyKind.AWS_MANAGED), False),
        (DATABASE, under(None), None),
        (DATABASE, ResourceKeys(None, None), None),
        (resource(tags={}), NONE_ENCRYPTED, True),
        (resource(tags={}), under(KeyKind.AWS_MANAGED), False),
        (EFS, under(KeyKind.AWS_MANAGED), True),
        (resource("arn:aws:rds:eu-west-1:111111111111:db:d", "RDS", {}), SHARED, False),
        (TABLE, under(KeyKind.AWS_MANAGED), True),
    ],
)
@pytest.mark.parametrize("across", [ACCOUNT, OTHER])
def test_what_goes_into_an_air_gapped_vault(
    source: Any, keys: ResourceKeys, across: str, *, expected: bool | None
) -> None:
    """Facts 4 and 5: the type, its key, and for clusters that they are encrypted; within one account, too."""
    vault = seen(vault_arn("air", across, FAR), key=key_of(KeyKind.AWS_OWNED, across), type=AIR)
    case = Case(destination=vault, source=source, keys=keys)
    assert case.link("type can be air-gapped").value is expected


@pytest.mark.parametrize(
    ("source", "keys", "open_"),
    [
        (resource("arn:aws:rds:eu-west-1:111111111111:db:d", "RDS", {}), SHARED, True),
        (DATABASE, NONE_ENCRYPTED, True),
        (DATABASE, SHARED, False),
        (EFS, SHARED, False),
    ],
)
def test_a_vault_that_was_not_seen_may_be_air_gapped(source: Any, keys: ResourceKeys, *, open_: bool) -> None:
    """Of a rule's own target even surely; what it takes is known only where it takes the type anyway."""
    links = Case(destination=absent(THERE, exists=None), source=source, keys=keys).links()
    assert [link.answer.value for link in links if link.name == "type can be air-gapped"] == [None] * open_
    gone = Case(destination=absent(THERE, exists=False), source=source, keys=keys).links()
    assert "type can be air-gapped" not in {link.name for link in gone}


@pytest.mark.parametrize("kind", [KeyKind.AWS_OWNED, KeyKind.CUSTOMER_MANAGED, None])
def test_the_key_of_an_air_gapped_vault_is_in_nobodys_way(kind: KeyKind | None) -> None:
    assert at_vault(type=AIR, key=key_of(kind, OTHER)).verdict() is True


@pytest.mark.parametrize(
    ("days", "bounds", "expected"),
    [(6, {}, False), (7, {}, True), (None, {"max_retention_days": 36500}, True), (36, {}, True)],
)
def test_an_air_gapped_vault_always_has_a_lock(days: int | None, bounds: Any, *, expected: bool) -> None:
    case = replace(at_vault(type=AIR, **bounds), delete_after=days)  # None follows the rule: 35 days
    assert case.link("retention within the lock").value is expected


@pytest.mark.parametrize(
    ("account_there", "region", "expected"),
    [(ACCOUNT, REGION, True), (ACCOUNT, FAR, False), (OTHER, REGION, False)],
)
def test_the_air_gapped_target_of_a_rule_lies_beside_it(
    account_there: str, region: str, *, expected: bool
) -> None:
    vault = seen(vault_arn("air", account_there, region), key=CUSTOMER, type=AIR)
    assert Case(destination=vault, air_gapped=True).verdict() is expected


def test_a_copy_into_the_vault_that_it_comes_from_is_not_documented() -> None:
    itself = Case(destination=seen(vault_arn("main"), key=CUSTOMER))
    assert itself.verdict() is None
    assert Case(destination=seen(vault_arn("main", ACCOUNT, FAR), key=CUSTOMER)).verdict() is True


def test_a_vault_that_gives_access_to_another_takes_no_copies() -> None:
    assert at_vault(type="RESTORE_ACCESS_BACKUP_VAULT").verdict() is False


@pytest.mark.parametrize("kind", ["RDS_MULTI_AZ_CLUSTER", "DynamoDB_BASIC", "Redshift"])
def test_what_is_never_copied_is_not_copied_within_its_account_and_region_either(kind: str) -> None:
    at_home = Case(destination=seen(vault_arn("there", ACCOUNT, REGION)), source=resource(kind=kind, tags={}))
    assert at_home.verdict() is False


def test_a_type_that_nobody_knows_is_open() -> None:
    assert Case(source=resource(kind="Unheard", tags={})).link("type can be copied").value is None


def test_links_within_an_account_ask_nothing_of_the_organisation() -> None:
    names = {link.name for link in Case(destination=seen(HERE)).links()}
    assert names == {"destination exists", "retention within the lock", "type can be copied"}


def test_every_link_says_why_whatever_it_answers() -> None:
    cases = [
        Case(),
        Case(source=EFS),
        Case(keys=NONE_ENCRYPTED),
        at_vault(type=AIR),
        at_vault(locked=True, min_retention_days=7),
        Case(organization=organization(accounts=OWN)),
        Case(settings=settings(), source=TABLE),
    ]
    result = [(link.name, link.answer) for case in cases for link in case.links()]
    assert [name for name, answer in result if not answer.because] == ["destination exists"] * len(cases)


MINIMUM = ("kms:CreateGrant", "kms:GenerateDataKey", "kms:Decrypt")
ALL_OF_THEM = ("kms:DescribeKey", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant")


@pytest.mark.parametrize(
    ("actions", "denied", "expected", "missing"),
    [
        (ALL_OF_THEM, (), True, ()),
        (("kms:*",), (), True, ()),
        (
            (*MINIMUM, "kms:DescribeKey", "kms:ReEncrypt*", "kms:GenerateDataKeyWithoutPlaintext"),
            (),
            True,
            (),
        ),
        (MINIMUM, (), None, ("kms:DescribeKey", "kms:ReEncryptFrom", "kms:ReEncryptTo")),
        ((*MINIMUM, "kms:DescribeKey"), (), None, ("kms:ReEncryptFrom", "kms:ReEncryptTo")),
        ((*MINIMUM, "kms:ReEncrypt*", "kms:GenerateDataKey*"), (), None, ("kms:DescribeKey",)),
        (ALL_OF_THEM, ("kms:DescribeKey",), None, ("kms:DescribeKey",)),
        (MINIMUM[1:], (), False, ("kms:CreateGrant",)),
        (ALL_OF_THEM[:-1], (), False, ("kms:CreateGrant",)),
        (("kms:DescribeKey", "kms:ReEncrypt*"), (), False, MINIMUM),
        (("kms:*",), ("kms:Decrypt",), False, ("kms:Decrypt",)),
        (("kms:Encrypt",), (), False, MINIMUM),
    ],
)
def test_rows_9_and_10_a_key_policy_between_the_two_pages_is_not_known(
    actions: tuple[str, ...], denied: tuple[str, ...], *, expected: bool | None, missing: tuple[str, ...]
) -> None:
    """Ruling 23: below the minimum it fails, with all of row 9 it passes, in between it is not known."""
    found = Case(keys=under(KeyKind.CUSTOMER_MANAGED, key_policy(actions, denied))).link("source key shared")
    assert found.value is expected
    assert all(action in found.because for action in missing)
    if expected is not True:
        further = {"kms:DescribeKey", "kms:ReEncryptFrom", "kms:ReEncryptTo", *MINIMUM} - {*missing}
        assert not any(f"{action}:" in found.because or f"{action}," in found.because for action in further)
    if expected is None:
        assert all(page in found.because for page in ("Encryption for backups in AWS Backup", "AWS re:Post"))


def test_row_9_grants_for_aws_resources_alone_are_enough() -> None:
    granted = json.loads(key_policy(ALL_OF_THEM[:-1], ()))
    grant = json.loads(key_policy(("kms:CreateGrant",), ()))["Statement"][0]
    granted["Statement"].append({**grant, "Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}}})
    keys = under(KeyKind.CUSTOMER_MANAGED, json.dumps(granted))
    assert Case(keys=keys).link("source key shared").value is True


def key_policy(actions: tuple[str, ...], denied: tuple[str, ...]) -> str:
    """Build a key policy that allows the destination account some actions, and denies it others."""
    whom = {"Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"}, "Resource": "*"}
    statements = [{"Effect": "Allow", "Action": list(actions), **whom}]
    if denied:
        statements.append({"Effect": "Deny", "Action": list(denied), **whom})
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
