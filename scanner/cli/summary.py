"""The table at the end of a scan: what each control found, in numbers with their denominators."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from scanner.app.judgement import Outcome
from scanner.cli.settled import tier_lines, waiver_lines
from scanner.model.compliance import Assessment
from scanner.model.finding import Status
from scanner.model.reach import unread_accounts
from scanner.model.scan import Scan
from scanner.report.view.view import View

_COLUMNS: Final = (
    (Status.PASS, "pass", "green"),
    (Status.FAIL, "fail", "red"),
    (Status.WAIVED, "waived", "cyan"),
    (Status.UNKNOWN, "unknown", "yellow"),
    (Status.NOT_APPLICABLE, "n/a", "dim"),
    (Status.ERROR, "error", "magenta"),
)

_ALWAYS_COUNTED: Final = (Status.PASS, Status.FAIL, Status.UNKNOWN)


def print_summary(outcome: Outcome, shown: Callable[[Path], str], console: Console) -> None:
    """Print the summary of a judged scan. `shown` says where a file is found."""
    scan = outcome.view.scan
    console.print()
    console.print(_table(outcome.view))
    if scan.assessment is not None:
        console.print(f"\n{_score(scan.assessment)}", soft_wrap=True, highlight=False)
    console.print(_completeness(scan), soft_wrap=True)
    if sentence := outcome.view.unsupported_sentence:
        console.print(f"[yellow]{escape(sentence)}[/]", soft_wrap=True, highlight=False)
    for line in tier_lines(scan):
        console.print(escape(line), soft_wrap=True, highlight=False)
    for line in waiver_lines(scan):
        console.print(f"[yellow]{escape(line)}[/]", soft_wrap=True, highlight=False)
    for written in outcome.written:
        console.print(f"  {escape(shown(written.path))}", highlight=False, soft_wrap=True)


def one_line(view: View) -> str:
    """Return the counts and the score in one line, for logs and mails of a schedule."""
    counts = ", ".join(
        f"{view.counts.of(status):,} {title}"
        for status, title, _ in _COLUMNS
        if status is not Status.NOT_APPLICABLE and (view.counts.of(status) or status in _ALWAYS_COUNTED)
    )
    assessment = view.assessment
    score = assessment.score.total.score if assessment is not None else None
    return f"{counts}; score {'none' if score is None else f'{int(score * 10) / 10:g} of 100'};"


def _table(view: View) -> Table:
    shown = _COLUMNS if view.counts.error else _COLUMNS[:-1]
    table = Table(title="Findings", title_justify="left", header_style="bold", pad_edge=False, box=None)
    table.add_column("control")
    table.add_column("severity")
    for _, title, _ in shown:
        table.add_column(title, justify="right")
    for each in sorted(view.controls, key=lambda each: (each.control.severity.rank, each.control.id)):
        numbers = [(each.counts.of(status), style) for status, _, style in shown]
        cells = [f"[{style}]{number}[/]" if number else "[dim]-[/]" for number, style in numbers]
        table.add_row(escape(each.control.id), each.control.severity.value, *cells)
    return table


def _score(assessment: Assessment) -> str:
    """Say the score in one line, with its numerator and denominator, and what is open beside it."""
    total = assessment.score.total
    if assessment.score.withheld:
        return f"Score: none; {assessment.score.withheld}."
    if total.score is None:
        return f"Score: none; no check could be evaluated ({total.open:,} unknown)."
    share = f"{total.passed:,} of {total.judged:,} evaluated checks passed"
    score = f"[bold]Score {int(total.score * 10) / 10:g} of 100[/]"
    return f"{score}, weighted by severity ({share}); {total.open:,} unknown."


def _completeness(scan: Scan) -> str:
    scope = scan.manifest.scope
    places = len(scope.accounts) * len(scope.regions)
    if not scan.gaps:
        return f"\nAll {places} account-Regions were fully read."
    where = len({(gap.account, gap.region) for gap in scan.gaps})
    unread = len(unread_accounts(scan.manifest))
    accounts = f" Of {len(scope.accounts)} accounts {unread} could not be read at all." if unread else ""
    return (
        f"\n[yellow]{len(scan.gaps)} reads are missing in {where} account-Regions; {places} are in scope."
        f"{accounts} Checks that need a missing read are unknown.[/]"
    )
