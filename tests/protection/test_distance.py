"""How far apart Regions are: known distances between cities, and Regions without a place."""

import pytest

from scanner.protection.region_routes import distance_km


@pytest.mark.parametrize(
    ("region", "other", "kilometres"),
    [
        ("eu-west-2", "eu-west-3", 344),  # London and Paris
        ("eu-central-1", "eu-central-2", 304),  # Frankfurt and Zurich
        ("ap-southeast-2", "ap-southeast-4", 714),  # Sydney and Melbourne
        ("ap-northeast-1", "ap-northeast-3", 396),  # Tokyo and Osaka
        ("eu-west-1", "eu-central-1", 1089),  # Dublin and Frankfurt
        ("ap-southeast-6", "mx-central-1", 11_000),  # over the date line
    ],
)
def test_distances_between_cities(region: str, other: str, kilometres: int) -> None:
    found = distance_km(region, other)
    assert found is not None
    assert found == pytest.approx(kilometres, rel=0.02)
    assert distance_km(other, region) == found


def test_a_region_is_not_away_from_itself() -> None:
    assert distance_km("us-gov-west-1", "us-gov-west-1") == 0


@pytest.mark.parametrize("region", ["us-gov-east-1", "us-iso-east-1", "me-west-1", "xx-new-1"])
def test_a_region_without_a_named_place_is_not_known_to_be_anywhere(region: str) -> None:
    assert distance_km("us-east-1", region) is None
    assert distance_km(region, "us-east-1") is None
