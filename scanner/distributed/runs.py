"""Scans in AWS as rows: their state, their progress, and the numbers of their summaries."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

RUNNING: Final = frozenset({"RUNNING", "PENDING_REDRIVE"})


@dataclass(frozen=True, slots=True)
class RunState:
    """The state of an execution, as Step Functions names it, and why it failed."""

    status: str
    error: str = ""
    cause: str = ""

    @property
    def is_running(self) -> bool:
        """Whether the execution has not ended."""
        return self.status in RUNNING


@dataclass(frozen=True, slots=True)
class MapCounts:
    """The progress of a map. `name`: the label of the map state."""

    name: str
    total: int
    succeeded: int
    running: int
    failed: int

    @classmethod
    def of(cls, arn: str, counts: Mapping[str, int]) -> Self:
        """Build the counts from an answer of DescribeMapRun, whose ARN ends with `.../LABEL:ID`."""
        failed = sum(counts.get(name, 0) for name in ("failed", "timedOut", "aborted"))
        label = arn.rpartition("/")[2].partition(":")[0]
        return cls(
            label or "Map",
            counts.get("total", 0),
            counts.get("succeeded", 0),
            counts.get("running", 0),
            failed,
        )

    def line(self) -> str:
        """Return the counts as a line of text."""
        failed = f", {self.failed:,} failed" if self.failed else ""
        return f"{self.name}: {self.succeeded:,} of {self.total:,} done, {self.running:,} running{failed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A scan in AWS. Numbers are None without a summary: they are unknown.

    `state`: as Step Functions names it. `counts`: findings by status. `address`: of the scan in S3.
    """

    scan_id: str
    state: str
    started_at: datetime
    ended_at: datetime | None
    address: str
    accounts: int | None = None
    counts: Mapping[str, int] | None = None
    score: float | None = None

    def document(self) -> dict[str, Any]:
        """Return the JSON document of a run (docs/schema/runs.schema.json)."""
        return {
            "scan_id": self.scan_id,
            "state": self.state,
            "started_at": self.started_at.isoformat(),
            "ended_at": self.ended_at.isoformat() if self.ended_at else None,
            "address": self.address,
            "accounts": self.accounts,
            "findings": dict(self.counts) if self.counts is not None else None,
            "score": self.score,
        }


def numbers_of(
    summary: Mapping[str, Any] | None,
) -> tuple[int | None, Mapping[str, int] | None, float | None]:
    """Return accounts, findings by status and score of a scan's summary, which may have any shape."""
    accounts = _at(summary, "scan", "scope", "accounts")
    counts = _at(summary, "summary", "totals")
    score = _at(summary, "summary", "score", "total", "score")
    return (
        len(accounts) if isinstance(accounts, list) else None,
        _counts(counts) if isinstance(counts, dict) else None,
        float(score) if isinstance(score, int | float) else None,
    )


def _at(document: object, *path: str) -> object:
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _counts(totals: Mapping[str, object]) -> dict[str, int]:
    return {status: number for status, number in totals.items() if isinstance(number, int)}
