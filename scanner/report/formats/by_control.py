"""What the findings of a control have in common, as a format writes it: made once, not for each finding."""

from collections.abc import Callable, Mapping
from typing import Final, Generic, TypeVar

from scanner.model.finding import Finding

T = TypeVar("T")


class ByControl(Generic[T]):
    """Holds what `make` returns for a control's findings. It may depend on control and frameworks alone."""

    def __init__(self, make: Callable[[Finding], T]) -> None:
        self._make: Final = make
        self._made: dict[str, tuple[Mapping[str, tuple[str, ...]], T]] = {}

    def of(self, finding: Finding) -> T:
        """Return what is common to the findings of this finding's control.

        Another program may name other frameworks in each finding: then it is made again.
        """
        frameworks = finding.frameworks
        made = self._made.get(finding.control)
        if made is None or (made[0] is not frameworks and made[0] != frameworks):
            made = self._made[finding.control] = (frameworks, self._make(finding))
        return made[1]
