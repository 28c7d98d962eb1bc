"""What audit.yaml may set: the parameters of controls, by control id."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from scanner.evaluate.problem import Problem, suggestion
from scanner.model.control import Control, ParameterRule


def check_parameters(
    controls: Iterable[Control], parameters: Mapping[str, Mapping[str, Any]], known: Iterable[str] = ()
) -> tuple[Problem, ...]:
    """Give what is wrong with parameters; a problem's path is (control id, parameter).

    `known` are the ids of controls that exist and are not selected: parameters for those are no mistake.
    """
    by_id = {control.id: control for control in controls}
    problems: list[Problem] = []
    for name, values in parameters.items():
        if name in by_id:
            problems += _check(by_id[name], values)
        elif name not in set(known):
            hint = suggestion(name, {*by_id, *known})
            problems.append(Problem(f"there is no control {name!r}", hint, (name,)))
    return tuple(problems)


def _check(control: Control, values: Mapping[str, Any]) -> Iterator[Problem]:
    for name, value in values.items():
        path = (control.id, name)
        if name not in control.parameters:
            hint = suggestion(name, control.parameters)
            yield Problem(f"{control.id} has no parameter {name!r}", hint, path)
            continue
        rule = control.parameter_rules.get(name, ParameterRule())
        message = _wrong_type(control.parameters[name], value) or out_of_range(rule, value)
        if message:
            yield Problem(f"{control.id}: {name} {message}", rule.doc, path)


def _wrong_type(default: Any, value: Any) -> str:  # noqa: ANN401 -- a value of any type is judged
    """Say what the value is to be, by the type of the default; empty when it is that."""
    if isinstance(default, tuple | list):
        member = default[0] if default else ""
        if not isinstance(value, Sequence) or isinstance(value, str):
            return f"is to be a list, for example [{value}]"
        return next(
            (f"holds {each!r}, which {wrong}" for each in value if (wrong := _wrong_type(member, each))), ""
        )
    if isinstance(default, bool):
        return "" if isinstance(value, bool) else "is to be true or false"
    if isinstance(default, int | float):
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        return "" if number else "is to be a number"
    return "" if isinstance(value, str) else "is to be a text: put quotes around it"


def out_of_range(rule: ParameterRule, value: Any) -> str:  # noqa: ANN401 -- as above
    """Say what a value of the right type is to be, by the rule of its parameter; empty when it is that."""
    members = value if isinstance(value, tuple | list) else (value,)
    for member in members:
        if rule.one_of and member not in rule.one_of:
            return f"is to be one of {', '.join(map(str, rule.one_of))}"
        if rule.minimum is not None and member < rule.minimum:
            return f"is to be at least {rule.minimum:g}"
        if rule.maximum is not None and member > rule.maximum:
            return f"is to be at most {rule.maximum:g}"
    return ""
