"""Whether a copy can succeed: each link of the chain is true, false or unknown (ruling 4; facts 6).

A copy is effective if all of these are true: the destination vault exists; its lock allows the copy's
retention; the type, its Region settings and the pair of Regions support it; and, across accounts, the vault's
policy admits the source account, the destination account is an ACTIVE member of the organisation,
cross-account backup is on, and the keys allow it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from typing import Final

from scanner.model.inventory import (
    INACTIVE_STATUSES,
    Account,
    BackupRule,
    CopyAction,
    Organization,
    Resource,
    Vault,
)
from scanner.model.known import Answer, Gap, Known, Ternary, Unread, all_of, any_of, conjunction, negate
from scanner.model.names import AccountId, Shard, partition_of, vault_arn
from scanner.protection.capabilities import (
    Capability,
    Change,
    Incremental,
    capability_rows,
    changes,
    incremental_of,
)
from scanner.protection.copy_keys import context_of, key_links, organization_of
from scanner.protection.destination import EFS_VAULT, Destination, Link, Source, crosses_accounts
from scanner.protection.key_kinds import ResourceKeys
from scanner.protection.lifecycle import copy_retention_days, lock_admits
from scanner.protection.policy import admits_account, parse
from scanner.protection.region_routes import Route, air_gap_supported, copy_supported, is_opt_in

__all__ = [
    "COPY_INTO",
    "Destination",
    "Link",
    "Source",
    "action_links",
    "context_of",
    "crosses_accounts",
    "joined_links",
    "member_link",
    "notes_of",
    "organization_of",
    "policy_link",
    "resource_links",
    "setting_link",
    "type_link",
]

COPY_INTO: Final = "backup:CopyIntoBackupVault"
_AIR_GAP: Final = "type can be air-gapped"
CONTINUOUS: Final = (
    "The rule is continuous: AWS Backup creates a snapshot for the copy and deletes it afterwards. The copy "
    "has no point-in-time recovery."
)
_CHINA: Final = "aws-cn"


def action_links(
    source: Source, rule: BackupRule, copy: CopyAction, destination: Destination, organization: Organization
) -> tuple[Link, ...]:
    """Return the links that are the same for every resource of a rule."""
    refs = destination.refs
    links = [
        Link("destination exists", destination.exists, destination.gap, refs),
        Link("retention within the lock", _within_lock(rule, copy, destination), destination.gap, refs),
        *_closed(source, rule, copy, destination),
    ]
    if crosses_accounts(source, destination):
        links += (
            policy_link(source, destination, organization),
            member_link(source.shard.account, destination.account, organization),
            setting_link(organization),
        )
    return tuple(links)


def _closed(source: Source, rule: BackupRule, copy: CopyAction, destination: Destination) -> Iterator[Link]:
    """Yield a link that fails (or is unknown) if the destination is a vault that accepts no copies at all."""
    here = source.shard
    answer = Answer(value=True)
    if destination.name == EFS_VAULT:
        because = f"{EFS_VAULT} is reserved for the automatic backups of EFS"
        answer = Answer(value=False, because=because)
    elif destination.vault is not None and destination.vault.restore_access:
        because = f"{destination.name} gives access to another vault and contains no backups of its own"
        answer = Answer(value=False, because=because)
    elif copy.air_gapped and Shard(destination.account, destination.region) != here:
        because = "the logically air-gapped target of a rule must be in its own account and Region"
        answer = Answer(value=False, because=because)
    elif destination.arn == vault_arn(partition_of(here.region), here, rule.target_vault):
        answer = Answer(None, "its source and destination are the same vault, which AWS does not document")
    if answer.value is not True:
        yield Link("destination takes copies", answer, refs=destination.refs)


def _within_lock(rule: BackupRule, copy: CopyAction, destination: Destination) -> Answer:
    vault = destination.vault
    if vault is None:
        return Answer(None, "the destination vault's lock was not read")
    answer = lock_admits(vault, copy_retention_days(rule, copy))
    return Answer(value=True, because=_lock_sentence(vault)) if answer.value else answer


def _lock_sentence(vault: Vault) -> str:
    least, most = vault.lock.min_retention_days, vault.lock.max_retention_days
    if not vault.lock.locked and not vault.air_gapped:
        return "the vault has no lock that prevents it"
    bounds = [f"at least {least} days"] * (least is not None) + [f"at most {most} days"] * (most is not None)
    return f"it is within the lock: {' and '.join(bounds) or 'of any length'}"


def policy_link(source: Source, destination: Destination, organization: Organization) -> Link:
    """Evaluate the destination vault's access policy for the source account as a whole (ruling 11)."""
    name = "vault policy admits the source"
    if destination.vault is None:
        absent = destination.exists.value is False
        because = destination.exists.because if absent else "the vault's access policy was not read"
        return Link(name, Answer(False if absent else None, because), destination.gap)
    policy = destination.vault.policy
    if isinstance(policy, Unread):
        return Link(name, Answer(None, "the destination vault's access policy was not read"), policy.gap)
    context = replace(
        context_of(organization, source.ou_path),
        resource_organization_id=organization_of(organization, destination.account),
        as_of=source.as_of,
    )
    answer = admits_account(
        parse(policy.value),
        account=source.shard.account,
        action=COPY_INTO,
        resource=destination.arn,
        context=context,
    )
    because = f"access policy of {destination.name}: {answer.because}"
    return Link(name, Answer(answer.value, because), refs=(*policy.refs, *destination.refs))


