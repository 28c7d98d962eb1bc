"""Whether a copy can arrive: each link of the chain true, false or unknown (catalogue, ruling 4; facts 6).

Exactly these hold for an effective copy: the destination vault exists; the copy's retention lies within
its lock; the type, its Region settings and the pair of Regions support it; and, across accounts, the
vault's policy admits the source account, the destination account is an ACTIVE member of the
organisation, cross-account backup is on, and the keys allow it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from scanner.model.inventory import (
    BackupRule,
    CopyAction,
    KeyKind,
    Organization,
    RegionSettings,
    Resource,
    Vault,
)
from scanner.model.names import AccountId, Arn, RegionName, Shard, parse_arn
from scanner.model.reading import EvidenceRef, Gap, Known, Reading, Unread
from scanner.model.ternary import Answer, Ternary, conjunction
from scanner.protection.capabilities import Route, capability_of, copy_supported
from scanner.protection.keys import KeyOf, ResourceKeys
from scanner.protection.lifecycle import copy_kept_days, lock_admits
from scanner.protection.policy import SOURCE_KEY_ACTIONS, Context, admits_account, key_allows_account, parse

COPY_INTO: Final = "backup:CopyIntoBackupVault"

RESERVED_VAULTS: Final = ("Default", "aws/efs/automatic-backup-vault")


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A destination vault as far as it was seen. `vault` is None where it is absent or was not seen."""

    arn: Arn
    account: AccountId
    region: RegionName
    name: str
    exists: Answer
    vault: Vault | None
    key: KeyOf | None  # of the vault's key; None: the vault was not seen, or AWS does not tell its key
    gap: Gap | None  # the read that keeps `exists` open

    @property
    def reserved(self) -> bool:
        """Whether it is a vault that AWS keeps for its own use, closed to copies from other accounts."""
        return self.name in RESERVED_VAULTS

    @property
    def key_kind(self) -> KeyKind | None:
        """Who manages the vault's key; None when that is not known."""
        return None if self.key is None else self.key.kind

    @property
    def takes_any_type(self) -> Ternary:
        """Whether its key lets types in that AWS Backup does not fully manage, across accounts.

        The key must be customer managed; a logically air-gapped vault's AWS owned key is in nobody's way
        (AWS Backup developer guide, "Logically air-gapped vault").
        """
        if self.key_kind is None:
            return None
        owned = self.key_kind is KeyKind.AWS_OWNED and self.vault is not None and self.vault.air_gapped
        return self.key_kind is KeyKind.CUSTOMER_MANAGED or owned


@dataclass(frozen=True, slots=True)
class Source:
    """The source side of a copy: the shard it starts from and that shard's Region settings."""

    shard: Shard
    settings: Reading[RegionSettings]
    ou_path: str | None


@dataclass(frozen=True, slots=True)
class Link:
    """One link of the chain. `gap`: the read that keeps it open, where there is one."""

    name: str
    answer: Answer
    gap: Gap | None = None
    refs: tuple[EvidenceRef, ...] = ()  # what it rests on


def crosses_accounts(source: Source, destination: Destination) -> bool:
    """Whether a copy leaves its account."""
    return source.shard.account != destination.account


def action_links(
    source: Source, rule: BackupRule, copy: CopyAction, destination: Destination, organization: Organization
) -> tuple[Link, ...]:
    """Give the links that are the same for every resource of a rule."""
    links = [
        Link("destination exists", destination.exists, destination.gap),
        Link("retention within the lock", _within_lock(rule, copy, destination), destination.gap),
    ]
    if crosses_accounts(source, destination):
        links += _organization_links(source, destination, organization)
    return tuple(links)


def _within_lock(rule: BackupRule, copy: CopyAction, destination: Destination) -> Answer:
    if destination.vault is None:
        return Answer(None, "the destination vault's lock was not seen")
    return lock_admits(destination.vault, copy_kept_days(rule, copy))


def _organization_links(
    source: Source, destination: Destination, organization: Organization
) -> Iterator[Link]:
    yield _admitted(source, destination, organization)
    yield _member(destination.account, organization)
    yield _switched_on(organization)


def _admitted(source: Source, destination: Destination, organization: Organization) -> Link:
    """Ask the destination vault's access policy for the source account as a whole (ruling 11)."""
    name = "vault policy admits the source"
    if destination.vault is None:
        return Link(name, Answer(None, "the destination vault's access policy was not seen"))
    policy = destination.vault.policy
    if isinstance(policy, Unread):
        return Link(name, Answer(None, "the destination vault's access policy was not read"), policy.gap)
    answer = admits_account(
        parse(policy.value),
        account=source.shard.account,
        action=COPY_INTO,
        resource=destination.arn,
        context=context_of(organization, source.ou_path),
    )
    return Link(name, Answer(answer.value, f"by the access policy of {destination.name}, {answer.because}"))


def context_of(organization: Organization, ou_path: str | None) -> Context:
    """Give what policy conditions may be held against: the organisation, and an account's place in it."""
    known = organization.id.value if isinstance(organization.id, Known) else None
    return Context(organization_id=known, organization_path=ou_path)


