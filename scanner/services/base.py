"""Declarations of operations, and helpers for reading fields of answers.

During collection, an answer is a dictionary, and fields of an unexpected type are skipped (`objects`, `text`,
`texts`): the answer is recorded anyway, and reading the evidence reports the error. During parsing, an answer
is a `Shape` (`rows`), and missing data becomes a gap (`Gaps`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

from scanner.evidence.answers import Answer, Answers
from scanner.evidence.shape import Shape
from scanner.model.inventory import Size, SizeKind
from scanner.model.known import EvidenceRef, Gap, Known, Reading, Unread
from scanner.model.names import Shard, partition_of, plan_arn, rule_subject

V = TypeVar("V")

MIB: Final = 2**20
GIB: Final = 2**30


class CallScope(StrEnum):
    """The scope in which an operation is called once, unless `Operation.per` says otherwise."""

    SCAN = "scan"  # for the organization, in its management account
    ACCOUNT = "account"
    REGION = "account-Region"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of AWS that a scan calls.

    `service` is boto3's client name, `name` the API's own spelling. `action` is the IAM action that allows
    the call, whose name may differ (`s3:ListAllMyBuckets`), and `also` further required actions. `page` is
    the page size to request; 0: the default of AWS. `secrets` are response fields that are never recorded,
    like `Reservations[].Instances[].UserData`. `after` are the operations (`service:Operation`) whose answers
    supply the parameters: without them there is no call. `own` are response fields with ARNs or ids of the
    called account and Region. `same` pairs a parameter with the response field that repeats it under another
    name. `identity` are the fields that identify a row of a list. `closed` are nodes of the response in which
    a field unknown to botocore changes the meaning of the others. `evidence.identity` explains these four.

    `scope` and `per` say how often it is called: once in its scope, or once for each `per` (`vault`).
    `condition` restricts the calls (`account-Region that has ONTAP file systems`).

    A list that is called once in its scope is **required**: if it was not read to the end, the account-Region
    has a gap. `optional` is the reason why an operation is not required.
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
    identity: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    scope: CallScope = CallScope.REGION
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
        """Whether a gap is recorded where the list was not read to the end."""
        # What is listed once for each of something is a gap of that thing. A list with a `condition` is
        # required, unless another answer implies that it is empty (`catalogue.read_lists`).
        return not (self.per or self.optional)


def objects(answer: Mapping[str, Any] | None, key: str) -> Iterator[Mapping[str, Any]]:
    """Yield the objects in the list `key` of an answer, if there is one."""
    values = (answer or {}).get(key)
    for value in values if isinstance(values, list) else ():
        if isinstance(value, Mapping):
            yield value


def text(row: Mapping[str, Any], *path: str) -> str:
    """Return the string at `path`; empty if it is missing or not a string."""
    node: object = row
    for key in path:
        node = node.get(key) if isinstance(node, Mapping) else None
    return node if isinstance(node, str) else ""


def texts(answers: Iterable[Mapping[str, Any]], key: str, name: str) -> tuple[str, ...]:
    """Return the field `name` of all objects in the list `key` of all pages, without duplicates."""
    values = (text(row, name) for answer in answers for row in objects(answer, key))
    return tuple(dict.fromkeys(value for value in values if value))


def provisioned_size(row: Shape, key: str, unit: int) -> Known[Size] | None:
    """Return the allocated size in a field of `unit` bytes; None: it is not reported."""
    number = row.integer(key)
    return None if number is None else Known(Size(number * unit, SizeKind.PROVISIONED), (row.ref,))


def used_size(row: Shape, key: str) -> Known[Size] | None:
    """Return the stored size in a field of bytes; None: it is not reported."""
    number = row.integer(key)
    return None if number is None else Known(Size(number, SizeKind.USED), (row.ref,))


def total_size(sizes: Iterable[Known[Size] | None]) -> Known[Size] | None:
    """Return the sum of allocated sizes; None: one of them is missing, or there is none."""
    reported = []
    for size in sizes:
        # A sum of the others would look like the whole.
        if size is None:
            return None
        reported.append(size)
    if not reported:
        return None
    refs = tuple(dict.fromkeys(ref for size in reported for ref in size.refs))
    return Known(Size(sum(size.value.bytes for size in reported), SizeKind.PROVISIONED), refs)


class Gaps:
    """The gaps of one shard, without duplicates, in the order in which they were noted."""

    def __init__(self) -> None:
        # A dict as an ordered set: many values may lack the same read.
        self._gaps: dict[Gap, None] = {}

    def note(self, gap: Gap | None) -> None:
        """Add a gap."""
        if gap is not None:
            self._gaps[gap] = None

    def reading(self, value: V, answer: Answer) -> Reading[V]:
        """Return `value` as read from `answer`; if the answer has a gap, note it and return it instead."""
        return self.known_unless(answer.gap, value, answer.refs)

    def known_unless(self, gap: Gap | None, value: V, refs: tuple[EvidenceRef, ...] = ()) -> Reading[V]:
        """Return `value` as known; if there is a gap, note it and return it instead."""
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


def distinct(
    rows_with_refs: Iterable[tuple[Shape, EvidenceRef]], key: str
) -> dict[str, tuple[Shape, EvidenceRef]]:
    """Return rows by their identity `key`, sorted; a row that AWS lists twice counts once.

    Rows of one identity are equal: `evidence.answers` leaves out those that differ.
    """
    return dict(sorted({row.need(key): (row, ref) for row, ref in rows_with_refs}.items()))


def created_by_rule(row: Shape, shard: Shard) -> str | None:
    """Return the rule that created a recovery point or job (`PLAN_ARN#RULE_ID`); None: created on demand.

    All members of RecoveryPointCreator are optional. A plan id without an ARN means a plan of `shard`. If the
    plan or the rule is missing, that half of the result is empty.
    """
    created_by = row.child("CreatedBy")
    if created_by is None:
        return None
    plan, name = created_by.text("BackupPlanArn"), created_by.text("BackupPlanId")
    arn = plan or (plan_arn(partition_of(shard.region), shard, name) if name else "")
    return rule_subject(arn, created_by.text("BackupRuleId") or "")