def member_link(source: AccountId, account: AccountId, organization: Organization) -> Link:
    """Check whether the destination account is an ACTIVE member of the source's organisation."""
    name = "destination account is a member"
    member, members = organization.accounts.get(account), organization.members
    if not organization.in_use and isinstance(members, Known):
        because = (
            f"account {source} is in no organisation, and AWS Backup copies only between accounts "
            "of one organisation"
        )
        return Link(name, Answer(value=False, because=because), refs=members.refs)
    # SUSPENDED and PENDING_CLOSURE accounts are still listed, but cannot receive copies.
    if member is not None and member.status is not None:
        return Link(name, _active(member, source, organization))
    if isinstance(members, Unread):
        return Link(name, Answer(None, "not all accounts of the organisation were read"), members.gap)
    if member is not None:
        return Link(name, Answer(None, f"AWS does not report the status of account {account}"))
    if source not in organization.accounts:
        because = f"neither account {source} nor {account} is a member of the organisation that was scanned"
        return Link(name, Answer(None, because))
    because = f"account {account} is not a member of the organisation"
    return Link(name, Answer(value=False, because=because), refs=members.refs)


def _active(member: Account, source: AccountId, organization: Organization) -> Answer:
    """Check that both accounts are members of one organisation (facts 6, row 1)."""
    if member.status in INACTIVE_STATUSES:
        return Answer(value=False, because=f"account {member.id} is {member.status}")
    if member.status != "ACTIVE":
        because = f"account {member.id} has the status {member.status}, which AWS does not document"
        return Answer(None, because)
    if source not in organization.accounts and not isinstance(organization.members, Unread):
        because = f"account {member.id} is a member of the organisation, and account {source} is not"
        return Answer(value=False, because=because)
    return Answer(value=True, because=f"account {member.id} is ACTIVE")


def setting_link(organization: Organization) -> Link:
    """Check whether the management account enabled cross-account backup for the organisation."""
    name = "cross-account backup is on"
    setting = organization.cross_account_backup
    if isinstance(setting, Unread):
        return Link(
            name,
            Answer(None, "the organisation's setting for cross-account backup was not read"),
            setting.gap,
        )
    because = f"cross-account backup is {'on' if setting.value else 'off'} in the organisation"
    if not organization.in_use:
        because = "the account is in no organisation, and cross-account backup requires one"
    return Link(name, Answer(setting.value, because), refs=setting.refs)


