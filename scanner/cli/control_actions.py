"""What `audit controls` does to try, check and begin controls."""

from collections.abc import Sequence
from pathlib import Path

import orjson
import typer
from rich.console import Console
from rich.markup import escape

from scanner.cli.control_list import loaded
from scanner.cli.exits import BROKEN
from scanner.cli.logs import say
from scanner.cli.progress import wide_console
from scanner.errors import ConfigurationError, OutputError, UsageError
from scanner.evaluate.compiled import compile_control
from scanner.evaluate.compliance.audit_manager_pack import ImportedPack, import_frameworks
from scanner.evaluate.compliance.frameworks import Found, find_frameworks, told
from scanner.evaluate.controls.cases import Outcome, cases_file, load_cases, run_cases
from scanner.evaluate.controls.lint import lint
from scanner.evaluate.controls.skeleton import Answers, skeleton
from scanner.evaluate.problem import suggestion
from scanner.model.control import Control
from scanner.model.facts import TABLES
from scanner.storage.files import write_atomically


def test_controls(words: Sequence[str] | None) -> int:
    """Run the cases of controls; print what came out otherwise, with the facts that it was asked of."""
    console, broken = wide_console(), 0
    for control in loaded(words):
        outcomes = run_cases(control, load_cases(control, cases_file(control)))
        wrong = [outcome for outcome in outcomes if outcome.difference]
        broken += len(wrong)
        mark = f"[red]{len(wrong)} wrong[/]" if wrong else "[green]passed[/]"
        console.print(f"{control.id}: {len(outcomes)} cases: {mark}")
        for outcome in wrong:
            _print_difference(console, control, outcome)
    return BROKEN if broken else 0


def _print_difference(console: Console, control: Control, outcome: Outcome) -> None:
    """Print a case that came out otherwise: the verdicts, and each fact that the control read."""
    console.print(f"  [bold]{escape(outcome.case.name)}[/]")
    console.print(f"    - expected  {outcome.case.status.value}  {escape(outcome.case.reason or '')}")
    console.print(f"    + came out  {outcome.finding.status.value}  {escape(outcome.finding.reason)}")
    facts = orjson.loads(orjson.dumps(outcome.case.row))
    for name in sorted(compile_control(control).judges):
        console.print(f"      {name} = {escape(orjson.dumps(facts[name]).decode())}")
    for name, value in {**control.parameters, **outcome.case.parameters}.items():
        console.print(f"      ${name} = {escape(orjson.dumps(value).decode())}")


def lint_controls(words: Sequence[str] | None) -> int:
    """Tell everything that is wrong with controls, all at once."""
    found = loaded(words)
    if mistakes := lint(found):
        raise ConfigurationError(mistakes)
    say(f"{len(found)} control{'' if len(found) == 1 else 's'}, no problems found")
    return 0


def new_control(
    control_id: str, subject: str | None, population: str | None, require: str | None, out: Path
) -> int:
    """Write the two files of a new control."""
    files = out / f"{control_id}.yaml", out / f"{control_id}.cases.yaml"
    if there := [file for file in files if file.exists()]:
        raise UsageError(f"{there[0]} already exists: choose another id, or another folder with --out.")
    answers = _asked(control_id, subject, population, require)
    made = skeleton(answers)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OutputError(f"{out} cannot be created: {problem.strerror}.") from problem
    for file, text in zip(files, (made.control, made.cases), strict=True):
        write_atomically(file, text.encode())
        typer.echo(str(file))
    if made.missing:
        say(f"No example was found for: {', '.join(status.value for status in made.missing)}.")
    say(f"Replace FIXME, then run: audit controls lint {out}")
    return 0


def _asked(control_id: str, subject: str | None, population: str | None, require: str | None) -> Answers:
    """Ask for what the command line leaves out."""
    if subject is None:
        subject = typer.prompt(f"Subject (one of {', '.join(TABLES)})", err=True)
    if subject not in TABLES:
        raise UsageError(f"--subject {subject}: there is no such fact table; {suggestion(subject, TABLES)}")
    if population is None:
        question = f"Population: a condition on the {subject} rows (others are not applicable)"
        population = "true" if require else typer.prompt(question, default="true", err=True)
    if require is None:
        require = typer.prompt("Requirement: a condition on the columns (see audit query --tables)", err=True)
    return Answers(control_id, subject, population, require)


def import_framework(scan: Path, name: str, account: str | None, region: str | None, out: Path) -> int:
    """Write the packs of a framework; everything that they do not say is told."""
    found = find_frameworks(scan, name, account, region)
    packs = import_frameworks(found.frameworks)
    if not packs:
        raise UsageError(_nothing(name, found))
    files = {out / file: text for pack in packs for file, text in _files(pack)}
    if there := [file for file in files if file.exists()]:
        raise UsageError(f"{there[0]} already exists: choose another folder with --out.")
    _write(out, files)
    for pack in packs:
        for note in pack.notes:
            say(f"{pack.id}: not imported: {note}")
    for gaps, what in ((found.undescribed, "could not be described"), (found.unlisted, "may be missing")):
        if gaps:
            say(f"Frameworks that {what}: {told(gaps)}")
    return 0


def _files(pack: ImportedPack) -> tuple[tuple[str, str], ...]:
    files = ((f"{pack.id}.yaml", pack.text), (f"{pack.id}.audit.yaml", pack.overrides))
    return tuple((name, text) for name, text in files if text)


def _nothing(name: str, found: Found) -> str:
    if found.undescribed:
        return f"The controls of framework {name!r} are unknown: {told(found.undescribed)}"
    return f"Framework {name!r} has no known control: there is nothing to import."


def _write(out: Path, files: dict[Path, str]) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OutputError(f"{out} cannot be created: {problem.strerror}.") from problem
    for file, text in files.items():
        write_atomically(file, text.encode())
        typer.echo(str(file))
