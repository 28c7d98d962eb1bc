"""The Jinja environment of the reports: it escapes every value and refuses undefined ones."""

import base64
from functools import cache
from typing import Any, Final
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from scanner.model.finding import Finding, Status
from scanner.model.root_causes import RootCause
from scanner.report import wording
from scanner.report.cause_wording import cause_sentence
from scanner.report.commands.shell import folded
from scanner.report.view.assessment import score_sentence
from scanner.report.view.blast_radius import kind_word, tier_words
from scanner.report.view.changes import kinds, other_kinds
from scanner.report.view.counts import Counts
from scanner.report.view.coverage import headline_after_number
from scanner.report.view.requirement_words import (
    BADGES,
    baseline_words,
    checks_words,
    counts_words,
    failed_words,
    gaps_by_type,
    manual_sentence,
    obligation_words,
    pairing_badges,
    scope_sentence,
    standing_sentence,
    subject_bars,
    subjects_words,
    tally_sentence,
    with_failures,
)
from scanner.report.view.root_causes import explained
from scanner.report.view.timeline import fix_note
from scanner.report.view.trend_charts import charts, days_words, is_shown, score_words, severities_of
from scanner.resources import templates_folder

FONTS: Final = ("Inter-Regular.woff2", "Inter-SemiBold.woff2", "JetBrainsMono-Regular.woff2")

_SLIVER: Final = 0.7
"""Minimum width in percent of a part of a bar that is not zero."""


@cache
def environment() -> Environment:
    """Return the environment of all templates."""
    jinja = Environment(
        loader=FileSystemLoader(templates_folder()),
        autoescape=True,
        # A misspelled name would otherwise print nothing, which reads as "none".
        undefined=StrictUndefined,
        # Names may have characters that turn the direction of text and hide what is written.
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    jinja.filters.update(
        instant=wording.instant,
        day=wording.day,
        short=wording.short_name,
        address=_address,
        named=_named,
        title=wording.title,
        subtitle=wording.subtitle,
        number="{:,}".format,
        counted=wording.count_word,
        node_kind=kind_word,
        tier_words=tier_words,
        percent=wording.percent,
        clip=wording.clip,
        after_number=headline_after_number,
        score_sentence=score_sentence,
        standing_sentence=standing_sentence,
        tally_sentence=tally_sentence,
        checks_words=checks_words,
        counts_words=counts_words,
        subject_bars=subject_bars,
        subjects_words=subjects_words,
        gaps_by_type=gaps_by_type,
        failed_words=failed_words,
        with_failures=with_failures,
        pairing_badges=pairing_badges,
        manual_sentence=manual_sentence,
        baseline_words=baseline_words,
        obligation_words=obligation_words,
        scope_sentence=scope_sentence,
        meaning=wording.STATUS_MEANINGS.__getitem__,
        word=_word,
        type=wording.type_word,
        bars=bars,
        kinds=kinds,
        other_kinds=other_kinds,
        signed=_signed,
        cause=_cause,
        explained=explained,
        folded=folded,
        has_trend=is_shown,
        charts=charts,
        severities=severities_of,
        score_words=score_words,
        days_words=days_words,
        fix_note=fix_note,
        short_day=wording.short_day,
    )
    jinja.globals.update(badge_meanings=BADGES)
    return jinja


@cache
def asset(name: str) -> str:
    """Return the text of a style sheet or script."""
    return (templates_folder() / name).read_text("utf-8")


@cache
def font(name: str) -> bytes:
    """Return the bytes of a bundled font."""
    return (templates_folder() / "fonts" / name).read_bytes()


def font_url(name: str) -> str:
    """Return a bundled font as a data URL."""
    return f"data:font/woff2;base64,{base64.b64encode(font(name)).decode()}"


def bars(counts: Counts) -> tuple[tuple[Status, float, float], ...]:
    """Return a stacked bar of all checks that apply: status, left edge and width, in percent.

    Every part that is not zero is visible: narrow parts are widened at the expense of wide ones.
    """
    parts = [(status, number) for status, number in counts.parts() if status is not Status.NOT_APPLICABLE]
    widths = [max(_SLIVER, 100 * number / counts.asked) for _, number in parts]
    scale = 100 / sum(widths) if widths else 1
    laid, left = [], 0.0
    for (status, _), width in zip(parts, widths, strict=True):
        laid.append((status, round(left, 3), round(width * scale, 3)))
        left += width * scale
    return tuple(laid)


def _finalize(content: Any) -> Any:  # noqa: ANN401 -- whatever a template prints
    """Make hidden characters visible in every text that a template prints; markup is our own."""
    if isinstance(content, str) and not isinstance(content, Markup):
        return wording.visible(content)
    return content


def _address(text: str) -> str:
    """Return a text as part of a URL fragment; lone surrogates become question marks."""
    # A slash in an ARN would end the part of the address.
    return quote(text.encode(errors="replace"), safe="")


def _signed(number: int) -> str:
    return f"{number:+,}" if number else "0"


def _cause(cause: RootCause) -> str:
    """Return what is wrong, as a sentence."""
    sentence = cause_sentence(cause)
    return f"{sentence[:1].upper()}{sentence[1:]}."


def _named(finding: Finding) -> str:
    return wording.given_name(finding.details)


def _word(key: Any) -> str:  # noqa: ANN401 -- a status, a severity, or another of our own enumerations
    return (
        wording.STATUS_WORDS.get(key)
        or wording.SEVERITY_WORDS.get(key)
        or str(key).replace("_", " ").capitalize()
    )
