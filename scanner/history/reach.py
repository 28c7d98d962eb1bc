"""How much a scan covers: the controls it ran, and the subjects that it would have seen if they existed."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from scanner.history.transition import Absent
from scanner.model.finding import Finding
from scanner.model.inventory import ShardStatus
from scanner.model.known import Gap
from scanner.model.manifest import CollectedReads, is_collected
from scanner.model.names import AWS_GLOBAL
from scanner.model.resource_types import listed_by
from scanner.model.scan import Scan
from scanner.services.catalogue import ACCOUNT_LISTS

Place = tuple[str, str]
"""Account and Region."""

_READ: Final = frozenset({ShardStatus.COMPLETE, ShardStatus.PARTIAL})
"""The lists of a failed shard are not taken for complete (catalogue, ruling 16)."""

_PLANS: Final = "backup:ListBackupPlans"
_PLAN: Final = "backup:GetBackupPlan"
_SELECTIONS: Final = "backup:ListBackupSelections"
_VAULTS: Final = "backup:ListBackupVaults"
_POINTS: Final = "backup:ListRecoveryPointsByBackupVault"
_ENTRY: Final = "sts:AssumeRole"

_REMOVED: Final = {
    "plan": "The backup plan was removed.",
    "rule": "The backup rule was removed from its plan, or the plan was removed.",
    "selection": "The backup selection was removed from its plan, or the plan was removed.",
    "copy_action": "The copy action was removed from its rule, or the rule or plan was removed.",
    "waiver": "The waiver was removed from audit.yaml, or is no longer expired.",
}
"""Subjects that are settings, not data: once removed, there is nothing left to check."""

_PLACES: Final = frozenset({"account", "account_region"})
"""Subjects that every scan of their account and Region has."""

_Read = tuple[str, str]
"""An operation, and what a missing read of it must name to matter; empty: any missing read matters."""


@dataclass(frozen=True, slots=True)
class Absence:
    """Why a scan has no finding, as a kind and as a sentence."""

    kind: Absent
    why: str


@dataclass(frozen=True, slots=True)
class ScanReach:
    """What a scan knows about findings that it does not have.

    `statuses`: whether each account-Region, and each account's global services, were read. `gaps`: the
    missing reads of each account-Region, including those that are made once for the account. `is_own`: the
    scan records its missing reads, so what it does not list is known not to exist. `reads`: what the scan
    collected; None: everything.
    """

    controls: frozenset[str]
    accounts: frozenset[str]
    regions: frozenset[str]
    statuses: Mapping[Place, ShardStatus]
    gaps: Mapping[Place, tuple[Gap, ...]]
    is_own: bool
    reads: CollectedReads | None = None

    def why_absent(self, finding: Finding) -> Absence:
        """Return why this scan lacks a finding that another scan has."""
        # From the most certain reason to the least: only complete reads prove a deletion.
        if (reason := self._not_asked(finding)) is not None:
            return Absence(Absent.NOT_ASKED, reason)
        if (reason := self._not_read(finding)) is not None:
            return Absence(Absent.NOT_READ, f"It is not known whether it still exists: {reason}")
        if removed := _REMOVED.get(finding.subject_type):
            return Absence(Absent.REMOVED, removed)
        return Absence(Absent.DELETED, _deleted(finding))

    def _not_asked(self, finding: Finding) -> str | None:
        if finding.control not in self.controls:
            return "The control was not run."
        if finding.account not in self.accounts:
            return f"Account {finding.account} is no longer in the scope."
        if finding.region != AWS_GLOBAL and finding.region not in self.regions:
            return f"Region {finding.region} is no longer in the scope."
        return None

    def _not_read(self, finding: Finding) -> str | None:
        """Return why it is not known whether the subject exists; None where every read of it was made."""
        # Of a program that records no gaps, an absent subject may just as well be unread.
        if not self.is_own:
            return "the scan does not record its missing reads."
        if finding.subject_type == "waiver":  # audit.yaml is always read
            return None
        if finding.subject_type in _PLACES:
            return "the scan has no row for it."
        reads, place = _reads(finding), (finding.account, finding.region)
        for where in (place, *self._global_services(finding.account, reads)):
            # A place that the manifest does not name was not read.
            status = self.statuses.get(where, ShardStatus.MISSING)
            if status not in _READ:
                return f"{'/'.join(where)} was not read (status {status.value})."
        for operation, _ in reads or ():
            if not is_collected(operation, self.reads):
                return f"{operation} was not collected: no control that the scan was made for needs it."
        missing = (gap for gap in self.gaps.get(place, ()) if reads is None or _matters(gap, reads))
        return next((gap.sentence() for gap in missing), None)

    def _global_services(self, account: str, reads: tuple[_Read, ...] | None) -> tuple[Place, ...]:
        """Return the account's global services if one of their lists matters and the manifest names them."""
        place = (account, AWS_GLOBAL)
        counts = reads is None or any(operation in ACCOUNT_LISTS for operation, _ in reads)
        return (place,) if counts and place in self.statuses else ()


