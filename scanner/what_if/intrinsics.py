"""Intrinsic functions of CloudFormation, as far as a template alone decides them. Everything else is UNKNOWN.

`Ref`, `Fn::Sub`, `Fn::GetAtt`, `Fn::Join`, `Fn::Select`, `Fn::Split`, `Fn::FindInMap`, `Fn::If` and
conditions are resolved within the template. Parameters have the values that the options give (a default may
be overridden when the stack is deployed, so it decides nothing).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from scanner.model.known import Ternary
from scanner.model.names import partition_of
from scanner.model.planning.planned_change import UNKNOWN, has_unknown

_VARIABLE: Final = re.compile(r"\$\{(!?)([^}]*)\}")
_VAULTS: Final = ("AWS::Backup::BackupVault", "AWS::Backup::LogicallyAirGappedBackupVault")
_PLAN: Final = "AWS::Backup::BackupPlan"
_ROLE: Final = "AWS::IAM::Role"
_PAIR: Final = 2


_DEEPEST: Final = 16
"""The most conditions within each other."""


class _NoValue(Enum):
    """The type of NO_VALUE."""

    VALUE = "AWS::NoValue"


NO_VALUE: Final = _NoValue.VALUE
"""`AWS::NoValue`: the property is left out."""


@dataclass(frozen=True, slots=True)
class PlanOf:
    """The id of a plan that the template defines, which AWS assigns when it creates the plan."""

    logical_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """The resources of a template, and the values that are known of it."""

    resources: Mapping[str, Any]
    parameters: Mapping[str, str]
    account: str
    region: str
    conditions: Mapping[str, Any] = field(default_factory=dict)
    mappings: Mapping[str, Any] = field(default_factory=dict)
    stack_tags: tuple[Any, ...] = ()

    def resolved(self, value: Any) -> Any:  # noqa: ANN401 -- JSON
        """Return a value with its functions resolved; UNKNOWN in the place of those that are not."""
        if isinstance(value, list):
            items = map(self.resolved, value)
            return [item for item in items if item is not NO_VALUE]
        if not isinstance(value, Mapping):
            return value
        if "Fn::Transform" in value:  # a macro may add and change anything around it
            return UNKNOWN
        if len(value) == 1:
            name, argument = next(iter(value.items()))
            if name in {"Ref", "Condition"} or str(name).startswith("Fn::"):
                return self._function(str(name), argument)
        pairs = ((key, self.resolved(inner)) for key, inner in value.items())
        return {key: inner for key, inner in pairs if inner is not NO_VALUE}

    def _function(self, name: str, argument: Any) -> Any:  # noqa: ANN401 -- JSON
        if name == "Ref":
            return self._ref(argument) if isinstance(argument, str) else UNKNOWN
        if name == "Fn::GetAtt":
            parts = argument.split(".", 1) if isinstance(argument, str) else argument
            is_pair = (
                isinstance(parts, list)
                and len(parts) == _PAIR
                and all(isinstance(part, str) for part in parts)
            )
            return self._attribute(*parts) if is_pair else UNKNOWN
        if name == "Fn::Sub":
            return self._sub(argument)
        resolve = {
            "Fn::Join": self._join,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::FindInMap": self._find_in_map,
            "Fn::If": self._if,
        }.get(name)
        return UNKNOWN if resolve is None else resolve(argument)

    def _select(self, argument: Any) -> Any:  # noqa: ANN401 -- JSON
        if not (isinstance(argument, list) and len(argument) == _PAIR):
            return UNKNOWN
        number, items = self.resolved(argument[0]), self.resolved(argument[1])
        position = int(number) if isinstance(number, int) or str(number).isdecimal() else -1
        is_there = isinstance(items, list) and 0 <= position < len(items)
        # CloudFormation refuses an index out of range, so nothing is known of what would be deployed.
        return items[position] if is_there else UNKNOWN

    def _split(self, argument: Any) -> Any:  # noqa: ANN401 -- JSON
        if not (isinstance(argument, list) and len(argument) == _PAIR):
            return UNKNOWN
        separator, text = argument[0], self.resolved(argument[1])
        is_text = isinstance(separator, str) and separator and isinstance(text, str)
        return text.split(separator) if is_text else UNKNOWN

    def _find_in_map(self, argument: Any) -> Any:  # noqa: ANN401 -- JSON
        """Return a value of a mapping; the default of AWS::LanguageExtensions where there is none."""
        if not (isinstance(argument, list) and len(argument) in {3, 4}):
            return UNKNOWN
        value: Any = self.mappings
        # The keys may be functions too. Ref of a pseudo parameter (the Region) is the usual one.
        for key in map(self.resolved, argument[:3]):
            if not isinstance(key, str | int) or not isinstance(value, Mapping):
                return UNKNOWN
            value = value.get(str(key), UNKNOWN)
        default = argument[3] if len(argument) > 3 and isinstance(argument[3], Mapping) else {}  # noqa: PLR2004
        if value is UNKNOWN and "DefaultValue" in default:
            return self.resolved(default["DefaultValue"])
        return self.resolved(value)

    def _if(self, argument: Any) -> Any:  # noqa: ANN401 -- JSON
        if not (isinstance(argument, list) and len(argument) == 3 and isinstance(argument[0], str)):  # noqa: PLR2004
            return UNKNOWN
        then, otherwise = self.resolved(argument[1]), self.resolved(argument[2])
        if (is_met := self.condition(argument[0])) is None:
            # Both branches may say the same, as with a condition that changes only another part.
            return then if then == otherwise and not has_unknown(then) else UNKNOWN
        return then if is_met else otherwise

    def condition(self, name: str) -> Ternary:
        """Return whether a condition of the template is met; None: unknown."""
        return self._met({"Condition": name}, _DEEPEST)

    def _met(self, expression: Any, depth: int) -> Ternary:  # noqa: ANN401 -- JSON
        # Conditions that refer to each other in a circle never end: CloudFormation refuses them.
        if depth == 0 or not isinstance(expression, Mapping) or len(expression) != 1:
            return None
        name, argument = next(iter(expression.items()))
        if name == "Condition":
            return self._met(self.conditions.get(argument), depth - 1) if isinstance(argument, str) else None
        if not isinstance(argument, list):
            return None
        if name == "Fn::Equals":
            sides = [self.resolved(side) for side in argument]
            are_known = len(sides) == _PAIR and not has_unknown(sides) and not any(map(_is_own, sides))
            # Parameters are always text, while a template may write the other side as a number.
            return str(sides[0]) == str(sides[1]) if are_known else None
        return _combined(str(name), [self._met(inner, depth - 1) for inner in argument])

    def _ref(self, name: str) -> Any:  # noqa: ANN401 -- JSON
        pseudo = {
            "AWS::AccountId": self.account,
            "AWS::Region": self.region,
            "AWS::Partition": partition_of(self.region) if self.region else "",
            "AWS::URLSuffix": "amazonaws.com" if self.region and partition_of(self.region) == "aws" else "",
        }
        if name == NO_VALUE.value:
            return NO_VALUE
        if name in pseudo:
            return pseudo[name] or UNKNOWN
        # After the pseudo parameters, as AWS:: is reserved. A default in the template is not a value.
        if name in self.parameters:
            return self.parameters[name]
        kind = self._type(name)
        if kind in _VAULTS:
            return self._property(name, "BackupVaultName")
        if kind == _PLAN:
            return PlanOf(name)
        # Ref of a role returns its name; without RoleName CloudFormation generates one.
        return self._property(name, "RoleName") if kind == _ROLE else UNKNOWN

    def _attribute(self, name: str, attribute: str) -> Any:  # noqa: ANN401 -- JSON
        kind = self._type(name)
        if kind in _VAULTS and attribute == "BackupVaultName":
            return self._property(name, "BackupVaultName")
        if kind in _VAULTS and attribute == "BackupVaultArn":
            return self._arn("backup", self.region, "backup-vault:", self._property(name, "BackupVaultName"))
        if kind == _PLAN and attribute == "BackupPlanId":
            return PlanOf(name)
        if kind == _ROLE and attribute == "Arn":
            return self.role_arn(name)
        return UNKNOWN

    def role_arn(self, logical_id: str) -> Any:  # noqa: ANN401 -- text or UNKNOWN
        """Return the ARN of a role. Where AWS assigns its name, its logical id is taken for it."""
        properties = self._properties(logical_id)
        path = self.resolved(properties.get("Path", "/"))
        name = self._property(logical_id, "RoleName") if "RoleName" in properties else logical_id
        return self._arn("iam", "", f"role{path}", name) if isinstance(path, str) else UNKNOWN

    def _arn(self, service: str, region: str, prefix: str, name: object) -> Any:  # noqa: ANN401 -- text or UNKNOWN
        if not (self.account and self.region and isinstance(name, str)):
            return UNKNOWN
        return f"arn:{partition_of(self.region)}:{service}:{region}:{self.account}:{prefix}{name}"

    def _sub(self, argument: Any) -> Any:  # noqa: ANN401 -- JSON
        text, variables = argument, {}
        if isinstance(argument, list) and len(argument) == _PAIR and isinstance(argument[1], Mapping):
            text, variables = argument[0], {name: self.resolved(value) for name, value in argument[1].items()}
        if not isinstance(text, str):
            return UNKNOWN
        pieces: list[str] = []
        end = 0
        for match in _VARIABLE.finditer(text):
            pieces.append(text[end : match.start()])
            end = match.end()
            name = match[2].strip()
            # ${!Name} is a literal ${Name} (CloudFormation, "Fn::Sub").
            if match[1]:
                pieces.append(f"${{{name}}}")
                continue
            value = variables[name] if name in variables else self._named(name)
            # How a flag would be written as text is not documented.
            if isinstance(value, bool) or not isinstance(value, str | int):
                return UNKNOWN
            pieces.append(str(value))
        return "".join((*pieces, text[end:]))

    def _named(self, name: str) -> Any:  # noqa: ANN401 -- JSON
        logical_id, _, attribute = name.partition(".")
        return self._attribute(logical_id, attribute) if attribute else self._ref(name)

    def _join(self, argument: Any) -> Any:  # noqa: ANN401 -- JSON
        if not (isinstance(argument, list) and len(argument) == _PAIR and isinstance(argument[0], str)):
            return UNKNOWN
        parts = self.resolved(argument[1])
        if (
            not isinstance(parts, list)
            or has_unknown(parts)
            or not all(isinstance(part, str) for part in parts)
        ):
            return UNKNOWN
        return argument[0].join(parts)

    def _type(self, logical_id: str) -> str:
        resource = self.resources.get(logical_id)
        # A resource whose condition is unknown may not exist, and so everything about it is unknown.
        if not isinstance(resource, Mapping) or self.is_created(resource) is not True:
            return ""
        return str(resource.get("Type") or "")

    def is_created(self, resource: Mapping[str, Any]) -> Ternary:
        """Return whether a resource is created: whether its condition is met."""
        return self.condition(str(resource["Condition"])) if "Condition" in resource else True

    def _properties(self, logical_id: str) -> Mapping[str, Any]:
        resource = self.resources.get(logical_id)
        properties = resource.get("Properties") if isinstance(resource, Mapping) else None
        return properties if isinstance(properties, Mapping) else {}

    def _property(self, logical_id: str, name: str) -> Any:  # noqa: ANN401 -- JSON
        """Return a property of a resource; one that is not there gets its value from AWS."""
        properties = self._properties(logical_id)
        return self.resolved(properties[name]) if name in properties else UNKNOWN


def _is_own(value: object) -> bool:
    """Check whether a value is one of this module's own, which equals no text."""
    return value is NO_VALUE or isinstance(value, PlanOf)


def _combined(name: str, answers: list[Ternary]) -> Ternary:
    """Return the answer of `Fn::Not`, `Fn::And` or `Fn::Or` from those of its conditions."""
    if name == "Fn::Not" and len(answers) == 1:
        return None if answers[0] is None else not answers[0]
    # One such answer decides, whatever the unknown ones are.
    deciding = {"Fn::And": False, "Fn::Or": True}.get(name)
    if deciding is None or not answers:
        return None
    if deciding in answers:
        return deciding
    return None if None in answers else not deciding
