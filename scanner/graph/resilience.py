"""Which losses the backups of a resource survive: its Region, its account, its key, a vault, an account.

A loss is survived when one refuge is out of its reach. Sources: catalogue, rulings 4, 6, 11 and 15 and the
three `survives-…` rows; facts 5 (a compliance lock in force and the air gap keep even the account's
administrators out).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from scanner.graph.access import DeletionAccess
from scanner.graph.control_plane import ControlPlane
from scanner.graph.surviving_copies import (
    BackupsOfResource,
    Doubt,
    KeyPlace,
    SurvivingCopy,
    key_place,
    lost_together,
)
from scanner.model.names import AccountId, Shard
from scanner.model.reading import Gap
from scanner.model.ternary import Ternary, any_of, negate

_TOLD: Final = 3  # so many vaults, or doubts, are named in one sentence
_TWO: Final = 2
_NO_BACKUP: Final = "there is no usable permanent recovery point and no copy action that can succeed"
_THREE: Final = 3


class Loss(StrEnum):
    """What may be lost."""

    REGION = "region"  # the resource's Region
    ACCOUNT = "account"  # the resource's account is in the hands of an administrator who means harm
    KEY = "key"  # the keys of the resource's account and Region are deleted
    VAULT = "vault"  # any one vault is deleted, with all that it lets its account delete
    BACKUP_ACCOUNT = "backup_account"  # any one account that holds backups of it is lost


@dataclass(frozen=True, slots=True)
class Survival:
    """Whether a loss is survived. `by`: the ARN of the vault that saves it; empty where none does.

    `because`: what saves it, what is lost with everything, or what is not known. `gap`: the read that is
    missing, where one keeps it open.
    """

    survived: Ternary
    because: str
    by: str = ""
    gap: Gap | None = None


@dataclass(frozen=True, slots=True)
class Safe:
    """Whether what is in one refuge is safe from a loss, and why."""

    value: Ternary
    because: str
    gap: Gap | None = None


_OUTSIDE: Final = Safe(value=True, because="which is outside the resource's Region")
_IN_REGION: Final = Safe(value=False, because="which is in the resource's Region")


class Resilience:
    """Answers for the resources of one scan."""

    def __init__(self, plane: ControlPlane, as_of: datetime) -> None:
        self._reach = DeletionAccess(plane, as_of)
        # By the id of the vault, which is kept alive beside the answer: one vault is a refuge of many.
        self._immutable: dict[int, tuple[object, Safe]] = {}
        self._beyond: dict[tuple[int, AccountId, AccountId], tuple[object, Safe]] = {}

    def survives(self, loss: Loss, held: BackupsOfResource) -> Survival:
        """Say whether a backup survives a loss, and thanks to what, or what is lost with everything."""
        match loss:
            case Loss.REGION:
                return _one_of(held, lambda refuge: _outside(refuge, held))
            case Loss.ACCOUNT:
                return _one_of(held, lambda refuge: self._out_of_reach(refuge, held))
            case Loss.KEY:
                return _one_of(held, lambda refuge: _other_key(refuge, held))
            case Loss.VAULT:
                return self._any_vault(held)
            case Loss.BACKUP_ACCOUNT:
                return _two_of(held, lambda refuge: refuge.account, "account")

    def left_after(self, loss: Loss, name: str, held: BackupsOfResource) -> Survival:
        """Say whether a backup is left after one given loss, whatever the resource's own place is.

        `name`: a Region; the id of an account, taken over (ACCOUNT) or closed (BACKUP_ACCOUNT); the ARN of a
        vault, or of a key, which goes with every key of its account and Region.
        """
        match loss:
            case Loss.REGION:
                return _one_of(held, lambda refuge: _cross_shard(refuge.region, name))
            case Loss.ACCOUNT:
                attacked = replace(held, account=AccountId(name))
                return _one_of(held, lambda refuge: self._out_of_reach(refuge, attacked))
            case Loss.KEY:
                lost = replace(held, keys=(key_place(name, Shard(held.account, held.region), None),))
                return _one_of(held, lambda refuge: _other_key(refuge, lost))
            case Loss.VAULT:
                return _one_of(
                    held,
                    lambda refuge: (
                        self.immutable(refuge) if refuge.arn == name else _cross_shard(refuge.arn, name)
                    ),
                )
            case Loss.BACKUP_ACCOUNT:
                return _one_of(held, lambda refuge: _cross_shard(refuge.account, name))

    def immutable(self, refuge: SurvivingCopy) -> Safe:
        """Check whether nobody at all can delete from a refuge: a compliance lock in force, or an air gap."""
        vault = refuge.vault
        if (known := self._immutable.get(id(vault))) is None:
            answer = self._reach.immutable(vault)
            known = self._immutable[id(vault)] = (vault, Safe(answer.value, f"which {answer.because}"))
        return known[1]

    def _out_of_reach(self, refuge: SurvivingCopy, held: BackupsOfResource) -> Safe:
        """Check whether no principal of the resource's own account can delete what is in a refuge."""
        asked = (id(refuge.vault), refuge.account, held.account)
        if (known := self._beyond.get(asked)) is None:
            known = self._beyond[asked] = (refuge.vault, self._ask_reach(refuge, held))
        return known[1]

    def _ask_reach(self, refuge: SurvivingCopy, held: BackupsOfResource) -> Safe:
        immutable = self.immutable(refuge)
        if immutable.value:
            return immutable
        if refuge.account == held.account:
            if immutable.value is None:
                return immutable
            return Safe(value=False, because="which is in the account itself and allows deletion")
        answer, gap = self._reach.closed_to(refuge.vault, refuge.account, held.account)
        because = f"which {answer.because}"
        if answer.value is False and immutable.value is None:
            return Safe(None, f"{immutable.because}, and {because}")
        return Safe(answer.value, because, gap)

    def _any_vault(self, held: BackupsOfResource) -> Survival:
        """Check whether any one vault may be lost: one that nobody can delete from, or backups in two."""
        kept = _one_of(held, self.immutable)
        if kept.survived:
            return kept
        spread = _two_of(held, lambda refuge: refuge.arn, "vault")
        return spread if spread.survived or kept.survived is False else kept


