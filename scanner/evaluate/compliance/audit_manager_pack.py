"""A framework of AWS Backup Audit Manager as a pack of our controls, and as overrides of audit.yaml.

A pack asks its controls of everything in the scan. A framework asks only in its own account and Region, and
of what its scope names: that is what the overrides say, as far as overrides can. What neither can say
is in the pack as a comment, and in `notes`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

import orjson

from scanner.evaluate.compliance.audit_manager import (
    Translation,
    compare,
    printable,
    scope_of,
    scope_words,
    shown,
    translate,
)
from scanner.model.assurance import Framework, FrameworkControl, FrameworkDetails
from scanner.model.compliance import Comparison, Value
from scanner.model.known import Known

_LETTERS: Final = re.compile(r"[^a-z0-9]+")
_SLUG: Final = 30

_STRUCTURES: Final = frozenset(("vault-locked",))
"""Our controls of vaults whose counterparts in Audit Manager are controls of resources."""


@dataclass(frozen=True, slots=True)
class ImportedPack:
    """The text of `ID.yaml` and of the overrides (empty: none are needed), and what neither says."""

    id: str
    text: str
    overrides: str
    notes: tuple[str, ...]


def import_frameworks(frameworks: Iterable[Framework]) -> tuple[ImportedPack, ...]:
    """Make packs of frameworks with one name: one where all ask the same, else one for each that differs.

    Frameworks that could not be described, or have no control that is known here, give none.
    """
    alike: dict[tuple[FrameworkControl, ...], list[Framework]] = {}
    for framework in sorted(frameworks, key=attrgetter("account", "region", "arn")):
        if isinstance(framework.details, Known):
            alike.setdefault(framework.details.value.controls, []).append(framework)
    single = len(alike) == 1
    packs: dict[str, ImportedPack] = {}
    for controls, members in alike.items():
        imported = _Import(controls, members)
        if imported.merged:
            name = _free(_id(members[0], is_single=single), packs)
            packs[name] = ImportedPack(name, imported.pack(name), imported.overrides(), imported.notes())
    return tuple(packs.values())


def _id(framework: Framework, *, is_single: bool) -> str:
    """Name a pack after a framework; none that is shipped begins so."""
    place = () if is_single else (framework.account, framework.region)
    return "-".join(("audit-manager", _slug(framework.name), *map(_slug, place)))


def _slug(text: str) -> str:
    return _LETTERS.sub("-", text.lower())[:_SLUG].strip("-") or "x"


def _free(name: str, taken: Mapping[str, object]) -> str:
    names = (name if number == 1 else f"{name}-{number}" for number in range(1, len(taken) + 2))
    return next(character for character in names if character not in taken)


class _Import:
    """Frameworks that ask the same, and what becomes of their controls."""

    def __init__(self, controls: tuple[FrameworkControl, ...], frameworks: list[Framework]) -> None:
        self._frameworks = frameworks
        self._controls = controls
        self._notes: dict[str, None] = {}
        self.merged: dict[str, Translation] = {}
        for control in controls:
            self._add(control, translate(control))

    def _add(self, control: FrameworkControl, translation: Translation) -> None:
        self._note(control, translation.notes)
        if not translation.control:
            return
        before = self.merged.get(translation.control)
        if before is None:
            self.merged[translation.control] = translation
        elif before.parameters != translation.parameters:
            is_stricter = compare(before, translation.parameters) is Comparison.STRICTER
            if is_stricter:
                self.merged[translation.control] = translation
            taken = "the stricter of both is taken" if is_stricter else "the first is taken"
            self._note(control, (f"the framework has it more than once: {taken}",))

    def _note(self, control: FrameworkControl, texts: Iterable[str]) -> None:
        for text in texts:
            self._notes[f"{shown(control.name)}: {text}"] = None

    def notes(self) -> tuple[str, ...]:
        """Return notes about everything that the pack does not express."""
        scopes = {
            f"{shown(control.name)}: {text}": None for control in self._controls for text in _left(control)
        }
        return tuple({**self._notes, **scopes})

    def pack(self, name: str) -> str:
        """Write the pack."""
        return "\n".join((*self._head(name), *self._body(), ""))

    def _head(self, name: str) -> Iterator[str]:
        title = f"Audit Manager's framework {shown(self._frameworks[0].name)}"
        places = printable("; ".join(map(_place, self._frameworks)))
        yield f"id: {name}"
        yield f"title: {_quoted(title)}"
        yield f"description: {_quoted(f'What these frameworks of AWS Backup Audit Manager ask: {places}.')}"
        notes = self.notes()
        if notes:
            what = "one thing was" if len(notes) == 1 else f"{len(notes)} things were"
            caveat = (
                f"The framework says more: {what} not imported. The comments in the pack's file name all."
            )
            yield f"caveat: {_quoted(caveat)}"
        yield from (f"# not imported: {note}" for note in notes)

    def _body(self) -> Iterator[str]:
        ids = sorted(self.merged)
        yield "controls:"
        yield from (f"  - {control}" for control in ids)
        parameters = {control: self.merged[control].parameters for control in ids}
        if any(parameters.values()):
            yield "parameters:"
            yield from _settings(parameters, "  ")

    def overrides(self) -> str:
        """Write the same parameters as overrides, for what the frameworks see alone."""
        blocks = [block for framework in self._frameworks for block in _blocks(framework, self._controls)]
        if not blocks:
            return ""
        return "\n".join((*_PREAMBLE, "overrides:", *(line for block in blocks for line in block), ""))


_PREAMBLE: Final = (
    "# For audit.yaml: what the framework asks, of what it sees alone. Everything else is judged as before.",
)


def _place(framework: Framework) -> str:
    details = framework.details.value if isinstance(framework.details, Known) else FrameworkDetails(None, ())
    states = (framework.deployment_status or "not known", details.status or "not known")
    return "{}/{} (deployment {}, status {})".format(framework.account, framework.region, *map(shown, states))


def _left(control: FrameworkControl) -> Iterator[str]:
    """Return notes about the parts of a control's scope that overrides cannot express."""
    words = scope_words(control)
    if not words:
        return
    translation = translate(control)
    scope = "; ".join(words)
    if not translation.control:
        yield f"its scope ({scope})"
    elif not translation.parameters:
        yield f"its scope ({scope}): {translation.control} applies to everything"
    elif (match := _match(control)) is None:
        yield f"its scope ({scope}): {translation.control} applies to everything, and no override says this"
    else:
        yield f"its scope ({scope}): the pack has no scope; the overrides next to it are for {_text(match)}"


