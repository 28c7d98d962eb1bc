"""`audit fix SCAN --out DIR`: the changes that make failures pass, as code, with the proof."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.markup import escape
from rich.table import Table

from scanner.app.fix import fix as propose_fix
from scanner.app.fix import write_fix
from scanner.cli import options
from scanner.cli.console import Console, echo_json
from scanner.cli.exits import FINDINGS, guarded
from scanner.cli.progress import wide_console
from scanner.cli.scan.destination import Destination, fetched
from scanner.errors import UsageError
from scanner.model.finding import Severity
from scanner.model.planning.fix import OUTCOME_WORDS, Choice, Fix, Outcome
from scanner.model.root_causes import CauseKind
from scanner.report.fixes.document import fix_document
from scanner.report.fixes.places import places_of
from scanner.report.wording import visible

_SHOWN: Final = 15
_ACCOUNT_DIGITS: Final = 12
_SHORTEST_GRACE: Final = 3


class FixFormat(StrEnum):
    """The output format."""

    TABLE = "table"
    JSON = "json"


ScanArgument = Annotated[
    str,
    typer.Argument(
        metavar="SCAN", help="The folder of an evaluated scan with its evidence, or s3://BUCKET/PREFIX."
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="DIR", help="Write the changes here: Terraform, CloudFormation, AWS CLI, README."
    ),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace the folder --out if it is not empty.")]
ControlOption = Annotated[
    list[str] | None,
    typer.Option("--control", metavar="ID", help="Fix failures of this control (repeatable)."),
]
SeverityOption = Annotated[
    Severity | None,
    typer.Option(
        "--severity",
        help="Fix failures of this severity and above. Default: high; with --control, --resource or "
        "--root-cause: all.",
    ),
]
ResourceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--resource", metavar="ARN", help="Fix failures of this resource, by ARN or its end (repeatable)."
    ),
]
AccountOption = Annotated[
    list[str] | None,
    typer.Option("--account", metavar="ID", help="Fix failures of this account (repeatable)."),
]
RegionOption = Annotated[
    list[str] | None,
    typer.Option("--region", metavar="NAME", help="Fix failures in this Region (repeatable)."),
]
CauseOption = Annotated[
    list[str] | None,
    typer.Option(
        "--root-cause",
        metavar="KIND[:SUBJECT]",
        help="Fix failures of this root cause: its kind, its subject or both (repeatable).",
    ),
]
ComplianceOption = Annotated[
    int | None,
    typer.Option(
        "--compliance-lock",
        metavar="DAYS",
        help="Propose compliance locks with this grace time. They can never be removed; scripts have them "
        "as comments.",
    ),
]
FormatOption = Annotated[FixFormat, typer.Option("--format", help="The output format.")]
FailOnOption = Annotated[
    Severity | None,
    typer.Option("--fail-on", help="Exit 10 if a chosen failure of this severity or higher is not fixed."),
]


def fix(  # noqa: PLR0913 -- the options of the contract
    scan: ScanArgument,
    *,
    out: OutOption = None,
    force: ForceOption = False,
    control: ControlOption = None,
    severity: SeverityOption = None,
    resource: ResourceOption = None,
    account: AccountOption = None,
    region: RegionOption = None,
    root_cause: CauseOption = None,
    compliance_lock: ComplianceOption = None,
    format_: FormatOption = FixFormat.TABLE,
    fail_on: FailOnOption = None,
    jobs: options.Jobs = None,
    profile: options.Profile = None,
    bucket_owner: options.BucketOwner = None,
) -> None:
    """Propose the smallest set of changes that makes failures pass, as code, and prove it on the evidence.

    Nothing is changed in AWS, and nothing is called there. The proof is that of `audit what-if`.
    """
    source = Destination(folder=None, bucket_owner=bucket_owner or "", profile=profile)

    def proposed() -> int:
        choice = Choice(
            controls=frozenset(control or ()),
            # An explicit selection is meant as it is; without one, everything would be too much to review.
            severity=severity or (None if control or resource or root_cause else Severity.HIGH),
            resources=tuple(resource or ()),
            accounts=frozenset(account or ()),
            regions=frozenset(region or ()),
            root_causes=frozenset(root_cause or ()),
            compliance_days=compliance_lock,
        )
        # Options are checked before a scan is downloaded.
        check_choice(choice)
        if out is not None:
            check_out(out, force=force)
        # `whole`: proposals are proven on the evidence.
        with fetched(scan, source, whole=True) as folder:
            result = propose_fix(folder, choice, jobs=jobs)
        if out is not None:
            write_fix(result, out)
        show_fix(result, format_, out)
        return code_of(result, fail_on)

    raise typer.Exit(guarded(proposed))


def check_choice(choice: Choice) -> None:
    """Check what the options say. UsageError: an account, a root cause or a grace time cannot be meant."""
    for account in choice.accounts:
        if not (len(account) == _ACCOUNT_DIGITS and account.isdecimal()):
            raise UsageError(f"--account {account[:40]}: an account id has 12 digits.")
    kinds = {kind.value for kind in CauseKind}
    for name in choice.root_causes:
        # A subject alone is an ARN or a name of this program; everything else has to begin with a kind.
        if not name.startswith(("arn:", "aws:")) and name.partition(":")[0] not in kinds:
            raise UsageError(
                f"--root-cause {name[:80]}: there is no such kind. Kinds: {', '.join(sorted(kinds))}."
            )
    days = choice.compliance_days
    # PutBackupVaultLockConfiguration, ChangeableForDays: 3 days at least.
    if days is not None and days < _SHORTEST_GRACE:
        raise UsageError(f"--compliance-lock {days}: AWS Backup requires a grace time of at least 3 days.")


def check_out(out: Path, *, force: bool) -> None:
    """Check that the folder can be written. UsageError: it is not empty, or no folder."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is not a folder: name another one with --out.")
    if not force and out.is_dir() and any(out.iterdir()):
        raise UsageError(f"{out} is not empty: name another folder with --out, or add --force to replace it.")
    # Never delete a folder that this command did not write.
    if force and out.is_dir() and any(out.iterdir()) and not (out / "fix.json").is_file():
        raise UsageError(f"{out} has no fix.json, so it is not a folder of audit fix, and is not replaced.")


