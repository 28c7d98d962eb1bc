"""Every answer has the shape that botocore's model gives it: no key invented, no type wrong."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.model import ListShape, MapShape, Shape, StructureShape

_JSON = ("json", "rest-json")
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "character": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (int, float),
    "blob": (str,),
}


def differences(shape: Shape, value: Any, path: str) -> Iterator[str]:
    """Where the raw JSON leaves the shape."""
    if isinstance(shape, StructureShape):
        yield from _in_structure(shape, value, path)
    elif isinstance(shape, ListShape):
        if not isinstance(value, list):
            yield f"{path} is no list"
            return
        for number, element in enumerate(value):
            yield from differences(shape.member, element, f"{path}[{number}]")
    elif isinstance(shape, MapShape):
        for key, element in value.items():
            yield from differences(shape.value, element, f"{path}.{key}")
    elif not _fits(shape, value):
        yield f"{path} is {value!r}, not of type {shape.type_name}"


def _in_structure(shape: StructureShape, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} is no structure"
        return
    members = {str(member.serialization.get("name", name)): member for name, member in shape.members.items()}
    for key, element in value.items():
        if key in members:
            yield from differences(members[key], element, f"{path}.{key}")
        else:
            yield f"{path}.{key} is invented"
    yield from (f"{path}.{name} is missing" for name in shape.required_members if name not in value)


def _fits(shape: Shape, value: Any) -> bool:
    if isinstance(value, bool) and shape.type_name != "boolean":
        return False
    if shape.type_name == "timestamp" and shape.serialization.get("timestampFormat") == "iso8601":
        return isinstance(value, str)
    allowed = getattr(shape, "enum", None)
    return isinstance(value, _PYTHON_TYPES[shape.type_name]) and (not allowed or value in allowed)


def test_raw_json_fits_the_output_shapes(walk: Any) -> None:
    wrong = set()
    for operation, status, body in walk.bodies:
        if operation.service_model.resolved_protocol in _JSON and status < 300:
            wrong |= set(differences(operation.output_shape, json.loads(body or b"{}"), operation.name))
    assert wrong == set()


@pytest.mark.parametrize("service", ["backup", "efs", "dynamodb", "kms", "organizations"])
def test_the_walk_covers_json_services(walk: Any, service: str) -> None:
    seen = {operation.service_model.service_name for operation, status, _ in walk.bodies if status < 300}
    assert service in seen


def test_the_comparison_finds_an_invented_key_and_a_wrong_type(walk: Any) -> None:
    shape = next(one.output_shape for one, *_ in walk.bodies if one.name == "ListBackupVaults")
    answer = {"BackupVaultList": [{"BackupVaultName": 1, "Colour": "blue"}]}
    assert list(differences(shape, answer, "")) == [
        ".BackupVaultList[0].BackupVaultName is 1, not of type string",
        ".BackupVaultList[0].Colour is invented",
    ]
