"""What a view counts and picks of filed findings: by a few queries, without a pass through all of them."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

from scanner.findings.counts import counts, counts_of_places, first_owners
from scanner.findings.filed import Connection, Filed
from scanner.findings.picks import draw, filed_details, whole_findings_of
from scanner.model.finding import Finding
from scanner.model.finding_counts import ControlCount, FindingCounts, GroupCount
from scanner.model.scan import Scan, Stream
from scanner.report.audit_manager import FoundBeside
from scanner.report.counts import Counts, Tally, total
from scanner.report.gaps import BLINDING_CONTROL, BlindGap, Blinding
from scanner.report.overview import STRUCTURES, Overview, in_order_of_expiry
from scanner.report.owners import MOST, ByOwner, OwnerGroup
from scanner.report.sample import JUDGED, SIZE, Sample, seed_of
from scanner.report.worst_filed import pick_worst

K = TypeVar("K", bound=Hashable)


def look_over_filed(scan: Scan, filed: Filed) -> Overview:
    """Count and pick with queries. The worst findings are read when they are first needed.

    Raises:
        BundleError: the files cannot be read.
    """
    with filed.database() as connection:
        counted = counts(filed, connection)
        by_control = _tally((row.control, row) for row in counted.controls)
        worst, worst_of = pick_worst(filed, counted)
        return Overview(
            counts=total(by_control.values()),
            controls=by_control,
            accounts=_groups(counted.accounts),
            regions=_groups(counted.regions),
            types=_groups(counted.types),
            severities=_tally((row.severity, row) for row in counted.controls),
            owners=_owners(connection, counted),
            worst=worst,
            worst_of=worst_of,
            sample=_sample(scan, filed, connection, counted),
            waivers=in_order_of_expiry(counted.waivers),
            asked_resources=_most_resources(counted),
            gaps=_gaps(scan, connection),
            beside=_beside(scan, connection),
        )


def findings_of_subjects(findings: Stream[Finding], subjects: Sequence[str]) -> Iterable[Finding]:
    """Return all findings of some subjects, in filing order."""
    if isinstance(findings, Filed):
        with findings.database() as connection:
            return whole_findings_of(findings, connection, subjects)
    wanted = frozenset(subjects)
    return (each for each in findings if each.subject in wanted)


def _tally(rows: Iterable[tuple[K, ControlCount]]) -> dict[K, Counts]:
    tally: Tally[K] = Tally()
    for key, row in rows:
        tally.add(key, row.status, row.number)
    return tally.counts()


def _groups(rows: Iterable[GroupCount]) -> dict[str, Counts]:
    tally: Tally[str] = Tally()
    for row in rows:
        if row.key is not None:
            tally.add(row.key, row.status, row.number)
    return tally.counts()


def _owners(connection: Connection, counted: FindingCounts) -> tuple[OwnerGroup, ...]:
    named = {row.name for row in counted.owners if row.name}
    by_owner = ByOwner(first_owners(connection, MOST) if len(named) > MOST else ())
    for row in counted.owners:
        by_owner.count(row.name, row.status, row.number)
    return by_owner.groups()


def _most_resources(counted: FindingCounts) -> int:
    resources: Counter[str] = Counter()
    for row in counted.controls:
        if row.subject_type not in STRUCTURES:
            resources[row.control] += row.number
    return max(resources.values(), default=0)


def _sample(scan: Scan, filed: Filed, connection: Connection, counted: FindingCounts) -> Sample:
    seed = seed_of(scan.manifest)
    number = sum(row.number for row in counted.controls if row.status in JUDGED)
    return Sample(seed, number, tuple(draw(filed, connection, seed, JUDGED, SIZE)))


def _gaps(scan: Scan, connection: Connection) -> tuple[BlindGap, ...]:
    """Return the missing reads with the controls that each affects.

    Their control passes, or does not apply, only where no read is missing: these details are not needed.
    """
    blinding = Blinding()
    if scan.gaps:
        for account, region, details in filed_details(connection, BLINDING_CONTROL):
            blinding.read(account, region, details)
    return blinding.of(scan.gaps)


def _beside(scan: Scan, connection: Connection) -> Mapping[tuple[str, str, str], Counts]:
    beside = FoundBeside(scan.frameworks)
    if beside.places:
        for row in counts_of_places(connection, beside.places):
            beside.count(*row)
    return beside.counts()