def _match(control: FrameworkControl) -> Mapping[str, object] | None:
    """Return the scope of a control as an override's `match`; None: it cannot be expressed."""
    translation = translate(control)
    scope = scope_of(control)
    sayable = all(value and (key + value).isprintable() for key, value in control.tags)
    if control.resource_ids or scope.unknown or not sayable:
        return None
    if (control.resource_types or control.tags) and (
        scope.types is None or translation.control in _STRUCTURES
    ):
        return None
    match: dict[str, object] = {}
    if control.resource_types:
        match["types"] = list(scope.types or ())
    if control.tags:
        match["tags"] = dict(control.tags)
    return match


def _blocks(framework: Framework, controls: Iterable[FrameworkControl]) -> Iterator[tuple[str, ...]]:
    """Yield the overrides of a framework, one for each control that has parameters."""
    for control in controls:
        translation = translate(control)
        match = _match(control) if translation.control and translation.parameters else None
        if match is not None:
            where = {"accounts": [framework.account], "regions": [framework.region], **match}
            yield (
                f"  - match: {_text(where)}",
                "    parameters:",
                *_settings({translation.control: translation.parameters}, "      "),
            )


def _settings(parameters: Mapping[str, Mapping[str, Value]], indent: str) -> Iterator[str]:
    for control, values in parameters.items():
        if values:
            yield f"{indent}{control}:"
            yield from (f"{indent}  {name}: {_quoted(value)}" for name, value in values.items())


def _text(match: Mapping[str, object]) -> str:
    return _quoted(match) if match else "all of its account and Region"


def _quoted(value: object) -> str:
    """Write plain data as YAML: JSON is."""
    return orjson.dumps(value).decode()
