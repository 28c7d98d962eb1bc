"""The table `account_region`."""

from dataclasses import dataclass

from scanner.model.facts.base import Row, column


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingRead:
    """A read that a selected control needed and that was not made or not answered."""

    operation: str
    about: str
    kind: str
    code: str
    message: str
    blinds: tuple[str, ...]  # the selected controls that it affects


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRegionFacts(Row):
    """One account in one Region of the scope."""

    status: str = column("complete, partial, failed, skipped or missing.")
    skipped: bool = column("Whether the account has not enabled the Region.")
    not_entered: str = column(
        "Why the account could not be entered: the role and AWS's answer; empty where it was."
    )
    missing_reads: tuple[MissingRead, ...] | None = column(
        "Reads that the selected controls need and that are missing. NULL where nothing else is missing than "
        "what the scan left out: what AWS would have answered is not known."
    )
