"""A pack of controls: a selection with a name, and the parameters that go with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """A pack, its controls known by their ids.

    `parameters` by control id are set where audit.yaml sets nothing else; `differences` by control id
    says where a verdict differs on purpose from that of what the pack imitates.
    """

    id: str
    title: str
    description: str
    caveat: str = ""
    controls: tuple[str, ...]  # sorted
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    differences: Mapping[str, str] = field(default_factory=dict)
    framework: str = ""  # it has every control that serves this framework
    file: str = ""
    line: int = 0
