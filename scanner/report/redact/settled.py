"""What audit.yaml settles: tiers, overrides and waivers, and the names of organizational units."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from scanner.model.finding import Waiver
from scanner.model.tier import Match, Tier, Tiers
from scanner.model.waivers import WaiverUse
from scanner.report.redact.pseudonyms import Pseudonyms

Parameters = Callable[[Mapping[str, Any]], dict[str, Any]]


def redacted_tiers(tiers: Tiers, names: Pseudonyms, parameters: Parameters) -> Tiers:
    """Redact tiers and overrides. `parameters` redacts what they set."""

    def redacted(each: Tier) -> Tier:
        told = {control: parameters(values) for control, values in each.parameters.items()}
        return Tier(names.name(each.name), _match(each.match, names), told)

    return Tiers(tuple(map(redacted, tiers.tiers)), tuple(map(redacted, tiers.overrides)))


def _match(match: Match, names: Pseudonyms) -> Match:
    return Match(
        tags=tuple((names.name(key), tuple(map(names.name, values))) for key, values in match.tags),
        types=tuple(map(names.words, match.types)),
        accounts=tuple(map(names.name, match.accounts)),
        organizational_units=tuple(map(names.name, match.organizational_units)),
        regions=tuple(map(names.words, match.regions)),
        subjects=tuple(map(names.name, match.subjects)),
    )


def redacted_use(use: WaiverUse, names: Pseudonyms, waiver: Callable[[Waiver], Waiver]) -> WaiverUse:
    """Redact what became of a waiver. `waiver` redacts the waiver itself."""
    return replace(use, waiver=waiver(use.waiver), subject=names.name(use.subject))
