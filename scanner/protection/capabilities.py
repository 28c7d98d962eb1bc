"""What AWS Backup can do with each type of resource: package data, loaded and asked.

Source: AWS Backup developer guide, "Feature availability" and "Document history" (facts 1 and 2).
Where AWS does not say, or its pages disagree, the answer is None.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from scanner.model.inventory import RegionSettings, Resource
from scanner.model.reading import Known, Reading
from scanner.model.ternary import Answer, Ternary, all_of, conjunction

RESTORE_TEST_PREFIX: Final = "awsbackup-restore-test"
_DYNAMODB: Final = "DynamoDB"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """One row of the capability table."""

    key: str
    opt_in_key: str
    skip_states: frozenset[str]
    cross_region: Ternary
    cross_account: Ternary
    single_action: Ternary  # another Region and another account in one copy action
    continuous: Ternary
    fully_managed: Ternary
    cold: Ternary
    air_gapped: Ternary
    restore_testing: Ternary


@cache
def _data() -> Mapping[str, Any]:
    text = resources.files("scanner.protection").joinpath("capabilities.json").read_text("utf-8")
    data: Mapping[str, Any] = json.loads(text)
    return data


def capabilities_as_of() -> str:
    """Give the day up to which AWS's documentation was read for the table (ISO date)."""
    return str(_data()["as_of"])


@cache
def capability(key: str) -> Capability | None:
    """Give a row of the table by its key; None: there is no such row."""
    row = _data()["types"].get(key)
    if row is None:
        return None
    return Capability(key=key, **{**row, "skip_states": frozenset(row["skip_states"])})


def opt_in_always(resource_type: str) -> bool:
    """Whether a type obeys the Region's opt-in even when named by its exact ARN (facts 3.3)."""
    return resource_type in _data()["opt_in_always"]


def capability_of(resource: Resource, settings: Reading[RegionSettings]) -> Capability | None:
    """Give the row that applies to a resource; None when the Region settings, which decide, are not known.

    DynamoDB has its advanced features only where both the management and the opt-in preference are on
    (AWS Backup developer guide, "Advanced DynamoDB backup").
    """
    if resource.capability != _DYNAMODB:
        return capability(resource.capability)
    if not isinstance(settings, Known):
        return None
    preferences = (settings.value.management.get(_DYNAMODB), settings.value.opt_in.get(_DYNAMODB))
    match all_of(preferences):
        case True:
            return capability("DynamoDB_ADVANCED")
        case False:
            return capability("DynamoDB_BASIC")
        case None:
            return None


def fully_managed(resource: Resource, settings: Reading[RegionSettings]) -> Ternary:
    """Whether AWS Backup fully manages the resource's recovery points."""
    row = capability_of(resource, settings)
    return None if row is None else row.fully_managed


def skipped_state(resource: Resource) -> Ternary:
    """Whether AWS Backup skips a resource in its state; a stopped one holds data and is not skipped.

    None when the state was not read. A bucket has no state.
    """
    key = "DynamoDB_BASIC" if resource.capability == _DYNAMODB else resource.capability
    row = capability(key)
    if row is None or not row.skip_states:
        return False
    return None if resource.state is None else resource.state in row.skip_states


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


def copy_supported(row: Capability | None, route: Route) -> Answer:
    """Whether recovery points of a type can be copied along a route.

    A type without any copy feature is not copied even within its account and Region (facts 2).
    """
    if row is None:
        return Answer(None, "the Region settings, which decide what its type can do, were not read")
    if row.cross_region is False and row.cross_account is False:
        return Answer(value=False, because=f"AWS Backup copies no recovery points of {row.key}")
    return conjunction(
        (
            _needed(route.cross_region, row.cross_region, f"{row.key} cannot be copied across Regions"),
            _needed(route.cross_account, row.cross_account, f"{row.key} cannot be copied across accounts"),
            _needed(
                route.cross_region and route.cross_account,
                row.single_action,
                f"{row.key} cannot be copied to another Region and another account in one action",
            ),
            _region_pair(row.key, route),
        )
    )


def _needed(needed: bool, feature: Ternary, otherwise: str) -> Answer:  # noqa: FBT001 -- two facts of one route
    return Answer(value=True) if not needed or feature is True else Answer(feature, otherwise)


def _region_pair(key: str, route: Route) -> Answer:
    """Whether the pair of Regions is open to the type: closed partitions, and documented exceptions."""
    ends = {route.source_region, route.destination_region}
    for pair in _data()["closed_pairs"]:
        if ends & set(pair) and not ends <= set(pair):
            return Answer(value=False, because=f"copies do not leave {' and '.join(pair)}")
    features = {"cross_region": route.cross_region, "cross_account": route.cross_account}
    for exception in _data()["copy_exceptions"]:
        regions = exception["regions"]
        excluded = set(_data()[regions] if isinstance(regions, str) else regions)
        if key in exception["types"] and features[exception["feature"]] and ends & excluded:
            kind, where = exception["feature"].replace("_", "-"), ", ".join(sorted(ends & excluded))
            return Answer(value=False, because=f"{key} has no {kind} copy in {where}")
    return Answer(value=True)


def restore_test_leftover(resource: Resource) -> Ternary:
    """Whether a restore test made the resource: a tag or its name says so (facts 3.1)."""
    if resource.name.startswith(RESTORE_TEST_PREFIX):
        return True
    if not isinstance(resource.tags, Known):
        return None
    return any(key.startswith(RESTORE_TEST_PREFIX) for key in resource.tags.value)
