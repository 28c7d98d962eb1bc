"""Cut long lists into pages, as the real services do.

Moto pages few lists, and pages them differently from AWS. Here every list call gets moto's whole
list, and this module cuts it. The pages are small on purpose: a client that forgets to follow a
token loses resources even in this small organisation. Every service may return fewer rows than requested.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scanner.demo.wire.answer import ApiError
from scanner.demo.wire.call import Call


@dataclass(frozen=True, slots=True)
class Pages:
    """How one operation pages: names of tokens and limit, the list's name, the largest page.

    `whole` are parameters that make moto itself give everything; `truncated` is a flag in the answer;
    `by_name` is the field (or "" for the element itself) whose value is the token, as in DynamoDB.
    """

    items: str
    limit: str = "MaxResults"
    token: str = "NextToken"  # noqa: S105 - a parameter's name
    next_token: str = "NextToken"  # noqa: S105 - a field's name
    size: int = 20
    invalid: str = "InvalidParameterValueException"
    truncated: str | None = None
    by_name: bool = False
    whole: Mapping[str, Any] = field(default_factory=dict)


def _backup(items: str, size: int = 10) -> Pages:
    return Pages(items, size=size)


def _organizations(items: str) -> Pages:
    return Pages(items, size=4, invalid="InvalidInputException")


def _rds(items: str) -> Pages:
    return Pages(items, "MaxRecords", "Marker", "Marker", size=4, invalid="InvalidParameterValue")


PAGES: Mapping[tuple[str, str], Pages] = {
    ("backup", "ListBackupVaults"): _backup("BackupVaultList", 3),
    ("backup", "ListBackupPlans"): _backup("BackupPlansList", 3),
    ("backup", "ListBackupSelections"): _backup("BackupSelectionsList", 3),
    ("backup", "ListRecoveryPointsByBackupVault"): _backup("RecoveryPoints", 25),
    ("backup", "ListRecoveryPointsByResource"): _backup("RecoveryPoints", 25),
    ("backup", "ListProtectedResources"): _backup("Results"),
    ("backup", "ListBackupJobs"): _backup("BackupJobs", 50),
    ("backup", "ListCopyJobs"): _backup("CopyJobs", 25),
    ("backup", "ListRestoreJobs"): _backup("RestoreJobs"),
    ("backup", "ListRestoreTestingPlans"): _backup("RestoreTestingPlans", 2),
    ("backup", "ListRestoreTestingSelections"): _backup("RestoreTestingSelections", 2),
    ("backup", "ListLegalHolds"): _backup("LegalHolds", 2),
    ("backup", "ListRecoveryPointsByLegalHold"): _backup("RecoveryPoints", 25),
    ("backup", "ListFrameworks"): _backup("Frameworks", 2),
    ("backup", "ListReportPlans"): _backup("ReportPlans", 2),
    ("backup", "ListTieringConfigurations"): _backup("TieringConfigurations", 2),
    ("iam", "ListRoles"): Pages(
        "Roles",
        "MaxItems",
        "Marker",
        "Marker",
        size=3,
        invalid="ValidationError",
        truncated="IsTruncated",
        whole={"MaxItems": 1000},
    ),
    ("organizations", "ListAccounts"): _organizations("Accounts"),
    ("organizations", "ListRoots"): _organizations("Roots"),
    ("organizations", "ListOrganizationalUnitsForParent"): _organizations("OrganizationalUnits"),
    ("organizations", "ListAccountsForParent"): _organizations("Accounts"),
    ("organizations", "ListDelegatedAdministrators"): _organizations("DelegatedAdministrators"),
    ("organizations", "ListAWSServiceAccessForOrganization"): _organizations("EnabledServicePrincipals"),
    ("organizations", "ListPolicies"): _organizations("Policies"),
    ("organizations", "ListTargetsForPolicy"): _organizations("Targets"),
    ("ec2", "DescribeInstances"): Pages("Reservations", size=5, invalid="InvalidNextToken"),
    ("ec2", "DescribeVolumes"): Pages("Volumes", size=10, invalid="InvalidNextToken"),
    ("rds", "DescribeDBInstances"): _rds("DBInstances"),
    ("rds", "DescribeDBClusters"): _rds("DBClusters"),
    ("dynamodb", "ListTables"): Pages(
        "TableNames", "Limit", "ExclusiveStartTableName", "LastEvaluatedTableName", size=3, by_name=True
    ),
    ("dynamodb", "ListTagsOfResource"): Pages("Tags", limit="", size=10, invalid="ValidationException"),
    ("efs", "DescribeFileSystems"): Pages(
        "FileSystems", "MaxItems", "Marker", "NextMarker", 2, "BadRequest", whole={"MaxItems": 1000}
    ),
    ("s3", "ListBuckets"): Pages(
        "Buckets", "MaxBuckets", "ContinuationToken", "ContinuationToken", size=4, invalid="InvalidArgument"
    ),
    ("kms", "ListAliases"): Pages(
        "Aliases", "Limit", "Marker", "NextMarker", 6, "InvalidMarkerException", truncated="Truncated"
    ),
    ("resourcegroupstaggingapi", "GetResources"): Pages(
        "ResourceTagMappingList",
        "ResourcesPerPage",
        "PaginationToken",
        "PaginationToken",
        invalid="PaginationTokenExpiredException",
        whole={"ResourcesPerPage": 100, "TagsPerPage": 500},
    ),
}


def unpaged(call: Call, pages: Pages) -> dict[str, Any]:
    """The call's parameters for the whole list."""
    paging = (pages.limit, pages.token)
    filters = {key: value for key, value in call.parameters.items() if key not in paging}
    return {**filters, **pages.whole}


def cut(call: Call, pages: Pages, result: Mapping[str, Any]) -> dict[str, Any]:
    """The page that the call asks for. Raises ApiError for a token that was never given out."""
    everything = list(result.get(pages.items, ()))
    start = _start(call, pages, everything)
    end = min(start + _length(call, pages), len(everything))
    page = {**result, pages.items: everything[start:end]}
    page.pop(pages.next_token, None)
    if end < len(everything):
        # DynamoDB's token is the last name of the page, others are opaque.
        page[pages.next_token] = everything[end - 1] if pages.by_name else _write_token(call, end)
    if pages.truncated:
        page[pages.truncated] = end < len(everything)
    return page


def _length(call: Call, pages: Pages) -> int:
    wanted = call.parameters.get(pages.limit)
    if wanted is None:
        return pages.size
    if int(wanted) < 1:
        raise ApiError(pages.invalid, f"{pages.limit} must be at least 1.")
    return min(int(wanted), pages.size)


def _start(call: Call, pages: Pages, everything: list[Any]) -> int:
    token = call.parameters.get(pages.token)
    if not token:
        return 0
    if pages.by_name:
        # The table that the token names may be gone by now; its place in the order stays.
        return sum(1 for name in everything if name <= token)
    start = _read_token(call, token)
    if start is None or start >= len(everything):
        raise ApiError(pages.invalid, f"The specified {pages.token} is not valid.")
    return start


def _scope(call: Call) -> list[str]:
    return [call.account, call.region, call.service, call.operation]


def _write_token(call: Call, start: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([*_scope(call), start]).encode()).decode()


def _read_token(call: Call, token: str) -> int | None:
    """Where the page starts, or None where the token is not one of this call's."""
    try:
        *scope, start = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, TypeError, binascii.Error):
        return None
    # A token of another list must be refused: a scanner that mixes them up loses rows.
    return start if scope == _scope(call) and isinstance(start, int) and start > 0 else None
