"""Lists that other reads of the same account-Region contradict: they were not fully read.

A list that was read to its end decides by what it lacks: a resource is in no plan, a vault does not exist. So
a list that lacks what another read shows to exist is a gap. Not every mention proves that something exists:

Proof: contradicts every list that lacks it.
- An answered call about one thing (GetBackupPlan of a plan, ListRecoveryPointsByBackupVault of a vault),
  unless the list was called again later: a thing may be deleted between two reads.
- LastBackupVaultArn of ListProtectedResources: a vault that has recovery points cannot be deleted (API
  reference, "DeleteBackupVault").
- The vault of a backup job that has not ended.

Indication: contradicts only an empty list, since each single thing may have been deleted since.
- Jobs of the last 30 days name vaults, those of the last day plans; copy jobs name backup jobs.
- ListProtectedResources names the last recovery point of a resource, and the time of its last backup, whose
  job AWS Backup lists for 30 days. GetCallerIdentity names the role of the scan.
- Resources that both ListProtectedResources and the tagging API name. Either of them alone names resources
  that were deleted, too.
- Volumes name the instances that they are attached to, and instances their volumes. Instances may start and
  stop between the two calls.

No proof: the target vault of a rule, the destination of a copy action and the resources of a selection (that
they do not exist is a finding); recovery points (they outlive their resource, plan and job); vaults of other
accounts and Regions, whose lists are read at another time; NumberOfRecoveryPoints (an approximation). Nothing
in the account-Region contradicts an empty ListCopyJobs, or an empty answer of the tagging API.

What a planned change removes (`audit what-if`) counts as listed: other reads still name it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from scanner.evidence.answers import REMOVED_BY_CHANGE, Answer, Answers
from scanner.evidence.identity import is_same
from scanner.model.known import CONTRADICTION, EvidenceRef, Gap, GapKind
from scanner.model.names import Shard, parse_arn
from scanner.model.resource_types import listed_by
from scanner.services.base import rows
from scanner.services.catalogue import is_unfiltered

_VAULTS: Final = "backup:ListBackupVaults"
_PLANS: Final = "backup:ListBackupPlans"
_SELECTIONS: Final = "backup:ListBackupSelections"
_POINTS: Final = "backup:ListRecoveryPointsByBackupVault"
_ROLES: Final = "iam:ListRoles"
_CALLER: Final = "sts:GetCallerIdentity"
_BACKUP_JOBS: Final = "backup:ListBackupJobs"
_COPY_JOBS: Final = "backup:ListCopyJobs"
_PROTECTED: Final = "backup:ListProtectedResources"
_TAGGED: Final = "resourcegroupstaggingapi:GetResources"
_INSTANCES: Final = "ec2:DescribeInstances"
_VOLUMES: Final = "ec2:DescribeVolumes"
_BUCKETS: Final = "s3:ListBuckets"

_NAMES: Final[Mapping[str, tuple[str, str]]] = {
    _VAULTS: ("BackupVaultList", "BackupVaultName"),
    _PLANS: ("BackupPlansList", "BackupPlanId"),
    _SELECTIONS: ("BackupSelectionsList", "SelectionId"),
    _BACKUP_JOBS: ("BackupJobs", "BackupJobId"),
    "backup:ListRestoreTestingPlans": ("RestoreTestingPlans", "RestoreTestingPlanName"),
    "backup:ListRestoreTestingSelections": ("RestoreTestingSelections", "RestoreTestingSelectionName"),
    "backup:ListLegalHolds": ("LegalHolds", "LegalHoldId"),
    "backup:ListFrameworks": ("Frameworks", "FrameworkName"),
    "backup:ListTieringConfigurations": ("TieringConfigurations", "TieringConfigurationName"),
    "dsql:ListClusters": ("clusters", "identifier"),
    "dynamodb:ListTables": ("TableNames", ""),
    "eks:ListClusters": ("clusters", ""),
    "ssm-sap:ListDatabases": ("Databases", "Arn"),
    "storagegateway:ListVolumes": ("VolumeInfos", "VolumeARN"),
    _BUCKETS: ("Buckets", "Name"),
}
"""By list, the field with its rows, and the field that names a row; empty: the rows are names."""

_DETAILS: Final[tuple[tuple[str, str, str], ...]] = (
    ("backup:DescribeBackupVault", "BackupVaultName", _VAULTS),
    ("backup:GetBackupVaultAccessPolicy", "BackupVaultName", _VAULTS),
    ("backup:GetBackupVaultNotifications", "BackupVaultName", _VAULTS),
    (_POINTS, "BackupVaultName", _VAULTS),
    ("backup:GetBackupPlan", "BackupPlanId", _PLANS),
    (_SELECTIONS, "BackupPlanId", _PLANS),
    ("backup:GetBackupSelection", "SelectionId", _SELECTIONS),
    ("backup:GetRestoreTestingPlan", "RestoreTestingPlanName", "backup:ListRestoreTestingPlans"),
    ("backup:ListRestoreTestingSelections", "RestoreTestingPlanName", "backup:ListRestoreTestingPlans"),
    (
        "backup:GetRestoreTestingSelection",
        "RestoreTestingSelectionName",
        "backup:ListRestoreTestingSelections",
    ),
    ("backup:GetLegalHold", "LegalHoldId", "backup:ListLegalHolds"),
    ("backup:DescribeFramework", "FrameworkName", "backup:ListFrameworks"),
    ("backup:GetTieringConfiguration", "TieringConfigurationName", "backup:ListTieringConfigurations"),
    ("dsql:GetCluster", "identifier", "dsql:ListClusters"),
    ("dynamodb:DescribeTable", "TableName", "dynamodb:ListTables"),
    ("eks:DescribeCluster", "name", "eks:ListClusters"),
    ("ssm-sap:GetDatabase", "DatabaseArn", "ssm-sap:ListDatabases"),
)
"""A call about one thing, the parameter that names it, and the list that has it."""

_BUCKET_DETAILS: Final = (
    "s3:GetBucketTagging",
    "s3:GetBucketVersioning",
    "s3:GetBucketEncryption",
    "s3:GetBucketLocation",
)
_PARENTS: Final = {
    _POINTS: "BackupVaultName",
    _SELECTIONS: "BackupPlanId",
    "backup:ListRestoreTestingSelections": "RestoreTestingPlanName",
}
"""Lists that are called once for each of something, and the parameter that names it."""

_UNFINISHED: Final = frozenset({"CREATED", "PENDING", "RUNNING"})
_RECENT: Final = timedelta(days=1)
_JOBS_KEPT: Final = timedelta(days=29)
"""AWS Backup lists jobs for 30 days; a job may have ended earlier than its recovery point."""


@dataclass(frozen=True, slots=True)
class Mention:
    """Something that another read names, and that a list should have.

    `parent`: of what the list is (the plan of a selection). `at`: when a call about it was answered; a list
    that was called later may lack it.
    """

    list: str
    name: str
    by: str
    ref: EvidenceRef
    is_proof: bool = True
    parent: str = ""
    at: datetime | None = None


def doubt_contradicted_lists(answers: Answers, account: Answers) -> Gap | None:
    """Turn each list of an account-Region that another read contradicts into a gap.

    Returns the gap of the account's list of buckets, which all Regions read; None: nothing contradicts it.
    """
    lists = _Lists(answers)
    for mention in _mentions(answers, lists):
        if (gap := lists.gap(mention)) is not None:
            answers.doubt(gap, lists.complete(mention.list, mention.parent))
    of_account = _Lists(account)
    for mention in _caller(account):
        if (gap := of_account.gap(mention)) is not None:
            account.doubt(gap, of_account.complete(mention.list))
    details = _details(answers, ((name, "Bucket", _BUCKETS) for name in _BUCKET_DETAILS))
    return next(filter(None, map(of_account.gap, details)), None)


class _Lists:
    """The lists of a shard as they were read, each looked through once."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._complete: dict[tuple[str, str], tuple[Answer, ...]] = {}
        self._names: dict[tuple[str, str], set[str]] = {}

    def complete(self, operation: str, parent: str = "") -> tuple[Answer, ...]:
        """Return the answers that should have everything: those without filters, read to their end."""
        key = operation, parent
        if key not in self._complete:
            every = self._answers.every(operation)
            read = (answer for answer in every if answer.gap is None and not answer.absent)
            parameter = _PARENTS.get(operation)
            self._complete[key] = tuple(
                answer
                for answer in read
                if (
                    is_unfiltered(answer) if parameter is None else answer.parameters.get(parameter) == parent
                )
            )
        return self._complete[key]

    def is_empty(self, operation: str, parent: str = "") -> bool:
        """Return whether a list was read to its end and has no rows."""
        complete = self.complete(operation, parent)
        return bool(complete) and all(map(_is_empty, complete))

    def gap(self, mention: Mention) -> Gap | None:
        """Return the gap of a list that a mention contradicts; None: it does not."""
        complete = self.complete(mention.list, mention.parent)
        if not complete or (mention.at is not None and mention.at < max(answer.at for answer in complete)):
            return None
        if not self.is_empty(mention.list, mention.parent) if not mention.is_proof else self._has(mention):
            return None
        gap = self._answers.gap(mention.list, mention.name, GapKind.FAILED)
        message = f"{mention.by} names it, and the list lacks it."
        return replace(gap, code=CONTRADICTION, message=message, ref=mention.ref)

    def _has(self, mention: Mention) -> bool:
        key = mention.list, mention.parent
        if key not in self._names:
            parameter = _PARENTS.get(mention.list, "")
            every = self._answers.every(mention.list)
            of_parent = (answer for answer in every if answer.parameters.get(parameter, "") == mention.parent)
            self._names[key] = {name for answer in of_parent for name in _names(answer, mention.list)}
        return _has(self._names[key], mention.name)


