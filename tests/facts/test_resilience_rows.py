"""What bundles say of the losses that backups survive: places, locks, policies and keys as AWS tells them."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from scanner.facts.resource_resilience import COLUMNS
from scanner.graph.resilience import Loss
from scanner.model.facts import ResourceFacts
from scanner.model.known import Ternary
from tests.fakes.bundles import (
    ACCOUNT,
    AS_OF,
    FAR,
    MANAGEMENT,
    OTHER,
    REGION,
    BundleBuilder,
    ShardScript,
    admits,
    copy_to,
    facts_of,
    key_arn,
    refuse,
    rule,
    shares_key,
    stamp,
    table_arn,
    vault_arn,
    volume_arn,
    without,
)

VOLUME = volume_arn("vol-1")
AWAY = vault_arn("away", OTHER, FAR)
COMPLIANCE: dict[str, Any] = {"Locked": True, "LockDate": stamp(24)}
GRACE: dict[str, Any] = {"Locked": True, "LockDate": (AS_OF + timedelta(days=2)).isoformat()}
GAPPED: dict[str, Any] = {
    "VaultType": "LOGICALLY_AIR_GAPPED_BACKUP_VAULT",
    "EncryptionKeyType": "AWS_OWNED_KMS_KEY",
    "MinRetentionDays": 7,
    "MaxRetentionDays": 365,
}
KEYED: dict[str, Any] = {"Encrypted": True, "KmsKeyId": key_arn("own")}


class Estate:
    """A volume under a key of its own, covered by one rule, with one backup in the vault `main`."""

    def __init__(self, folder: Path, *destinations: str, main: dict[str, Any] | None = None) -> None:
        self.bundle = BundleBuilder(folder)
        self.bundle.organization(MANAGEMENT, ACCOUNT, OTHER)
        copies: dict[str, Any] = {"CopyActions": [copy_to(destination) for destination in destinations]}
        self.source = self.bundle.shard()
        self.source.vault("main", key=key_arn("main"), **(main or {})).key("main").key(
            "own", policy=shares_key(OTHER)
        )
        self.source.volume("vol-1", **KEYED)
        self.source.plan("all", rules=[rule(**copies)], selections=[{"Resources": ["*"]}])
        self.source.point("main", VOLUME, EncryptionKeyArn=key_arn("own"))

    def away(self, policy: str | None = None, account: str = OTHER, **row: Any) -> ShardScript:
        """Add the vault that copies go to."""
        key = key_arn("away", account, FAR)
        told = {} if row.get("EncryptionKeyType") else {"key": key}
        script = self.bundle.shard(account, FAR)
        return script.vault("away", policy=policy, **told, **row).key("away")

    def row(self) -> ResourceFacts:
        found = facts_of(self.bundle.write())["resource"][VOLUME]
        assert isinstance(found, ResourceFacts)
        return found

    def losses(self) -> tuple[Ternary, ...]:
        """Give what is survived: the loss of the Region, account, key, any vault, any account."""
        row = self.row()
        return tuple(getattr(row, COLUMNS[loss]) for loss in Loss)


def test_one_backup_beside_the_resource_survives_nothing(tmp_path: Path) -> None:
    assert Estate(tmp_path).losses() == (False,) * 5


@pytest.mark.parametrize(
    ("policy", "row", "account"),
    [
        (admits(ACCOUNT), {}, True),
        (admits(ACCOUNT).replace("CopyIntoBackupVault", "*"), {}, False),
        (admits(ACCOUNT).replace("CopyIntoBackupVault", "*"), COMPLIANCE, True),
        (admits(ACCOUNT).replace("CopyIntoBackupVault", "*"), GRACE, False),
        (admits(ACCOUNT), GAPPED, True),
    ],
)
def test_ruling_4_a_copy_that_can_arrive_is_a_refuge(
    tmp_path: Path, policy: str, row: dict[str, Any], account: Ternary
) -> None:
    estate = Estate(tmp_path, AWAY)
    estate.away(policy, **row)
    assert estate.losses() == (True, account, True, True, True)


def test_ruling_4_a_copy_that_cannot_arrive_is_none(tmp_path: Path) -> None:
    estate = Estate(tmp_path, AWAY)
    estate.away(policy=None)  # nobody is admitted
    assert estate.losses() == (False,) * 5


def test_what_has_arrived_is_a_refuge_whatever_became_of_the_way_there(tmp_path: Path) -> None:
    estate = Estate(tmp_path, AWAY)
    estate.away(policy=None).point("away", VOLUME, EncryptionKeyArn=key_arn("away", OTHER, FAR))
    assert estate.losses() == (True,) * 5
    spread = estate.row().three_two_one_one_zero
    assert (spread.copies, spread.three_copies, spread.accounts, spread.two_accounts) == (3, True, 2, True)
    assert (spread.other_region, spread.immutable) == (True, False)


@pytest.mark.parametrize(
    ("main", "account", "vault"),
    [(COMPLIANCE, True, True), (GRACE, False, False), ({"Locked": True}, False, False)],
)
def test_a_compliance_lock_in_force_keeps_even_the_account_itself_out(
    tmp_path: Path, main: dict[str, Any], account: Ternary, vault: Ternary
) -> None:
    assert Estate(tmp_path, main=main).losses() == (False, account, False, vault, False)


def test_a_copy_that_is_planned_is_no_copy_of_the_data_yet(tmp_path: Path) -> None:
    estate = Estate(tmp_path, AWAY)
    estate.away(admits(ACCOUNT), **GAPPED)
    spread = estate.row().three_two_one_one_zero
    assert (spread.copies, spread.three_copies, spread.two_accounts) == (2, False, False)
    assert (spread.other_region, spread.immutable) == (False, False)


def test_a_vault_that_was_not_scanned_leaves_all_open(tmp_path: Path) -> None:
    estate = Estate(tmp_path, AWAY)
    assert estate.losses() == (None,) * 5
    row = estate.row()
    about = {note.about for note in row.not_known}
    assert {*COLUMNS.values(), "three_two_one_one_zero"} <= about
    assert row.three_two_one_one_zero.three_copies is None


def test_a_vault_of_its_own_that_was_not_read_leaves_all_open(tmp_path: Path) -> None:
    estate = Estate(tmp_path)
    lines = refuse(estate.bundle.lines(), "backup:ListBackupVaults")
    row = facts_of(estate.bundle.write(lines))["resource"][VOLUME]
    assert isinstance(row, ResourceFacts)
    assert [getattr(row, column) for column in COLUMNS.values()] == [None] * 5
    assert "backup:ListBackupVaults" in str(row.not_known)


def test_a_policy_that_was_not_read_keeps_the_account_open_and_nothing_else(tmp_path: Path) -> None:
    estate = Estate(tmp_path)
    estate.source.listed("backup:ListCopyJobs", _copy_job("COMPLETED"))
    estate.away(admits(ACCOUNT)).point("away", VOLUME, EncryptionKeyArn=key_arn("away", OTHER, FAR))
    lines = without(estate.bundle.lines(), "backup:GetBackupVaultAccessPolicy", BackupVaultName="away")
    row = facts_of(estate.bundle.write(lines))["resource"][VOLUME]
    assert isinstance(row, ResourceFacts)
    assert [getattr(row, COLUMNS[loss]) for loss in Loss] == [True, None, True, True, True]


def test_ruling_15_what_the_management_account_reaches(tmp_path: Path) -> None:
    bundle = BundleBuilder(tmp_path)
    bundle.organization(MANAGEMENT, OTHER)
    own = volume_arn("vol-1", MANAGEMENT)
    away: dict[str, Any] = {"CopyActions": [copy_to(AWAY)]}
    source = bundle.shard(MANAGEMENT).vault("main").volume("vol-1")
    source.plan("all", rules=[rule(**away)], selections=[{"Resources": ["*"]}])
    key = key_arn("away", OTHER, FAR)
    bundle.shard(OTHER, FAR).vault("away", policy=admits(MANAGEMENT), key=key).key("away")
    row = facts_of(bundle.write())["resource"][own]
    assert isinstance(row, ResourceFacts)
    assert row.survives_region_loss is True
    assert row.survives_account_compromise is False
    assert "manages the organisation" in row.survives_account_compromise_because


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        ({"EncryptionKeyArn": key_arn("own")}, False),
        ({"EncryptionKeyArn": key_arn("own", OTHER)}, True),
        ({}, False),  # a volume's backup needs the volume's own key
        ({"IsEncrypted": False}, True),
    ],
)
def test_the_key_of_a_backup_that_its_list_leaves_out(
    tmp_path: Path, point: dict[str, Any], expected: Ternary
) -> None:
    bundle = BundleBuilder(tmp_path)
    bundle.organization(MANAGEMENT, ACCOUNT)
    source = bundle.shard().vault("main", key=key_arn("main")).key("main").key("own")
    source.volume("vol-1", **KEYED).point("main", VOLUME, **point)
    row = facts_of(bundle.write())["resource"][VOLUME]
    assert isinstance(row, ResourceFacts)
    assert row.survives_key_loss is expected


def test_ruling_6_the_replica_of_a_key_is_lost_with_it(tmp_path: Path) -> None:
    estate = Estate(tmp_path)
    replica = key_arn("mrk-1", ACCOUNT, FAR)
    relatives = {
        "MultiRegionKeyType": "REPLICA",
        "PrimaryKey": {"Arn": key_arn("mrk-1"), "Region": REGION},
        "ReplicaKeys": [{"Arn": replica, "Region": FAR}],
    }
    metadata = {"KeyId": "mrk-1", "Arn": replica, "KeyManager": "CUSTOMER", "MultiRegion": True}
    far = estate.bundle.shard(ACCOUNT, FAR).vault("near", key=replica)
    far.call(
        "kms:DescribeKey",
        {"KeyMetadata": {**metadata, "MultiRegionConfiguration": relatives}},
        KeyId=replica,
    )
    estate.source.listed("backup:ListCopyJobs", _copy_job("COMPLETED", vault_arn("near", ACCOUNT, FAR)))
    far.point("near", VOLUME, EncryptionKeyArn=replica)
    row = estate.row()
    assert (row.survives_region_loss, row.survives_key_loss) == (True, False)


def _copy_job(state: str, destination: str = AWAY, hours: float = 5) -> dict[str, Any]:
    return {
        "CopyJobId": f"copy-{state}-{hours}",
        "ResourceArn": VOLUME,
        "ResourceType": "EBS",
        "DestinationBackupVaultArn": destination,
        "CreationDate": stamp(hours),
        "State": state,
    }


def _job(kind: str, state: str, hours: float) -> dict[str, Any]:
    arn = "SourceResourceArn" if kind == "Restore" else "ResourceArn"
    key = "Status" if kind == "Restore" else "State"
    return {f"{kind}JobId": f"{kind}-{hours}", arn: VOLUME, key: state, "CreationDate": stamp(hours)}


@pytest.mark.parametrize(
    ("backups", "copies", "restores", "expected"),
    [
        (["COMPLETED"], ["COMPLETED"], ["COMPLETED"], ()),
        (["FAILED", "COMPLETED"], [], ["COMPLETED"], ("the latest backup job ended with status FAILED",)),
        (["RUNNING", "COMPLETED"], [], ["COMPLETED"], ()),
        (["COMPLETED", "FAILED"], [], ["COMPLETED"], ()),
        (["PARTIAL"], [], ["COMPLETED"], ("the latest backup job ended with status PARTIAL",)),
        ([], ["FAILED", "COMPLETED"], ["COMPLETED"], ("the latest copy into away ended with status FAILED",)),
        ([], [], ["FAILED", "COMPLETED"], ("the latest restore ended with status FAILED",)),
        ([], [], ["RUNNING", "COMPLETED"], ()),
    ],
)
def test_what_failed_last(
    tmp_path: Path, backups: list[str], copies: list[str], restores: list[str], expected: tuple[str, ...]
) -> None:
    estate = Estate(tmp_path, AWAY)
    estate.away(admits(ACCOUNT))
    source = estate.source.listed(
        "backup:ListProtectedResources", {"ResourceArn": VOLUME, "ResourceType": "EBS"}
    )
    source.call("backup:DescribeProtectedResource", error="ResourceNotFoundException", ResourceArn=VOLUME)
    source.listed("backup:ListBackupJobs", *(_job("Backup", state, 2 + n) for n, state in enumerate(backups)))
    source.listed("backup:ListCopyJobs", *(_copy_job(state, hours=2 + n) for n, state in enumerate(copies)))
    source.listed(
        "backup:ListRestoreJobs", *(_job("Restore", state, 2 + n) for n, state in enumerate(restores))
    )
    found = estate.row().three_two_one_one_zero
    assert [text.removeprefix("its ") for text in found.failures] == list(expected)
    assert found.no_failure is not bool(expected)


def test_no_restore_in_90_days_is_a_failure_and_one_that_may_have_been_is_not_known(tmp_path: Path) -> None:
    estate = Estate(tmp_path)
    assert estate.row().three_two_one_one_zero.no_failure is None
    estate.source.listed("backup:ListProtectedResources", {"ResourceArn": VOLUME, "ResourceType": "EBS"})
    restored = {"LatestRestoreExecutionTimeMinutes": 9, "LatestRestoreJobCreationDate": stamp(91 * 24)}
    estate.source.call("backup:DescribeProtectedResource", restored, ResourceArn=VOLUME)
    found = estate.row().three_two_one_one_zero
    assert found.failures == ("no restore was tested in the last 90 days",)
    assert found.no_failure is False


def test_rows_that_lie_alike_share_their_answers(tmp_path: Path) -> None:
    estate = Estate(tmp_path)
    estate.source.volume("vol-2", **KEYED)
    estate.source.point("main", volume_arn("vol-2"), EncryptionKeyArn=key_arn("own"), hours_ago=7)
    facts = facts_of(estate.bundle.write())["resource"]
    one, other = (facts[volume_arn(name)] for name in ("vol-1", "vol-2"))
    assert isinstance(one, ResourceFacts)
    assert isinstance(other, ResourceFacts)
    assert one.survives_key_loss_because is other.survives_key_loss_because


@pytest.mark.parametrize(
    ("vault", "point", "expected"),
    [
        ({}, {}, True),
        ({}, {"Lifecycle": {"DeleteAfterEvent": "DELETE_AFTER_COPY"}}, False),
        ({"VaultType": "RESTORE_ACCESS_BACKUP_VAULT"}, {}, None),
        ({}, {"Status": "EXPIRED"}, False),
    ],
)
def test_ruling_7_only_what_is_usable_and_stays_is_a_refuge(
    tmp_path: Path, vault: dict[str, Any], point: dict[str, Any], expected: Ternary
) -> None:
    estate = Estate(tmp_path)
    estate.source.vault("second", key=key_arn("main"), **vault)
    estate.source.point("second", VOLUME, EncryptionKeyArn=key_arn("own"), **point)
    assert estate.row().survives_vault_loss is expected


def test_what_is_fully_managed_is_under_the_key_of_its_vault(tmp_path: Path) -> None:
    bundle = BundleBuilder(tmp_path)
    bundle.organization(MANAGEMENT, ACCOUNT, OTHER)
    source = bundle.shard().settings(managed=True)
    described = {"SSEDescription": {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": key_arn("own")}}
    source.key("own").table("orders", **described)
    source.vault("main", key=key_arn("shared", OTHER)).point("main", table_arn("orders"))
    row = facts_of(bundle.write())["resource"][table_arn("orders")]
    assert isinstance(row, ResourceFacts)
    assert row.survives_key_loss is True  # the vault's key lies in another account


TEMPORARY: dict[str, Any] = {"Lifecycle": {"DeleteAfterEvent": "DELETE_AFTER_COPY"}}


def test_ruling_7_a_temporary_point_hides_no_older_one_that_lasts(tmp_path: Path) -> None:
    estate = Estate(tmp_path)
    estate.source.vault("second", key=key_arn("main"))
    estate.source.point("second", VOLUME, hours_ago=9).point("second", VOLUME, hours_ago=1, **TEMPORARY)
    row = estate.row()
    assert row.survives_vault_loss is True
    assert [place.age_hours for place in row.places if place] == [5, 9]
    assert row.newest_recovery_point.age_hours == 1  # a backup that was made is recent


def test_ruling_7_a_temporary_point_is_a_backup_that_was_made_and_no_place_of_one(tmp_path: Path) -> None:
    estate = Estate(tmp_path)
    estate.source.vault("second", key=key_arn("main")).point("second", VOLUME, hours_ago=1, **TEMPORARY)
    row = estate.row()
    assert [place.vault_name for place in row.places if place] == ["main"]
    assert (row.survives_vault_loss, row.newest_recovery_point.age_hours) == (False, 1)


@pytest.mark.parametrize(("status", "expected"), [("COMPLETED", True), (None, None), ("EXPIRED", False)])
def test_an_older_backup_under_another_key_may_survive_the_newest_ones(
    tmp_path: Path, status: str | None, expected: Ternary
) -> None:
    estate = Estate(tmp_path)
    other = f"arn:aws:kms:{REGION}:{OTHER}:key/theirs"
    estate.source.point("main", VOLUME, hours_ago=30, EncryptionKeyArn=other, Status=status)
    assert estate.row().survives_key_loss is expected


def test_an_older_copy_under_another_key_comes_from_the_shard_that_holds_it(tmp_path: Path) -> None:
    estate = Estate(tmp_path, AWAY)
    estate.away(admits(ACCOUNT).replace("CopyInto", "Nothing"))
    away = estate.bundle.shard(OTHER, FAR)
    replica = f"arn:aws:kms:{FAR}:{ACCOUNT}:key/mrk-1"
    away.point("away", VOLUME, hours_ago=3, EncryptionKeyArn=replica)
    assert estate.row().survives_key_loss is None  # a replica that was not described may be the own key
    away.point("away", VOLUME, hours_ago=30, EncryptionKeyArn=key_arn("away", OTHER, FAR))
    assert estate.row().survives_key_loss is True
