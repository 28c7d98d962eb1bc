"""The result of `audit what-if` as a table in a terminal."""

from typing import Final

from rich.markup import escape
from rich.table import Table

from scanner.cli.console import Console
from scanner.model.what_if import EFFECT_WORDS, HORIZON_WORDS, Effect, FindingEffect, Horizon, WhatIf
from scanner.report.wording import visible

_SHOWN: Final = 25
"""The most findings of one effect that the table names. The others are counted."""

_COUNTED: Final = frozenset({Effect.ADDED, Effect.UNCHANGED})
"""Effects whose findings the table does not list."""


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