def _has(listed: set[str], name: str) -> bool:
    return name in listed or any(is_same(name, candidate) for candidate in listed)


def _is_empty(answer: Answer) -> bool:
    return not any(isinstance(rows, list) and rows for page in answer.pages for rows in page.data.values())


def _names(answer: Answer, operation: str) -> Iterator[str]:
    key, name = _NAMES[operation]
    for page in answer.pages:
        yield from page.texts(REMOVED_BY_CHANGE)
        if name:
            yield from (row.text(name) or "" for row in page.children(key))
        else:
            yield from page.texts(key)


def _mentions(answers: Answers, lists: _Lists) -> Iterator[Mention]:
    yield from _details(answers, _DETAILS)
    yield from _by_protected_resources(answers)
    yield from _by_backup_jobs(answers)
    yield from _by_copy_jobs(answers)
    if lists.is_empty(_INSTANCES) or lists.is_empty(_VOLUMES):
        yield from _by_attachments(answers)


def _details(answers: Answers, details: Iterable[tuple[str, str, str]]) -> Iterator[Mention]:
    """Yield what answered calls about one thing name."""
    for operation, parameter, listing in details:
        for answer in answers.every(operation):
            name = answer.parameters.get(parameter)
            if not answer.pages or not isinstance(name, str) or "BackupVaultAccountId" in answer.parameters:
                continue
            parent = str(answer.parameters.get(_PARENTS.get(listing, ""), ""))
            by = operation.partition(":")[2]
            yield Mention(listing, name, by, answer.refs[0], parent=parent, at=answer.at)


