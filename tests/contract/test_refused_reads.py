"""Less evidence never makes a verdict: each read refused, failed, missing or cut short, one by one.

Two accounts of the recorded sample organisation, a central backup account and a production account that
copies into it, and worlds of the contract whose verdicts rest on many reads.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from scanner.evidence.manifest import NAME
from tests.contract.conftest import ACCOUNTS, REGIONS
from tests.contract.test_contract_truth import WORLDS
from tests.contract.variants import (
    Line,
    Lines,
    Recorded,
    changed,
    cut_short,
    failed,
    first_page_only,
    missing,
    operations,
    throttled,
)
from tests.fakes.bundles import BundleBuilder

PLACES: Final = sorted(ACCOUNTS | REGIONS)
RICH: Final = ("restores", "refuges", "gates of vaults", "no organisation, 3", "roles", "copies that arrive")

Change = Callable[[Line], Line | None]
WAYS: Final[dict[str, Change]] = {
    "throttled": throttled,
    "missing": missing,
    "cut short": cut_short,
    "first page only": first_page_only,
}
"""What may become of all lines of an operation, besides that each is refused."""


def wrong(bundle: Recorded, variants: Iterator[tuple[str, Lines]]) -> dict[str, list[str]]:
    facts = {name: bundle.facts_of(lines) for name, lines in variants if lines != bundle.lines}
    assert facts
    return {name: verdicts for name, verdicts in bundle.wrong(facts).items() if verdicts}


def each_operation(bundle: Recorded, change: Change) -> Iterator[tuple[str, Lines]]:
    for operation in operations(bundle.lines):
        yield operation, changed(bundle.lines, operation, change)


@pytest.mark.slow
def test_no_refused_operation_makes_a_verdict(sample: Recorded) -> None:
    assert len(operations(sample.lines)) >= 76
    assert wrong(sample, each_operation(sample, failed)) == {}


@pytest.mark.slow
def test_no_operation_without_its_answers_makes_a_verdict(sample: Recorded) -> None:
    """Take each operation in one of the ways or refusing places that apply to it, the next in the next one.

    Refusals everywhere are the test above; the exhaustive tests take each operation in all ways and places.
    """
    ways = {way: _everywhere(sample, change) for way, change in WAYS.items()}
    places = {place: _in_place(sample, place) for place in PLACES}
    assert wrong(sample, _in_turn(sample, _alternating(ways, places))) == {}


@pytest.mark.exhaustive
@pytest.mark.parametrize("way", WAYS)
def test_no_operation_in_any_way_makes_a_verdict(sample: Recorded, way: str) -> None:
    assert wrong(sample, each_operation(sample, WAYS[way])) == {}


@pytest.mark.exhaustive
@pytest.mark.parametrize("place", PLACES)
def test_no_operation_in_any_place_makes_a_verdict(sample: Recorded, place: str) -> None:
    variants = _in_place(sample, place)
    assert wrong(sample, ((operation, variants(operation)) for operation in operations(sample.lines))) == {}


def _alternating(*groups: Mapping[str, Callable[[str], Lines]]) -> dict[str, Callable[[str], Lines]]:
    """Mix ways of equal number, so that neighbouring operations differ in more than the place."""
    return dict(chain.from_iterable(zip(*(group.items() for group in groups), strict=True)))


def _everywhere(bundle: Recorded, change: Change) -> Callable[[str], Lines]:
    return lambda operation: changed(bundle.lines, operation, change)


def _in_place(bundle: Recorded, place: str) -> Callable[[str], Lines]:
    return lambda operation: changed(bundle.lines, operation, failed, lambda name: place in name)


def _in_turn(bundle: Recorded, ways: Mapping[str, Callable[[str], Lines]]) -> Iterator[tuple[str, Lines]]:
    """Vary each operation in the next of the ways that change something."""
    for turn, operation in enumerate(operations(bundle.lines)):
        variants = [(f"{operation}, {way}", variant(operation)) for way, variant in ways.items()]
        changes = [variant for variant in variants if variant[1] != bundle.lines]
        if changes:
            yield changes[turn % len(changes)]


def _world(name: str, folder: Path) -> Recorded:
    world = next(world for world in WORLDS if world.name == name)
    builder = BundleBuilder(folder / "world")
    world.build(builder)
    lines = {f"{stem}.jsonl": tuple(of_file) for stem, of_file in world.spoil(builder.lines()).items()}
    builder.write({})
    manifest: dict[str, Any] = orjson.loads((folder / "world" / NAME).read_bytes())
    return Recorded(folder / "variants", manifest, lines)


@pytest.mark.slow
@pytest.mark.parametrize("name", RICH)
def test_no_refused_operation_makes_a_verdict_in_a_world(name: str, tmp_path: Path) -> None:
    """Refuse one operation, and cut the next one short if it is a list."""
    bundle = _world(name, tmp_path)
    ways = {"cut short": _everywhere(bundle, cut_short), "refused": _everywhere(bundle, failed)}
    assert wrong(bundle, _in_turn(bundle, ways)) == {}


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", RICH)
def test_no_operation_in_either_way_makes_a_verdict_in_a_world(name: str, tmp_path: Path) -> None:
    bundle = _world(name, tmp_path)
    assert wrong(bundle, each_operation(bundle, failed)) == {}
    assert wrong(bundle, each_operation(bundle, cut_short)) == {}


def test_a_flip_is_noticed(sample: Recorded) -> None:
    """The comparison itself: selections of nothing are no missing read."""
    lines = changed(sample.lines, "backup:GetBackupSelection", _selecting_nothing)
    flips = wrong(sample, iter([("nothing selected", lines)]))
    assert any(verdict.startswith("resource-in-backup-plan of ") for verdict in flips["nothing selected"])


def _selecting_nothing(line: Line) -> Line:
    if "response" not in line:
        return line
    selection = {**line["response"]["BackupSelection"], "Resources": ["arn:aws:s3:::no-such-bucket"]}
    selection = {name: value for name, value in selection.items() if name not in ("ListOfTags", "Conditions")}
    return {**line, "response": {**line["response"], "BackupSelection": selection}}
