"""Production outside its home Region: Frankfurt and Virginia."""

from typing import TYPE_CHECKING

from scanner.demo.clock import ago, standing_at
from scanner.demo.estate import compute, databases, files, history
from scanner.demo.estate.keys import aws_key, customer_key
from scanner.demo.estate.plans import Copy, Rule, condition, plan, select
from scanner.demo.story.accounts import ACQUIRED, FRANKFURT, IRELAND, PRODUCTION, VIRGINIA, Estate
from scanner.demo.story.production_estate import Vaults

if TYPE_CHECKING:
    from scanner.demo.estate.site import Resource

_NIGHTS = (5.0, 29.0)


def plant_elsewhere(estate: Estate, vaults: Vaults, role: str) -> None:
    """What production runs, and how it is backed up, in the other two Regions."""
    with standing_at(ago(days=250)):
        _frankfurt(estate, vaults, role)
        _virginia(estate, vaults)


def _frankfurt(estate: Estate, vaults: Vaults, role: str) -> None:
    """Backed up every night; the copies go into an account that cannot be read, so nobody can tell."""
    site = estate.at(PRODUCTION, FRANKFURT)
    key = customer_key(site, "production-data", shared_with=[ACQUIRED])
    chosen = (
        compute.volume(site, "analytics-1", {"team": "analytics-eu"}, key),
        databases.database(site, "analytics", {"team": "analytics-eu"}, key),
        files.file_system(site, "analytics", {"team": "analytics-us"}, key),
    )
    compute.volume(site, "analytics-temp", {"team": "marketing"}, key)
    files.bucket(site, "acme-production-analytics", {"team": "marketing"})
    unseen = f"arn:aws:backup:{IRELAND}:{ACQUIRED}:backup-vault:analytics-archive"
    rule = Rule("nightly", "cron(0 1 ? * * *)", vaults.disaster, 35, (Copy(unseen, 35),))
    nightly = plan(site, "production-frankfurt", role, rule)
    select(
        nightly,
        "analytics-teams",
        Resources=["*"],
        Conditions={"StringLike": condition("team", "analytics-*")},
    )
    for resource in chosen:
        history.back_up(resource, nightly.rules["nightly"], *_NIGHTS)


def _virginia(estate: Estate, vaults: Vaults) -> None:
    """Twelve times a year is not enough, but the copies go to another Region. The role was deleted since."""
    site = estate.at(PRODUCTION, VIRGINIA)
    role = f"arn:aws:iam::{PRODUCTION}:role/service-role/BackupRoleOfLastYear"
    key = aws_key(site, "ebs")
    edge, _ = compute.instance(site, "edge-1", {"env": "production"}, [key])
    untagged = compute.volume(site, "edge-cache", {}, key)
    compute.volume(site, "edge-test", {"env": "test"}, key)
    chosen: tuple[Resource, ...] = (
        edge,
        untagged,
        databases.table(site, "edge-routes", {"env": "production"}),
    )
    rule = Rule("monthly", "cron(0 6 L * ? *)", vaults.overseas, 180, (Copy(vaults.disaster.arn, 180),))
    monthly = plan(site, "production-overseas", role, rule)
    # Not "test": whatever has no such tag is chosen, too.
    select(
        monthly,
        "all-but-test",
        Resources=["*"],
        Conditions={"StringNotEquals": condition("env", "test")},
    )
    for resource in chosen:
        (point,) = history.back_up(resource, monthly.rules["monthly"], 20 * 24.0)
        history.copy(point, vaults.disaster, 180)
