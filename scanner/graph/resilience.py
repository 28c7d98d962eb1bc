"""Which losses the backups of a resource survive: its Region, its account, its key, a vault, an account.

The access of an account to a vault's content decides what a malicious administrator can delete. A loss is
survived if it does not affect at least one copy. Sources: catalogue, rulings 4, 6, 11 and 15 and
the three `survives-…` rows; facts 5 (not even the account's administrators can delete from a vault with a
compliance lock in force or an air gap).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from scanner.graph.control_plane import ControlPlane
from scanner.graph.surviving_copies import (
    BackupsOfResource,
    Doubt,
    KeyLocation,
    SurvivingCopy,
    lost_together,
)
from scanner.model.inventory import Vault
from scanner.model.known import Answer, Gap, Known, Ternary, Unread, any_of, negate
from scanner.model.names import AccountId, Arn
from scanner.protection.copies import context_of, organization_of
from scanner.protection.lifecycle import lock_mode
from scanner.protection.policy import parse
from scanner.protection.policy.admits import any_principal_allowed

_DESTRUCTIVE: Final = (
    "backup:DeleteRecoveryPoint",
    "backup:UpdateRecoveryPointLifecycle",
    "backup:DisassociateRecoveryPoint",
    "backup:PutBackupVaultAccessPolicy",
    "backup:DeleteBackupVaultAccessPolicy",
)
"""Actions that delete backups, shorten their retention, or remove the policy that protects them."""

AnswerWithGap = tuple[Answer, Gap | None]
"""An answer whose reason continues after the vault's name, and the missing read if it is unknown."""
_NOT_READ: Final = Answer(None, "was not read")
_MAX_NAMED: Final = 3  # vaults or doubts that one sentence names
_TWO: Final = 2
_NO_BACKUP: Final = "there is no usable permanent recovery point and no copy action that can succeed"
_THREE: Final = 3


class DeletionAccess:
    """Answers what accounts can delete from vaults, and caches the answers."""

    def __init__(self, plane: ControlPlane, as_of: datetime) -> None:
        self._plane = plane
        self._as_of = as_of
        self._protected: dict[tuple[Arn, AccountId], AnswerWithGap] = {}

    def immutable(self, vault: Vault | None) -> Answer:
        """Check whether no principal can delete from a vault: by a compliance lock in force or an air gap."""
        if vault is None:
            return _NOT_READ
        mode = lock_mode(vault, self._as_of)
        if mode == "compliance":
            how = "is logically air-gapped" if vault.air_gapped else "has a compliance lock in force"
            return Answer(value=True, because=how)
        if mode is None:
            return Answer(None, "may be locked, which the list of vaults does not report")
        graced = vault.lock.locked and vault.lock.lock_date is not None
        how = "has a compliance lock that is not in force yet" if graced else "has no compliance lock"
        return Answer(value=False, because=how)

    def cannot_delete(self, vault: Vault | None, owner: AccountId, account: AccountId) -> AnswerWithGap:
        """Check whether another account can delete nothing from a vault of `owner`."""
        if vault is None:
            return _NOT_READ, None
        managed, gap = self._is_management_account(owner, account)
        if (by_policy_and_gap := self._protected.get((vault.arn, account))) is None:
            by_policy_and_gap = self._protected[vault.arn, account] = self._by_policy(vault, account)
        by_policy, policy_gap = by_policy_and_gap
        if by_policy.value is False or managed.value is False:
            return by_policy_and_gap
        if managed.value:
            return Answer(value=False, because=managed.because), None
        return (managed, gap) if by_policy.value else (by_policy, policy_gap)

    def _is_management_account(self, owner: AccountId, account: AccountId) -> AnswerWithGap:
        """Check whether an account manages the organisation of a vault's owner (ruling 15)."""
        organization = self._plane.organization
        management = organization.management_account
        if isinstance(management, Unread):
            because = f"is out of reach unless account {account} manages the organisation, which was not read"
            return Answer(None, because), management.gap
        if management.value != account:
            return Answer(value=False), None
        because = f"is within reach of account {account}, which manages the organisation"
        member = organization.accounts.get(owner)
        if member is not None and (member.status is not None or isinstance(organization.members, Known)):
            return Answer(value=True, because=because), None
        if isinstance(organization.members, Unread):
            because = (
                f"{because}, if its own account {owner} is a member, "
                "but not all accounts of the organisation were read"
            )
            return Answer(None, because), organization.members.gap
        return Answer(value=False), None

    def _by_policy(self, vault: Vault, account: AccountId) -> AnswerWithGap:
        if isinstance(vault.policy, Unread):
            return Answer(None, "has an access policy that was not read"), vault.policy.gap
        document = parse(vault.policy.value)
        organization = self._plane.organization
        member = organization.accounts.get(account)
        context = replace(
            context_of(organization, member.ou_path if member else None),
            resource_organization_id=organization_of(organization, vault.account),
            as_of=self._as_of,
        )
        doubt: Answer | None = None
        for action in _DESTRUCTIVE:
            answer = any_principal_allowed(
                document, account=account, action=action, resource=vault.arn, context=context
            )
            if answer.value:
                because = f"has an access policy that allows account {account} {action}: {answer.because}"
                return Answer(value=False, because=because), None
            if answer.value is None and doubt is None:
                because = f"has an access policy that may allow account {account} {action}"
                doubt = Answer(None, f"{because}: {answer.because}")
        nothing = Answer(value=True, because=f"does not allow account {account} to delete anything")
        return doubt or nothing, None


