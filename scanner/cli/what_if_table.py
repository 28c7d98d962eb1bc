"""The result of `audit what-if` in a terminal: readable at 80 columns, with ARNs in one piece."""

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from rich.markup import escape

from scanner.cli.console import Console
from scanner.model.planning.what_if import EFFECT_WORDS, HORIZON_WORDS, Effect, FindingEffect, Horizon, WhatIf
from scanner.report.formats.what_if.markdown import NOTHING, answer
from scanner.report.wording import visible

_SHOWN: Final = 25
"""The most findings of one effect that are named. The others are counted."""

_COUNTED: Final = frozenset({Effect.ADDED, Effect.UNCHANGED})
"""Effects whose findings are not listed."""
_WIDEST: Final = 100
_INDENT: Final = "    "


def print_what_if(result: WhatIf, console: Console) -> None:
    """Print the answer, the changes, what could not be judged, and the findings that change."""
    for change in result.changes:
        _say(console, f"{change.title}  [dim]{escape(visible(str(change.origin)))}[/]", is_markup=True)
    for note in result.notes:
        _say(console, f"note: {note}")
    for problem in result.not_judged:
        _say(console, f"not judged: {problem.origin}: {problem.why}")
    if result.ignored:
        _say(console, f"{result.ignored:,} changes of other resources are not judged.")
    if not result.changes:
        if not result.not_judged:
            _say(console, NOTHING)
        return
    console.print()
    text = answer(result)
    _say(console, f"[bold]{text[0].upper()}{text[1:]}.[/]", is_markup=True)
    _print_counts(result, console)
    for horizon in Horizon:
        of_horizon = [effect for effect in result.effects if effect.horizon is horizon]
        for kind in Effect:
            listed = [effect for effect in of_horizon if effect.effect is kind]
            if listed and kind not in _COUNTED:
                console.print()
                _say(console, f"{EFFECT_WORDS[kind]}. {HORIZON_WORDS[horizon]}")
                _print_effects(console, listed, is_removed=kind is Effect.REMOVED)


def _say(console: Console, text: str, *, is_markup: bool = False) -> None:
    console.print(text if is_markup else escape(visible(text)), soft_wrap=True, highlight=False)


def _print_counts(result: WhatIf, console: Console) -> None:
    for effect, title in EFFECT_WORDS.items():
        if number := result.counts.get(effect, 0):
            _say(console, f"{number:>9,}  {title.lower()}")
    if result.first_run:
        _say(console, f"{'':>9}  of the new failures, {result.first_run:,} end with the first backup")
    if result.first_plan:
        text = f"of the new failures, {result.first_plan:,} are of resources that were in no plan"
        _say(console, f"{'':>9}  {text}")


def _print_effects(console: Console, effects: Sequence[FindingEffect], *, is_removed: bool) -> None:
    if is_removed:
        # Removed subjects have a finding for each control, of which one line is enough.
        numbers = Counter(effect.finding.subject for effect in effects)
        lines = [f"  {subject}: {number:,} checks" for subject, number in numbers.most_common(_SHOWN)]
        shown = len(numbers)
    else:
        ordered = sorted(effects, key=lambda effect: effect.finding.severity.rank)[:_SHOWN]
        width = min(console.width, _WIDEST)
        lines = [line for effect in ordered for line in _lines(effect, width)]
        shown = len(effects)
    for line in lines:
        _say(console, line)
    if (more := shown - _SHOWN) > 0:
        _say(console, f"{more:,} more: use --format json to see all.")


def _lines(effect: FindingEffect, width: int) -> Iterator[str]:
    """Yield a finding: severity and control, its subject, and the reason."""
    finding = effect.finding
    yield f"  {finding.severity.value:<8}  {finding.control}"
    yield f"{_INDENT}{finding.subject}"
    yield from textwrap.wrap(
        effect.reason,
        width,
        initial_indent=_INDENT,
        subsequent_indent=_INDENT,
        # ARNs stay in one piece, to be copied.
        break_long_words=False,
        break_on_hyphens=False,
    )
