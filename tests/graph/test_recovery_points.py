"""The newest usable recovery point of each place, against an oracle that sorts all of them."""

from datetime import timedelta
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from scanner.graph.recovery_points import HeldPoints, newest_by_place, newest_of
from scanner.model.inventory import RecoveryPoint
from scanner.model.names import Arn
from tests.fakes.bundles import AS_OF
from tests.fakes.models import point

STATUSES = ("COMPLETED", "AVAILABLE", "PARTIAL", "EXPIRED", None)


@st.composite
def points(draw: st.DrawFn) -> list[RecoveryPoint]:
    count = draw(st.integers(0, 6))
    found = []
    for number in range(count):
        kind = draw(st.sampled_from(("", ":continuous")))
        hours = draw(st.one_of(st.none(), st.integers(0, 4)))
        found.append(
            point(
                arn=Arn(f"arn:aws:backup:eu-west-1:111111111111:recovery-point{kind}:{number}"),
                resource=draw(st.sampled_from(("r1", "r2"))),
                vault=Arn(draw(st.sampled_from(("v1", "v2")))),
                status=draw(st.sampled_from(STATUSES)),
                created_at=None if hours is None else AS_OF - timedelta(hours=hours),
            )
        )
    return found


def worlds(one: RecoveryPoint) -> list[float | None]:
    """Give the ages that a point may have as a usable one; None among them: it may not be usable."""
    continuous = ":continuous:" in one.arn
    found: list[float | None] = []
    for status in STATUSES[:3] if one.status is None else (one.status,):
        if status not in ("COMPLETED", "AVAILABLE"):
            found.append(None)
        elif continuous and status == "AVAILABLE":
            found.append(-1)  # newer than all that is dated
        elif one.created_at is None:
            found += [-0.5, 99]  # any age, and a moment ago is newer than what is dated
        else:
            found.append((AS_OF - one.created_at) / timedelta(hours=1))
    return found


@given(points())
def test_the_newest_of_each_place_is_that_of_the_oracle(given_points: list[RecoveryPoint]) -> None:
    found = newest_by_place(given_points)
    for resource in ("r1", "r2"):
        for vault in ("v1", "v2"):
            here = [one for one in given_points if (one.resource, one.vault) == (resource, vault)]
            sure = [
                (ages[0], one.arn) for one in here if len(ages := worlds(one)) == 1 and ages[0] is not None
            ]
            held = found.get(resource, {}).get(Arn(vault), HeldPoints())
            assert (held.newest.arn if held.newest else None) == (min(sure)[1] if sure else None)
            best = min(sure)[0] if sure else 1000
            open_ones = {
                one.arn
                for one in here
                if len(worlds(one)) > 1 and any(age is not None and age < best for age in worlds(one))
            }
            assert (held.uncertain is not None) == bool(open_ones)
            assert held.uncertain is None or held.uncertain.arn in open_ones


@given(points())
def test_the_order_of_the_stream_decides_nothing(given_points: list[RecoveryPoint]) -> None:
    some = [one for one in given_points if one.status and one.created_at][:4]
    first = newest_by_place(some)
    assert all(newest_by_place(order) == first for order in permutations(some))


@given(points())
def test_what_was_found_in_parts_is_what_is_found_at_once(given_points: list[RecoveryPoint]) -> None:
    of_one = [point_ for point_ in given_points if (point_.resource, point_.vault) == ("r1", "v1")]
    parts = [newest_by_place([one]).get("r1", {}).get(Arn("v1"), HeldPoints()) for one in of_one]
    whole = newest_by_place(of_one).get("r1", {}).get(Arn("v1"), HeldPoints())
    joined = newest_of(parts)
    assert joined.newest == whole.newest
    assert (joined.uncertain is None) == (whole.uncertain is None)


def test_of_what_lasts_the_newest_of_each_key_is_kept() -> None:
    """Ruling 7: a temporary point counts for the newest of all alone."""
    made = [
        point(arn=Arn(name), key=key, temporary=brief, created_at=AS_OF - timedelta(hours=hours))
        for name, key, brief, hours in (
            ("brief", "k", True, 1),
            ("new", "k", False, 2),
            ("old", "k", False, 3),
            ("other", "l", False, 4),
        )
    ]
    ((vaults,),) = ([*found.values()] for found in newest_by_place(made).values())
    assert vaults.newest is made[0]
    assert [one.newest for one in vaults.lasting] == [made[1], made[3]]
    assert list(vaults.points) == [made[0], made[1], made[3]]
    assert vaults.newest_lasting is made[1]
