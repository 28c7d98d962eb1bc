"""All services of this folder, and what follows from the operations that they declare.

Nothing is registered by hand: a file with `OPERATIONS` is a service, and each list among them is required in
every account-Region unless it is marked as optional.
"""

import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Final

from scanner import services
from scanner.evidence.answers import Answer, Answers
from scanner.model.inventory import Resource
from scanner.model.known import GapKind, Known, Reading, Unread
from scanner.services.base import CallScope, Gaps, Operation
from scanner.services.caller import Read
from scanner.services.sources import Sources
from scanner.services.supported import unsupported_list

Lists = Mapping[str, Reading[None]]
"""By list operation (`ec2:DescribeVolumes`), whether it was read to the end."""


@dataclass(frozen=True, slots=True)
class Service:
    """One file of this folder. `name` is boto3's client name; several files may share one.

    `collect` runs in every account and Region, `collect_account` once per account; `parse` yields resources.
    `implied_list` returns what other answers imply about a list that was not called.
    """

    name: str
    operations: tuple[Operation, ...]
    collect: Read | None
    collect_account: Read | None
    parse: Callable[[Sources], Iterable[Resource]] | None
    implied_list: Callable[[str, Answers, Lists], Reading[None] | None] | None


def _services() -> Iterator[Service]:
    """Yield the services in the order of their file names, which is also the order of the calls."""
    for info in pkgutil.walk_packages(services.__path__, f"{services.__name__}."):
        # Importing itself would start the search again before SERVICES exists.
        if info.name == __name__:
            continue
        module = import_module(info.name)
        if (operations := getattr(module, "OPERATIONS", None)) is not None:
            yield Service(
                name=operations[0].service,
                operations=operations,
                collect=getattr(module, "collect", None),
                collect_account=getattr(module, "collect_account", None),
                parse=getattr(module, "parse", None),
                implied_list=getattr(module, "implied_list", None),
            )


SERVICES: Final = tuple(_services())

OPERATIONS: Final[Mapping[str, Operation]] = {
    operation.key: operation for service in SERVICES for operation in service.operations
}
"""The operations that a scan may call, by `service:Operation`.

The IAM policy and the hook allow no others.
"""


def required_lists(operations: Iterable[Operation], scope: CallScope) -> tuple[str, ...]:
    """Return the operations that each shard (or account) must have read to the end, sorted."""
    return tuple(
        sorted(
            operation.key for operation in operations if operation.scope is scope and operation.is_required
        )
    )


SHARD_LISTS: Final = required_lists(OPERATIONS.values(), CallScope.REGION)
ACCOUNT_LISTS: Final = required_lists(OPERATIONS.values(), CallScope.ACCOUNT)
"""Lists that are read once per account; their gaps are gaps of each of its Regions."""


def samples(scope: CallScope) -> tuple[str, ...]:
    """Return an operation of each service that is called in a scope: the first that needs no parameter."""
    first: dict[str, str] = {}
    for key, operation in OPERATIONS.items():
        if operation.scope is scope and not operation.per and not operation.condition:
            first.setdefault(operation.service, key)
    return tuple(first.values())


def iam_actions(operation: str) -> tuple[str, ...]:
    """Return the IAM actions that allow `service:Operation`, also of one that only other programs call."""
    if operation in OPERATIONS:
        return OPERATIONS[operation].actions
    if operation in _UNDECLARED:
        return _UNDECLARED[operation]
    # An operation that only other programs call: its action has the prefix of the service's other actions.
    service, _, name = operation.partition(":")
    prefix = next(
        (
            declared.action.partition(":")[0]
            for declared in OPERATIONS.values()
            if declared.service == service
        ),
        service,
    )
    return (f"{prefix}:{name}",)


_UNDECLARED: Final = {"s3:HeadBucket": ("s3:ListBucket",)}
"""Operations that other programs record, and whose IAM action has another name."""


def with_parents(operations: Iterable[str]) -> frozenset[str]:
    """Return the operations that a scan calls, and all on whose answers their calls depend."""
    required: set[str] = set()
    waiting = [name for name in operations if name in OPERATIONS]
    while waiting:
        name = waiting.pop()
        if name not in required:
            required.add(name)
            waiting += OPERATIONS[name].after
    return frozenset(required)


_IMPLIED: Final = {
    operation.key: service.implied_list
    for service in SERVICES
    for operation in service.operations
    if service.implied_list is not None
}


def read_lists(answers: Answers, names: Iterable[str], gaps: Gaps) -> Lists:
    """Return for each list whether it was read to the end, and note a gap where it was not.

    A list that was never called counts as read if another answer shows that it is empty. A refused call is
    always a gap.
    """
    lists = {name: _read_list(answers, name) for name in names}
    for name, reading in lists.items():
        if isinstance(reading, Unread) and not answers.every(name):
            # Only lists that were never called: a refusal says nothing about what the list contains.
            lists[name] = _implied_list(answers, name, lists) or reading
    for reading in lists.values():
        if isinstance(reading, Unread):
            gaps.note(reading.gap)
    return lists


def _implied_list(answers: Answers, name: str, lists: Lists) -> Reading[None] | None:
    """Return what other answers imply about a list that was never called; None: nothing."""
    if (reading := unsupported_list(answers, name.partition(":")[0])) is not None:
        return reading
    implied_list = _IMPLIED.get(name)
    return implied_list(name, answers, lists) if implied_list is not None else None


def _read_list(answers: Answers, name: str) -> Reading[None]:
    # Other programs may record filtered calls, which do not show that anything is absent.
    unfiltered = [answer for answer in answers.every(name) if is_unfiltered(answer)]
    # One complete call is enough: a later one may have repeated it after a failure.
    for answer in unfiltered:
        if answer.gap is None:
            return Known(None, answer.refs)
    gap = unfiltered[0].gap if unfiltered else None
    return Unread(gap or answers.gap(name, "", GapKind.NEVER_ASKED))


def is_unfiltered(answer: Answer) -> bool:
    """Return whether a list was called without a filter; a filtered one does not show everything."""
    return not any(
        value not in _EMPTY and key not in _WIDENING and key not in _PAGING
        for key, value in answer.parameters.items()
    )


_WIDENING: Final = {"IncludeDeleted", "IncludeShared", "MaxBuckets", "ByShared", "include"}
"""Parameters that do not hide the account's own resources from a list."""

_EMPTY: Final[tuple[object, ...]] = (None, False, "", [], {})
"""Parameter values that do not filter, as if the parameter was omitted (`DryRun`: false)."""

_PAGING: Final = {
    "ContinuationToken",
    "ExclusiveStartTableName",
    "Limit",
    "Marker",
    "MaxItems",
    "MaxRecords",
    "MaxResults",
    "NextToken",
    "maxResults",
    "nextToken",
}
