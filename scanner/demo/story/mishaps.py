"""What befell the organisation's backups: rules that cannot work, and jobs that ended badly.

payroll       two continuous rules in one window, a copy that fails since yesterday, one into a closed account
archive       a schedule that never comes, a lifecycle that is too short, a vault that is open to the auditors
audit-trail   its vault was deleted: nothing is left of it, whatever happens
restores      one took fifteen hours, one brought back what could not be used
leftovers     backups of a volume that is gone; the key of an unused vault is about to be deleted
"""

from scanner.demo.clock import ago, standing_at
from scanner.demo.estate import history, vaults, workloads
from scanner.demo.estate.keys import aws_key, customer_key, schedule_deletion
from scanner.demo.estate.plans import Copy, Rule, plan, select
from scanner.demo.estate.site import Resource, Site
from scanner.demo.estate.vaults import Vault
from scanner.demo.story.accounts import CENTRAL, CLOSED, FRANKFURT, IRELAND, PRODUCTION, VIRGINIA, Estate
from scanner.demo.story.production import Production

AUDITORS = "999999999999"
"""An account outside the organisation."""

_OWNER = {"owner": "finance"}
_YESTERDAY, _TODAY = 27.5, 3.5  # hours before the demo's clock


def plant(estate: Estate, production: Production) -> None:
    """All of it."""
    site = estate.at(PRODUCTION, IRELAND)
    with standing_at(ago(days=320)):
        _payroll(site, production)
        _archive(site, production.role)
        _audit_trail(site, production.role)
    _restores(site, production)
    _gone_volume(site, production.vaults.loose)
    _key_to_go(estate.at(CENTRAL, VIRGINIA))


def _payroll(site: Site, production: Production) -> None:
    """AWS Backup makes one continuous backup; what the other continuous rule makes are snapshots."""
    loose, disaster = production.vaults.loose, production.vaults.disaster
    payroll = workloads.database(site, "payroll", _OWNER, production.resources.ledger.key)
    closed = Copy(f"arn:aws:backup:{FRANKFURT}:{CLOSED}:backup-vault:experiment", 35)
    continuous = Rule("point-in-time", "cron(0 2 ? * * *)", loose, 35, continuous=True)
    # AWS Backup keeps one continuous recovery point of a resource: this rule makes snapshots.
    short = Rule(
        "fortnight", "cron(30 2 ? * * *)", loose, 14, (Copy(disaster.arn, 14), closed), continuous=True
    )
    # The database's snapshots cannot go to cold storage, so the setting says nothing.
    monthly = Rule("monthly", "cron(0 6 1 * ? *)", loose, 365, cold_after=30)
    planned = plan(site, "production-payroll", production.role, continuous, short, monthly)
    select(planned, "payroll", Resources=[payroll.arn])
    old, new = history.back_up(payroll, planned.rules["fortnight"], _YESTERDAY, _TODAY)
    history.copy(old, disaster, 14)
    _refuse(new, disaster.arn, 14)
    for point in (old, new):
        _refuse(point, closed.vault_arn, 35)


def _refuse(point: history.Point, vault_arn: str, days: int) -> None:
    message = "Access Denied trying to call AWS Backup service"
    history.fail_copy(point, vault_arn, days, message, "ACCESS_DENIED")


def _archive(site: Site, role: str) -> None:
    """One rule works. The last of February was meant, and 90 days in cold storage are the least."""
    vault = vaults.vault(site, "production-archive", customer_key(site, "production-archive"))
    vaults.police(vault, vaults.deny(vaults.DELETION), vaults.share_with(AUDITORS))
    vaults.notify(vault, "BACKUP_JOB_COMPLETED", "BACKUP_JOB_FAILED", "COPY_JOB_FAILED")
    contracts = workloads.file_system(site, "contracts", _OWNER, aws_key(site, "elasticfilesystem"))
    quarterly = Rule("quarterly", "cron(0 4 1 */3 ? *)", vault, 2555, cold_after=90)
    february = Rule("end-of-february", "cron(0 4 31 2 ? *)", vault, 365)
    monthly = Rule("monthly", "cron(0 5 2 * ? *)", vault, 60, cold_after=30)
    planned = plan(site, "production-archive", role, quarterly, february, monthly)
    select(planned, "contracts", Resources=[contracts.arn])
    # GuardDuty did not finish, so whether it is clean is unknown.
    scan = {"FailedScan": True, "Findings": [], "LastComputed": ago(days=49)}
    history.back_up(contracts, planned.rules["quarterly"], 50 * 24.0, AggregatedScanResult=scan)


def _audit_trail(site: Site, role: str) -> None:
    vault = vaults.vault(site, "production-audit", aws_key(site, "backup"), customer_managed=False)
    trail = workloads.table(site, "audit-trail", _OWNER)
    nightly = plan(site, "production-audit", role, Rule("nightly", "cron(0 2 ? * * *)", vault, 35))
    select(nightly, "audit-trail", Resources=[trail.arn])
    # Allowed because the vault is empty: the plan's rule still names it.
    site.do("backup", "DeleteBackupVault", BackupVaultName=vault.name)


def _restores(site: Site, production: Production) -> None:
    listed = site.do("backup", "ListRestoreTestingPlans")["RestoreTestingPlans"]
    tests = {row["RestoreTestingPlanName"]: row["RestoreTestingPlanArn"] for row in listed}
    gold, resources = production.vaults.gold, production.resources
    history.restore_test(_newest(gold, resources.ledger), tests["yearly"], 20, 15 * 60)
    history.restore_test(_newest(gold, resources.private), tests["weekly"], 6, 25, "FAILED")


def _newest(vault: Vault, resource: Resource) -> history.Point:
    mine = [point for point in vault.extras.recovery_points if point["ResourceArn"] == resource.arn]
    newest = max(mine, key=lambda point: point["CreationDate"])
    return history.Point(resource, vault, newest, "")


def _gone_volume(site: Site, vault: Vault) -> None:
    """Recovery points without expiry, of a volume that was deleted."""
    arn = site.arn("ec2", "volume/vol-0a1b2c3d4e5f60718")
    gone = Resource(arn, "EBS", "old-erp", site.account, site.region, aws_key(site, "ebs"))
    history.keep(vault, gone, ago(days=200), None)


def _key_to_go(site: Site) -> None:
    described = site.do("backup", "DescribeBackupVault", BackupVaultName="central-unused")
    schedule_deletion(site, described["EncryptionKeyArn"], ago(days=-25))
