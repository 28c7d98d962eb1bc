"""Waivers: accepted failures of a control, with a date of expiry. They change `fail` and nothing else.

A waiver whose day has passed is a finding of its own, of the control `waiver-expired`, which no waiver
covers. A waiver that still runs is none: it would pass, and more waivers would make a better score.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Final

from scanner.evaluate.decisions.patterns import is_like
from scanner.model.control import Control, Remediation
from scanner.model.decisions import Waiver, WaiverState, WaiverUse
from scanner.model.finding import Finding, Severity, Status

EXPIRED: Final = "waiver-expired"
SUBJECT_TYPE: Final = "waiver"
GLOBAL: Final = "aws-global"

CONTROL: Final = Control(
    id=EXPIRED,
    title="Waiver has not expired",
    failure_title="Waiver has expired",
    severity=Severity.MEDIUM,
    subject=SUBJECT_TYPE,
    population="expires < today",
    require="expires >= today",
    reason="Waiver {id} expired on {expires}.",
    motivation=(
        "A waiver is a decision for a limited time. After its last day, the failures that it covered count "
        "again, and need a new decision."
    ),
    remediation=Remediation(
        "Fix the failures that it covered and remove the waiver from audit.yaml, or have it approved "
        "again with a later date.",
        effort="low",
    ),
)
"""The control of expired waivers. No file declares it: it asks audit.yaml, and no fact of AWS."""

_OPEN: Final = (Status.UNKNOWN, Status.ERROR)


@dataclass(frozen=True, slots=True)
class WaiverRule:
    """A waiver and what it covers: a control's id and a pattern of subjects, `*` being any text in both."""

    control: str
    subject: str
    waiver: Waiver

    def covers(self, finding: Finding) -> bool:
        """Whether the finding is one that it is about."""
        return is_like(finding.control, (self.control,)) and is_like(finding.subject, (self.subject,))


class Waivers:
    """The waivers of one evaluation. The first that covers a failure is the one that counts."""

    def __init__(self, rules: Iterable[WaiverRule], as_of: datetime, account: str | None = None) -> None:
        """Take waivers in the order of the file; `as_of` (aware) is the clock of the evaluation.

        `account`: where findings about waivers are filed; None: there are none.
        """
        self._today = as_of.astimezone(UTC).date()
        self._account = account
        self._rules = tuple(rules)
        self._valid = tuple(rule for rule in self._rules if not self._has_expired(rule))
        self._lapsed = tuple(rule for rule in self._rules if self._has_expired(rule))
        self._covered: Counter[WaiverRule] = Counter()
        self._open: Counter[WaiverRule] = Counter()

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._rules)

    def _has_expired(self, rule: WaiverRule) -> bool:
        # Valid through its last day, in UTC.
        return date.fromisoformat(rule.waiver.expires) < self._today

    def apply(self, finding: Finding) -> Finding:
        """Return the finding; a failure that an unexpired waiver covers has the status `waived`."""
        if not self._rules or finding.control == EXPIRED:
            return finding
        if finding.status in _OPEN:
            # An unknown may turn out to be a failure that the waiver covers, so the waiver is not unused.
            self._open.update(rule for rule in self._rules if rule.covers(finding))
        if finding.status is not Status.FAIL:
            return finding
        # The first in the file counts, so that the use of each waiver does not depend on the order of
        # findings.
        rule = _first(self._valid, finding)
        if rule is not None:
            self._covered[rule] += 1
            return replace(finding, status=Status.WAIVED, waiver=rule.waiver)
        # Failures that count again because of the expiry, for the report.
        self._covered.update(rule for rule in self._lapsed if rule.covers(finding))
        return finding

    def uses(self, controls: Sequence[str]) -> tuple[WaiverUse, ...]:
        """Return how the waivers were used, in the order of the file, after `apply` saw all findings.

        `controls` are the ids of those that were asked.
        """
        return tuple(
            WaiverUse(
                waiver=rule.waiver,
                control=rule.control,
                subject=rule.subject,
                state=self._state(rule, controls),
                covers=self._covered[rule],
                open=self._open[rule],
            )
            for rule in self._rules
        )

    def _state(self, rule: WaiverRule, controls: Sequence[str]) -> WaiverState:
        if self._has_expired(rule):
            return WaiverState.EXPIRED
        if self._covered[rule]:
            return WaiverState.IN_USE
        # The waiver's control was not selected: nothing can be said about its use.
        if not any(is_like(control, (rule.control,)) for control in controls):
            return WaiverState.NOT_ASKED
        return WaiverState.UNDECIDED if self._open[rule] else WaiverState.UNUSED

    def tally(self) -> list[list[int]]:
        """Return for each waiver, in the order of the file, how many findings it covers and leaves open."""
        return [[self._covered[rule], self._open[rule]] for rule in self._rules]

    def add(self, tally: Sequence[Sequence[int]]) -> None:
        """Add what other accounts came to. ValueError: it is of other waivers."""
        # strict: tallies of a different audit.yaml must not be added up.
        for rule, (covered, still_open) in zip(self._rules, tally, strict=True):
            self._covered[rule] += covered
            self._open[rule] += still_open

    def findings(self) -> Iterator[Finding]:
        """Yield a failure for each expired waiver, in filing order."""
        if self._account is None:
            return
        for rule in sorted(self._lapsed, key=lambda rule: rule.waiver.id):
            yield self._finding(rule, self._account)

    def _finding(self, rule: WaiverRule, account: str) -> Finding:
        waiver = rule.waiver
        days = (self._today - date.fromisoformat(waiver.expires)).days
        return Finding(
            control=EXPIRED,
            status=Status.FAIL,
            severity=CONTROL.severity,
            subject=f"{SUBJECT_TYPE}/{waiver.id}",
            subject_type=SUBJECT_TYPE,
            account=account,
            region=GLOBAL,
            reason=(
                f"Waiver {waiver.id} of {rule.control} for {rule.subject} expired on {waiver.expires}, "
                f"{days} {'day' if days == 1 else 'days'} ago. "
                f"{waiver.owner} owns it; {waiver.approver} approved it."
            ),
            details={
                "name": waiver.id,
                "control": rule.control,
                "subject": rule.subject,
                "owner": waiver.owner,
                "approver": waiver.approver,
                "reason": waiver.reason,
                "expires": waiver.expires,
                "days_expired": days,
            },
        )


def _first(rules: Iterable[WaiverRule], finding: Finding) -> WaiverRule | None:
    return next((rule for rule in rules if rule.covers(finding)), None)
