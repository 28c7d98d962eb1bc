"""AWS Backup: vaults with their access policies and recovery points."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from scanner.evidence.answers import Answer, Answers
from scanner.evidence.shape import Shape
from scanner.model.inventory import (
    RecoveryPoint,
    ScanResult,
    Vault,
    VaultDetails,
    VaultLock,
    VaultNotifications,
)
from scanner.model.known import LEFT_OUT, EvidenceRef, Gap, GapKind, Known, Reading, Unread
from scanner.model.names import Arn, Shard, parse_arn, partition_of, vault_arn
from scanner.services.base import (
    Gaps,
    Operation,
    created_by_rule,
    distinct,
    objects,
    rows,
    text,
)
from scanner.services.caller import Caller

_PAGE: Final = 1000  # the largest page (AWS Backup API Reference)
_VAULTS: Final = "backup:ListBackupVaults"

_POINTS = "backup:ListRecoveryPointsByBackupVault"
_POINT_IN_TIME = "backup:GetPITRMalwareScanResults"
_PLAIN = "BACKUP_VAULT"
_NOT_FOUND = "ResourceNotFoundException"
_CONTINUOUS = ":continuous:"  # no response field shows this, only the ARN (seen, not documented)

OPERATIONS: Final = (
    Operation(
        "backup",
        "ListBackupVaults",
        "backup:ListBackupVaults",
        _PAGE,
        own=("BackupVaultList[].BackupVaultArn",),
        identity=("BackupVaultList[].BackupVaultName",),
    ),
    # AWS allows five calls per second (General Reference, "AWS Backup endpoints and quotas"), so it is called
    # only for the few vaults whose list entry is incomplete.
    Operation(
        "backup",
        "DescribeBackupVault",
        "backup:DescribeBackupVault",
        after=(_VAULTS,),
        per="vault",
        own=("BackupVaultArn",),
    ),
    Operation(
        "backup",
        "GetBackupVaultAccessPolicy",
        "backup:GetBackupVaultAccessPolicy",
        after=(_VAULTS,),
        per="vault",
        own=("BackupVaultArn",),
    ),
    Operation(
        "backup",
        "GetBackupVaultNotifications",
        "backup:GetBackupVaultNotifications",
        after=(_VAULTS,),
        per="vault",
        own=("BackupVaultArn",),
    ),
    Operation(
        "backup",
        "ListRecoveryPointsByBackupVault",
        "backup:ListRecoveryPointsByBackupVault",
        _PAGE,
        after=(_VAULTS,),
        per="vault",
        own=("RecoveryPoints[].BackupVaultArn",),
        closed=("RecoveryPoints[].Lifecycle",),
        identity=("RecoveryPoints[].BackupVaultArn", "RecoveryPoints[].RecoveryPointArn"),
    ),
    # Called for scanned continuous recovery points: the list has no scan results for points in time.
    Operation(
        "backup",
        "GetPITRMalwareScanResults",
        "backup:GetPITRMalwareScanResults",
        after=("backup:ListRecoveryPointsByBackupVault",),
        per="continuous recovery point that was scanned for malware",
    ),
)

_AWS_OWNED: Final = "AWS_OWNED_KMS_KEY"
# The types with members that ListBackupVaults omits: the approval team and the source vault.
_DESCRIBED: Final = {"LOGICALLY_AIR_GAPPED_BACKUP_VAULT", "RESTORE_ACCESS_BACKUP_VAULT"}
_TYPES: Final = frozenset({_PLAIN, *_DESCRIBED})
# The lifecycle of the temporary recovery point before a copy into an
# air-gapped vault (API reference, "Lifecycle").
_DELETION_EVENTS: Final = frozenset({"DELETE_AFTER_COPY"})


def collect(caller: Caller) -> set[str]:
    """Record vaults with their recovery points; return the keys that they name."""
    # Dicts as ordered sets: the calls are in the order of the list, and each vault is described once.
    names: dict[str, None] = {}
    described: dict[str, None] = {}
    keys: set[str] = set()
    for answer in caller.pages("backup", "ListBackupVaults"):
        keys.update(_key_names(answer, "BackupVaultList"))
        for row in objects(answer, "BackupVaultList"):
            if name := text(row, "BackupVaultName"):
                names[name] = None
                if row.get("VaultType") in _DESCRIBED:
                    described[name] = None
    caller.each(described, _describe_vault)
    return keys | caller.each(names, _collect_vault)


def _describe_vault(caller: Caller, name: str) -> tuple[str, ...]:
    caller.call("backup", "DescribeBackupVault", BackupVaultName=name)
    return ()


def _collect_vault(caller: Caller, name: str) -> set[str]:
    caller.call("backup", "GetBackupVaultAccessPolicy", BackupVaultName=name)
    caller.call("backup", "GetBackupVaultNotifications", BackupVaultName=name)
    keys: set[str] = set()
    for answer in caller.pages("backup", "ListRecoveryPointsByBackupVault", BackupVaultName=name):
        keys.update(_key_names(answer, "RecoveryPoints"))
        _collect_scans(caller, name, answer)
    return keys


def _collect_scans(caller: Caller, vault: str, answer: Mapping[str, Any]) -> None:
    """Record the latest malware scan of continuous recovery points, by the time of the aggregated result."""
    for row in objects(answer, "RecoveryPoints"):
        arn, aggregated = text(row, "RecoveryPointArn"), row.get("AggregatedScanResult")
        if (
            _CONTINUOUS in arn
            and isinstance(aggregated, Mapping)
            and (computed := aggregated.get("LastComputed"))
        ):
            caller.call(
                "backup",
                "GetPITRMalwareScanResults",
                RecoveryPointArn=arn,
                BackupVaultName=vault,
                # AWS returns the newest scan that covered this time (docs/assumptions.md).
                ScanEndTime=computed,
                MalwareScanner="GUARDDUTY",
            )


def _key_names(answer: Mapping[str, Any], key: str) -> Iterator[str]:
    """Yield the keys in the rows, without AWS owned keys, which no account can describe."""
    for row in objects(answer, key):
        if (name := text(row, "EncryptionKeyArn")) and row.get("EncryptionKeyType") != _AWS_OWNED:
            yield name


def parse_vaults(answers: Answers, gaps: Gaps) -> tuple[Vault, ...]:
    """Parse the shard's backup vaults."""
    vaults = distinct(rows(answers, "backup:ListBackupVaults", "BackupVaultList"), "BackupVaultName")
    return tuple(_vault(answers, gaps, row, ref) for _, (row, ref) in sorted(vaults.items()))


