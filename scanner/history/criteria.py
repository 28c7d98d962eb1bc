"""What findings were judged by: the expression of the control and the effective parameters of the subject.

Two findings are only comparable when both scans recorded the same criteria. A scan of another program, or of
a version that did not record parameters, has none: its findings are compared as if nothing had changed.
`notes_of` describes what else differs between two scans, which alone may change findings.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from scanner.evidence.manifest import rfc3339
from scanner.model.control import Control
from scanner.model.finding import Finding
from scanner.model.scan import Scan

_MOST: Final = 3
"""The most parameters that a sentence names."""

_WAIVER: Final = "waiver"
_COVERAGE: Final = frozenset({"resource", "rule", "copy_action"})
"""Fact tables that say what a rule covers, and so depend on count_inherited_backup."""

ARGUMENTS: Final = ("OLD", "NEW")
"""The names of the scans on the command line."""

IN_REPORT: Final = ("the earlier scan", "this scan")
"""The names of the scans in a report."""


@dataclass(frozen=True, slots=True)
class RuleChange:
    """How a control differs between two scans. False in a condition: it does not, or it is not known whether.

    `what`: `control` (OLD did not run it), `expression`, `parameters`; `why`: the same in a sentence.
    """

    what: tuple[str, ...] = ()
    why: str = ""

    def __bool__(self) -> bool:
        """Whether a difference is known."""
        return bool(self.what)


SAME: Final = RuleChange()


@dataclass(frozen=True, slots=True)
class Criteria:
    """What one scan was judged by.

    `definitions`: the texts that decide a verdict, by control. `parameters`: those of each control where no
    tier sets others. `inherits`: count_inherited_backup; None: not recorded.
    """

    definitions: Mapping[str, tuple[str, ...]]
    parameters: Mapping[str, Mapping[str, Any]]
    inherits: bool | None

    def change_to(self, newer: "Criteria", was: Finding | None, now: Finding) -> RuleChange:
        """Return how the control of a finding changed from this scan to a newer one.

        `was` None: this scan has no finding of the subject. The rule then counts as changed only if the
        control was not run at all: otherwise the subject is new, and was never judged by another rule.
        """
        control = now.control
        if was is None:
            # A scan of another program has no definitions, so no control counts as added.
            is_added = bool(self.definitions) and control not in self.definitions
            return (
                RuleChange(("control",), "The earlier scan did not run this control.") if is_added else SAME
            )
        old, new = self.definitions.get(control), newer.definitions.get(control)
        if old is None or new is None:
            return SAME
        texts = [] if old == new else ["The expression of the control changed."]
        what = [] if old == new else ["expression"]
        if changed := [*self._changed_parameters(newer, was, now), *self._changed_inheritance(newer, new[0])]:
            what.append("parameters")
            more = f" and {len(changed) - _MOST} more" if len(changed) > _MOST else ""
            texts.append(f"The parameters changed: {', '.join(changed[:_MOST])}{more}.")
        return RuleChange(tuple(what), " ".join(texts))

    def _changed_parameters(self, newer: "Criteria", was: Finding, now: Finding) -> list[str]:
        """Return the parameters that both scans have with different values, each as a phrase."""
        old, new = self.effective_parameters(was), newer.effective_parameters(now)
        if old is None or new is None:
            return []
        # A parameter that one version lacks is a change of the program, not of the settings.
        return [
            f"{name} was {shown(old[name])} and is {shown(new[name])}"
            for name in sorted(old.keys() & new.keys())
            if old[name] != new[name]
        ]

    def effective_parameters(self, finding: Finding) -> Mapping[str, Any] | None:
        """Return the parameters of one finding: its details have those that tiers set. None: not known."""
        if "parameters" not in finding.details:
            return self.parameters.get(finding.control)
        own = plain(finding.details["parameters"])
        # NULL in the details: it was unknown which parameters applied.
        return own if isinstance(own, Mapping) else None

    def _changed_inheritance(self, newer: "Criteria", subject: str) -> list[str]:
        old, new = self.inherits, newer.inherits
        # Only for tables that depend on coverage; for others the switch changes nothing.
        if subject not in _COVERAGE or old is None or new is None or old == new:
            return []
        return [f"count_inherited_backup was {shown(old)} and is {shown(new)}"]


def criteria_of(scan: Scan) -> Criteria:
    """Return the criteria that a scan recorded."""
    return Criteria(
        definitions={control.id: _definition(control) for control in scan.controls if control.require},
        parameters={name: plain(values) for name, values in scan.parameters.items()},
        inherits=scan.count_inherited_backup,
    )


def plain(content: Any) -> Any:  # noqa: ANN401 -- whatever JSON holds
    """Turn every sequence into a list: JSON that was read back has lists where memory has tuples."""
    if isinstance(content, Mapping):
        return {key: plain(value) for key, value in content.items()}
    return [plain(member) for member in content] if isinstance(content, list | tuple) else content


def shown(value: object) -> str:
    """Return the value of a parameter as audit.yaml writes it."""
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _definition(control: Control) -> tuple[str, ...]:
    """Return the texts that decide a verdict, without their line breaks."""
    return tuple(" ".join(text.split()) for text in (control.subject, control.population, control.require))


def notes_of(old: Scan, new: Scan, called: tuple[str, str] = ARGUMENTS) -> tuple[str, ...]:
    """Return sentences on what differs between two scans, other than findings. `called`: OLD, then NEW."""
    return (
        *_tool_and_scope(old, new, called),
        *_scopes(old, new, called),
        *_reads(old, new, called),
        *control_differences(old, new, called),
    )


def _tool_and_scope(old: Scan, new: Scan, called: tuple[str, str]) -> Iterator[str]:
    was, now = old.manifest, new.manifest
    # Swapped arguments are the usual cause; fixed and new would be exchanged.
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
        # Two scans that left out the same operations are comparable.
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


def control_differences(old: Scan, new: Scan, called: tuple[str, str] = ARGUMENTS) -> Iterator[str]:
    """Yield sentences on the controls, parameters and tiers that differ between two scans."""
    was, now = ({control.id: control for control in scan.controls} for scan in (old, new))
    yield from _set_differences("Controls", was, now, called)
    if scored_controls(old) != scored_controls(new):
        yield "The scans evaluated different controls, so their totals and scores cannot be compared."
    both = was.keys() & now.keys()
    defined = {name for name in both if _control_definition(was[name]) != _control_definition(now[name])}
    if defined:
        yield f"Controls whose definition changed: {_listed(defined)}."
    judged = {name for name in both if plain(old.parameters.get(name)) != plain(new.parameters.get(name))}
    if judged:
        yield f"Controls whose parameters changed: {_listed(judged)}."
    if _tiers(old) != _tiers(new):
        yield "Tiers or overrides changed."
    inherits = (old.count_inherited_backup, new.count_inherited_backup)
    # None: the scan did not record it.
    if None not in inherits and inherits[0] != inherits[1]:
        yield f"count_inherited_backup was {shown(inherits[0])}, and is now {shown(inherits[1])}."


def scored_controls(scan: Scan) -> frozenset[str]:
    """Return the controls that the score of a scan counts, or could count."""
    # Whether there are waivers, which expired, says nothing about the resources.
    return frozenset(control.id for control in scan.controls if control.subject != _WAIVER)


def _tiers(scan: Scan) -> list[object]:
    tiers = (*scan.tiers.tiers, *scan.tiers.overrides)
    return [[tier.name, tier.match.document(), plain(tier.parameters)] for tier in tiers]


def _control_definition(control: Control) -> tuple[str, ...]:
    """Return what decides a verdict and its severity."""
    return (control.severity.value, control.subject, control.population, control.require)