def resource_links(
    source: Source,
    resource: Resource,
    keys: ResourceKeys,
    destination: Destination,
    organization: Organization,
) -> tuple[Link, ...]:
    """Return the links that depend on the resource: its type and, for another account, its keys."""
    rows = capability_rows(resource, source.settings)
    # The type decides first: other links do not matter for a type that cannot be copied on this route.
    links = [type_link(source, resource, destination)]
    if destination.air_gapped:
        answer = _air_gap(rows, resource, keys, destination)
        links.append(Link(_AIR_GAP, answer, _settings_gap(source, rows) or keys.first_gap))
    elif destination.vault is None and destination.exists.value is not False:
        links += _perhaps_air_gapped(rows, resource, keys, destination)
    if crosses_accounts(source, destination):
        links.append(Link("image may leave the account", _no_marketplace(resource)))
        links += key_links(fully_managed_by_rows(rows), resource, keys, destination, organization)
    return tuple(links)


def type_link(source: Source, resource: Resource, destination: Destination) -> Link:
    """Check whether recovery points of the type can be copied on this route, given the Region settings."""
    rows = capability_rows(resource, source.settings)
    route = Route(source.shard.region, destination.region, crosses_accounts(source, destination))
    answers = [copy_supported(row, route) for row in rows]
    # Two rows are possible if the Region settings were not read; the answer is known if both agree.
    values = {answer.value for answer in answers}
    answer = answers[0] if len(values) == 1 else Answer(None, _open_type(source, resource))
    return Link(
        "type can be copied",
        answer,
        _settings_gap(source, rows),
        notes=_notes(source, resource, route, destination, is_copied=answer.value is True),
        continuous_notes=(CONTINUOUS,) if any(row is not None and row.continuous for row in rows) else (),
    )


def _notes(
    source: Source, resource: Resource, route: Route, destination: Destination, *, is_copied: bool
) -> tuple[str, ...]:
    """Return what AWS documents about the copies; whether they are full only if the type can be copied."""
    air_gapped = destination.air_gapped is True
    rows = capability_rows(resource, source.settings)
    notes = [note for row in rows for note in copy_changes(row, route, air_gapped=air_gapped)]
    if is_copied:
        notes += full_copies(resource.capability, incremental_of(resource, source.settings), route)
    return tuple(dict.fromkeys(notes))


def _open_type(source: Source, resource: Resource) -> str:
    if isinstance(source.settings, Unread):
        return "the Region settings, which determine what is supported for its type, were not read"
    return f"the Region settings do not report what is supported for {resource.type}"


def _settings_gap(source: Source, rows: tuple[Capability | None, ...]) -> Gap | None:
    return source.settings.gap if len(rows) > 1 and isinstance(source.settings, Unread) else None


def fully_managed_by_rows(rows: tuple[Capability | None, ...]) -> Ternary:
    """Check whether AWS Backup fully manages a type; None if it is not known which row applies."""
    values = {None if row is None else row.fully_managed for row in rows}
    return next(iter(values)) if len(values) == 1 else None


def _air_gap(
    rows: tuple[Capability | None, ...], resource: Resource, keys: ResourceKeys, destination: Destination
) -> Answer:
    """Check whether a logically air-gapped vault accepts the resource's backups (facts 4, 5)."""
    answer = _air_gap_type(rows, resource, destination)
    verdict = conjunction((answer, _air_gap_encrypted(rows, keys), _air_gap_keys(rows, keys)))
    return answer if verdict.value else verdict


def _air_gap_type(
    rows: tuple[Capability | None, ...], resource: Resource, destination: Destination
) -> Answer:
    supported = [air_gap_supported(row, destination.region) for row in rows]
    if len({answer.value for answer in supported}) == 1:
        return supported[0]
    return Answer(None, f"the Region settings do not report what is supported for {resource.type}")


def _air_gap_encrypted(rows: tuple[Capability | None, ...], keys: ResourceKeys) -> Answer:
    """Check whether it is encrypted, if its type has to be (AWS Backup developer guide, "Encryption")."""
    needs_key = all_of(None if row is None else row.air_gap_needs_encryption for row in rows)
    lacking = all_of((needs_key, negate(keys.encrypted)))
    because = "an unencrypted cluster cannot be stored in a logically air-gapped vault"
    return Answer(negate(lacking), because)