def _caller(account: Answers) -> Iterator[Mention]:
    """Yield the role that the scan itself had in an account."""
    for answer in account.every(_CALLER):
        for page in answer.pages:
            arn = parse_arn(page.text("Arn") or "")
            if arn is not None and arn.resource.startswith("assumed-role/"):
                yield Mention(
                    _ROLES, arn.resource.split("/")[1], "GetCallerIdentity", page.ref, is_proof=False
                )


def _by_protected_resources(answers: Answers) -> Iterator[Mention]:
    tagged = {row.text("ResourceARN") for row, _ in rows(answers, _TAGGED, "ResourceTagMappingList")}
    vaults: set[str] = set()
    for row, ref in rows(answers, _PROTECTED, "Results"):
        vault, resource = row.text("LastBackupVaultArn") or "", row.text("ResourceArn") or ""
        if vault not in vaults and (name := _own_name(answers.shard, vault)):
            vaults.add(vault)
            yield Mention(_VAULTS, name, "LastBackupVaultArn of ListProtectedResources", ref)
        point = row.text("LastRecoveryPointArn")
        if point and (name := _own_name(answers.shard, vault)):
            yield Mention(_POINTS, point, "ListProtectedResources", ref, is_proof=False, parent=name)
        backed_up = row.instant("LastBackupTime")
        if backed_up is not None and _own_name(answers.shard, resource):
            by = "LastBackupTime of ListProtectedResources"
            yield Mention(_BACKUP_JOBS, resource, by, ref, is_proof=False, at=backed_up + _JOBS_KEPT)
        if resource in tagged and _own_name(answers.shard, resource) and (listing := listed_by(resource)):
            by = "ListProtectedResources, as well as the tagging API,"
            yield Mention(listing, resource, by, ref, is_proof=False)


