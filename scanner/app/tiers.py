"""Tiers and overrides of audit.yaml with every control called as it is now."""

from collections.abc import Iterator, Mapping
from typing import Any

from scanner.app.naming import Named
from scanner.errors import Mistake
from scanner.evaluate.controls.tier_checks import check_tier
from scanner.model.control import Control
from scanner.model.tier import Tier, Tiers
from scanner.settings import Settings
from scanner.settings_tiers import OverrideSettings, TierSettings

Written = TierSettings | OverrideSettings
Values = Mapping[str, Mapping[str, Any]]


class NamedTiers:
    """The tiers and overrides of the settings, and where they stand in the file."""

    def __init__(self, settings: Settings, named: Named) -> None:
        self._settings, self._named = settings, named

    def tiers(self) -> Tiers:
        """Give them as the model has them."""
        told = self._settings
        return Tiers(tuple(map(self._tier, told.tiers)), tuple(map(self._tier, told.overrides)))

    def _tier(self, each: Written) -> Tier:
        """Parameters that stand under two names of a control are put together; that is a mistake, too."""
        values: dict[str, dict[str, Any]] = {}
        for name, told in each.parameters.items():
            values.setdefault(self._named.current(name), {}).update(told)
        return each.tier(values)

    def mistakes(self, known: Mapping[str, Control]) -> Iterator[Mistake]:
        """Hold them against the controls that there are."""
        for section, position, each in self._entries():
            place = (section, position)
            yield from self._twice(place, each.parameters)
            for problem in check_tier(self._tier(each), known):
                path = (*place, *self._path(each.parameters, problem.path))
                yield self._settings.mistake(path, problem.message, problem.hint)

    def _entries(self) -> Iterator[tuple[str, int, Written]]:
        yield from (("tiers", at, each) for at, each in enumerate(self._settings.tiers))
        yield from (("overrides", at, each) for at, each in enumerate(self._settings.overrides))

    def _twice(self, place: tuple[str, int], parameters: Values) -> Iterator[Mistake]:
        first: dict[str, str] = {}
        for name in parameters:
            current = self._named.current(name)
            other = first.setdefault(current, name)
            if other != name:
                message = f"{name} and {other} are the same control"
                yield self._settings.mistake((*place, "parameters", name), message, f"keep {current}")

    def _path(self, parameters: Values, path: tuple[str | int, ...]) -> tuple[str | int, ...]:
        """Give a path with the name that a control has in the file."""
        if path[0] != "parameters":
            return path
        names: dict[str, str] = {}
        for name in parameters:
            names.setdefault(self._named.current(name), name)
        return ("parameters", names.get(str(path[1]), path[1]), *path[2:])
