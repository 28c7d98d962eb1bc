"""`audit check`: test before the first scan whether it could read what it needs."""

import json
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from scanner.app.access import access_document
from scanner.app.access import check as check_access
from scanner.cli import options
from scanner.cli.collect_actions import collect_request
from scanner.cli.console import Console, echo_json
from scanner.cli.exits import INCOMPLETE, guarded
from scanner.cli.options import ScopeOptions
from scanner.cli.progress import wide_console
from scanner.cli.scan.requests import settings_of
from scanner.model.access import AccessReport, AccessResult, AccessRow, AccessStep
from scanner.report.wording import visible

_RESULTS: Final = (
    (AccessResult.OK, "ok", "green"),
    (AccessResult.DENIED, "denied", "red"),
    (AccessResult.UNKNOWN, "unknown", "yellow"),
    (AccessResult.SKIPPED, "not called", "dim"),
)
_MOST_PLACES: Final = 3


class CheckFormat(StrEnum):
    """The output format."""

    TABLE = "table"
    JSON = "json"


FormatOption = Annotated[CheckFormat, typer.Option("--format", help="The output format.")]


def check(  # noqa: PLR0913 -- the options of the scope, as for `run`
    *,
    org: options.Organization = False,
    account: options.Accounts = None,
    ou: options.Units = None,
    region: options.Regions = None,
    role_name: options.RoleName = None,
    external_id: options.ExternalId = None,
    profile: options.Profile = None,
    concurrency: options.Concurrency = 16,
    config: options.Config = None,
    format_: FormatOption = CheckFormat.TABLE,
    quiet: options.Quiet = False,
) -> None:
    """Check the identity, the organization, the role in every account and one read of each service there.

    Nothing is written. Exits 4 if something is missing, and prints what to do about it. Reads are tested in
    one Region of each account; a call that was throttled or not answered counts as unknown, not as denied.
    """
    scope = ScopeOptions(org, account, ou, region, role_name, external_id, profile, concurrency)
    raise typer.Exit(guarded(lambda: show_access(scope, config, format_.value, quiet=quiet)))


def show_access(scope: ScopeOptions, config: Path | None, format_: str, *, quiet: bool) -> int:
    """Check the access of a scan and print it. Returns 4 if something is missing."""
    request = collect_request(settings_of(config), scope)
    # On stderr and transient: standard output has the result alone, so it can be piped.
    with Progress(console=Console(stderr=True), transient=True, disable=quiet) as bar:
        task = bar.add_task("Checking access")
        report = check_access(request, lambda done, of: bar.update(task, completed=done, total=of))
    if format_ == "json":
        echo_json(json.dumps(access_document(report), indent=2, ensure_ascii=False))
    else:
        print_report(report, wide_console())
    # The code of an incomplete scan, which a scan with this access would be.
    return 0 if report.is_complete else INCOMPLETE


def print_report(report: AccessReport, console: Console) -> None:
    """Print the numbers of each check, what is missing, and a conclusion."""
    console.print(f"Caller: {escape(report.caller_arn)}")
    if report.accounts:
        console.print(f"Accounts: {len(report.accounts)}, Regions: {len(report.regions)}")
    for account, reason in report.excluded:
        console.print(f"  not {escape(account)}: {escape(visible(reason))}")
    console.print()
    console.print(_numbers(report.rows))
    if missing := [row for row in report.rows if row.fix]:
        console.print()
        console.print(_missing(missing))
    console.print()
    console.print(_conclusion(report))


def _numbers(rows: Iterable[AccessRow]) -> Table:
    """Build a table of operations with the number of accounts by result."""
    counts: dict[tuple[AccessStep, str], Counter[AccessResult]] = {}
    for row in rows:
        counts.setdefault((row.step, row.operation), Counter())[row.result] += 1
    table = Table(title="Access", title_justify="left", header_style="bold", pad_edge=False, box=None)
    table.add_column("check")
    table.add_column("operation")
    for _, title, _ in _RESULTS:
        table.add_column(title, justify="right")
    # In the order of the steps: an account that cannot be entered explains its missing reads.
    for (step, operation), numbers in sorted(
        counts.items(), key=lambda count: [*AccessStep].index(count[0][0])
    ):
        cells = [
            f"[{style}]{numbers[result]}[/]" if numbers[result] else "[dim]-[/]"
            for result, _, style in _RESULTS
        ]
        table.add_row(step.value, escape(operation), *cells)
    return table


def _missing(rows: Iterable[AccessRow]) -> Table:
    """Build a table of missing access; rows with the same result and fix are merged."""
    groups: dict[tuple[str, ...], list[AccessRow]] = {}
    for row in rows:
        # The account in the advice would keep otherwise equal rows apart.
        fix = row.fix.replace(row.account, "ACCOUNT") if row.account else row.fix
        key = (row.operation, row.result.value, row.code, fix, row.statement)
        groups.setdefault(key, []).append(row)
    table = Table(
        title="What is missing", title_justify="left", header_style="bold", pad_edge=False, box=None
    )
    for column in ("operation", "where", "answer", "what to do"):
        table.add_column(column, overflow="fold")
    for (operation, result, code, fix, statement), members in groups.items():
        first = members[0]
        answer = ": ".join(filter(None, (code, " ".join(visible(first.message).split()))))
        to_do = first.fix if len(members) == 1 else fix
        advice = f"{to_do} Statement: {statement}" if statement else to_do
        table.add_row(
            escape(operation),
            escape(_places(members)),
            f"{result}: {escape(answer)}",
            escape(visible(advice)),
        )
    return table


def _places(rows: list[AccessRow]) -> str:
    names = [f"{row.account}/{row.region}" for row in rows]
    more = len(names) - _MOST_PLACES
    return ", ".join(names[:_MOST_PLACES]) + (f" and {more} more" if more > 0 else "")


def _conclusion(report: AccessReport) -> str:
    if report.is_complete:
        return "[green]Everything that was checked can be read. Start the scan with `audit run`.[/]"
    denied, unknown = report.number(AccessResult.DENIED), report.number(AccessResult.UNKNOWN)
    roles = [row for row in report.rows if row.step is AccessStep.ROLE]
    # Reads of accounts that could not be entered were never tested, so their number is stated.
    closed = sum(row.result is not AccessResult.OK for row in roles)
    entered = (
        f" {closed} of {len(roles)} accounts could not be entered; their reads were not tested."
        if closed
        else ""
    )
    return f"[yellow]{denied} checks were denied and {unknown} not answered.{entered}[/]"
