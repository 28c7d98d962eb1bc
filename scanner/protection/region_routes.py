"""Which way copies may go: by type, by Region, across accounts, and into air-gapped vaults (facts 2).

Source: AWS Backup developer guide, "Feature availability": the table by resource, and that by Region. Where
AWS does not say, or its pages disagree, the answer is None.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from math import asin, cos, radians, sin, sqrt
from typing import Any, Final

from scanner.model.names import partition_of
from scanner.model.ternary import Answer, Ternary, conjunction
from scanner.protection.capabilities import Capability, capability_data

_UNKNOWN_TYPE = Answer(None, "what AWS Backup supports for its type is unknown")
_EARTH_RADIUS_KM: Final = 6371.0


@dataclass(frozen=True, slots=True)
class Route:
    """Where a copy goes from and to."""

    source_region: str
    destination_region: str
    cross_account: bool

    @property
    def cross_region(self) -> bool:
        """Whether it leaves the Region."""
        return self.source_region != self.destination_region

    @property
    def sentence(self) -> str:
        """Name the way for people."""
        kinds = ["another Region"] * self.cross_region + ["another account"] * self.cross_account
        return " and ".join(kinds) or "another vault of its account and Region"


@lru_cache(maxsize=4096)
def copy_supported(row: Capability | None, route: Route) -> Answer:
    """Whether recovery points of a type can be copied along a route.

    A type without any copy feature is not copied even within its account and Region (facts 2).
    """
    if row is None:
        return _UNKNOWN_TYPE
    if row.cross_region is False and row.cross_account is False:
        return Answer(value=False, because=f"AWS Backup cannot copy recovery points of {row.key}")
    verdict = conjunction(
        (
            _needed(route.cross_region, row.cross_region, f"{row.key} cannot be copied across Regions"),
            _needed(route.cross_account, row.cross_account, f"{row.key} cannot be copied across accounts"),
            _needed(
                route.cross_region and route.cross_account,
                row.single_action,
                f"{row.key} cannot be copied to another Region and another account in one action",
            ),
            _within_partition(route),
            *_by_region(row.key, route),
        )
    )
    told = Answer(value=True, because=f"{row.key} can be copied to {route.sentence}")
    return told if verdict.value else verdict


def _needed(needed: bool, feature: Ternary, otherwise: str) -> Answer:  # noqa: FBT001 -- two facts of one route
    if not needed or feature is True:
        return Answer(value=True)
    return Answer(
        feature, otherwise if feature is False else f"AWS does not document whether it can: {otherwise}"
    )


def _within_partition(route: Route) -> Answer:
    """Copies never leave a partition: China, GovCloud and the others are closed to each other."""
    here, there = partition_of(route.source_region), partition_of(route.destination_region)
    because = (
        f"copies do not leave a partition: {route.source_region} is of {here}, the destination of {there}"
    )
    return Answer(here == there, because)


def _by_region(key: str, route: Route) -> Iterator[Answer]:
    """Give what holds of the Regions at both ends, where they are exceptions."""
    kinds = ["copy"] + ["cross_region"] * route.cross_region + ["cross_account"] * route.cross_account
    ends = dict.fromkeys((route.source_region, route.destination_region))
    for kind in kinds:
        yield _exceptions(key, kind, ends, f"has no {kind.replace('_', '-')}{' copy' * (kind != 'copy')}")


def air_gap_supported(row: Capability | None, region: str) -> Answer:
    """Whether recovery points of a type go into a logically air-gapped vault of a Region."""
    if row is None:
        return _UNKNOWN_TYPE
    because = f"{row.key} cannot be stored in a logically air-gapped vault"
    if row.air_gapped is not True:
        return Answer(row.air_gapped, because)
    verdict = _exceptions(row.key, "air_gapped", (region,), "does not go into a logically air-gapped vault")
    return (
        verdict
        if verdict.value is not True
        else Answer(value=True, because=f"{row.key} can be stored in a logically air-gapped vault")
    )


def _exceptions(key: str, feature: str, ends: Iterable[str], what: str) -> Answer:
    """Join what is said of the exceptions of a feature; a Region that denies it decides."""
    found = []
    for exception in capability_data()["region_exceptions"]:
        concerned = exception["types"] == "all" or key in exception["types"]
        if exception["feature"] != feature or not concerned:
            continue
        where = [region for region in ends if _excluded(exception, region)]
        if where:
            sentence = f"{key} {what} in {' and '.join(where)}"
            if exception["supported"] is None:
                sentence = f"AWS's documentation is contradictory or missing: possibly {sentence}"
            found.append(Answer(exception["supported"], sentence))
    return conjunction(found)


def _excluded(exception: Mapping[str, Any], region: str) -> bool:
    """Check whether a Region is one of an exception."""
    if region in exception.get("except", ()):
        return False
    if exception["regions"] == "opt-in":
        return is_opt_in(region)
    return region in exception["regions"]


def is_opt_in(region: str) -> bool:
    """Check for a Region that an account must enable: every commercial Region since 2019."""
    return partition_of(region) == "aws" and region not in capability_data()["default_regions"]


# How far apart Regions are: between the places that AWS names them after.
#
# Source: the package data `region_places.json`. AWS does not publish where its data centres are, so a
# distance is that of the named places, on a sphere, and exact to some tens of kilometres at best.
@cache
def _places() -> Mapping[str, tuple[float, float]]:
    text = resources.files("scanner.protection").joinpath("region_places.json").read_text("utf-8")
    places = json.loads(text)["places"]
    return {region: (place["latitude"], place["longitude"]) for region, place in places.items()}


@cache
def distance_km(region: str, other: str) -> int | None:
    """Return the distance between two Regions in whole kilometres; None: the place of one is not known."""
    if region == other:
        return 0
    here, there = _places().get(region), _places().get(other)
    return None if here is None or there is None else round(_great_circle_km(here, there))


def _great_circle_km(here: tuple[float, float], there: tuple[float, float]) -> float:
    """Return the length of the shortest way on a sphere (the haversine formula)."""
    (latitude, longitude), (other_latitude, other_longitude) = (
        tuple(map(radians, place)) for place in (here, there)
    )
    north, east = sin((other_latitude - latitude) / 2), sin((other_longitude - longitude) / 2)
    return 2 * _EARTH_RADIUS_KM * asin(sqrt(north**2 + cos(latitude) * cos(other_latitude) * east**2))
