"""A synthetic scan that has everything a report must be able to say, hostile values included."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from scanner.app.criteria import Judgement
from scanner.app.judgement import evaluate
from scanner.evaluate.controls.loader import load_controls
from scanner.model.control import Control, ParameterRule, ReasonCase, Remediation
from scanner.model.decisions import Waiver
from scanner.model.finding import Finding, Severity, Status
from scanner.model.inventory import Account, ShardStatus
from scanner.model.known import EvidenceRef, Gap, GapKind
from scanner.model.manifest import Excluded, Manifest, Scope, ShardRecord
from scanner.model.names import AWS_GLOBAL, ORG, AccountId, RegionName
from scanner.model.scan import Reconciliation, Scan
from scanner.report.view.view import build

SAMPLE_BUNDLE: Final = Path(__file__).parents[2] / "sample_reports" / "bundle"
CLOCK: Final = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
REGIONS: Final = tuple(RegionName(name) for name in ("eu-west-1", "eu-central-1", "us-east-1"))
ACCOUNTS: Final = {
    AccountId("111111111111"): "payments-prod",
    AccountId("222222222222"): "shop-prod",
    AccountId("333333333333"): "data-platform",
    AccountId("444444444444"): "sandbox",
    AccountId("555555555555"): "backup-central",
    AccountId("666666666666"): "\u05de\u05e2\u05e8\u05db\u05ea \u0646\u0638\u0627\u0645 \U0001f9ca",
}
DARK: Final = AccountId("666666666666")
"""The account whose role cannot be assumed."""

HOSTILE: Final = (
    '<script>alert("x")</script>',
    "</script><img src=http://evil.example/x.png onerror=alert(1)>",
    "url(file:///etc/passwd)",
    "\u202egnp.exe\u202c & 'quotes' \"both\"",
    "\U0001f4be\U0001f9ca \u0646\u0633\u062e\u0629 \u05d2\u05d9\u05d1\u05d5\u05d9",
    "n" * 300,
    "{{ 7 * 7 }} {% raw %}",
    '=HYPERLINK("http://evil.example")',
)

WAIVER: Final = Waiver(
    id="W-17",
    owner="data-platform",
    approver="ciso@example.org",
    reason="Scratch data: rebuilt every night from the lake.",
    expires="2027-01-31",
)

_NIST: Final = {"nist-800-53-r5": ("CP-9",), "iso-27001-2022": ("A.8.13",)}
_COPIES: Final = {"nist-800-53-r5": ("CP-6", "CP-9(3)"), "iso-27001-2022": ("A.8.13", "A.8.14")}
_DELETION: Final = {"nist-800-53-r5": ("CP-9(8)", "SI-12"), "pci-dss-4": ("10.5.1",)}

_CONTROLS: Final[tuple[tuple[str, str, str, str, Mapping[str, Any], Mapping[str, tuple[str, ...]]], ...]] = (
    ("account-region-assessed", "Account-Region was fully read", "high", "account_region", {}, _NIST),
    ("copy-customer-managed-key", "No AWS managed key prevents the cross-account copy", "high", "copy_action",
     {"exempt_fully_managed": True}, _COPIES),
    ("copy-destination-exists", "Destination vault of the copy exists", "critical", "copy_action", {},
     _COPIES),
    ("plan-frequency-and-retention", "Plan backs up often enough", "medium", "plan",
     {"max_interval_hours": 24, "min_retention_days": 35}, _NIST),
    ("recovery-point-encrypted", "Recovery point is encrypted", "high", "recovery_point", {}, _NIST),
    ("recovery-point-retention", "Recovery point is kept long enough", "medium", "recovery_point",
     {"min_days": 35}, _NIST),
    ("resource-backed-up-recently", "Resource has a recent recovery point", "high", "resource",
     {"max_age_hours": 24}, _NIST),
    ("resource-cross-account-copy", "Backups of the resource are copied to another account", "high",
     "resource", {"accounts": []}, _COPIES),
    ("resource-cross-region-copy", "Backups of the resource are copied to another Region", "high", "resource",
     {"regions": ["eu-west-1", "eu-central-1"]}, _COPIES),
    ("resource-in-backup-plan", "Resource is in a backup plan", "critical", "resource", {}, _NIST),
    ("vault-locked", "Vault has a lock that meets the requirements", "medium", "vault",
     {"mode": "governance", "min_retention_days": 0, "max_retention_days": 0}, _DELETION),
    ("vault-manual-deletion-denied", "Recovery points in the vault cannot be deleted manually", "high",
     "vault", {"exempt_principal_arns": [], "strict": True}, _DELETION),
)  # fmt: skip

_FAILURES: Final = {
    "account-region-assessed": "Account-Region was not fully read",
    "copy-customer-managed-key": "An AWS managed key prevents the cross-account copy",
    "plan-frequency-and-retention": "Plan does not back up often enough",
    "recovery-point-encrypted": "Recovery point is not encrypted",
    "recovery-point-retention": "Recovery point expires too early",
    "resource-backed-up-recently": "Resource has no recent recovery point",
    "resource-cross-account-copy": "Backups of the resource are not copied to another account",
    "resource-cross-region-copy": "Backups of the resource are not copied to another Region",
    "resource-in-backup-plan": "Resource is not in any backup plan",
    "vault-locked": "Vault has no lock, or a lock that is weaker than required",
    "vault-manual-deletion-denied": "Recovery points in the vault can be deleted manually",
}
"""By control, the title of its failure. One has none, as a control of other people may."""

_CLI: Final = """aws backup create-backup-selection \\
  --backup-plan-id PLAN_ID \\
  --backup-selection '{"SelectionName": "by-tag", "IamRoleArn": "ROLE_ARN",
    "ListOfTags": [{"ConditionType": "STRINGEQUALS",
      "ConditionKey": "backup", "ConditionValue": "daily"}]}'"""

