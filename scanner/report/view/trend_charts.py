"""The series of scans as line charts: geometry in the units of a view box, the same for HTML and PDF."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil, floor, log10
from typing import Final

from scanner.model.finding import Severity
from scanner.model.timeline import Timeline, TrendPoint
from scanner.report.wording import day, percent

_LEFT: Final = 34.0
_RIGHT: Final = 270.0
_TOP: Final = 12.0
_BOTTOM: Final = 146.0
_LINE: Final = 13.0
"""The least distance of two labels."""
_DOTS: Final = 18
"""The most points that all have a dot; in a longer series only those without neighbours have one."""

FEWEST: Final = 3
"""The fewest points of a trend: two are what "Changes" compares."""

_DASHES: Final = ("", "7 3", "2 3", "9 3 2 3", "1 4")
"""Lines differ in their dashes, too: not every reader sees the colours, and paper may have none."""

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `paths`: its parts between gaps; `dots`: places to mark; `label_y`: of the last label."""

    key: str
    label: str
    paths: tuple[str, ...]
    dots: tuple[tuple[float, float], ...]
    label_y: float
    dash: str


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart. `ticks`: height and label; `breaks`: where the scans on both sides are not comparable."""

    key: str
    title: str
    description: str
    lines: tuple[Line, ...]
    ticks: tuple[tuple[float, str], ...]
    breaks: tuple[float, ...]
    first_day: str
    last_day: str


@dataclass(frozen=True, slots=True)
class _Series:
    key: str
    word: str
    values: Values
    digits: int = 0

    def shown(self, value: float) -> str:
        return f"{value:,.{self.digits}f}"


def is_shown(timeline: Timeline | None) -> bool:
    """Return whether a report has a section about the series."""
    return timeline is not None and len(timeline.points) >= FEWEST


def severities_of(timeline: Timeline) -> tuple[Severity, ...]:
    """Return the severities that some scan of the series has failures of, worst first."""
    return tuple(
        severity for severity in Severity if any(point.failed.get(severity) for point in timeline.points)
    )


def charts(timeline: Timeline) -> tuple[Chart, ...]:
    """Return the charts of a series: failures by severity, unknown checks, the score, the time to fix."""
    points = timeline.points
    failures = [
        _Series(
            severity.value, severity.value.capitalize(), [point.failed.get(severity, 0) for point in points]
        )
        for severity in severities_of(timeline)
    ]
    unknown = _Series("unknown", "Unknown", [point.unknown for point in points])
    score = _Series("score", "Score", [point.score for point in points], digits=1)
    fixes = _Series("fixes", "Days", [point.fix_days for point in points], digits=1)
    none = _Series("none", "Failures", [0 for _ in points])
    return (
        _chart("failures", "Failures by severity", failures or [none], points),
        _chart("unknown", "Checks that could not be evaluated", [unknown], points),
        _chart("score", "Score, of 100", [score], points, top=100),
        _chart("fixes", "Median days to fix", [fixes], points),
    )


def _chart(
    key: str, title: str, series: Sequence[_Series], points: Sequence[TrendPoint], top: float | None = None
) -> Chart:
    numbers = [value for line in series for value in line.values if value is not None]
    top = top or _nice(max(numbers, default=1))
    across = _across([point.evaluated_as_of for point in points])
    # Every line ends where what is counted changes, even that of fixes.
    broken = [bool(point.differences) for point in points]
    heights = [_label_height(line.values, top) for line in series]
    placed = _apart(heights)
    lines = tuple(
        _line(line, across, broken, top, label_y, dash)
        for line, label_y, dash in zip(series, placed, _DASHES, strict=False)
    )
    return Chart(
        key=key,
        title=title,
        description=" ".join(_sentence(line, points) for line in series),
        lines=lines,
        ticks=tuple((_height(share * top, top), _tick(share * top)) for share in (0, 0.5, 1)),
        breaks=tuple(
            round((across[number - 1] + across[number]) / 2, 1)
            for number, is_broken in enumerate(broken)
            if is_broken and number
        ),
        first_day=day(points[0].evaluated_as_of),
        last_day=day(points[-1].evaluated_as_of),
    )


def _line(  # noqa: PLR0913, PLR0917 -- a line and where it is drawn
    series: _Series, across: Sequence[float], broken: Sequence[bool], top: float, label_y: float, dash: str
) -> Line:
    parts: list[list[tuple[float, float]]] = []
    is_open = False
    for x, value, is_broken in zip(across, series.values, broken, strict=True):
        if value is None:
            is_open = False
            continue
        if not is_open or is_broken:
            parts.append([])
        parts[-1].append((x, _height(value, top)))
        is_open = True
    dots = [place for part in parts for place in part if len(across) <= _DOTS or len(part) == 1]
    last = next((value for value in reversed(series.values) if value is not None), None)
    label = f"{series.word} {'none' if last is None else series.shown(last)}"
    return Line(
        key=series.key,
        label=label,
        paths=tuple("M" + " L".join(f"{x:g} {y:g}" for x, y in part) for part in parts if len(part) > 1),
        dots=tuple(dots),
        label_y=label_y,
        dash=dash,
    )


def _across(times: Sequence[datetime]) -> list[float]:
    """Return the place of each time, to scale: scans need not be equally far apart."""
    first, length = times[0], times[-1] - times[0]
    return [round(_LEFT + (_RIGHT - _LEFT) * ((time - first) / length), 1) for time in times]


def _height(value: float, top: float) -> float:
    return round(_BOTTOM - (_BOTTOM - _TOP) * value / top, 1)


def _label_height(values: Values, top: float) -> float:
    last = next((value for value in reversed(values) if value is not None), 0)
    return _height(last, top)


def _apart(heights: Sequence[float]) -> list[float]:
    """Return heights that are at least a line apart, in the same order, within the chart."""
    order = sorted(range(len(heights)), key=lambda number: (heights[number], number))
    placed = list(heights)
    lowest = _TOP - _LINE
    for number in order:
        placed[number] = lowest = max(placed[number], lowest + _LINE)
    # From below, where the last ones would leave the chart.
    highest = _BOTTOM + _LINE
    for number in reversed(order):
        placed[number] = highest = min(placed[number], highest - _LINE)
    return [round(height, 1) for height in placed]


def _nice(number: float) -> float:
    """Return the end of an axis: the next of 2, 4, 6, 8, 10 times a power of ten."""
    if number <= 2:  # noqa: PLR2004 -- an axis of two is short enough
        return 2
    power: float = 10 ** floor(log10(number))
    step = 2 * power if number > 2 * power else power
    return ceil(number / step) * step


def _tick(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")


def _sentence(series: _Series, points: Sequence[TrendPoint]) -> str:
    """Return the line in words, for readers who do not see it."""
    values = [(point, value) for point, value in zip(points, series.values, strict=True) if value is not None]
    if not values:
        return f"{series.word}: none."
    (first, was), (last, now) = values[0], values[-1]
    numbers = [value for _, value in values]
    return (
        f"{series.word}: {series.shown(was)} on {day(first.evaluated_as_of)}, {series.shown(now)} on "
        f"{day(last.evaluated_as_of)}, between {series.shown(min(numbers))} and {series.shown(max(numbers))}."
    )


def sparkline(values: Values, broken: Sequence[bool]) -> str:
    """Return a line of blocks, from 0 to the largest value, with gaps where scans are not comparable."""
    top = max((value for value in values if value is not None), default=0) or 1
    text = ""
    for value, is_broken in zip(values, broken, strict=True):
        text += " " if is_broken else ""
        text += " " if value is None else _BLOCKS[min(len(_BLOCKS) - 1, int(value / top * len(_BLOCKS)))]
    return text


_BLOCKS: Final = "▁▂▃▄▅▆▇█"


def score_words(point: TrendPoint) -> str:
    """Return the score of a point as text."""
    return "none" if point.score is None else percent(point.score)


def days_words(days: float | None) -> str:
    """Return a number of days as text."""
    return "-" if days is None else f"{days:,.1f}"
