"""A pack of controls: a named selection, with parameters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """A pack of controls, which it names by id.

    `parameters`, by control id, apply unless audit.yaml sets others. `differences`, by control id: where a
    verdict differs on purpose from that of the original that the pack reproduces.
    """

    id: str
    title: str
    description: str
    caveat: str = ""
    controls: tuple[str, ...]  # sorted
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    differences: Mapping[str, str] = field(default_factory=dict)
    framework: str = ""  # the pack has every control that serves this framework
    file: str = ""
    line: int = 0
