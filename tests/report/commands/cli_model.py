"""Checks a command of the AWS CLI against botocore's model of the service, without the AWS CLI."""

import json
import shlex
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from botocore import xform_name
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from botocore.session import get_session
from botocore.validate import ParamValidator

_GLOBAL: Final = frozenset({"--region", "--query", "--output"})
_OPERATORS: Final = frozenset({"|", ">"})
_SAMPLE: Final = '{"a": "b"}'
"""What a file has that a command reads."""


def complaints(command: str) -> Iterator[str]:
    """Yield what is wrong with a command that begins with `aws`."""
    words = shlex.split(command)
    end = next((at for at, word in enumerate(words) if word in _OPERATORS), len(words))
    _, service, operation, *rest = words[:end]
    model = _operation(service, operation)
    if model is None:
        yield f"{service} has no operation {operation}"
        return
    shape = model.input_shape
    members = {} if shape is None else {f"--{xform_name(name, '-')}": name for name in shape.members}
    parameters: dict[str, Any] = {}
    for option, values in _options(rest):
        if option in _GLOBAL:
            continue
        if option not in members or shape is None:
            yield f"{service} {operation} has no option {option}"
            continue
        parameters[members[option]] = _value(shape.members[members[option]], values)
    if isinstance(shape, StructureShape):
        report = ParamValidator().validate(parameters, shape)
        if report.has_errors():
            yield f"{command}: {report.generate_report()}"


@cache
def _operation(service: str, operation: str) -> OperationModel | None:
    model = get_session().get_service_model("s3" if service == "s3api" else service)
    named = {xform_name(name, "-"): name for name in model.operation_names}
    return model.operation_model(named[operation]) if operation in named else None


def _options(words: list[str]) -> Iterator[tuple[str, list[str]]]:
    option, values = "", list[str]()
    for word in words:
        if word.startswith("--"):
            if option:
                yield option, values
            option, _, value = word.partition("=")
            values = [value] if value else []
        else:
            values.append(word)
    if option:
        yield option, values


def _value(shape: Shape, words: list[str]) -> Any:
    first = words[0] if words else ""
    if shape.type_name == "boolean":
        return first != "false"
    if first.startswith("file://"):
        return _file(shape)
    if shape.type_name in {"structure", "map", "list"} and first[:1] in {"{", "["}:
        return json.loads(first)
    if shape.type_name in {"structure", "map"}:
        return _shorthand(shape, first)
    if isinstance(shape, ListShape):
        return [_value(shape.member, [word]) for word in words]
    return int(first) if shape.type_name in {"integer", "long"} else first


def _file(shape: Shape) -> Any:
    """Return what a user writes into the file: not known, but valid where the shape is a text."""
    if shape.name == "BackupPlanInput":
        return {"BackupPlanName": "x", "Rules": [{"RuleName": "x", "TargetBackupVaultName": "x"}]}
    return _SAMPLE if shape.type_name == "string" else json.loads(_SAMPLE)


def _shorthand(shape: Shape, text: str) -> dict[str, Any]:
    pairs = (part.partition("=") for part in text.split(","))
    return {key: _value(_member(shape, key), [value]) for key, _, value in pairs}


def _member(shape: Shape, key: str) -> Shape:
    member: Shape = shape.value if isinstance(shape, MapShape) else getattr(shape, "members", {})[key]
    return member
