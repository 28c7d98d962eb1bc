"""What the commands do: options to requests, requests to the app, outcomes to exit codes."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from scanner import app
from scanner.cli.exits import code_of
from scanner.cli.options import JudgementOptions, ScopeOptions, formats_of, instant_of
from scanner.cli.progress import progress
from scanner.cli.requests import judgement_of, new_folder, settings_of
from scanner.cli.summary import print_summary
from scanner.settings import Settings

if TYPE_CHECKING:
    from scanner.collect.request import CollectRequest


def run(
    scope: ScopeOptions, judged: JudgementOptions, out: Path | None, formats: str | None, *, quiet: bool
) -> int:
    """Collect, judge, report. Every mistake of the user is told before the first call to AWS."""
    settings = settings_of(judged.config)
    judgement = judgement_of(settings, judged.controls, instant_of(judged.as_of))
    wanted = formats_of(formats, settings.outputs.formats)
    request = _collect_request(settings, scope)
    folder = new_folder(out, settings, datetime.now(UTC))
    with progress(quiet=quiet) as watcher:
        app.collect(request, folder, watcher, judgement.as_of)
    return _conclude(app.evaluate(folder, folder, judgement, wanted), folder, judged, quiet=quiet)


def collect(scope: ScopeOptions, config: Path | None, out: Path | None, *, quiet: bool) -> int:
    """Collect, and print where the bundle is."""
    settings = settings_of(config)
    request = _collect_request(settings, scope)
    folder = new_folder(out, settings, datetime.now(UTC))
    with progress(quiet=quiet) as watcher:
        app.collect(request, folder, watcher)
    typer.echo(f"{folder}")
    return 0


def evaluate(
    bundle: Path, judged: JudgementOptions, out: Path | None, formats: str | None, *, quiet: bool
) -> int:
    """Judge a bundle, and report."""
    settings = settings_of(judged.config)
    judgement = judgement_of(settings, judged.controls, instant_of(judged.as_of))
    wanted = formats_of(formats, settings.outputs.formats)
    return _conclude(
        app.evaluate(bundle, out or bundle, judgement, wanted), out or bundle, judged, quiet=quiet
    )


def report(scan: Path, formats: str | None, *, quiet: bool) -> int:
    """Write reports of a judged scan, and print where they are."""
    for written in app.report(scan, formats_of(formats, ())):
        if not quiet:
            typer.echo(f"{written.path}")
    return 0


def _collect_request(settings: Settings, scope: ScopeOptions) -> "CollectRequest":
    """Load the AWS client only for commands that call AWS."""
    from scanner.cli.scope import collect_request  # noqa: PLC0415 -- as said

    return collect_request(settings, scope)


def _conclude(outcome: app.Outcome, folder: Path, judged: JudgementOptions, *, quiet: bool) -> int:
    if not quiet:
        print_summary(outcome, folder, Console())
    return code_of(
        outcome.scan,
        fail_on=judged.fail_on,
        require_complete=judged.require_complete,
        fail_on_unknown=judged.fail_on_unknown,
    )
