"""Vaults half told of, by topics, keys and targets; recovery points half told of, oddly dated, told twice.

Every cell has an account of its own where a read is missing. What a row leaves out is not known, unless the
facts sheet says what its absence means.
"""

from collections.abc import Mapping
from typing import Any, Final

from tests.contract.world import ENCRYPTED, FAIL, KEPT, NOT_APPLICABLE, PASS, UNKNOWN, Truth
from tests.fakes.bundles import (
    ACCOUNT,
    OTHER,
    REGION,
    BundleBuilder,
    ShardScript,
    key_arn,
    plan_arn,
    rule,
    vault_arn,
    volume_arn,
)

TOLD: Final = "vault-notifications"
KEYED: Final = "vault-customer-managed-key"
TARGET: Final = "rule-target-vault-exists"
USABLE: Final = "recovery-point-usable"

P, F, N, U = PASS, FAIL, NOT_APPLICABLE, UNKNOWN
Row = Mapping[str, Any]
TOPIC: Final = f"arn:aws:sns:{REGION}:{ACCOUNT}:backups"
NOTIFICATIONS: Final = "backup:GetBackupVaultNotifications"
EARLY, LATE, LATER = "2026-11-22T17:00:00Z", "2026-11-22T17:00:00.5Z", "2026-11-22T17:00:01.25Z"
BOTH: Final = ["BACKUP_JOB_COMPLETED", "COPY_JOB_FAILED"]


def tells(*events: str) -> Row:
    return {"SNSTopicArn": TOPIC, "BackupVaultEvents": list(events)}


# (name, what the calls gave, as (when, an error's code or the answer), the verdict)
ANSWERS: Final[tuple[tuple[str, tuple[tuple[str, str | Row], ...], str], ...]] = (
    ("both", ((EARLY, tells(*BOTH)),), P),
    ("other-order", ((EARLY, tells("RESTORE_JOB_STARTED", *reversed(BOTH))),), P),
    ("one", ((EARLY, tells("BACKUP_JOB_COMPLETED")),), F),
    ("none", ((EARLY, tells()),), F),
    ("none-by-number", ((EARLY, "ERROR_2106"),), F),
    ("none-by-name", ((EARLY, "ResourceNotFoundException"),), F),
    ("untold-events", ((EARLY, {"SNSTopicArn": TOPIC}),), U),
    ("refused", ((EARLY, "AccessDeniedException"),), U),
    ("throttled", ((EARLY, "ThrottlingException"),), U),
    ("unasked", (), U),
    ("refused-then-told", ((EARLY, "AccessDeniedException"), (LATE, tells(*BOTH))), P),
    ("told-then-refused", ((EARLY, tells(*BOTH)), (LATE, "AccessDeniedException")), P),
    ("told-better", ((EARLY, tells()), (LATE, tells(*BOTH))), P),
    ("told-worse", ((LATE, tells(*BOTH)), (LATER, tells("COPY_JOB_FAILED"))), F),
    ("told-the-same", ((EARLY, tells(*BOTH)), (LATER, tells(*BOTH))), P),
)
AWS_MANAGED: Final = {"KeyManager": "AWS", "KeyState": "Enabled", "Enabled": True}
CUSTOMER: Final = {"KeyManager": "CUSTOMER", "KeyState": "Enabled", "Enabled": True}
# (name, what the vault's row says, what DescribeKey says; a text: an error's code, the verdict)
KEYS: Final[tuple[tuple[str, Row, Row | str, str], ...]] = (
    ("works", {}, CUSTOMER, P),
    ("pending-import", {}, CUSTOMER | {"KeyState": "PendingImport", "Enabled": False}, F),
    ("unavailable", {}, CUSTOMER | {"KeyState": "Unavailable", "Enabled": False}, F),
    ("replica-going", {}, CUSTOMER | {"KeyState": "PendingReplicaDeletion", "Enabled": False}, F),
    ("state-untold", {}, {"KeyManager": "CUSTOMER"}, U),
    ("manager-untold", {}, {"KeyState": "Enabled", "Enabled": True}, U),
    ("manager-by-vault", {"EncryptionKeyType": "CUSTOMER_MANAGED_KMS_KEY"}, {"KeyState": "Enabled"}, P),
    ("of-aws-and-off", {}, AWS_MANAGED | {"KeyState": "Disabled"}, F),
    ("refused", {}, "AccessDeniedException", U),
    ("gone", {}, "NotFoundException", U),
    ("refused-customer", {"EncryptionKeyType": "CUSTOMER_MANAGED_KMS_KEY"}, "AccessDeniedException", U),
    ("aws-owned", {"EncryptionKeyType": "AWS_OWNED_KMS_KEY", "EncryptionKeyArn": None}, "", F),
    ("untold", {"EncryptionKeyArn": None}, "", U),
    ("by-alias", {}, "AccessDeniedException", F),
)
# (account, the names of vaults that the list gives, whether it ends there, verdicts on the rules' targets)
TARGETS: Final[tuple[tuple[str, tuple[str, ...] | None, bool, Mapping[str, str]], ...]] = (
    ("510000000001", ("main", "Default"), True, {"main": P, "Main": F, "Default": P, "gone": F}),
    ("510000000002", ("main",), False, {"main": P, "gone": U}),
    ("510000000003", None, True, {"main": U}),
    ("510000000004", (), True, {"main": F}),
)


