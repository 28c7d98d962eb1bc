"""Differences between two scans themselves, which alone may change findings."""

from collections.abc import Iterable, Iterator
from typing import Final

from scanner.evidence.manifest import rfc3339
from scanner.history.criteria import plain, shown
from scanner.model.control import Control
from scanner.model.scan import Scan

ARGUMENTS: Final = ("OLD", "NEW")
"""The names of the scans on the command line."""

IN_REPORT: Final = ("the earlier scan", "this scan")
"""The names of the scans in a report."""


def notes_of(old: Scan, new: Scan, called: tuple[str, str] = ARGUMENTS) -> tuple[str, ...]:
    """Return sentences on what differs between two scans, other than findings. `called`: OLD, then NEW."""
    return (
        *_tool_and_scope(old, new, called),
        *_scopes(old, new, called),
        *_reads(old, new, called),
        *_controls(old, new, called),
    )


def _tool_and_scope(old: Scan, new: Scan, called: tuple[str, str]) -> Iterator[str]:
    was, now = old.manifest, new.manifest
    if now.evaluated_as_of < was.evaluated_as_of:
        before, after = called
        yield (
            f"{after[0].upper()}{after[1:]} was judged as of {rfc3339(now.evaluated_as_of)}, before {before} "
            f"({rfc3339(was.evaluated_as_of)}). Check the order of the scans."
        )
    attributes = (
        (
            "The tool",
            f"{was.tool_name} {was.tool_version}".strip(),
            f"{now.tool_name} {now.tool_version}".strip(),
        ),
        ("The date of the capabilities", was.capabilities_as_of, now.capabilities_as_of),
        ("The organisation", was.scope.organization_id or "", now.scope.organization_id or ""),
    )
    for name, before, after in attributes:
        if before != after:
            yield f"{name} was {before or 'not recorded'}, and is now {after or 'not recorded'}."
    if old.redacted != new.redacted:
        yield "One of the scans is a redacted copy: its names are pseudonyms, so no finding matches."


def _scopes(old: Scan, new: Scan, called: tuple[str, str]) -> Iterator[str]:
    was, now = old.manifest.scope, new.manifest.scope
    yield from _set_differences("Accounts", was.accounts, now.accounts, called)
    yield from _set_differences("Regions", was.regions, now.regions, called)


def _reads(old: Scan, new: Scan, called: tuple[str, str]) -> Iterator[str]:
    """Yield a sentence for each scan that left out operations, if the scans did not call the same ones."""
    both = (old.manifest.reads, new.manifest.reads)
    operations = [None if reads is None else frozenset(reads.operations) for reads in both]
    for reads, name in zip(both, called, strict=True):
        if reads is not None and operations[0] != operations[1]:
            yield (
                f"{name[0].upper()}{name[1:]} collected only what its controls need "
                f"({reads.some_controls()}): what it left out is unknown."
            )


def _set_differences(
    name: str, was: Iterable[str], now: Iterable[str], called: tuple[str, str]
) -> Iterator[str]:
    before, after = set(was), set(now)
    if after - before:
        yield f"{name} only in {called[1]}: {_listed(after - before)}."
    if before - after:
        yield f"{name} only in {called[0]}: {_listed(before - after)}."


def _listed(names: set[str], most: int = 10) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(sorted(names)[:most]) + rest


def _controls(old: Scan, new: Scan, called: tuple[str, str]) -> Iterator[str]:
    was, now = ({control.id: control for control in scan.controls} for scan in (old, new))
    yield from _set_differences("Controls", was, now, called)
    both = was.keys() & now.keys()
    defined = {name for name in both if _definition(was[name]) != _definition(now[name])}
    if defined:
        yield f"Controls whose definition changed: {_listed(defined)}."
    judged = {name for name in both if plain(old.parameters.get(name)) != plain(new.parameters.get(name))}
    if judged:
        yield f"Controls whose parameters changed: {_listed(judged)}."
    if _tiers(old) != _tiers(new):
        yield "Tiers or overrides changed."
    inherits = (old.count_inherited_backup, new.count_inherited_backup)
    if None not in inherits and inherits[0] != inherits[1]:
        yield f"count_inherited_backup was {shown(inherits[0])}, and is now {shown(inherits[1])}."


def _tiers(scan: Scan) -> list[object]:
    tiers = (*scan.tiers.tiers, *scan.tiers.overrides)
    return [[tier.name, tier.match.document(), plain(tier.parameters)] for tier in tiers]


def _definition(control: Control) -> tuple[str, ...]:
    """Return what decides a verdict and its severity."""
    return (control.severity.value, control.subject, control.population, control.require)
