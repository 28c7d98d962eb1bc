"""Whether keys let a copy into another account: those of the source, and that of the vault it goes to.

Sources: catalogue, ruling 6, `copy-customer-managed-key` and `copy-source-key-shared`; facts 6, rows 6 to 10.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Final

from scanner.model.inventory import KeyKind, Organization, Resource
from scanner.model.names import AccountId, parse_arn, partition_of
from scanner.model.reading import Gap, Known, Unread
from scanner.model.ternary import Answer, Ternary, conjunction
from scanner.protection.destination import Destination, Link
from scanner.protection.key_kinds import KeyOf, ResourceKeys
from scanner.protection.policy import (
    FURTHER_KEY_ACTIONS,
    MINIMUM_KEY_ACTIONS,
    Context,
    key_allows_account,
    parse,
)

_KEY_IN_THE_WAY: Final = "no AWS managed key in the way"
_KEY_SHARED: Final = "source key shared"
_VIA_SERVICE: Final = "kms:viaservice"  # a policy that does not speak of it takes all services alike

_PAGES_DIFFER: Final = (
    "The minimum is allowed (CreateGrant, GenerateDataKey and Decrypt: AWS Backup developer guide, "
    '"Encryption for backups in AWS Backup"). AWS\'s pages differ on the rest: AWS re:Post requires '
    'it as well ("Given key ID is not accessible")'
)
_BACKED_UP_BY: Final = {"storagegateway": ("ec2", "storagegateway")}
"""Services through which keys are used, where the one that owns the resource is not alone.

A volume of a Storage Gateway is backed up as an EBS snapshot (facts 1.3).
"""


def context_of(organization: Organization, ou_path: str | None) -> Context:
    """Give what policy conditions may be held against: the organisation, and an account's place in it."""
    known = organization.id.value if isinstance(organization.id, Known) else None
    return Context(organization_id=known, organization_path=ou_path)


def organization_of(organization: Organization, account: AccountId) -> str | None:
    """Give the organisation that an account is known to be a member of; None: that is not known."""
    member = organization.accounts.get(account)
    if isinstance(organization.id, Unread) or member is None or member.status is None:
        return None
    return organization.id.value


def key_links(
    managed: Ternary,
    resource: Resource,
    keys: ResourceKeys,
    destination: Destination,
    organization: Organization,
) -> tuple[Link, ...]:
    """Give the links of the keys. `managed`: whether AWS Backup fully manages the resource's type."""
    refs = (*destination.refs, *(ref for key in keys.keys or () for ref in key.refs))
    way = Link(_KEY_IN_THE_WAY, key_in_the_way(managed, keys, destination), _gap(keys, destination), refs)
    return way, source_key_shared(managed, resource, keys, destination, organization)


def _gap(keys: ResourceKeys, destination: Destination) -> Gap | None:
    """Give the read that keeps it open whether an AWS managed key is in the way."""
    if keys.free_of_aws_managed is None:
        return keys.first_gap
    return destination.gap if destination.key is None else destination.key.kind_gap


def key_in_the_way(managed: Ternary, keys: ResourceKeys, destination: Destination) -> Answer:
    """Whether no AWS managed key stops a copy across accounts (control `copy-customer-managed-key`)."""
    if managed is None:
        return agreed(
            key_in_the_way(True, keys, destination),  # noqa: FBT003 -- the two values that it may have
            key_in_the_way(False, keys, destination),  # noqa: FBT003
        )
    if managed:
        return _not_reserved(destination)
    verdict = conjunction((_free(keys), Answer(destination.takes_any_type, _vault_key_sentence(destination))))
    told = f"{keys.because}, and {_vault_key_sentence(destination)}"
    return Answer(value=True, because=told) if verdict.value else verdict


def agreed(one: Answer, other: Answer) -> Answer:
    """Give what holds whether or not AWS Backup fully manages a type; not known where that decides."""
    if one.value is other.value:
        return one
    return Answer(None, "the Region settings do not report whether AWS Backup fully manages its type")


def _free(keys: ResourceKeys) -> Answer:
    return Answer(keys.free_of_aws_managed, keys.because)


def _not_reserved(destination: Destination) -> Answer:
    if destination.reserved:
        because = f"the vault {destination.name} does not accept copies from other accounts"
        return Answer(value=False, because=because)
    because = "AWS Backup fully manages its type, so copies are encrypted with the destination vault's key"
    return Answer(value=True, because=because)