def vaults(bundle: BundleBuilder) -> Truth:
    shard, truth = bundle.shard(page=3), Truth()
    for name, calls, verdict in ANSWERS:
        _listed(shard, f"tells-{name}", {})
        truth[TOLD, vault_arn(f"tells-{name}")] = verdict
        for at, told in calls:
            code, answer = (told, None) if isinstance(told, str) else ("", told)
            shard.call(NOTIFICATIONS, answer, error=code, at=at, BackupVaultName=f"tells-{name}")
    for name, row, key, verdict in KEYS:
        _listed(shard, f"key-{name}", {"EncryptionKeyArn": key_arn(name), **row})
        truth[KEYED, vault_arn(f"key-{name}")] = verdict
        metadata = None if isinstance(key, str) else {"KeyId": name, "Arn": key_arn(name), **key}
        if key:
            answer = {"KeyMetadata": metadata} if metadata else None
            shard.call("kms:DescribeKey", answer, error="" if metadata else str(key), KeyId=key_arn(name))
    shard.alias("alias/aws/backup", "by-alias")
    return truth | _targets(bundle)


def _listed(shard: ShardScript, name: str, row: Row) -> None:
    """List a vault of which nothing but the list tells."""
    told = {"BackupVaultName": name, "BackupVaultArn": vault_arn(name, shard.account), **row}
    shard.listed("backup:ListBackupVaults", {key: value for key, value in told.items() if value is not None})
    shard.listed("backup:ListRecoveryPointsByBackupVault", BackupVaultName=name)


def _targets(bundle: BundleBuilder) -> Truth:
    truth = Truth()
    for account, names, whole, verdicts in TARGETS:
        shard = bundle.shard(account)
        if names is None:
            shard.call("backup:ListBackupVaults", error="AccessDeniedException")
        elif not whole:
            rows = [{"BackupVaultName": name, "BackupVaultArn": vault_arn(name, account)} for name in names]
            shard.call("backup:ListBackupVaults", {"BackupVaultList": rows, "NextToken": "more"})
        for name in names if names and whole else ():
            shard.vault(name)
        rules = [rule(f"r{number}", vault=name) for number, name in enumerate(verdicts)]
        shard.plan("p", rules=rules)
        for number, verdict in enumerate(verdicts.values()):
            truth[TARGET, f"{plan_arn('p', account)}#rule-r{number}"] = verdict
    return truth


