"""Members of AWS Backup's answers that no parser reads, each with the reason.

A member of the installed model that is neither a name in `scanner/services` nor listed here fails the test:
somebody has to decide about it. A name that a parser reads in one answer counts as read in all.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import botocore.session
import pytest
from botocore.model import ListShape, MapShape, Shape, StructureShape

OPERATIONS: Final = (
    "GetBackupPlan",
    "GetBackupSelection",
    "ListBackupPlans",
    "ListBackupSelections",
    "ListBackupJobs",
    "ListCopyJobs",
    "ListRestoreJobs",
    "ListRecoveryPointsByBackupVault",
    "ListBackupVaults",
    "DescribeBackupVault",
    "GetBackupVaultAccessPolicy",
    "GetBackupVaultNotifications",
    "GetPITRMalwareScanResults",
    "ListProtectedResources",
    "DescribeProtectedResource",
    "DescribeRegionSettings",
    "DescribeGlobalSettings",
    "ListRestoreTestingPlans",
    "GetRestoreTestingPlan",
    "ListRestoreTestingSelections",
    "GetRestoreTestingSelection",
    "ListLegalHolds",
    "GetLegalHold",
    "ListFrameworks",
    "DescribeFramework",
    "ListReportPlans",
    "ListTieringConfigurations",
    "GetTieringConfiguration",
)

NOT_READ: Final[Mapping[str, tuple[str, ...]]] = {
    "ids of requests and versions, which decide nothing": (
        "BackupPlanVersion",
        "CreatorRequestId",
        "IdempotencyToken",
        "MpaSessionArn",
        "ScanId",
        "VersionId",
    ),
    "a display name; resources are named by their own service": ("ResourceName",),
    "texts for people": (
        "CancelDescription",
        "DeletionStatusMessage",
        "Description",
        "FrameworkDescription",
        "IndexStatusMessage",
        "ReportPlanDescription",
    ),
    "the rule as it was; the rule that holds now is read from its plan": (
        "BackupRuleCron",
        "BackupRuleName",
        "BackupRuleTimezone",
        "DestinationRecoveryPointLifecycle",
        "RecoveryPointLifecycle",
    ),
    "computed from the schedule instead, for any clock": (
        "ExecutionTime",
        "LastExecutionDate",
        "RuleExecutionType",
        "ScheduledRunsPreview",
    ),
    "the vault's key, type and lock are read from the list of vaults": (
        "DestinationEncryptionKeyArn",
        "DestinationVaultLockState",
        "DestinationVaultType",
        "VaultLockState",
    ),
    "sizes and progress; only what a job ended as is judged": (
        "BytesTransferred",
        "ExpectedCompletionDate",
        "ExpectedCompletionTimeMinutes",
        "InitiationDate",
        "PercentDone",
        "StartBy",
    ),
    "counts of what is listed one by one": (
        "ChildJobsInState",
        "NumberOfChildJobs",
        "NumberOfControls",
        "NumberOfFrameworks",
        "NumberOfRecoveryPoints",
    ),
    "children name their parent": ("CompositeMemberIdentifier",),
    "what a restore made, and that it was deleted, proves nothing about the backup": (
        "CreatedResourceArn",
        "DeletionStatus",
        "RecoveryPointCreationDate",
    ),
    "a secret: the model marks it as sensitive, and it is not recorded": ("RestoreMetadataOverrides",),
    "whether a backup can be searched; no control asks for it": ("IndexStatus",),
    "follows from the lifecycle": ("MoveToColdStorageAt",),
    "when something was changed or computed last": (
        "ExpiryDate",
        "LastScanJobTime",
        "LastUpdateTime",
        "LastUpdatedTime",
        "RetainRecordUntil",
        "ScanEndTime",
    ),
    "operators of Conditions are read by whatever name they have": ("StringLike", "StringNotLike"),
    "the format of a report that AWS writes": ("Formats",),
}


@pytest.fixture(scope="module")
def read() -> frozenset[str]:
    """Return all string constants of the parsers."""
    folder = Path(__file__).parents[2] / "scanner" / "services"
    nodes = (node for path in folder.rglob("*.py") for node in ast.walk(ast.parse(path.read_text("utf-8"))))
    return frozenset(
        node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def _members(shape: Shape, above: tuple[str, ...] = ()) -> Iterator[str]:
    match shape:
        case StructureShape() if shape.name not in above:
            for name, member in shape.members.items():
                yield name
                yield from _members(member, (*above, shape.name))
        case ListShape():
            yield from _members(shape.member, above)
        case MapShape():
            yield from _members(shape.value, above)


def test_every_member_is_read_or_left_out_for_a_reason(read: frozenset[str]) -> None:
    model = botocore.session.get_session().get_service_model("backup")
    shapes = (model.operation_model(name).output_shape for name in OPERATIONS)
    known = {name for shape in shapes if shape is not None for name in _members(shape)}
    left_out = {name for names in NOT_READ.values() for name in names}
    assert known - read - left_out == set()
    assert left_out - known == set()
    assert left_out & read == set()
