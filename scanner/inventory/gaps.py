"""Collecting the reads that are missing while a shard is parsed."""

from collections.abc import Iterable
from typing import TypeVar

from scanner.evidence.answers import Answer, Answers
from scanner.evidence.shape import Shape
from scanner.model.names import Shard, partition_of, plan_arn, rule_subject
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


def created_by_rule(row: Shape, shard: Shard) -> str | None:
    """Return the rule that made a recovery point or job (`PLAN_ARN#RULE_ID`); None: made on demand.

    All members of RecoveryPointCreator are optional. A plan that is named by its id alone is the one of that
    id in `shard`. Where the plan or the rule is missing, that half of the result is empty.
    """
    created_by = row.child("CreatedBy")
    if created_by is None:
        return None
    plan, name = created_by.text("BackupPlanArn"), created_by.text("BackupPlanId")
    arn = plan or (plan_arn(partition_of(shard.region), shard, name) if name else "")
    return rule_subject(arn, created_by.text("BackupRuleId") or "")