def _vault(answers: Answers, gaps: Gaps, row: Shape, ref: EvidenceRef) -> Vault:
    name = row.need("BackupVaultName")
    # Missing in Regions without air-gapped vaults (Developer Guide, "Logically air-gapped vault").
    kind = row.word("VaultType", _TYPES) or _PLAIN
    shard = answers.shard
    points = answers.read(_POINTS, BackupVaultName=name)
    match points:
        case Known():
            pass
        case Unread(gap):
            gaps.note(gap)
    return Vault(
        arn=_vault_arn(shard, row.text("BackupVaultArn"), name),
        name=name,
        account=shard.account,
        region=shard.region,
        type=kind,
        lock=VaultLock(
            locked=row.flag("Locked"),
            lock_date=row.instant("LockDate"),
            min_retention_days=row.integer("MinRetentionDays"),
            max_retention_days=row.integer("MaxRetentionDays"),
        ),
        key=row.text("EncryptionKeyArn"),
        key_type=row.text("EncryptionKeyType"),
        policy=_policy(answers, gaps, name),
        recovery_points_read=points,
        notifications=_notifications(answers, gaps, name),
        details=_details(answers, gaps, name, is_plain=kind == _PLAIN),
        state=row.text("VaultState"),
        refs=(ref,),
    )


