"""The management account: little of its own, global settings, and two reads that are refused."""

from scanner.demo.clock import ago, standing_at
from scanner.demo.estate import history, identity, vaults, workloads
from scanner.demo.estate.keys import aws_key, customer_key
from scanner.demo.estate.plans import Copy, Rule, plan, select
from scanner.demo.server.authorization import Refusal
from scanner.demo.story.accounts import CENTRAL, IRELAND, MANAGEMENT, VIRGINIA, Estate
from scanner.demo.story.central import Central


def plant(estate: Estate, central: Central) -> None:
    """The management account in its Regions, and the organisation's settings of AWS Backup."""
    with standing_at(ago(days=390)):
        home = estate.at(MANAGEMENT, VIRGINIA).backup
        # Without it no copy of the story could reach another account.
        home.global_settings["isCrossAccountBackupEnabled"] = "true"
        home.global_settings_changed = ago(days=390)
        role = identity.backup_role(estate.at(MANAGEMENT, IRELAND))
        _ireland(estate, central, role)
        estate.front.refusals += _virginia(estate, role)


def _ireland(estate: Estate, central: Central, role: str) -> None:
    """Two resources under whose name everything else is built: backed up and copied as it should be."""
    site = estate.at(MANAGEMENT, IRELAND)
    key = customer_key(site, "landing-zone", shared_with=[CENTRAL])
    vault = vaults.vault(site, "landing-zone", key)
    vaults.govern(vault, 30)
    vaults.police(vault, vaults.deny(vaults.DELETION))
    state = workloads.bucket(site, "acme-landing-zone-state", {"owner": "cloud"}, key)
    locks = workloads.table(site, "landing-zone-locks", {"owner": "cloud"}, key)
    rule = Rule(
        "twice-a-day",
        "cron(0 3,15 ? * * *)",
        vault,
        90,
        (Copy(central.good.arn, 90), Copy(central.frankfurt.arn, 90)),
    )
    landing = plan(site, "landing-zone", role, rule)
    select(landing, "state", Resources=[state.arn, locks.arn])
    for resource in (state, locks):
        for point in history.back_up(resource, landing.rules["twice-a-day"], 3.0, 15.0):
            history.copy(point, central.good, 90)
            # Frankfurt's vault admits production only.
            history.fail_copy(
                point,
                central.frankfurt.arn,
                90,
                "Access Denied trying to call AWS Backup service",
                "ACCESS_DENIED",
            )


def _virginia(estate: Estate, role: str) -> list[Refusal]:
    """A vault whose policy, and a plan that, cannot be read."""
    site = estate.at(MANAGEMENT, VIRGINIA)
    vault = vaults.vault(site, "billing-exports", aws_key(site, "backup"), customer_managed=False)
    volume = workloads.volume(site, "billing-exports", {"owner": "cloud"}, aws_key(site, "ebs"))
    rule = Rule("nightly", "cron(0 7 ? * * *)", vault, 35)
    hidden = plan(site, "billing-exports", role, rule)
    select(hidden, "volume", Resources=[volume.arn])
    history.back_up(volume, hidden.rules["nightly"], 23.0)
    return [
        Refusal(
            MANAGEMENT,
            VIRGINIA,
            "backup",
            "GetBackupVaultAccessPolicy",
            {"BackupVaultName": vault.name},
        ),
        Refusal(MANAGEMENT, VIRGINIA, "backup", "GetBackupPlan", {"BackupPlanId": hidden.id}),
    ]
