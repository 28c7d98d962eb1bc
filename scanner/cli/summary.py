"""The table at the end of a scan: what each control found, in numbers with their denominators."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from scanner.app.judgement import Outcome
from scanner.evaluate.compliance.assessment import NONE, NOT_KNOWN
from scanner.model.compliance import Assessment, Figures
from scanner.model.finding import Status
from scanner.model.reach import unread_accounts
from scanner.model.scan import Scan
from scanner.model.waivers import WaiverState, WaiverUse
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


def tier_lines(scan: Scan) -> Iterator[str]:
    """Say what passes in each tier, and how many overrides there are."""
    groups = scan.assessment.score.groups.get("tier", {}) if scan.assessment else {}
    if scan.tiers.tiers:
        names = (*(tier.name for tier in scan.tiers.tiers), NONE, NOT_KNOWN)
        told = (_tier(name, groups.get(name, Figures())) for name in names)
        yield f"Tiers: {'; '.join(filter(None, told))}."
    if number := len(scan.tiers.overrides):
        yield f"{number} {'override sets' if number == 1 else 'overrides set'} other parameters."


def _tier(name: str, figures: Figures) -> str:
    words = {NONE: "no tier", NOT_KNOWN: "tier unknown"}.get(name, name)
    if not figures.total:
        return f"{words} matches nothing" if name not in (NONE, NOT_KNOWN) else ""
    return f"{words} {figures.passed:,} of {figures.judged:,} pass, {figures.open:,} unknown"


def waiver_lines(scan: Scan) -> Iterator[str]:
    """Say which waivers do not do what they were made for."""
    return (line for each in scan.waivers if (line := _waiver(each)))


def _waiver(use: WaiverUse) -> str:
    name = f"Waiver {use.waiver.id}"
    match use.state:
        case WaiverState.EXPIRED:
            back = f"{use.covers:,} {'failure counts' if use.covers == 1 else 'failures count'} again"
            return f"{name} expired on {use.waiver.expires}: {back}."
        case WaiverState.UNUSED:
            return f"{name} covers no failure."
        case WaiverState.UNDECIDED:
            return f"{name} covers no failure; {use.open:,} of its findings are unknown."
        case _:
            return ""