_TERRAFORM: Final = """resource "aws_backup_selection" "by_tag" {
  name         = "by-tag"
  plan_id      = aws_backup_plan.daily.id
  iam_role_arn = aws_iam_role.backup.arn

  selection_tag {
    type  = "STRINGEQUALS"
    key   = "backup"
    value = "daily"
  }
}"""

_CLOUDFORMATION: Final = """BackupSelection:
  Type: AWS::Backup::BackupSelection
  Properties:
    BackupPlanId: !Ref DailyPlan
    BackupSelection:
      SelectionName: by-tag
      IamRoleArn: !GetAtt BackupRole.Arn"""


def _control(row: tuple[str, str, str, str, Mapping[str, Any], Mapping[str, tuple[str, ...]]]) -> Control:
    name, title, severity, subject, parameters, frameworks = row
    return Control(
        id=name,
        title=title,
        failure_title=_FAILURES.get(name, ""),
        severity=Severity(severity),
        subject=subject,
        population="assessable" if subject == "resource" else "true",
        require="covered" if name == "resource-in-backup-plan" else "true",
        reason="What must hold does not hold.",
        reasons={"unknown": "A read is missing."},
        reason_cases={"fail": (ReasonCase("NOT covered", "No rule covers it."),)},
        parameter_rules={key: ParameterRule(doc="What counts.") for key in parameters},
        parameters=parameters,
        motivation=(
            "A resource that no rule covers has no recovery point to come back from. AWS Backup says nothing "
            "about what it does not select: such a resource shows up nowhere, until the day it is needed."
        ),
        remediation=Remediation(
            text="Tag the resource as one of your selections asks, or name it in a selection of its own.",
            effort="low",
            cli=_CLI,
            terraform=_TERRAFORM,
            cloudformation=_CLOUDFORMATION,
        ),
        frameworks=frameworks,
        audit_manager="BACKUP_RESOURCES_PROTECTED_BY_BACKUP_PLAN" if subject == "resource" else "",
        file=f"controls/{name}.yaml",
        line=1,
    )


