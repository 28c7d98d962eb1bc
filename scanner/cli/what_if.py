"""`audit what-if SCAN --change FILE`: what a planned change would do to the findings of a scan."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.markup import escape
from rich.table import Table

from scanner.app.what_if import what_if as judge_changes
from scanner.cli import options
from scanner.cli.console import Console, echo_json, echo_lines
from scanner.cli.exits import FINDINGS, INCOMPLETE, guarded
from scanner.cli.progress import wide_console
from scanner.cli.scan.destination import Destination, fetched
from scanner.errors import UsageError
from scanner.model.finding import Severity
from scanner.model.what_if import EFFECT_WORDS, HORIZON_WORDS, Effect, FindingEffect, Horizon, WhatIf
from scanner.report.formats.what_if import what_if_document
from scanner.report.formats.what_if_markdown import what_if_markdown
from scanner.report.formats.what_if_sarif import what_if_sarif
from scanner.report.wording import visible
from scanner.what_if.changes import Defaults
from scanner.what_if.read import read_changes

_SHOWN: Final = 25
"""The most findings of one effect that the table names. The others are counted."""

_COUNTED: Final = frozenset({Effect.ADDED, Effect.UNCHANGED})
"""Effects whose findings the table does not list."""


class WhatIfFormat(StrEnum):
    """The output format."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"
    SARIF = "sarif"


ScanArgument = Annotated[
    str,
    typer.Argument(metavar="SCAN", help="The folder of a scan with its evidence, or s3://BUCKET/PREFIX."),
]
ChangeOption = Annotated[
    list[Path],
    typer.Option(
        "--change",
        metavar="FILE",
        help="A plan (terraform show -json), a CloudFormation template, or JSON of AWS Backup (repeatable).",
    ),
]
AccountOption = Annotated[
    str | None,
    typer.Option("--account", metavar="ID", help="The account of changes whose file does not say it."),
]
RegionOption = Annotated[
    str | None,
    typer.Option("--region", metavar="NAME", help="The Region of changes whose file does not say it."),
]
ParameterOption = Annotated[
    list[str] | None,
    typer.Option(
        "--parameter", metavar="NAME=VALUE", help="The value of a template's parameter (repeatable)."
    ),
]
FormatOption = Annotated[WhatIfFormat, typer.Option("--format", help="The output format.")]
FailOnOption = Annotated[
    Severity | None,
    typer.Option("--fail-on", help="Exit 10 if the change brings a failure of this severity or higher."),
]
PartialOption = Annotated[
    bool,
    typer.Option("--allow-partial", help="Do not exit 4 if a change could not be judged."),
]


def what_if(  # noqa: PLR0913 -- the options of the contract
    scan: ScanArgument,
    *,
    change: ChangeOption,
    account: AccountOption = None,
    region: RegionOption = None,
    parameter: ParameterOption = None,
    format_: FormatOption = WhatIfFormat.TABLE,
    fail_on: FailOnOption = None,
    allow_partial: PartialOption = False,
    jobs: options.Jobs = None,
    profile: options.Profile = None,
    bucket_owner: options.BucketOwner = None,
) -> None:
    """Judge a planned change before it is applied: new, fixed, newly unknown and removed findings.

    Nothing is changed in AWS or in the scan. A value that is known only after apply is unknown. Old failures
    never change the exit code.
    """
    source = Destination(folder=None, bucket_owner=bucket_owner or "", profile=profile)

    def judged() -> int:
        defaults = Defaults(account or "", region or "", parameters_of(parameter or []))
        changes = read_changes(change, defaults)
        with fetched(scan, source, whole=True) as folder:
            result = judge_changes(folder, changes, jobs=jobs)
        show_what_if(result, format_)
        return code_of(result, fail_on, allow_partial=allow_partial)

    raise typer.Exit(guarded(judged))


def show_what_if(result: WhatIf, form: WhatIfFormat) -> None:
    """Print the result in a format."""
    if form is WhatIfFormat.TABLE:
        print_what_if(result, wide_console())
    elif form is WhatIfFormat.MARKDOWN:
        echo_lines(what_if_markdown(result).rstrip("\n"))
    else:
        document = what_if_document(result) if form is WhatIfFormat.JSON else what_if_sarif(result)
        echo_json(json.dumps(document, indent=2, ensure_ascii=False))


def parameters_of(pairs: list[str]) -> dict[str, str]:
    """Parse the values of --parameter. UsageError: one has no `=`."""
    for pair in pairs:
        if "=" not in pair:
            raise UsageError(f"--parameter {pair[:80]}: write NAME=VALUE.")
    return dict(pair.split("=", 1) for pair in pairs)


def code_of(result: WhatIf, fail_on: Severity | None, *, allow_partial: bool) -> int:
    """Return 10 for new failures at or above `fail_on`, else 4 if a change could not be judged, else 0."""
    if fail_on is not None and result.has_new_at(fail_on):
        return FINDINGS
    return INCOMPLETE if result.not_judged and not allow_partial else 0


def print_what_if(result: WhatIf, console: Console) -> None:
    """Print the changes, what could not be judged, the counts, and the findings that change."""
    for change in result.changes:
        _say(console, f"{change.title}  [dim]{escape(visible(str(change.origin)))}[/]", is_markup=True)
    for note in result.notes:
        _say(console, f"note: {note}")
    for problem in result.not_judged:
        _say(console, f"not judged: {problem.origin}: {problem.why}")
    if result.ignored:
        _say(console, f"{result.ignored:,} changes of other resources are not judged.")
    if not result.changes:
        return
    console.print()
    console.print(_counts(result))
    for horizon in Horizon:
        of_horizon = [effect for effect in result.effects if effect.horizon is horizon]
        for kind in Effect:
            listed = [effect for effect in of_horizon if effect.effect is kind]
            if listed and kind not in _COUNTED:
                _print_effects(console, f"{EFFECT_WORDS[kind]}. {HORIZON_WORDS[horizon]}", listed)


def _say(console: Console, text: str, *, is_markup: bool = False) -> None:
    console.print(text if is_markup else escape(visible(text)), soft_wrap=True, highlight=False)


def _counts(result: WhatIf) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Findings")
    table.add_column("", justify="right")
    for effect, title in EFFECT_WORDS.items():
        if number := result.counts.get(effect, 0):
            table.add_row(title, f"{number:,}")
    return table


def _print_effects(console: Console, title: str, effects: list[FindingEffect]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold", title=title, title_justify="left")
    for name in ("Severity", "Control", "Subject", "Reason"):
        table.add_column(name, overflow="fold")
    for effect in sorted(effects, key=lambda effect: effect.finding.severity.rank)[:_SHOWN]:
        finding = effect.finding
        cells = (finding.severity.value, finding.control, finding.subject, effect.reason)
        table.add_row(*(escape(visible(text)) for text in cells))
    console.print()
    console.print(table)
    if (more := len(effects) - _SHOWN) > 0:
        _say(console, f"{more:,} more: use --format json to see all.")
