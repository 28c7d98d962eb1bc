"""What the commands that call AWS do: `audit collect`, `--dry-run`, and the first half of `audit run`."""

from datetime import UTC, datetime
from pathlib import Path

import typer

from scanner.app import collection
from scanner.cli.destination import Destination, destination_of, look_ahead, published
from scanner.cli.exits import INCOMPLETE, advising_to_resume
from scanner.cli.logs import say
from scanner.cli.options import ScopeOptions, Target
from scanner.cli.progress import progress
from scanner.cli.rehearsal import print_estimate, wide_console
from scanner.cli.requests import folder_of, settings_of
from scanner.cli.scope import collect_request, given_anew
from scanner.cli.streams import losing_output
from scanner.cli.unread import report_unread_accounts
from scanner.errors import UsageError
from scanner.evidence.manifest import read_manifest
from scanner.model.reading import Gap
from scanner.settings import Settings


def goal_of(target: Target, settings: Settings, scope: ScopeOptions) -> tuple[Destination, Path]:
    """Choose where a scan is written, and see whether it can go there."""
    goal = destination_of(target, settings, scope.profile)
    look_ahead(goal)
    return goal, folder_of(goal, target, datetime.now(UTC))


def rehearse(scope: ScopeOptions, config: Path | None, target: Target, *, quiet: bool) -> int:
    """Print what a scan would call. Nothing is written."""
    if target.resume is not None:
        raise UsageError("--dry-run cannot be combined with --resume.")
    with progress(quiet=quiet) as watcher:
        found = collection.rehearse(collect_request(settings_of(config), scope), watcher)
    print_estimate(found, wide_console())
    return 0


def collect(
    scope: ScopeOptions, config: Path | None, target: Target, *, quiet: bool, allow_partial: bool = False
) -> int:
    """Collect, and print where the bundle is and which accounts could not be read."""
    settings = settings_of(config)
    goal, folder = goal_of(target, settings, scope)
    with advising_to_resume("collect", folder):
        refusals = gather(settings, scope, folder, None, is_new=target.resume is None, quiet=quiet)
    manifest = read_manifest(folder)
    with published(goal, folder, keep=target.resume is not None), losing_output():
        typer.echo(f"{goal.place or folder}")
    unread = report_unread_accounts(manifest, refusals, f"{goal.place or folder}")
    return INCOMPLETE if unread and not (allow_partial or settings.allow_partial) else 0


def gather(  # noqa: PLR0913 -- one scan, new or not
    settings: Settings,
    scope: ScopeOptions,
    folder: Path,
    as_of: datetime | None,
    *,
    is_new: bool,
    quiet: bool,
) -> tuple[Gap, ...]:
    """Collect what is left to be collected, and return why accounts could not be entered."""
    request = collect_request(settings, scope)
    if is_new:
        with progress(quiet=quiet) as watcher:
            collection.collect(request, folder, watcher, as_of)
    else:
        with progress(quiet=quiet) as watcher:
            went_on = collection.resume(given_anew(settings, scope), request, folder, watcher, as_of)
        if not went_on and not quiet:
            say(f"{folder} already contains all evidence: no calls were made.")
    if collection.has_more(folder):
        say(
            "Credentials expired before everything was read; missing data is unknown. Log in again, "
            f"then run: audit run --resume {folder}"
        )
    return watcher.tally.refusals()
