"""Frameworks of AWS Backup Audit Manager, compared with our controls one by one."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

Value: TypeAlias = bool | int | str | tuple[str, ...]
"""A value of one of our parameters that corresponds to a framework's."""


class Comparison(StrEnum):
    """How our parameters compare with the framework's."""

    EQUAL = "equal"
    STRICTER = "stricter"
    WEAKER = "weaker"
    NOT_COMPARABLE = "not comparable"
    NOT_ASKED = "not asked"  # our control was not selected
    NO_COUNTERPART = "no counterpart"  # we have no control for it


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlBeside:
    """One control of a framework, and our control that corresponds to it.

    `name`, `parameters` and the scope (`resource_ids`, `resource_types`, `tags` as `key=value`; all empty:
    not limited) are Audit Manager's. `ours` is our control's id (empty: there is none), `translated` its
    equivalent parameters, `notes` what these cannot express.
    `judges`: the kind of subject that Audit Manager evaluates (resource, plan, vault, recovery_point; empty:
    unknown); its control on vault locks evaluates resources, ours vaults. `subjects`: their number in the
    framework's account and Region; `covered`: how many of them its scope covers for certain; `doubtful`: for
    how many this is unknown. None: the scope has a part that this version does not know.
    """

    name: str
    parameters: tuple[tuple[str, str], ...] = ()
    resource_ids: tuple[str, ...] = ()
    resource_types: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    ours: str = ""
    translated: tuple[tuple[str, Value], ...] = ()
    notes: tuple[str, ...] = ()
    comparison: Comparison = Comparison.NO_COUNTERPART
    judges: str = ""
    subjects: int | None = None
    covered: int | None = None
    doubtful: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameworkBeside:
    """One framework. `controls` None: unknown, since it could not be described.

    `status`: ACTIVE, PARTIALLY_ACTIVE, INACTIVE, UNAVAILABLE; None: unknown.
    """

    arn: str
    name: str
    account: str
    region: str
    status: str | None
    deployment_status: str | None
    controls: tuple[ControlBeside, ...] | None