class Loss(StrEnum):
    """What may be lost."""

    REGION = "region"  # the resource's Region
    ACCOUNT = "account"  # an attacker is administrator of the resource's account
    KEY = "key"  # the keys of the resource's account and Region are deleted
    VAULT = "vault"  # any one vault loses everything that its account can delete from it
    BACKUP_ACCOUNT = "backup_account"  # any one account that holds backups of it is lost


@dataclass(frozen=True, slots=True)
class Survival:
    """Whether a loss is survived. `by`: the ARN of the vault with the surviving copy; empty: there is none.

    `because`: which copy survives, why none does, or what is unknown. `gap`: the missing read, if there is
    one.
    """

    survived: Ternary
    because: str
    by: str = ""
    gap: Gap | None = None


@dataclass(frozen=True, slots=True)
class CopySafety:
    """Whether one copy is safe from a loss, and why."""

    value: Ternary
    because: str
    gap: Gap | None = None


_OUTSIDE: Final = CopySafety(value=True, because="which is outside the resource's Region")
_IN_REGION: Final = CopySafety(value=False, because="which is in the resource's Region")


class Resilience:
    """Evaluates which losses the backups of resources survive, for one scan."""

    def __init__(self, plane: ControlPlane, as_of: datetime) -> None:
        self._access = DeletionAccess(plane, as_of)
        # By the id of the vault, which the entry keeps alive: one vault holds copies of many resources.
        self._immutable: dict[int, tuple[object, CopySafety]] = {}
        self._out_of_reach_cache: dict[tuple[int, AccountId, AccountId], tuple[object, CopySafety]] = {}

    def survives(self, loss: Loss, backups: BackupsOfResource) -> Survival:
        """Return whether a backup survives a loss, and which one, or why none does."""
        match loss:
            case Loss.REGION:
                return _any_safe(backups, lambda copy: _in_other_region(copy, backups))
            case Loss.ACCOUNT:
                return _any_safe(backups, lambda copy: self._out_of_reach(copy, backups))
            case Loss.KEY:
                return _any_safe(backups, lambda copy: _has_other_key(copy, backups))
            case Loss.VAULT:
                return self._any_vault(backups)
            case Loss.BACKUP_ACCOUNT:
                return _in_two(backups, lambda copy: copy.account, "account")

    def immutable(self, copy: SurvivingCopy) -> CopySafety:
        """Check whether no principal at all can delete a copy: a compliance lock in force, or an air gap."""
        vault = copy.vault
        if (cached := self._immutable.get(id(vault))) is None:
            answer = self._access.immutable(vault)
            cached = self._immutable[id(vault)] = (vault, CopySafety(answer.value, f"which {answer.because}"))
        return cached[1]

    def _out_of_reach(self, copy: SurvivingCopy, backups: BackupsOfResource) -> CopySafety:
        """Check whether no principal of the resource's own account can delete a copy."""
        key = (id(copy.vault), copy.account, backups.account)
        if (cached := self._out_of_reach_cache.get(key)) is None:
            cached = self._out_of_reach_cache[key] = (copy.vault, self._deletable_from(copy, backups))
        return cached[1]

    def _deletable_from(self, copy: SurvivingCopy, backups: BackupsOfResource) -> CopySafety:
        immutable = self.immutable(copy)
        if immutable.value:
            return immutable
        if copy.account == backups.account:
            if immutable.value is None:
                return immutable
            return CopySafety(value=False, because="which is in the account itself and allows deletion")
        answer, gap = self._access.cannot_delete(copy.vault, copy.account, backups.account)
        because = f"which {answer.because}"
        if answer.value is False and immutable.value is None:
            return CopySafety(None, f"{immutable.because}, and {because}")
        return CopySafety(answer.value, because, gap)

    def _any_vault(self, backups: BackupsOfResource) -> Survival:
        """Check whether any one vault may be lost: by an immutable copy, or by copies in two vaults."""
        by_immutable = _any_safe(backups, self.immutable)
        if by_immutable.survived:
            return by_immutable
        spread = _in_two(backups, lambda copy: copy.arn, "vault")
        return spread if spread.survived or by_immutable.survived is False else by_immutable


