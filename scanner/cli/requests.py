"""What a bundle is judged against, and where a scan goes: options count for more than audit.yaml."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from scanner.app import FINDINGS, Judgement
from scanner.cli.destination import Destination, temporary
from scanner.cli.exits import say
from scanner.cli.naming import Named
from scanner.cli.options import Target
from scanner.cli.tiers import NamedTiers
from scanner.collect.journal import read_journal
from scanner.collect.past import Past
from scanner.errors import BundleError, ConfigurationError, Mistake, UsageError
from scanner.evaluate.packs import names_of
from scanner.evaluate.parameters import check_parameters
from scanner.evaluate.problem import suggestion
from scanner.evaluate.selection import Selection, select
from scanner.evaluate.standards import load_standards
from scanner.evaluate.waivers import EXPIRED, WaiverRule
from scanner.model.control import Control
from scanner.settings import Settings, load_settings

_MANIFEST: Final = "manifest.json"


def settings_of(config: Path | None, judged_by: Sequence[str] | None = ()) -> Settings:
    """Load the settings that were named. None are looked for: what a bundle comes to depends on no folder.

    `judged_by`: what --controls says. When the settings are wrong, the controls' mistakes are told as well.
    """
    try:
        return Settings() if config is None else load_settings(config)
    except ConfigurationError as problem:
        raise ConfigurationError((*problem.mistakes, *_mistakes_of(judged_by or ()))) from problem


def _mistakes_of(words: Sequence[str]) -> tuple[Mistake, ...]:
    try:
        select(tuple(words))
    except ConfigurationError as problem:
        return problem.mistakes
    return ()


def judgement_of(settings: Settings, controls: list[str] | None, as_of: datetime | None) -> Judgement:
    """Load the controls and hold the settings against them. ConfigurationError carries every mistake."""
    words = tuple(controls or settings.controls or ("all",))
    selection = select(words)
    named = Named(settings, names_of(selection.known))
    known = {control.id: control for control in selection.known}
    tiers = NamedTiers(settings, named)
    if mistakes := (*named.mistakes(), *_mistakes(settings, named, known), *tiers.mistakes(known)):
        raise ConfigurationError(tuple(sorted(mistakes, key=lambda one: (one.file, one.line))))
    for notice in dict.fromkeys((*selection.notices, *named.notices())):
        say(f"note: {notice}")
    return Judgement(
        controls=selection.controls,
        parameters=_parameters(named, selection),
        tiers=tiers.tiers(),
        waivers=tuple(
            WaiverRule(named.current(waiver.control), waiver.subject, waiver.waiver())
            for waiver in settings.waivers
        ),
        owners=settings.owner_ways(),
        count_inherited_backup=settings.parameters.count_inherited_backup,
        as_of=as_of,
        standards=load_standards(selection.known, _weights(settings), map(Path, words)),
    )


def _mistakes(settings: Settings, named: Named, known: Mapping[str, Control]) -> Iterator[Mistake]:
    """Hold parameters and waivers against the controls that there are, selected in this run or not."""
    if settings.waivers and (taken := known.get(EXPIRED)):
        message = f"the id {EXPIRED} is that of the control of waivers that have expired"
        yield Mistake(taken.file, taken.line, message, "choose another id")
    for problem in check_parameters(known.values(), named.parameters):
        path = ("parameters", "controls", *named.path(problem.path))
        yield settings.mistake(path, problem.message, problem.hint)
    for position, waiver in enumerate(settings.waivers):
        if waiver.control == EXPIRED:
            hint = "give the waiver that has expired a later date, or remove it"
            yield settings.mistake(("waivers", position, "control"), f"{EXPIRED} is never waived", hint)
        elif named.current(waiver.control) not in known:
            message = f"there is no control {waiver.control!r}"
            hint = suggestion(waiver.control, known)
            yield settings.mistake(("waivers", position, "control"), message, hint)


def _parameters(named: Named, selection: Selection) -> dict[str, dict[str, object]]:
    """Put the parameters together: those of packs, and over them those of audit.yaml."""
    merged = {
        control.id: {**selection.parameters.get(control.id, {}), **named.parameters.get(control.id, {})}
        for control in selection.controls
    }
    return {control: values for control, values in merged.items() if values}


def _weights(settings: Settings) -> dict[str, float]:
    return {str(severity): weight for severity, weight in settings.score.weights.items()}


def folder_of(goal: Destination, target: Target, now: datetime) -> Path:
    """Choose the folder of a scan, new or resumed. UsageError where another scan lies already."""
    if target.resume is not None and target.out is not None and goal.place is None:
        raise UsageError("--resume names the folder: leave --out out.")
    if target.resume is not None:
        return target.resume
    return temporary() if goal.place else _new_folder(goal.folder, now)


def _new_folder(out: Path | None, now: datetime) -> Path:
    folder = out or Path(f"audit-{now:%Y%m%dT%H%M%SZ}")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is no folder: name another one with --out.")
    past = _past(folder)
    if past is not None and past.scope is None:
        return folder  # a scan that ended before it had begun to read
    if past is not None and not (folder / FINDINGS).exists():
        raise UsageError(
            f"{folder} holds a scan that is not done: go on with `audit run --resume {folder}`, "
            "or name another folder with --out."
        )
    if past is not None or (folder / _MANIFEST).exists() or (folder / "evidence").exists():
        raise UsageError(f"{folder} holds a scan already: name another folder with --out.")
    return folder


def _past(folder: Path) -> Past | None:
    try:
        return read_journal(folder)
    except BundleError as problem:
        raise UsageError(f"{problem} Name another folder with --out.") from problem
