"""What proves protection, or holds it, and who governs it: planted when all else is there.

organisation   a backup policy for production, a draft that hangs on nothing
central        logically air-gapped vaults: with an approval team, without one, and one that cannot be read
production     restore tests, legal holds, frameworks and reports, cheaper storage, a plan into the air gap
development    its effective backup policy is refused
"""

from scanner.demo.clock import ago, standing_at
from scanner.demo.estate import assurance, history, identity, vaults
from scanner.demo.estate.plans import Copy, Rule, of_organization, plan, select, tagged
from scanner.demo.estate.vaults import Vault
from scanner.demo.server.authorization import EVERYWHERE, Refusal
from scanner.demo.story.accounts import (
    CENTRAL,
    DEVELOPMENT,
    FRANKFURT,
    IRELAND,
    MANAGEMENT,
    PRODUCTION,
    VIRGINIA,
    Estate,
)
from scanner.demo.story.production import Production

_NIGHTS = (3.0, 27.0)  # hours before the demo's clock
_PLAN = "organisation-nightly"


def plant(estate: Estate, organization_id: str, production: Production) -> None:
    """All of it."""
    with standing_at(ago(days=360)):
        _organisation(estate)
        gapped = _air_gaps(estate, organization_id)
        _into_the_air_gap(estate, production, gapped)
        _restore_tests(estate, production)
        _holds(estate, production)
        _frameworks(estate)
    estate.front.refusals += [
        Refusal(CENTRAL, VIRGINIA, "backup", "DescribeBackupVault"),
        Refusal(PRODUCTION, FRANKFURT, "backup", "DescribeFramework"),
        Refusal(DEVELOPMENT, EVERYWHERE, "organizations", "DescribeEffectivePolicy"),
    ]


def _organisation(estate: Estate) -> None:
    """A backup policy reaches production alone, where AWS Backup made a plan of it that chooses nothing."""
    management = estate.at(MANAGEMENT, VIRGINIA)
    identity.trust_service(management, "backup.amazonaws.com")
    identity.enable_backup_policies(management)
    rule = {
        "schedule_expression": {"@@assign": "cron(0 3 ? * * *)"},
        "target_backup_vault_name": {"@@assign": "production-gold"},
        "lifecycle": {"delete_after_days": {"@@assign": "35"}},
    }
    tags = {
        "iam_role_arn": {"@@assign": "arn:aws:iam::$account:role/service-role/AWSBackupDefaultServiceRole"},
        "tag_key": {"@@assign": "backup"},
        "tag_value": {"@@assign": ["organisation"]},
    }
    content = {
        "plans": {
            _PLAN: {
                "regions": {"@@assign": [IRELAND]},
                "rules": {"nightly": rule},
                "selections": {"tags": {"by-tag": tags}},
            }
        }
    }
    identity.backup_policy(management, _PLAN, content, PRODUCTION)
    # Attached to nothing: a policy that exists protects no account.
    identity.backup_policy(management, "draft", {"plans": {}})


def _air_gaps(estate: Estate, organization_id: str) -> Vault:
    """Three logically air-gapped vaults; the one in Ireland is as it should be."""
    good = vaults.air_gapped(estate.at(CENTRAL, IRELAND), "central-air-gapped", 7, 400, "backup-approvers")
    vaults.police(good, vaults.admit_organisation(organization_id))
    # The events that AWS supports for notifications; BACKUP_JOB_FAILED is deprecated.
    vaults.notify(good, "COPY_JOB_FAILED", "RESTORE_JOB_COMPLETED", "BACKUP_JOB_COMPLETED")
    # If the account were lost, this one would be out of reach.
    vaults.air_gapped(estate.at(CENTRAL, FRANKFURT), "central-air-gapped-alone", 7, 90)
    vaults.air_gapped(estate.at(CENTRAL, VIRGINIA), "central-air-gapped-overseas", 7, 90, "backup-approvers")
    return good


