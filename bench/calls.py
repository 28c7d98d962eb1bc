"""The calls of a scan by operation, and its cost, compared with two other tools."""

from typing import Final

from bench.endpoint import SMALL, Estate
from bench.measure import SHARED, Table, scan, serving

_OTHERS: Final = (
    ("Prowler", "1,960", "181.0", "173.0", "390"),
    ("Cloud Custodian (c7n-org)", "500", "8.0", "13.3", "not measured"),
)
"""Measured once on two cores over 10 small accounts in 2 Regions: calls, wall s, CPU s, MB."""


def tables(*, tiny: bool = False) -> list[Table]:
    """Scan 10 small accounts in 2 Regions."""
    estate = Estate(accounts=2 if tiny else 10, regions=2, **SMALL)
    with serving(estate) as url:
        took = scan(url, estate)
    ours = "ours", f"{took.total:,}", f"{took.wall:.1f}", f"{took.started + took.cpu:.1f}", f"{took.rss:.0f}"
    by_number = sorted(took.calls.items(), key=lambda row: (-row[1], row[0]))
    return [
        Table(
            f"A scan of {estate.accounts} small accounts in {estate.regions} Regions",
            ("tool", "calls", "wall s", "CPU s", "peak MB"),
            (ours, *_OTHERS),
            (
                f"{took.lost} of our calls failed. CPU includes starting ({took.started:.1f} s).",
                "The others' figures were measured once, over an organisation of that size, on two cores;",
                "what they ask differs: Cloud Custodian answered far fewer questions.",
                SHARED,
            ),
        ),
        Table("Its calls", ("operation", "calls"), by_number),
    ]
