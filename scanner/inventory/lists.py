"""The list reads that every shard owes, and whether each was made to the end.

What no line speaks of was not asked, and is a gap (evidence format). A list that was narrowed by a
filter says what exists, but never that there is nothing else.
"""

from collections.abc import Mapping
from typing import Final

from scanner.evidence.answers import Answer, Answers
from scanner.inventory.gaps import Gaps
from scanner.inventory.unasked import spoken_for
from scanner.model import resource_types
from scanner.model.reading import GapKind, Known, Reading, Unread

SHARD_LISTS: Final = (
    "backup:DescribeRegionSettings",
    "backup:ListBackupPlans",
    "backup:ListBackupVaults",
    "backup:ListBackupJobs",
    "backup:ListCopyJobs",
    "backup:ListFrameworks",
    "backup:ListLegalHolds",
    "backup:ListProtectedResources",
    "backup:ListReportPlans",
    "backup:ListRestoreJobs",
    "backup:ListRestoreTestingPlans",
    "backup:ListTieringConfigurations",
    "backup-gateway:ListVirtualMachines",
    "cloudformation:DescribeStacks",
    "dsql:ListClusters",
    "dynamodb:ListTables",
    "ec2:DescribeInstances",
    "ec2:DescribeVolumes",
    "efs:DescribeFileSystems",
    "eks:ListClusters",
    "fsx:DescribeFileSystems",
    "fsx:DescribeVolumes",
    "rds:DescribeDBClusters",
    "rds:DescribeDBInstances",
    "redshift:DescribeClusters",
    "redshift-serverless:ListNamespaces",
    "ssm-sap:ListDatabases",
    "storagegateway:ListVolumes",
    "timestream-write:ListTables",
)
"""Asked in every shard. Which of them a control needs is told by the columns of its facts."""

ACCOUNT_LISTS: Final = ("s3:ListBuckets",)
"""Asked once an account; a gap here is a gap of each of its Regions."""

RESOURCE_LISTS: Final = resource_types.RESOURCE_LISTS
listed_by: Final = resource_types.listed_by


_WIDENING: Final = {"IncludeDeleted", "IncludeShared", "MaxBuckets", "ByShared", "include"}
"""Parameters that leave nothing out of a list of what is the account's own."""


def read_lists(answers: Answers, names: tuple[str, ...], gaps: Gaps) -> Mapping[str, Reading[None]]:
    """Say of each list whether it was read to the end; its gap is remembered when not.

    A list that nobody asked for is read where another answer says that there is nothing in it.
    """
    lists = {name: _read_list(answers, name) for name in names}
    for name, reading in lists.items():
        if isinstance(reading, Unread) and not answers.every(name):
            lists[name] = spoken_for(answers, name, lists) or reading
    for reading in lists.values():
        if isinstance(reading, Unread):
            gaps.note(reading.gap)
    return lists


def _read_list(answers: Answers, name: str) -> Reading[None]:
    whole = [answer for answer in answers.every(name) if _is_whole(answer)]
    for answer in whole:
        if answer.gap is None:
            return Known(None, answer.refs)
    gap = whole[0].gap if whole else None
    return Unread(gap or answers.gap(name, "", GapKind.NEVER_ASKED))


def _is_whole(answer: Answer) -> bool:
    return not any(
        value not in _SAYS_NOTHING and key not in _WIDENING and key not in _PAGING
        for key, value in answer.parameters.items()
    )


_SAYS_NOTHING: Final[tuple[object, ...]] = (None, False, "", [], {})
"""Values of a parameter that narrow nothing: the same as leaving it out (`DryRun`: false)."""

_PAGING: Final = {
    "ContinuationToken",
    "ExclusiveStartTableName",
    "Limit",
    "Marker",
    "MaxItems",
    "MaxRecords",
    "MaxResults",
    "NextToken",
    "maxResults",
    "nextToken",
}
