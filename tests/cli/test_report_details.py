"""Options about the cover, annex and baseline of reports are checked before anything is written."""

from datetime import date

import pytest

from scanner.cli.options import details_of
from scanner.cli.scan.judgement import with_details
from scanner.errors import UsageError
from scanner.model.report_details import Annex, BaselineChoice, Period, ReportDetails
from scanner.settings.settings import ReportSettings, Settings


def test_options_are_parsed() -> None:
    details = details_of(" Example AG ", "Jane", "2026-10-01/2026-12-31", Annex.ALL, BaselineChoice.LOW)
    period = Period(date(2026, 10, 1), date(2026, 12, 31))
    assert details == ReportDetails("Example AG", "Jane", period, Annex.ALL, BaselineChoice.LOW)
    assert details_of(None, None, None, None, None) == ReportDetails()


@pytest.mark.parametrize(
    ("name", "period", "message"),
    [
        (" ", None, "--organization-name: use a name of 1 to 200 characters."),
        ("x" * 201, None, "--organization-name: use a name of 1 to 200 characters."),
        (None, "2026-10-01", "--period 2026-10-01: use two days such as 2026-10-01/2026-12-31."),
        (None, "yesterday/today", "use two days"),
        (None, "2026-12-31/2026-10-01", "it ends before it starts"),
    ],
)
def test_malformed_options_are_refused(name: str | None, period: str | None, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        details_of(name, None, period, None, None)


def test_an_option_takes_precedence_over_audit_yaml_and_keeps_the_rest() -> None:
    settings = Settings(report=ReportSettings(organization="Example AG", nist_baseline=BaselineChoice.HIGH))
    chosen = with_details(settings, ReportDetails(nist_baseline=BaselineChoice.NONE)).report
    assert chosen == ReportSettings(organization="Example AG", nist_baseline=BaselineChoice.NONE)
    assert with_details(settings, ReportDetails()).report == settings.report
