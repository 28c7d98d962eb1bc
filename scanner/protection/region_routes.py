"""Which copies AWS Backup supports: by type, Region and account, and into air-gapped vaults (facts 2).

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

from scanner.model.known import Answer, Ternary, conjunction
from scanner.model.names import partition_of
from scanner.protection.capabilities import Capability, capability_data

_UNKNOWN_TYPE = Answer(None, "what AWS Backup supports for its type is unknown")
_EARTH_RADIUS_KM: Final = 6371.0


@dataclass(frozen=True, slots=True)
class Route:
    """The source and destination Regions of a copy."""

    source_region: str
    destination_region: str
    cross_account: bool

    @property
    def cross_region(self) -> bool:
        """Whether it leaves the Region."""
        return self.source_region != self.destination_region

    @property
    def sentence(self) -> str:
        """The destination as text for a message."""
        kinds = ["another Region"] * self.cross_region + ["another account"] * self.cross_account
        return " and ".join(kinds) or "another vault of its account and Region"


@lru_cache(maxsize=4096)
def copy_supported(row: Capability | None, route: Route) -> Answer:
    """Check whether recovery points of a type can be copied on a route.

    A type without any copy feature cannot be copied even within its account and Region (facts 2).
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
    supported = Answer(value=True, because=f"{row.key} can be copied to {route.sentence}")
    return supported if verdict.value else verdict


def _needed(needed: bool, feature: Ternary, otherwise: str) -> Answer:  # noqa: FBT001 -- private, and read in one place
    if not needed or feature is True:
        return Answer(value=True)
    return Answer(
        feature, otherwise if feature is False else f"AWS does not document whether it can: {otherwise}"
    )


def _within_partition(route: Route) -> Answer:
    """Check that the copy stays in its partition: China, GovCloud and the others are separate."""
    here, there = partition_of(route.source_region), partition_of(route.destination_region)
    because = (
        f"copies do not leave a partition: {route.source_region} is of {here}, the destination of {there}"
    )
    return Answer(here == there, because)


def _by_region(key: str, route: Route) -> Iterator[Answer]:
    """Yield an answer for each feature that the Regions at both ends may lack."""
    kinds = ["copy"] + ["cross_region"] * route.cross_region + ["cross_account"] * route.cross_account
    ends = dict.fromkeys((route.source_region, route.destination_region))
    for kind in kinds:
        yield _exceptions(key, kind, ends, f"has no {kind.replace('_', '-')}{' copy' * (kind != 'copy')}")


def air_gap_supported(row: Capability | None, region: str) -> Answer:
    """Check whether a logically air-gapped vault of a Region can store recovery points of a type."""
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
    """Join the exceptions of a feature that apply to these Regions; one that denies the feature decides."""
    answers = []
    for exception in capability_data()["region_exceptions"]:
        concerned = exception["types"] == "all" or key in exception["types"]
        if exception["feature"] != feature or not concerned:
            continue
        where = [region for region in ends if _excluded(exception, region)]
        if where:
            sentence = f"{key} {what} in {' and '.join(where)}"
            if exception["supported"] is None:
                sentence = f"AWS's documentation is contradictory or missing: possibly {sentence}"
            answers.append(Answer(exception["supported"], sentence))
    return conjunction(answers)


def _excluded(exception: Mapping[str, Any], region: str) -> bool:
    """Check whether an exception covers a Region."""
    if region in exception.get("except", ()):
        return False
    if exception["regions"] == "opt-in":
        return is_opt_in(region)
    return region in exception["regions"]


def is_opt_in(region: str) -> bool:
    """Check whether an account must enable the Region first: every commercial Region since 2019."""
    return partition_of(region) == "aws" and region not in capability_data()["default_regions"]


# AWS does not publish where its data centres are. A distance is between the places that the Regions are named
# after (`region_places.json`), on a sphere, and exact to some tens of kilometres at best.
@cache
def _places() -> Mapping[str, tuple[float, float]]:
    text = resources.files("scanner.protection").joinpath("region_places.json").read_text("utf-8")
    places = json.loads(text)["places"]
    return {region: (place["latitude"], place["longitude"]) for region, place in places.items()}


@cache
def distance_km(source: str, destination: str) -> int | None:
    """Return the distance between two Regions in whole kilometres; None: a place is not known."""
    if source == destination:
        return 0
    here, there = _places().get(source), _places().get(destination)
    return None if here is None or there is None else round(_great_circle_km(here, there))


def _great_circle_km(here: tuple[float, float], there: tuple[float, float]) -> float:
    """Return the length of the shortest path on a sphere (haversine formula)."""
    (latitude, longitude), (other_latitude, other_longitude) = (
        tuple(map(radians, place)) for place in (here, there)
    )
    north, east = sin((other_latitude - latitude) / 2), sin((other_longitude - longitude) / 2)
    return 2 * _EARTH_RADIUS_KM * asin(sqrt(north**2 + cos(latitude) * cos(other_latitude) * east**2))