def _perhaps_air_gapped(
    rows: tuple[Capability | None, ...], resource: Resource, keys: ResourceKeys, destination: Destination
) -> Iterator[Link]:
    """Yield an unknown link if the vault was not read and may be an air-gapped one that rejects the type."""
    answer = conjunction((_air_gap_type(rows, resource, destination), _air_gap_encrypted(rows, keys)))
    if answer.value is not True:
        because = f"whether the destination is logically air-gapped is unknown, and {answer.because}"
        yield Link(_AIR_GAP, Answer(None, because), destination.gap)


def _air_gap_keys(rows: tuple[Capability | None, ...], keys: ResourceKeys) -> Answer:
    """Check that a type that is not fully managed is not encrypted with an AWS managed key."""
    because = (
        f"{keys.because}; a logically air-gapped vault accepts nothing that is encrypted "
        "with an AWS managed key"
    )
    return Answer(any_of((fully_managed_by_rows(rows), keys.free_of_aws_managed)), because)


def _no_marketplace(resource: Resource) -> Answer:
    """Check that it is no AWS Marketplace image: these cannot be copied to another account (facts 2.1)."""
    if resource.product_codes:
        return Answer(value=False, because="an AWS Marketplace image cannot be copied to another account")
    return Answer(value=True, because="it is not an AWS Marketplace image")


def notes_of(links: Iterable[Link], rule: BackupRule) -> tuple[str, ...]:
    """Return what AWS documents about the copies that a rule makes, each sentence once."""
    return tuple(dict.fromkeys(note for link in links for note in link.notes_of(rule)))


def joined_links(links: tuple[Link, ...]) -> tuple[Answer, Gap | None]:
    """Return the answer of all links together, and the missing read that leaves it unknown, if any."""
    verdict = conjunction(link.answer for link in links)
    gap = next((link.gap for link in links if link.answer == verdict and verdict.value is None), None)
    return verdict, gap


# What AWS documents about the copies of a type, apart from whether they succeed: notes for reasons.
#
# Source: AWS Backup developer guide, "Copying backups across Regions", "Point-in-time recovery" and "Document
# history" (facts 2.1).
@cache
def copy_changes(row: Capability | None, route: Route, *, air_gapped: bool) -> tuple[str, ...]:
    """Return what AWS changed about copies of a type on a route, with the dates.

    `air_gapped`: the destination is a logically air-gapped vault. Empty for a type without a row.
    """
    if row is None:
        return ()
    features = _features(route, air_gapped=air_gapped)
    return tuple(change.sentence for change in changes() if _concerns(change, row, route, features))


def _features(route: Route, *, air_gapped: bool) -> frozenset[str]:
    both = route.cross_region and route.cross_account
    named = {
        "copy": True,
        "cross_account": route.cross_account,
        "single_action": both,
        "air_gapped": air_gapped,
    }
    return frozenset(name for name, holds in named.items() if holds)


def _concerns(change: Change, row: Capability, route: Route, features: frozenset[str]) -> bool:
    """Check whether a dated change affects this copy."""
    if change.since is None or not features & set(change.about) or not _in_its_regions(change, route):
        return False
    return not change.types or row.key in change.types


def _in_its_regions(change: Change, route: Route) -> bool:
    ends = (route.source_region, route.destination_region)
    match change.regions:
        case "china":
            return partition_of(route.source_region) == _CHINA
        case "opt-in":
            return any(is_opt_in(region) for region in ends)
        case _:
            return True


@cache
def full_copies(key: str, incremental: Incremental | None, route: Route) -> tuple[str, ...]:
    """Return which copies to another Region are full ("Copying backups across Regions").

    A continuous backup is copied as a snapshot, so a type whose snapshots are full has full copies.
    """
    if not route.cross_region:
        return ()
    if incremental is None:
        return ("The first copy to a Region is full; whether later ones are incremental is unknown.",)
    if incremental is not Incremental.ALWAYS:
        return (f"Every copy to another Region is full: snapshots of {key} are not incremental.",)
    rekeyed = "; a copy of an EBS snapshot under another key is full again" if key == "EBS" else ""
    return (f"The first copy to a Region is full, later ones are incremental{rekeyed}.",)
