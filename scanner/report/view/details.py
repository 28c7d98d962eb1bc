"""The key `report` of a summary: names, period, annex and baseline; written, and read back."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from scanner.model.report_details import Annex, BaselineChoice, Period, ReportDetails

Document = dict[str, Any]


def details_document(details: ReportDetails) -> Document:
    """Return the key `report`; empty: nothing is set."""
    period = details.period
    document = {
        "organization": details.organization,
        "prepared_by": details.prepared_by,
        "period": period and {"start": period.start.isoformat(), "end": period.end.isoformat()},
        "annex": details.annex and details.annex.value,
        "nist_baseline": details.nist_baseline and details.nist_baseline.value,
    }
    # Only what is set: a default that a later version changes then applies.
    is_set = {name: value for name, value in document.items() if value}
    return {"report": is_set} if is_set else {}


def details_of(summary: Mapping[str, Any]) -> ReportDetails:
    """Read back what `details_document` wrote.

    KeyError, TypeError, ValueError or AttributeError: it has another shape.
    """
    document = summary.get("report", {})
    period = document.get("period")
    annex, baseline = document.get("annex"), document.get("nist_baseline")
    return ReportDetails(
        organization=str(document.get("organization", "")),
        prepared_by=str(document.get("prepared_by", "")),
        period=None
        if period is None
        else Period(date.fromisoformat(period["start"]), date.fromisoformat(period["end"])),
        annex=None if annex is None else Annex(annex),
        nist_baseline=None if baseline is None else BaselineChoice(baseline),
    )
