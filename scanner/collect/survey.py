"""Which accounts and Regions a scan is of: what is asked to find out, and where that is written down."""

from pathlib import Path
from typing import Final

from scanner.collect.calls import Caller, Recorder
from scanner.collect.opening import Opening
from scanner.collect.organization import read_organization
from scanner.collect.request import CollectRequest
from scanner.collect.scope import Resolved, resolve
from scanner.collect.session import known_regions
from scanner.collect.station import Station
from scanner.evidence.writer import ShardWriter
from scanner.model.manifest import ShardRecord
from scanner.model.names import ORG, RegionName, Shard

# Organizations is one service a partition, and answers in one Region of it (AWS General Reference, "AWS
# Organizations endpoints and quotas").
_ORGANIZATIONS_REGIONS: Final = {
    "aws": RegionName("us-east-1"),
    "aws-cn": RegionName("cn-northwest-1"),
    "aws-us-gov": RegionName("us-gov-west-1"),
}


def survey(
    request: CollectRequest, station: Station, opening: Opening, folder: Path
) -> tuple[Resolved, tuple[ShardRecord, ...]]:
    """Resolve the scope; what was asked for it, and belongs to no account in it, is the org's file."""
    if not _has_file(request, opening):
        return resolve(request, opening, None, known_regions(station.session)), ()
    with ShardWriter(folder, Shard(opening.account, ORG)) as writer:
        resolved = ask(request, station, opening, writer)
        if opening.account not in resolved.scope.accounts:
            opening.held.replay(writer, opening.account)
    return resolved, (writer.finish(),)


def ask(request: CollectRequest, station: Station, opening: Opening, recorder: Recorder) -> Resolved:
    """Resolve the scope; the organisation is asked for if it is to be scanned."""
    organization = None
    if request.organization:
        shard = Shard(opening.account, ORG)
        region = _ORGANIZATIONS_REGIONS.get(opening.partition, station.home)
        organization = read_organization(
            Caller(station.wiring, shard, recorder, region),
            Caller(station.wiring, shard, recorder, station.home),
        )
    return resolve(request, opening, organization, known_regions(station.session))


def _has_file(request: CollectRequest, opening: Opening) -> bool:
    return request.organization or (bool(request.accounts) and opening.account not in request.accounts)
