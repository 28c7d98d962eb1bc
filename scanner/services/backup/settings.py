"""AWS Backup: settings of a Region and of the organization."""

from typing import Final

from scanner.evidence.answers import Answers
from scanner.model.inventory import RegionSettings
from scanner.model.known import Known, Reading, Unread
from scanner.services.base import CallScope, Operation
from scanner.services.caller import Caller

OPERATIONS: Final = (
    # `services.organizations` parses it with the other answers about the organization.
    Operation("backup", "DescribeGlobalSettings", "backup:DescribeGlobalSettings", scope=CallScope.SCAN),
    Operation("backup", "DescribeRegionSettings", "backup:DescribeRegionSettings"),
)


def collect(caller: Caller) -> None:
    """Record the settings of the Region."""
    caller.call("backup", "DescribeRegionSettings")


def parse_settings(answers: Answers) -> Reading[RegionSettings]:
    """Parse the settings of the Region."""
    answer = answers.one("backup:DescribeRegionSettings")
    if answer.gap is not None:
        return Unread(answer.gap)
    opt_in: dict[str, bool] = {}
    management: dict[str, bool] = {}
    # None: an older client omits the member. That is unknown, and not "no opt-in" (docs/assumptions.md).
    incremental: dict[str, bool] | None = None
    for page in answer.pages:
        opt_in |= page.mapping("ResourceTypeOptInPreference", bool)
        management |= page.mapping("ResourceTypeManagementPreference", bool)
        if "ResourceTypeOptInIncremental" in page.data:
            incremental = (incremental or {}) | page.mapping("ResourceTypeOptInIncremental", bool)
    return Known(RegionSettings(opt_in, management, incremental), answer.refs)
