"""`inventory.csv`: the population, one row a resource, with the numbers of what was found about it.

`yes`, `no`, `none` and `unknown` are written out: an empty cell never says that something was not read.
"""

from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Any, Final

from scanner.errors import OutputError
from scanner.findings.counts import counts_of_subjects
from scanner.findings.filed import Filed
from scanner.model.finding import Finding, Status
from scanner.model.scan import Row, Stream
from scanner.report.cells import csv_cell, json_cell
from scanner.report.overview import STRUCTURES
from scanner.report.view import View
from scanner.storage.counts_aside import CountsAside, SubjectCounts

COLUMNS: Final = (
    "type",
    "arn",
    "name",
    "account",
    "account_name",
    "region",
    "covered",
    "newest_recovery_point",
    "newest_recovery_point_arn",
    "not_applicable_because",
    "tags",
    *(status.value for status in Status),
)

_UNKNOWN: Final = "unknown"
_TERNARY: Final = {True: "yes", False: "no", None: _UNKNOWN}
_BATCH: Final = 1_000
"""Rows that are written at once."""


def inventory_csv(view: View) -> Iterator[bytes]:
    """Return inventory.csv in pieces: UTF-8 with a byte order mark, CRLF, in the order of the inventory.

    Raises:
        OutputError: the population is not known, or the numbers find no room on the disk.
    """
    if view.inventory is None:
        raise OutputError(
            "inventory.csv needs the facts of the scan, and this folder has none of them: judge its evidence "
            "again with audit evaluate."
        )
    yield b"\xef\xbb\xbf"
    lines = (
        ",".join(map(csv_cell, cells)) + "\r\n" for cells in chain([COLUMNS], _rows(view, view.inventory))
    )
    while batch := "".join(islice(lines, _BATCH)):
        yield batch.encode()


def _rows(view: View, resources: Stream[Row]) -> Iterator[tuple[str, ...]]:
    with CountsAside() as aside:
        aside.add(_answers(view.findings))
        here, counts = "", aside.of("")
        for row in resources:
            place = _place(row["account"], row["region"])
            if place != here:  # the rows come shard by shard
                here, counts = place, aside.of(place)
            yield _row(row, view.names.get(row["account"], ""), counts)


def _answers(findings: Stream[Finding]) -> Iterator[tuple[str, str, str, int]]:
    """Return place, resource, status and number of findings."""
    if isinstance(findings, Filed):
        for account, region, subject, status, number in counts_of_subjects(findings, STRUCTURES):
            yield _place(account, region), subject, status, number
        return
    for each in findings:
        if each.subject_type not in STRUCTURES:
            yield _place(each.account, each.region), each.subject, each.status.value, 1


def _place(account: str, region: str) -> str:
    return f"{account}/{region}"


def _row(row: Row, account_name: str, counts: SubjectCounts) -> tuple[str, ...]:
    told = counts.of(row["subject"])
    return (
        row["subject_type"],
        row["subject"],
        row["name"],
        row["account"],
        account_name,
        row["region"],
        _TERNARY[row["covered"]],
        *_newest(row["newest_recovery_point"]),
        row["not_applicable_because"],
        _UNKNOWN if row["tags"] is None else json_cell({tag["key"]: tag["value"] for tag in row["tags"]}),
        *(str(told.get(status.value, 0)) for status in Status),
    )


def _newest(point: Mapping[str, Any]) -> tuple[str, str]:
    """Give when the newest usable recovery point was made, and its ARN."""
    if point["exists"] is None:  # one may be unseen, and newer than what was seen
        return _UNKNOWN, ""
    if not point["exists"]:
        return "none", ""
    return point["created_at"] or _UNKNOWN, point["arn"] or ""