_TYPES: Final = (
    ("EBS", "ec2", "volume/vol-0{:08x}"),
    ("EC2", "ec2", "instance/i-0{:08x}"),
    ("RDS", "rds", "db:orders-{}"),
    ("Aurora", "rds", "cluster:ledger-{}"),
    ("DynamoDB", "dynamodb", "table/Sessions-{}"),
    ("EFS", "elasticfilesystem", "file-system/fs-0{:08x}"),
)


def resources() -> Iterator[tuple[str, str, AccountId, RegionName, int]]:
    """Subject, type, account, Region and a running number."""
    number = 0
    for account in ACCOUNTS:
        if account == DARK:
            continue
        for region in REGIONS[:2] if account == "444444444444" else REGIONS:
            for kind, service, pattern in _TYPES:
                number += 1
                name = pattern.format(number)
                yield f"arn:aws:{service}:{region}:{account}:{name}", kind, account, region, number
    for extra, name in enumerate(HOSTILE):
        arn = f"arn:aws:dynamodb:eu-west-1:333333333333:table/{name}"
        yield arn, "DynamoDB", AccountId("333333333333"), REGIONS[0], 900 + extra


def plan(account: str, region: str) -> str:
    return f"arn:aws:backup:{region}:{account}:backup-plan:6f1c-{account[:4]}-{region}"


def vault(account: str, region: str, name: str = "main") -> str:
    return f"arn:aws:backup:{region}:{account}:backup-vault:{name}"


def _rule(account: str, region: str, number: int) -> dict[str, Any]:
    return {
        "rule": f"{plan(account, region)}#rule-{number}",
        "plan": plan(account, region),
        "name": "daily" if number == 1 else "weekly-long",
        "vault": vault(account, region),
        "schedule": "cron(0 5 ? * * *)" if number == 1 else "cron(0 6 ? * 1 *)",
        "timezone": "Europe/Berlin",
        "max_gap_hours": 24.0 if number == 1 else 168.0,
        "retention_days": 35 if number == 1 else 999_999,
        "keeps_forever": number != 1,
        "continuous": False,
    }


def _copies(account: str, region: str, number: int) -> list[dict[str, Any] | None]:
    other = "eu-central-1" if region == "eu-west-1" else "eu-west-1"
    effective = (True, False, None)[number % 3]
    reason = {
        True: "Everything that it needs holds.",
        False: "It is encrypted under alias/aws/ebs, an AWS managed key, which no other account can use.",
        None: "The destination vault's access policy could not be read.",
    }[effective]
    copy = {
        "rule": f"{plan(account, region)}#rule-1",
        "kind": "copy_action",
        "copied_as": "",
    }
    near = {
        "destination": vault(account, other),
        "destination_account": account,
        "destination_region": other,
        "cross_region": True,
        "cross_account": False,
        "effective": True,
        "reason": "",
    }
    far = {
        "destination": vault("555555555555", region, "central"),
        "destination_account": "555555555555",
        "destination_region": region,
        "cross_region": False,
        "cross_account": True,
        "effective": effective,
        "reason": reason,
    }
    return [copy | near, copy | far, *([None] if number % 11 == 0 else [])]


def _newest(number: int) -> dict[str, Any]:
    if number % 5 == 0:
        return {"exists": False, "arn": None, "vault": None, "created_at": None, "age_hours": None}
    age = 13.0 if number % 4 else 61.5
    made = (CLOCK - timedelta(hours=age)).isoformat().replace("+00:00", "Z")
    arn = f"arn:aws:backup:eu-west-1:111111111111:recovery-point:{number:08x}"
    return {"exists": True, "arn": arn, "vault": "main", "created_at": made, "age_hours": age}


