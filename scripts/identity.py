"""The content of `scanner/evidence/identity.json`: what an answer repeats of its request, and of its account.

The rules are described in `scanner.evidence.identity`. They follow from botocore's models and from the
declared operations: `own`, `same`, `identity` and `closed` of `scanner.services.base.Operation`.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

import botocore.session
import orjson
from botocore.model import ListShape, OperationModel, Shape, StructureShape

from scanner import evidence
from scanner.evidence.identity import ANY
from scanner.services.base import Operation
from scanner.services.catalogue import OPERATIONS
from scripts import pagination

FILE: Final = Path(evidence.__path__[0]) / "identity.json"

MAY_OMIT_LISTS: Final = frozenset({"backup-gateway", "dsql", "ssm-sap"})
"""Services whose answers need not have the list: AWS does not document that an empty one is sent."""

MAY_BE_EMPTY: Final = frozenset(
    {
        "s3:GetBucketLocation",  # a bucket in us-east-1
        "s3:GetBucketVersioning",  # a bucket that never had versioning
        "backup:GetPITRMalwareScanResults",  # no result for that time
        # What these lack is unknown to their parsers, each by itself.
        "backup:DescribeRegionSettings",
        "backup:GetBackupPlan",
        "backup:GetBackupSelection",
        "backup:GetBackupVaultNotifications",
        "eks:DescribeCluster",
        "organizations:DescribeEffectivePolicy",
    }
)
"""Operations whose answers may have no members."""

_OPERATORS: Final = frozenset({"Conditions"})
"""Shapes whose members are the operators of conditions."""

_NAMING: Final = ("Name", "Id")


def table() -> dict[str, dict[str, Any]]:
    """Return the rules of each declared operation."""
    session = botocore.session.get_session()
    paging = pagination.table()
    entries: dict[str, dict[str, Any]] = {}
    for key, operation in sorted(OPERATIONS.items()):
        model = session.get_service_model(operation.service).operation_model(operation.name)
        entries[key] = _entry(model, operation, paging.get(key))
    return entries


def _entry(model: OperationModel, operation: Operation, paging: Mapping[str, str] | None) -> dict[str, Any]:
    output = cast("StructureShape", model.output_shape)
    is_list = paging is not None and operation.service not in MAY_OMIT_LISTS
    lists = [name for name, shape in output.members.items() if shape.type_name == "list"]
    entry = {
        "echoes": list(_echoes(model, operation, paging or {})),
        "own": list(operation.own),
        "lists": lists if is_list else [],
        "closed": {path: _members(_at(output, path)) for path in operation.closed},
        "rows": list(operation.identity),
        "may_be_empty": operation.key in MAY_BE_EMPTY or (paging is not None and not is_list),
    }
    return {name: value for name, value in entry.items() if value}


def _echoes(model: OperationModel, operation: Operation, paging: Mapping[str, str]) -> Iterator[list[str]]:
    """Derive which members of an operation's output repeat which of its parameters."""
    inputs = model.input_shape.members if model.input_shape else {}
    output = cast("StructureShape", model.output_shape)
    tokens = {paging.get("input"), paging.get("output")}
    yield from ([parameter, path, "same"] for parameter, path in operation.same)
    for path, shape in _texts(output):
        member = path.rpartition(".")[2].removesuffix("[]")
        if shape.type_name != "string" or member in tokens:
            continue
        if member in inputs and inputs[member].type_name == "string":
            yield [member, path, "same"]
        elif f"{member}s" in inputs and inputs[f"{member}s"].type_name == "list":
            yield [f"{member}s", path, "among"]
        elif member.endswith("Arn"):
            names = (member[:-3] + ending for ending in _NAMING)
            yield from ([name, path, "named"] for name in names if name in inputs)


def _texts(shape: StructureShape) -> Iterator[tuple[str, Shape]]:
    """Yield the members of an output, of its structures and of the rows of its lists: no deeper ones."""
    for name, member in shape.members.items():
        inner: Shape = member.member if isinstance(member, ListShape) else member
        step = name if inner is member else f"{name}[]"
        if isinstance(inner, StructureShape):
            yield from ((f"{step}.{detail}", value) for detail, value in inner.members.items())
        else:
            yield step, inner


def _at(shape: Shape, path: str) -> Shape:
    for step in path.split("."):
        shape = cast("StructureShape", shape).members[step.removesuffix("[]")]
        shape = shape.member if isinstance(shape, ListShape) else shape
    return shape


def _members(shape: Shape) -> dict[str, Any] | None:
    """Return the members of a node, with those below; None for a value without known members."""
    if isinstance(shape, ListShape):
        return _members(shape.member)
    if not isinstance(shape, StructureShape):
        return None
    members = {name: _members(member) for name, member in shape.members.items()}
    # Parsing keeps operators that this version does not know: they narrow a selection, too.
    return {ANY: next(iter(members.values()))} if shape.name in _OPERATORS else members


def content() -> bytes:
    """Return the file's bytes."""
    return orjson.dumps(table(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
