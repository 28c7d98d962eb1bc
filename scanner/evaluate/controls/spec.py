"""The shape of a control's YAML file. What is not listed here is a mistake, and so is a wrong type."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, StringConstraints, ValidationInfo, field_validator, model_validator

from scanner.evaluate.controls.yamlspec import Spec
from scanner.evaluate.problem import Problem, suggestion
from scanner.model.control import BaselineMembership, Control, ParameterRule, ReasonCase, Remediation
from scanner.model.finding import Severity

Scalar = bool | int | float | str
MAX_TEXT: Final = 10_000
"""Characters of a text of a control."""

MAX_TITLE: Final = 300
MAX_ENTRIES: Final = 50
"""Entries of a list or mapping of a control: texts of a status, parameters, details."""

MAX_MEMBERS: Final = 1_000
"""Members of a parameter that is a list, and of the values that it may have."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TEXT)]
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TITLE)]
Snippet = Annotated[str, StringConstraints(max_length=MAX_TEXT)]
_ID: Final = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"
_NAME: Final = r"[a-z][a-z0-9_]*"
Address = Annotated[str, StringConstraints(pattern=r"^https://[!-~]+$", max_length=500)]
Id = Annotated[str, StringConstraints(pattern=f"^{_ID}$", max_length=80)]
Name = Annotated[str, StringConstraints(pattern=f"^{_NAME}$", max_length=60)]

Scalars = Annotated[list[Scalar], Field(max_length=MAX_MEMBERS)]


class ReasonSpec(Spec):
    """One text of several; the last has no `when` and applies to all other cases."""

    when: Text | None = None
    text: Text


ReasonList = Annotated[list[ReasonSpec], Field(max_length=MAX_ENTRIES)]


class ReasonsSpec(Spec):
    """The texts of the other statuses."""

    passed: Text | ReasonList | None = Field(None, alias="pass")
    unknown: Text | ReasonList | None = None
    not_applicable: Text | ReasonList | None = None


class RemediationSpec(Spec):
    """What to do about a failure."""

    text: Text
    effort: Literal["low", "medium", "high"] = "medium"
    cli: Snippet = ""
    terraform: Snippet = ""
    cloudformation: Snippet = ""
    specific: Snippet = ""


class BaselineSpec(Spec):
    """Whether the pack `baseline` has the control, and why, in one sentence."""

    included: bool
    reason: Title


_RESOURCE_TYPES: Final = "resource_types"
"""The word for all resource types in `one_of`."""


def _resource_types() -> tuple[str, ...]:
    # Reading the capability table takes time, and few parameters are lists of types.
    from scanner.protection.capabilities import resource_types  # noqa: PLC0415 -- most controls need none

    return resource_types()


class ParameterSpec(Spec):
    """A parameter in full: its default, and what it may be set to."""

    default: Scalar | Scalars
    minimum: float | None = None
    maximum: float | None = None
    one_of: Scalars | Literal["resource_types"] = Field(default_factory=list)
    doc: Snippet = ""

    @field_validator("default")
    @classmethod
    def _of_one_type(cls, default: Scalar | list[Scalar]) -> Scalar | list[Scalar]:
        members = default if isinstance(default, list) else [default]
        # bool and int differ here, though Python counts True as an int.
        if len({type(member) for member in members}) > 1:
            raise ValueError("the members of a list are of one type")
        # JSON and SQL have no NaN or infinity that all readers agree on.
        if any(isinstance(member, float) and not math.isfinite(member) for member in members):
            raise ValueError("a number is finite")
        return default

    @model_validator(mode="after")
    def _within_its_own_rule(self) -> Self:
        members = self.default if isinstance(self.default, list) else [self.default]
        bounds = [bound for bound in (self.minimum, self.maximum) if bound is not None]
        # Compared as a sorted list, so one or two bounds need no cases of their own.
        if bounds != sorted(bounds):
            raise ValueError(f"minimum {bounds[0]:g} is above maximum {bounds[1]:g}")
        for member in members:
            if bounds and (isinstance(member, str | bool)):
                raise ValueError("minimum and maximum are for numbers")
            if message := out_of_range(self.rule(), member):
                raise ValueError(f"the default {member!r} {message}")
        return self

    def rule(self) -> ParameterRule:
        """Return the allowed values of the parameter."""
        one_of = _resource_types() if self.one_of == _RESOURCE_TYPES else tuple(self.one_of)
        return ParameterRule(self.minimum, self.maximum, one_of, self.doc)


