"""A copy across accounts of which every link holds, to be changed one thing at a time."""

from dataclasses import dataclass, field, replace
from typing import Any

from scanner.model.inventory import Account, KeyKind, Organization, RegionSettings, Resource
from scanner.model.known import Answer, Known, Reading
from scanner.model.names import AccountId, Arn, RegionName, Shard
from scanner.protection.copies import Destination, Link, Source, action_links, joined_links, resource_links
from scanner.protection.key_kinds import ReferencedKey, ResourceKeys
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
from tests.fakes.models import GAP, copy, resource, rule, settings, vault

THERE = vault_arn("there", OTHER, FAR)
HERE = vault_arn("here", ACCOUNT, FAR)
MANAGED = settings(managed={"DynamoDB": True})


def key_of(kind: KeyKind | None, account: str = ACCOUNT, policy: str | None = None) -> ReferencedKey:
    return ReferencedKey(
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


def seen(arn: str, *, key: ReferencedKey | None = None, **more: Any) -> Destination:
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
    region: str = REGION
    air_gapped: bool = False

    def links(self) -> tuple[Link, ...]:
        source = Source(Shard(AccountId(ACCOUNT), RegionName(self.region)), self.settings, None)
        action = replace(copy(self.destination.arn, self.delete_after), air_gapped=self.air_gapped)
        return (
            *action_links(source, rule(), action, self.destination, self.organization),
            *resource_links(source, self.source, self.keys, self.destination, self.organization),
        )

    def verdict(self) -> bool | None:
        return joined_links(self.links())[0].value

    def link(self, name: str) -> Answer:
        """Give the answer of one link; a link that is not there is a mistake of the test."""
        return next(link.answer for link in self.links() if link.name == name)


def absent(arn: str, *, exists: bool | None) -> Destination:
    return replace(
        seen(arn), exists=Answer(exists, "why"), vault=None, key=None, gap=None if exists is False else GAP
    )


NONE_ENCRYPTED = ResourceKeys(False, ())  # noqa: FBT003 -- its field
AIR = "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"
OWN = {ACCOUNT: Account(AccountId(ACCOUNT), "own", "ACTIVE", None)}


def under(kind: KeyKind | None, policy: str | None = None) -> ResourceKeys:
    return ResourceKeys(True, (key_of(kind, policy=policy),))  # noqa: FBT003 -- its field


def at_vault(**more: Any) -> Case:
    return Case(destination=seen(THERE, **({"key": CUSTOMER} | more)))