def _one_of(held: BackupsOfResource, safe: Callable[[SurvivingCopy], Safe]) -> Survival:
    """Check whether one refuge is safe; else why it is not known of one, else why none is."""
    doubts: list[Doubt] = []
    lost: list[tuple[SurvivingCopy, Safe]] = []  # put in words only where nothing is left
    for refuge in held.surviving_copies:
        found = safe(refuge) if refuge.lies is not False else None
        if found is None:
            continue
        if found.value and refuge.lies:
            return Survival(survived=True, because=f"{refuge.what}, {found.because}", by=refuge.arn)
        if found.value is False:
            lost.append((refuge, found))
        else:
            doubts.append(refuge.doubt if found.value else (f"{refuge.what}, {found.because}", found.gap))
    if doubts or held.doubts:
        return _open((*doubts, *held.doubts))
    return Survival(survived=False, because=_told(_sentences(lost)) or _NO_BACKUP)


def _sentences(lost: Iterable[tuple[SurvivingCopy, Safe]]) -> Iterable[str]:
    return dict.fromkeys(f"{refuge.what}, {found.because}" for refuge, found in lost)


def _two_of(held: BackupsOfResource, place: Callable[[SurvivingCopy], str], kind: str) -> Survival:
    """Check whether backups lie in two places of a kind: then any one of them can be lost."""
    sure = {place(refuge): refuge for refuge in reversed(held.surviving_copies) if refuge.lies}
    possible = {place(refuge): refuge for refuge in held.surviving_copies if refuge.lies is not False}
    if len(sure) >= _TWO:
        one, other, *_ = (sure[name] for name in sorted(sure))
        return Survival(survived=True, because=f"{one.what}, and {other.what}", by=other.arn)
    if len(possible) >= _TWO or held.doubts:
        own = (refuge.doubt for refuge in possible.values() if refuge.lies is None)
        return _open((*own, *held.doubts))
    only = next(iter((sure or possible).values()), None)
    if only is None:
        return Survival(survived=False, because=_NO_BACKUP)
    where = only.name if kind == "vault" else f"account {only.account}"
    return Survival(survived=False, because=f"all backups are in {where}")


def _open(doubts: Iterable[Doubt]) -> Survival:
    """Say what is not known, and give the first read that is missing."""
    doubts = tuple(dict.fromkeys(doubts))
    gap = next((gap for _, gap in doubts if gap is not None), None)
    return Survival(None, _told(dict.fromkeys(because for because, _ in doubts)), gap=gap)


