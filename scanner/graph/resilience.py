"""Which losses the backups of a resource survive: its Region, its account, its key, a vault, an account.

A refuge is a place where a backup lies, or where a copy that can arrive will lie. A loss is survived
when one refuge is out of its reach. Sources: catalogue, rulings 4, 6 and 15 and the three `survives-…`
rows; facts 5 (a compliance lock in force and the air gap keep even the account's administrators out).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from scanner.graph.control_plane import ControlPlane
from scanner.model.inventory import KeyKind, Vault
from scanner.model.names import AccountId, Arn, RegionName, parse_arn
from scanner.model.reading import Unread
from scanner.model.ternary import Answer, Ternary
from scanner.protection.copies import context_of
from scanner.protection.keys import ResourceKeys
from scanner.protection.lifecycle import lock_mode
from scanner.protection.policy import admits_account, parse

_DESTRUCTIVE: Final = (
    "backup:DeleteRecoveryPoint",
    "backup:UpdateRecoveryPointLifecycle",
    "backup:PutBackupVaultAccessPolicy",
    "backup:DeleteBackupVaultAccessPolicy",
)
_MULTI_REGION: Final = "key/mrk-"


class Loss(StrEnum):
    """What may be lost."""

    REGION = "region"  # the resource's Region
    ACCOUNT = "account"  # the resource's account is in the hands of an administrator who means harm
    KEY = "key"  # the keys of the resource's account and Region are deleted
    VAULT = "vault"  # any one vault is deleted
    BACKUP_ACCOUNT = "backup_account"  # any one account is lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuge:
    """A place of a backup. `lies`: a usable recovery point is there; None: a copy may arrive or not.

    `keys` are the ARNs of the keys that the backup needs; empty: none, or one that AWS owns; None: not
    known. `vault` None: it was not seen.
    """

    arn: Arn
    account: AccountId
    region: RegionName
    vault: Vault | None
    lies: Ternary
    keys: tuple[str, ...] | None
    what: str  # the recovery point's ARN, or the copy action


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What is to be survived for: the resource's place and keys, and its refuges.

    `complete` False: there may be refuges that were not seen.
    """

    account: AccountId
    region: RegionName
    keys: ResourceKeys
    refuges: tuple[Refuge, ...]
    complete: bool


class Resilience:
    """Answers for the resources of one scan."""

    def __init__(self, plane: ControlPlane, as_of: datetime) -> None:
        self._plane = plane
        self._as_of = as_of

    def survives(self, loss: Loss, held: Held) -> Answer:
        """Say whether a backup survives a loss, and thanks to what, or what is lost with everything."""
        match loss:
            case Loss.REGION:
                return _first(held, lambda refuge: _outside(refuge, held.region), f"the Region {held.region}")
            case Loss.ACCOUNT:
                return _first(
                    held, lambda refuge: self._out_of_reach(refuge, held), f"account {held.account}"
                )
            case Loss.KEY:
                return self._key(held)
            case Loss.VAULT:
                return self._any_one(held, lambda refuge: refuge.arn, "vault")
            case Loss.BACKUP_ACCOUNT:
                return self._any_one(held, lambda refuge: refuge.account, "account")

    def immutable(self, refuge: Refuge) -> Ternary:
        """Whether nobody at all can delete from the refuge: a compliance lock in force, or an air gap."""
        if refuge.vault is None:
            return None
        mode = lock_mode(refuge.vault, self._as_of)
        return None if mode is None else mode == "compliance"

    def _out_of_reach(self, refuge: Refuge, held: Held) -> Answer:
        """Whether no principal of the resource's own account can delete what lies in a refuge."""
        if (immutable := self.immutable(refuge)) is True:
            return Answer(value=True, because=f"{refuge.arn} lets nobody delete")
        if refuge.account == held.account:
            why = f"{refuge.arn} lies in the account itself, and can be deleted from"
            return Answer(False if immutable is False else None, why)
        if refuge.vault is None:
            return Answer(None, f"{refuge.arn} was not seen")
        answer = self._only_copies_into(refuge.vault, held.account)
        if answer.value is not True and immutable is None:
            return Answer(None, f"whether {refuge.arn} is locked is not told")
        return answer

    def _only_copies_into(self, vault: Vault, account: AccountId) -> Answer:
        """Whether an account may do nothing destructive in a vault of another account (ruling 15)."""
        management = self._plane.organization.management_account
        if isinstance(management, Unread):
            return Answer(None, "which account manages the organisation was not read")
        if management.value == account:
            return Answer(value=False, because="the management account can act in every member account")
        if isinstance(vault.policy, Unread):
            return Answer(None, f"the access policy of {vault.arn} was not read")
        document = parse(vault.policy.value)
        member = self._plane.organization.accounts.get(account)
        context = context_of(self._plane.organization, member.ou_path if member else None)
        for action in _DESTRUCTIVE:
            admitted = admits_account(
                document, account=account, action=action, resource=vault.arn, context=context
            )
            if admitted.value is not False:
                value = None if admitted.value is None else False
                return Answer(
                    value, f"the access policy of {vault.arn} may let account {account} do {action}"
                )
        return Answer(value=True, because=f"{vault.arn} lets account {account} delete nothing")

    def _key(self, held: Held) -> Answer:
        if held.keys.encrypted is False:
            return _first(held, lambda _: Answer(value=True, because="it needs no key"), "its keys")
        own = held.keys.keys
        if held.keys.encrypted is None or own is None:
            return _first(held, _keyless, "its keys")
        names = tuple(key.name for key in own if key.kind is not KeyKind.AWS_OWNED)
        return _first(held, lambda refuge: _other_key(refuge, names, held), "its keys")

    def _any_one(self, held: Held, place: Callable[[Refuge], str], what: str) -> Answer:
        """Whether any one place of a kind can be lost: backups in two of them, or one nobody can delete."""
        if what == "vault":
            for refuge in held.refuges:
                if refuge.lies and self.immutable(refuge):
                    return Answer(value=True, because=f"{refuge.arn} lets nobody delete")
        sure = sorted({place(refuge) for refuge in held.refuges if refuge.lies})
        if len(sure) > 1:
            return Answer(value=True, because=f"backups lie in {sure[0]} and in {sure[1]}")
        possible = {place(refuge) for refuge in held.refuges if refuge.lies is not False}
        if len(possible) > 1 or not held.complete:
            return Answer(None, f"whether a backup lies in a second {what} is not known")
        only = f"all its backups lie in {sure[0]}" if sure else "it has no backup"
        return Answer(value=False, because=only)