MADE: Final = "2026-10-01T00:00:00Z"
TEMPORARY: Final = {"DeleteAfterEvent": "DELETE_AFTER_COPY"}
# (name, what the row says beyond its date, resource and status; whether it is encrypted, and kept)
POINTS: Final[tuple[tuple[str, Row, str, str], ...]] = (
    ("plain", {"IsEncrypted": True, "Lifecycle": {"DeleteAfterDays": 35}}, P, P),
    ("open", {"IsEncrypted": False, "Lifecycle": {"DeleteAfterDays": 34}}, F, F),
    ("untold", {}, U, P),
    ("null", {"IsEncrypted": None, "Lifecycle": None}, U, P),
    ("empty", {"Lifecycle": {}}, U, P),
    ("only-cold", {"Lifecycle": {"MoveToColdStorageAfterDays": 30}}, U, P),
    ("minus-one", {"Lifecycle": {"DeleteAfterDays": -1}}, U, P),
    ("temporary", {"IsEncrypted": False, "Lifecycle": TEMPORARY}, N, N),
    ("by-date", {"CalculatedLifecycle": {"DeleteAt": "2026-11-05T00:00:00Z"}}, U, P),
    ("by-date-short", {"CalculatedLifecycle": {"DeleteAt": "2026-11-04T00:00:00Z"}}, U, F),
    ("by-date-a-little", {"CalculatedLifecycle": {"DeleteAt": "2026-11-04T00:00:00.001Z"}}, U, P),
    ("by-date-offset", {"CalculatedLifecycle": {"DeleteAt": "2026-11-05T00:00:00+00:00"}}, U, P),
    (
        "days-win",
        {"Lifecycle": {"DeleteAfterDays": 34}, "CalculatedLifecycle": {"DeleteAt": "2027-11-05T00:00:00Z"}},
        U,
        F,
    ),
    ("undated", {"CreationDate": None, "CalculatedLifecycle": {"DeleteAt": "2026-11-05T00:00:00Z"}}, U, U),
    ("undated-days", {"CreationDate": None, "Lifecycle": {"DeleteAfterDays": 35}}, U, P),
    ("continuous", {"Lifecycle": {"DeleteAfterDays": 35}}, U, P),
    ("continuous-untold", {}, U, U),
)


def points(bundle: BundleBuilder) -> Truth:
    """Ask of rows that say little; the pages of the list overlap, so that some rows come twice."""
    shard, truth = bundle.shard(page=4).volume("vol-1"), Truth()
    rows: list[dict[str, Any]] = []
    for name, told, encrypted, kept in POINTS:
        infix = "continuous:" if name.startswith("continuous") else ""
        arn = f"arn:aws:backup:{REGION}:{ACCOUNT}:recovery-point:{infix}{name}"
        row = {
            "RecoveryPointArn": arn,
            "BackupVaultArn": vault_arn("main"),
            "ResourceArn": volume_arn("vol-1"),
        }
        rows.append({**row, "ResourceType": "EBS", "Status": "COMPLETED", "CreationDate": MADE, **told})
        truth |= {(ENCRYPTED, arn): encrypted, (KEPT, arn): kept, (USABLE, arn): N if encrypted == N else P}
    shard.vault("main")
    asked = {"BackupVaultName": "main"}
    for listed in [*rows[:3], *rows[2:9], *rows[8:]]:
        known = {key: value for key, value in listed.items() if value is not None or key != "CreationDate"}
        shard.listed("backup:ListRecoveryPointsByBackupVault", known, **asked)
    return truth | _points_unread(bundle)


def _points_unread(bundle: BundleBuilder) -> Truth:
    """A row of a list that lacks its end is judged as it stands."""
    arn = f"arn:aws:backup:{REGION}:{OTHER}:recovery-point:seen"
    row = {"RecoveryPointArn": arn, "ResourceArn": volume_arn("vol-1", OTHER), "IsEncrypted": True}
    told = {**row, "ResourceType": "EBS", "Status": "COMPLETED", "CreationDate": MADE}
    shard = bundle.shard(OTHER).volume("vol-1")
    vault = {"BackupVaultName": "main", "BackupVaultArn": vault_arn("main", OTHER)}
    shard.listed("backup:ListBackupVaults", vault)
    answer = {"RecoveryPoints": [told], "NextToken": "more"}
    shard.call("backup:ListRecoveryPointsByBackupVault", answer, BackupVaultName="main")
    return {(ENCRYPTED, arn): P, (KEPT, arn): P, (USABLE, arn): P}