def _resource_findings() -> Iterator[Finding]:
    for subject, kind, account, region, number in resources():
        covered = number % 6 != 2 and number < 900
        rules = [_rule(account, region, 1), *([_rule(account, region, 2)] if number % 2 else [])]
        details = {
            "covered_by": [{"rule": rule["rule"], "via": "selection", "parent": None} for rule in rules],
            "rules": rules,
        }
        bare: dict[str, Any] = {"covered_by": [], "rules": []}
        copies: list[dict[str, Any] | None] = _copies(account, region, number) if covered else []
        newest = _newest(number)
        reads = (EvidenceRef(f"evidence/{account}/{region}.jsonl.gz", number),)
        answers = (
            ("resource-in-backup-plan", Status.PASS if covered else Status.FAIL, details if covered else bare,
             "2 rules cover it." if covered else f"No selection matches {subject.rpartition('/')[2]}."),
            ("resource-backed-up-recently",
             Status.PASS if newest["age_hours"] == 13.0 else Status.FAIL, {"newest_recovery_point": newest},
             "The newest one is 13 h old." if newest["exists"] else "It has no usable recovery point."),
            ("resource-cross-region-copy", Status.PASS if covered else Status.NOT_APPLICABLE,
             {"copies": copies}, "A copy reaches eu-central-1." if covered else "No rule covers it."),
            ("resource-cross-account-copy",
             (Status.PASS, Status.FAIL, Status.UNKNOWN)[number % 3] if covered else Status.NOT_APPLICABLE,
             {"copies": copies},
             str(copies[1]["reason"]) if covered and copies[1] else "No rule covers it."),
        )  # fmt: skip
        for control, status, content, reason in answers:
            waived = status is Status.FAIL and account == "444444444444"
            yield _finding(
                control, Status.WAIVED if waived else status, subject, kind, account, region, reason,
                details=content, evidence=reads, waiver=WAIVER if waived else None,
            )  # fmt: skip


def _structure_findings() -> Iterator[Finding]:
    for account in ACCOUNTS:
        if account == DARK:
            continue
        for position, region in enumerate(REGIONS):
            here = vault(account, region)
            locked = account == "555555555555"
            refused = account == "222222222222" and region == "us-east-1"
            yield _finding(
                "vault-locked", Status.PASS if locked else Status.FAIL, here, "vault", account, region,
                "Compliance mode." if locked else "No Vault Lock is on.", details={"lock_mode": "none"},
            )  # fmt: skip
            yield _finding(
                "vault-manual-deletion-denied",
                Status.UNKNOWN if refused else Status.PASS if locked else Status.FAIL, here, "vault", account,
                region,
                "backup:GetBackupVaultAccessPolicy of main was refused (AccessDeniedException)."
                if refused else "No statement denies backup:DeleteRecoveryPoint to everybody.",
            )  # fmt: skip
            yield _finding(
                "plan-frequency-and-retention", Status.FAIL if position == 2 else Status.PASS,
                plan(account, region), "plan", account, region, "Rule daily keeps 35 days.",
            )  # fmt: skip
            gone = position == 1 and account == "333333333333"
            target = vault("555555555555", region, "gone" if gone else "central")
            action = f"{plan(account, region)}#rule-1->{target}"
            yield _finding(
                "copy-destination-exists", Status.FAIL if gone else Status.PASS, action, "copy_action",
                account, region, "There is no vault gone." if gone else "The vault exists.",
            )  # fmt: skip
            yield _finding(
                "copy-customer-managed-key", Status.UNKNOWN if gone else Status.FAIL, action, "copy_action",
                account, region, "Two volumes are encrypted under alias/aws/ebs.",
                details={"blocked": [{"resource": "arn:aws:ec2:::volume/vol-1", "key": "alias/aws/ebs"}]},
            )  # fmt: skip
            for point in range(4):
                arn = f"arn:aws:backup:{region}:{account}:recovery-point:{account[:2]}{position}{point}"
                yield _finding(
                    "recovery-point-encrypted", Status.FAIL if point == 3 else Status.PASS, arn,
                    "recovery_point", account, region, "It is not encrypted." if point == 3 else "Encrypted.",
                )  # fmt: skip
                yield _finding(
                    "recovery-point-retention", Status.ERROR if point == 2 and gone else Status.PASS, arn,
                    "recovery_point", account, region, "It expires after 35 days.",
                )  # fmt: skip


