"""What the console says of the tiers, overrides and waivers of audit.yaml."""

from collections.abc import Iterator

from scanner.evaluate.compliance.assessment import NONE, NOT_KNOWN
from scanner.model.compliance import Figures
from scanner.model.scan import Scan
from scanner.model.waivers import WaiverState, WaiverUse


def tier_lines(scan: Scan) -> Iterator[str]:
    """Say what passes in each tier, and how many overrides there are."""
    groups = scan.assessment.score.groups.get("tier", {}) if scan.assessment else {}
    if scan.tiers.tiers:
        names = (*(tier.name for tier in scan.tiers.tiers), NONE, NOT_KNOWN)
        told = (_tier(name, groups.get(name, Figures())) for name in names)
        yield f"Tiers: {'; '.join(filter(None, told))}."
    if number := len(scan.tiers.overrides):
        yield f"{number} {'override sets' if number == 1 else 'overrides set'} other parameters."


def _tier(name: str, figures: Figures) -> str:
    words = {NONE: "no tier", NOT_KNOWN: "tier unknown"}.get(name, name)
    if not figures.total:
        return f"{words} matches nothing" if name not in (NONE, NOT_KNOWN) else ""
    return f"{words} {figures.passed:,} of {figures.judged:,} pass, {figures.open:,} unknown"


def waiver_lines(scan: Scan) -> Iterator[str]:
    """Say which waivers do not do what they were made for."""
    return (line for each in scan.waivers if (line := _waiver(each)))


def _waiver(use: WaiverUse) -> str:
    name = f"Waiver {use.waiver.id}"
    match use.state:
        case WaiverState.EXPIRED:
            back = f"{use.covers:,} {'failure counts' if use.covers == 1 else 'failures count'} again"
            return f"{name} expired on {use.waiver.expires}: {back}."
        case WaiverState.UNUSED:
            return f"{name} covers no failure."
        case WaiverState.UNDECIDED:
            return f"{name} covers no failure; {use.open:,} of its findings are unknown."
        case _:
            return ""
