"""The commands. Each reads its options, makes a request, hands it to the app, and gives an exit code."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer
from rich.console import Console

from scanner import app
from scanner.cli import options
from scanner.cli.exits import code_of, guarded, say
from scanner.cli.progress import progress
from scanner.cli.requests import collect_request, judgement_of, new_folder, settings_of
from scanner.cli.summary import print_summary
from scanner.model.finding import Severity

PLUGINS: Final = "vaultproof.commands"
DEFAULT_CONCURRENCY: Final = 16

audit = typer.Typer(
    name="audit",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Proof that an organisation's AWS backups would be there when needed.",
    epilog="Example: [bold]audit run --org --format html,pdf[/]",
)


def main() -> None:
    """Be the command `audit`."""
    for entry in sorted(entry_points(group=PLUGINS), key=lambda entry: entry.name):
        try:
            audit.command(entry.name)(entry.load())
        except ImportError as problem:
            say(f"warning: the command {entry.name} cannot be loaded: {problem}")
    sys.exit(guarded(_invoke))


def _invoke() -> int:
    """Run the command that was named. It ends the program itself, with its exit code or a usage error's 2."""
    audit()
    return 0


def _finish(command: Callable[[], int]) -> NoReturn:
    raise typer.Exit(guarded(command))


def _version(wanted: bool) -> None:  # noqa: FBT001 -- typer's callback
    if wanted:
        typer.echo(f"vaultproof {version('vaultproof')}")
        raise typer.Exit


@audit.callback()
def about(
    *,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Proof that an organisation's AWS backups would be there when needed."""


@audit.command(epilog="Example: [bold]audit run --org --region eu-west-1 --out scan --fail-on high[/]")
def run(  # noqa: PLR0913 -- the options of the contract
    *,
    org: options.Organization = False,
    account: options.Accounts = None,
    ou: options.Units = None,
    region: options.Regions = None,
    role_name: options.RoleName = None,
    external_id: options.ExternalId = None,
    profile: options.Profile = None,
    concurrency: options.Concurrency = DEFAULT_CONCURRENCY,
    controls: options.Controls = None,
    config: options.Config = None,
    as_of: options.AsOf = None,
    fail_on: options.FailOn = None,
    require_complete: options.RequireComplete = False,
    fail_on_unknown: options.FailOnUnknown = False,
    out: options.Out = None,
    formats: options.Formats = None,
    quiet: options.Quiet = False,
) -> None:
    """Collect the evidence of a scope, judge it, and write the reports."""

    def command() -> int:
        settings = settings_of(config)
        judgement = judgement_of(settings, controls, options.instant_of(as_of))
        wanted = options.formats_of(formats, settings.outputs.formats)
        request = collect_request(
            settings, organization=org, accounts=account, units=ou, regions=region, role_name=role_name,
            external_id=external_id, profile=profile, concurrency=concurrency,
        )  # fmt: skip
        folder = new_folder(out, settings, datetime.now(UTC))
        with progress(quiet=quiet) as watcher:
            app.collect(request, folder, watcher, judgement.as_of)
        outcome = app.evaluate(folder, folder, judgement, wanted)
        return _conclude(outcome, folder, _Verdict(fail_on, require_complete, fail_on_unknown), quiet=quiet)

    _finish(command)


@audit.command(epilog="Example: [bold]audit collect --org --out bundle[/]")
def collect(  # noqa: PLR0913 -- the options of the contract
    *,
    org: options.Organization = False,
    account: options.Accounts = None,
    ou: options.Units = None,
    region: options.Regions = None,
    role_name: options.RoleName = None,
    external_id: options.ExternalId = None,
    profile: options.Profile = None,
    concurrency: options.Concurrency = DEFAULT_CONCURRENCY,
    config: options.Config = None,
    out: options.Out = None,
    quiet: options.Quiet = False,
) -> None:
    """Record the evidence of a scope as a bundle, and judge nothing."""

    def command() -> int:
        settings = settings_of(config)
        request = collect_request(
            settings, organization=org, accounts=account, units=ou, regions=region, role_name=role_name,
            external_id=external_id, profile=profile, concurrency=concurrency,
        )  # fmt: skip
        folder = new_folder(out, settings, datetime.now(UTC))
        with progress(quiet=quiet) as watcher:
            app.collect(request, folder, watcher)
        typer.echo(f"{folder}")
        return 0

    _finish(command)


@audit.command(epilog="Example: [bold]audit evaluate bundle --out judged --format html[/]")
def evaluate(  # noqa: PLR0913 -- the options of the contract
    bundle: Annotated[
        Path, typer.Argument(metavar="BUNDLE", help="The folder with manifest.json and evidence/.")
    ],
    *,
    controls: options.Controls = None,
    config: options.Config = None,
    as_of: options.AsOf = None,
    fail_on: options.FailOn = None,
    require_complete: options.RequireComplete = False,
    fail_on_unknown: options.FailOnUnknown = False,
    out: options.Out = None,
    formats: options.Formats = None,
    quiet: options.Quiet = False,
) -> None:
    """Judge a recorded bundle: without a network, a clock or credentials. Writes into it, or into --out."""

    def command() -> int:
        settings = settings_of(config)
        judgement = judgement_of(settings, controls, options.instant_of(as_of))
        wanted = options.formats_of(formats, settings.outputs.formats)
        outcome = app.evaluate(bundle, out or bundle, judgement, wanted)
        verdict = _Verdict(fail_on, require_complete, fail_on_unknown)
        return _conclude(outcome, out or bundle, verdict, quiet=quiet)

    _finish(command)


@audit.command(epilog="Example: [bold]audit report scan --format pdf[/]")
def report(
    scan: Annotated[Path, typer.Argument(metavar="SCAN_DIR", help="The folder of a judged scan.")],
    *,
    formats: options.Formats = None,
    quiet: options.Quiet = False,
) -> None:
    """Write reports of a scan that was judged before."""

    def command() -> int:
        for written in app.report(scan, options.formats_of(formats, ())):
            if not quiet:
                typer.echo(f"{written.path}")
        return 0

    _finish(command)


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What makes a judged scan end with another exit code than 0."""

    fail_on: Severity | None
    require_complete: bool
    fail_on_unknown: bool


def _conclude(outcome: app.Outcome, folder: Path, verdict: _Verdict, *, quiet: bool) -> int:
    if not quiet:
        print_summary(outcome, folder, Console())
    return code_of(
        outcome.scan,
        fail_on=verdict.fail_on,
        require_complete=verdict.require_complete,
        fail_on_unknown=verdict.fail_on_unknown,
    )