def _first(held: Held, survives: Callable[[Refuge], Answer], lost: str) -> Answer:
    """Give the first refuge that survives, else the first that may, else why none does."""
    doubt = "" if held.complete else "there may be backups that were not seen"
    last = f"it has no backup that survives the loss of {lost}"
    for refuge in held.refuges:
        if refuge.lies is False:
            continue
        answer = survives(refuge)
        if answer.value is True and refuge.lies is True:
            return Answer(value=True, because=f"{refuge.what}: {answer.because}")
        if answer.value is False:
            last = answer.because
        else:
            doubt = doubt or answer.because
    return Answer(None, doubt) if doubt else Answer(value=False, because=last)


def _outside(refuge: Refuge, region: RegionName) -> Answer:
    return Answer(refuge.region != region, f"{refuge.arn} lies in {refuge.region}")


def _keyless(refuge: Refuge) -> Answer:
    """Whether a backup needs no key of anybody's, where the keys of the resource are not known."""
    if refuge.keys == ():
        return Answer(value=True, because="it needs no key that anybody can delete")
    return Answer(None, "under which keys the resource is encrypted is not known")


def _other_key(refuge: Refuge, own: Iterable[str], held: Held) -> Answer:
    """Whether a backup needs no key that is lost together with the resource's own (ruling 6)."""
    if refuge.keys is None:
        return Answer(None, f"the key of {refuge.what} is not known")
    for name in refuge.keys:
        if _lost_together(name, own, held):
            return Answer(value=False, because=f"{refuge.what} needs {name}, which is lost as well")
    return Answer(value=True, because=f"it needs {', '.join(refuge.keys) or 'no key of anybody'}")


def _lost_together(name: str, own: Iterable[str], held: Held) -> bool:
    """Whether two keys are in one account and Region, or are replicas of one multi-Region key."""
    for other in own:
        one, two = parse_arn(name), parse_arn(other)
        if one is None or two is None:  # a bare id means one of the resource's own account and Region
            here = (held.account, held.region)
            if _place(name, here) == _place(other, here):
                return True
            continue
        if (one.account, one.region) == (two.account, two.region):
            return True
        if one.resource == two.resource and one.resource.startswith(_MULTI_REGION):
            return True
    return False


def _place(name: str, here: tuple[AccountId, RegionName]) -> tuple[AccountId, RegionName]:
    arn = parse_arn(name)
    return here if arn is None else (arn.account, arn.region)
