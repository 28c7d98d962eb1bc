"""Audit Manager's controls of resources, read off the raw answers, beside the pack's verdicts (facts 8).

The oracle below knows what AWS documents of Audit Manager and nothing of the scanner: it goes through the
answers of one account and Region. Where ours says something else, a row of STRICTER names the words with
which the pack tells why. Ours never passes what Audit Manager fails.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from scanner.evaluate.controls.loader import load_controls
from scanner.evaluate.controls.selection import select
from scanner.evaluate.engine import evaluate
from scanner.model.finding import Status
from scanner.storage.parquet import arrow_table
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
    rule,
    shares_key,
    stamp,
    vault_arn,
    volume_arn,
)

CROSS_REGION = "resource-cross-region-copy"
CROSS_ACCOUNT = "resource-cross-account-copy"
LOCKED = "vault-locked"
RECENT = "resource-backed-up-recently"
IN_TIME = "restore-time-target"
AIR_GAPPED = "resource-in-air-gapped-vault"
IN_PLAN = "resource-in-backup-plan"

TARGET_MINUTES = 720
LAG: Final[dict[str, Any]] = {
    "VaultType": "LOGICALLY_AIR_GAPPED_BACKUP_VAULT",
    "MinRetentionDays": 7,
    "MaxRetentionDays": 99,
}
SLOW: Final = {"LatestRestoreExecutionTimeMinutes": 900}


class World:
    """One account and Region, whose cells are a volume, a vault and a plan of the same name each."""

    def __init__(self, folder: Path) -> None:
        self.bundle = BundleBuilder(folder)
        self.bundle.organization(ACCOUNT, OTHER, MANAGEMENT)
        self.here = self.bundle.shard(page=100).settings().key("k", policy=shares_key(ACCOUNT, OTHER))
        self.bundle.shard(ACCOUNT, FAR).vault("far")
        other = self.bundle.shard(OTHER, REGION).key("k", policy=shares_key(OTHER))
        customer = key_arn("k", OTHER)
        other.vault("admits", policy=admits(ACCOUNT), key=customer).vault("refuses", key=customer)
        self.here.vault("near").vault("gap", **LAG)

    def cell(self, name: str, *copies: str, vault: Mapping[str, Any] | None = None) -> ShardScript:
        """Add a volume in a plan of one rule, which fills a vault of the same name."""
        selection = {
            "SelectionName": "s",
            "IamRoleArn": "arn:aws:iam::1:role/r",
            "Resources": [volume_arn(name)],
        }
        rules = [rule(vault=name, CopyActions=[copy_to(copy, 35) for copy in copies])]
        self.volume(name).vault(name, **(vault or {}))
        return self.here.plan(name, rules=rules, selections=[selection])

    def volume(self, name: str) -> ShardScript:
        return self.here.volume(name, Encrypted=True, KmsKeyId=key_arn("k"))

    def restored(self, name: str, *jobs: tuple[float, int], latest: tuple[float, int] | None = None) -> None:
        """Add a volume and its restores, (days ago, minutes), the newest first."""
        arn = volume_arn(name)
        self.volume(name)
        told: dict[str, Any] = {"ResourceArn": arn, "ResourceType": "EBS"}
        if newest := latest or next(iter(jobs), None):
            told["LatestRestoreJobCreationDate"] = stamp(newest[0] * 24)
            told["LatestRestoreExecutionTimeMinutes"] = newest[1]
        self.here.call("backup:DescribeProtectedResource", told, ResourceArn=arn)
        for number, (days, minutes) in enumerate(jobs):
            self.here.listed(
                "backup:ListRestoreJobs",
                {
                    "RestoreJobId": f"{name}-{number}",
                    "SourceResourceArn": arn,
                    "RecoveryPointArn": f"arn:aws:ec2:{REGION}::snapshot/{name}",
                    "ResourceType": "EBS",
                    "Status": "COMPLETED",
                    "CreationDate": stamp(days * 24),
                    "CompletionDate": stamp(days * 24 - minutes / 60),
                },
            )


def build(world: World) -> None:
    world.cell("copied-far", vault_arn("far", ACCOUNT, FAR))
    world.cell("copied-near", vault_arn("near"))
    world.cell("copied-nowhere")
    world.cell("copied-into-nothing", vault_arn("gone", ACCOUNT, FAR))
    world.cell("copied-to-other", vault_arn("admits", OTHER))
    world.cell("copied-to-refusal", vault_arn("refuses", OTHER))
    world.cell("copied-to-both", vault_arn("refuses", OTHER), vault_arn("far", ACCOUNT, FAR))
    world.volume("in-no-plan")
    world.cell("locked", vault={"Locked": True})
    world.cell("locked-long", vault={"Locked": True, "MinRetentionDays": 30, "MaxRetentionDays": 90})
    world.cell("locked-short", vault={"Locked": True, "MinRetentionDays": 7, "MaxRetentionDays": 365})
    world.cell("unlocked")
    for name, hours, more in POINTS:
        vault = "gap" if name.startswith("gap") else "near"
        world.volume(name).point(vault, volume_arn(name), hours_ago=hours, arn=f"arn:point:{name}", **more)
    world.restored("restored-quickly", (5, 30))
    world.restored("restored-in-time", (5, TARGET_MINUTES))
    world.restored("restored-slowly", (5, TARGET_MINUTES + 1))
    world.restored("restored-slowly-before", (5, 30), (9, 900))
    world.restored("restored-slowly-long-ago", latest=(200, 900))
    world.restored("restored-quickly-long-ago", latest=(200, 30))
    world.restored("never-restored")


POINTS: Final[tuple[tuple[str, float, Mapping[str, Any]], ...]] = (
    ("fresh", 3, {}),
    ("old", 30, {}),
    ("on-the-hour", 24, {}),
    ("partial", 3, {"Status": "PARTIAL"}),
    ("gap-fresh", 3, {}),
    ("gap-old", 30, {}),
    ("gap-partial", 3, {"Status": "PARTIAL"}),
)


class Oracle:
    """What Audit Manager says, by its documentation, of the raw answers of one account and Region.

    True: compliant; False: not; None: it has nothing to say.
    """

    def __init__(self, script: ShardScript) -> None:
        self.lines = [line for line in script.complete().lines() if "response" in line]
        self.vaults = {
            row["BackupVaultArn"]: row for row in self._rows("ListBackupVaults", "BackupVaultList")
        }
        self.points = list(self._rows("ListRecoveryPointsByBackupVault", "RecoveryPoints"))
        self.described = {row["ResourceArn"]: row for row in self._of("DescribeProtectedResource")}
        self.rules = {
            line["parameters"]["BackupPlanId"]: line["response"]["BackupPlan"]["Rules"]
            for line in self.lines
            if line["operation"] == "GetBackupPlan"
        }

    def _of(self, operation: str) -> Iterator[Any]:
        return (line["response"] for line in self.lines if line["operation"] == operation)

    def _rows(self, operation: str, key: str) -> Iterator[Any]:
        for response in self._of(operation):
            yield from response[key]

    def rules_of(self, arn: str) -> list[Any]:
        """Give the rules of all plans that name the resource."""
        selected = [
            row["BackupPlanId"]
            for row in self._of("GetBackupSelection")
            if arn in row["BackupSelection"]["Resources"]
        ]
        return [each for plan in selected for each in self.rules[plan]]

    def copies(self, arn: str) -> Iterator[list[str]]:
        for each in self.rules_of(arn):
            for copy in each.get("CopyActions", ()):
                yield copy["DestinationBackupVaultArn"].split(":")

    def in_plan(self, arn: str) -> bool:
        return bool(self.rules_of(arn))

    def cross_region(self, arn: str, regions: tuple[str, ...] = ()) -> bool:
        wanted = {copy[3] for copy in self.copies(arn)} - {REGION}
        return bool(wanted & set(regions) if regions else wanted)

    def cross_account(self, arn: str, accounts: tuple[str, ...] = ()) -> bool:
        wanted = {copy[4] for copy in self.copies(arn)} - {ACCOUNT}
        return bool(wanted & set(accounts) if accounts else wanted)

    def locked(self, arn: str, least: int = 0, most: int = 0) -> bool:
        """Whether a plan backs it up into a locked vault, whose lock keeps at least and at most so long."""
        for each in self.rules_of(arn):
            vault = self.vaults[vault_arn(each["TargetBackupVaultName"])]
            shortest, longest = vault.get("MinRetentionDays", 0), vault.get("MaxRetentionDays", 10**9)
            if vault["Locked"] and shortest >= least and (not most or longest <= most):
                return True
        return False

    def newest(self, arn: str, *, air_gapped: bool) -> datetime | None:
        kinds = {LAG["VaultType"]} if air_gapped else {LAG["VaultType"], "BACKUP_VAULT"}
        made = [
            datetime.fromisoformat(row["CreationDate"])
            for row in self.points
            if row["ResourceArn"] == arn and self.vaults[row["BackupVaultArn"]]["VaultType"] in kinds
        ]
        return max(made, default=None)

    def recent(self, arn: str) -> bool:
        newest = self.newest(arn, air_gapped=False)
        return newest is not None and AS_OF - newest <= timedelta(hours=24)

    def in_air_gap(self, arn: str) -> bool:
        newest = self.newest(arn, air_gapped=True)
        return newest is not None and AS_OF - newest <= timedelta(hours=24)

    def in_time(self, arn: str) -> bool | None:
        minutes = self.described.get(arn, {}).get("LatestRestoreExecutionTimeMinutes")
        return None if minutes is None else minutes <= TARGET_MINUTES


COPIED = (
    "copied-far",
    "copied-near",
    "copied-nowhere",
    "copied-into-nothing",
    "copied-to-other",
    "copied-to-refusal",
    "copied-to-both",
    "in-no-plan",
)
LOCKS = ("locked", "locked-long", "locked-short", "unlocked")
RESTORED = (
    "restored-quickly",
    "restored-in-time",
    "restored-slowly",
    "restored-slowly-before",
    "restored-slowly-long-ago",
    "restored-quickly-long-ago",
    "never-restored",
)
NAMES = tuple(name for name, _, _ in POINTS)

Settings = Mapping[str, Mapping[str, Any]]
Ask = Callable[[Oracle, str], bool | None]

ROWS: Final[tuple[tuple[str, tuple[str, ...], Settings, Ask], ...]] = (
    (IN_PLAN, COPIED, {}, Oracle.in_plan),
    (CROSS_REGION, COPIED, {}, Oracle.cross_region),
    (CROSS_REGION, COPIED, {CROSS_REGION: {"regions": (FAR,)}}, lambda it, arn: it.cross_region(arn, (FAR,))),
    (
        CROSS_REGION,
        COPIED,
        {CROSS_REGION: {"regions": ("us-east-1",)}},
        lambda it, arn: it.cross_region(arn, ("us-east-1",)),
    ),
    (CROSS_ACCOUNT, COPIED, {}, Oracle.cross_account),
    (
        CROSS_ACCOUNT,
        COPIED,
        {CROSS_ACCOUNT: {"accounts": (MANAGEMENT,)}},
        lambda it, arn: it.cross_account(arn, (MANAGEMENT,)),
    ),
    (LOCKED, LOCKS, {}, Oracle.locked),
    (LOCKED, LOCKS, {LOCKED: {"min_retention_days": 30}}, lambda it, arn: it.locked(arn, 30)),
    (LOCKED, LOCKS, {LOCKED: {"max_retention_days": 90}}, lambda it, arn: it.locked(arn, 0, 90)),
    (RECENT, NAMES, {}, Oracle.recent),
    (AIR_GAPPED, NAMES, {}, Oracle.in_air_gap),
    (IN_TIME, RESTORED, {}, Oracle.in_time),
)

STRICTER: Final = {
    (CROSS_REGION, "copied-into-nothing"): "cannot succeed",
    (CROSS_REGION, "in-no-plan"): "not evaluated here",
    (CROSS_ACCOUNT, "copied-to-refusal"): "allow the source account",
    (CROSS_ACCOUNT, "copied-to-both"): "allow the source account",
    (CROSS_ACCOUNT, "in-no-plan"): "not evaluated here",
    (RECENT, "partial"): "not if it is PARTIAL",
    (RECENT, "gap-partial"): "not if it is PARTIAL",
    (AIR_GAPPED, "gap-partial"): "only if it can be restored",
    (IN_TIME, "restored-slowly-before"): "not only the latest",
}
"""Where ours says something else, by control and cell: the words of the pack that tell why."""

WEAKER: Final = {(CROSS_REGION, "in-no-plan"), (CROSS_ACCOUNT, "in-no-plan")}
"""Not judged where Audit Manager fails: the resource fails the pack's `resource-in-backup-plan`."""


