"""Losses against an oracle: what is not known is tried out both ways, and each world is played through.

A world knows everything. A loss takes away what it reaches; the loss is survived when a backup is left. What
is the same in every world that may be the real one is known, and everything else is not.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import product
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.graph.control_plane import ControlPlane
from scanner.graph.resilience import Loss, Resilience
from scanner.graph.surviving_copies import BackupsOfResource, SurvivingCopy, key_location
from scanner.model.inventory import Account, Organization
from scanner.model.known import Known, Reading, Ternary
from scanner.model.names import AccountId, Arn, RegionName, Shard
from tests.fakes.bundles import ACCOUNT, AS_OF, FAR, MANAGEMENT, OTHER, REGION, vault_arn
from tests.fakes.models import UNREAD, vault

SOON, LATELY = AS_OF + timedelta(days=1), AS_OF - timedelta(days=1)
LOCKS: Final[dict[str, dict[str, Any]]] = {
    "none": {},
    "governance": {"locked": True},
    "grace": {"locked": True, "lock_date": SOON},
    "compliance": {"locked": True, "lock_date": LATELY},
    "gapped": {"type": "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"},
    "untold": {"locked": None},
}
POLICIES: Final[dict[str, str | None]] = {
    "none": None,
    "copies": "CopyIntoBackupVault",
    "deletes": "DeleteRecoveryPoint",
}


@dataclass(frozen=True)
class Plain:
    """A backup in a vault, in plain words. None: not known."""

    account: str
    region: str
    name: str
    lock: str | None  # None: the vault was not seen
    policy: str | None
    key: tuple[str, str] | None  # the account and Region of its key; empty texts: it needs none
    exists: Ternary

    @property
    def arn(self) -> str:
        return vault_arn(self.name, self.account, self.region)


@dataclass(frozen=True)
class Scene:
    """What is known of a resource in ACCOUNT and REGION. `manager`: of the organisation; None: not known."""

    backups: tuple[Plain, ...]
    complete: bool
    own_key: tuple[str, str] | None
    manager: str | None


PLACES = st.sampled_from([(ACCOUNT, REGION), (OTHER, REGION), (ACCOUNT, FAR), (OTHER, FAR)])
KEYS = st.one_of(st.none(), st.just(("", "")), PLACES)
TERNARY = st.sampled_from([True, False, None])
LOCK = st.sampled_from([*LOCKS, None])
POLICY = st.sampled_from([*POLICIES, None])


@st.composite
def backups(draw: st.DrawFn) -> Plain:
    account, region = draw(PLACES)
    key = draw(KEYS)
    placed = key if key in (None, ("", "")) else (key[0], region)  # a key is used in its own Region alone
    lock = draw(LOCK)
    policy = draw(POLICY) if lock is not None else None
    return Plain(account, region, draw(st.sampled_from("vw")), lock, policy, placed, draw(TERNARY))


def one_vault_each(found: list[Plain]) -> tuple[Plain, ...]:
    """Let backups of one vault agree on what the vault is."""
    first: dict[str, Plain] = {}
    for plain in found:
        first.setdefault(plain.arn, plain)
    return tuple(replace(one, lock=first[one.arn].lock, policy=first[one.arn].policy) for one in found)


SCENES = st.builds(
    Scene,
    backups=st.lists(backups(), max_size=3).map(one_vault_each),
    complete=st.booleans(),
    own_key=st.sampled_from([None, ("", ""), (ACCOUNT, REGION), (OTHER, REGION)]),
    manager=st.sampled_from([None, ACCOUNT, MANAGEMENT]),
)


# --- the oracle -------------------------------------------------------------------------------------------


def worlds(scene: Scene, loss: Loss) -> Iterator[Scene]:
    """Give every world that may be the real one: each unknown that the loss asks of, filled in."""
    vaults = {one.arn: one for one in scene.backups}
    asked = {
        "lock": loss in (Loss.ACCOUNT, Loss.VAULT),
        "policy": loss is Loss.ACCOUNT,
        "key": loss is Loss.KEY,
    }
    locks = [
        ["none", "compliance"] if one.lock in (None, "untold") else [one.lock] for one in vaults.values()
    ]
    policies = [["none", "deletes"] if one.policy is None else [one.policy] for one in vaults.values()]
    exists = [[True, False] if one.exists is None else [one.exists] for one in scene.backups]
    keys = [_keys(one.key) for one in scene.backups]
    managers = [ACCOUNT, MANAGEMENT] if scene.manager is None else [scene.manager]
    unseen: list[tuple[Plain, ...]] = [()]
    if not scene.complete:  # the best backup that one could wish for
        best = Plain("333333333333", "ap-south-1", "x", "compliance", "none", ("", ""), exists=True)
        unseen.append((best, replace(best, name="y", account="444444444444")))
    for lock, policy, lie, key, own, manager, more in product(
        product(*_asked(locks, asked=asked["lock"])),
        product(*_asked(policies, asked=asked["policy"])),
        product(*exists),
        product(*_asked(keys, asked=asked["key"])),
        *_asked([_keys(scene.own_key)], asked=asked["key"]),
        *_asked([managers], asked=asked["policy"]),
        unseen,
    ):
        result = dict(zip(vaults, zip(lock, policy, strict=True), strict=True))
        known = tuple(
            replace(one, lock=result[one.arn][0], policy=result[one.arn][1], exists=lie_, key=key_)
            for one, lie_, key_ in zip(scene.backups, lie, key, strict=True)
        )
        yield Scene((*known, *more), True, own, manager)  # noqa: FBT003 -- complete


def _asked(ways: list[list[Any]], *, asked: bool) -> list[list[Any]]:
    """Try out only what the loss asks of: the rest makes no difference."""
    return ways if asked else [way[:1] for way in ways]


def _keys(key: tuple[str, str] | None) -> list[tuple[str, str]]:
    """Give the keys that one may be: anywhere else, it may be the replica of one in the Region itself."""
    return [("", ""), (ACCOUNT, REGION), (OTHER, REGION)] if key is None else [key]


def left(world: Scene, loss: Loss) -> bool:
    """Whether a backup is left, whatever the loss takes."""
    lying = [one for one in world.backups if one.exists]
    if loss is Loss.VAULT:
        return all(
            any(one.arn != lost or immutable(one) for one in lying)
            for lost in {one.arn for one in lying} | {""}
        )
    if loss is Loss.BACKUP_ACCOUNT:
        return all(
            any(one.account != lost for one in lying) for lost in {one.account for one in lying} | {""}
        )
    return any(not taken(one, world, loss) for one in lying)


def taken(one: Plain, world: Scene, loss: Loss) -> bool:
    if loss is Loss.REGION:
        return one.region == REGION
    if loss is Loss.KEY:
        return one.key != ("", "") and one.key == world.own_key
    if immutable(one):
        return False
    return ACCOUNT in (one.account, world.manager) or one.policy == "deletes"


def immutable(one: Plain) -> bool:
    return one.lock in ("compliance", "gapped")


def expected(scene: Scene, loss: Loss) -> Ternary:
    found = {left(world, loss) for world in worlds(scene, loss)}
    return found.pop() if len(found) == 1 else None


# --- the same scene, as the scanner sees it ---------------------------------------------------------------


def answer(scene: Scene, loss: Loss) -> Ternary:
    accounts = (ACCOUNT, OTHER, MANAGEMENT)
    organization = Organization(
        id=Known("o-1"),
        management_account=UNREAD if scene.manager is None else Known(AccountId(scene.manager)),
        members=Known(None),
        accounts={AccountId(one): Account(AccountId(one), one, "ACTIVE", None) for one in accounts},
        cross_account_backup=Known(value=True),
    )
    found = BackupsOfResource(
        account=AccountId(ACCOUNT),
        region=RegionName(REGION),
        keys=_placed(scene.own_key),
        surviving_copies=tuple(map(_refuge, scene.backups)),
        doubts=() if scene.complete else (("there may be others", None),),
    )
    return Resilience(ControlPlane(organization, ()), AS_OF).survives(loss, found).survived


def _placed(key: tuple[str, str] | None) -> Any:
    if key is None or key == ("", ""):
        return () if key else None
    account, region = key
    return (key_location("k", Shard(AccountId(account), RegionName(region)), None),)


def _refuge(plain: Plain) -> SurvivingCopy:
    arn = Arn(plain.arn)
    seen = None
    if plain.lock is not None:
        seen = vault(plain.name, arn=arn, policy=_policy(plain.policy), **LOCKS[plain.lock])
    return SurvivingCopy(
        arn=arn,
        account=AccountId(plain.account),
        region=RegionName(plain.region),
        vault=seen,
        exists=plain.exists,
        planned=False,
        keys=_placed(plain.key),
    )


def _policy(policy: str | None) -> Reading[str | None]:
    if policy is None:
        return UNREAD
    if (action := POLICIES[policy]) is None:
        return Known(None)
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": ACCOUNT},
        "Action": f"backup:{action}",
        "Resource": "*",
    }
    return Known(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))


@pytest.mark.parametrize("loss", Loss)
@settings(deadline=None)  # the oracle is slow on purpose
@given(scene=SCENES)
def test_what_every_possible_world_agrees_on_is_known(loss: Loss, scene: Scene) -> None:
    assert answer(scene, loss) is expected(scene, loss)


@pytest.mark.parametrize("loss", Loss)
@given(scene=SCENES, more=backups())
def test_one_refuge_more_never_turns_survived_into_lost(loss: Loss, scene: Scene, more: Plain) -> None:
    richer = replace(scene, backups=one_vault_each([*scene.backups, more]))
    if answer(scene, loss):
        assert answer(richer, loss) is True


TAKEN: Final = (
    {"lock": "untold"},
    {"policy": None},
    {"key": None},
    {"exists": None},
    {"lock": None, "policy": None},
)


@pytest.mark.parametrize("loss", Loss)
@given(scene=SCENES, which=st.integers(0, 2), lost=st.sampled_from(TAKEN))
def test_a_read_taken_away_never_turns_an_answer_into_another(
    loss: Loss, scene: Scene, which: int, lost: dict[str, Any]
) -> None:
    known = list(scene.backups)
    if which < len(known):
        known[which] = replace(known[which], **lost)
        same = [replace(one, lock=known[which].lock, policy=known[which].policy) for one in known]
        known = [s if s.arn == known[which].arn else one for one, s in zip(known, same, strict=True)]
    for poorer in (
        replace(scene, backups=tuple(known)),
        replace(scene, own_key=None),
        replace(scene, manager=None),
        replace(scene, complete=False),
    ):
        assert answer(poorer, loss) in (answer(scene, loss), None)
