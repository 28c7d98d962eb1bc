"""A word that this version does not know decides nothing: states, types and other enumerations, one by one.

AWS adds values to its enumerations. Each member that botocore's models enumerate, and each text that AWS
documents as one of few words, is replaced by a word that AWS does not have; no definite verdict may follow.
"""

import pathlib
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import pytest
from botocore.model import ListShape, Shape, StructureShape

from tests.contract.test_refused_reads import RICH, _world, wrong
from tests.contract.variants import Line, Lines, Recorded, changed, operations
from tests.fakes.api_models import operation_model

WORD: Final = "frozen-by-aws"
DOCUMENTED: Final = {
    "backup:ListBackupVaults": ["BackupVaultList[].VaultType"],
    "backup:ListFrameworks": ["Frameworks[].DeploymentStatus"],
    "backup:DescribeFramework": ["DeploymentStatus", "FrameworkStatus"],
    "backup:ListReportPlans": ["ReportPlans[].DeploymentStatus"],
    "rds:DescribeDBInstances": ["DBInstances[].DBInstanceStatus", "DBInstances[].Engine"],
    "rds:DescribeDBClusters": ["DBClusters[].Status", "DBClusters[].Engine", "DBClusters[].EngineMode"],
    "redshift:DescribeClusters": ["Clusters[].ClusterStatus"],
    "storagegateway:ListVolumes": ["VolumeInfos[].VolumeType"],
    "cloudformation:DescribeStacks": ["Stacks[].StackStatus"],
    "ssm-sap:GetDatabase": ["Database.Status"],
}
"""Texts that the models do not enumerate, but AWS's documentation does."""

GROUPS: Final = 24
"""Into how many groups the members are divided that are changed together."""

Path = tuple[str, ...]


@cache
def enumerated(operation: str) -> tuple[Path, ...]:
    """Return the paths of an operation's enumerated members; a step ends in `[]` at a list."""
    shape = operation_model(operation).output_shape
    documented = [tuple(path.split(".")) for path in DOCUMENTED.get(operation, [])]
    return tuple(dict.fromkeys([*(_enumerated(shape, ()) if shape else ()), *documented]))


def _enumerated(shape: Shape, above: tuple[str, ...]) -> Iterator[Path]:
    if not isinstance(shape, StructureShape) or shape.name in above:
        return
    for name, member in shape.members.items():
        inner, step = (member.member, f"{name}[]") if isinstance(member, ListShape) else (member, name)
        if getattr(inner, "enum", None):
            yield (step,)
        else:
            yield from ((step, *rest) for rest in _enumerated(inner, (*above, shape.name)))


def replaced(node: Any, path: Path) -> Any:
    """Return an answer with another word at a path, wherever there is one."""
    if not path:
        return WORD if isinstance(node, str) else node
    step, rest = path[0], path[1:]
    key = step.removesuffix("[]")
    if not isinstance(node, dict) or key not in node:
        return node
    value = node[key]
    if not step.endswith("[]"):
        return {**node, key: replaced(value, rest)}
    return {**node, key: [replaced(row, rest) for row in value] if isinstance(value, list) else value}


def _change(path: Path) -> Any:
    def change(line: Line) -> Line:
        return {**line, "response": replaced(line["response"], path)} if line.get("response") else line

    return change


def variants(bundle: Recorded) -> Iterator[tuple[str, Lines]]:
    for operation in operations(bundle.lines):
        for path in enumerated(operation):
            yield f"{operation} {'.'.join(path)}", changed(bundle.lines, operation, _change(path))


def in_groups(bundle: Recorded) -> Iterator[tuple[str, Lines]]:
    """Yield the recording with members of several operations changed at once."""
    members = [(operation, path) for operation in operations(bundle.lines) for path in enumerated(operation)]
    for start in range(GROUPS):
        lines = bundle.lines
        for operation, path in members[start::GROUPS]:
            lines = changed(lines, operation, _change(path))
        yield f"group {start}", lines


@pytest.mark.slow
def test_no_unknown_words_of_the_sample_make_a_verdict(sample: Recorded) -> None:
    """Replace words of several operations at once, which takes a fifth of the time."""
    assert wrong(sample, in_groups(sample)) == {}


@pytest.mark.exhaustive
def test_no_unknown_word_of_the_sample_makes_a_verdict(sample: Recorded) -> None:
    assert wrong(sample, variants(sample)) == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", RICH)
def test_no_unknown_word_of_a_world_makes_a_verdict(name: str, tmp_path: pathlib.Path) -> None:
    bundle = _world(name, tmp_path)
    assert wrong(bundle, variants(bundle)) == {}
