"""Jobs whose rows leave things out, come twice or come from the future; roles that are read one by one."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.contract.assigned_truth import ROLE, lets, trust
from tests.contract.restores_truth import SUCCEED, TESTED, Job, backup, restore
from tests.contract.world import FAIL, PASS, UNKNOWN, Truth
from tests.fakes.bundles import (
    FAR,
    BundleBuilder,
    ShardScript,
    copy_to,
    plan_arn,
    rule,
    stamp,
    vault_arn,
    volume_arn,
)

ARRIVES: Final = "copy-arrives"

P, F, U = PASS, FAIL, UNKNOWN
DAY: Final = 24.0
Change = Mapping[str, Any]
Told = tuple[str, float, Change]
"""A job: its state, its age in hours, and what is different about its row; None: the key is left out."""

# (jobs of the only volume of an account, the verdict where half of the jobs may fail)
BACKUPS: Final[tuple[tuple[tuple[Told, ...], str], ...]] = (
    ((("COMPLETED", 5, {}), ("FAILED", 29, {})), P),
    ((("COMPLETED", 5, {}), ("FAILED", 29, {}), ("FAILED", 29, {})), P),  # one job, listed twice
    ((("COMPLETED", 5, {}), ("FAILED", 29, {}), ("FAILED", 30, {})), F),
    ((("COMPLETED", 5, {}), ("FAILED", -1, {})), F),
    ((("FAILED", 5, {}), ("COMPLETED", -1, {})), P),
    ((("COMPLETED", 5, {}), ("FAILED", 6, {"State": None})), U),  # a count of what is not known (ruling 2)
    ((("COMPLETED", 5, {}), ("FAILED", 4, {"State": None})), U),
    ((("FAILED", 5, {}), ("COMPLETED", 29, {"State": None})), F),
    ((("COMPLETED", 5, {}), ("FAILED", 4, {"CreationDate": None})), U),
    ((("COMPLETED", 5, {}), ("FAILED", 4, {"ResourceArn": None})), U),
    ((("COMPLETED", 5, {"CompletionDate": None, "ResourceType": None}),), P),
    ((("COMPLETED", 5, {"State": "completed"}),), U),
    ((("COMPLETED", 5, {"MessageCategory": "VSS_ERROR"}), ("FAILED", 29, {})), P),
)
CREATOR: Final = ("BackupPlanArn", "BackupPlanId", "BackupRuleId")
BY_OTHER_RULE: Final = {"BackupRuleId": "rule-other"}
# (copy jobs of the only volume that a copy action covers, the verdict)
COPIES: Final[tuple[tuple[tuple[Told, ...], str], ...]] = (
    ((("COMPLETED", 5, {}),), P),
    ((("PARTIAL", 5, {}),), F),
    ((("COMPLETED", 5, {"MessageCategory": "TAG_COPY_ERROR"}),), P),
    ((("COMPLETED", 5, {"State": None}),), U),
    ((("COMPLETED", 5, {}), ("FAILED", 4, {"State": None})), U),
    ((("COMPLETED", 5, {"CreationDate": None}),), U),
    ((("COMPLETED", 5, {"DestinationBackupVaultArn": None}),), U),
    ((("COMPLETED", 5, {"ResourceArn": None}),), U),
    ((("COMPLETED", 5, {"CreatedBy": None}),), F),  # made on demand
    ((("COMPLETED", 5, BY_OTHER_RULE),), F),
    ((("COMPLETED", 5, {"BackupRuleId": None}),), U),
    ((("COMPLETED", 5, {"BackupPlanArn": None}),), P),  # the plan's id alone
    ((("COMPLETED", 5, {"BackupPlanId": None}),), P),
    ((("COMPLETED", 29, {}), ("FAILED", 5, {"BackupPlanArn": None})), F),
    ((("FAILED", 29, {}), ("COMPLETED", 5, {"BackupPlanArn": None})), P),
    ((("COMPLETED", 5, {"BackupPlanArn": None, "BackupPlanId": "other"}),), F),
    ((("COMPLETED", 29, {}), ("FAILED", 5, {"BackupPlanArn": None, "BackupPlanId": "other"})), P),
    ((("COMPLETED", 5, {"BackupPlanArn": None, "BackupRuleId": None}),), U),
    ((("COMPLETED", 29, {}), ("FAILED", 5, {"BackupPlanArn": None, "BackupRuleId": None})), U),
    ((("COMPLETED", 5, {"BackupPlanArn": None, "BackupPlanId": None}),), U),  # the rule without its plan
    ((("COMPLETED", 29, {}), ("FAILED", 5, dict.fromkeys(CREATOR))), U),  # an empty CreatedBy
    ((("COMPLETED", 5, {"BackupRuleId": None, "DestinationBackupVaultArn": None}),), U),
    ((("COMPLETED", 5, {"CreatedBy": None, "DestinationBackupVaultArn": None}),), F),
    ((("COMPLETED", 29, {}), ("FAILED", 5, {"CreatedBy": None})), P),
    ((("COMPLETED", 5, {}), ("FAILED", -1, {})), F),
    ((("FAILED", 5, {}), ("COMPLETED", -1, {})), P),
)
# (restore jobs, whose age is in days, of the only volume of an account, the verdict)
RESTORES: Final[tuple[tuple[tuple[Told, ...], str], ...]] = (
    ((("COMPLETED", 1, {"ValidationStatus": "SUCCESSFUL"}),), P),
    ((("COMPLETED", 1, {"ValidationStatus": "FAILED"}),), F),
    ((("COMPLETED", 1, {"ValidationStatus": "TIMED_OUT"}),), F),
    ((("COMPLETED", 1, {"ValidationStatus": "FAILED"}), ("COMPLETED", 9, {})), P),
    ((("ABORTED", 1, {}),), F),
    ((("COMPLETED", -0.5, {}),), P),
)


def backups(bundle: BundleBuilder) -> Truth:
    """Ask of jobs of which half may fail."""
    truth = Truth()
    for number, (jobs, verdict) in enumerate(BACKUPS):
        shard, arn = _volume(bundle, 560000000000 + number)
        rows = [_told(backup(arn, state, age), change) for state, age, change in jobs]
        shard.listed("backup:ListBackupJobs", *rows)
        truth[SUCCEED, arn] = verdict
    return truth


def others(bundle: BundleBuilder) -> Truth:
    """Ask of copy jobs and of restores."""
    truth = Truth()
    for number, (jobs, verdict) in enumerate(COPIES):
        shard, arn = _volume(bundle, 570000000000 + number)
        shard.vault("main")
        to = vault_arn("far", shard.account, FAR)
        bundle.shard(shard.account, FAR).vault("far")
        shard.plan("p", rules=[rule(CopyActions=[copy_to(to)])], selections=[{"Resources": [arn]}])
        shard.listed("backup:ListCopyJobs", *(_told(_copy(shard, arn, to, job), job[2]) for job in jobs))
        truth[ARRIVES, f"{plan_arn('p', shard.account)}#rule-daily->{to}"] = verdict
    for number, (jobs, verdict) in enumerate(RESTORES):
        shard, arn = _volume(bundle, 580000000000 + number)
        rows = [_told(restore(arn, state, days), change) for state, days, change in jobs]
        shard.listed("backup:ListRestoreJobs", *rows)
        shard.call("backup:DescribeProtectedResource", _described(arn, jobs), ResourceArn=arn)
        truth[TESTED, arn] = verdict
    return truth | _roles(bundle)


def _volume(bundle: BundleBuilder, account: int) -> tuple[ShardScript, str]:
    shard = bundle.shard(str(account)).volume("vol-1")
    return shard, volume_arn("vol-1", shard.account)


def _told(row: Job, change: Change) -> Job:
    merged = row | {key: value for key, value in change.items() if key not in CREATOR or key in row}
    return {key: value for key, value in merged.items() if value is not None}


def _copy(shard: ShardScript, arn: str, to: str, job: Told) -> Job:
    state, age, change = job
    by = {"BackupPlanArn": plan_arn("p", shard.account), "BackupPlanId": "p", "BackupRuleId": "rule-daily"}
    return {
        "CopyJobId": f"{state}-{age}",
        "ResourceArn": arn,
        "ResourceType": "EBS",
        "State": state,
        "CreationDate": stamp(age),
        "DestinationBackupVaultArn": to,
        "CreatedBy": _told(by, {key: change[key] for key in change.keys() & by.keys()}),
    }


def _described(arn: str, jobs: Sequence[Told]) -> Job:
    """Give what DescribeProtectedResource tells; it knows nothing of validation."""
    told: Job = {"ResourceArn": arn, "ResourceType": "EBS"}
    done = [days for state, days, _ in jobs if state == "COMPLETED"]
    if not done:
        return told
    latest = {"LatestRestoreJobCreationDate": stamp(min(done) * DAY)}
    return told | latest | {"LatestRestoreExecutionTimeMinutes": 60}


TRUSTING: Final = {"AssumeRolePolicyDocument": trust(lets())}
# (what GetRole gives, or an error's code; whether the list of roles was refused, else it is empty; verdict)
ROLES: Final[tuple[tuple[Change | str, bool, str], ...]] = (
    (TRUSTING, True, P),
    ({"AssumeRolePolicyDocument": trust(lets({"Service": "ec2.amazonaws.com"}))}, True, F),
    ({}, True, U),
    ("NoSuchEntity", True, F),
    ("AccessDenied", True, U),
    ("", True, U),
    (TRUSTING, False, P),  # it was made between the two reads
    ("NoSuchEntity", False, F),
    ("AccessDenied", False, F),
)


def _roles(bundle: BundleBuilder) -> Truth:
    truth = Truth()
    for number, (told, refused, verdict) in enumerate(ROLES):
        account = f"{590000000000 + number}"
        script = bundle.account(account)
        arn = f"arn:aws:iam::{account}:role/service-role/backup"
        if refused:
            script.call("iam:ListRoles", error="AccessDenied")
        role = {"RoleName": "backup", "Path": "/service-role/", "Arn": arn}
        if isinstance(told, str) and told:
            script.call("iam:GetRole", error=told, RoleName="backup")
        elif not isinstance(told, str):
            script.call("iam:GetRole", {"Role": {**role, **told}}, RoleName="backup")
        selection = {"Resources": ["*"], "IamRoleArn": arn}
        bundle.shard(account).vault("main").plan("p", rules=[rule()], selections=[selection])
        truth[ROLE, f"{plan_arn('p', account)}#s1"] = verdict
    return truth