def _assessed(gaps: tuple[Gap, ...]) -> Iterator[Finding]:
    for account in ACCOUNTS:
        for region in REGIONS:
            here = [gap for gap in gaps if (gap.account, gap.region) == (account, region)]
            reads = [
                {
                    "operation": gap.operation,
                    "about": gap.about,
                    "kind": gap.kind.value,
                    "code": gap.code,
                    "message": gap.message,
                    "blinds": ["vault-manual-deletion-denied", "resource-cross-account-copy"],
                }
                for gap in here
            ]
            skipped = account == "444444444444" and region == "us-east-1"
            status = Status.NOT_APPLICABLE if skipped else Status.FAIL if here else Status.PASS
            yield _finding(
                "account-region-assessed", status, f"aws:account-region:{account}/{region}", "account_region",
                account, region, f"{len(here)} reads are missing." if here else "Everything was read.",
                details={"missing_reads": reads},
            )  # fmt: skip


def _finding(  # noqa: PLR0913, PLR0917 -- a finding has that many parts
    control: str, status: Status, subject: str, kind: str, account: str, region: str, reason: str, **more: Any
) -> Finding:
    declared = {row[0]: row for row in _CONTROLS}[control]
    return Finding(
        control=control,
        status=status,
        severity=Severity(declared[2]),
        subject=subject,
        subject_type=kind,
        account=account,
        region=region,
        reason=reason,
        frameworks=declared[5],
        **more,
    )


def _gaps() -> tuple[Gap, ...]:
    dark = tuple(
        Gap(DARK, region, "sts:AssumeRole", "", GapKind.REFUSED, "AccessDenied", HOSTILE[0])
        for region in REGIONS
    )
    shop, region = AccountId("222222222222"), RegionName("us-east-1")
    return (
        Gap(shop, region, "backup:GetBackupVaultAccessPolicy", "main", GapKind.REFUSED,
            "AccessDeniedException", "User is not authorized to perform this action.",
            EvidenceRef("evidence/222222222222/us-east-1.jsonl.gz", 12)),
        Gap(shop, region, "backup:ListRecoveryPointsByBackupVault", "old", GapKind.HALF_READ),
        *dark,
    )  # fmt: skip


def _shards() -> Iterator[ShardRecord]:
    yield ShardRecord(
        account=AccountId("555555555555"), region=ORG, status=ShardStatus.COMPLETE, calls=9,
        file="evidence/org.jsonl.gz", sha256="0" * 64, bytes=2_048,
    )  # fmt: skip
    for number, account in enumerate(ACCOUNTS):
        for region in (AWS_GLOBAL, *REGIONS):
            status = ShardStatus.COMPLETE
            if account == DARK:
                status = ShardStatus.FAILED
            elif account == "444444444444" and region == "us-east-1":
                status = ShardStatus.SKIPPED
            elif account == "222222222222" and region == "us-east-1":
                status = ShardStatus.PARTIAL
            elif account == "333333333333" and region == AWS_GLOBAL:
                continue  # missing
            yield ShardRecord(
                account=account, region=region, status=status,
                calls=40 + number if status in (ShardStatus.COMPLETE, ShardStatus.PARTIAL) else 0,
                errors=2 if status is ShardStatus.PARTIAL else 0,
                file=f"evidence/{account}/{region}.jsonl.gz", sha256=f"{number:x}" * 64, bytes=9_000 + number,
            )  # fmt: skip


