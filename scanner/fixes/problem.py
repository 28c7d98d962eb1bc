"""A root cause with the chosen failures that it explains, and what strategies need to mend it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from scanner.fixes.draft import Draft
from scanner.model.root_causes import RootCause

Parameters = Mapping[str, tuple[Any, ...]]
"""Of a parameter (`CONTROL.NAME`), all values in force: that of the control, and those of tiers."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A root cause, and the chosen failures that it explains: control and subject."""

    cause: RootCause
    failures: tuple[tuple[str, str], ...]

    @property
    def controls(self) -> frozenset[str]:
        """The controls that fail for it."""
        return frozenset(control for control, _ in self.failures)

    @property
    def subjects(self) -> tuple[str, ...]:
        """The subjects of the failures, sorted."""
        # Sorted and once each: a subject may fail several controls, and proposals must not vary.
        return tuple(sorted({subject for _, subject in self.failures}))


@dataclass(frozen=True, slots=True)
class Workbench:
    """What strategies read, and the draft that they change.

    `compliance_days`: the grace time of compliance locks; None: governance locks. `avoid`: of a resource
    the ids of plans whose copy actions cannot copy it, and would fail for it.
    """

    draft: Draft
    as_of: datetime
    parameters: Parameters = field(default_factory=dict)
    compliance_days: int | None = None
    avoid: dict[str, set[str]] = field(default_factory=dict)

    def numbers(self, controls: Iterable[str], *names: str) -> list[float]:
        """Return the values of some parameters of some controls."""
        return [
            value
            for control in controls
            for name in names
            # All tiers count: a rule covers resources of several, and has to satisfy the strictest.
            for value in self.parameters.get(f"{control}.{name}", ())
            if isinstance(value, int | float)
        ]

    def texts(self, control: str, name: str) -> list[str]:
        """Return the members of a parameter that is a list of texts, over all tiers, in their order."""
        values = self.parameters.get(f"{control}.{name}", ())
        members = (member for value in values if isinstance(value, list | tuple) for member in value)
        return list(dict.fromkeys(str(member) for member in members))


Strategy: TypeAlias = Callable[[Workbench, Problem], None]
"""Change the draft so that a root cause is mended. NoFixError: no change can be proposed."""
