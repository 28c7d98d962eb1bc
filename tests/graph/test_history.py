"""The places of a resource's backups in made-up organisations, against an oracle that goes vault by vault."""

from dataclasses import dataclass
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from scanner.graph.control_plane import ControlPlane, summarise
from scanner.graph.coverage import Coverage, CoveringRule, Doubt
from scanner.graph.cross_shard import load_spilled_rows
from scanner.graph.history import BackupLocations, History
from scanner.model.inventory import (
    BackupPlan,
    Job,
    JobKind,
    Organization,
    RecoveryPoint,
    ShardInventory,
    ShardStatus,
)
from scanner.model.known import Known
from scanner.model.names import AccountId, Arn, RegionName, Shard
from scanner.services.catalogue import ACCOUNT_LISTS, SHARD_LISTS
from tests.fakes.bundles import ACCOUNT, AS_OF, OTHER, REGION, plan_arn, put_aside_by, vault_arn, volume_arn
from tests.fakes.models import UNREAD, copy, point, resource, rule, settings, vault

VOLUME = volume_arn("vol-1")
HOME, AWAY = Shard(AccountId(ACCOUNT), RegionName(REGION)), Shard(AccountId(OTHER), RegionName(REGION))
HERE = vault_arn("main")


Holds = tuple[tuple[str | None, int], ...]
"""Recovery points: status and age in hours."""


@dataclass(frozen=True, slots=True)
class Far:
    """A vault of another account: how it is named, how far it was read, and what it holds."""

    name: str
    action: bool
    doubted: bool
    job: bool
    there: bool
    read: bool
    holds: Holds

    @property
    def arn(self) -> str:
        return vault_arn(self.name, OTHER)


points_of = st.lists(
    st.tuples(st.sampled_from(("COMPLETED", "AVAILABLE", "PARTIAL", None)), st.integers(0, 3)), max_size=3
).map(tuple)
far_vaults = st.tuples(
    *(
        st.builds(
            Far,
            name=st.just(name),
            action=st.booleans(),
            doubted=st.booleans(),
            job=st.booleans(),
            there=st.booleans(),
            read=st.booleans(),
            holds=points_of,
        )
        for name in ("one", "two")
    )
)


def points(arn: str, account: str, holds: Holds) -> tuple[RecoveryPoint, ...]:
    return tuple(
        point(
            arn=Arn(f"{arn}/{number}"),
            vault=Arn(arn),
            account=AccountId(account),
            status=status,
            created_at=AS_OF - timedelta(hours=hours),
        )
        for number, (status, hours) in enumerate(holds)
    )


def inventory(shard: Shard, **more: object) -> ShardInventory:
    lists = dict.fromkeys((*SHARD_LISTS, *ACCOUNT_LISTS), Known(None))
    result = {"shard": shard, "status": ShardStatus.COMPLETE, "lists": lists, "settings": settings()}
    return ShardInventory(**(result | more))  # type: ignore[arg-type]


def plan(name: str, destinations: list[str]) -> BackupPlan:
    copies = tuple(copy(destination) for destination in destinations)
    return BackupPlan(
        arn=Arn(plan_arn(name)),
        id=name,
        name=name,
        account=HOME.account,
        region=HOME.region,
        rules=Known((rule(copies=copies),)),
        selections=Known(()),
    )


def copy_job(destination: str) -> Job:
    return Job(
        kind=JobKind.COPY,
        id=destination,
        account=HOME.account,
        region=HOME.region,
        state="FAILED",
        resource=VOLUME,
        resource_type="EBS",
        created_at=AS_OF,
        completed_at=None,
        message=None,
        recovery_point=None,
        destination_vault=destination,
    )


def newest(holds: Holds) -> int | None:
    """Give the age of the newest usable point."""
    return min((hours for status, hours in holds if status in ("COMPLETED", "AVAILABLE")), default=None)


def is_open(holds: Holds) -> bool:
    """Whether a point of untold status may be the newest usable one, or the only one."""
    best = newest(holds)
    return any(status is None and (best is None or hours < best) for status, hours in holds)


@given(far_vaults, points_of, st.booleans())
def test_ruling_10_places_and_what_leaves_them_open(
    far: tuple[Far, ...],
    holds: Holds,
    scanned: bool,  # noqa: FBT001 -- whether the other account lies in the scope
) -> None:
    found = _backup_locations(far, holds, scanned=scanned)
    ages: dict[str, int] = {}
    complete = not is_open(holds)
    if (own := newest(holds)) is not None:
        ages[HERE] = own
    for each in far:
        seen = scanned and each.there
        if seen and (age := newest(each.holds)) is not None:
            ages[each.arn] = age
        if seen and is_open(each.holds):
            complete = False
        if (each.action or each.job or each.doubted) and (not scanned or (seen and not each.read)):
            complete = False
    result = {place.arn: place.age_hours for place in found.places if place.newest is not None}
    assert result == ages
    assert found.complete is complete


def _backup_locations(far: tuple[Far, ...], holds: Holds, *, scanned: bool) -> BackupLocations:
    sure = plan("sure", [each.arn for each in far if each.action])
    open_plan = plan("open", [each.arn for each in far if each.doubted])
    home = inventory(
        HOME,
        plans=(sure, open_plan),
        vaults=(vault("main"),),
        recovery_points=points(HERE, ACCOUNT, holds),
        jobs=tuple(copy_job(each.arn) for each in far if each.job),
    )
    there = [each for each in far if each.there]
    away = inventory(
        AWAY,
        vaults=tuple(
            vault(
                each.name,
                arn=each.arn,
                account=AWAY.account,
                recovery_points_read=Known(None) if each.read else UNREAD,
            )
            for each in there
        ),
        recovery_points=tuple(one for each in there for one in points(each.arn, OTHER, each.holds)),
    )
    shards = (home, away) if scanned else (home,)
    organization = Organization(
        id=Known("o"),
        management_account=Known(HOME.account),
        members=Known(None),
        accounts={},
        cross_account_backup=Known(value=True),
    )
    plane = ControlPlane(organization, map(summarise, shards))
    (only,) = sure.rules.value  # type: ignore[union-attr]
    ways = (CoveringRule(sure, only, "selection", None, (), "sure#r"),)
    coverage = Coverage(ways, (Doubt("open", "its tags were not read", None, open_plan.arn),))
    history = History(home, plane, AS_OF, load_spilled_rows(home, put_aside_by(shards)))
    return history.backup_locations(resource(VOLUME, tags={}), coverage)


def test_a_plan_whose_rules_were_not_read_may_name_any_vault() -> None:
    home = inventory(HOME, vaults=(vault("main"),))
    organization = Organization(
        id=UNREAD, management_account=UNREAD, members=UNREAD, accounts={}, cross_account_backup=UNREAD
    )
    history = History(home, ControlPlane(organization, (summarise(home),)), AS_OF)
    coverage = Coverage((), (Doubt("a plan", "it was not listed", None),))
    (unseen,) = history.backup_locations(resource(VOLUME, tags={}), coverage).unseen
    assert (unseen.own, "it was not listed" in unseen.because) == (False, True)
    assert history.backup_locations(resource(VOLUME, tags={}), Coverage((), ())).complete
