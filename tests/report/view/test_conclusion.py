"""The conclusion of a report follows from its figures, and says what could not be read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from scanner.model.finding import Finding, Status
from scanner.model.inventory import ShardStatus
from scanner.model.manifest import ShardRecord
from scanner.model.names import AWS_GLOBAL
from scanner.model.report_details import Annex, BaselineChoice, Period, ReportDetails
from scanner.model.scan import Scan
from scanner.report.view.conclusion import conclusion, date_warning
from scanner.report.view.details import details_document, details_of
from scanner.report.view.view import View, build


def fully_read(scan: Scan) -> Scan:
    """Return the scan as if nothing had been refused, with a file for each account-Region."""
    scope = scan.manifest.scope
    recorded = {(shard.account, shard.region): shard for shard in scan.manifest.shards}
    for place in product(scope.accounts, (*scope.regions, AWS_GLOBAL)):
        recorded.setdefault(place, ShardRecord(account=place[0], region=place[1], status=ShardStatus.MISSING))
    shards = tuple(replace(shard, status=ShardStatus.COMPLETE, errors=0) for shard in recorded.values())
    return replace(scan, gaps=(), manifest=replace(scan.manifest, shards=shards))


def only(scan: Scan, *statuses: Status) -> View:
    """Return the view of a fully read scan with the findings of some statuses."""
    findings = tuple(finding for finding in scan.findings if finding.status in statuses)
    return build(replace(fully_read(scan), findings=findings))


def test_failures_and_unknowns_are_both_said(scan: Scan) -> None:
    view = build(scan)
    result, reach = conclusion(view)
    assert result.startswith("Exceptions were found: ")
    assert f"{view.counts.failed:,} of {view.counts.judged:,} evaluated checks failed" in result
    assert reach.startswith(f"{view.counts.open:,} of {view.counts.asked:,} checks could not be evaluated (")
    assert f"{len(view.completeness.gaps)} reads are missing" in reach
    assert reach.endswith("so further exceptions are possible.")


def test_passes_alone_are_no_exception(scan: Scan) -> None:
    result, reach = conclusion(only(scan, Status.PASS))
    assert result.startswith("No exception was found in ")
    assert reach == "Everything in scope was read, and every check that applies could be evaluated."


def test_a_waived_failure_is_named(scan: Scan) -> None:
    result, _ = conclusion(only(scan, Status.PASS, Status.WAIVED))
    assert result.endswith("waived.")


def test_unknown_alone_concludes_nothing(scan: Scan) -> None:
    result, reach = conclusion(only(scan, Status.UNKNOWN))
    assert result.startswith("No conclusion is possible: none of ")
    assert reach.endswith("so further exceptions are possible.")


def test_no_findings_conclude_nothing(empty: Scan) -> None:
    result, reach = conclusion(build(empty))
    assert result == "No conclusion is possible: the scan found nothing that a control applies to."
    assert "every check" not in reach


def test_passes_of_a_scan_that_was_not_fully_read_are_limited(scan: Scan) -> None:
    passed: tuple[Finding, ...] = tuple(finding for finding in scan.findings if finding.status is Status.PASS)
    result, reach = conclusion(build(replace(scan, findings=passed)))
    assert result.startswith("No exception was found in ")
    assert reach.startswith("Not everything was read (")
    assert reach.endswith("so there may be resources that no check covers.")


@pytest.mark.parametrize(("days", "is_warned"), [(-1, True), (0, False), (1, False)])
def test_an_evaluation_before_the_recording_is_warned_of(scan: Scan, days: int, *, is_warned: bool) -> None:
    recorded = datetime(2026, 11, 22, 18, tzinfo=UTC)
    manifest = replace(scan.manifest, started_at=recorded, evaluated_as_of=recorded + timedelta(days=days))
    assert bool(date_warning(manifest)) == is_warned
    assert not date_warning(replace(manifest, started_at=None))


def test_details_are_written_and_read_back() -> None:
    day = datetime(2026, 10, 1, tzinfo=UTC).date()
    details = ReportDetails(
        "Example AG", "Internal audit", Period(day, day), Annex.ALL, BaselineChoice.MODERATE
    )
    assert details_of(details_document(details)) == details
    assert details_document(ReportDetails()) == {}
    assert details_of({}) == ReportDetails()


def test_options_replace_only_what_they_set() -> None:
    stated = ReportDetails("Example AG", annex=Annex.ALL, nist_baseline=BaselineChoice.HIGH)
    shown = stated.overridden_by(ReportDetails(prepared_by="Jane", nist_baseline=BaselineChoice.NONE))
    assert shown == ReportDetails("Example AG", "Jane", None, Annex.ALL, BaselineChoice.NONE)
    assert stated.baseline is not None
    assert shown.baseline is None
