"""The development account: old settings, short retention, and corners that cannot be read."""

from scanner.demo.clock import ago, standing_at
from scanner.demo.estate import history, identity, vaults, workloads
from scanner.demo.estate.keys import aws_key, customer_key
from scanner.demo.estate.plans import FOR_EVER, Copy, Rule, plan, select, tagged
from scanner.demo.server.authorization import Refusal
from scanner.demo.story.accounts import CENTRAL, DEVELOPMENT, FRANKFURT, IRELAND, REGIONS, VIRGINIA, Estate
from scanner.demo.story.central import Central

_DEV = {"env": "dev", "owner": "platform"}


def plant(estate: Estate, central: Central) -> None:
    """The development account in all its Regions."""
    with standing_at(ago(days=150)):
        for region in REGIONS:
            # DynamoDB without the advanced features: its backups cannot be copied.
            estate.at(DEVELOPMENT, region).backup.management["DynamoDB"] = False
        role = identity.backup_role(estate.at(DEVELOPMENT, IRELAND))
        wrong_role = identity.backup_role(
            estate.at(DEVELOPMENT, IRELAND), "BackupRoleOfAnotherService", "lambda.amazonaws.com"
        )
        _ireland(estate, central, role)
        _frankfurt(estate, wrong_role)
        estate.front.refusals += [*_refused_in_frankfurt(), *_virginia(estate, role)]


def _ireland(estate: Estate, central: Central, role: str) -> None:
    """Once a week for a week; copies go to the central account, where the type can be copied."""
    site = estate.at(DEVELOPMENT, IRELAND)
    key = customer_key(site, "development", shared_with=[CENTRAL])
    vault = vaults.vault(site, "development", aws_key(site, "backup"), customer_managed=False)
    vaults.vault(site, "Default", aws_key(site, "backup"), customer_managed=False)
    build, _ = workloads.instance(site, "build-1", _DEV, [key])
    volume = workloads.volume(site, "build-cache", _DEV)
    table = workloads.table(site, "feature-flags", _DEV)
    # Two people's machines that no plan covers.
    workloads.instance(site, "playground", {"owner": "alex"}, [None])
    workloads.database(site, "playground", {"owner": "alex"}, engine="mysql")
    workloads.bucket(site, "acme-development-artifacts", _DEV)
    rule = Rule("weekly", "cron(0 20 ? * FRI *)", vault, 7, (Copy(central.development_only.arn, 7),))
    weekly = plan(site, "development-weekly", role, rule)
    select(weekly, "env-dev", ListOfTags=tagged("env", "dev", "integration"))
    for resource in (build, volume):
        (point,) = history.back_up(resource, weekly.rules["weekly"], 6 * 24 + 10.0)
        history.copy(point, central.development_only, 7)
    (basic,) = history.back_up(table, weekly.rules["weekly"], 6 * 24 + 10.0)
    history.fail_copy(
        basic,
        central.development_only.arn,
        7,
        "Feature is not supported for provided resource type.",
        "UNSUPPORTED_OPERATION",
    )


def _frankfurt(estate: Estate, role: str) -> None:
    """Aurora is not opted in here, so the tag does not reach the cluster; the role cannot be assumed."""
    site = estate.at(DEVELOPMENT, FRANKFURT)
    site.backup.opt_in["Aurora"] = False
    key = customer_key(site, "development")
    vault = vaults.vault(site, "development-frankfurt", key)
    vaults.govern(vault, 1, 100)
    workloads.aurora_cluster(site, "integration", {"env": "integration"}, aws_key(site, "rds"), members=1)
    database = workloads.database(site, "integration-db", {"env": "integration"}, key)
    volume = workloads.volume(site, "integration-data", {"env": "integration"}, key)
    rule = Rule("nightly", "cron(0 22 ? * * *)", vault, FOR_EVER)
    nightly = plan(site, "development-frankfurt", role, rule)
    select(nightly, "env-integration", ListOfTags=tagged("env", "integration"))
    history.back_up(volume, nightly.rules["nightly"], 8.0, 32.0)
    # The databases here cannot be listed, so whether this one still exists is unknown.
    history.back_up(database, nightly.rules["nightly"], 8.0)


def _refused_in_frankfurt() -> list[Refusal]:
    return [Refusal(DEVELOPMENT, FRANKFURT, "rds", "DescribeDBInstances")]


def _virginia(estate: Estate, role: str) -> list[Refusal]:
    """Two vaults whose recovery points, and a selection that, cannot be read; nor keys, nor backup jobs."""
    site = estate.at(DEVELOPMENT, VIRGINIA)
    vault = vaults.vault(site, "development-overseas", customer_key(site, "development-overseas"))
    # No rule targets this one; whether it contains recovery points is unknown.
    attic = vaults.vault(site, "development-attic", aws_key(site, "backup"), customer_managed=False)
    workloads.volume(site, "load-test-1", {"env": "load"})
    workloads.volume(site, "load-test-2", {"env": "load"})
    workloads.table(site, "load-results", {"env": "load"})
    rule = Rule("nightly", "cron(0 22 ? * * *)", vault, 35)
    monthly = Rule("monthly", "cron(0 23 1 * ? *)", vault, 365, cold_after=30)
    nightly = plan(site, "development-overseas", role, rule, monthly)
    unread = select(nightly, "whoever-it-may-be", ListOfTags=tagged("env", "load"))
    return [
        _unread_points(vault),
        _unread_points(attic),
        Refusal(DEVELOPMENT, VIRGINIA, "backup", "GetBackupSelection", {"SelectionId": unread}),
        Refusal(
            DEVELOPMENT, VIRGINIA, "backup", "GetBackupVaultNotifications", {"BackupVaultName": attic.name}
        ),
        Refusal(DEVELOPMENT, VIRGINIA, "backup", "ListBackupJobs"),
        Refusal(DEVELOPMENT, VIRGINIA, "kms", "DescribeKey"),
    ]


def _unread_points(vault: vaults.Vault) -> Refusal:
    which = {"BackupVaultName": vault.name}
    return Refusal(DEVELOPMENT, VIRGINIA, "backup", "ListRecoveryPointsByBackupVault", which)
