"""A cache for what a format writes equally for all findings of a control."""

from collections.abc import Callable, Mapping
from typing import Final, Generic, TypeVar

from scanner.model.finding import Finding

T = TypeVar("T")


class ByControl(Generic[T]):
    """Caches what `make` returns for a control. It may depend only on the control and its frameworks."""

    def __init__(self, make: Callable[[Finding], T]) -> None:
        self._make: Final = make
        self._made: dict[str, tuple[Mapping[str, tuple[str, ...]], T]] = {}

    def of(self, finding: Finding) -> T:
        """Return the value for the control of a finding.

        In findings of another program the frameworks may differ from finding to finding; then it is built
        again.
        """
        frameworks = finding.frameworks
        cached = self._made.get(finding.control)
        # Identity first: comparing the mappings of each of a million findings is slow.
        if cached is None or (cached[0] is not frameworks and cached[0] != frameworks):
            cached = self._made[finding.control] = (frameworks, self._make(finding))
        return cached[1]
