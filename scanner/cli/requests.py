"""What a bundle is judged against, and where a scan goes: options count for more than audit.yaml."""

from datetime import datetime
from pathlib import Path
from typing import Final

from scanner.app import Judgement
from scanner.errors import ConfigurationError, UsageError
from scanner.evaluate.loader import load_controls
from scanner.evaluate.waivers import WaiverRule
from scanner.model.control import Control
from scanner.settings import Settings, check_controls, load_settings

_DEFAULT_FILE: Final = Path("audit.yaml")
_MANIFEST: Final = "manifest.json"


def settings_of(config: Path | None) -> Settings:
    """Load the settings that were named, else ./audit.yaml, else none."""
    if config is not None:
        return load_settings(config)
    return load_settings(_DEFAULT_FILE) if _DEFAULT_FILE.is_file() else Settings()


def judgement_of(settings: Settings, controls: list[str] | None, as_of: datetime | None) -> Judgement:
    """Load the controls and hold the settings against them. ConfigurationError carries every mistake."""
    selected = load_controls(tuple(controls or settings.controls or ("all",)))
    known = {control.id: control.parameters for control in (*load_controls(), *selected)}
    if mistakes := check_controls(settings, known):
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


def _parameters(settings: Settings, selected: tuple[Control, ...]) -> dict[str, dict[str, object]]:
    ids = {control.id for control in selected}
    return {name: dict(values) for name, values in settings.parameters.controls.items() if name in ids}


def new_folder(out: Path | None, settings: Settings, now: datetime) -> Path:
    """Choose the folder of a new scan. UsageError where another scan lies already."""
    configured = settings.outputs.directory
    folder = out or (Path(configured) if configured else Path(f"audit-{now:%Y%m%dT%H%M%SZ}"))
    if (folder / _MANIFEST).exists() or (folder / "evidence").exists():
        raise UsageError(f"{folder} holds a scan already: name another folder with --out.")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is no folder: name another one with --out.")
    return folder