class Judged:
    """The world, judged by the pack under any parameters, and the oracle beside it."""

    def __init__(self, folder: Path) -> None:
        world = World(folder)
        build(world)
        self.oracle = Oracle(world.here)
        self.pack = select(("aws-backup-audit-manager",))
        self.facts = facts_of(world.bundle.write())
        self._known: dict[str, Mapping[str, Status]] = {}

    def status(self, control: str, settings: Settings, subject: str) -> Status:
        asked = f"{control} {settings}"
        if asked not in self._known:
            self._known[asked] = self._statuses(control, settings)
        return self._known[asked][subject]

    def _statuses(self, control: str, settings: Settings) -> Mapping[str, Status]:
        asked = [each for each in self.pack.controls if each.id == control]
        table = asked[0].subject
        rows = arrow_table(table, self.facts[table].values())
        parameters = {control: {**self.pack.parameters.get(control, {}), **settings.get(control, {})}}
        found = evaluate({table: rows}, asked, parameters, as_of=AS_OF)
        return {each.subject: each.status for each in found}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    return Judged(tmp_path_factory.mktemp("bundle") / "b")


EXPECTED: Final = {True: Status.PASS, False: Status.FAIL, None: Status.NOT_APPLICABLE}


@pytest.mark.parametrize(
    ("control", "cell", "settings", "ask"),
    [(control, cell, settings, ask) for control, cells, settings, ask in ROWS for cell in cells],
)
def test_ours_is_audit_managers_verdict_or_says_why_not(
    judged: Judged, control: str, cell: str, settings: Settings, ask: Ask
) -> None:
    theirs = ask(judged.oracle, volume_arn(cell))
    ours = judged.status(control, settings, vault_arn(cell) if control == LOCKED else volume_arn(cell))
    if ours is EXPECTED[theirs]:
        return
    (pack,) = judged.pack.chosen
    assert STRICTER[control, cell] in " ".join(pack.differences[control].split())
    if theirs is True:
        assert ours is Status.FAIL
    else:
        assert (control, cell) in WEAKER
        assert ours is Status.NOT_APPLICABLE
        assert judged.status(IN_PLAN, {}, volume_arn(cell)) is Status.FAIL


