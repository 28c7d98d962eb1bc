"""Actions of `audit controls`: test, lint, create and import controls."""

import sys
from collections.abc import Sequence
from pathlib import Path

import orjson
import typer
from rich.markup import escape

from scanner.cli.console import Console, echo
from scanner.cli.controls.listing import loaded
from scanner.cli.exits import BROKEN
from scanner.cli.logs import say
from scanner.cli.progress import wide_console
from scanner.errors import ConfigurationError, OutputError, UsageError
from scanner.evaluate.compiled import compile_control
from scanner.evaluate.compliance.audit_manager_pack import ImportedPack, import_frameworks
from scanner.evaluate.compliance.frameworks import Found, find_frameworks, gap_sentences
from scanner.evaluate.controls.cases import Outcome, cases_file, load_cases, run_cases
from scanner.evaluate.controls.lint import Answers, lint, skeleton
from scanner.evaluate.problem import suggestion
from scanner.model.control import Control
from scanner.model.facts import TABLES
from scanner.storage.files import write_atomically


def test_controls(words: Sequence[str] | None) -> int:
    """Run the cases of controls; print each wrong result with the facts that the control read."""
    console, number = wide_console(), 0
    for control in loaded(words):
        outcomes = run_cases(control, load_cases(control, cases_file(control)))
        wrong = [outcome for outcome in outcomes if outcome.difference]
        number += len(wrong)
        mark = f"[red]{len(wrong)} wrong[/]" if wrong else "[green]passed[/]"
        console.print(f"{control.id}: {len(outcomes)} cases: {mark}")
        for outcome in wrong:
            _print_difference(console, control, outcome)
    return BROKEN if number else 0


def _print_difference(console: Console, control: Control, outcome: Outcome) -> None:
    """Print a case with a wrong result: both results, and the facts that the control read."""
    console.print(f"  [bold]{escape(outcome.case.name)}[/]")
    console.print(f"    - expected  {outcome.case.status.value}  {escape(outcome.case.reason or '')}")
    console.print(f"    + actual    {outcome.finding.status.value}  {escape(outcome.finding.reason)}")
    facts = orjson.loads(orjson.dumps(outcome.case.row))
    # Only the columns that decide: others are neutral, and would hide what matters.
    for name in sorted(compile_control(control).judges):
        console.print(f"      {name} = {escape(orjson.dumps(facts[name]).decode())}")
    for name, value in {**control.parameters, **outcome.case.parameters}.items():
        console.print(f"      ${name} = {escape(orjson.dumps(value).decode())}")


def lint_controls(words: Sequence[str] | None) -> int:
    """Check controls, and report all problems at once."""
    checked = loaded(words)
    if mistakes := lint(checked):
        raise ConfigurationError(mistakes)
    say(f"{len(checked)} control{'' if len(checked) == 1 else 's'}, no problems found")
    return 0


def new_control(
    control_id: str, subject: str | None, population: str | None, require: str | None, out: Path
) -> int:
    """Write the two files of a new control."""
    files = out / f"{control_id}.yaml", out / f"{control_id}.cases.yaml"
    # Checked before any prompt: an answer that cannot be used is a waste of time.
    if there := [file for file in files if file.exists()]:
        raise UsageError(f"{there[0]} already exists: choose another id, or another folder with --out.")
    answers = _asked(control_id, subject, population, require)
    new = skeleton(answers)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OutputError(f"{out} cannot be created: {problem.strerror}.") from problem
    for file, text in zip(files, (new.control, new.cases), strict=True):
        write_atomically(file, text.encode())
        echo(str(file))
    if new.missing:
        say(f"No example was found for: {', '.join(status.value for status in new.missing)}.")
    say(f"Replace FIXME, then run: audit controls lint {out}")
    return 0


def _asked(control_id: str, subject: str | None, population: str | None, require: str | None) -> Answers:
    """Prompt for the answers that the command line omits."""
    if subject is None:
        subject = _prompted("--subject", f"Subject (one of {', '.join(TABLES)})")
    if subject not in TABLES:
        raise UsageError(f"--subject {subject}: there is no such fact table; {suggestion(subject, TABLES)}")
    if population is None:
        question = f"Population: a condition on the {subject} rows (others are not applicable)"
        population = "true" if require else _prompted("--population", question, default="true")
    if require is None:
        question = "Requirement: a condition on the columns (see audit query --tables)"
        require = _prompted("--require", question)
    return Answers(control_id, subject, population, require)


def _prompted(option: str, question: str, default: str | None = None) -> str:
    """Prompt for the value of an option. UsageError: standard input has ended."""
    try:
        return str(typer.prompt(question, default=default, err=True))
    except typer.Abort:
        # On a terminal an abort is Ctrl-C; without one, standard input has ended.
        if sys.stdin.isatty():
            raise KeyboardInterrupt("Interrupted.") from None
        raise UsageError(f"There is no standard input to prompt for {option}: specify {option}.") from None


def import_framework(scan: Path, name: str, account: str | None, region: str | None, out: Path) -> int:
    """Write the packs of a framework, and report everything that they cannot express."""
    matches = find_frameworks(scan, name, account, region)
    packs = import_frameworks(matches.frameworks)
    if not packs:
        raise UsageError(_nothing(name, matches))
    files = {out / file: text for pack in packs for file, text in _files(pack)}
    # All files before the first is written.
    if there := [file for file in files if file.exists()]:
        raise UsageError(f"{there[0]} already exists: choose another folder with --out.")
    _write(out, files)
    for pack in packs:
        for note in pack.notes:
            say(f"{pack.id}: not imported: {note}")
    for gaps, what in ((matches.undescribed, "could not be described"), (matches.unlisted, "may be missing")):
        if gaps:
            say(f"Frameworks that {what}: {gap_sentences(gaps)}")
    return 0


def _files(pack: ImportedPack) -> tuple[tuple[str, str], ...]:
    files = ((f"{pack.id}.yaml", pack.text), (f"{pack.id}.audit.yaml", pack.overrides))
    return tuple((name, text) for name, text in files if text)


def _nothing(name: str, matches: Found) -> str:
    if matches.undescribed:
        return f"The controls of framework {name!r} are unknown: {gap_sentences(matches.undescribed)}"
    return f"Framework {name!r} has no known control: there is nothing to import."


def _write(out: Path, files: dict[Path, str]) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OutputError(f"{out} cannot be created: {problem.strerror}.") from problem
    for file, text in files.items():
        write_atomically(file, text.encode())
        echo(str(file))
