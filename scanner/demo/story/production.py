"""How production is backed up: plans that work, plans that do not, and what really happened.

Then its other Regions, Frankfurt and Virginia.
"""

from dataclasses import dataclass

from scanner.demo.clock import ago, standing_at
from scanner.demo.estate import history, identity, workloads
from scanner.demo.estate.keys import aws_key, customer_key
from scanner.demo.estate.plans import Copy, Plan, Rule, condition, plan, select, tagged
from scanner.demo.estate.site import Resource
from scanner.demo.story.accounts import ACQUIRED, FRANKFURT, IRELAND, PRODUCTION, VIRGINIA, Estate
from scanner.demo.story.central import Central
from scanner.demo.story.production_estate import Resources, Vaults, plant_resources, plant_vaults

_NIGHTS = (5.0, 29.0)
_EVERY_NIGHT = (4.0, 28.0, 52.0)  # hours before the demo's clock


def plant_elsewhere(estate: Estate, vaults: Vaults, role: str) -> None:
    """What production runs, and how it is backed up, in the other two Regions."""
    with standing_at(ago(days=250)):
        _frankfurt(estate, vaults, role)
        _virginia(estate, vaults)


def _frankfurt(estate: Estate, vaults: Vaults, role: str) -> None:
    """Backed up every night; the copies go into an unreadable account, so whether they arrive is unknown."""
    site = estate.at(PRODUCTION, FRANKFURT)
    key = customer_key(site, "production-data", shared_with=[ACQUIRED])
    chosen = (
        workloads.volume(site, "analytics-1", {"team": "analytics-eu"}, key),
        workloads.database(site, "analytics", {"team": "analytics-eu"}, key),
        workloads.file_system(site, "analytics", {"team": "analytics-us"}, key),
    )
    workloads.volume(site, "analytics-temp", {"team": "marketing"}, key)
    workloads.bucket(site, "acme-production-analytics", {"team": "marketing"})
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
    edge, _ = workloads.instance(site, "edge-1", {"env": "production"}, [key])
    untagged = workloads.volume(site, "edge-cache", {}, key)
    workloads.volume(site, "edge-test", {"env": "test"}, key)
    chosen: tuple[Resource, ...] = (
        edge,
        untagged,
        workloads.table(site, "edge-routes", {"env": "production"}),
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


@dataclass(frozen=True, slots=True)
class Production:
    """What is planted in production, for those who plant after it. `role`: that of its selections."""

    vaults: Vaults
    resources: Resources
    role: str
    gold: Plan

    @property
    def ledger_logs(self) -> Resource:
        """A volume that is backed up as it should be."""
        return next(resource for resource in self.resources.gold if resource.name == "ledger-logs")


def plant(estate: Estate, central: Central) -> Production:
    """The production account in all its Regions."""
    with standing_at(ago(days=400)):
        role = identity.backup_role(estate.at(PRODUCTION, IRELAND))
        vaults = plant_vaults(estate)
    resources = plant_resources(estate)
    with standing_at(ago(days=370)):
        gold = _gold(estate, central, vaults, resources, role)
        _standard(estate, vaults, resources, role)
        _continuous(estate, vaults, resources, role)
        _copies_gone_wrong(estate, central, vaults, resources, role)
        _nobodys_plan(estate, vaults, role)
        _keep_oddities(vaults, resources)
    plant_elsewhere(estate, vaults, role)
    return Production(vaults, resources, role, gold)


def _gold(estate: Estate, central: Central, vaults: Vaults, resources: Resources, role: str) -> Plan:
    """As it should be: nightly, 35 days, copied to another Region and to another account."""
    nightly = Rule(
        "nightly",
        "cron(0 2 ? * * *)",
        vaults.gold,
        35,
        # Both at once are two actions: one to another account, one to another Region.
        (Copy(central.good.arn, 35), Copy(vaults.disaster.arn, 35)),
        timezone="Europe/Dublin",
    )
    monthly = Rule("monthly", "cron(0 3 1 * ? *)", vaults.gold, 365, (Copy(central.frankfurt.arn, 365),))
    gold = plan(estate.at(PRODUCTION, IRELAND), "production-gold", role, nightly, monthly)
    select(gold, "tier-gold", ListOfTags=tagged("tier", "gold"))
    select(gold, "ledger", Resources=[resources.ledger.arn])
    for resource in (*resources.gold, *resources.continuous, resources.ledger):
        _nightly_history(gold, central, vaults, resource)
    _gold_failures(gold, central, vaults, resources)
    return gold


def _nightly_history(gold: Plan, central: Central, vaults: Vaults, resource: Resource) -> None:
    points = history.back_up(resource, gold.rules["nightly"], *_EVERY_NIGHT)
    for point in points[:2]:
        history.copy(point, central.good, 35)
        history.copy(point, vaults.disaster, 35)
    (monthly,) = history.back_up(resource, gold.rules["monthly"], 19 * 24 + 3)
    history.copy(monthly, central.frankfurt, 365)
    if resource.type in ("RDS", "EFS"):
        history.restore(points[1], age_days=12, minutes=95)


def _gold_failures(gold: Plan, central: Central, vaults: Vaults, resources: Resources) -> None:
    nightly = gold.rules["nightly"]
    # The key of this one is not shared with the central account.
    for point in history.back_up(resources.private, nightly, *_EVERY_NIGHT):
        history.copy(point, vaults.disaster, 35)
        history.fail_copy(
            point,
            central.good.arn,
            35,
            "Given key ID is not accessible. You must have DescribeKey permissions on the default CMK.",
            "KMS_KEY_ERROR",
        )
    for point in history.back_up(resources.marketplace, nightly, *_EVERY_NIGHT):
        history.copy(point, vaults.disaster, 35)
        history.fail_copy(
            point,
            central.good.arn,
            35,
            "Images from AWS Marketplace cannot be copied to another AWS account.",
            "UNSUPPORTED_OPERATION",
        )
    for age in _EVERY_NIGHT:
        history.fail_backup(
            resources.unversioned, nightly, age, "Bucket versioning is not enabled.", "INVALID_STATE"
        )
    # Nine nights, so that the newest recovery point is too old for every sensible target.
    for night in range(9):
        history.fail_backup(
            resources.stale,
            nightly,
            4.0 + 24 * night,
            "The backup job could not start in time.",
            "LIMIT_EXCEEDED",
        )
    (last,) = history.back_up(resources.stale, nightly, 220.0)
    history.copy(last, vaults.disaster, 35)
    history.restore(last, age_days=3, minutes=14, failure="Table already exists: invoices")


def _standard(estate: Estate, vaults: Vaults, resources: Resources, role: str) -> None:
    """Daily but for two weeks only; for two months but weekly only: no rule is both."""
    daily = Rule("daily", "cron(0 4 ? * * *)", vaults.standard, 14, (Copy(vaults.disaster.arn, 14),))
    weekly = Rule("weekly", "cron(0 5 ? * SUN *)", vaults.standard, 60)
    standard = plan(estate.at(PRODUCTION, IRELAND), "production-standard", role, daily, weekly)
    select(
        standard,
        "instances-and-databases-but-scratch",
        Resources=["arn:aws:ec2:*:*:instance/*", "arn:aws:rds:*:*:db:*"],
        NotResources=[resources.scratch.arn],
        Conditions={"StringEquals": condition("tier", "standard")},
    )
    for resource in resources.standard:
        for point in history.back_up(resource, standard.rules["daily"], 2.0, 26.0, 50.0):
            history.copy(point, vaults.disaster, 14)
        history.back_up(resource, standard.rules["weekly"], 5 * 24 + 1.0)


def _continuous(estate: Estate, vaults: Vaults, resources: Resources, role: str) -> None:
    """Point in time for a database and a bucket, into a vault that nothing protects."""
    rule = Rule("point-in-time", "cron(0 1 ? * * *)", vaults.loose, 35, continuous=True)
    continuous = plan(estate.at(PRODUCTION, IRELAND), "production-continuous", role, rule)
    select(continuous, "orders-and-documents", Resources=[selected.arn for selected in resources.continuous])
    for resource in resources.continuous:
        history.back_up(
            resource,
            continuous.rules["point-in-time"],
            200 * 24.0,
            RecoveryPointArn=history.continuous_arn(vaults.loose.site, resource),
            # A continuous recovery point goes on changing: it has no completion and no expiry date.
            Status="AVAILABLE",
            CompletionDate=None,
            CalculatedLifecycle=None,
        )


def _copies_gone_wrong(
    estate: Estate, central: Central, vaults: Vaults, resources: Resources, role: str
) -> None:
    """Every copy of this rule has something in its way."""
    gone = estate.at(PRODUCTION, FRANKFURT).arn("backup", "backup-vault:production-disaster-old")
    unseen = f"arn:aws:backup:{IRELAND}:{ACQUIRED}:backup-vault:acquired-archive"
    copies = (
        Copy(gone, 90),  # no such vault
        Copy(unseen, 90),  # in an account that cannot be read
        Copy(central.development_only.arn, 90),  # the vault's policy does not admit production
        Copy(central.aws_key.arn, 90),  # the vault is under aws/backup: not for a volume
        Copy(central.default.arn, 90),  # named Default
    )
    rule = Rule("nightly", "cron(30 2 ? * * *)", vaults.standard, 90, copies)
    billing = plan(estate.at(PRODUCTION, IRELAND), "billing-archive", role, rule)
    select(billing, "billing", Resources=[selected.arn for selected in resources.billing])
    for resource in resources.billing:
        for point in history.back_up(resource, billing.rules["nightly"], 3.5, 27.5):
            for copy in copies:
                _refuse_copy(point, copy)


def _refuse_copy(point: history.Point, copy: Copy) -> None:
    history.fail_copy(
        point,
        copy.vault_arn,
        copy.days,
        "Access Denied trying to call AWS Backup service",
        "ACCESS_DENIED",
    )


def _nobodys_plan(estate: Estate, vaults: Vaults, role: str) -> None:
    """A good plan that protects nothing: it has no selection."""
    rule = Rule("nightly", "cron(0 1 ? * * *)", vaults.gold, 35)
    plan(estate.at(PRODUCTION, IRELAND), "production-not-in-use", role, rule)


def _keep_oddities(vaults: Vaults, resources: Resources) -> None:
    """Recovery points that no rule explains."""
    web, catalogue = resources.gold[0], resources.standard[2]
    # Kept for ever, by hand, before an upgrade.
    history.keep(vaults.loose, catalogue, ago(days=300), None)
    # Kept for three days only.
    history.keep(vaults.loose, web, ago(days=1), 3)
    # Past its retention, but its role is gone and it cannot be deleted.
    history.keep(vaults.loose, web, ago(days=120), 35, Status="EXPIRED")
    # On its way into another vault; it goes when it has arrived.
    history.keep(
        vaults.loose,
        resources.gold[2],
        ago(hours=4),
        None,
        Lifecycle={"DeleteAfterEvent": "DELETE_AFTER_COPY"},
    )
    # Continuous, scanned for malware, and nothing says how far back.
    history.keep(
        vaults.loose,
        resources.continuous[1],
        ago(days=20),
        None,
        RecoveryPointArn=history.continuous_arn(vaults.loose.site, resources.continuous[1]),
        Status="STOPPED",
        AggregatedScanResult={"FailedScan": False, "Findings": [], "LastComputed": ago(days=19)},
    )
