"""Structures of the columns on a resource's resilience."""

from dataclasses import dataclass
from typing import Final

from scanner.model.facts.past import COPY_JOB_READS, JOB_READS, RESTORE_READS
from scanner.model.facts.reads import COPY_READS, PLACE_READS
from scanner.model.ternary import Ternary


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreeTwoOneOneZero:
    """The pieces of 3-2-1-1-0, each true, false or not known.

    `copies` and `accounts` count those that are known, the resource itself included. A copy of the data is a
    vault with a usable recovery point; an effective copy action is not a copy yet. `failures`: what failed
    in the newest backup, copy and restore test; no restore test in 90 days is a failure, too.
    """

    copies: int
    three_copies: Ternary
    accounts: int
    two_accounts: Ternary
    other_region: Ternary
    immutable: Ternary
    failures: tuple[str, ...]
    no_failure: Ternary


SURVIVAL_READS: Final = (*PLACE_READS, *COPY_READS)
THREE_TWO_ONE_READS: Final = (*PLACE_READS, *JOB_READS, *COPY_JOB_READS, *RESTORE_READS)
