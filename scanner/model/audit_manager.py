"""Frameworks of AWS Backup Audit Manager beside what is judged here, control by control."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

Value: TypeAlias = bool | int | str | tuple[str, ...]
"""What a parameter of ours may be set to by a framework's."""


class Comparison(StrEnum):
    """What our parameters ask, held against the framework's."""

    EQUAL = "equal"
    STRICTER = "stricter"
    WEAKER = "weaker"
    NOT_COMPARABLE = "not comparable"
    NOT_ASKED = "not asked"  # our control was not selected
    NO_COUNTERPART = "no counterpart"  # none of ours does its work


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlBeside:
    """One control of a framework, and ours that does its work.

    `name`, `parameters` and the scope (`resource_ids`, `resource_types`, `tags` as `key=value`; all empty:
    not limited) are Audit Manager's. `ours` is our control's id (empty: there is none), `translated` its
    parameters that ask the same, `notes` what they cannot say.
    `judges`: what Audit Manager judges (resource, plan, vault, recovery_point; empty: not known), which for
    its control on vault locks is another thing than what ours is asked of. `subjects`: how many of those
    stand in the framework's account and Region; `covered`: how many of them its scope covers for certain;
    `doubtful`: of how many that is not known. None: the scope says something that is not known here.
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
    """One framework that was found. `controls` None: it could not be described, so nobody knows them.

    `status`: ACTIVE, PARTIALLY_ACTIVE, INACTIVE, UNAVAILABLE; None: not told.
    """

    arn: str
    name: str
    account: str
    region: str
    status: str | None
    deployment_status: str | None
    controls: tuple[ControlBeside, ...] | None
