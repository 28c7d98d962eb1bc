"""Ids of former times in audit.yaml: they mean the control that is called otherwise now."""

from collections.abc import Iterator, Mapping
from typing import Any

from scanner.errors import Mistake
from scanner.evaluate.controls.selection import renamed
from scanner.model.control import Control
from scanner.settings import Settings


class Named:
    """The settings with every control called as it is now; `known` gives controls by id and alias."""

    def __init__(self, settings: Settings, known: Mapping[str, Control]) -> None:
        self._settings = settings
        self._known = known
        self._written: dict[str, str] = {}
        self.parameters: dict[str, dict[str, Any]] = {}
        for name, values in settings.parameters.controls.items():
            self._written.setdefault(self.current(name), name)
            self.parameters.setdefault(self.current(name), {}).update(values)

    def current(self, name: str) -> str:
        """Give the id that a name stands for; what is not known stays."""
        return self._known[name].id if name in self._known else name

    def path(self, path: tuple[str | int, ...]) -> tuple[str | int, ...]:
        """Give the place in the file of something about a control's parameters."""
        return (self._written.get(str(path[0]), path[0]), *path[1:])

    def mistakes(self) -> Iterator[Mistake]:
        """Tell controls whose parameters are set under two names: which counts would be a guess."""
        for name in self._settings.parameters.controls:
            first = self._written[self.current(name)]
            if first != name:
                message = f"{name} and {first} are the same control"
                path = ("parameters", "controls", name)
                yield self._settings.mistake(path, message, f"keep {self.current(name)}")

    def notices(self) -> Iterator[str]:
        """Say which ids are of former times."""
        told = self._settings
        entries = (each.parameters for section in (told.tiers, told.overrides) for each in section)
        tiers = (name for parameters in entries for name in parameters)
        used = (*told.parameters.controls, *tiers, *(waiver.control for waiver in told.waivers))
        return (renamed(name, self.current(name)) for name in used if self.current(name) != name)