@pytest.mark.parametrize(("control", "cell"), STRICTER)
def test_every_difference_is_one(judged: Judged, control: str, cell: str) -> None:
    ask = next(
        ask for name, cells, settings, ask in ROWS if name == control and cell in cells and not settings
    )
    assert judged.status(control, {}, volume_arn(cell)) is not EXPECTED[ask(judged.oracle, volume_arn(cell))]


def test_each_control_is_asked_in_both_ways(judged: Judged) -> None:
    """An oracle that always says the same proves nothing."""
    said: dict[str, set[bool | None]] = {}
    for control, cells, _, ask in ROWS:
        said.setdefault(control, set()).update(ask(judged.oracle, volume_arn(cell)) for cell in cells)
    assert all({True, False} <= answers for answers in said.values())


BESIDE: Final = {
    "BACKUP_PLAN_MIN_FREQUENCY_AND_MIN_RETENTION_CHECK",
    "BACKUP_RECOVERY_POINT_MANUAL_DELETION_DISABLED",
    "BACKUP_RECOVERY_POINT_ENCRYPTED",
    "BACKUP_RECOVERY_POINT_MINIMUM_RETENTION_CHECK",
}
"""Those of plans, vaults and recovery points: test_audit_manager_oracle.py."""


def test_all_eleven_are_asked() -> None:
    by_id = {control.id: control.audit_manager for control in load_controls() if control.audit_manager}
    assert len(set(by_id.values())) == len(by_id) == 11
    assert set(by_id.values()) == BESIDE | {by_id[control] for control, _, _, _ in ROWS}
    assert set(by_id) == {control.id for control in select(("aws-backup-audit-manager",)).controls}