def _policy(answers: Answers, gaps: Gaps, name: str) -> Reading[str | None]:
    """Parse a vault's access policy; Known(None): the vault has none, according to the error.

    An empty text is an invalid policy (ruling 22). An answer without a policy is incomplete.
    """
    operation = "backup:GetBackupVaultAccessPolicy"
    answer = answers.one(operation, BackupVaultName=name)
    text = next((text for page in answer.pages if (text := page.text("Policy")) is not None), None)
    cut_short = text is None and bool(answer.pages)
    gap = answers.gap(operation, name, GapKind.HALF_READ) if cut_short else answer.gap
    return gaps.known_unless(gap or _contradiction(answers, answer, operation, name), text, answer.refs)


def _contradiction(answers: Answers, answer: Answer, operation: str, name: str) -> Gap | None:
    """Return why "not found" does not mean that a vault has no policy or notifications; None: it does.

    The error has one code for both, so that it decides nothing where another call did not find the vault.
    """
    if not answer.absent:
        return None
    for read in (_POINTS, "backup:DescribeBackupVault"):
        gap = answers.one(read, BackupVaultName=name).gap
        if gap is not None and gap.code == _NOT_FOUND:
            message = f"AWS did not find the vault itself either ({read.partition(':')[2]})."
            return replace(answers.gap(operation, name, GapKind.FAILED), code=_NOT_FOUND, message=message)
    return None


def _notifications(answers: Answers, gaps: Gaps, name: str) -> Reading[VaultNotifications | None]:
    """Parse the notifications of a vault. An error reports that there are none (package data `answers`)."""
    answer = answers.one("backup:GetBackupVaultNotifications", BackupVaultName=name)
    described = next(iter(answer.pages), None)
    if described is None:
        contradiction = _contradiction(answers, answer, "backup:GetBackupVaultNotifications", name)
        return gaps.known_unless(answer.gap or contradiction, None, answer.refs)
    events = None if described.data.get("BackupVaultEvents") is None else described.texts("BackupVaultEvents")
    return gaps.reading(VaultNotifications(described.text("SNSTopicArn"), events), answer)


def _details(answers: Answers, gaps: Gaps, name: str, *, is_plain: bool) -> Reading[VaultDetails] | None:
    """Parse the fields of air-gapped and restore-access vaults that the list omits."""
    answer = answers.one("backup:DescribeBackupVault", BackupVaultName=name)
    # The list has all members of a plain vault, so that only other programs describe one.
    if is_plain and answer.gap is not None:
        return None
    described = next(iter(answer.pages), None)
    update = described.child("LatestMpaApprovalTeamUpdate") if described else None
    details = VaultDetails(
        approval_team=described.text("MpaApprovalTeamArn") if described else None,
        approval_status=update.text("Status") if update else None,
        source_vault=described.text("SourceBackupVaultArn") if described else None,
    )
    return gaps.reading(details, answer)


def parse_recovery_points(answers: Answers, gaps: Gaps) -> tuple[RecoveryPoint, ...]:
    """Parse the recovery points of all vaults; one that a vault lists twice counts once."""
    # By vault, too: a restore-access vault lists the recovery points of the vault that it gives access to.
    points = {(point.vault, point.arn): point for point in _points(answers, gaps)}
    return tuple(points[key] for key in sorted(points))


