"""A what-if as Markdown, for a comment on a pull request."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from scanner.model.what_if import EFFECT_WORDS, HORIZON_WORDS, Effect, FindingEffect, Horizon, WhatIf
from scanner.report.formats.markdown import cell, code, inert

MARKER: Final = "<!-- vaultproof what-if -->"
"""The first line: whoever posts the comment finds the earlier one by it, and replaces it."""

_SHOWN: Final = 10
"""The most rows of a table, so that a comment stays below GitHub's 65,536 characters."""
_LISTED: Final = (Effect.NEW, Effect.NEWLY_UNKNOWN, Effect.FIXED, Effect.REMOVED, Effect.CHANGED)
_FOLDED: Final = frozenset({Effect.REMOVED, Effect.CHANGED})
"""Effects whose tables are folded."""


def what_if_markdown(result: WhatIf) -> str:
    """Return the comment: a summary, what could not be judged, and the findings that change."""
    return "\n".join((MARKER, *_head(result), *_not_judged(result), *_findings(result), ""))


def _head(result: WhatIf) -> Iterator[str]:
    yield "### AWS Backup: what this change would do"
    yield ""
    if not result.changes:
        yield "No change could be judged."
        return
    counts = (f"{EFFECT_WORDS[effect]}: {result.counts.get(effect, 0):,}." for effect in _LISTED)
    yield f"**{' '.join(counts)}** {result.counts.get(Effect.UNCHANGED, 0):,} findings stay as they are."
    yield ""
    for change in result.changes[:_SHOWN]:
        yield f"- {inert(change.title)} ({code(str(change.origin))})"
    yield from _more(len(result.changes))
    for note in result.notes[:_SHOWN]:
        yield f"- Note: {inert(note)}"


def _not_judged(result: WhatIf) -> Iterator[str]:
    if result.not_judged:
        yield ""
        yield "**Not judged**"
        yield ""
    for problem in result.not_judged[:_SHOWN]:
        yield f"- {code(str(problem.origin))}: {inert(problem.why)}"
    yield from _more(len(result.not_judged))
    if result.ignored:
        yield ""
        yield f"{result.ignored:,} changes of other resources are not judged."


def _findings(result: WhatIf) -> Iterator[str]:
    for horizon in Horizon:
        of_horizon = [effect for effect in result.effects if effect.horizon is horizon]
        tables = [(kind, [effect for effect in of_horizon if effect.effect is kind]) for kind in _LISTED]
        if any(effects for _, effects in tables):
            yield ""
            yield f"#### {HORIZON_WORDS[horizon]}"
        for kind, effects in tables:
            if effects:
                yield from _table(kind, effects)


def _table(kind: Effect, effects: Sequence[FindingEffect]) -> Iterator[str]:
    title = f"{EFFECT_WORDS[kind]}: {len(effects):,}"
    yield ""
    yield f"<details><summary>{title}</summary>" if kind in _FOLDED else f"**{title}**"
    yield ""
    yield "| Severity | Control | Subject | Reason |"
    yield "| --- | --- | --- | --- |"
    yield from map(_row, sorted(effects, key=lambda effect: effect.finding.severity.rank)[:_SHOWN])
    yield from _more(len(effects))
    if kind in _FOLDED:
        yield ""
        yield "</details>"


def _row(effect: FindingEffect) -> str:
    finding = effect.finding
    cells: Iterable[str] = (
        finding.severity.value,
        code(finding.control),
        code(finding.subject, 200),
        inert(effect.reason, 250),
    )
    return f"| {' | '.join(map(cell, cells))} |"


def _more(number: int) -> Iterator[str]:
    if number > _SHOWN:
        yield ""
        yield f"{number - _SHOWN:,} more."
