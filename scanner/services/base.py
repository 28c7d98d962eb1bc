"""What every service file uses: the declaration of an operation, and reading fields out of answers.

While collecting, an answer is a dictionary and a field that is not as expected is skipped (`objects`, `text`,
`texts`): the answer is recorded, and reading the evidence reports what is wrong with it. While parsing, an
answer is a `Shape` (`rows`), and what is missing becomes a gap (`Gaps`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from scanner.evidence.answers import Answer, Answers
from scanner.evidence.shape import Shape
from scanner.model.names import Shard, partition_of, plan_arn, rule_subject
from scanner.model.reading import EvidenceRef, Gap, Known, Reading, Unread

V = TypeVar("V")


class Place(StrEnum):
    """How often an operation is called that is not called for each of several things."""

    SCAN = "scan"  # for the organization, in its management account
    ACCOUNT = "account"
    REGION = "account-Region"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of AWS that a scan calls.

    `service` is boto3's client name, `name` the API's own spelling, `action` the IAM action that allows it
    (not always the same name: `s3:ListAllMyBuckets`), `also` what else the call needs. `page` is the page
    size to request; 0: AWS's own. `secrets` are response fields that never reach the evidence:
    `Reservations[].Instances[].UserData`. `after` are the operations (`service:Operation`) whose answers name
    what it is called about: without them it is not called at all. `own` are the members of the answer that
    hold ARNs or ids of the account and Region that is called; `same` pairs a parameter with the member that
    repeats it under another name (`collect.response_identity`). `closed` are the nodes of the answer below
    which a member that botocore does not know changes what the others mean (`collect.response_checks`).

    `place` and `per` say how often it is called: once in its place, or where `per` names something (`vault`),
    once for each. `condition` limits that to places of a kind (`account-Region that has ONTAP file systems`).

    A list that is called once in its place is **required**: an account-Region in which it was not read to the
    end has a gap. `optional` is the reason why one is not required.
    """

    service: str
    name: str
    action: str
    page: int = 0
    secrets: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    same: tuple[tuple[str, str], ...] = ()
    closed: tuple[str, ...] = ()
    place: Place = Place.REGION
    per: str = ""
    condition: str = ""
    optional: str = ""

    @property
    def actions(self) -> tuple[str, ...]:
        """Every IAM action that the call needs."""
        return (self.action, *self.also)

    @property
    def key(self) -> str:
        """The operation as evidence and package data name it: `backup:ListBackupPlans`."""
        return f"{self.service}:{self.name}"

    @property
    def is_required(self) -> bool:
        """Check whether a place in which it was not read to the end has a gap."""
        return not (self.per or self.optional)


def objects(answer: Mapping[str, Any] | None, key: str) -> Iterator[Mapping[str, Any]]:
    """Yield the objects of the list `key` of an answer; none when it is absent."""
    values = (answer or {}).get(key)
    for value in values if isinstance(values, list) else ():
        if isinstance(value, Mapping):
            yield value


def text(row: Mapping[str, Any], *path: str) -> str:
    """Return the string at `path`; empty when it is absent or no string."""
    node: object = row
    for key in path:
        node = node.get(key) if isinstance(node, Mapping) else None
    return node if isinstance(node, str) else ""


def texts(answers: Iterable[Mapping[str, Any]], key: str, name: str) -> tuple[str, ...]:
    """Return the field `name` of all objects in the list `key` of all pages, without duplicates."""
    values = (text(row, name) for answer in answers for row in objects(answer, key))
    return tuple(dict.fromkeys(value for value in values if value))


class Gaps:
    """The gaps of one shard, without duplicates, in the order in which they were noted."""

    def __init__(self) -> None:
        self._gaps: dict[Gap, None] = {}

    def note(self, gap: Gap | None) -> None:
        """Add a gap."""
        if gap is not None:
            self._gaps[gap] = None

    def reading(self, value: V, answer: Answer) -> Reading[V]:
        """Return `value`, which was read from `answer`; or the answer's gap, and note it."""
        return self.known_unless(answer.gap, value, answer.refs)

    def known_unless(self, gap: Gap | None, value: V, refs: tuple[EvidenceRef, ...] = ()) -> Reading[V]:
        """Return `value` as known, or the gap where there is one, and note it."""
        if gap is None:
            return Known(value, refs)
        self.note(gap)
        return Unread(gap)

    def all(self) -> tuple[Gap, ...]:
        """Return the gaps so far."""
        return tuple(self._gaps)


def rows(answers: Answers, name: str, key: str) -> Iterator[tuple[Shape, EvidenceRef]]:
    """Yield the rows under `key` of every page of every answer of an operation, filtered calls included."""
    for answer in answers.every(name):
        for page in answer.pages:
            for row in page.children(key):
                yield row, page.ref


def distinct(found: Iterable[tuple[Shape, EvidenceRef]], key: str) -> dict[str, tuple[Shape, EvidenceRef]]:
    """Return rows by their identity `key`, sorted; a row that AWS lists twice is the same row.

    BundleError where two rows of one identity differ: which of them is right is unknown.
    """
    by_key: dict[str, tuple[Shape, EvidenceRef]] = {}
    for row, ref in found:
        identity = row.need(key)
        first = by_key.setdefault(identity, (row, ref))[0]
        if first.data != row.data:
            raise row.contradicts(first, identity)
    return dict(sorted(by_key.items()))


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
