"""No identical call is made twice in one scan, and the bundle says the same as the simulation."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from scanner.demo.serve import Demo
from scanner.demo.story.accounts import MILAN

Name = tuple[str, str, str, str, str]
"""Account, Region ("" for global services), service, operation, parameters."""

_ASSUME_ROLE = "AssumeRole"
"""Its answers are secrets; where it fails, it is recorded under the account that it was meant for."""


def _name(account: str, region: str, service: str, operation: str, parameters: Mapping[str, Any]) -> Name:
    # A server cannot tell an empty list in a query string from none.
    given = {key: value for key, value in parameters.items() if value != []}
    return account, region, service, operation, json.dumps(given, sort_keys=True, default=_instant)


def _instant(value: datetime) -> str:
    """Write an instant as evidence does; the simulation parses it without a zone."""
    return value.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def made(scan: Any) -> list[Name]:
    """What reached the simulation."""
    return [
        _name(call.account, call.region, call.service, call.operation, call.parameters) for call in scan.calls
    ]


def recorded(folder: Path) -> Iterator[Name]:
    """What the bundle says."""
    for path in sorted((folder / "evidence").rglob("*.jsonl.gz")):
        place = path.relative_to(folder / "evidence").parts
        for line in map(json.loads, gzip.decompress(path.read_bytes()).splitlines()):
            account = line.get("account", place[0])
            region = line.get("region", place[-1].partition(".")[0])
            yield _name(account, region, line["service"], line["operation"], line["parameters"])


def without_region(names: Iterator[Name] | list[Name]) -> set[Name]:
    """The calls, wherever a global service was asked."""
    return {(name[0], "", *name[2:]) for name in names if name[3] != _ASSUME_ROLE}


def twice(names: Iterator[Name] | list[Name]) -> set[Name]:
    """What stands there more than once."""
    return {name for name, times in Counter(names).items() if times > 1}


@pytest.mark.slow
def test_no_identical_call_reaches_the_simulation_twice(scan: Any) -> None:
    assert len(made(scan)) > 500
    assert twice(made(scan)) == set()


@pytest.mark.slow
def test_no_line_of_the_bundle_stands_there_twice(scan: Any) -> None:
    assert twice(recorded(scan.folder)) == set()


@pytest.mark.slow
def test_every_call_is_in_the_bundle_and_nothing_else(scan: Any) -> None:
    assert without_region(recorded(scan.folder)) == without_region(made(scan))


@pytest.mark.slow
def test_a_region_that_is_not_enabled_is_not_asked(scan: Any, demo: Demo) -> None:
    asked = {call.account for call in scan.calls if call.region == MILAN}
    assert len(asked) == 1
    assert MILAN in demo.regions


def test_the_log_keeps_every_call_while_it_listens(demo: Demo, walker: Any) -> None:
    backup = walker.client(demo.management_account, "backup", demo.regions[0])
    with demo.log.listening() as calls:
        backup.describe_region_settings()
        backup.describe_region_settings()
    backup.describe_region_settings()
    assert [call.operation for call in calls] == ["DescribeRegionSettings"] * 2
    assert twice([_name(one.account, one.region, one.service, one.operation, {}) for one in calls])
