"""What became of the waivers of audit.yaml in one evaluation."""

from dataclasses import dataclass
from enum import StrEnum

from scanner.model.finding import Waiver


class WaiverState(StrEnum):
    """What a waiver came to."""

    IN_USE = "in use"  # it covers failures
    UNUSED = "unused"  # it covers nothing that fails, and nothing that is not known
    UNDECIDED = "undecided"  # it covers nothing that fails, and something that is not known
    NOT_ASKED = "not asked"  # its control was not selected
    EXPIRED = "expired"  # its last day has passed


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverUse:
    """A waiver and what became of it.

    `control` and `subject` are what it is about, as audit.yaml has them. `covers`: failures that it covers,
    or, once it has expired, that it covered and no other waiver covers now. `open`: findings that are unknown
    or in error, and that it would cover if they failed.
    """

    waiver: Waiver
    control: str
    subject: str
    state: WaiverState
    covers: int
    open: int