def _told(sentences: Iterable[str]) -> str:
    """Join the first sentences, and count the others."""
    told = list(sentences)
    more = [f"and {len(told) - _TOLD} more"] if len(told) > _TOLD else []
    return "; ".join((*told[:_TOLD], *more))


def _outside(refuge: SurvivingCopy, held: BackupsOfResource) -> Safe:
    return _IN_REGION if refuge.region == held.region else _OUTSIDE


def _cross_shard(place: str, lost: str) -> Safe:
    return Safe(place != lost, f"which is {'lost' if place == lost else 'not affected'}")


def _other_key(refuge: SurvivingCopy, held: BackupsOfResource) -> Safe:
    """Check whether a backup needs no key that is lost together with the resource's own (ruling 6)."""
    if refuge.keys == ():
        return Safe(value=True, because="and needs no key that can be deleted")
    if held.keys == ():
        return Safe(value=True, because="and the resource itself has no key that can be deleted")
    if refuge.keys is None:
        return Safe(None, "and its key is unknown")
    # Whatever its key is, it lies in the resource's Region: a key is used in its own Region alone.
    own = held.keys or (KeyPlace(AccountId(""), held.region, "", None),)
    safe = negate(any_of(lost_together(key, own) for key in refuge.keys))
    return Safe(safe, _key_sentence(refuge, safe, known=held.keys is not None))


def _key_sentence(refuge: SurvivingCopy, safe: Ternary, *, known: bool) -> str:
    names: Iterator[str] = (
        f"{key.id or 'an alias'} in {key.account}/{key.region}" for key in refuge.keys or ()
    )
    needs = f"and needs the key {', '.join(names)}"
    if safe is None:
        own = "whose replicas are unknown" if known else "but the resource's own key is unknown"
        return f"{needs}, {own}"
    return f"{needs}, which is {'not ' if safe else ''}lost together with the resource's key"


# Three copies of the data, in two accounts, one in another Region, one that nobody can delete.
#
# What counts is data that is there: the resource itself, and its usable recovery points, one for each vault
# that holds one. A copy action that can arrive is no copy yet (catalogue, `three-two-one-one-zero`).
@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How a resource's data is spread; `copies` and `accounts` are those that are known, itself included."""

    copies: int
    three_copies: Ternary
    accounts: int
    two_accounts: Ternary
    other_region: Ternary
    immutable: Ternary


def spread_of(held: BackupsOfResource, resilience: Resilience) -> Spread:
    """Count the copies of a resource's data, itself included."""
    lying = [refuge for refuge in held.surviving_copies if not refuge.planned and refuge.lies is not False]
    complete = not held.unseen
    copies, three = _counted(lying, lambda refuge: refuge.arn, {""}, _THREE, complete=complete)
    accounts, two = _counted(lying, lambda refuge: refuge.account, {held.account}, _TWO, complete=complete)
    return Spread(
        copies=copies,
        three_copies=three,
        accounts=accounts,
        two_accounts=two,
        other_region=_any(lying, lambda refuge: refuge.region != held.region, complete=complete),
        immutable=_any(lying, lambda refuge: resilience.immutable(refuge).value, complete=complete),
    )


def _counted(
    surviving_copies: Iterable[SurvivingCopy],
    place: Callable[[SurvivingCopy], str],
    itself: set[str],
    wanted: int,
    *,
    complete: bool,
) -> tuple[int, Ternary]:
    """Count the places of a kind that are known, and say whether there are as many as are wanted."""
    sure = itself | {place(refuge) for refuge in surviving_copies if refuge.lies}
    possible = itself | {place(refuge) for refuge in surviving_copies}
    if len(sure) >= wanted:
        return len(sure), True
    return len(sure), None if len(possible) >= wanted or not complete else False


def _any(
    surviving_copies: Iterable[SurvivingCopy], holds: Callable[[SurvivingCopy], Ternary], *, complete: bool
) -> Ternary:
    """Check whether something holds of one place where data lies."""
    told = (
        holds(refuge) if refuge.lies else None if holds(refuge) is not False else False
        for refuge in surviving_copies
    )
    return any_of((*told, False if complete else None))