class ControlSpec(Spec):
    """A control file. `parameters` maps a name to its default, or to a ParameterSpec."""

    id: Id
    title: Title
    failure_title: Title | None = None
    severity: Literal["critical", "high", "medium", "low", "info"]
    subject: Text
    baseline: BaselineSpec | None = None
    population: Text
    require: Text
    reason: Text | ReasonList
    reasons: ReasonsSpec = Field(default_factory=lambda: ReasonsSpec.model_validate({}))
    parameters: dict[Name, ParameterSpec] = Field(default_factory=dict, max_length=MAX_ENTRIES)
    evidence: list[Text] = Field(default_factory=list, max_length=MAX_ENTRIES)
    documentation: Address | None = None
    motivation: Text
    remediation: RemediationSpec
    frameworks: dict[Id, Annotated[list[Text], Field(min_length=1)]] = Field(default_factory=dict)
    audit_manager: Snippet = ""
    aliases: list[Id] = Field(default_factory=list, max_length=MAX_ENTRIES)

    @field_validator("parameters", mode="before")
    @classmethod
    def _in_full(cls, parameters: Any) -> Any:  # noqa: ANN401 -- before validation it is anything
        if not isinstance(parameters, Mapping):
            return parameters
        return {
            # A bare default is the short form of a parameter without rules.
            name: value if isinstance(value, Mapping) else {"default": value}
            for name, value in parameters.items()
        }

    @field_validator("aliases")
    @classmethod
    def _each_once(cls, aliases: list[str], info: ValidationInfo) -> list[str]:
        # The id in the set: an alias equal to it, or listed twice, makes the set too small.
        if len({*aliases, info.data.get("id")}) <= len(aliases):
            raise ValueError("an alias is an id other than the control's own, and is listed once")
        return aliases

    @model_validator(mode="after")
    def _last_reason_stands_alone(self) -> Self:
        for name, reason in self._reasons().items():
            if isinstance(reason, list) and not (
                reason and reason[-1].when is None and all(case.when for case in reason[:-1])
            ):
                message = f"{name}: each text but the last has a `when`, and the last has none"
                raise ValueError(message)
        return self

    def _reasons(self) -> dict[str, str | list[ReasonSpec] | None]:
        return {
            "fail": self.reason,
            "pass": self.reasons.passed,
            "unknown": self.reasons.unknown,
            "not_applicable": self.reasons.not_applicable,
        }

    def control(self, file: str, line: int) -> Control:
        """Return the control of the model."""
        reasons = self._reasons()
        return Control(
            **self.model_dump(include={"id", "title", "subject", "population", "require", "motivation"}),
            failure_title=self.failure_title or "",
            severity=Severity(self.severity),
            # `pop`: the failure's text has a key of its own in the model.
            reason=_last(reasons.pop("fail")),
            reasons={status: _last(reason) for status, reason in reasons.items() if reason},
            reason_cases={s: cases for s, reason in self._reasons().items() if (cases := _cases(reason))},
            parameters={name: _frozen(spec.default) for name, spec in self.parameters.items()},
            parameter_rules={name: spec.rule() for name, spec in self.parameters.items()},
            evidence=tuple(self.evidence),
            remediation=Remediation(**self.remediation.model_dump()),
            frameworks={name: tuple(ids) for name, ids in self.frameworks.items()},
            documentation=self.documentation or "",
            audit_manager=self.audit_manager,
            aliases=tuple(self.aliases),
            baseline=BaselineMembership(**self.baseline.model_dump()) if self.baseline else None,
            file=file,
            line=line,
        )


def _last(reason: str | list[ReasonSpec] | None) -> str:
    return reason[-1].text if isinstance(reason, list) else reason or ""


def _cases(reason: str | list[ReasonSpec] | None) -> tuple[ReasonCase, ...]:
    if not isinstance(reason, list):
        return ()
    return tuple(ReasonCase(case.when or "", case.text) for case in reason[:-1])


def _frozen(default: Scalar | list[Scalar]) -> Scalar | tuple[Scalar, ...]:
    return tuple(default) if isinstance(default, list) else default


def check_parameters(
    controls: Iterable[Control], parameters: Mapping[str, Mapping[str, Any]], unselected: Iterable[str] = ()
) -> tuple[Problem, ...]:
    """Yield the mistakes in parameters; a problem's path is (control id, parameter).

    `known` are the ids of controls that exist and are not selected: parameters for those are no mistake.
    """
    by_id = {control.id: control for control in controls}
    problems: list[Problem] = []
    for name, values in parameters.items():
        if name in by_id:
            problems += _check(by_id[name], values)
        # Controls that exist but are not selected may have parameters, since audit.yaml serves many commands.
        elif name not in set(unselected):
            hint = suggestion(name, {*by_id, *unselected})
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
    """Return the expected type of a value, by that of the default; empty: the type is right."""
    if isinstance(default, tuple | list):
        # An empty default list does not show its type: texts are assumed, as in `parameter_type`.
        member = default[0] if default else ""
        if not isinstance(value, Sequence) or isinstance(value, str):
            return f"is to be a list, for example [{value}]"
        return next(
            (f"holds {entry!r}, which {wrong}" for entry in value if (wrong := _wrong_type(member, entry))),
            "",
        )
    if isinstance(default, bool):
        return "" if isinstance(value, bool) else "is to be true or false"
    if isinstance(default, int | float):
        # NaN compares false with every bound, and would pass all checks.
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        return "" if number else "is to be a number"
    return "" if isinstance(value, str) else "is to be a text: put quotes around it"


def out_of_range(rule: ParameterRule, value: Any) -> str:  # noqa: ANN401 -- as above
    """Return what a value of the right type must be, by the parameter's rule; empty: it is allowed."""
    members = value if isinstance(value, tuple | list) else (value,)
    for member in members:
        if rule.one_of and member not in rule.one_of:
            near = suggestion(str(member), map(str, rule.one_of))
            wrong = f", not {member}" if isinstance(value, tuple | list) else ""
            hint = f": {near}" if near.startswith("did you mean") else ""
            return f"is to be one of {', '.join(map(str, rule.one_of))}{wrong}{hint}"
        if rule.minimum is not None and member < rule.minimum:
            return f"is to be at least {rule.minimum:g}"
        if rule.maximum is not None and member > rule.maximum:
            return f"is to be at most {rule.maximum:g}"
    return ""