def _into_the_air_gap(estate: Estate, production: Production, gapped: Vault) -> None:
    """One volume goes into the air gap every night; and the organisation's own plan."""
    site = estate.at(PRODUCTION, IRELAND)
    logs = production.ledger_logs
    gold = production.vaults.gold
    nightly = Rule("nightly", "cron(15 3 ? * * *)", gold, 35, (Copy(gapped.arn, 35),))
    vaulted = plan(site, "production-air-gapped", production.role, nightly)
    select(vaulted, "ledger-logs", Resources=[logs.arn])
    for findings, point in zip(
        ([], ["MALWARE"]), history.back_up(logs, vaulted.rules["nightly"], *_NIGHTS), strict=True
    ):
        point.document["AggregatedScanResult"] = {
            "FailedScan": False,
            "Findings": findings,
            "LastComputed": point.document["CompletionDate"],
        }
        # In such a vault every recovery point is one of AWS Backup's own (AWS Backup, "Access control").
        arn = gapped.site.arn("backup", f"recovery-point:{point.job_id.upper()}")
        history.copy(point, gapped, 35, RecoveryPointArn=arn, VaultType=gapped.extras.vault_type)
    rule = Rule("nightly", "cron(0 3 ? * * *)", gold, 35)
    governed = of_organization(plan(site, _PLAN, production.role, rule))
    select(governed, "by-tag", ListOfTags=tagged("backup", "organisation"))


def _restore_tests(estate: Estate, production: Production) -> None:
    site, gold = estate.at(PRODUCTION, IRELAND), production.vaults.gold
    tests = assurance.restore_testing(site, "weekly", "cron(0 9 ? * SAT *)", gold)
    by_tier = [{"Key": "aws:ResourceTag/tier", "Value": "gold"}]
    conditions = {"StringEquals": by_tier}
    for name, kind in (("volumes", "EBS"), ("databases", "RDS"), ("files", "EFS")):
        assurance.tested(site, "weekly", name, kind, production.role, ProtectedResourceConditions=conditions)
    # This one has no selection, so it tests nothing.
    assurance.restore_testing(site, "quarterly", "cron(0 9 1 */3 ? *)", window_days=90)
    assurance.restore_testing(site, "yearly", "cron(0 9 2 1 ? *)", gold, window_days=365)
    assurance.tested(
        site,
        "yearly",
        "ledger",
        "Aurora",
        production.role,
        ProtectedResourceArns=[production.resources.ledger.arn],
        ValidationWindowHours=12,
    )
    logs = production.ledger_logs
    points = [point for point in gold.extras.recovery_points if point["ResourceArn"] == logs.arn]
    newest = history.Point(logs, gold, points[-1], "")
    history.restore_test(newest, tests, 6)
    _restored_long_ago(production)


def _restored_long_ago(production: Production) -> None:
    """A bucket was restored before the oldest job that is listed: only the resource itself says so."""
    loose = production.vaults.loose
    documents = production.resources.continuous[1]
    points = loose.extras.recovery_points
    point = next(candidate for candidate in points if candidate["ResourceArn"] == documents.arn)
    history.restore(history.Point(documents, loose, point, ""), 61, 340)


def _holds(estate: Estate, production: Production) -> None:
    site, gold = estate.at(PRODUCTION, IRELAND), production.vaults.gold
    assurance.hold(site, "Tax audit 2026", gold)
    assurance.hold(site, "Dispute with a supplier", gold, released="Settled out of court")
    assurance.hold(site, "Merger", gold, production.vaults.standard)
    assurance.tier(site, "everything", "*", {"*": 60})
    assurance.tier(site, "documents", gold.name, {"arn:aws:s3:::acme-production-documents": 180})


def _frameworks(estate: Estate) -> None:
    """Ireland is judged, Virginia is not; Frankfurt's framework may not be described."""
    site = estate.at(PRODUCTION, IRELAND)
    protected = assurance.control("BACKUP_RESOURCES_PROTECTED_BY_BACKUP_PLAN")
    gold = assurance.control(
        "BACKUP_RESOURCES_PROTECTED_BY_BACKUP_VAULT_LOCK",
        {"ComplianceResourceTypes": ["EBS", "RDS"], "Tags": {"tier": "gold"}},
        minRetentionDays="35",
    )
    frequent = assurance.control(
        "BACKUP_PLAN_MIN_FREQUENCY_AND_MIN_RETENTION_CHECK",
        requiredFrequencyUnit="hours",
        requiredFrequencyValue="24",
        requiredRetentionDays="35",
    )
    arns = [
        assurance.framework(site, "production", protected, gold, frequent),
        assurance.framework(site, "plans_only", frequent),
        assurance.framework(site, "old_one", assurance.control("BACKUP_RECOVERY_POINT_ENCRYPTED")),
    ]
    bucket = "acme-production-logs"
    assurance.report_plan(site, "compliance", "RESOURCE_COMPLIANCE_REPORT", bucket, arns)
    for template in ("BACKUP_JOB_REPORT", "COPY_JOB_REPORT", "RESTORE_JOB_REPORT"):
        assurance.report_plan(site, template.lower(), template, bucket)
    assurance.framework(estate.at(PRODUCTION, FRANKFURT), "production", protected)