def _matters(gap: Gap, reads: tuple[_Read, ...]) -> bool:
    """Check whether a missing read may hide a subject. A gap that names nothing concerns the whole list."""
    # Without the role nothing in the account was read.
    if gap.operation == _ENTRY:
        return True
    return any(
        # A gap that names other objects does not concern this one; names are separated by blanks.
        gap.operation == operation and (not about or not gap.about or about in gap.about.split(" "))
        for operation, about in reads
    )


def _reads(finding: Finding) -> tuple[_Read, ...] | None:
    """Return the reads that list a subject; None: unknown, so every read of its account-Region counts."""
    match finding.subject_type:
        case "plan":
            return ((_PLANS, ""),)
        case "rule" | "copy_action":
            return ((_PLANS, ""), (_PLAN, _plan_id(finding.subject)))
        case "selection":
            return ((_PLANS, ""), (_SELECTIONS, _plan_id(finding.subject)))
        case "vault":
            return ((_VAULTS, ""),)
        case "recovery_point":
            return ((_VAULTS, ""), (_POINTS, _vault_name(finding)))
        case _:
            operation = listed_by(finding.subject)
            return None if operation is None else ((operation, ""),)


def _plan_id(subject: str) -> str:
    """Return the id of the plan of `PLAN_ARN#RULE_ID`; empty where the subject has another form."""
    return subject.partition("#")[0].partition(":backup-plan:")[2]


def _vault_name(finding: Finding) -> str:
    """Return the name of a recovery point's vault; empty: the details do not name it."""
    vault = finding.details.get("vault")
    return vault.rpartition(":")[2] if isinstance(vault, str) else ""


def _deleted(finding: Finding) -> str:
    where = f"{finding.account}/{finding.region}"
    match finding.subject_type:
        case "vault":
            return f"It was deleted: {_VAULTS} in {where} was read to the end and no longer lists it."
        case "recovery_point":
            return (
                f"It expired or was deleted: {_POINTS} in {where} was read to the end and no longer lists it."
            )
    operation = listed_by(finding.subject)
    read = f"{operation} in {where} was read to the end" if operation else f"all of {where} was read"
    return f"It was deleted: {read} and no longer lists it."


def scan_reach(scan: Scan) -> ScanReach:
    """Return what a scan covers. A scan of another program does not record its gaps, so nothing is certain.

    Only account-Regions with the status complete or partial were read. A gap outside the Regions of the scope
    (a list that is read once for the account) counts in all of them.
    """
    scope = scan.manifest.scope
    regions = frozenset(map(str, scope.regions))
    gaps: defaultdict[Place, list[Gap]] = defaultdict(list)
    for gap in scan.gaps:
        # A global list (IAM, S3) has no Region of the scope, and so counts in each of them.
        for region in (gap.region,) if gap.region in regions else regions:
            gaps[str(gap.account), str(region)].append(gap)
    return ScanReach(
        controls=frozenset(control.id for control in scan.controls),
        accounts=frozenset(map(str, scope.accounts)),
        regions=regions,
        statuses={
            (str(record.account), str(record.region)): record.status for record in scan.manifest.shards
        },
        gaps={place: tuple(missing) for place, missing in gaps.items()},
        # Only scans of this program have an assessment, and record their gaps.
        is_own=scan.assessment is not None,
        reads=scan.manifest.reads,
    )