def _any_safe(backups: BackupsOfResource, safe: Callable[[SurvivingCopy], CopySafety]) -> Survival:
    """Check whether at least one copy is safe; else return the doubts, else why no copy is."""
    doubts: list[Doubt] = []
    lost: list[tuple[SurvivingCopy, CopySafety]] = []  # sentences are built only if no copy is safe
    for copy in backups.surviving_copies:
        safety = safe(copy) if copy.exists is not False else None
        if safety is None:
            continue
        if safety.value and copy.exists:
            return Survival(survived=True, because=f"{copy.what}, {safety.because}", by=copy.arn)
        if safety.value is False:
            lost.append((copy, safety))
        else:
            doubts.append(copy.doubt if safety.value else (f"{copy.what}, {safety.because}", safety.gap))
    if doubts or backups.doubts:
        return _unknown((*doubts, *backups.doubts))
    return Survival(survived=False, because=_joined_sentences(_sentences(lost)) or _NO_BACKUP)


def _sentences(lost: Iterable[tuple[SurvivingCopy, CopySafety]]) -> Iterable[str]:
    return dict.fromkeys(f"{copy.what}, {safety.because}" for copy, safety in lost)


def _in_two(backups: BackupsOfResource, place: Callable[[SurvivingCopy], str], kind: str) -> Survival:
    """Check whether copies exist in two places of a kind, so that any one of them can be lost."""
    sure = {place(copy): copy for copy in reversed(backups.surviving_copies) if copy.exists}
    possible = {place(copy): copy for copy in backups.surviving_copies if copy.exists is not False}
    if len(sure) >= _TWO:
        # Sorted, so that the sentence does not depend on the order of the copies.
        first, second, *_ = (sure[name] for name in sorted(sure))
        return Survival(survived=True, because=f"{first.what}, and {second.what}", by=second.arn)
    if len(possible) >= _TWO or backups.doubts:
        own = (copy.doubt for copy in possible.values() if copy.exists is None)
        return _unknown((*own, *backups.doubts))
    only = next(iter((sure or possible).values()), None)
    if only is None:
        return Survival(survived=False, because=_NO_BACKUP)
    where = only.name if kind == "vault" else f"account {only.account}"
    return Survival(survived=False, because=f"all backups are in {where}")


def _unknown(doubts: Iterable[Doubt]) -> Survival:
    """Return the unknown result with all doubts and the first missing read."""
    doubts = tuple(dict.fromkeys(doubts))
    gap = next((gap for _, gap in doubts if gap is not None), None)
    return Survival(None, _joined_sentences(dict.fromkeys(because for because, _ in doubts)), gap=gap)


