"""The trend of a series of scans in summary.md: a line of blocks for each figure, and the times to fix."""

from collections.abc import Iterator, Sequence
from typing import Final

from scanner.model.timeline import FixTimes, Timeline
from scanner.report.view.timeline import fix_note
from scanner.report.view.trend_charts import (
    Values,
    days_words,
    is_shown,
    score_words,
    severities_of,
    sparkline,
)
from scanner.report.wording import count_word, day

_MOST: Final = 26
"""The most scans of a line: half a year of weekly ones."""

_GAPS: Final = (
    " A gap in a line: the scans are not comparable, since controls, parameters or the scope changed."
)
_HEAD: Final = (
    "| Time to fix | Fixed | Median days | Still failing | For days (median) | Half are fixed after days |"
)


def trend_md(timeline: Timeline | None) -> str:
    """Return the section, after an empty line; empty: the series is too short."""
    if timeline is None or not is_shown(timeline):
        return ""
    points = timeline.points[-_MOST:]
    broken = [bool(point.differences) for point in points]
    first, last = day(points[0].evaluated_as_of), day(points[-1].evaluated_as_of)
    rows = "\n".join(
        f"| {name} | `{sparkline(values, [False, *broken[1:]])}` | {was} | {now} |"
        for name, values, was, now in _lines(timeline, len(points))
    )
    scans = count_word(len(points), "scan")
    parts = [
        f"**Trend** of {scans}, from {first} to {last}.{_GAPS if any(broken[1:]) else ''}",
        f"| | Course | Then | Now |\n|---|---|---:|---:|\n{rows}",
    ]
    if timeline.fix_times:
        times = "\n".join(map(_fix_row, timeline.fix_times))
        parts += [f"{_HEAD}\n|---|---:|---:|---:|---:|---:|\n{times}", fix_note(timeline)]
    return "\n\n" + "\n\n".join(parts)


def _lines(timeline: Timeline, number: int) -> Iterator[tuple[str, Values, str, str]]:
    points = timeline.points[-number:]
    series: list[tuple[str, Values, Sequence[str]]] = []
    for severity in severities_of(timeline):
        numbers = [point.failed.get(severity, 0) for point in points]
        series.append((f"{severity.value.capitalize()} failures", numbers, [f"{n:,}" for n in numbers]))
    unknown = [point.unknown for point in points]
    series.append(("Could not be evaluated", unknown, [f"{n:,}" for n in unknown]))
    series.append(("Score", [point.score for point in points], [score_words(point) for point in points]))
    fixes = [point.fix_days for point in points]
    series.append(("Median days to fix", fixes, [days_words(number) for number in fixes]))
    for name, values, words in series:
        yield name, values, words[0], words[-1]


def _fix_row(times: FixTimes) -> str:
    name = times.severity.value.capitalize() if times.severity else "All"
    half = "not yet" if times.half_days is None else days_words(times.half_days)
    medians = (days_words(days) for days in (times.median_days, times.open_days))
    median, open_days = medians
    return f"| {name} | {times.fixed:,} | {median} | {times.open:,} | {open_days} | {half} |"
