"""What audit.yaml and options say about the documents of an audit: names, period, annex and baseline."""

from dataclasses import dataclass, fields, replace
from datetime import date
from enum import StrEnum

from scanner.model.compliance import Baseline


class Annex(StrEnum):
    """Which exceptions the annex of the PDF lists."""

    ALL = "all"  # of every severity
    HIGH = "high"  # critical and high ones
    NONE = "none"


class BaselineChoice(StrEnum):
    """The baseline of NIST SP 800-53B that an audit is about."""

    LOW = "low"
    MODERATE = "moderate"
    HIGH = "high"
    NONE = "none"  # all requirements, whatever baseline selects them


@dataclass(frozen=True, slots=True)
class Period:
    """The period of an audit: its first and its last day."""

    start: date
    end: date

    def __str__(self) -> str:
        """Return `2026-10-01 to 2026-12-31`."""
        return f"{self.start.isoformat()} to {self.end.isoformat()}"


@dataclass(frozen=True, slots=True)
class ReportDetails:
    """The contents of a report that no scan can know. Empty and None: not set."""

    organization: str = ""
    prepared_by: str = ""
    period: Period | None = None
    annex: Annex | None = None
    nist_baseline: BaselineChoice | None = None

    def overridden_by(self, options: "ReportDetails") -> "ReportDetails":
        """Return these details with those that `options` set."""
        values = {field.name: getattr(options, field.name) for field in fields(options)}
        return replace(self, **{name: value for name, value in values.items() if value})

    @property
    def baseline(self) -> Baseline | None:
        """The baseline that requirements are shown for; None: all requirements."""
        choice = self.nist_baseline
        return None if choice in (None, BaselineChoice.NONE) else Baseline(str(choice))