def _joined_sentences(sentences: Iterable[str]) -> str:
    """Join the first sentences, and count the others."""
    texts = list(sentences)
    more = [f"and {len(texts) - _MAX_NAMED} more"] if len(texts) > _MAX_NAMED else []
    return "; ".join((*texts[:_MAX_NAMED], *more))


def _in_other_region(copy: SurvivingCopy, backups: BackupsOfResource) -> CopySafety:
    return _IN_REGION if copy.region == backups.region else _OUTSIDE


def _has_other_key(copy: SurvivingCopy, backups: BackupsOfResource) -> CopySafety:
    """Check whether a copy needs no key that is lost together with the resource's own (ruling 6)."""
    if copy.keys == ():
        return CopySafety(value=True, because="and needs no key that can be deleted")
    if backups.keys == ():
        return CopySafety(value=True, because="and the resource itself has no key that can be deleted")
    if copy.keys is None:
        return CopySafety(None, "and its key is unknown")
    # The unknown key is in the resource's Region, because a KMS key can only be used in its own Region.
    own = backups.keys or (KeyLocation(AccountId(""), backups.region, "", None),)
    safe = negate(any_of(lost_together(key, own) for key in copy.keys))
    return CopySafety(safe, _key_sentence(copy, safe, own_key_known=backups.keys is not None))


def _key_sentence(copy: SurvivingCopy, safe: Ternary, *, own_key_known: bool) -> str:
    names: Iterator[str] = (
        f"{key.id or 'an alias'} in {key.account}/{key.region}" for key in copy.keys or ()
    )
    needs = f"and needs the key {', '.join(names)}"
    if safe is None:
        own = "whose replicas are unknown" if own_key_known else "but the resource's own key is unknown"
        return f"{needs}, {own}"
    return f"{needs}, which is {'not ' if safe else ''}lost together with the resource's key"


# Three copies of the data, in two accounts, one in another Region, one that cannot be deleted.
#
# Only existing data counts: the resource itself, and its usable recovery points, one for each vault. A copy
# action that can succeed is no copy yet (catalogue, `three-two-one-one-zero`).
@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How a resource's data is distributed. `copies`, `accounts`: the certain ones, with the resource."""

    copies: int
    three_copies: Ternary
    accounts: int
    two_accounts: Ternary
    other_region: Ternary
    immutable: Ternary


def spread_of(backups: BackupsOfResource, resilience: Resilience) -> Spread:
    """Return how a resource's data is distributed, itself included."""
    existing = [copy for copy in backups.surviving_copies if not copy.planned and copy.exists is not False]
    complete = not backups.unseen
    copies, three = _counted(existing, lambda copy: copy.arn, {""}, _THREE, complete=complete)
    accounts, two = _counted(existing, lambda copy: copy.account, {backups.account}, _TWO, complete=complete)
    return Spread(
        copies=copies,
        three_copies=three,
        accounts=accounts,
        two_accounts=two,
        other_region=_any(existing, lambda copy: copy.region != backups.region, complete=complete),
        immutable=_any(existing, lambda copy: resilience.immutable(copy).value, complete=complete),
    )


def _counted(
    surviving_copies: Iterable[SurvivingCopy],
    place: Callable[[SurvivingCopy], str],
    itself: set[str],
    wanted: int,
    *,
    complete: bool,
) -> tuple[int, Ternary]:
    """Count the known places of a kind, and return whether there are as many as required."""
    sure = itself | {place(copy) for copy in surviving_copies if copy.exists}
    possible = itself | {place(copy) for copy in surviving_copies}
    if len(sure) >= wanted:
        return len(sure), True
    return len(sure), None if len(possible) >= wanted or not complete else False


def _any(
    surviving_copies: Iterable[SurvivingCopy], holds: Callable[[SurvivingCopy], Ternary], *, complete: bool
) -> Ternary:
    """Check whether a property holds for at least one existing copy."""
    answers = (
        holds(copy) if copy.exists else None if holds(copy) is not False else False
        for copy in surviving_copies
    )
    return any_of((*answers, False if complete else None))
