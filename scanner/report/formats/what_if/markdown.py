"""A what-if as Markdown, for a comment on a pull request."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from scanner.model.planning.what_if import EFFECT_WORDS, HORIZON_WORDS, Effect, FindingEffect, Horizon, WhatIf
from scanner.report.formats.markdown import cell, code, inert

MARKER: Final = "<!-- vaultproof what-if -->"
"""The first line: whoever posts the comment finds the earlier one by it, and replaces it."""

_SHOWN: Final = 10
"""The most rows of a table, so that a comment stays below GitHub's 65,536 characters."""
_LISTED: Final = (Effect.NEW, Effect.NEWLY_UNKNOWN, Effect.FIXED, Effect.REMOVED, Effect.CHANGED)
NOTHING: Final = "No change is about backups: there is nothing to judge."


def what_if_markdown(result: WhatIf) -> str:
    """Return the comment: the answer, new failures, what could not be judged, and folded details."""
    parts = (_head(result), _new(result), _not_judged(result), _details(result))
    return "\n".join((MARKER, *(line for part in parts for line in part), ""))


def _head(result: WhatIf) -> Iterator[str]:
    yield f"### AWS Backup: {answer(result)}"
    yield ""
    # Without a change that was laid over the scan, every number would be "unchanged".
    if not result.changes:
        return
    numbers = (
        (Effect.FIXED, "fixed"),
        (Effect.NEWLY_UNKNOWN, "newly unknown"),
        (Effect.REMOVED, "removed with their subject"),
    )
    counts = [f"{result.counts.get(effect, 0):,} {word}" for effect, word in numbers]
    # Before the first backup every new resource fails: that is no fault of the change.
    if first_run := result.first_run:
        counts.insert(0, f"{first_run:,} more fail until the first backup is made")
    # Without a plan these controls did not apply: the change is an improvement that has gaps.
    if first_plan := result.first_plan:
        counts.insert(0, f"{first_plan:,} more fail for resources that were in no plan before")
    yield f"{', '.join(counts)}; {result.counts.get(Effect.UNCHANGED, 0):,} findings stay as they are."
    if result.as_of is not None:
        yield f"Judged against the scan of {result.as_of:%Y-%m-%d %H:%M} UTC."


def answer(result: WhatIf) -> str:
    """Return the result in one clause: the number of new failures, and what could not be judged."""
    if not result.changes:
        return "no change could be judged" if result.not_judged else NOTHING.lower().rstrip(".")
    number = len(result.new)
    worst = min(
        (effect.finding.severity for effect in result.new), key=lambda severity: severity.rank, default=None
    )
    text = f"{number:,} new failure{'' if number == 1 else 's'}" if number else "no new failures"
    text += f", the worst {worst.value}" if worst is not None else ""
    missed = len(result.not_judged)
    return f"{text}; {missed:,} change{'' if missed == 1 else 's'} not judged" if missed else text


def _new(result: WhatIf) -> Iterator[str]:
    if result.new:
        yield ""
        yield from _table(result.new)


def _not_judged(result: WhatIf) -> Iterator[str]:
    if result.not_judged:
        yield ""
        yield "**Not judged**"
        yield ""
    for problem in result.not_judged[:_SHOWN]:
        yield f"- {code(str(problem.origin))}: {inert(problem.why)}"
    yield from _more(len(result.not_judged))


def _details(result: WhatIf) -> Iterator[str]:
    yield from _folded(f"Changes: {len(result.changes):,}", _changes(result))
    for horizon in Horizon:
        of_horizon = [effect for effect in result.effects if effect.horizon is horizon]
        for kind in _LISTED:
            # New failures are above, unfolded.
            effects = [effect for effect in of_horizon if effect.effect is kind and effect not in result.new]
            title = f"{EFFECT_WORDS[kind]}: {len(effects):,}. {HORIZON_WORDS[horizon]}"
            if effects:
                yield from _folded(title, _subjects(effects) if kind is Effect.REMOVED else _table(effects))


def _folded(title: str, lines: Iterable[str]) -> Iterator[str]:
    content = list(lines)
    if content:
        yield from ("", f"<details><summary>{title}</summary>", "", *content, "", "</details>")


def _changes(result: WhatIf) -> Iterator[str]:
    for change in result.changes[:_SHOWN]:
        yield f"- {inert(change.title)} ({code(str(change.origin))})"
    yield from _more(len(result.changes))
    for note in result.notes[:_SHOWN]:
        yield f"- Note: {inert(note)}"
    if result.ignored:
        yield f"- {result.ignored:,} changes of other resources are not judged: no control is about them."


def _subjects(effects: Sequence[FindingEffect]) -> Iterator[str]:
    """Yield each subject once, with the number of its checks."""
    numbers = Counter(effect.finding.subject for effect in effects)
    for subject, number in numbers.most_common(_SHOWN):
        yield f"- {code(subject, 200)}: {number:,} check{'' if number == 1 else 's'}"
    yield from _more(len(numbers))


def _table(effects: Sequence[FindingEffect]) -> Iterator[str]:
    yield "| Severity | Control | Subject | Reason |"
    yield "| --- | --- | --- | --- |"
    yield from map(_row, sorted(effects, key=lambda effect: effect.finding.severity.rank)[:_SHOWN])
    yield from _more(len(effects))


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
