"""What a bundle is judged against, and where a scan goes: options count for more than audit.yaml."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from scanner.app import FINDINGS, Judgement
from scanner.cli.options import Target
from scanner.collect.journal import read_journal
from scanner.collect.past import Past
from scanner.errors import BundleError, ConfigurationError, Mistake, UsageError
from scanner.evaluate.loader import load_controls
from scanner.evaluate.parameters import check_parameters
from scanner.evaluate.problem import suggestion
from scanner.evaluate.waivers import WaiverRule
from scanner.model.control import Control
from scanner.settings import Settings, load_settings

_MANIFEST: Final = "manifest.json"


def settings_of(config: Path | None) -> Settings:
    """Load the settings that were named. None are looked for: what a bundle comes to depends on no folder."""
    return Settings() if config is None else load_settings(config)


def judgement_of(settings: Settings, controls: list[str] | None, as_of: datetime | None) -> Judgement:
    """Load the controls and hold the settings against them. ConfigurationError carries every mistake."""
    shipped = load_controls()
    selected = load_controls(tuple(controls or settings.controls or ("all",)))
    if mistakes := tuple(_mistakes(settings, {control.id: control for control in (*shipped, *selected)})):
        raise ConfigurationError(mistakes)
    return Judgement(
        controls=selected,
        parameters=_parameters(settings, selected),
        waivers=tuple(
            WaiverRule(waiver.control, waiver.subject, waiver.waiver()) for waiver in settings.waivers
        ),
        count_inherited_backup=settings.parameters.count_inherited_backup,
        as_of=as_of,
    )


def _mistakes(settings: Settings, known: Mapping[str, Control]) -> Iterator[Mistake]:
    """Hold parameters and waivers against the controls that there are, selected in this run or not."""
    for problem in check_parameters(known.values(), settings.parameters.controls):
        path = ("parameters", "controls", *problem.path)
        yield settings.mistake(path, problem.message, problem.hint)
    for position, waiver in enumerate(settings.waivers):
        if waiver.control not in known:
            message = f"there is no control {waiver.control!r}"
            hint = suggestion(waiver.control, known)
            yield settings.mistake(("waivers", position, "control"), message, hint)


def _parameters(settings: Settings, selected: tuple[Control, ...]) -> dict[str, dict[str, object]]:
    ids = {control.id for control in selected}
    return {name: dict(values) for name, values in settings.parameters.controls.items() if name in ids}


def folder_of(target: Target, settings: Settings, now: datetime) -> Path:
    """Choose the folder of a scan, new or resumed. UsageError where another scan lies already."""
    if target.resume is not None and target.out is not None:
        raise UsageError("--resume names the folder: leave --out out.")
    return target.resume or _new_folder(target.out, settings, now)


def _new_folder(out: Path | None, settings: Settings, now: datetime) -> Path:
    configured = settings.outputs.directory
    folder = out or (Path(configured) if configured else Path(f"audit-{now:%Y%m%dT%H%M%SZ}"))
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
