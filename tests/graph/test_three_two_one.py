"""3-2-1-1: what is not known is tried out both ways, and each world is counted."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.graph.control_plane import ControlPlane
from scanner.graph.resilience import Resilience, spread_of
from scanner.graph.surviving_copies import BackupsOfResource, SurvivingCopy
from scanner.model.inventory import Organization
from scanner.model.known import Ternary
from scanner.model.names import AccountId, Arn, RegionName
from tests.fakes.bundles import ACCOUNT, AS_OF, FAR, OTHER, REGION, vault_arn
from tests.fakes.models import UNREAD, vault

PLANE = ControlPlane(
    Organization(
        id=UNREAD, management_account=UNREAD, members=UNREAD, accounts={}, cross_account_backup=UNREAD
    ),
    (),
)
GAPPED = "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"
KINDS: dict[str, dict[str, Any]] = {"plain": {}, "gapped": {"type": GAPPED}, "untold": {"locked": None}}
Answers = tuple[Ternary, Ternary, Ternary, Ternary]


def refuge(account: str, region: str, kind: str, exists: Ternary, *, planned: bool = False) -> SurvivingCopy:
    """Make a refuge. `kind`: plain, gapped, or untold, whose lock is not known; it names the vault, too."""
    arn = Arn(vault_arn(kind, account, region))
    return SurvivingCopy(
        arn=arn,
        account=AccountId(account),
        region=RegionName(region),
        vault=vault(kind, arn=arn, **KINDS[kind]),
        exists=exists,
        planned=planned,
        keys=(),
    )


def held(*surviving_copies: SurvivingCopy, complete: bool = True) -> BackupsOfResource:
    unseen = () if complete else (("there may be others", None),)
    return BackupsOfResource(
        account=AccountId(ACCOUNT),
        region=RegionName(REGION),
        keys=(),
        surviving_copies=surviving_copies,
        doubts=unseen,
        unseen=unseen,
    )


def answers(found: BackupsOfResource) -> Answers:
    spread = spread_of(found, Resilience(PLANE, AS_OF))
    return spread.three_copies, spread.two_accounts, spread.other_region, spread.immutable


REFUGES = st.builds(
    refuge,
    account=st.sampled_from([ACCOUNT, OTHER]),
    region=st.sampled_from([REGION, FAR]),
    kind=st.sampled_from(["plain", "gapped", "untold"]),
    exists=st.sampled_from([True, False, None]),
    planned=st.booleans(),
)


def truth(lying: list[SurvivingCopy], immutable: list[bool]) -> tuple[bool, ...]:
    vaults = {one.arn for one in lying} | {"the resource itself"}
    accounts = {one.account for one in lying} | {ACCOUNT}
    far = [one for one in lying if one.region != REGION]
    return len(vaults) >= 3, len(accounts) >= 2, bool(far), any(immutable)


def worlds(surviving_copies: list[SurvivingCopy], *, complete: bool) -> list[tuple[bool, ...]]:
    seen = [one for one in surviving_copies if not one.planned]
    exists = [[True, False] if one.exists is None else [one.exists] for one in seen]
    names = sorted({one.arn for one in seen if one.arn.endswith(":untold")})
    found = []
    more = [[], [refuge("333333333333", "x", "gapped", True), refuge("444444444444", "x", "gapped", True)]]  # noqa: FBT003 -- it exists
    for lie, locks, best in product(
        product(*exists), product([True, False], repeat=len(names)), more[:1] if complete else more
    ):
        locked = dict(zip(names, locks, strict=True))
        lying = [one for one, there in zip(seen, lie, strict=True) if there] + best
        kept = [locked.get(one.arn, one.arn.endswith(":gapped")) for one in lying]
        found.append(truth(lying, kept))
    return found


@given(surviving_copies=st.lists(REFUGES, max_size=4), complete=st.booleans())
def test_what_every_possible_world_agrees_on_is_known(
    surviving_copies: list[SurvivingCopy], *, complete: bool
) -> None:
    wanted = [
        column.pop() if len(column) == 1 else None
        for column in map(set, zip(*worlds(surviving_copies, complete=complete), strict=True))
    ]
    assert list(answers(held(*surviving_copies, complete=complete))) == wanted


@given(surviving_copies=st.lists(REFUGES, max_size=3), more=REFUGES)
def test_a_copy_more_never_turns_yes_into_no(
    surviving_copies: list[SurvivingCopy], more: SurvivingCopy
) -> None:
    before, after = (
        answers(held(*surviving_copies)),
        answers(held(*surviving_copies, replace(more, exists=True))),
    )
    assert all(new is True for old, new in zip(before, after, strict=True) if old)


@pytest.mark.parametrize(
    ("surviving_copies", "copies", "accounts"),
    [
        ((), 1, 1),
        ((refuge(ACCOUNT, REGION, "plain", exists=True),), 2, 1),
        (
            (refuge(ACCOUNT, REGION, "plain", exists=True), refuge(ACCOUNT, REGION, "plain", exists=True)),
            2,
            1,
        ),
        ((refuge(ACCOUNT, REGION, "plain", exists=True), refuge(OTHER, FAR, "gapped", exists=True)), 3, 2),
        ((refuge(OTHER, FAR, "gapped", exists=True, planned=True),), 1, 1),
        ((refuge(OTHER, FAR, "gapped", exists=None),), 1, 1),
    ],
)
def test_the_resource_itself_is_a_copy_and_each_vault_one_more(
    surviving_copies: tuple[SurvivingCopy, ...], copies: int, accounts: int
) -> None:
    spread = spread_of(held(*surviving_copies), Resilience(PLANE, AS_OF))
    assert (spread.copies, spread.accounts) == (copies, accounts)
