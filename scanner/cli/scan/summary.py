"""The summary of an evaluated scan: what fails, what could not be read, why, and what to type next.

It fits a screen of 80 columns. Reports have everything that is left out here.
"""

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from rich.markup import escape
from rich.table import Table

from scanner.app.judgement import Outcome
from scanner.cli.console import Console
from scanner.evaluate.compliance.assessment import NONE, NOT_KNOWN
from scanner.model.compliance import Assessment, Figures
from scanner.model.decisions import WaiverState, WaiverUse
from scanner.model.finding import Status
from scanner.model.manifest import unread_accounts
from scanner.model.scan import Scan
from scanner.report.cause_wording import cause_sentence
from scanner.report.view.assessment import score_sentence
from scanner.report.view.view import ControlView, View
from scanner.report.wording import count_word
from scanner.storage.place import is_place

CONTROLS: Final = 10
"""Controls that the summary lists."""

CAUSES: Final = 3
_WAIVERS: Final = 3
_COPY: Final = "scan"
"""The folder that the commands for a scan in S3 copy it to."""

_FAILURES: Final = "SELECT subject, reason FROM findings WHERE control = '{}' AND status = 'fail'"
_UNKNOWN: Final = "SELECT control, count(*) FROM findings WHERE status = 'unknown' GROUP BY ALL"

_STATUSES: Final = (
    (Status.PASS, "pass", "green"),
    (Status.FAIL, "fail", "red"),
    (Status.WAIVED, "waived", "cyan"),
    (Status.UNKNOWN, "unknown", "yellow"),
    (Status.ERROR, "error", "magenta"),
)
_COLUMNS: Final = (
    (Status.ERROR, "error", "magenta"),
    (Status.FAIL, "fail", "red"),
    (Status.UNKNOWN, "unknown", "yellow"),
    (Status.PASS, "pass", "green"),
)
_ALWAYS_COUNTED: Final = (Status.PASS, Status.FAIL, Status.UNKNOWN)


def print_summary(outcome: Outcome, shown: Callable[[Path], str], console: Console, place: str) -> None:
    """Print the summary of an evaluated scan. `shown` returns where a file is found; `place`: the scan."""
    view = outcome.view
    # Sentences are wrapped at spaces where a terminal would break them anywhere; commands are to be copied.
    is_whole = not console.is_terminal
    console.print()
    for line in headline(view):
        console.print(line, soft_wrap=is_whole, highlight=False)
    if controls := worst_controls(view.controls):
        console.print()
        console.print(_table(controls))
        if sentence := _left_out(view.controls, controls):
            console.print(sentence, style="dim", soft_wrap=is_whole, highlight=False)
    console.print(_completeness(view.scan), soft_wrap=is_whole)
    for style, line in _notes(view):
        console.print(escape(line), style=style, soft_wrap=is_whole, highlight=False)
    console.print()
    for written in outcome.written:
        console.print(f"  {escape(shown(written.path))}", highlight=False, soft_wrap=True)
    console.print("\n[bold]Next[/]")
    for command in next_commands(view, place):
        console.print(f"  {escape(command)}", highlight=False, soft_wrap=True)


def headline(view: View) -> Iterator[str]:
    """Yield how many resources are unprotected and checks failed, and the score, as rich's markup."""
    counts = view.counts
    if view.headline:
        yield f"[bold]{escape(view.headline)}[/]"
    failed = f"{counts.failed:,} of {counts.judged:,} evaluated checks failed"
    unknown = f"; {counts.unknown:,} could not be evaluated" if counts.unknown else ""
    yield f"{failed}{unknown}."
    if counts.error:
        yield f"[magenta]{count_word(counts.error, 'check')} ended with an error.[/]"
    if view.scan.assessment is not None:
        yield _score(view.scan.assessment)
    if view.selection_sentence:
        yield escape(view.selection_sentence)


def worst_controls(controls: Iterable[ControlView]) -> tuple[ControlView, ...]:
    """Return the controls to list: those with errors, then the most severe with most failures."""
    failing = [row for row in controls if row.counts.failed or row.counts.error]
    # Errors first: a control that broke is a mistake of the program or its author.
    failing.sort(
        key=lambda row: (
            -row.counts.error,
            row.control.severity.rank,
            -row.counts.failed,
            row.control.id,
        )
    )
    return tuple(failing[:CONTROLS])


def _table(controls: Sequence[ControlView]) -> Table:
    shown = [column for column in _COLUMNS if any(row.counts.of(column[0]) for row in controls)]
    table = Table(title="Worst controls", title_justify="left", title_style="bold", pad_edge=False, box=None)
    table.add_column("control", header_style="dim", overflow="fold")
    table.add_column("severity", header_style="dim")
    for _, title, _ in shown:
        table.add_column(title, justify="right", header_style="dim")
    for row in controls:
        numbers = [(row.counts.of(status), style) for status, _, style in shown]
        cells = [f"[{style}]{number:,}[/]" if number else "[dim]-[/]" for number, style in numbers]
        table.add_row(escape(row.control.id), row.control.severity.value, *cells)
    return table


