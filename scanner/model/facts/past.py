"""The history of a resource in columns: its backup jobs, copy jobs and restores."""

from dataclasses import dataclass
from typing import Final

from scanner.model.facts.reads import POINT_READS, RESOURCE_READS, RULE_READS
from scanner.model.known import Ternary


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupJobResult:
    """A backup job of a resource, or of what it is backed up through.

    `newest`: whether it is the newest of the finished ones; `succeeded`: COMPLETED; `failed`: FAILED,
    EXPIRED or ABORTED (a PARTIAL one is neither). `age_hours` counts from its creation. `backup_type` is
    AWS's BackupType, empty where it gives none. `category` and
    `message` are AWS's, empty where it gives none; `issues` is both, of a job that completed with a category
    other than SUCCESS.
    """

    job: str
    resource: str
    state: str | None
    age_hours: float | None
    finished: Ternary
    succeeded: Ternary
    failed: Ternary
    newest: Ternary
    backup_type: str
    category: str
    message: str
    issues: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyChain:
    """The newest finished copy job of a resource by one rule into one vault.

    `rule`: empty for copies on demand, and where the job does not name it in full. `behind`: whether the
    newest completed backup of the rule is neither copied nor being copied. `age_hours`, `state` and
    `succeeded` are NULL where it is not known which job is the newest; the age is 999999, and the state
    empty, where none is finished. `category`, `message` and `issues`: as those of backup jobs.
    """

    rule: str
    destination: str
    age_hours: float | None
    state: str | None
    succeeded: Ternary
    behind: Ternary
    category: str
    message: str
    issues: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyJobsOf:
    """The copy jobs of one resource by one copy action in the last 30 days, and their result.

    `newest_age_hours` and `newest_succeeded` are about the newest finished one; `completed_age_hours` is the
    age of the newest completed one, 999999: none. A PARTIAL copy is finished and did not succeed. `category`,
    `message` and `issues` are those of the newest finished one, as of backup jobs.
    """

    resource: str
    newest_age_hours: float | None
    newest_succeeded: Ternary
    newest_state: str
    completed_age_hours: float | None
    category: str
    message: str
    issues: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreResult:
    """A restore of a resource, or of what it is backed up through.

    `job`: its id; empty: the newest one, from DescribeProtectedResource. `validated`: no validation of
    it failed, timed out or is still under way. `validation_reported`: whether AWS reports validations of
    it; it does not for a restore older than 30 days. `minutes` is NULL where it did not complete.
    """

    job: str
    resource: str
    state: str
    age_days: float | None
    minutes: float | None
    completed: Ternary
    validated: Ternary
    validation_reported: bool
    message: str  # AWS's messages about it and its validation


JOB_READS: Final = ("backup:ListBackupJobs", *RULE_READS)
COPY_JOB_READS: Final = ("backup:ListCopyJobs", "backup:ListBackupJobs", *RULE_READS)
RESTORE_READS: Final = (
    "backup:ListRestoreJobs",
    "backup:ListProtectedResources",
    "backup:DescribeProtectedResource",
    *RULE_READS,
)
ORPHAN_READS: Final = (*POINT_READS, *RESOURCE_READS)
