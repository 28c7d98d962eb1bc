"""Evaluates a control with the parameters that tiers and overrides set for each subject.

The control is evaluated with each distinct set of parameters for the subjects to which it may apply. If it is
unknown which set applies to a subject, the control is evaluated with every one that may: if all results are
the same, this is the result; otherwise the result is unknown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from scanner.evaluate.database import BrokenControlError
from scanner.evaluate.decisions.tier_rows import Alike, TableRows
from scanner.evaluate.decisions.tiers import MAX_CHOICES, Choice, choices
from scanner.evaluate.queries import Asking
from scanner.model.control import Compiled
from scanner.model.decisions import Tiers
from scanner.model.finding import TO_DO, Finding, Status

NAMED: Final = 4
"""Possible parameter sets that a reason names at most."""

_ANSWERS: Final = {
    Status.PASS: "it passes",
    Status.FAIL: "it fails",
    Status.NOT_APPLICABLE: "it does not apply",
    Status.UNKNOWN: "it is unknown",
}


@dataclass(frozen=True, slots=True)
class RowStatus:
    """The choices for rows of one number, and the number of the parameter set of each."""

    choices: tuple[Choice, ...]  # empty: too many
    sets: tuple[int, ...]
    why: tuple[str, ...]
    distinct: tuple[int, ...]  # the parameter sets, each once
    details: Mapping[str, Any]  # of every finding, whatever its result

    @property
    def is_certain(self) -> bool:
        """Whether it is known which parameters apply."""
        return len(self.distinct) == 1 and bool(self.choices)


class Tiered:
    """A control, and the parameter sets that may apply to each row of its table."""

    def __init__(
        self, compiled: Compiled, settings: Mapping[str, Any], tiers: Tiers, rows: TableRows
    ) -> None:
        """Take the parameters that apply where no tier or override sets others, and the numbered rows."""
        self._compiled, self._settings = compiled, settings
        self._tiers, self._rows = tiers, rows
        self._sets: list[Mapping[str, Any]] = []
        self.standings = tuple(self._standing(row) for row in rows.alike)
        self.askings = tuple(Asking(compiled, {**settings, **values}) for values in self._sets)

    def _standing(self, alike: Alike) -> RowStatus:
        possible = choices(self._tiers, self._compiled.control.id, alike.signature)
        # Too many choices: evaluated without any, so that the finding has its identity and details.
        sets = tuple(map(self._number, possible or (Choice("", {}),)))
        return RowStatus(possible, sets, alike.why, tuple(dict.fromkeys(sets)), self._details(possible))

    def _details(self, possible: tuple[Choice, ...]) -> dict[str, Any]:
        """Return the tier (None: unknown), and the parameters if something sets them."""
        names = {choice.tier for choice in possible}
        details: dict[str, Any] = {}
        if self._tiers.tiers:
            # Several possible tiers: NULL, never one of them.
            details["tier"] = names.pop() if len(names) == 1 else None
        if any(choice.parameters for choice in possible):
            details["parameters"] = self._full(possible[0])
        return details

    def _number(self, choice: Choice) -> int:
        """Return the number of a parameter set. Only parameters that the control's SQL reads count."""
        values = {**self._settings, **choice.parameters}
        read = {name: values[name] for name in sorted(self._compiled.parameters)}
        # Sets are few, and dicts cannot be hashed.
        if read not in self._sets:
            self._sets.append(read)
        return self._sets.index(read)

    def finding(self, standing: RowStatus, by_set: Mapping[int, Finding]) -> Finding:
        """Return the finding of a row. `by_set`: its finding under each parameter set that may apply."""
        answers = {
            number: replace(finding, details={**finding.details, **standing.details})
            for number, finding in by_set.items()
        }
        return answers[standing.distinct[0]] if standing.is_certain else self._decide(standing, answers)

    def _decide(self, standing: RowStatus, by_set: Mapping[int, Finding]) -> Finding:
        """Return one finding for the findings under all sets that may apply."""
        first = next(iter(by_set.values()))
        # Answers of several cursors are merged by position: a different order would mix up subjects.
        if any(finding.subject != first.subject for finding in by_set.values()):
            raise BrokenControlError(
                "The control could not be evaluated: DuckDB returned its answers in another order."
            )
        details = {**first.details, **self._possible(standing, by_set)}
        if not standing.choices:
            reason = f"More than {MAX_CHOICES} sets of parameters may apply. {_not_read(standing)}"
            return replace(first, status=Status.UNKNOWN, reason=reason, details=details)
        # All verdicts contributed, so the evidence of each counts.
        evidence = tuple(dict.fromkeys(ref for finding in by_set.values() for ref in finding.evidence))
        decided = self._decided(standing, by_set)
        if decided.status is not first.status:  # what to do about the first answer is no advice for this one
            details = {name: content for name, content in details.items() if name != TO_DO}
        return replace(decided, details=details, evidence=evidence)

    def _possible(self, standing: RowStatus, by_set: Mapping[int, Finding]) -> dict[str, Any]:
        """Return the details where the parameter set is unknown."""
        possible = [
            {"tier": choice.tier, "parameters": self._full(choice), "status": by_set[number].status.value}
            for choice, number in zip(standing.choices, standing.sets, strict=False)
        ]
        return {"parameters": None, "possible": possible}

    def _decided(self, standing: RowStatus, by_set: Mapping[int, Finding]) -> Finding:
        """Return the result of the verdicts under several parameter sets."""
        first = next(iter(by_set.values()))
        # An error under any possible set leaves the result open.
        if broken := [finding for finding in by_set.values() if finding.status is Status.ERROR]:
            return broken[0]
        if len({finding.status for finding in by_set.values()}) == 1:
            sentence = f"The result is the same whichever {self._what}, which could not be determined."
            return replace(first, reason=" ".join((first.reason, sentence, _not_read(standing))))
        sentence = f"Could not determine which {self._what}. {_not_read(standing)}"
        answers = self._answers(standing, by_set)
        return replace(first, status=Status.UNKNOWN, reason=f"{sentence} {answers}")

    @property
    def _what(self) -> str:
        control = self._compiled.control.id
        # Named as the user wrote them: tiers, overrides, or both.
        if not any(override.parameters.get(control) for override in self._tiers.overrides):
            return "tier applies"
        return f"{'tier and ' if self._tiers.tiers else ''}overrides apply"

    def _answers(self, standing: RowStatus, by_set: Mapping[int, Finding]) -> str:
        options = list(zip(standing.choices, standing.sets, strict=True))
        parts = [
            f"{self._words(choice)} {_ANSWERS[by_set[number].status]}" for choice, number in options[:NAMED]
        ]
        more = f"; {len(options) - NAMED} more are possible" if len(options) > NAMED else ""
        text = "; ".join(parts) + more
        return f"{text[0].upper()}{text[1:]}."

    def _words(self, choice: Choice) -> str:
        tier = f"in tier {choice.tier}" if choice.tier else "without a tier" if self._tiers.tiers else ""
        values = ", ".join(f"{name} {_shown(value)}" for name, value in sorted(self._full(choice).items()))
        return " ".join(filter(None, (tier, f"({values})" if values else "")))

    def _full(self, choice: Choice) -> dict[str, Any]:
        return {**self._settings, **choice.parameters}


def _not_read(standing: RowStatus) -> str:
    return " ".join(standing.why)


def _shown(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(str, value)) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)
