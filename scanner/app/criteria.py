"""What a bundle is judged against: the selected controls and the settings of audit.yaml.

Options of the command line take precedence over audit.yaml.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

from scanner.app.inputs import InputFiles, input_files
from scanner.errors import ConfigurationError, Mistake
from scanner.evaluate.controls.packs import names_of
from scanner.evaluate.controls.requirements import Standards, load_frameworks, load_standards
from scanner.evaluate.controls.selection import Selection, renamed, select
from scanner.evaluate.controls.spec import check_parameters
from scanner.evaluate.controls.tier_checks import check_tier, unknown_types
from scanner.evaluate.decisions.waivers import CONTROL as WAIVER_CONTROL
from scanner.evaluate.decisions.waivers import EXPIRED, WaiverRule
from scanner.evaluate.engine import Parameters
from scanner.evaluate.problem import suggestion
from scanner.model.compliance import TagScope
from scanner.model.control import ALL, Control, ControlSelection, LeftOutControl
from scanner.model.decisions import Tier, Tiers, Way
from scanner.model.manifest import Manifest
from scanner.model.report_details import ReportDetails
from scanner.settings.settings import Settings
from scanner.settings.tiers import OverrideSettings, TierSettings

_Section: TypeAlias = TierSettings | OverrideSettings
"""What audit.yaml has for a tier or an override."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a bundle is judged against. `as_of` None: the clock of the manifest.

    `fail_on_unknown`: unknown checks are to fail a build, so JUnit reports them as errors.
    `inputs`: the files that the scan stores, so that the judgement can be repeated. `left_out`: the packaged
    controls that are not selected; None: not known. `scopes`: those that are declared for frameworks.
    """

    controls: tuple[Control, ...]
    parameters: Parameters = field(default_factory=dict)
    tiers: Tiers = field(default_factory=Tiers)
    waivers: tuple[WaiverRule, ...] = ()
    owners: tuple[Way, ...] = ()
    count_inherited_backup: bool = True
    standards: Standards = field(default_factory=Standards)
    as_of: datetime | None = None
    fail_on_unknown: bool = False
    inputs: InputFiles = field(default_factory=InputFiles)
    report: ReportDetails = field(default_factory=ReportDetails)
    left_out: tuple[LeftOutControl, ...] | None = None
    scopes: Mapping[str, TagScope] = field(default_factory=dict)

    @property
    def evaluated_controls(self) -> tuple[Control, ...]:
        """The selected controls and, when audit.yaml has waivers, the control of expired waivers."""
        if not self.waivers:
            return self.controls
        return tuple(sorted((*self.controls, WAIVER_CONTROL), key=lambda control: control.id))

    @property
    def selection(self) -> ControlSelection | None:
        """Which controls are evaluated, for reports; None: not known."""
        if self.left_out is None:
            return None
        return ControlSelection(self.inputs.words, len(self.controls), self.left_out)

    @property
    def effective_parameters(self) -> dict[str, dict[str, Any]]:
        """The parameters of each selected control: its defaults, overridden by packs and audit.yaml."""
        return {
            control.id: {**control.parameters, **self.parameters.get(control.id, {})}
            for control in self.controls
        }

    def clock(self, manifest: Manifest) -> datetime:
        """Return the time that a bundle is judged as of."""
        return self.as_of or manifest.evaluated_as_of


def load_judgement(
    settings: Settings, controls: Sequence[str] | None, as_of: datetime | None, *, default: str = ALL
) -> tuple[Judgement, tuple[str, ...]]:
    """Load the controls and check the settings against them. Return the judgement, and notices for the user.

    `default`: what is selected if neither `controls` nor audit.yaml names any: all for a bundle, whose author
    may rely on that, and the baseline for a scan.

    Raises:
        ConfigurationError: a control, a pack or audit.yaml is wrong; it lists every mistake.
    """
    # The command line before audit.yaml, audit.yaml before everything that is packaged.
    words = tuple(controls or settings.controls or (default,))
    selection = select(words)
    renames = _Renames(settings, names_of(selection.all_controls))
    by_id = {control.id: control for control in selection.all_controls}
    tiers = _Tiers(settings, renames)
    # Collected before the first error is raised: a user should see every mistake at once.
    mistakes = (
        *renames.mistakes(),
        *_mistakes(settings, renames, by_id),
        *tiers.mistakes(by_id),
        *_unknown_frameworks(settings, words),
    )
    if mistakes:
        raise ConfigurationError(tuple(sorted(mistakes, key=lambda mistake: (mistake.file, mistake.line))))
    judgement = Judgement(
        controls=selection.controls,
        parameters=_parameters(renames, selection),
        tiers=tiers.tiers(),
        waivers=tuple(
            WaiverRule(renames.current_id(waiver.control), waiver.subject, waiver.waiver())
            for waiver in settings.waivers
        ),
        owners=settings.owner_ways(),
        count_inherited_backup=settings.parameters.count_inherited_backup,
        as_of=as_of,
        inputs=input_files(settings, words, selection),
        report=settings.report.details(),
        standards=load_standards(selection.all_controls, _weights(settings), map(Path, words)),
        left_out=selection.left_out,
        scopes=settings.framework_scopes(),
    )
    return judgement, tuple(dict.fromkeys((*selection.notices, *renames.notices())))


def _mistakes(settings: Settings, renames: "_Renames", controls: Mapping[str, Control]) -> Iterator[Mistake]:
    """Check parameters and waivers against all controls, selected in this run or not."""
    # The program's own control, which no file declares: a second one would share its findings.
    if settings.waivers and (control := controls.get(EXPIRED)):
        message = f"the id {EXPIRED} is reserved for the control of expired waivers"
        yield Mistake(control.file, control.line, message, "choose another id")
    for problem in check_parameters(controls.values(), renames.parameters):
        path = ("parameters", "controls", *renames.written_path(problem.path))
        yield settings.mistake(path, problem.message, problem.hint)
    for number, owner in enumerate(settings.owners):
        # A pattern that matches no type would silently give its owner nothing.
        for place, problem in unknown_types(owner.match.types if owner.match else ()):
            yield settings.mistake(("owners", number, "match", "types", place), problem.message, problem.hint)
    for position, waiver in enumerate(settings.waivers):
        path = ("waivers", position, "control")
        # Waiving the expiry of a waiver would make waivers last for ever.
        if waiver.control == EXPIRED:
            hint = "give the expired waiver a later date, or remove it"
            yield settings.mistake(path, f"{EXPIRED} cannot be waived", hint)
        elif renames.current_id(waiver.control) not in controls:
            hint = suggestion(waiver.control, controls)
            yield settings.mistake(path, f"there is no control {waiver.control!r}", hint)


def _unknown_frameworks(settings: Settings, words: Sequence[str]) -> Iterator[Mistake]:
    """Check that audit.yaml declares scopes of frameworks that there are."""
    if not settings.frameworks:
        return
    frameworks = {framework.id for framework in load_frameworks(map(Path, words))}
    for name in settings.frameworks:
        # The scope of a misspelled framework would never apply, and nobody would see it.
        if name not in frameworks:
            message = f"there is no framework {name!r}"
            yield settings.mistake(("frameworks", name), message, suggestion(name, frameworks))


def _parameters(renames: "_Renames", selection: Selection) -> dict[str, dict[str, object]]:
    """Return the parameters of packs, overridden by those of audit.yaml, by control id."""
    merged = {
        control.id: {**selection.parameters.get(control.id, {}), **renames.parameters.get(control.id, {})}
        for control in selection.controls
    }
    # Controls without any setting are left out, so the stored inputs name only what was set.
    return {control: values for control, values in merged.items() if values}


def _weights(settings: Settings) -> dict[str, float]:
    return {str(severity): weight for severity, weight in settings.score.weights.items()}


class _Renames:
    """The current ids of controls that audit.yaml may name by an earlier id.

    `controls`: by id and by alias. `parameters`: those of audit.yaml, by current id.
    """

    def __init__(self, settings: Settings, controls: Mapping[str, Control]) -> None:
        self._settings = settings
        self._controls = controls
        self._written: dict[str, str] = {}
        self.parameters: dict[str, dict[str, Any]] = {}
        for name, values in settings.parameters.controls.items():
            # The first name that the file uses for a control, for messages in the words of the file.
            self._written.setdefault(self.current_id(name), name)
            self.parameters.setdefault(self.current_id(name), {}).update(values)

    def current_id(self, name: str) -> str:
        """Return the current id of the control with this id or alias; an unknown name as it is."""
        return self._controls[name].id if name in self._controls else name

    def written_path(self, path: tuple[str | int, ...]) -> tuple[str | int, ...]:
        """Return a path that begins with a current id as the file has it, with the id written there."""
        return (self._written.get(str(path[0]), path[0]), *path[1:])

    def mistakes(self) -> Iterator[Mistake]:
        """Check that no control has parameters under two names: choosing between them would be a guess."""
        return self.repeated(("parameters", "controls"), self._settings.parameters.controls)

    def repeated(self, path: tuple[str | int, ...], names: Iterable[str]) -> Iterator[Mistake]:
        """Check that no two of the names below a path mean the same control."""
        seen: dict[str, str] = {}
        for name in names:
            first = seen.setdefault(self.current_id(name), name)
            if first != name:
                message = f"{name} and {first} are the same control"
                yield self._settings.mistake((*path, name), message, f"keep {self.current_id(name)}")

    def notices(self) -> Iterator[str]:
        """Return a notice for each id that is no longer current."""
        settings = self._settings
        sections: tuple[_Section, ...] = (*settings.tiers, *settings.overrides)
        in_tiers = (name for section in sections for name in section.parameters)
        in_waivers = (waiver.control for waiver in settings.waivers)
        names = (*settings.parameters.controls, *in_tiers, *in_waivers)
        # Only names that differ: notices about current ids would be noise.
        return (renamed(name, self.current_id(name)) for name in names if self.current_id(name) != name)


class _Tiers:
    """The tiers and overrides of audit.yaml, with the current ids of controls."""

    def __init__(self, settings: Settings, renames: _Renames) -> None:
        self._settings, self._renames = settings, renames

    def tiers(self) -> Tiers:
        """Return all tiers and overrides."""
        settings = self._settings
        return Tiers(tuple(map(self._tier, settings.tiers)), tuple(map(self._tier, settings.overrides)))

    def _tier(self, section: _Section) -> Tier:
        """Build the tier of a section. Parameters under two ids of a control are merged (and a mistake)."""
        merged: dict[str, dict[str, Any]] = {}
        for name, values in section.parameters.items():
            merged.setdefault(self._renames.current_id(name), {}).update(values)
        return section.tier(merged)

    def mistakes(self, controls: Mapping[str, Control]) -> Iterator[Mistake]:
        """Check the tiers and overrides against all controls."""
        tiers = (("tiers", position, section) for position, section in enumerate(self._settings.tiers))
        overrides = (
            ("overrides", position, section) for position, section in enumerate(self._settings.overrides)
        )
        sections: Iterable[tuple[str, int, _Section]] = (*tiers, *overrides)
        for key, position, section in sections:
            yield from self._renames.repeated((key, position, "parameters"), section.parameters)
            for problem in check_tier(self._tier(section), controls):
                path = (key, position, *self._written_path(section, problem.path))
                yield self._settings.mistake(path, problem.message, problem.hint)

    def _written_path(self, section: _Section, path: tuple[str | int, ...]) -> tuple[str | int, ...]:
        """Return a path within a section as the file has it, with the control's id written there."""
        if path[0] != "parameters":
            return path
        written: dict[str, str] = {}
        for name in section.parameters:
            written.setdefault(self._renames.current_id(name), name)
        return ("parameters", written.get(str(path[1]), path[1]), *path[2:])
