"""Loading of the controls and settings of an evaluation; options take precedence over audit.yaml."""

from dataclasses import replace
from datetime import datetime

from scanner.app.criteria import Judgement, load_judgement
from scanner.cli.logs import say
from scanner.cli.options import JudgementOptions
from scanner.model.control import ALL
from scanner.model.report_details import ReportDetails
from scanner.settings.settings import Settings


def judgement_of(
    settings: Settings, controls: list[str] | None, as_of: datetime | None, *, default: str = ALL
) -> Judgement:
    """Load the controls and check the settings against them. ConfigurationError lists every mistake.

    `default`: what is selected if neither `controls` nor the settings name any.
    """
    judgement, notices = load_judgement(settings, controls, as_of, default=default)
    for notice in notices:
        say(f"note: {notice}")
    return judgement


def with_details(settings: Settings, details: ReportDetails) -> Settings:
    """Return settings whose section `report` has what options set: a scan stores it with its inputs."""
    # None means that the option was not given, so audit.yaml decides.
    values = {"annex": details.annex, "nist_baseline": details.nist_baseline}
    update = {name: value for name, value in values.items() if value is not None}
    return settings.model_copy(update={"report": settings.report.model_copy(update=update)})


def with_settings(judged: JudgementOptions, settings: Settings) -> JudgementOptions:
    """Add the exit code settings of audit.yaml. Options take precedence, but cannot disable a setting."""
    # `or`: what audit.yaml requires cannot be switched off by leaving an option out.
    return replace(
        judged,
        fail_on=judged.fail_on or settings.fail_on,
        require_complete=judged.require_complete or settings.require_complete,
        allow_partial=judged.allow_partial or settings.allow_partial,
    )
