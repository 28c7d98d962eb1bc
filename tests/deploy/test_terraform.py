"""deploy/terraform/: the modules parse, and pass on every parameter of the templates."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hcl2
import pytest

from tests.fakes.cloudformation import read_template

DEPLOY = Path(__file__).parents[2] / "deploy"
MODULES = sorted(path for path in (DEPLOY / "terraform").iterdir() if path.is_dir())


def module(name: str) -> dict[str, list[Any]]:
    """The blocks of all files of a module, by kind."""
    blocks: dict[str, list[Any]] = {}
    for path in sorted((DEPLOY / "terraform" / name).glob("*.tf")):
        for kind, found in hcl2.loads(path.read_text(encoding="utf-8")).items():
            blocks.setdefault(kind, []).extend(found if isinstance(found, list) else [])
    return blocks


def named(blocks: list[Any]) -> dict[str, Any]:
    return {name.strip('"'): body for block in blocks for name, body in block.items()}


def template(name: str) -> dict[str, Any]:
    return read_template((DEPLOY / name).read_text(encoding="utf-8"))


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def default(variable: Mapping[str, Any]) -> object:
    value = variable.get("default")
    return value.strip('"') if isinstance(value, str) else value


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_a_module_uses_the_variables_that_it_declares_and_no_other(path: Path) -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in path.glob("*.tf"))
    assert set(re.findall(r"\bvar\.(\w+)", text)) == set(named(module(path.name)["variable"]))
    assert "required_providers" in text


def test_the_scanner_has_a_variable_for_each_parameter_with_the_same_default() -> None:
    parameters = template("scanner.yaml")["Parameters"]
    variables = named(module("scanner")["variable"])
    assert set(variables) == {"name", *map(snake, parameters)}
    for name, parameter in parameters.items():
        expected = parameter.get("Default")
        found = default(variables[snake(name)])
        if parameter["Type"] == "CommaDelimitedList":
            found = ",".join(found) if isinstance(found, list) else found
        assert str(found) == str(expected), name
        assert ("default" in variables[snake(name)]) == ("Default" in parameter), name


def test_the_scanner_passes_each_parameter_on() -> None:
    (resource,) = module("scanner")["resource"]
    stack = resource['"aws_cloudformation_stack"']['"scanner"']
    parameters = template("scanner.yaml")["Parameters"]
    assert {name: re.findall(r"var\.(\w+)", value) for name, value in stack["parameters"].items()} == {
        name: [snake(name)] for name in parameters
    }
    for name, parameter in parameters.items():
        assert stack["parameters"][name].startswith("${join(") == (parameter["Type"] == "CommaDelimitedList")


def test_the_scanner_has_the_outputs_of_the_template() -> None:
    outputs = named(module("scanner")["output"])
    assert set(outputs) == set(map(snake, template("scanner.yaml")["Outputs"]))


def test_the_organization_gives_the_role_the_parameters_that_its_template_has() -> None:
    (names,) = [block["parameters"] for block in module("organization")["locals"]]
    assert {*names, "RoleName"} == set(template("member-role.yaml")["Parameters"])


def test_the_stack_set_has_instances_and_the_management_account_a_stack() -> None:
    kinds = {kind.strip('"') for block in module("organization")["resource"] for kind in block}
    assert kinds == {
        "aws_cloudformation_stack_set",
        "aws_cloudformation_stack_set_instance",
        "aws_cloudformation_stack",
    }
