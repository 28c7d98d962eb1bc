"""Waivers: a decision to live with failures of a control until a day. They change `fail` and nothing else."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from scanner.model.finding import Finding, Status, Waiver


@dataclass(frozen=True, slots=True)
class WaiverRule:
    """A waiver and what it covers: a control's id and a pattern of subjects, `*` being any text in both."""

    control: str
    subject: str
    waiver: Waiver


@dataclass(frozen=True, slots=True)
class WaiverReport:
    """What became of the waivers: those whose day has passed, and those that cover no failure."""

    expired: tuple[WaiverRule, ...]
    unused: tuple[WaiverRule, ...]


@dataclass(frozen=True, slots=True)
class Returned:
    """A waiver whose day has passed, and the failures that it covered and no other waiver covers now."""

    rule: WaiverRule
    failures: tuple[tuple[str, str], ...]  # control and subject, in the order of the findings


class Waivers:
    """The waivers of one evaluation. The first that covers a failure is the one that counts."""

    def __init__(self, rules: Iterable[WaiverRule], as_of: datetime) -> None:
        """Take waivers in the order of the file; `as_of` (aware) is the clock of the evaluation."""
        today = as_of.astimezone(UTC).date()
        listed = tuple(rules)
        self._expired = tuple(rule for rule in listed if date.fromisoformat(rule.waiver.expires) < today)
        self._valid = tuple(rule for rule in listed if rule not in self._expired)
        self._patterns = [(_pattern(rule.control), _pattern(rule.subject), rule) for rule in self._valid]
        self._lapsed = [(_pattern(rule.control), _pattern(rule.subject), rule) for rule in self._expired]
        self._used: set[WaiverRule] = set()
        self._back: dict[WaiverRule, list[tuple[str, str]]] = {}

    def apply(self, finding: Finding) -> Finding:
        """Give the finding, `waived` when it is a failure that an unexpired waiver covers."""
        if finding.status is not Status.FAIL:
            return finding
        for control, subject, rule in self._patterns:
            if control.fullmatch(finding.control) and subject.fullmatch(finding.subject):
                self._used.add(rule)
                return replace(finding, status=Status.WAIVED, waiver=rule.waiver)
        for control, subject, rule in self._lapsed:
            if control.fullmatch(finding.control) and subject.fullmatch(finding.subject):
                self._back.setdefault(rule, []).append((finding.control, finding.subject))
        return finding

    def report(self) -> WaiverReport:
        """Say what became of the waivers, once all findings have been through `apply`."""
        return WaiverReport(self._expired, tuple(rule for rule in self._valid if rule not in self._used))

    def returned(self) -> tuple[Returned, ...]:
        """Give the expired waivers whose failures are back, in the order of the file, after all `apply`."""
        return tuple(Returned(rule, tuple(self._back[rule])) for rule in self._expired if rule in self._back)


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, text.split("*"))), re.DOTALL)
