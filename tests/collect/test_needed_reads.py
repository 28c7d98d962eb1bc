"""A scan that collects what controls need makes the calls of a whole scan, less those that it leaves out."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import pytest

from scanner.collect.estimate import rehearse
from scanner.collect.journal import read_journal
from scanner.collect.request import CollectRequest
from scanner.collect.resume import ResumeOptions, resume
from scanner.collect.runner import collect
from scanner.errors import UsageError
from scanner.model.manifest import CollectedReads
from scanner.services.catalogue import OPERATIONS, with_parents
from tests.collect.conftest import HASTY, Scan
from tests.fakes.aws import CALLER, FakeAws, bucket_list, error

GATEWAY: Final = f"arn:aws:storagegateway:eu-west-1:{CALLER}:gateway/sgw-12345678"
VOLUME: Final = f"arn:aws:ec2:eu-west-1:{CALLER}:volume/vol-"


def reads(operations: Iterable[str]) -> CollectedReads:
    return CollectedReads(("a-control",), ("json",), tuple(sorted(with_parents(operations))))


@pytest.fixture
def world(aws: FakeAws) -> FakeAws:
    """One of each thing that is listed and then asked about."""
    key = f"arn:aws:kms:eu-west-1:{CALLER}:key/k"
    aws.script |= {
        "backup:ListBackupVaults": {
            "BackupVaultList": [
                {
                    "BackupVaultName": "gapped",
                    "VaultType": "LOGICALLY_AIR_GAPPED_BACKUP_VAULT",
                    "EncryptionKeyArn": key,
                }
            ]
        },
        "backup:ListRecoveryPointsByBackupVault": {
            "RecoveryPoints": [
                {
                    "RecoveryPointArn": f"arn:aws:backup:eu-west-1:{CALLER}:recovery-point:continuous:b",
                    "AggregatedScanResult": {"LastComputed": 1.0},
                }
            ]
        },
        "backup:ListBackupPlans": {"BackupPlansList": [{"BackupPlanId": "p"}]},
        "backup:ListBackupSelections": {"BackupSelectionsList": [{"SelectionId": "s"}]},
        "backup:ListProtectedResources": {"Results": [{"ResourceArn": f"{VOLUME}1"}]},
        "backup:ListRestoreTestingPlans": {"RestoreTestingPlans": [{"RestoreTestingPlanName": "t"}]},
        "backup:ListRestoreTestingSelections": {
            "RestoreTestingSelections": [{"RestoreTestingSelectionName": "s"}]
        },
        "backup:ListLegalHolds": {"LegalHolds": [{"LegalHoldId": "h"}]},
        "backup:ListFrameworks": {"Frameworks": [{"FrameworkName": "f"}]},
        "backup:ListTieringConfigurations": {"TieringConfigurations": [{"TieringConfigurationName": "c"}]},
        "backup-gateway:ListVirtualMachines": {"VirtualMachines": [{"Name": "vm"}]},
        "dsql:ListClusters": {"clusters": [{"identifier": "d"}]},
        "dynamodb:ListTables": {"TableNames": ["t"]},
        "eks:ListClusters": {"clusters": ["e"]},
        "fsx:DescribeFileSystems": {"FileSystems": [{"FileSystemType": "ONTAP"}]},
        "kms:DescribeKey": {"KeyMetadata": {"KeyId": "k", "Arn": key, "KeyManager": "CUSTOMER"}},
        "organizations:DescribeOrganization": {"Organization": {"Id": "o-1", "MasterAccountId": CALLER}},
        "organizations:ListAccounts": {
            "Accounts": [
                {"Id": CALLER, "Status": "ACTIVE", "Arn": f"arn:aws:organizations::1:account/o-1/{CALLER}"}
            ]
        },
        "organizations:ListRoots": {"Roots": [{"Id": "r-1"}]},
        "organizations:ListOrganizationalUnitsForParent": {"OrganizationalUnits": [{"Id": "ou-1"}]},
        "organizations:ListPolicies": {"Policies": [{"Id": "p-1"}]},
        "s3:ListBuckets": bucket_list({"untold": ""}),
        "s3:GetBucketLocation": b"<LocationConstraint>EU</LocationConstraint>",
        "ssm-sap:ListDatabases": {"Databases": [{"Arn": "arn:x"}]},
        "storagegateway:ListVolumes": {
            "VolumeInfos": [
                {"VolumeARN": f"{GATEWAY}/volume/vol-{kind}", "VolumeType": kind}
                for kind in ("CACHED", "STORED")
            ]
        },
    }
    return aws


SCOPE: Final = (
    "sts:GetCallerIdentity",
    "ec2:DescribeRegions",
    "backup:GetSupportedResourceTypes",
    "organizations:ListAccounts",
    "backup:ListBackupVaults",
)
"""What every scan calls in this world, and the list that names a key."""

REQUEST: Final[dict[str, Any]] = {"organization": True, "regions": ("eu-west-1",), "retries": HASTY}
UNREACHED: Final = {"sts:AssumeRole", "timestream-write:ListTables", "timestream-write:ListDatabases"}
"""There is one account, and no cell of Timestream."""


def calls(world: FakeAws, folder: Path, **request: Any) -> list[tuple[str, str]]:
    """Collect, and return the calls with their parameters, in no order."""
    world.requests.clear()
    collect(CollectRequest(**(REQUEST | request)), folder)
    return sorted((each.key, repr(sorted(each.parameters.items()))) for each in world.requests)


@pytest.mark.slow
def test_what_is_needed_is_called_as_in_a_whole_scan(world: FakeAws, tmp_path: Path) -> None:
    """Need each operation alone: its calls are made, those before it as well, and no others."""
    whole = calls(world, tmp_path / "whole")
    assert OPERATIONS.keys() - {key for key, _ in whole} == UNREACHED
    for operation in OPERATIONS:
        needed = reads([operation, *SCOPE])
        called = calls(world, tmp_path / operation.replace(":", "-"), reads=needed)
        assert called == [call for call in whole if needed.has(call[0])], operation


def test_a_resource_that_was_restored_is_not_asked_about_again(
    world: FakeAws, scan: Callable[..., Scan]
) -> None:
    names = {"1": "COMPLETED", "2": "FAILED", "3": ""}
    world.script |= {
        "backup:ListProtectedResources": {"Results": [{"ResourceArn": f"{VOLUME}{name}"} for name in names]},
        "backup:ListRestoreJobs": {
            "RestoreJobs": [
                {"RestoreJobId": name, "SourceResourceArn": f"{VOLUME}{name}", "Status": status}
                for name, status in names.items()
                if status
            ]
        },
    }
    assert described(scan()) == [f"{VOLUME}2", f"{VOLUME}3"]


def test_where_restore_jobs_were_not_read_every_resource_is_asked_about(
    world: FakeAws, scan: Callable[..., Scan]
) -> None:
    jobs = [{"RestoreJobId": "1", "SourceResourceArn": f"{VOLUME}1", "Status": "COMPLETED"}]
    world.script["backup:ListRestoreJobs"] = [
        {"RestoreJobs": jobs, "NextToken": "lost"},
        error("AccessDeniedException", 403),
    ]
    assert described(scan()) == [f"{VOLUME}1"]


def described(done: Scan) -> list[str]:
    return [
        line["parameters"]["ResourceArn"]
        for line in done.lines(CALLER, "eu-west-1")
        if line["operation"] == "DescribeProtectedResource"
    ]


def test_descriptions_lie_behind_the_list_that_names_them(world: FakeAws, scan: Callable[..., Scan]) -> None:
    assert world
    names = [line["operation"] for line in scan().lines(CALLER, "eu-west-1")]
    place = names.index("DescribeProtectedResource")
    assert names[place - 1 : place + 2] == [
        "ListProtectedResources",
        "DescribeProtectedResource",
        "ListBackupJobs",
    ]


def test_a_scan_remembers_what_it_collects(world: FakeAws, tmp_path: Path) -> None:
    """Resume a scan whose last shards are missing: the same calls are left out."""
    needed = reads([*SCOPE, "ec2:DescribeVolumes"])
    whole = collect(CollectRequest(**REQUEST, reads=needed), tmp_path)
    past = read_journal(tmp_path)
    assert past is not None
    assert past.header.requested.reads == whole.reads == needed
    journal = tmp_path / "journal.jsonl"
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:3]))
    world.requests.clear()
    again = resume(ResumeOptions(), CollectRequest(retries=HASTY), tmp_path).collected
    assert again.reads == needed
    assert {request.key for request in world.requests} <= set(needed.operations)
    assert world.asked("ec2:DescribeVolumes")


@pytest.mark.parametrize(
    ("narrow", "collects_all", "told"), [(True, True, "only what"), (False, False, "every")]
)
def test_a_scan_is_not_resumed_as_another_one(
    world: FakeAws, tmp_path: Path, *, narrow: bool, collects_all: bool, told: str
) -> None:
    assert world
    collect(CollectRequest(**REQUEST, reads=reads(SCOPE) if narrow else None), tmp_path)
    with pytest.raises(UsageError, match=told):
        resume(ResumeOptions(collects_all=collects_all), CollectRequest(retries=HASTY), tmp_path)


def test_a_scan_is_not_resumed_for_controls_that_need_more(world: FakeAws, tmp_path: Path) -> None:
    collect(CollectRequest(**REQUEST, reads=reads([*SCOPE, "ec2:DescribeVolumes"])), tmp_path)
    world.requests.clear()
    more = ResumeOptions(needs=reads([*SCOPE, "backup:ListBackupJobs"]))
    with pytest.raises(UsageError, match=r"needs more \(backup:ListBackupJobs\).*--controls a-control"):
        resume(more, CollectRequest(retries=HASTY), tmp_path)
    assert world.requests == []
    assert resume(ResumeOptions(needs=reads(SCOPE)), CollectRequest(retries=HASTY), tmp_path).had_all


def test_a_scan_of_everything_is_resumed_for_any_controls(world: FakeAws, tmp_path: Path) -> None:
    assert world
    collect(CollectRequest(**REQUEST), tmp_path)
    assert resume(ResumeOptions(needs=reads(SCOPE)), CollectRequest(retries=HASTY), tmp_path).had_all


def test_the_estimate_follows_what_is_collected(world: FakeAws) -> None:
    assert world
    everything = rehearse(CollectRequest(**REQUEST))
    some = rehearse(CollectRequest(**REQUEST, reads=reads([*SCOPE, "ec2:DescribeVolumes"])))
    keys = {planned.operation.key for planned in some.operations}
    assert keys == set(reads([*SCOPE, "ec2:DescribeVolumes"]).operations)
    assert some.calls < everything.calls


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda each: each.key)
def test_what_comes_before_an_operation_is_called_too(operation: Any) -> None:
    assert set(operation.after) <= OPERATIONS.keys()
    assert operation.key not in with_parents(operation.after)