def _left_out(controls: Sequence[ControlView], listed: Sequence[ControlView]) -> str:
    """Return how many controls are not listed; empty: all that fail are, and none is unknown."""
    failing = sum(bool(row.counts.failed or row.counts.error) for row in controls) - len(listed)
    unknown = sum(
        bool(row.counts.unknown and not (row.counts.failed or row.counts.error)) for row in controls
    )
    more = [f"{count_word(failing, 'more control')} with failures"] if failing else []
    more += [f"{unknown:,} with unknown checks only"] if unknown else []
    return f"and {', '.join(more)}" if more else ""


def _score(assessment: Assessment) -> str:
    """Return the score as one line with its numerator, denominator and number of unknown checks."""
    total = assessment.score.total
    if assessment.score.withheld:
        return f"Score: none; {assessment.score.withheld}."
    # Without any evaluated check a share would be a division by zero, and no share is not 0 %.
    if total.score is None:
        return f"Score: none; no check of a resource could be evaluated ({total.open:,} unknown)."
    share = score_sentence(total)
    score = f"[bold]Score {int(total.score * 10) / 10:g} of 100[/]"
    return f"{score}, weighted by severity ({share})."


def _completeness(scan: Scan) -> str:
    scope = scan.manifest.scope
    # Every account has every Region of the scope, enabled or not.
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


def _notes(view: View) -> Iterator[tuple[str, str]]:
    """Yield the remaining sentences, each with its style."""
    if sentence := view.unsupported_sentence:
        yield "yellow", sentence
    for line in cause_lines(view):
        yield "", line
    for line in tier_lines(view.scan):
        yield "", line
    waivers = tuple(waiver_lines(view.scan))
    for line in waivers[:_WAIVERS]:
        yield "yellow", line
    if more := len(waivers) - _WAIVERS if len(waivers) > _WAIVERS else 0:
        yield "yellow", f"{count_word(more, 'more waiver')} expired or cover no failure."


def cause_lines(view: View) -> Iterator[str]:
    """Yield how many failures root causes explain, and those that explain most."""
    summary, shown = view.scan.root_causes, view.root_causes[:CAUSES]
    if summary is None or not shown:
        return
    causes = count_word(summary.number, "root cause")
    first = f", the first {len(shown)}" if len(shown) < summary.number else ""
    yield f"\n{summary.traced:,} of {summary.failures:,} failures have {causes}{first}:"
    for count in shown:
        sentence = cause_sentence(count.cause)
        where = "/".join(filter(None, (count.cause.account, count.cause.region)))
        yield f"  {count.failures:>5,}  {sentence[0].upper()}{sentence[1:]} ({where})."


def next_commands(view: View, place: str) -> Iterator[str]:
    """Yield the three commands to type next: the worst resource, the worst control, what is unknown.

    A scan in S3 is copied first, since its tables are read from a folder.
    """
    folder = place
    # A copy of the scan is needed once, for all commands that follow.
    if is_place(place):
        folder = _COPY
        yield f"aws s3 cp --recursive {shlex.quote(place)} {folder}"
    scan = shlex.quote(folder)
    failing = worst_controls(view.controls)
    if failing and (subject := next(iter(view.worst_subjects), "")):
        yield f"audit explain {scan} {shlex.quote(subject)}"
    if failing:
        yield _query(scan, _FAILURES.format(failing[0].control.id))
    # Two commands after the copy are enough for one screen.
    if is_place(place) and failing:
        return
    if view.counts.unknown:
        yield _query(scan, _UNKNOWN)
    else:
        yield f"audit verify {scan}"
    if not failing:
        yield f"audit report {scan} --format summary"


def _query(scan: str, sql: str) -> str:
    return f'audit query {scan} "{sql}"'


def one_line(view: View) -> str:
    """Return the counts and the score in one line, for logs and scheduled mails."""
    counts = ", ".join(
        f"{view.counts.of(status):,} {title}"
        for status, title, _ in _STATUSES
        if view.counts.of(status) or status in _ALWAYS_COUNTED
    )
    assessment = view.assessment
    score = assessment.score.total.score if assessment is not None else None
    # Rounded down: 99.96 must not be shown as 100.
    return f"{counts}; score {'none' if score is None else f'{int(score * 10) / 10:g} of 100'};"


def tier_lines(scan: Scan) -> Iterator[str]:
    """Yield a line about the passed checks of each tier, and one about overrides."""
    groups = scan.assessment.score.groups.get("tier", {}) if scan.assessment else {}
    if scan.tiers.tiers:
        names = (*(tier.name for tier in scan.tiers.tiers), NONE, NOT_KNOWN)
        tiers = (_tier(name, groups.get(name, Figures())) for name in names)
        yield f"Tiers: {'; '.join(filter(None, tiers))}."
    if number := len(scan.tiers.overrides):
        yield f"{number} {'override sets' if number == 1 else 'overrides set'} other parameters."


def _tier(name: str, figures: Figures) -> str:
    words = {NONE: "no tier", NOT_KNOWN: "tier unknown"}.get(name, name)
    if not figures.total:
        return f"{words} matches nothing" if name not in (NONE, NOT_KNOWN) else ""
    return f"{words} {figures.passed:,} of {figures.judged:,} pass, {figures.open:,} unknown"


def waiver_lines(scan: Scan) -> Iterator[str]:
    """Yield a line for each waiver that has expired, will expire or covers nothing."""
    return (line for use in scan.waivers if (line := _waiver(use)))


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