def code_of(result: Fix, fail_on: Severity | None) -> int:
    """Return 10 if a chosen failure at or above `fail_on` is not fixed, else 0."""
    if fail_on is None:
        return 0
    # Failures that only need time, or that are gone, are no reason to fail a build.
    left = (fixed for fixed in result.findings if fixed.outcome in {Outcome.STAYS, Outcome.UNKNOWN})
    return FINDINGS if any(fixed.finding.severity.rank <= fail_on.rank for fixed in left) else 0


def show_fix(result: Fix, form: FixFormat, out: Path | None) -> None:
    """Print the proposal in a format."""
    if form is FixFormat.JSON:
        echo_json(json.dumps(fix_document(result), indent=2, ensure_ascii=False))
        return
    print_fix(result, wide_console(), out)


def print_fix(result: Fix, console: Console, out: Path | None) -> None:
    """Print the changes by account-Region, the proof, and what is left."""
    if not result.findings:
        _say(console, "No failure matches the options: there is nothing to fix.")
        return
    for place in places_of(result.changes):
        _say(console, f"[bold]{place.number}. {escape(place.title)}[/]", is_markup=True)
        for change in place.changes:
            _say(console, f"   {change.title}")
    if not result.changes:
        _say(console, "No change of the configuration makes a chosen failure pass.")
    console.print()
    console.print(_table(result))
    _print_manual(result, console)
    for drop in result.dropped:
        _say(console, f"not proposed: {drop.change.title}: {drop.why}")
    for problem in result.not_judged:
        _say(console, f"not judged: {problem.why}")
    for note in result.notes:
        _say(console, f"note: {note}")
    if out is not None:
        _say(console, f"Written to {out}. Start with {out / 'README.md'}.")
    elif result.changes:
        _say(console, "Add --out DIR to write the changes as Terraform, CloudFormation and AWS CLI scripts.")


def _table(result: Fix) -> Table:
    """Return the proof: the chosen failures of each control by outcome, and what else changes."""
    table = Table(box=None, pad_edge=False, header_style="bold", title="Proof", title_justify="left")
    table.add_column("Control", overflow="fold")
    for outcome in Outcome:
        if outcome is not Outcome.REMOVED or result.of(outcome):
            table.add_column(OUTCOME_WORDS[outcome], justify="right")
    table.add_column("Gets worse", justify="right")
    # A column without any number is left out.
    outcomes = [outcome for outcome in Outcome if outcome is not Outcome.REMOVED or result.of(outcome)]
    worse = [effect.finding.control for effect in (*result.worse, *result.until_next_run)]
    controls = sorted({*(fixed.finding.control for fixed in result.findings), *worse})
    for control in controls:
        of_control = [fixed.outcome for fixed in result.findings if fixed.finding.control == control]
        numbers = [*(of_control.count(outcome) for outcome in outcomes), worse.count(control)]
        table.add_row(escape(control), *(f"{number:,}" if number else "" for number in numbers))
    totals = [*(len(result.of(outcome)) for outcome in outcomes), len(worse)]
    table.add_row("[bold]Total[/]", *(f"[bold]{number:,}[/]" for number in totals))
    table.caption = _caption(result)
    table.caption_justify = "left"
    return table


def _caption(result: Fix) -> str:
    parts = [
        (result.also_fixed, "Failures that were not chosen and turn to pass as well"),
        (
            len(result.until_next_run),
            "Of those that get worse, only until the next backup or copy has run",
        ),
        (len(result.newly_checked), "New failures because a control applies for the first time"),
    ]
    return "\n".join(f"{words}: {number:,}." for number, words in parts if number)


def _print_manual(result: Fix, console: Console) -> None:
    if not result.manual:
        return
    table = Table(box=None, pad_edge=False, header_style="bold", title="By hand", title_justify="left")
    for name in ("Failures", "Root cause", "Subject", "Why", "What to do"):
        table.add_column(name, overflow="fold")
    # The step with most failures first: the table shows only some.
    for step in sorted(result.manual, key=lambda manual: -manual.failures)[:_SHOWN]:
        cause = step.cause
        subject = f"{cause.subject} {cause.about}".rstrip()
        cells = (str(step.failures), cause.kind.value, subject, step.why, step.what)
        table.add_row(*(escape(visible(text)) for text in cells))
    console.print()
    console.print(table)
    if (more := len(result.manual) - _SHOWN) > 0:
        _say(console, f"{more:,} more: use --format json, or README.md in --out.")


def _say(console: Console, text: str, *, is_markup: bool = False) -> None:
    console.print(text if is_markup else escape(visible(text)), soft_wrap=True, highlight=False)
