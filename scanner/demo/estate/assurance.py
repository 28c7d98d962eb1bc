"""What proves or holds protection: restore testing, legal holds, frameworks, report plans, tiering."""

from collections.abc import Mapping, Sequence
from typing import Any

from scanner.demo.estate.site import Site
from scanner.demo.estate.vaults import Vault

Document = dict[str, Any]


def restore_testing(site: Site, name: str, cron: str, *vaults: Vault, window_days: int = 30) -> str:
    """A restore testing plan that takes the newest recovery point in these vaults (none: in all). Its ARN."""
    chosen = {
        "Algorithm": "LATEST_WITHIN_WINDOW",
        # AWS Backup requires at least one entry; `*` is the form for all vaults.
        "IncludeVaults": [vault.arn for vault in vaults] or ["*"],
        "RecoveryPointTypes": ["SNAPSHOT", "CONTINUOUS"],
        "SelectionWindowDays": window_days,
    }
    plan = {
        "RestoreTestingPlanName": name,
        "ScheduleExpression": cron,
        "StartWindowHours": 8,
        "RecoveryPointSelection": chosen,
    }
    # The ARN is needed later: restore jobs name the plan that started them.
    answer = site.do("backup", "CreateRestoreTestingPlan", RestoreTestingPlan=plan)
    return str(answer["RestoreTestingPlanArn"])


def tested(site: Site, plan: str, name: str, kind: str, role: str, **body: object) -> None:
    """A selection of a restore testing plan; `body` says which resources of the type."""
    selection = {
        "RestoreTestingSelectionName": name,
        "ProtectedResourceType": kind,
        "IamRoleArn": role,
        **body,
    }
    site.do(
        "backup",
        "CreateRestoreTestingSelection",
        RestoreTestingPlanName=plan,
        RestoreTestingSelection=selection,
    )


def hold(site: Site, title: str, *vaults: Vault, released: str = "") -> None:
    """Place a legal hold on everything in these vaults; with `released` it was canceled for that reason."""
    answer = site.do(
        "backup",
        "CreateLegalHold",
        Title=title,
        Description=f"Requested by counsel: {title}",
        RecoveryPointSelection={"VaultNames": [vault.name for vault in vaults]},
    )
    if released:
        site.do("backup", "CancelLegalHold", LegalHoldId=answer["LegalHoldId"], CancelDescription=released)


def framework(site: Site, name: str, *controls: Document) -> str:
    """A framework of Backup Audit Manager. Its ARN."""
    answer = site.do(
        "backup",
        "CreateFramework",
        FrameworkName=name,
        FrameworkDescription=f"Framework {name}",
        FrameworkControls=list(controls),
        IdempotencyToken=name,
    )
    return str(answer["FrameworkArn"])


def control(name: str, scope: Document | None = None, **parameters: str) -> Document:
    """A control of a framework; without a scope it judges every resource that it can."""
    inputs = [{"ParameterName": key, "ParameterValue": value} for key, value in parameters.items()]
    document: Document = {"ControlName": name, "ControlInputParameters": inputs}
    return document if scope is None else {**document, "ControlScope": scope}


def report_plan(site: Site, name: str, template: str, bucket: str, frameworks: Sequence[str] = ()) -> None:
    """A report that is made every day, into a bucket."""
    setting: Document = {"ReportTemplate": template}
    if frameworks:
        setting |= {"FrameworkArns": list(frameworks), "NumberOfFrameworks": len(frameworks)}
    # The two formats of reports on the own account and Region.
    channel = {"S3BucketName": bucket, "S3KeyPrefix": name, "Formats": ["CSV", "JSON"]}
    site.do(
        "backup",
        "CreateReportPlan",
        ReportPlanName=name,
        ReportSetting=setting,
        ReportDeliveryChannel=channel,
        IdempotencyToken=name,
    )


def tier(site: Site, name: str, vault: str, days: Mapping[str, int]) -> None:
    """Move S3 backups to the cheaper tier; `days`: after how many, by bucket ARN (or `*`)."""
    chosen = [
        {"Resources": [arn], "TieringDownSettingsInDays": after, "ResourceType": "S3"}
        for arn, after in days.items()
    ]
    configuration = {
        "TieringConfigurationName": name,
        "BackupVaultName": vault,
        "ResourceSelection": chosen,
    }
    site.do("backup", "CreateTieringConfiguration", TieringConfiguration=configuration)
