"""The waivers of audit.yaml, and how one evaluation used them."""

from dataclasses import dataclass
from enum import StrEnum

from scanner.model.finding import Waiver


class WaiverState(StrEnum):
    """How an evaluation used a waiver."""

    IN_USE = "in use"  # it covers failures
    UNUSED = "unused"  # it matches no failure and nothing unknown
    UNDECIDED = "undecided"  # it matches no failure, but something unknown
    NOT_ASKED = "not asked"  # its control was not selected
    EXPIRED = "expired"  # its last day has passed


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverUse:
    """A waiver, and how the evaluation used it.

    `control` and `subject`: what it applies to, as in audit.yaml. `covers`: the number of failures that it
    covers or, once it has expired, covered and no other waiver covers. `open`: the number of unknown and
    error findings that it would cover if they failed.
    """

    waiver: Waiver
    control: str
    subject: str
    state: WaiverState
    covers: int
    open: int
