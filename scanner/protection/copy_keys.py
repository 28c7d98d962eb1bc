"""Whether the keys of the source and of the destination vault allow a copy to another account.

Sources: catalogue, ruling 6, `copy-customer-managed-key` and `copy-source-key-shared`; facts 6, rows 6 to 10.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Final

from scanner.model.inventory import KeyKind, Organization, Resource
from scanner.model.known import Answer, Gap, Known, Ternary, Unread, conjunction
from scanner.model.names import AccountId, parse_arn, partition_of
from scanner.protection.destination import Destination, Link
from scanner.protection.key_kinds import ReferencedKey, ResourceKeys
from scanner.protection.policy import (
    FURTHER_KEY_ACTIONS,
    MINIMUM_KEY_ACTIONS,
    Context,
    key_allows_account,
    parse,
)

_KEY_IN_THE_WAY: Final = "no AWS managed key in the way"
_KEY_SHARED: Final = "source key shared"
_VIA_SERVICE: Final = "kms:viaservice"  # a policy without it treats all services alike

_PAGES_DIFFER: Final = (
    "The minimum is allowed (CreateGrant, GenerateDataKey and Decrypt: AWS Backup developer guide, "
    '"Encryption for backups in AWS Backup"). AWS\'s pages differ on the rest: AWS re:Post requires '
    'it as well ("Given key ID is not accessible")'
)
_BACKED_UP_BY: Final = {"storagegateway": ("ec2", "storagegateway")}
"""Services through which keys are used, if these are not only the service of the resource.

A volume of a Storage Gateway is backed up as an EBS snapshot (facts 1.3).
"""


def context_of(organization: Organization, ou_path: str | None) -> Context:
    """Return the context for policy conditions: the organisation, and an account's place in it."""
    organization_id = organization.id.value if isinstance(organization.id, Known) else None
    return Context(organization_id=organization_id, organization_path=ou_path)


def organization_of(organization: Organization, account: AccountId) -> str | None:
    """Return the organisation of an account; None: it is not known to be a member of one."""
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
    """Return the links of the keys. `managed`: whether AWS Backup fully manages the resource's type."""
    refs = (*destination.refs, *(ref for key in keys.keys or () for ref in key.refs))
    way = Link(_KEY_IN_THE_WAY, key_in_the_way(managed, keys, destination), _gap(keys, destination), refs)
    return way, source_key_shared(managed, resource, keys, destination, organization)


def _gap(keys: ResourceKeys, destination: Destination) -> Gap | None:
    """Return the missing read that leaves unknown whether an AWS managed key prevents the copy."""
    if keys.free_of_aws_managed is None:
        return keys.first_gap
    return destination.gap if destination.key is None else destination.key.kind_gap


def key_in_the_way(managed: Ternary, keys: ResourceKeys, destination: Destination) -> Answer:
    """Check that no AWS managed key prevents a copy across accounts (control `copy-customer-managed-key`)."""
    if managed is None:
        return same_either_way(
            key_in_the_way(True, keys, destination),  # noqa: FBT003 -- the two possible values
            key_in_the_way(False, keys, destination),  # noqa: FBT003
        )
    if managed:
        return _not_reserved(destination)
    verdict = conjunction(
        (_free(keys), Answer(destination.key_admits_any_type, _vault_key_sentence(destination)))
    )
    because = f"{keys.because}, and {_vault_key_sentence(destination)}"
    return Answer(value=True, because=because) if verdict.value else verdict


def same_either_way(if_managed: Answer, if_not_managed: Answer) -> Answer:
    """Return the answer if it is the same for both values of `managed`, else an unknown one."""
    if if_managed.value is if_not_managed.value:
        return if_managed
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
    """Check that the source's customer managed keys are shared with the destination (facts 6, row 9).

    For a type that it does not fully manage, AWS Backup copies through the service that owns the resource.
    """
    needless = "AWS Backup fully manages its type, so backups are not encrypted with the resource's key"
    if managed:
        return Link(_KEY_SHARED, Answer(value=True, because=needless))
    shared = _all_shared(resource, keys, destination, organization)
    if managed is None and shared.answer.value is False:
        return Link(
            _KEY_SHARED, same_either_way(Answer(value=True, because=needless), shared.answer), shared.gap
        )
    return shared


def _all_shared(
    resource: Resource, keys: ResourceKeys, destination: Destination, organization: Organization
) -> Link:
    if keys.encrypted is False:
        return Link(_KEY_SHARED, Answer(value=True, because="it is not encrypted"))
    if keys.keys is None:
        return Link(_KEY_SHARED, Answer(None, keys.because), keys.gap)
    # An AWS managed key is reported by the link before this one.
    shareable = [key for key in keys.keys if key.kind is not KeyKind.AWS_MANAGED]
    links = [_one_key_shared(key, resource, destination, organization) for key in shareable]
    return _joined(links)


def _joined(per_key: Iterable[Link]) -> Link:
    """Join the links of several keys; true without any, because then there is nothing to share."""
    links = tuple(per_key)
    verdict = conjunction(link.answer for link in links)
    decided = next((link for link in links if link.answer == verdict), None)
    if verdict.value:
        because = "; ".join(link.answer.because for link in links) or "it has no customer managed key"
        verdict = Answer(value=True, because=because)
    refs = tuple(ref for link in links for ref in link.refs)
    return Link(_KEY_SHARED, verdict, decided.gap if decided else None, refs)


def _one_key_shared(
    key: ReferencedKey, resource: Resource, destination: Destination, organization: Organization
) -> Link:
    if key.policy is None:
        return Link(
            _KEY_SHARED, Answer(None, f"the policy of the key {key.name} was not read"), key.policy_gap
        )
    answer = _policy_shares(key, key.policy, resource, destination, organization)
    shared = Answer(answer.value, f"key {key.name}: {answer.because}")
    if answer.value is False and key.kind is None:
        shared = Answer(None, f"who manages the key {key.name} is unknown, and {answer.because}")
        return Link(_KEY_SHARED, shared, key.kind_gap, key.refs)
    return Link(_KEY_SHARED, shared, refs=key.refs)


def _policy_shares(
    key: ReferencedKey, policy: str, resource: Resource, destination: Destination, organization: Organization
) -> Answer:
    """Evaluate the key's policy in the key's own Region and partition; a bare key id is in the resource's."""
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


@lru_cache(maxsize=1024)  # one key often encrypts many resources of a shard
def _shares(  # noqa: PLR0913 -- a cache needs all parts of the question as arguments
    policy: str,
    *,
    account: AccountId,
    key_arn: str | None,
    key_account: str,
    context: Context,
    services: tuple[str, ...],
) -> Answer:
    """Check whether a key policy allows the minimum (if not: false) and all that AWS names (then: true)."""
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
    # The pages of AWS Backup and of the services require different actions: with the minimum alone, it is
    # unknown.
    if minimum.value is not True or further.value:
        return minimum
    return Answer(None, f"{further.because}. {_PAGES_DIFFER}")


def _services(resource: Resource) -> tuple[str, ...]:
    owner = parse_arn(resource.arn)
    return _BACKED_UP_BY.get(owner.service, (owner.service,)) if owner else ()
