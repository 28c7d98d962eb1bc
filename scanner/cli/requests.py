"""Options and audit.yaml as the requests of a scan: its settings, and the folder that it is written to."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from scanner.app import FINDINGS
from scanner.cli.destination import Destination, temporary
from scanner.cli.options import Target
from scanner.collect.journal import JournalState, read_journal
from scanner.errors import BundleError, ConfigurationError, Mistake, UsageError
from scanner.settings.settings import Settings, load_settings

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
    from scanner.evaluate.controls.selection import select  # noqa: PLC0415 -- for messages; collecting asks no control

    try:
        select(tuple(words))
    except ConfigurationError as problem:
        return problem.mistakes
    return ()


def folder_of(goal: Destination, target: Target, now: datetime) -> Path:
    """Choose the folder of a scan, new or resumed. UsageError where another scan lies already."""
    if target.resume is not None and target.out is not None and goal.place is None:
        raise UsageError("--resume cannot be combined with --out.")
    if target.resume is not None:
        return target.resume
    return temporary() if goal.place else _new_folder(goal.folder, now)


def _new_folder(out: Path | None, now: datetime) -> Path:
    folder = out or Path(f"audit-{now:%Y%m%dT%H%M%SZ}")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is not a folder: specify another one with --out.")
    past = _past(folder)
    if past is not None and past.scope is None:
        return folder  # a scan that ended before it had begun to read
    if past is not None and not (folder / FINDINGS).exists():
        raise UsageError(
            f"{folder} contains an unfinished scan: resume it with `audit run --resume {folder}`, "
            "or specify another folder with --out."
        )
    if past is not None or (folder / _MANIFEST).exists() or (folder / "evidence").exists():
        raise UsageError(f"{folder} already contains a scan: specify another folder with --out.")
    return folder


def _past(folder: Path) -> JournalState | None:
    try:
        return read_journal(folder)
    except BundleError as problem:
        raise UsageError(f"{problem} Specify another folder with --out.") from problem
