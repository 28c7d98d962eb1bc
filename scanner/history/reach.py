"""How far a scan reached: which controls were run, and which accounts and Regions were read wholly."""

from dataclasses import dataclass
from typing import Final

from scanner.history.transition import Absent
from scanner.model.finding import Finding
from scanner.model.inventory import ShardStatus
from scanner.model.names import AWS_GLOBAL
from scanner.model.scan import Scan

_HARMLESS: Final = frozenset({ShardStatus.COMPLETE, ShardStatus.SKIPPED})


@dataclass(frozen=True, slots=True)
class Reach:
    """What a scan can say of findings that it does not have.

    `whole`: places (account, Region) without a missing read. `accounts`: those of which every place in
    scope is whole, for subjects that lie in no Region. `told`: the scan tells its gaps, so that silence
    means something.
    """

    controls: frozenset[str]
    whole: frozenset[tuple[str, str]]
    accounts: frozenset[str]
    told: bool

    def why_absent(self, finding: Finding) -> Absent:
        """Say why the scan lacks this finding of another."""
        if finding.control not in self.controls:
            return Absent.NOT_ASKED
        return Absent.GONE if self.told and self._is_read(finding) else Absent.NOT_READ

    def _is_read(self, finding: Finding) -> bool:
        if finding.region == AWS_GLOBAL:
            return finding.account in self.accounts
        return (finding.account, finding.region) in self.whole  # a Region out of the scope is not read


def reach_of(scan: Scan) -> Reach:
    """Say how far a scan reached. A scan of another program does not tell its gaps: it is sure of nothing.

    Only a place that the manifest calls complete, and in which no gap lies, is whole: a manifest that tells
    no statuses proves nothing by its silence. A gap outside the Regions of the scope (a list that is asked
    once an account) is one in all of them.
    """
    scope = scan.manifest.scope
    regions = frozenset(map(str, scope.regions))
    shards = {(str(each.account), str(each.region)): each.status for each in scan.manifest.shards}
    gaps = {(str(gap.account), str(gap.region)) for gap in scan.gaps}
    gaps |= {place for place, status in shards.items() if status not in _HARMLESS}
    everywhere = {account for account, region in gaps if region not in regions}
    whole = frozenset(
        place
        for place, status in shards.items()
        if status is ShardStatus.COMPLETE and place not in gaps and place[0] not in everywhere
    )
    return Reach(
        controls=frozenset(control.id for control in scan.controls),
        whole=whole,
        accounts=frozenset(
            account
            for account in map(str, scope.accounts)
            if all((account, region) in whole for region in regions)
        ),
        told=scan.assessment is not None,
    )
