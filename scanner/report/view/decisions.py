"""What audit.yaml settles and a report tells: tiers, overrides and waivers, and what became of these."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scanner.model.finding import Waiver
from scanner.model.scan import Scan
from scanner.model.tier import Match, Tier, Tiers
from scanner.model.waivers import WaiverState, WaiverUse
from scanner.report.wording import value

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ParameterSet:
    """What a tier or an override sets of one control. `name` is `tier critical`, or `override 2`.

    `concerns` says in words whom: each of these must hold.
    """

    name: str
    concerns: tuple[str, ...]
    parameters: tuple[tuple[str, str], ...]


def parameter_sets(tiers: Tiers, control: str) -> tuple[ParameterSet, ...]:
    """Give what tiers and overrides set of a control, in the order in which they are asked."""
    return tuple(
        ParameterSet(
            name,
            words(each.match),
            tuple((key, value(told)) for key, told in each.parameters[control].items()),
        )
        for name, each in _named(tiers)
        if each.parameters.get(control)
    )


def _named(tiers: Tiers) -> Iterator[tuple[str, Tier]]:
    yield from ((f"tier {each.name}", each) for each in tiers.tiers)
    yield from ((f"override {number}", each) for number, each in enumerate(tiers.overrides, start=1))


def words(match: Match) -> tuple[str, ...]:
    """Say whom a tier or an override concerns, a text for each thing that must hold."""
    texts = (
        ("type", match.types),
        ("account", match.accounts),
        ("organizational unit", match.organizational_units),
        ("Region", match.regions),
        ("subject", match.subjects),
    )
    tags = (f"tag {key} = {' or '.join(values)}" for key, values in match.tags)
    return (*tags, *(f"{name} {' or '.join(told)}" for name, told in texts if told))


def sets_document(tiers: Tiers, control: str) -> Document:
    """Give the key `parameter_sets` of a control; none where nothing sets anything of it."""
    found = [
        {"name": name, "match": each.match.document(), "parameters": dict(each.parameters[control])}
        for name, each in _named(tiers)
        if each.parameters.get(control)
    ]
    return {"parameter_sets": found} if found else {}


def settled_document(scan: Scan) -> Document:
    """Give the keys of a summary about tiers, overrides, waivers and units: those that there are."""
    told: Document = {
        "tiers": [{"name": each.name, **_tier(each)} for each in scan.tiers.tiers],
        "overrides": [_tier(each) for each in scan.tiers.overrides],
        "waivers": [_waiver(each) for each in scan.waivers],
        "unit_names": dict(sorted(scan.unit_names.items())),
    }
    inherits = scan.count_inherited_backup
    recorded = {} if inherits is None else {"count_inherited_backup": inherits}
    return {**recorded, **{key: value for key, value in told.items() if value}}


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
    """Read tiers and overrides back. KeyError, TypeError, ValueError or AttributeError: another shape."""
    return Tiers(
        tuple(_read_tier(each) for each in summary.get("tiers", ())),
        tuple(_read_tier(each) for each in summary.get("overrides", ())),
    )


def _read_tier(document: Mapping[str, Any]) -> Tier:
    asked = document["match"]
    lists = ("types", "accounts", "organizational_units", "regions", "subjects")
    match = Match(
        tags=tuple((key, tuple(values)) for key, values in asked.get("tags", {}).items()),
        **{name: tuple(asked.get(name, ())) for name in lists},
    )
    return Tier(document.get("name", ""), match, document["parameters"])


def waivers_of(summary: Mapping[str, Any]) -> tuple[WaiverUse, ...]:
    """Read back what became of waivers. KeyError, TypeError or ValueError: it has another shape."""
    return tuple(
        WaiverUse(
            waiver=Waiver(each["id"], each["owner"], each["approver"], each["reason"], each["expires"]),
            control=each["control"],
            subject=each["subject"],
            state=WaiverState(each["state"]),
            covers=each["covers"],
            open=each["open"],
        )
        for each in summary.get("waivers", ())
    )