def made_scan() -> Scan:
    """Make the scan: the same one every time."""
    gaps = _gaps()
    findings = (*_resource_findings(), *_structure_findings(), *_assessed(gaps))
    return Scan(
        manifest=Manifest(
            evaluated_as_of=CLOCK,
            scope=Scope(
                accounts=tuple(ACCOUNTS),
                regions=REGIONS,
                excluded=(Excluded(AccountId("777777777777"), "suspended"),),
                organization_id="o-acme12345",
                management_account=AccountId("555555555555"),
            ),
            accounts=tuple(
                Account(account, name, "ACTIVE", f"o-acme12345/r-root/ou-{'prod' if number < 3 else 'misc'}")
                for number, (account, name) in enumerate(ACCOUNTS.items())
            ),
            scan_id="0193a1b2-demo",
            tool_name="vaultproof",
            tool_version="0.1.0",
            started_at=CLOCK - timedelta(minutes=3),
            finished_at=CLOCK,
            caller_arn="arn:aws:sts::555555555555:assumed-role/Auditor/alice",
            caller_account="555555555555",
            shards=tuple(_shards()),
            source_sha256="ab" * 32,
            files={"findings.jsonl.gz": "cd" * 32, "inventory/vaults.parquet": "ef" * 32},
            capabilities_as_of="2026-11-01",
        ),
        controls=tuple(_control(row) for row in _CONTROLS),
        parameters={row[0]: row[4] for row in _CONTROLS} | {"recovery-point-retention": {"min_days": 30}},
        findings=tuple(sorted(findings, key=lambda each: each.order)),
        gaps=gaps,
        reconciliation=(
            Reconciliation("111111111111", "eu-west-1", "EBS", 14, ()),
            Reconciliation("222222222222", "us-east-1", "EBS", 9,
                           ("arn:aws:ec2:us-east-1:222222222222:volume/vol-x",)),
            Reconciliation("111111111111", "eu-west-1", "DynamoDB", 22, ()),
        ),
        limitations=(
            "Identity policies, service control policies and the service-linked role are not assessed.",
            "Job history reaches back 30 days.",
        ),
    )  # fmt: skip


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Scan:
    """The committed bundle of the demo organisation, judged once for all modules."""
    folder = tmp_path_factory.mktemp("sample")
    return evaluate(SAMPLE_BUNDLE, folder, Judgement(controls=load_controls()), ()).view.scan


@pytest.fixture(scope="session")
def scan() -> Scan:
    return made_scan()


@pytest.fixture(scope="session")
def named(scan: Scan) -> Scan:
    """A scan whose findings tell names, those of the first hostile."""
    tags = (*HOSTILE, "billing-archive")
    names = {
        subject: "gold / daily -> central" if "->" in subject else tags[min(number, len(tags) - 1)]
        for number, subject in enumerate(dict.fromkeys(each.subject for each in build(scan).worst))
    }
    findings = (
        replace(each, details={**each.details, "name": names[each.subject]}) for each in scan.findings
    )
    return replace(scan, findings=tuple(findings))


@pytest.fixture(scope="session")
def empty(scan: Scan) -> Scan:
    """A scan that found nothing to ask: one account, no controls' subjects, no gap."""
    scope = replace(scan.manifest.scope, accounts=scan.manifest.scope.accounts[:1], organization_id=None)
    manifest = replace(scan.manifest, scope=scope, shards=(), accounts=())
    return replace(scan, manifest=manifest, findings=(), gaps=(), reconciliation=(), limitations=())


@pytest.fixture(scope="session")
def blind(scan: Scan) -> Scan:
    """A scan in which nothing could be judged."""
    findings = tuple(replace(each, status=Status.UNKNOWN, waiver=None, details={}) for each in scan.findings)
    return replace(scan, findings=findings)
