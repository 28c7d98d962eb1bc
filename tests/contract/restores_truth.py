"""Backup jobs and restores: what the thirty days of history decide, and what they leave open."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.contract.world import FAIL, NOT_APPLICABLE, PASS, UNKNOWN, Truth
from tests.fakes.bundles import (
    ACCOUNT,
    REGION,
    BundleBuilder,
    Lines,
    ShardScript,
    instance_arn,
    rule,
    stamp,
    volume_arn,
)

SUCCEED: Final = "backup-jobs-succeed"
TESTED: Final = "restore-tested"
IN_TIME: Final = "restore-time-target"

P, F, N, U = PASS, FAIL, NOT_APPLICABLE, UNKNOWN
DAY: Final = 24.0
Job = dict[str, Any]


def backup(resource: str, state: str, hours_ago: float, **more: Any) -> Job:
    made = {"CreationDate": stamp(hours_ago), "CompletionDate": stamp(hours_ago - 0.5)}
    return {"BackupJobId": f"{resource}-{state}-{hours_ago}", "ResourceArn": resource, "State": state} | {
        "ResourceType": "EBS",
        **made,
        **more,
    }


def restore(resource: str, status: str, days_ago: float, minutes: float = 60, **more: Any) -> Job:
    hours = days_ago * DAY
    return {
        "RestoreJobId": f"{resource}-{status}-{days_ago}-{minutes}",
        "SourceResourceArn": resource,
        "RecoveryPointArn": f"arn:aws:ec2:{REGION}::snapshot/of-{resource[-8:]}",
        "ResourceType": "EBS",
        "Status": status,
        "CreationDate": stamp(hours),
        "CompletionDate": stamp(hours - minutes / 60),
        **more,
    }


# (name, jobs as (state, hours ago), verdict with no failures allowed, with half of them allowed)
JOBS: Final[tuple[tuple[str, tuple[tuple[str, float], ...], str, str], ...]] = (
    ("one-done", (("COMPLETED", 5),), P, P),
    ("one-failed", (("FAILED", 5),), F, F),
    ("mended", (("COMPLETED", 5), ("FAILED", 29)), F, P),
    ("broken", (("FAILED", 5), ("COMPLETED", 29)), F, F),
    ("mended-twice", (("COMPLETED", 5), ("FAILED", 29), ("FAILED", 53)), F, F),
    ("half", (("COMPLETED", 5), ("COMPLETED", 29), ("EXPIRED", 53), ("ABORTED", 77)), F, P),
    ("expired", (("EXPIRED", 5),), F, F),
    ("aborted", (("ABORTED", 5),), F, F),
    ("partial", (("PARTIAL", 5),), F, F),
    ("none", (), N, N),
    ("before", (("FAILED", 7 * DAY + 1),), N, N),
    ("failed-before", (("COMPLETED", 5), ("FAILED", 7 * DAY + 1)), P, P),
    ("done-before", (("FAILED", 5), ("COMPLETED", 7 * DAY + 1)), F, F),
    ("just-in-time", (("COMPLETED", 5), ("FAILED", 7 * DAY - 0.1)), F, P),
    ("under-way-after-failure", (("RUNNING", 1), ("FAILED", 5)), F, F),
    ("under-way-after-done", (("RUNNING", 1), ("COMPLETED", 5)), P, P),
    ("waiting", (("CREATED", 1), ("PENDING", 2), ("COMPLETED", 29)), P, P),
    ("being-aborted", (("ABORTING", 1), ("COMPLETED", 29)), P, P),
)


@dataclass(frozen=True, slots=True)
class Jobs:
    """Backup jobs; `column` says which of the two verdicts of JOBS holds."""

    column: int

    def __call__(self, bundle: BundleBuilder) -> Truth:
        shard, truth = bundle.shard(page=3), Truth()
        for name, jobs, *verdicts in JOBS:
            arn = volume_arn(f"vol-{name}")
            shard.volume(f"vol-{name}")
            shard.listed("backup:ListBackupJobs", *(backup(arn, *job) for job in jobs))
            truth[(SUCCEED, arn)] = verdicts[self.column]
        truth |= _odd(shard) | _inherited(shard)
        return truth | _unread(bundle, self.column)


def _odd(shard: ShardScript) -> Truth:
    """Legal answers that a naive reader trips over."""
    issues, undated, stateless, deleting = (
        volume_arn(f"vol-{n}") for n in ("issues", "undated", "x", "gone")
    )
    shard.volume("vol-issues").volume("vol-undated").volume("vol-x").volume("vol-gone", State="deleting")
    rows = [
        backup(issues, "COMPLETED", 5, MessageCategory="TAG_COPY_ERROR"),
        backup(undated, "FAILED", 5, CreationDate=None),
        backup(stateless, "SOMETHING_NEW", 5),
        backup(deleting, "FAILED", 5),
        backup(volume_arn("vol-foreign", "222222222222"), "FAILED", 5),
    ]
    shard.listed("backup:ListBackupJobs", *rows)
    return {(SUCCEED, issues): P, (SUCCEED, undated): U, (SUCCEED, stateless): U, (SUCCEED, deleting): N}


def _inherited(shard: ShardScript) -> Truth:
    """The job of an instance is the job of the volumes that are attached to it."""
    truth = Truth()
    for name, state, verdict in (("good", "COMPLETED", P), ("bad", "FAILED", F)):
        attached: dict[str, Any] = {
            "Attachments": [{"InstanceId": f"i-{name}", "VolumeId": f"vol-of-{name}"}]
        }
        mapped = [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeId": f"vol-of-{name}"}}]
        shard.instance(f"i-{name}", {"backup": "yes"}, BlockDeviceMappings=mapped)
        shard.volume(f"vol-of-{name}", **attached)
        shard.listed("backup:ListBackupJobs", backup(instance_arn(f"i-{name}"), state, 5, ResourceType="EC2"))
        truth |= {
            (SUCCEED, instance_arn(f"i-{name}")): verdict,
            (SUCCEED, volume_arn(f"vol-of-{name}")): verdict,
        }
    tags = [{"ConditionType": "STRINGEQUALS", "ConditionKey": "backup", "ConditionValue": "yes"}]
    shard.vault("main").plan("daily", rules=[rule()], selections=[{"ListOfTags": tags}])
    return truth


# (account, the jobs of its only volume, the verdicts where the list of jobs lacks its end)
CUT: Final[tuple[tuple[str, tuple[tuple[str, float], ...], str, str], ...]] = (
    ("300000000001", (("COMPLETED", 5),), U, U),
    ("300000000002", (("FAILED", 5),), F, U),
    ("300000000003", (), U, U),
)
REFUSED: Final = "300000000004"
UNASKED: Final = "300000000005"
FILTERED: Final = "300000000006"


def _unread(bundle: BundleBuilder, column: int) -> Truth:
    truth = Truth()
    for account, jobs, *verdicts in CUT:
        arn = volume_arn("vol-1", account)
        cut = {"BackupJobs": [backup(arn, *job) for job in jobs], "NextToken": "more"}
        bundle.shard(account).volume("vol-1").call("backup:ListBackupJobs", cut)
        truth[(SUCCEED, arn)] = verdicts[column]
    for account in (REFUSED, UNASKED, FILTERED):
        bundle.shard(account).volume("vol-1")
        truth[(SUCCEED, volume_arn("vol-1", account))] = U
    refusing = bundle.shard(REFUSED)
    refusing.call("backup:ListBackupJobs", error="AccessDeniedException")
    done = backup(volume_arn("vol-1", FILTERED), "COMPLETED", 5)
    bundle.shard(FILTERED).call("backup:ListBackupJobs", {"BackupJobs": [done]}, ByState="COMPLETED")
    return truth


def without_jobs(lines: Lines) -> Lines:
    """Leave out the list of jobs that nobody asked for."""
    stem = f"evidence/{UNASKED}/{REGION}"
    left = [line for line in lines[stem] if line["operation"] not in ("ListBackupJobs", "ListRestoreJobs")]
    return {**lines, stem: left}


@dataclass(frozen=True, slots=True)
class Restored:
    """A volume, its restores of thirty days, and what DescribeProtectedResource says of it."""

    name: str
    tested: str
    in_time: str
    jobs: Sequence[tuple[str, float, float]] = ()
    latest: tuple[float, float | None] | None = None
    described: str = "yes"
    more: Mapping[str, Any] | None = None


RESTORED: Final = (
    Restored("today", P, P, [("COMPLETED", 1, 60)]),
    Restored("to-the-minute", P, P, [("COMPLETED", 1, 720)]),
    Restored("a-minute-over", P, F, [("COMPLETED", 1, 721)]),
    Restored("one-slow", P, F, [("COMPLETED", 1, 60), ("COMPLETED", 9, 800)]),
    Restored("validated", P, P, [("COMPLETED", 1, 60)], more={"ValidationStatus": "SUCCESSFUL"}),
    Restored("never", F, N),
    Restored("never-backed-up", F, N, described="ResourceNotFoundException"),
    Restored("not-described", U, U, described="AccessDeniedException"),
    Restored("not-asked", U, U, described=""),
    Restored("listed-not-described", P, P, [("COMPLETED", 1, 60)], described="AccessDeniedException"),
    Restored("slow-not-described", P, F, [("COMPLETED", 1, 900)], described="AccessDeniedException"),
    Restored("failed-only", F, N, [("FAILED", 1, 5)], more={"CompletionDate": None}),
    Restored("running-only", F, N, [("RUNNING", 0.1, 1)], more={"CompletionDate": None}),
    Restored("failed-not-described", U, U, [("FAILED", 1, 5)], described="AccessDeniedException"),
    Restored("failed-then-done", P, P, [("FAILED", 1, 5), ("COMPLETED", 2, 5)]),
    Restored("two-months", P, P, latest=(60, 30)),
    Restored("two-months-slow", P, F, latest=(60, 721)),
    Restored("to-the-day", P, P, latest=(90, 30)),
    Restored("a-day-over", F, N, latest=(91, 30)),
    Restored("long-ago-slow", F, N, latest=(200, 9000)),
    Restored("two-months-no-duration", U, U, latest=(60, None)),
    Restored("validation-failed", F, P, [("COMPLETED", 1, 60)], more={"ValidationStatus": "FAILED"}),
    Restored("described-but-not-listed", U, P, latest=(10, 30)),
)


def restores(bundle: BundleBuilder) -> Truth:
    shard, truth = bundle.shard(page=3), Truth()
    for case in RESTORED:
        arn = volume_arn(f"vol-{case.name}")
        shard.volume(f"vol-{case.name}")
        rows = [restore(arn, *job, **(case.more or {})) for job in case.jobs]
        shard.listed("backup:ListRestoreJobs", *(_known(row) for row in rows))
        _describe(shard, arn, case)
        truth |= {(TESTED, arn): case.tested, (IN_TIME, arn): case.in_time}
    shard.volume("vol-gone", State="deleting")
    truth |= {(control, volume_arn("vol-gone")): N for control in (TESTED, IN_TIME)}
    return truth | _restores_unread(bundle)


def _known(row: Job) -> Job:
    return {key: value for key, value in row.items() if value is not None}


def _describe(shard: ShardScript, arn: str, case: Restored) -> None:
    if case.described == "yes":
        told: dict[str, Any] = {"ResourceArn": arn, "ResourceType": "EBS", "LastBackupTime": stamp(5)}
        newest = min((days for status, days, _ in case.jobs if status == "COMPLETED"), default=None)
        if case.latest is not None:
            told["LatestRestoreJobCreationDate"] = stamp(case.latest[0] * DAY)
            if case.latest[1] is not None:
                told["LatestRestoreExecutionTimeMinutes"] = case.latest[1]
        elif newest is not None:
            minutes = next(length for status, days, length in case.jobs if days == newest)
            told["LatestRestoreJobCreationDate"] = stamp(newest * DAY)
            told["LatestRestoreExecutionTimeMinutes"] = int(minutes)
        shard.call("backup:DescribeProtectedResource", told, ResourceArn=arn)
    elif case.described:
        shard.call("backup:DescribeProtectedResource", error=case.described, ResourceArn=arn)


# (account, the restore of its only volume, verdicts of the two controls) where the list lacks its end
RESTORES_CUT: Final[tuple[tuple[str, Job | None, str, str], ...]] = (
    ("310000000001", restore(volume_arn("vol-1", "310000000001"), "COMPLETED", 1), P, U),
    ("310000000002", restore(volume_arn("vol-1", "310000000002"), "COMPLETED", 1, 900), P, F),
    ("310000000003", None, U, U),
)


# (account, days since the restore that its only volume's description reports) where the list was refused:
# a restore of the list's 30 days may have failed its validation, a newer one may have been slow
DESCRIBED: Final[tuple[tuple[str, float], ...]] = (("320000000001", 3), ("320000000002", 60))


def _only_described(bundle: BundleBuilder) -> Truth:
    truth = Truth()
    for account, days in DESCRIBED:
        arn = volume_arn("vol-1", account)
        shard = bundle.shard(account).volume("vol-1")
        shard.call("backup:ListRestoreJobs", error="AccessDeniedException")
        _describe(shard, arn, Restored("", U, U, latest=(days, 30)))
        truth |= {(TESTED, arn): U, (IN_TIME, arn): U}
    return truth


def _restores_unread(bundle: BundleBuilder) -> Truth:
    truth = _only_described(bundle)
    for account, job, tested, in_time in RESTORES_CUT:
        arn = volume_arn("vol-1", account)
        rows = [] if job is None else [job]
        shard = bundle.shard(account).volume("vol-1")
        shard.call("backup:ListRestoreJobs", {"RestoreJobs": rows, "NextToken": "more"})
        truth |= {(TESTED, arn): tested, (IN_TIME, arn): in_time}
    return truth


def by_type(bundle: BundleBuilder) -> Truth:
    """Ask for a restore of the type: that of one volume is a test of the others, not of an instance."""
    shard = bundle.shard().volume("vol-restored").volume("vol-other").instance("i-1")
    shard.listed("backup:ListRestoreJobs", restore(volume_arn("vol-restored"), "COMPLETED", 3))
    for arn in (volume_arn("vol-restored"), volume_arn("vol-other"), instance_arn("i-1")):
        _describe(shard, arn, Restored("", P, P))
    elsewhere = bundle.shard(ACCOUNT, "eu-central-1").volume("vol-far")
    far = volume_arn("vol-far", region="eu-central-1")
    _describe(elsewhere, far, Restored("", P, P))
    return {
        (TESTED, volume_arn("vol-restored")): P,
        (TESTED, volume_arn("vol-other")): P,
        (TESTED, instance_arn("i-1")): F,
    }
