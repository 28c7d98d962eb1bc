"""What a scan does not collect is unknown: never empty, never refused, and what it needs is never left out.

Every operation that can be left out is, alone and together with all that one control does not need.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from scanner.app.criteria import load_judgement
from scanner.app.needs import ALWAYS, needed_reads
from scanner.evaluate.compiled import compile_control
from scanner.evaluate.needs import affected_controls
from scanner.model.control import Control
from scanner.model.facts import TABLES, columns
from scanner.model.known import LEFT_OUT, GapKind
from scanner.services.catalogue import OPERATIONS, with_parents
from scanner.settings.settings import Settings
from scanner.storage.parquet import decoded_rows
from tests.contract.test_refused_reads import RICH, _world
from tests.contract.variants import Facts, Lines, Recorded, Row, name_of, operations

MADE: Final = with_parents(operation for group in ALWAYS.values() for operation in group)
OPTIONAL: Final = tuple(sorted(OPERATIONS.keys() - MADE))
REDUNDANT: Final = frozenset(("kms:ListAliases", "s3:GetBucketTagging"))
"""What another answer of the sample says as well: kms:DescribeKey of each key, and the tagging API."""

ASSESSED: Final = "account-region-assessed"
CONTROLS: Final = load_judgement(Settings(), None, None)[0].controls


def needs_of(control: Control) -> frozenset[str]:
    judgement = load_judgement(Settings(), [control.id], None)[0]
    return frozenset(needed_reads(judgement).operations)


def without(operation: str) -> frozenset[str]:
    """All operations but this one and those that are only called after it."""
    return frozenset(key for key in OPERATIONS if operation not in with_parents([key]))


def collecting(bundle: Recorded, kept: frozenset[str]) -> Facts:
    """Build the facts of a bundle whose scan collected only these operations."""
    lines: Lines = {
        name: tuple(line if line is not None and name_of(line) in kept else None for line in of_file)
        for name, of_file in bundle.lines.items()
    }
    reads = {"controls": [], "formats": [], "operations": sorted(kept)}
    return bundle.facts_of(lines, {**bundle.manifest, "reads": reads})


def rows_of(facts: Facts) -> Iterator[tuple[str, Row]]:
    for (_, table), data in facts.items():
        yield from ((table, row) for row in decoded_rows(TABLES[table], data).to_pylist())


def notes_of(facts: Facts) -> Iterator[dict[str, Any]]:
    for _, row in rows_of(facts):
        yield from row["not_known"]


def missed_in(facts: Facts) -> Iterator[dict[str, Any]]:
    """Return what the account-Regions miss: reads that failed, or notes on reads that were left out."""
    for table, row in rows_of(facts):
        if table == "account_region":
            yield from row["missing_reads"] or row["not_known"]


def misnamed(facts: Facts, kept: frozenset[str]) -> list[str]:
    """List the notes on calls that were left out and that say something else of them."""
    return sorted(
        {
            note["reason"]
            for note in notes_of(facts)
            if note["operation"] in OPERATIONS
            and note["operation"] not in kept
            and note["kind"] != GapKind.OUT_OF_SCOPE
            and (note["code"] != LEFT_OUT or "was not collected" not in note["reason"])
        }
    )


def leaving_out(bundle: Recorded, left_out: Iterable[str]) -> dict[str, Facts]:
    """Build the facts of a bundle without each of these operations."""
    return {operation: collecting(bundle, without(operation)) for operation in left_out}


@pytest.fixture(scope="module")
def sample_without(sample: Recorded) -> dict[str, Facts]:
    """Build the facts of the sample without each operation, once for the tests that read them."""
    return leaving_out(sample, OPTIONAL)


@pytest.mark.slow
def test_no_operation_that_is_left_out_makes_a_verdict(
    sample: Recorded, sample_without: dict[str, Facts]
) -> None:
    check_left_out("", sample, sample_without)


@pytest.mark.slow
@pytest.mark.parametrize("name", RICH)
def test_some_operations_that_are_left_out_make_no_verdict_in_a_world(name: str, tmp_path: Path) -> None:
    """Leave out other operations in each world than in the world before."""
    bundle = _world(name, tmp_path)
    check_left_out(name, bundle, leaving_out(bundle, OPTIONAL[RICH.index(name) :: len(RICH)]))


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", RICH)
def test_no_operation_that_is_left_out_makes_a_verdict_in_a_world(name: str, tmp_path: Path) -> None:
    bundle = _world(name, tmp_path)
    check_left_out(name, bundle, leaving_out(bundle, OPTIONAL))


def check_left_out(name: str, bundle: Recorded, variants: Mapping[str, Facts]) -> None:
    found = {
        key: [each for each in wrong if _is_wrong(each, name)]
        for key, wrong in bundle.wrong(variants).items()
    }
    assert {key: wrong for key, wrong in found.items() if wrong} == {}
    assert {key: told for key, facts in variants.items() if (told := misnamed(facts, without(key)))} == {}


def _is_wrong(verdict: str, world: str) -> bool:
    """Leave out that a read is missed no more which a world records as refused."""
    return not (world and verdict.startswith(ASSESSED) and verdict.endswith("fail became pass"))


@pytest.mark.slow
def test_each_operation_that_is_left_out_opens_what_rests_on_it(
    sample: Recorded, sample_without: Mapping[str, Facts]
) -> None:
    """Leave out each operation that the sample has answers of: more than evidence lines changes."""
    judging = affected_controls(CONTROLS)
    recorded_here = set(operations(sample.lines))
    declared = {read for table in TABLES for column in columns(table) for read in column.reads}
    for operation in sorted(recorded_here.intersection(OPTIONAL, declared) - REDUNDANT):
        facts = sample_without[operation]
        known = {(table, row["subject"]): row for table, row in rows_of(sample.facts)}
        changed = {
            column
            for table, row in rows_of(facts)
            for column, value in row.items()
            if value != known.get((table, row["subject"]), {}).get(column)
        }
        is_gone = len(known) > sum(1 for _ in rows_of(facts))
        assert is_gone or changed - {"evidence", "missing_reads", "status"}, operation
        is_noted = any(note["code"] == LEFT_OUT for note in (*notes_of(facts), *missed_in(facts)))
        assert is_gone or is_noted or operation not in judging, operation


@pytest.mark.slow
def test_what_is_left_out_is_missed_where_controls_need_it(sample: Recorded) -> None:
    """Evaluate all controls on what one needs: the account-Regions say what was not collected."""
    needs = needs_of(next(control for control in CONTROLS if control.id == "resource-in-backup-plan"))
    missed = {
        (read["operation"], read["kind"], read["code"]) for read in missed_in(collecting(sample, needs))
    }
    left_out = {(operation, "never asked", LEFT_OUT) for operation in OPERATIONS.keys() - needs}
    assert missed <= left_out
    assert ("backup:ListBackupVaults", "never asked", LEFT_OUT) in missed


@pytest.mark.slow
def test_what_one_control_needs_decides_it_and_nothing_that_others_need(sample: Recorded) -> None:
    """Collect what a control needs: its rows say the same, and verdicts of others are open or the same."""
    by_needs: dict[frozenset[str], list[Control]] = {}
    for control in CONTROLS:
        by_needs.setdefault(needs_of(control), []).append(control)
    variants = {controls[0].id: collecting(sample, needs) for needs, controls in by_needs.items()}
    assert {key: wrong for key, wrong in sample.wrong(variants).items() if wrong} == {}
    for needs, controls in by_needs.items():
        facts = variants[controls[0].id]
        assert misnamed(facts, needs) == []
        for control in controls:
            assert judged(facts, control) == judged(sample.facts, control), control.id


def judged(facts: Facts, control: Control) -> dict[str, Row]:
    """Return what a control sees of each subject: all columns that its texts and its verdict read."""
    seen = compile_control(control).columns - {"not_known", "evidence", "missing_reads", "status"}
    return {
        row["subject"]: {name: row[name] for name in seen}
        for table, row in rows_of(facts)
        if table == control.subject
    }


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.id)
def test_the_needs_of_a_control_are_whole(control: Control) -> None:
    needs = needs_of(control)
    assert needs >= MADE
    assert needs == with_parents(needs)
    assert needs <= OPERATIONS.keys()


def test_each_optional_operation_is_left_out_for_some_control() -> None:
    needed = [needs_of(control) for control in CONTROLS]
    assert {operation for operation in OPTIONAL if all(operation in needs for needs in needed)} == set()