def _points(answers: Answers, gaps: Gaps) -> Iterator[RecoveryPoint]:
    scans = _point_in_time_scans(answers, gaps)
    for row, ref, vault in _point_rows(answers):
        lifecycle = row.child("Lifecycle") or Shape({}, "Lifecycle", ref)
        arn = row.need("RecoveryPointArn")
        calculated = row.child("CalculatedLifecycle") or Shape({}, "CalculatedLifecycle", ref)
        yield RecoveryPoint(
            arn=Arn(arn),
            vault=vault,
            account=answers.shard.account,
            region=answers.shard.region,
            resource=row.text("ResourceArn") or "",
            resource_type=row.text("ResourceType") or "",
            status=row.text("Status"),
            created_at=row.instant("CreationDate"),
            encrypted=row.flag("IsEncrypted"),
            key=row.text("EncryptionKeyArn"),
            delete_after_days=lifecycle.integer("DeleteAfterDays"),
            delete_at=calculated.instant("DeleteAt"),
            temporary=lifecycle.word("DeleteAfterEvent", _DELETION_EVENTS) is not None,
            source_vault=row.text("SourceBackupVaultArn"),
            created_by_rule=created_by_rule(row, _plan_shard(row, answers.shard)),
            scan=_scan(
                row.child("AggregatedScanResult"), scans.get(arn) or _left_out_scan(answers, gaps, arn)
            ),
            last_restored_at=row.instant("LastRestoreTime"),
            is_parent=bool(row.flag("IsParent")),
            parent=row.text("ParentRecoveryPointArn"),
            size_bytes=row.integer("BackupSizeInBytes"),
            refs=(ref,),
        )


def _plan_shard(row: Shape, vault: Shard) -> Shard:
    """Return the account and Region of the plan that created a recovery point.

    A plan backs up resources of its own account and Region. The ARN of an S3 bucket has neither; the plan of
    a copy is then in the account and Region of the vault that it was copied from (docs/assumptions.md).
    """
    for arn in (row.text("ResourceArn"), row.text("SourceBackupVaultArn")):
        parts = parse_arn(arn or "")
        if parts is not None and parts.account and parts.region:
            return Shard(parts.account, parts.region)
    return vault


def _point_rows(answers: Answers) -> Iterator[tuple[Shape, EvidenceRef, Arn]]:
    """Yield the rows with their vaults: where the row has none, the vault that was requested."""
    for answer in answers.every(_POINTS):
        parameters = answer.parameters
        # Such a vault belongs to another account, so that its ARN can only come from the row.
        requested = "" if "BackupVaultAccountId" in parameters else str(parameters.get("BackupVaultName", ""))
        for page in answer.pages:
            for row in page.children("RecoveryPoints"):
                arn = row.text("BackupVaultArn") if requested else row.need("BackupVaultArn")
                yield row, page.ref, _vault_arn(answers.shard, arn, requested)


def _vault_arn(shard: Shard, arn: str | None, name: str) -> Arn:
    return Arn(arn) if arn else vault_arn(partition_of(shard.region), shard, name)


def _scan(result: Shape | None, point_in_time: Reading[str | None] | None) -> ScanResult | None:
    if result is None:
        return None
    # None: AWS reported no findings at all, which is not an empty list of them.
    findings = None if result.data.get("Findings") is None else result.texts("Findings")
    return ScanResult(result.flag("FailedScan"), findings, result.instant("LastComputed"), point_in_time)


def _point_in_time_scans(answers: Answers, gaps: Gaps) -> Mapping[str, Reading[str | None]]:
    """Parse the latest malware scans of continuous recovery points, by ARN (GetPITRMalwareScanResults)."""
    scans: dict[str, Reading[str | None]] = {}
    for answer in answers.every(_POINT_IN_TIME):
        result = next((child for page in answer.pages if (child := page.child("ScanResult"))), None)
        status = result.text("ScanResultStatus") if result else None
        scans[str(answer.parameters.get("RecoveryPointArn", ""))] = gaps.reading(status, answer)
    return scans


def _left_out_scan(answers: Answers, gaps: Gaps, arn: str) -> Reading[str | None] | None:
    """Return the latest scan of a continuous recovery point as unread, if the collection omitted it."""
    gap = answers.gap(_POINT_IN_TIME, "", GapKind.NEVER_ASKED)
    if _CONTINUOUS not in arn or gap.code != LEFT_OUT:
        return None
    return gaps.known_unless(gap, None)
