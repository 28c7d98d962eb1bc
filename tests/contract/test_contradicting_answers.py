"""Answers about something else, empty answers and rows that differ make no verdict: on the recorded sample.

The lines of the sample are edited as a faulty proxy, or an editor, would change them: answers are about
something else, and none is an error.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import pytest

from scanner.evidence.answers import pagination
from scanner.evidence.identity import identity_rules
from tests.contract.conftest import ACCOUNTS, REGIONS
from tests.contract.test_refused_reads import each_operation, wrong
from tests.contract.variants import Line, Lines, Recorded, changed, name_of, operations

OTHER: Final = "other content"
SWAPPED: Final = (
    "BackupPlanId",
    "BackupVaultName",
    "DatabaseArn",
    "FrameworkName",
    "KeyId",
    "PolicyId",
    "ResourceArn",
    "RestoreTestingPlanName",
    "SelectionId",
    "TableName",
    "identifier",
    "name",
)
"""Parameters whose calls are answered with the answer to another value. The details of a bucket do not
name the bucket."""

NOT_CONTRADICTED: Final = {"backup:ListCopyJobs", "resourcegroupstaggingapi:GetResources"}
"""Lists that no other read of the account-Region contradicts when they are empty."""

GROUPS: Final = 6
"""Into how many groups the operations are divided that are changed together."""


def without_members(line: Line) -> Line:
    return {**line, "response": {}} if line.get("response") else line


def without_rows(line: Line) -> Line:
    if not line.get("response"):
        return line
    members = line["response"].items()
    return {**line, "response": {name: [] if isinstance(value, list) else value for name, value in members}}


def with_other_rows(line: Line) -> Line:
    """List each row once more, with another content."""
    rules = identity_rules()[name_of(line)]
    if not rules.rows or not line.get("response"):
        return line
    return {**line, "response": _doubled(line["response"], rules.rows, rules.names)}


def _doubled(node: Mapping[str, Any], path: tuple[str, ...], names: tuple[str, ...]) -> Mapping[str, Any]:
    name = path[0].removesuffix("[]")
    rows = node.get(name) or []
    if len(path) > 1:
        return {**node, name: [_doubled(row, path[1:], names) for row in rows]}
    return {**node, name: [*rows, *(_other(row, names) for row in rows)]}


def _other(row: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    words = {name: f"x{value}" for name, value in row.items() if isinstance(value, str) and name not in names}
    return {**row, **words, OTHER: OTHER}


def swapped(lines: Lines, parameter: str) -> Lines:
    """Answer each call about a thing with the answer about the next one of the same account-Region."""
    return {file: tuple(_swapped(of_file, parameter)) for file, of_file in lines.items()}


def _swapped(lines: tuple[Line | None, ...], parameter: str) -> Iterator[Line | None]:
    values: dict[str, list[str]] = {}
    for line in lines:
        if line is not None and parameter in line["parameters"]:
            values.setdefault(name_of(line), []).append(line["parameters"][parameter])
    for line in lines:
        if line is None or parameter not in line["parameters"]:
            yield line
            continue
        things = sorted(set(values[name_of(line)]))
        following = dict(zip(things, [*things[1:], things[0]], strict=True))
        value = following[line["parameters"][parameter]]
        yield {**line, "parameters": {**line["parameters"], parameter: value}}


def exchanged(lines: Lines, names: frozenset[str], path: Callable[[str, str], str]) -> Lines:
    """Exchange the files of two accounts, or of two Regions."""
    first, second = sorted(names)
    pairs = {(path(first, other), path(second, other)) for other in (*ACCOUNTS, *REGIONS, "aws-global")}
    files = dict(lines)
    for one, two in pairs:
        if one in lines and two in lines:
            files |= {one: lines[two], two: lines[one]}
    return files


def in_groups(
    sample: Recorded, names: Iterable[str], change: Callable[[Line], Line]
) -> Iterator[tuple[str, Lines]]:
    """Yield the recording with several operations changed at once: every operation alone takes minutes."""
    names = sorted(names)
    for start in range(GROUPS):
        group, lines = names[start::GROUPS], sample.lines
        for name in group:
            lines = changed(lines, name, change)
        yield ", ".join(group), lines


def lists(sample: Recorded) -> list[str]:
    return [name for name in operations(sample.lines) if name in pagination()]


@pytest.mark.slow
@pytest.mark.parametrize("change", [without_members, with_other_rows])
def test_no_answers_without_members_or_with_other_rows_make_a_verdict(
    sample: Recorded, change: Callable[[Line], Line]
) -> None:
    assert wrong(sample, in_groups(sample, operations(sample.lines), change)) == {}


@pytest.mark.slow
def test_no_emptied_lists_make_a_verdict(sample: Recorded) -> None:
    """The lists of AWS Backup contradict each other, and so are emptied one by one."""
    names = {*lists(sample)} - NOT_CONTRADICTED
    backup = sorted(name for name in names if name.startswith("backup:"))
    variants = ((name, changed(sample.lines, name, without_rows)) for name in backup)
    assert wrong(sample, variants) == {}
    assert wrong(sample, in_groups(sample, names.difference(backup), without_rows)) == {}


@pytest.mark.exhaustive
@pytest.mark.parametrize("change", [without_members, with_other_rows])
def test_no_answer_without_members_or_with_other_rows_makes_a_verdict(
    sample: Recorded, change: Callable[[Line], Line]
) -> None:
    assert wrong(sample, each_operation(sample, change)) == {}


@pytest.mark.exhaustive
def test_no_emptied_list_makes_a_verdict(sample: Recorded) -> None:
    variants = ((name, changed(sample.lines, name, without_rows)) for name in lists(sample))
    assert set(wrong(sample, variants)) == NOT_CONTRADICTED


@pytest.mark.slow
def test_no_answer_about_something_else_makes_a_verdict(sample: Recorded) -> None:
    variants = {parameter: swapped(sample.lines, parameter) for parameter in SWAPPED}
    variants["accounts"] = exchanged(sample.lines, ACCOUNTS, lambda one, two: f"evidence/{one}/{two}.jsonl")
    variants["Regions"] = exchanged(sample.lines, REGIONS, lambda one, two: f"evidence/{two}/{one}.jsonl")
    assert all(lines != sample.lines for lines in variants.values())
    assert wrong(sample, iter(variants.items())) == {}
