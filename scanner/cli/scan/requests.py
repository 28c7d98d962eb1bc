"""Settings and folders of a scan, from options and audit.yaml."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from scanner.app import FINDINGS
from scanner.cli.options import Target
from scanner.cli.scan.destination import Destination, temporary
from scanner.collect.journal import JournalState, read_journal
from scanner.errors import BundleError, ConfigurationError, Mistake, UsageError
from scanner.settings.settings import Settings, load_settings

_MANIFEST: Final = "manifest.json"


def settings_of(config: Path | None, judged_by: Sequence[str] | None = ()) -> Settings:
    """Load the settings file of --config. No other is searched for, so that results never depend on a folder.

    `judged_by`: the values of --controls, whose mistakes are reported together with those of the settings.
    """
    try:
        return Settings() if config is None else load_settings(config)
    except ConfigurationError as problem:
        # Both kinds of mistakes at once, since both are in the user's hands.
        raise ConfigurationError((*problem.mistakes, *_mistakes_of(judged_by or ()))) from problem


def _mistakes_of(words: Sequence[str]) -> tuple[Mistake, ...]:
    from scanner.evaluate.controls.selection import select  # noqa: PLC0415 -- for messages; collecting asks no control

    try:
        select(tuple(words))
    except ConfigurationError as problem:
        return problem.mistakes
    return ()


def folder_of(goal: Destination, target: Target, now: datetime) -> Path:
    """Return the folder of a new or resumed scan. UsageError: it already contains another scan."""
    if target.resume is not None and target.out is not None and goal.place is None:
        raise UsageError("--resume cannot be combined with --out.")
    if target.resume is not None:
        return target.resume
    return temporary() if goal.place else _new_folder(goal.folder, now)


def _new_folder(out: Path | None, now: datetime) -> Path:
    folder = out or Path(f"audit-{now:%Y%m%dT%H%M%SZ}")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is not a folder: specify another one with --out.")
    journal = _journal_state(folder)
    if journal is not None and journal.scope is None:
        return folder  # a scan that ended before it read anything
    # Findings show that the scan was finished and judged.
    if journal is not None and not (folder / FINDINGS).exists():
        raise UsageError(
            f"{folder} contains an unfinished scan: resume it with `audit run --resume {folder}`, "
            "or specify another folder with --out."
        )
    if journal is not None or (folder / _MANIFEST).exists() or (folder / "evidence").exists():
        raise UsageError(f"{folder} already contains a scan: specify another folder with --out.")
    return folder


def _journal_state(folder: Path) -> JournalState | None:
    try:
        return read_journal(folder)
    except BundleError as problem:
        raise UsageError(f"{problem} Specify another folder with --out.") from problem
