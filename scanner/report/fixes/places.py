"""The account-Regions of changes, in the order in which they are changed, and the names of their files."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from scanner.model.names import AWS_GLOBAL, ORG
from scanner.model.planning.fix import FixChange
from scanner.model.planning.planned_change import ChangeKind
from scanner.report.wording import one_line

_PLANS: Final = frozenset({ChangeKind.PLAN, ChangeKind.SELECTION, ChangeKind.TAGS})

_FILE_NAMES: Final[Mapping[str, str]] = {ORG: "organization", AWS_GLOBAL: "global"}
_TITLES: Final[Mapping[str, str]] = {ORG: "settings of the organisation", AWS_GLOBAL: "IAM"}


@dataclass(frozen=True, slots=True)
class FixPlace:
    """One account-Region, and its changes in their order. `number`: its position."""

    number: int
    account: str
    region: str
    changes: tuple[FixChange, ...]

    @property
    def stem(self) -> str:
        """The name of its files: `02-111122223333-eu-west-1`."""
        region = _FILE_NAMES.get(self.region, self.region)
        return f"{self.number:02}-{self.account}-{region}"

    @property
    def call_region(self) -> str:
        """The Region of its calls."""
        return "us-east-1" if self.region in {ORG, AWS_GLOBAL} else self.region

    @property
    def title(self) -> str:
        """Where it is, in words."""
        where = _TITLES.get(self.region, self.region)
        return f"account {self.account}, {where}"


def places_of(changes: Iterable[FixChange]) -> tuple[FixPlace, ...]:
    """Group changes: the organisation's settings and roles first, account-Regions with plans last."""
    by_place: dict[tuple[str, str], list[FixChange]] = {}
    for change in changes:
        by_place.setdefault((change.account, change.region), []).append(change)
    ranked = sorted(by_place.items(), key=lambda item: (_rank(item[0][1], item[1]), item[0]))
    return tuple(
        FixPlace(number, account, region, tuple(of_place))
        for number, ((account, region), of_place) in enumerate(ranked, start=1)
    )


def _rank(region: str, changes: Iterable[FixChange]) -> int:
    if region in {ORG, AWS_GLOBAL}:
        return 0 if region == ORG else 1
    # Plans copy into vaults of other account-Regions, whose policies must admit them first.
    return 3 if any(change.kind in _PLANS for change in changes) else 2


def comment_lines(change: FixChange) -> Iterator[str]:
    """Yield what a change is and mends, and what a reader must know, as lines without a comment sign."""
    yield one_line(change.title)
    for cause in change.causes[:5]:
        yield one_line(f"mends: {cause.kind.value} {cause.subject} {cause.about}".rstrip())
    if len(change.causes) > 5:  # noqa: PLR2004 -- as above
        yield f"mends {len(change.causes) - 5} more root causes"
    for note in change.notes:
        yield one_line(note)
