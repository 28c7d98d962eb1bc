"""Reads CloudFormation templates, and resolves what their functions give."""

import re
from collections.abc import Mapping
from typing import Any

import yaml


class Template(yaml.SafeLoader):
    """Reads CloudFormation's short forms as what they stand for."""


def _function(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.SequenceNode):
        return {suffix: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.ScalarNode)
    return {suffix: loader.construct_scalar(node)}


Template.add_multi_constructor("!", _function)


def read_template(text: str) -> dict[str, Any]:
    """Parse a template. `!Ref X` becomes {"Ref": "X"}, `!Sub X` {"Sub": "X"}, and so on."""
    template: dict[str, Any] = yaml.load(text, Template)  # noqa: S506 -- a SafeLoader
    return template


def resolve(value: Any, template: Mapping[str, Any], given: Mapping[str, Any]) -> Any:  # noqa: PLR0911 -- a case each
    """What CloudFormation makes of a value: parameters filled in, conditions decided.

    `given` holds parameters, and what resources return by their names and by `NAME.ATTRIBUTE`.
    """
    match value:
        case list():
            resolved = [resolve(item, template, given) for item in value]
            return [item for item in resolved if item is not None]
        case {"Ref": name} | {"GetAtt": name}:
            return None if name == "AWS::NoValue" else given[name]
        case {"Sub": str(text)}:
            return _substituted(text, given)
        case {"Sub": [text, values]}:
            return _substituted(text, {**given, **resolve(values, template, given)})
        case {"Join": [separator, items]}:
            return str(separator).join(resolve(items, template, given))
        case {"If": [name, yes, no]}:
            return resolve(yes if holds({"Condition": name}, template, given) else no, template, given)
        case dict():
            members = {key: resolve(member, template, given) for key, member in value.items()}
            return {key: member for key, member in members.items() if member is not None}
    return value


def _substituted(text: str, values: Mapping[str, Any]) -> str:
    return re.sub(r"\$\{([\w:.]+)\}", lambda match: str(values[match.group(1)]), text)


def holds(condition: Any, template: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    """Whether a condition is true."""
    match condition:
        case {"Condition": name}:
            return holds(template["Conditions"][name], template, given)
        case {"Not": [inner]}:
            return not holds(inner, template, given)
        case {"Or": inner}:
            return any(holds(operand, template, given) for operand in inner)
        case {"And": inner}:
            return all(holds(operand, template, given) for operand in inner)
        case {"Equals": [left, right]}:
            return bool(resolve(left, template, given) == resolve(right, template, given))
    raise AssertionError(condition)


def with_defaults(template: Mapping[str, Any], **parameters: Any) -> dict[str, Any]:
    """Return what `Ref`, `GetAtt` and `Sub` give: parameters, pseudo parameters, resources.

    A resource returns its own logical id, its attribute Arn `arn:LOGICAL_ID`.
    """
    given: dict[str, Any] = {
        "AWS::Partition": "aws",
        "AWS::AccountId": "111111111111",
        "AWS::Region": "eu-west-1",
        "AWS::StackName": "vaultproof",
        "AWS::URLSuffix": "amazonaws.com",
    }
    for name in template["Resources"]:
        given |= {name: name, f"{name}.Arn": f"arn:{name}", f"{name}.QueueName": name}
    for name, parameter in template["Parameters"].items():
        value = parameters.get(name, parameter.get("Default"))
        if parameter["Type"] == "CommaDelimitedList" and not isinstance(value, list):
            value = str(value).split(",")
        given[name] = value
    return given