def _vault_key_sentence(destination: Destination) -> str:
    if destination.air_gapped:
        return "the key of a logically air-gapped vault does not prevent copies"
    if destination.key_kind is None:
        return "who manages the destination vault's key is unknown"
    if destination.key_kind is KeyKind.CUSTOMER_MANAGED:
        return "the destination vault's key is customer managed"
    return f"the destination vault's key is not customer managed ({destination.key_kind.value})"


def source_key_shared(
    managed: Ternary,
    resource: Resource,
    keys: ResourceKeys,
    destination: Destination,
    organization: Organization,
) -> Link:
    """Whether the source's customer managed keys let the destination account use them (facts 6, row 9).

    For a type that it does not fully manage AWS Backup goes through the service that owns the resource.
    """
    needless = "AWS Backup fully manages its type, so backups are not encrypted with the resource's key"
    if managed:
        return Link(_KEY_SHARED, Answer(value=True, because=needless))
    shared = _all_shared(resource, keys, destination, organization)
    if managed is None and shared.answer.value is False:
        return Link(_KEY_SHARED, agreed(Answer(value=True, because=needless), shared.answer), shared.gap)
    return shared


def _all_shared(
    resource: Resource, keys: ResourceKeys, destination: Destination, organization: Organization
) -> Link:
    if keys.encrypted is False:
        return Link(_KEY_SHARED, Answer(value=True, because="it is not encrypted"))
    if keys.keys is None:
        return Link(_KEY_SHARED, Answer(None, keys.because), keys.gap)
    asked = [key for key in keys.keys if key.kind is not KeyKind.AWS_MANAGED]
    links = [_one_key_shared(key, resource, destination, organization) for key in asked]
    return _joined(links)


def _joined(links: Iterable[Link]) -> Link:
    """Join the links of several keys; without any there is nothing to share."""
    each = tuple(links)
    verdict = conjunction(link.answer for link in each)
    decided = next((link for link in each if link.answer == verdict), None)
    if verdict.value:
        told = "; ".join(link.answer.because for link in each) or "it has no customer managed key"
        verdict = Answer(value=True, because=told)
    refs = tuple(ref for link in each for ref in link.refs)
    return Link(_KEY_SHARED, verdict, decided.gap if decided else None, refs)


def _one_key_shared(
    key: KeyOf, resource: Resource, destination: Destination, organization: Organization
) -> Link:
    if key.policy is None:
        return Link(
            _KEY_SHARED, Answer(None, f"the policy of the key {key.name} was not read"), key.policy_gap
        )
    answer = _policy_shares(key, key.policy, resource, destination, organization)
    told = Answer(answer.value, f"key {key.name}: {answer.because}")
    if answer.value is False and key.kind is None:
        told = Answer(None, f"who manages the key {key.name} is unknown, and {answer.because}")
        return Link(_KEY_SHARED, told, key.kind_gap, key.refs)
    return Link(_KEY_SHARED, told, refs=key.refs)


def _policy_shares(
    key: KeyOf, policy: str, resource: Resource, destination: Destination, organization: Organization
) -> Answer:
    """Ask the key's policy in the key's own Region and partition; a bare id means one of the resource's."""
    arn = parse_arn(key.name)
    region = arn.region if arn else resource.region
    member = organization.accounts.get(destination.account)
    context = context_of(organization, member.ou_path if member else None)
    partition = arn.partition if arn else partition_of(region)
    owner = AccountId(arn.account) if arn else key.account
    return _shares(
        policy,
        account=destination.account,
        key_arn=key.name if arn else None,
        key_account=arn.account if arn else key.account,
        context=replace(
            context,
            region=region,
            partition=partition,
            resource_organization_id=organization_of(organization, owner),
        ),
        services=_services(resource) if _VIA_SERVICE in policy.lower() else (),
    )


@lru_cache(maxsize=1024)  # resources of all types of a shard may lie under one key
def _shares(  # noqa: PLR0913 -- the question has this many parts
    policy: str,
    *,
    account: AccountId,
    key_arn: str | None,
    key_account: str,
    context: Context,
    services: tuple[str, ...],
) -> Answer:
    """Whether a key policy allows the minimum (decides a failure) and all else that AWS names (a pass)."""
    minimum, further = (
        key_allows_account(
            parse(policy),
            account=account,
            key_account=key_account,
            actions=actions,
            context=context,
            services=services,
            key_arn=key_arn,
        )
        for actions in (MINIMUM_KEY_ACTIONS, FURTHER_KEY_ACTIONS)
    )
    if minimum.value is not True or further.value:
        return minimum
    return Answer(None, f"{further.because}. {_PAGES_DIFFER}")


def _services(resource: Resource) -> tuple[str, ...]:
    owner = parse_arn(resource.arn)
    return _BACKED_UP_BY.get(owner.service, (owner.service,)) if owner else ()
