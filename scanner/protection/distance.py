"""How far apart Regions are: between the places that AWS names them after.

Source: the package data `region_places.json`. AWS does not publish where its data centres are, so a distance
is that of the named places, on a sphere, and exact to some tens of kilometres at best.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from math import asin, cos, radians, sin, sqrt
from typing import Final

_EARTH_RADIUS_KM: Final = 6371.0


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
