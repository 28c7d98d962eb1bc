"""Actions of `audit init` and `audit config check`."""

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from scanner.cli.console import echo
from scanner.cli.logs import say
from scanner.cli.options import formats_of
from scanner.cli.scan.judgement import judgement_of
from scanner.errors import ConfigurationError, OutputError, UsageError
from scanner.model.control import BASELINE
from scanner.report.wording import count_word
from scanner.settings.settings import Settings, load_settings
from scanner.settings.template import DEFAULT_ROLE, Answers, settings_text
from scanner.storage.files import write_atomically


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the command line sets."""

    organization: bool = False
    accounts: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    role_name: str = ""
    external_id: str = ""
    controls: tuple[str, ...] = ()
    formats: str = ""
    directory: str = ""
    fail_on: str = ""


def write_settings(out: Path, scan: Path | None, chosen: Chosen, *, force: bool) -> int:
    """Write a first settings file, and print its name.

    UsageError: the file exists, without `force`. ConfigurationError: an option has a wrong value.
    """
    if out.exists() and not force:
        raise UsageError(f"{out} already exists: name another file with --out, or replace it with --force.")
    if not out.parent.is_dir():
        raise OutputError(f"{out.parent} is not a folder: create it, or name another file with --out.")
    answers = _with_options(_suggested(scan), chosen)
    # Any option means that the user wants no questions.
    # Values of the environment may set options too, so `chosen` is compared as a whole.
    if scan is None and chosen == Chosen() and _is_asked():
        answers = ask(answers)
    text = settings_text(answers)
    # The loader of audit.yaml checks it, so what is written can be read.
    _check_text(text, out)
    write_atomically(out, text.encode())
    echo(f"{out}")
    say(f"Next: edit it, then run `audit config check {out}` and `audit check --config {out}`.")
    return 0


def _is_asked() -> bool:
    """Whether questions can be asked: standard input is a terminal."""
    return sys.stdin.isatty()


def _suggested(scan: Path | None) -> Answers:
    if scan is None:
        return Answers()
    from scanner.app.suggested_settings import suggested_settings  # noqa: PLC0415 -- loads Arrow

    return suggested_settings(scan)


def _with_options(answers: Answers, chosen: Chosen) -> Answers:
    """Return answers with the options of the command line, which come first."""
    return replace(
        answers,
        organization=chosen.organization or answers.organization,
        accounts=chosen.accounts or answers.accounts,
        units=chosen.units or answers.units,
        regions=chosen.regions or answers.regions,
        role_name=chosen.role_name or answers.role_name,
        external_id=chosen.external_id or answers.external_id,
        controls=chosen.controls or answers.controls,
        formats=formats_of(chosen.formats, ()) if chosen.formats else answers.formats,
        directory=chosen.directory or answers.directory,
        fail_on=chosen.fail_on or answers.fail_on,
    )


def ask(answers: Answers) -> Answers:
    """Ask for the settings that matter first. An empty answer keeps the default."""
    organization = typer.confirm("Scan all accounts of the organisation?", default=True, err=True)
    regions = _words("Regions, separated by commas (empty: all enabled ones)")
    role = _text("Name of the role to assume in each account", DEFAULT_ROLE) if organization else ""
    external_id = _text("External id that the role requires (empty: none)") if organization else ""
    directory = _text("Folder of the scans, or s3://BUCKET/PREFIX", "scans/{date}")
    fail_on = _text("Exit with 10 on failures of which severity or worse? (empty: never)")
    return replace(
        answers,
        organization=organization,
        regions=regions,
        role_name=role,
        external_id=external_id,
        directory=directory,
        fail_on=fail_on.lower(),
    )


def _text(question: str, default: str = "") -> str:
    return str(typer.prompt(question, default=default, show_default=bool(default), err=True)).strip()


def _words(question: str) -> tuple[str, ...]:
    return tuple(word for word in _text(question).replace(",", " ").split())


def _check_text(text: str, out: Path) -> None:
    """Check the settings before they are written. ConfigurationError: a value is wrong."""
    # In a temporary folder, as the loader reads files only.
    with tempfile.TemporaryDirectory(prefix="vaultproof-init-") as folder:
        file = Path(folder) / out.name
        file.write_text(text, encoding="utf-8")
        try:
            load_settings(file)
        except ConfigurationError as problem:
            raise ConfigurationError(
                # Line 0: the user has not seen the file that the lines are of.
                tuple(replace(mistake, file=str(out), line=0) for mistake in problem.mistakes)
            ) from problem


def check(file: Path) -> int:
    """Check a settings file and print what it sets."""
    settings = load_settings(file)
    judgement_of(settings, None, None, default=BASELINE)
    for line in summary_lines(settings):
        echo(line)
    say(f"{file}: no problems found")
    return 0


def summary_lines(settings: Settings) -> Iterator[str]:
    """Yield what a settings file sets, a line for each section."""
    scope = settings.scope
    if scope.organization:
        limits = (*scope.organizational_units, *scope.accounts)
        yield f"Accounts: {', '.join(limits) if limits else 'all of the organisation'}"
    else:
        yield f"Accounts: {', '.join(scope.accounts) or 'that of the credentials'}"
    yield f"Regions: {', '.join(scope.regions) or 'all enabled ones'}"
    yield f"Controls: {', '.join(settings.controls) or f'{BASELINE} (default)'}"
    counts = {
        "excluded account": scope.exclude,
        "control with parameters": settings.parameters.controls,
        "tier": settings.tiers,
        "override": settings.overrides,
        "waiver": settings.waivers,
        "way to determine owners": settings.owners,
    }
    plurals = {
        "control with parameters": "controls with parameters",
        "way to determine owners": "ways to determine owners",
    }
    if listed := [
        count_word(len(part), name, plurals.get(name, "")) for name, part in counts.items() if part
    ]:
        yield f"Also: {', '.join(listed)}"
