"""Collecting the reads that are missing while a shard is parsed."""

from collections.abc import Iterable
from typing import TypeVar

from scanner.evidence.answers import Answer, Answers
from scanner.evidence.shape import Shape
from scanner.model.names import rule_subject
from scanner.model.reading import EvidenceRef, Gap, Known, Reading, Unread

V = TypeVar("V")


class Gaps:
    """The gaps of one shard, each once, in the order in which they were found."""

    def __init__(self) -> None:
        self._found: dict[Gap, None] = {}

    def note(self, gap: Gap | None) -> None:
        """Remember a gap."""
        if gap is not None:
            self._found[gap] = None

    def reading(self, value: V, answer: Answer) -> Reading[V]:
        """Give what an answer says, or its gap, which is remembered."""
        return self.known_unless(answer.gap, value, answer.refs)

    def known_unless(self, gap: Gap | None, value: V, refs: tuple[EvidenceRef, ...] = ()) -> Reading[V]:
        """Give the value as known unless there is a gap, which is remembered."""
        if gap is None:
            return Known(value, refs)
        self.note(gap)
        return Unread(gap)

    def all(self) -> tuple[Gap, ...]:
        """Give the gaps found so far."""
        return tuple(self._found)


def rows(answers: Answers, name: str, key: str) -> Iterable[tuple[Shape, EvidenceRef]]:
    """Give the rows under `key` of every page of every answer of an operation, narrowed calls included."""
    for answer in answers.every(name):
        for page in answer.pages:
            for row in page.children(key):
                yield row, page.ref


def created_by_rule(row: Shape) -> str | None:
    """Give the rule that made a recovery point or job (`PLAN_ARN#RULE_ID`); None: made on demand.

    Where a plan is told without its rule, the id is empty: it is none of the rules that are known.
    """
    created_by = row.child("CreatedBy")
    if created_by is None:
        return None
    plan, rule = created_by.text("BackupPlanArn"), created_by.text("BackupRuleId")
    return rule_subject(plan, rule or "") if plan else None