def _member(account: AccountId, organization: Organization) -> Link:
    """Whether the destination account is an ACTIVE member of the organisation."""
    name = "destination account is a member"
    member = organization.accounts.get(account)
    if member is not None and member.status is not None:
        active = member.status == "ACTIVE"
        return Link(name, Answer(active, f"account {account} is {member.status}"))
    if isinstance(organization.members, Unread):
        return Link(name, Answer(None, "the organisation's members were not read"), organization.members.gap)
    if member is not None:
        return Link(name, Answer(None, f"the status of account {account} is not told"))
    return Link(name, Answer(value=False, because=f"account {account} is no member of the organisation"))


def _switched_on(organization: Organization) -> Link:
    name = "cross-account backup is on"
    setting = organization.cross_account_backup
    if isinstance(setting, Unread):
        return Link(name, Answer(None, "the organisation's global setting was not read"), setting.gap)
    return Link(name, Answer(setting.value, "cross-account backup is off in the organisation"))


def resource_links(
    source: Source,
    resource: Resource,
    keys: ResourceKeys,
    destination: Destination,
    organization: Organization,
) -> tuple[Link, ...]:
    """Give the links that depend on the resource: its type, and across accounts its keys."""
    across = crosses_accounts(source, destination)
    row = capability_of(resource, source.settings)
    route = Route(source.shard.region, destination.region, across)
    links = [Link("type can be copied", copy_supported(row, route), _settings_gap(source))]
    if destination.vault is not None and destination.vault.air_gapped and row is not None:
        because = f"{row.key} cannot go into a logically air-gapped vault"
        links.append(Link("type can be air-gapped", Answer(row.air_gapped, because)))
    if across:
        managed = None if row is None else row.fully_managed
        links.append(Link("image may leave the account", _no_marketplace(resource)))
        links.append(Link("no AWS managed key in the way", key_in_the_way(managed, keys, destination)))
        links.append(_key_shared(managed, resource, keys, destination, organization))
    return tuple(links)


def _settings_gap(source: Source) -> Gap | None:
    return source.settings.gap if isinstance(source.settings, Unread) else None


def _no_marketplace(resource: Resource) -> Answer:
    """AWS Marketplace images cannot be copied to another account (facts 2.1)."""
    return Answer(not resource.product_codes, "an AWS Marketplace image cannot be copied to another account")


def key_in_the_way(managed: Ternary, keys: ResourceKeys, destination: Destination) -> Answer:
    """Whether no AWS managed key stops a copy across accounts (control `copy-customer-managed-key`)."""
    if managed is None:
        return Answer(None, "the Region settings do not tell whether AWS Backup fully manages its type")
    if managed:
        return Answer(
            not destination.reserved, f"the vault {destination.name} takes no copies of other accounts"
        )
    return conjunction(
        (
            Answer(keys.free_of_aws_managed, keys.because),
            Answer(destination.takes_any_type, _vault_key_sentence(destination)),
        )
    )


def _vault_key_sentence(destination: Destination) -> str:
    if destination.key_kind is None:
        return "who manages the destination vault's key is not known"
    return f"the destination vault's key is not customer managed ({destination.key_kind.value})"


def _key_shared(
    managed: Ternary,
    resource: Resource,
    keys: ResourceKeys,
    destination: Destination,
    organization: Organization,
) -> Link:
    """Whether the source's customer managed keys let the destination account use them (facts 6, row 9).

    For a type that it does not fully manage AWS Backup goes through the service that owns the resource.
    """
    name = "source key shared"
    if managed:
        return Link(name, Answer(value=True))
    if keys.keys is None:
        return Link(name, Answer(None, keys.because), keys.gap)
    path = organization.accounts.get(destination.account)
    context = context_of(organization, path.ou_path if path else None)
    owner = parse_arn(resource.arn)
    services = (owner.service,) if owner else ()
    links = [
        _one_key_shared(name, key, destination.account, context, services)
        for key in keys.keys
        if key.kind is not KeyKind.AWS_MANAGED
    ]
    verdict = conjunction(link.answer for link in links)
    gap = next((link.gap for link in links if link.answer == verdict), None)
    return Link(name, verdict, gap)


def _one_key_shared(
    name: str, key: KeyOf, account: AccountId, context: Context, services: tuple[str, ...]
) -> Link:
    if key.policy is None:
        return Link(name, Answer(None, f"the policy of the key {key.name} was not read"), key.policy_gap)
    owner = parse_arn(key.name)
    answer = key_allows_account(
        parse(key.policy),
        account=account,
        key_account=owner.account if owner else key.account,
        actions=SOURCE_KEY_ACTIONS,
        context=replace(context, region=owner.region if owner else None),
        services=services,
        key_arn=key.name if owner else None,
    )
    return Link(name, Answer(answer.value, f"key {key.name}: {answer.because}"))


def effective(links: tuple[Link, ...]) -> tuple[Answer, Gap | None]:
    """Join the links; give the gap too that keeps the answer open, where there is one."""
    verdict = conjunction(link.answer for link in links)
    gap = next((link.gap for link in links if link.answer == verdict and verdict.value is None), None)
    return verdict, gap
