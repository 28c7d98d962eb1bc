"""What the commands do: options to requests, requests to the app, outcomes to exit codes."""

from datetime import UTC, datetime
from pathlib import Path

import typer
from rich.console import Console

from scanner import app
from scanner.cli.exits import advising_to_resume, code_of, say
from scanner.cli.options import JudgementOptions, ScopeOptions, Target, formats_of, instant_of
from scanner.cli.progress import progress
from scanner.cli.rehearsal import print_estimate, wide_console
from scanner.cli.requests import folder_of, judgement_of, settings_of
from scanner.cli.summary import print_summary
from scanner.errors import UsageError
from scanner.settings import Settings


def run(
    scope: ScopeOptions, judged: JudgementOptions, target: Target, formats: str | None, *, quiet: bool
) -> int:
    """Collect, judge, report. Every mistake of the user is told before the first call to AWS."""
    settings = settings_of(judged.config)
    judgement = judgement_of(settings, judged.controls, instant_of(judged.as_of))
    wanted = formats_of(formats, settings.outputs.formats)
    folder = folder_of(target, settings, datetime.now(UTC))
    with advising_to_resume("run", folder):
        _gather(settings, scope, folder, judgement.as_of, is_new=target.resume is None, quiet=quiet)
        outcome = app.evaluate(folder, folder, judgement, wanted, jobs=judged.jobs)
    return _conclude(outcome, folder, judged, quiet=quiet)


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
    folder = folder_of(target, settings, datetime.now(UTC))
    with advising_to_resume("collect", folder):
        _gather(settings, scope, folder, None, is_new=target.resume is None, quiet=quiet)
    typer.echo(f"{folder}")
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
    bundle: Path, judged: JudgementOptions, out: Path | None, formats: str | None, *, quiet: bool
) -> int:
    """Judge a bundle, and report."""
    settings = settings_of(judged.config)
    judgement = judgement_of(settings, judged.controls, instant_of(judged.as_of))
    wanted = formats_of(formats, settings.outputs.formats)
    outcome = app.evaluate(bundle, out or bundle, judgement, wanted, jobs=judged.jobs)
    return _conclude(outcome, out or bundle, judged, quiet=quiet)


def report(scan: Path, formats: str | None, *, quiet: bool) -> int:
    """Write reports of a judged scan, and print where they are."""
    for written in app.report(scan, formats_of(formats, ())):
        if not quiet:
            typer.echo(f"{written.path}")
    return 0


def _conclude(outcome: app.Outcome, folder: Path, judged: JudgementOptions, *, quiet: bool) -> int:
    if not quiet:
        print_summary(outcome, folder, Console())
    return code_of(
        outcome.view,
        fail_on=judged.fail_on,
        require_complete=judged.require_complete,
        fail_on_unknown=judged.fail_on_unknown,
    )
