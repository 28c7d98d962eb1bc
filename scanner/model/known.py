"""The result of a read of AWS, a value with its evidence or a gap, and three-valued logic.

Three-valued answers are True, False, and None for "unknown": Kleene's logic, as in SQL.
"""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Generic, TypeVar

from scanner.model.names import AccountId, RegionName

Ternary = bool | None
"""None means "could not be read" and nothing else."""

ASSUME_ROLE: Final = "sts:AssumeRole"
"""The call that precedes all reads of an account: without it nothing of the account was read."""

NOT_COLLECTED: Final = "sts:Collect"
"""Not an AWS operation: the evidence line that says why a worker could not read an account."""

ENTRY: Final = frozenset((ASSUME_ROLE, NOT_COLLECTED))
"""The operations whose gaps stand for all reads of an account."""

T_co = TypeVar("T_co", covariant=True)


def all_of(answers: Iterable[Ternary]) -> Ternary:
    """Return False if any answer is False, else None if any is None, else True."""
    result: Ternary = True
    for answer in answers:
        if answer is False:
            return False
        if answer is None:
            result = None
    return result


def any_of(answers: Iterable[Ternary]) -> Ternary:
    """Return True if any answer is True, else None if any is None, else False."""
    result: Ternary = False
    for answer in answers:
        if answer is True:
            return True
        if answer is None:
            result = None
    return result


def negate(answer: Ternary) -> Ternary:
    """Return the opposite answer; unknown stays unknown."""
    return None if answer is None else not answer


@dataclass(frozen=True, slots=True)
class Answer:
    """A three-valued answer, and a clause that says what decided it or left it unknown."""

    value: Ternary
    because: str = ""


def conjunction(answers: Iterable[Answer]) -> Answer:
    """Combine answers by AND: the first false one decides, else the first unknown one."""
    result: Answer = Answer(value=True)
    for answer in answers:
        if answer.value is False:
            return answer
        if answer.value is None and result.value is True:
            result = answer
    return result


@dataclass(frozen=True, slots=True, order=True)
class EvidenceRef:
    """One line of the evidence: the file's path within the bundle, and the line, counted from 1."""

    file: str
    line: int


class GapKind(StrEnum):
    """Why a read is missing."""

    REFUSED = "refused"  # AWS answered: access denied, or the role cannot be assumed
    FAILED = "failed"  # any other error that was final
    NEVER_ASKED = "never asked"  # the evidence has no line of it
    HALF_READ = "half read"  # a page is missing: a next token that no line uses
    NOT_REPORTED = "not reported"  # AWS answered, and the answer lacks a value that is needed
    OUT_OF_SCOPE = "outside the scope"  # of an account or Region that the scan leaves out


_WHAT_HAPPENED: Final = {
    GapKind.REFUSED: "was refused",
    GapKind.FAILED: "failed",
    GapKind.NEVER_ASKED: "was not called",
    GapKind.HALF_READ: "was only read in part",
    GapKind.NOT_REPORTED: "did not report a required value",
    GapKind.OUT_OF_SCOPE: "is outside the scope of the scan",
}
"""The words of `Gap.sentence` for each kind."""

NOT_ENABLED: Final = "not-opted-in"
"""The code of a gap in a Region that the account has not enabled (the OptInStatus of ec2:DescribeRegions)."""

LEFT_OUT: Final = "not-collected"
"""The code of a gap of a call that the scan left out, because none of its controls needs it."""

CONTRADICTION: Final = "Contradiction"
"""The code of a gap of a read whose answers contradict each other, or another read."""

_WHY_LEFT_OUT: Final = "no control that the scan was made for needs it (scan again with --collect all)"


@dataclass(frozen=True, slots=True)
class Gap:
    """A missing read.

    `operation`: `service:Operation` as in the evidence (`backup:GetBackupPlan`). `about`: what was requested
    (a vault's name, a plan's id; empty for a whole list). `message`: that of AWS, or (NOT_REPORTED) the value
    that is missing.
    """

    account: AccountId
    region: RegionName
    operation: str
    about: str
    kind: GapKind
    code: str = ""
    message: str = ""
    ref: EvidenceRef | None = None

    def sentence(self) -> str:
        """Return one sentence that says what was not read, where, and why."""
        if self.operation in ENTRY:
            return f"{self.not_entered()}."
        about = f" of {self.about}" if self.about else ""
        where = f"{self.account}/{self.region}"
        if self.kind is GapKind.NOT_REPORTED:
            return f"{self.operation} in {where} was answered without {self.message or f'what{about} needs'}."
        if self.kind is GapKind.OUT_OF_SCOPE:
            return f"{self.operation}{about} was not called: {where} is outside the scope of the scan."
        if self.code == LEFT_OUT:
            return f"{self.operation}{about} in {where} was not collected: {_WHY_LEFT_OUT}."
        if self.code == CONTRADICTION:
            return f"{self.operation}{about} in {where} is contradicted: {self.message}"
        code = f" ({self.code})" if self.code else ""
        return f"{self.operation}{about} in {where} {_WHAT_HAPPENED[self.kind]}{code}."

    def matters_to(self, needed: Container[str]) -> bool:
        """Return whether the read is missed: a call that was left out is, where a control needs it."""
        return self.code != LEFT_OUT or self.operation in needed

    def not_entered(self) -> str:
        """Return a clause that says why the account could not be entered or read, without a full stop."""
        if self.operation == NOT_COLLECTED:
            return f"Account {self.account}{self.message.removeprefix('The account').rstrip('. ')}"
        role = f" of {self.about}" if self.about else ""
        answer = ": ".join(part for part in (self.code, self.message.rstrip(". ")) if part)
        because = f" ({answer})" if answer else ""
        return (
            f"Account {self.account} could not be entered: {ASSUME_ROLE}{role} "
            f"{_WHAT_HAPPENED[self.kind]}{because}"
        )

    def as_texts(self) -> tuple[str, ...]:
        """Return the gap as texts, for files between processes. The evidence line is left out."""
        parts = (self.operation, self.about, self.kind.value, self.code, self.message)
        return (self.account, self.region, *parts)


def gap_of_texts(texts: Sequence[str]) -> Gap:
    """Build a gap from the result of `Gap.as_texts`. ValueError: it is not one."""
    account, region, operation, about, kind, code, message = texts
    place = AccountId(account), RegionName(region)
    return Gap(*place, operation, about, GapKind(kind), code, message)


@dataclass(frozen=True, slots=True)
class Known(Generic[T_co]):
    """A value that was read, and the evidence lines it comes from."""

    value: T_co
    refs: tuple[EvidenceRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Unread:
    """A value that was not read, and the gap that says why."""

    gap: Gap


Reading = Known[T_co] | Unread
"""A value that needed a read of its own: either known, or unread for the reason in the gap."""