def _by_backup_jobs(answers: Answers) -> Iterator[Mention]:
    mentions: set[tuple[str, bool]] = set()
    for row, ref in rows(answers, _BACKUP_JOBS, "BackupJobs"):
        if (row.text("AccountId") or answers.shard.account) != answers.shard.account:
            continue
        # A job that has not ended still needs its vault, so it is proof.
        vault, is_proof = row.text("BackupVaultArn") or "", row.text("State") in _UNFINISHED
        if (vault, is_proof) not in mentions and (name := _own_name(answers.shard, vault)):
            mentions.add((vault, is_proof))
            yield Mention(_VAULTS, name, "ListBackupJobs", ref, is_proof=is_proof)
        created, created_by = row.instant("CreationDate"), row.child("CreatedBy")
        if created is not None and created_by and (plan := created_by.text("BackupPlanId")):
            # Later, all plans may have been deleted.
            yield Mention(_PLANS, plan, "ListBackupJobs", ref, is_proof=False, at=created + _RECENT)


def _by_copy_jobs(answers: Answers) -> Iterator[Mention]:
    for row, ref in rows(answers, _COPY_JOBS, "CopyJobs"):
        if vault := _own_name(answers.shard, row.text("SourceBackupVaultArn")):
            # No proof: jobs are listed for 30 days, and an empty vault can be deleted (DeleteBackupVault).
            yield Mention(_VAULTS, vault, "ListCopyJobs", ref, is_proof=False)
        if job := row.text("CreatedByBackupJobId"):
            yield Mention(_BACKUP_JOBS, job, "ListCopyJobs", ref, is_proof=False)


def _by_attachments(answers: Answers) -> Iterator[Mention]:
    for row, ref in rows(answers, _VOLUMES, "Volumes"):
        for attachment in row.children("Attachments"):
            if (instance := attachment.text("InstanceId")) and attachment.text("State") == "attached":
                # No proof: the instance may have been terminated between the two calls.
                yield Mention(_INSTANCES, instance, "DescribeVolumes", ref, is_proof=False)
    for reservation, ref in rows(answers, _INSTANCES, "Reservations"):
        for row in reservation.children("Instances"):
            for mapping in row.children("BlockDeviceMappings"):
                ebs = mapping.child("Ebs")
                if volume := ebs.text("VolumeId") if ebs else None:
                    # No proof: the volume may have been detached and deleted between the two calls.
                    yield Mention(_VOLUMES, volume, "DescribeInstances", ref, is_proof=False)


def _own_name(shard: Shard, arn: str | None) -> str:
    """Return the last part of an ARN of a shard; empty for other ARNs. Those of Amazon S3 name no shard."""
    parts = parse_arn(arn or "")
    if parts is None or (parts.account, parts.region) != (shard.account, shard.region):
        return ""
    return re.split("[:/]", parts.resource, maxsplit=1)[-1]
