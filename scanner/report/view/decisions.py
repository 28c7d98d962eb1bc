"""Tiers, overrides, waivers and owners of audit.yaml, and what they apply to: for pages and summaries."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from scanner.model.decisions import Match, Tier, Tiers, Waiver, WaiverState, WaiverUse
from scanner.model.finding import Finding, Status
from scanner.model.scan import Scan
from scanner.report.view.counts import Counts, Tally
from scanner.report.wording import value

Document = dict[str, Any]

MOST: Final = 5_000
"""Maximum number of owners counted one by one; a tag may have a different value for each resource."""
_OTHERS: Final = "others"
_Key = tuple[str, str]
_KINDS: Final = {"unknown": "Unknown", "nobody": "No owner", _OTHERS: "All others"}


@dataclass(frozen=True, slots=True)
class ParameterSet:
    """The parameters of one control that a tier or override sets. `name`: `tier critical`, or `override 2`.

    `concerns`: the conditions in words; it applies to subjects that meet all of them.
    """

    name: str
    concerns: tuple[str, ...]
    parameters: tuple[tuple[str, str], ...]


def parameter_sets(tiers: Tiers, control: str) -> tuple[ParameterSet, ...]:
    """Return what tiers and overrides set for a control, in order of precedence."""
    return tuple(
        ParameterSet(
            name,
            words(tier.match),
            tuple((key, value(setting)) for key, setting in tier.parameters[control].items()),
        )
        for name, tier in _named(tiers)
        # Most tiers set parameters of a few controls only.
        if tier.parameters.get(control)
    )


def _named(tiers: Tiers) -> Iterator[tuple[str, Tier]]:
    yield from ((f"tier {tier.name}", tier) for tier in tiers.tiers)
    # Overrides have no name: the position in audit.yaml identifies them.
    yield from ((f"override {number}", tier) for number, tier in enumerate(tiers.overrides, start=1))


def words(match: Match) -> tuple[str, ...]:
    """Return which subjects a tier or override applies to, one text per condition."""
    texts = (
        ("type", match.types),
        ("account", match.accounts),
        ("organizational unit", match.organizational_units),
        ("Region", match.regions),
        ("subject", match.subjects),
    )
    tags = (f"tag {key} = {' or '.join(values)}" for key, values in match.tags)
    return (*tags, *(f"{name} {' or '.join(members)}" for name, members in texts if members))


def sets_document(tiers: Tiers, control: str) -> Document:
    """Return the key `parameter_sets` of a control; empty if no tier or override sets its parameters."""
    sets = [
        {"name": name, "match": tier.match.document(), "parameters": dict(tier.parameters[control])}
        for name, tier in _named(tiers)
        if tier.parameters.get(control)
    ]
    return {"parameter_sets": sets} if sets else {}


def settled_document(scan: Scan) -> Document:
    """Return the keys of a summary about tiers, overrides, waivers and units, without empty ones."""
    document: Document = {
        "tiers": [{"name": tier.name, **_tier(tier)} for tier in scan.tiers.tiers],
        "overrides": [_tier(override) for override in scan.tiers.overrides],
        "waivers": [_waiver(use) for use in scan.waivers],
        "unit_names": dict(sorted(scan.unit_names.items())),
    }
    # None: the scan was written before the setting existed, and its value is not known.
    inherits = scan.count_inherited_backup
    recorded = {} if inherits is None else {"count_inherited_backup": inherits}
    return {**recorded, **{key: value for key, value in document.items() if value}}


def _tier(tier: Tier) -> Document:
    return {
        "match": tier.match.document(),
        "parameters": {control: dict(values) for control, values in tier.parameters.items()},
    }


def _waiver(use: WaiverUse) -> Document:
    waiver = use.waiver
    return {
        "id": waiver.id,
        "control": use.control,
        "subject": use.subject,
        "owner": waiver.owner,
        "approver": waiver.approver,
        "reason": waiver.reason,
        "expires": waiver.expires,
        "state": use.state.value,
        "covers": use.covers,
        "open": use.open,
    }


def tiers_of(summary: Mapping[str, Any]) -> Tiers:
    """Parse tiers and overrides. KeyError, TypeError, ValueError or AttributeError: another shape."""
    return Tiers(
        tuple(_read_tier(tier) for tier in summary.get("tiers", ())),
        tuple(_read_tier(override) for override in summary.get("overrides", ())),
    )


def _read_tier(document: Mapping[str, Any]) -> Tier:
    conditions = document["match"]
    lists = ("types", "accounts", "organizational_units", "regions", "subjects")
    match = Match(
        tags=tuple((key, tuple(values)) for key, values in conditions.get("tags", {}).items()),
        **{name: tuple(conditions.get(name, ())) for name in lists},
    )
    return Tier(document.get("name", ""), match, document["parameters"])


def waivers_of(summary: Mapping[str, Any]) -> tuple[WaiverUse, ...]:
    """Parse how waivers were used. KeyError, TypeError or ValueError: another shape."""
    return tuple(
        WaiverUse(
            waiver=Waiver(use["id"], use["owner"], use["approver"], use["reason"], use["expires"]),
            control=use["control"],
            subject=use["subject"],
            state=WaiverState(use["state"]),
            covers=use["covers"],
            open=use["open"],
        )
        for use in summary.get("waivers", ())
    )


@dataclass(frozen=True, slots=True)
class OwnerGroup:
    """The counts of one owner's findings.

    `kind`: `named`; `unknown` (the owner is unknown); `nobody` (there is no owner); `others` (all owners
    after the first MOST). `name`: that of a named owner, else empty.
    """

    kind: str
    name: str
    counts: Counts

    @property
    def label(self) -> str:
        """The owner in words."""
        return _KINDS.get(self.kind, self.name)


class ByOwner:
    """Counts findings by owner, if they have one. `first`: owners that are counted in any case."""

    def __init__(self, first: Iterable[str] = ()) -> None:
        self._tally: Tally[_Key] = Tally()
        self._seen: set[_Key] = {("named", name) for name in first}

    def add(self, finding: Finding) -> None:
        """Count one finding."""
        if finding.owner is not None:
            self.count(finding.owner.name, finding.status)

    def count(self, name: str | None, status: Status, number: int = 1) -> None:
        """Count findings of one owner and status. `name` as in `Owner`."""
        self._tally.add(self._key(name), status, number)

    def _key(self, name: str | None) -> _Key:
        if not name:
            # An empty name is known: no rule gives the resource an owner. None is not known.
            return ("nobody" if name == "" else "unknown", "")
        key = ("named", name)
        if key not in self._seen:
            # A tag with a value of its own for each resource would make a group for each.
            if len(self._seen) >= MOST:
                return (_OTHERS, "")
            self._seen.add(key)
        return key

    def groups(self) -> tuple[OwnerGroup, ...]:
        """Return the groups, those with most failures first."""
        unsorted = [OwnerGroup(*key, counts) for key, counts in self._tally.counts().items()]
        return tuple(
            sorted(
                unsorted, key=lambda group: (-group.counts.failed, -group.counts.open, group.kind, group.name)
            )
        )


def owners_document(groups: tuple[OwnerGroup, ...]) -> Mapping[str, Any]:
    """Return the keys of a summary about owners; empty if findings have no owners."""
    if not groups:
        return {}
    others = [_statuses(group.counts) for group in groups if group.kind == _OTHERS]
    # Kept apart: a program that sums the owners must not take "others" for one of them.
    document = {"owners": [_document(group) for group in groups if group.kind != _OTHERS]}
    return {**document, "other_owners": others[0]} if others else document


def _document(group: OwnerGroup) -> dict[str, Any]:
    return {"owner": None if group.kind == "unknown" else group.name, **_statuses(group.counts)}


def _statuses(counts: Counts) -> dict[str, int]:
    return {status.value: counts.of(status) for status in Status}
