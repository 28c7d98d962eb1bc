"""What the commands do: options to requests, requests to the app, outcomes to exit codes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import typer
from rich.console import Console

from scanner import app
from scanner.cli.destination import (
    Destination,
    destination_of,
    fetched,
    look_ahead,
    published,
    shown_at,
    temporary,
)
from scanner.cli.exits import advising_to_resume, code_of, say
from scanner.cli.options import JudgementOptions, ScopeOptions, Target, formats_of, instant_of
from scanner.cli.progress import progress
from scanner.cli.redaction import pseudonyms
from scanner.cli.rehearsal import print_estimate, wide_console
from scanner.cli.requests import folder_of, judgement_of, settings_of
from scanner.cli.summary import print_summary
from scanner.errors import UsageError
from scanner.evidence.manifest import NAME
from scanner.report.write import CHECKSUMS, Written
from scanner.settings import Settings
from scanner.storage.place import is_place


def run(
    scope: ScopeOptions, judged: JudgementOptions, target: Target, formats: str | None, *, quiet: bool
) -> int:
    """Collect, judge, report. Every mistake of the user is told before the first call to AWS."""
    settings = settings_of(judged.config, judged.controls)
    judgement = judgement_of(settings, judged.controls, instant_of(judged.as_of))
    wanted = formats_of(formats, settings.outputs.formats)
    redaction = pseudonyms(target.redact_key or target.redact)
    since = app.former_scan(target.since, target.before)
    goal, folder = _goal(target, settings, scope)
    if since is not None:
        since.keep_from(folder)
    with advising_to_resume("run", folder):
        _gather(settings, scope, folder, judgement.as_of, is_new=target.resume is None, quiet=quiet)
        outcome = app.evaluate(
            folder, folder, judgement, wanted, jobs=judged.jobs, redaction=redaction, since=since
        )
    with published(goal, folder, keep=target.resume is not None):
        return _conclude(outcome, shown_at(goal, folder), judged, quiet=quiet)


def _goal(target: Target, settings: Settings, scope: ScopeOptions) -> tuple[Destination, Path]:
    """Choose where a scan is written, and see whether it can go there."""
    goal = destination_of(target, settings, scope.profile)
    look_ahead(goal)
    return goal, folder_of(goal, target, datetime.now(UTC))


def rehearse(scope: ScopeOptions, config: Path | None, target: Target, *, quiet: bool) -> int:
    """Print what a scan would call. Nothing is written."""
    from scanner.cli.scope import collect_request  # noqa: PLC0415 -- only commands that call AWS load its client

    if target.resume is not None:
        raise UsageError("--dry-run tells of a whole scan: leave --resume out.")
    with progress(quiet=quiet) as watcher:
        found = app.rehearse(collect_request(settings_of(config), scope), watcher)
    print_estimate(found, wide_console())
    return 0


def collect(scope: ScopeOptions, config: Path | None, target: Target, *, quiet: bool) -> int:
    """Collect, and print where the bundle is."""
    settings = settings_of(config)
    goal, folder = _goal(target, settings, scope)
    with advising_to_resume("collect", folder):
        _gather(settings, scope, folder, None, is_new=target.resume is None, quiet=quiet)
    with published(goal, folder, keep=target.resume is not None):
        typer.echo(f"{goal.place or folder}")
    return 0


def _gather(  # noqa: PLR0913 -- one scan, new or not
    settings: Settings,
    scope: ScopeOptions,
    folder: Path,
    as_of: datetime | None,
    *,
    is_new: bool,
    quiet: bool,
) -> None:
    """Load the AWS client only for commands that call AWS; collect what is left to be collected."""
    from scanner.cli.scope import collect_request, given_anew  # noqa: PLC0415 -- as said

    request = collect_request(settings, scope)
    if is_new:
        with progress(quiet=quiet) as watcher:
            app.collect(request, folder, watcher, as_of)
    else:
        with progress(quiet=quiet) as watcher:
            went_on = app.resume(given_anew(settings, scope), request, folder, watcher, as_of)
        if not went_on and not quiet:
            say(f"{folder} holds all of its evidence already: nothing was asked.")
    if app.has_more(folder):
        say(
            "Credentials expired before all was read, and what is missing is unknown. Log in again, and go "
            f"on with: audit run --resume {folder}"
        )


def evaluate(
    bundle: str, judged: JudgementOptions, target: Target, formats: str | None, *, quiet: bool
) -> int:
    """Judge a bundle, and report."""
    settings = settings_of(judged.config, judged.controls)
    judgement = judgement_of(settings, judged.controls, instant_of(judged.as_of))
    wanted = formats_of(formats, settings.outputs.formats)
    redaction = pseudonyms(target.redact_key or target.redact)
    since = app.former_scan(target.since, target.before)
    goal = destination_of(target, Settings())
    if is_place(bundle) and target.out is None:
        raise UsageError("Say with --out where what is judged goes: a folder, or s3://BUCKET/PREFIX.")
    with fetched(bundle, goal, whole=True) as source:
        folder = temporary() if goal.place else goal.folder or source
        outcome = app.evaluate(
            source, folder, judgement, wanted, jobs=judged.jobs, redaction=redaction, since=since
        )
        with published(goal, folder):
            return _conclude(outcome, shown_at(goal, folder), judged, quiet=quiet)


def report(scan: str, target: Target, formats: str | None, *, quiet: bool) -> int:
    """Write reports of a judged scan, and print where they are. Without --out they lie beside the scan."""
    wanted = formats_of(formats, ())
    redaction = pseudonyms(target.redact_key or target.redact)
    since = app.former_scan(target.since, target.before)
    goal = destination_of(replace(target, out=target.out or (scan if is_place(scan) else None)), Settings())
    with fetched(scan, goal, whole=False) as source:
        folder = _reports_folder(goal, is_beside=goal.place is not None and target.out is None)
        written = app.report(source, wanted, folder, redaction, since)
        base = folder or source
        names = [each.path.relative_to(base).as_posix() for each in written]
        with published(goal, base, [*names, *_beside(written, base)], keep=base == source):
            for each in written if not quiet else ():
                typer.echo(shown_at(goal, base)(each.path))
    return 0


def _reports_folder(goal: Destination, *, is_beside: bool) -> Path | None:
    """Give the folder for reports; None: that of the scan, or the one for redacted reports below it."""
    if goal.place is None:
        return goal.folder
    return None if is_beside else temporary()


def _beside(written: tuple[Written, ...], base: Path) -> set[str]:
    """Name what lies beside reports and belongs to them: checksums, and the findings of redacted ones."""
    folders = {each.path.parent for each in written}
    found = {folder / CHECKSUMS for folder in folders}
    found |= {folder / app.FINDINGS for folder in folders if not (folder / NAME).exists()}
    return {path.relative_to(base).as_posix() for path in found if path.exists()}


def _conclude(
    outcome: app.Outcome, shown: Callable[[Path], str], judged: JudgementOptions, *, quiet: bool
) -> int:
    if not quiet:
        print_summary(outcome, shown, Console())
    return code_of(
        outcome.view,
        fail_on=judged.fail_on,
        require_complete=judged.require_complete,
        fail_on_unknown=judged.fail_on_unknown,
    )
