"""Findings in figures: counted by control, account, Region, type and severity.

A share always comes with its numerator and its denominator. Judged are pass, fail and waived; what is
unknown, not applicable or in error stands beside the share and never in it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from scanner.model.finding import Finding, Severity, Status

JUDGED: Final = (Status.PASS, Status.FAIL, Status.WAIVED)


@dataclass(frozen=True, slots=True)
class Tally:
    """How often each status came out."""

    counts: Mapping[Status, int]

    @property
    def passed(self) -> int:
        """The numerator."""
        return self.counts.get(Status.PASS, 0)

    @property
    def judged(self) -> int:
        """The denominator: pass, fail and waived."""
        return sum(self.counts.get(status, 0) for status in JUDGED)

    @property
    def unknown(self) -> int:
        """What could not be judged."""
        return self.counts.get(Status.UNKNOWN, 0)

    @property
    def percentage(self) -> float | None:
        """The share that passed, 0 to 100, of those judged; None when nothing was."""
        return 100 * self.passed / self.judged if self.judged else None

    def document(self) -> dict[str, int]:
        """Give the counts in the order of the statuses, without those that did not come out."""
        return {status.value: self.counts[status] for status in Status if self.counts.get(status)}


@dataclass(frozen=True, slots=True)
class Summary:
    """All findings together, and by each of their properties; keys are sorted, severities worst first."""

    total: Tally
    controls: Mapping[str, Tally]
    accounts: Mapping[str, Tally]
    regions: Mapping[str, Tally]
    subject_types: Mapping[str, Tally]
    severities: Mapping[str, Tally]

    def document(self) -> dict[str, Any]:
        """Give the `summary` of findings.json: the contract's `controls`, and the other groups after it."""
        groups = {
            "controls": self.controls,
            "accounts": self.accounts,
            "regions": self.regions,
            "subject_types": self.subject_types,
            "severities": self.severities,
        }
        counted = {
            name: {key: each.document() for key, each in group.items()} for name, group in groups.items()
        }
        share = {"passed": self.total.passed, "judged": self.total.judged}
        return {**counted, "total": {**self.total.document(), **share}}


def summarise(findings: Iterable[Finding], controls: Iterable[str] = ()) -> Summary:
    """Count findings. Controls that are named and found nobody to ask are there with no counts."""
    groups: dict[str, defaultdict[str, Counter[Status]]] = {
        name: defaultdict(Counter) for name in ("control", "account", "region", "subject_type", "severity")
    }
    total: Counter[Status] = Counter()
    for finding in findings:
        total[finding.status] += 1
        for name, group in groups.items():
            group[getattr(finding, name)][finding.status] += 1
    for control in controls:
        groups["control"].setdefault(control, Counter())
    return Summary(
        total=Tally(dict(total)),
        controls=_tallies(groups["control"], sorted(groups["control"])),
        accounts=_tallies(groups["account"], sorted(groups["account"])),
        regions=_tallies(groups["region"], sorted(groups["region"])),
        subject_types=_tallies(groups["subject_type"], sorted(groups["subject_type"])),
        severities=_tallies(groups["severity"], [each for each in Severity if each in groups["severity"]]),
    )


def _tallies(group: Mapping[str, Counter[Status]], keys: Iterable[str]) -> dict[str, Tally]:
    return {str(key): Tally(dict(group[key])) for key in keys}
