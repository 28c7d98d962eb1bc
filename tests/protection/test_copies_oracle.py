"""`joined_links` against an oracle that is written from ruling 4 and facts 6 alone, over generated worlds.

The oracle knows the truth of a world: every fact has a value. Of each fact it may be hidden whether it was
read. What is right is then plain: the answer of all worlds that agree with what was read, where they agree;
and never true where one of them is false, nor false where one is true.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from itertools import product
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.model.inventory import Account, KeyKind, RegionSettings
from scanner.model.known import Answer, Known
from scanner.model.names import AccountId
from scanner.protection.key_kinds import ResourceKeys
from tests.fakes.bundles import ACCOUNT, FAR, OTHER, REGION, admits, key_arn, shares_key, vault_arn
from tests.fakes.copies import Case, key_of, organization, seen
from tests.fakes.models import GAP, UNREAD, resource

FOREIGN: Final = "333333333333"

# type: copied to another Region, to another account, both in one action, fully managed; from facts 2
TYPES: Final = {
    "EBS": ("arn:aws:ec2:eu-west-1:111111111111:volume/v", True, True, True, False),
    "RDS": ("arn:aws:rds:eu-west-1:111111111111:db:d", True, True, True, False),
    "EFS": ("arn:aws:elasticfilesystem:eu-west-1:111111111111:file-system/f", True, True, True, True),
    "S3": ("arn:aws:s3:::b", True, True, True, True),
    "RDS_MULTI_AZ_CLUSTER": ("arn:aws:rds:eu-west-1:111111111111:cluster:c", False, False, False, False),
    "basic table": ("arn:aws:dynamodb:eu-west-1:111111111111:table/t", False, False, False, False),
    "advanced table": ("arn:aws:dynamodb:eu-west-1:111111111111:table/t", True, True, True, True),
}


@dataclass(frozen=True)
class World:
    """What is the case, whether or not anybody read it."""

    kind: str
    account: str
    region: str
    name: str
    exists: bool
    days: int
    minimum: int
    admitted: bool
    status: str  # of the destination account; empty: it is no member
    switched_on: bool
    encrypted: bool
    key: str  # "AWS" or "CUSTOMER"
    shared: bool
    vault_key: str
    marketplace: bool


@dataclass(frozen=True)
class Read:
    """Which facts were read."""

    settings: bool = True
    vaults: bool = True
    policy: bool = True
    members: bool = True
    setting: bool = True
    encryption: bool = True
    key: bool = True
    key_policy: bool = True
    vault_key: bool = True


def truth(world: World) -> bool:  # noqa: PLR0911 -- one link a line
    """Ruling 4, as plain as it can be said."""
    _, another_region, another_account, both, managed = TYPES[world.kind]
    if not world.exists or world.days < world.minimum:
        return False
    across, far = world.account != ACCOUNT, world.region != REGION
    if not another_region and not another_account:
        return False
    if (far and not another_region) or (across and not another_account) or (far and across and not both):
        return False
    if not across:
        return True
    if world.status != "ACTIVE" or not world.switched_on or not world.admitted or world.marketplace:
        return False
    if managed:
        return world.name != "Default"
    if world.vault_key != "CUSTOMER":
        return False
    return not world.encrypted or (world.key == "CUSTOMER" and world.shared)


KINDS: Final = {"AWS": KeyKind.AWS_MANAGED, "CUSTOMER": KeyKind.CUSTOMER_MANAGED}


def case(world: World, read: Read) -> Case:
    """Put a world into the model, as far as it was read."""
    return Case(
        destination=_destination(world, read),
        source=_source(world),
        keys=_keys(world, read),
        organization=_organization(world, read),
        settings=_settings(world) if read.settings else UNREAD,
        delete_after=world.days,
    )


def _settings(world: World) -> Known[RegionSettings]:
    on = world.kind != "basic table"
    return Known(RegionSettings({"DynamoDB": True}, {"DynamoDB": on}))


def _source(world: World) -> Any:
    arn = TYPES[world.kind][0]
    capability = "DynamoDB" if world.kind.endswith("table") else world.kind
    codes = ("m",) if world.marketplace else ()
    return resource(arn, capability, {}, capability=capability, product_codes=codes)


def _destination(world: World, read: Read) -> Any:
    arn = vault_arn(world.name, world.account, world.region)
    policy = Known(admits(ACCOUNT if world.admitted else FOREIGN)) if read.policy else UNREAD
    kind = KINDS[world.vault_key] if read.vault_key else None
    found = seen(
        arn,
        key=key_of(kind, world.account),
        policy=policy,
        locked=True,
        min_retention_days=world.minimum,
    )
    if world.exists and read.vaults:
        return found
    exists = Answer(False if read.vaults else None, "why")
    return replace(found, exists=exists, vault=None, key=None, gap=None if read.vaults else GAP)


def _keys(world: World, read: Read) -> ResourceKeys:
    if not read.encryption:
        return ResourceKeys(None, None, GAP)
    if not world.encrypted:
        return ResourceKeys(False, ())  # noqa: FBT003 -- its field
    policy = shares_key(ACCOUNT, *([OTHER] if world.shared else [])) if read.key_policy else None
    key = key_of(KINDS[world.key] if read.key else None, ACCOUNT, policy)
    return ResourceKeys(True, (replace(key, name=key_arn("k")),))  # noqa: FBT003 -- its field


def _organization(world: World, read: Read) -> Any:
    accounts = {ACCOUNT: Account(AccountId(ACCOUNT), "own", "ACTIVE", None)}
    if world.status:
        accounts[OTHER] = Account(AccountId(OTHER), "other", world.status, None)
    return organization(
        accounts=accounts if read.members else {},
        members=Known(None) if read.members else UNREAD,
        cross_account_backup=Known(world.switched_on) if read.setting else UNREAD,
    )


def agreeing(world: World, read: Read) -> Iterator[World]:
    """Give every world that looks the same to one who read no more than this."""
    tables = ["basic table", "advanced table"] if world.kind.endswith("table") else [world.kind]
    both = (True, False)
    hidden = {
        "kind": (world.kind,) if read.settings else tables,
        "exists": (world.exists,) if read.vaults else both,
        "minimum": (world.minimum,) if read.vaults else (7, 90),
        "admitted": (world.admitted,) if read.vaults and read.policy else both,
        "vault_key": (world.vault_key,) if read.vaults and read.vault_key else tuple(KINDS),
        "status": (world.status,) if read.members else ("ACTIVE", ""),
        "switched_on": (world.switched_on,) if read.setting else both,
        "encrypted": (world.encrypted,) if read.encryption else both,
        "key": (world.key,) if read.encryption and read.key else tuple(KINDS),
        "shared": (world.shared,) if read.encryption and read.key_policy else both,
    }
    for values in product(*hidden.values()):
        changed: dict[str, Any] = dict(zip(hidden, values, strict=True))
        yield replace(world, **changed)


WORLDS: Final = st.builds(
    World,
    kind=st.sampled_from(sorted(TYPES)),
    account=st.sampled_from([ACCOUNT, OTHER, OTHER, OTHER]),
    region=st.sampled_from([REGION, FAR]),
    name=st.sampled_from(["there", "there", "Default"]),
    exists=st.sampled_from([True, True, True, False]),
    days=st.sampled_from([35, 90]),
    minimum=st.sampled_from([7, 7, 90]),
    admitted=st.sampled_from([True, True, True, False]),
    status=st.sampled_from(["ACTIVE", "ACTIVE", "ACTIVE", "SUSPENDED", ""]),
    switched_on=st.sampled_from([True, True, True, False]),
    encrypted=st.booleans(),
    key=st.sampled_from(["CUSTOMER", "CUSTOMER", "AWS"]),
    shared=st.sampled_from([True, True, False]),
    vault_key=st.sampled_from(["CUSTOMER", "CUSTOMER", "AWS"]),
    marketplace=st.sampled_from([False, False, False, True]),
)
READS: Final = st.builds(Read, **{each.name: st.sampled_from([True, True, False]) for each in fields(Read)})


@given(WORLDS)
def test_where_everything_was_read_the_answer_is_the_truth(world: World) -> None:
    assert case(world, Read()).verdict() is truth(world)


@settings(max_examples=60)
@given(WORLDS, READS)
def test_what_was_not_read_leaves_open_what_it_decides_and_never_turns_an_answer(
    world: World, read: Read
) -> None:
    found = case(world, read).verdict()
    possible = {truth(each) for each in agreeing(world, read)}
    assert found is None or {found} == possible


@given(WORLDS, READS, st.sampled_from([each.name for each in fields(Read)]))
def test_a_read_less_never_turns_true_into_false_or_false_into_true(
    world: World, read: Read, taken: str
) -> None:
    before = case(world, replace(read, **{taken: True})).verdict()
    after = case(world, replace(read, **{taken: False})).verdict()
    assert after is None or after is before


@given(WORLDS, st.sampled_from([each.name for each in fields(Read)]))
def test_one_read_that_is_missing_leaves_no_more_open_than_it_must(world: World, taken: str) -> None:
    """Unknown only where the missing read could change the answer."""
    read = replace(Read(), **{taken: False})
    possible = {truth(each) for each in agreeing(world, read)}
    found = case(world, read).verdict()
    assert {found} == possible or (found is None and (len(possible) == 2 or _cautious(world, taken)))


def _cautious(world: World, taken: str) -> bool:
    """Return whether two links are open that cannot both hold, which no single link shows.

    A policy that does not share a key is not read while the kind of the key is not known. A table that cannot
    be copied and one whose copy must not reach the vault Default both end as false, for different reasons.
    """
    unshared_key = taken == "key" and not world.shared
    default_vault = taken == "settings" and world.kind.endswith("table") and world.name == "Default"
    return unshared_key or default_vault
