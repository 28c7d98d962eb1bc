"""The annex of the PDF: failed checks of the worst severities, one per row, up to a limit that it states."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from scanner.findings.filed import Filed
from scanner.findings.picks import Pair, first_findings
from scanner.model.finding import Finding, Severity, Status
from scanner.model.report_details import Annex
from scanner.report.formats.pdf_attachments import extent, where_all_are
from scanner.report.view.view import ControlView, View
from scanner.report.wording import count_word

MAX_ROWS: Final = 500
"""Maximum number of exceptions on the pages: about 20 pages, two seconds and a few megabytes of memory."""

_SEVERE: Final = (Severity.CRITICAL, Severity.HIGH)


@dataclass(frozen=True, slots=True)
class AnnexPart:
    """The exceptions of one control that fit; `total`: the number of all."""

    control: ControlView
    findings: tuple[Finding, ...]
    total: int


@dataclass(frozen=True, slots=True)
class AnnexView:
    """The annex. `sentence`: which exceptions it lists, how many of how many, and where all are."""

    parts: tuple[AnnexPart, ...]
    sentence: str


def annex_of(view: View, limit: int = MAX_ROWS) -> AnnexView:
    """Return the annex that audit.yaml or `--annex` chose; by default critical and high exceptions."""
    choice = view.details.annex or Annex.HIGH
    chosen = _chosen(view, choice)
    total = sum(control.counts.failed for control in chosen)
    wanted = _wanted(chosen, limit)
    exceptions = _by_control(view, wanted) if wanted else {}
    parts = tuple(
        AnnexPart(control, tuple(exceptions[control.control.id]), control.counts.failed)
        for control in chosen
        if exceptions.get(control.control.id)
    )
    return AnnexView(parts, _sentence(view, choice, sum(len(part.findings) for part in parts), total))


def _chosen(view: View, choice: Annex) -> list[ControlView]:
    """Return the controls with exceptions of the chosen severities: the worst severity first."""
    if choice is Annex.NONE:
        return []
    failed = (control for control in view.controls if control.counts.failed)
    severe = (control for control in failed if choice is Annex.ALL or control.control.severity in _SEVERE)
    return sorted(severe, key=lambda control: (control.control.severity.rank, control.control.id))


def _wanted(controls: Iterable[ControlView], limit: int) -> dict[Pair, int]:
    """Return how many exceptions of each control are listed: all, until the limit is reached."""
    wanted: dict[Pair, int] = {}
    room = limit
    for control in controls:
        if number := min(room, control.counts.failed):
            wanted[control.control.id, Status.FAIL] = number
            room -= number
    return wanted


def _by_control(view: View, wanted: Mapping[Pair, int]) -> dict[str, list[Finding]]:
    exceptions: dict[str, list[Finding]] = {}
    for finding in _first(view, wanted):
        exceptions.setdefault(finding.control, []).append(finding)
    return exceptions


def _first(view: View, wanted: Mapping[Pair, int]) -> Iterator[Finding]:
    """Yield the first exceptions of each control in filing order, without reading all into memory."""
    if isinstance(view.findings, Filed):
        with view.findings.database() as connection:
            yield from first_findings(view.findings, connection, wanted)
        return
    room = dict(wanted)
    for finding in view.findings:
        if room.get((finding.control, finding.status), 0):
            room[finding.control, finding.status] -= 1
            yield finding


_NAMES: Final = {Annex.HIGH: "critical and high exceptions", Annex.ALL: "exceptions of all severities"}


def _sentence(view: View, choice: Annex, shown: int, total: int) -> str:
    if choice is Annex.NONE:
        return f"The annex was left out (--annex none). {_where(view)}"
    if not total:
        return f"There are no {_NAMES[choice]}. Checks that could not be evaluated are not exceptions."
    rule = (
        "Exceptions are failed checks; waived ones are under Waivers, and checks that could not be evaluated "
        "are unknown. They are sorted by severity, control, account, Region and subject."
    )
    if shown == total:
        return f"All {_NAMES[choice]}: {total:,}. {rule}"
    return (
        f"The first {shown:,} of {count_word(total, 'exception')} ({_NAMES[choice]}), because the annex "
        f"lists at most {MAX_ROWS:,}. {rule} {_where(view)}"
    )


def _where(view: View) -> str:
    """Return where all exceptions are."""
    if extent(view).has_not_passed:
        return "The attached findings.csv has all exceptions."
    return where_all_are(view.manifest)
