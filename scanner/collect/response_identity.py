"""Check that an answer is about what was requested.

A well-formed answer may be about something else: a cache, a proxy or a fault in AWS returned the policy of
another vault, or the list of another account. Such an answer would decide about the wrong resource, so it is
compared with the request before it is recorded. What does not fit is a broken answer: it is requested again,
and recorded as a failure if it stays as it is.

Three comparisons, the first two derived from the models of botocore:

- a member of the output that has the name of a parameter has its value (`BackupPlanId` of GetBackupPlan);
- an ARN whose name is that of a parameter that ends in Name or Id is of that name (`BackupVaultArn`);
- an ARN or account id that an operation declares as its account's `own` is of the account, and of the Region.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from botocore.model import ListShape, OperationModel, Shape, StructureShape

from scanner.collect.retry import BrokenAnswerError
from scanner.evidence.answers import pagination
from scanner.model.names import Shard, parse_arn
from scanner.services.base import Operation

Path = tuple[str, ...]
"""The members that lead to a value; a member that ends in `[]` is a list."""

_ALIAS: Final = "alias/"
_NAMING: Final = ("Name", "Id")


@dataclass(frozen=True, slots=True)
class _Echo:
    """A member of the output that repeats a parameter. `agrees` compares the requested and the returned."""

    parameter: str
    path: Path
    agrees: Callable[[object, str], bool]


def check_identity(
    model: OperationModel,
    operation: Operation,
    parameters: Mapping[str, Any],
    answer: Mapping[str, Any],
    shard: Shard,
) -> None:
    """Raise BrokenAnswerError for an answer about something other than `parameters`, or another account's.

    `shard`: the account that the call was made for, and the Region that answered.
    """
    for echo in _echoes(model, operation.same):
        if (requested := parameters.get(echo.parameter)) in (None, ""):
            continue
        for returned in _values(answer, echo.path):
            if not echo.agrees(requested, returned):
                raise BrokenAnswerError(
                    f"{operation.name} was called for the {echo.parameter} {requested} "
                    f"and answered for {returned}."
                )
    for path in operation.own:
        for returned in _values(answer, _path(path)):
            if not _is_of(returned, shard):
                raise BrokenAnswerError(
                    f"{operation.name} was answered with {returned}, which is not of account {shard.account} "
                    f"in {shard.region}."
                )


def _is_of(returned: str, shard: Shard) -> bool:
    if not shard.account.isdecimal():  # the call that learns the account
        return True
    arn = parse_arn(returned)
    if arn is None:  # an account id; any other text is read as the malformed ARN that it is
        return returned == shard.account or not returned.isdecimal()
    # IAM and AWS Organizations have no Region in their ARNs, Amazon S3 no account either.
    return arn.account in ("", shard.account) and arn.region in ("", shard.region)


@lru_cache(maxsize=512)
def _echoes(model: OperationModel, same: tuple[tuple[str, str], ...]) -> tuple[_Echo, ...]:
    """Derive which members of an operation's output repeat which of its parameters."""
    if model.input_shape is None or model.output_shape is None:
        return ()
    inputs = model.input_shape.members
    paging = pagination().get(f"{model.service_model.service_name}:{model.name}")
    tokens = {paging.input, paging.output} if paging else set()
    echoes = [_Echo(parameter, _path(path), _is_same) for parameter, path in same]
    for path, shape in _texts(model.output_shape):
        member = path[-1].removesuffix("[]")
        if shape.type_name != "string" or member in tokens:
            continue
        if member in inputs and inputs[member].type_name == "string":
            echoes.append(_Echo(member, path, _is_same))
        elif f"{member}s" in inputs and inputs[f"{member}s"].type_name == "list":
            echoes.append(_Echo(f"{member}s", path, _is_among))
        elif member.endswith("Arn"):
            echoes += [
                _Echo(member[:-3] + ending, path, _is_named)
                for ending in _NAMING
                if member[:-3] + ending in inputs
            ]
    return tuple(echoes)


def _texts(shape: Shape) -> Iterator[tuple[Path, Shape]]:
    """Yield the members of an output, of its structures and of the rows of its lists: no deeper ones."""
    for name, member in _members(shape):
        inner: Shape = member.member if isinstance(member, ListShape) else member
        step = name if inner is member else f"{name}[]"
        if isinstance(inner, StructureShape):
            yield from (((step, detail), value) for detail, value in _members(inner))
        else:
            yield (step,), inner


def _members(shape: Shape) -> Iterator[tuple[str, Shape]]:
    if isinstance(shape, StructureShape):
        yield from shape.members.items()


def _is_same(requested: object, returned: str) -> bool:
    """Return whether two names are one thing's: AWS takes an ARN where it returns a name, and the reverse."""
    text = str(requested)
    if _ALIAS in text:  # an alias of a key is answered with the key
        return True
    return returned == text or _ends(text, returned) or _ends(returned, text)


def _ends(arn: str, name: str) -> bool:
    return arn.startswith("arn:") and arn.endswith((f":{name}", f"/{name}"))


def _is_among(requested: object, returned: str) -> bool:
    return not isinstance(requested, list | tuple) or any(_is_same(name, returned) for name in requested)


def _is_named(requested: object, returned: str) -> bool:
    """Return whether an ARN is of a name: AWS Backup appends a UUID to the names of some."""
    arn = parse_arn(returned)
    if arn is None:
        return True
    name = re.split("[:/]", arn.resource, maxsplit=1)[-1]
    return name == requested or name.startswith(f"{requested}-") or _is_same(requested, returned)


def _path(text: str) -> Path:
    return tuple(text.split("."))


def _values(node: object, path: Path) -> Iterator[str]:
    """Yield the texts at a path; an absent or empty one says nothing."""
    if not path:
        if isinstance(node, str) and node:
            yield node
        return
    if not isinstance(node, Mapping):
        return
    step, rest = path[0], path[1:]
    if step.endswith("[]"):
        for row in node.get(step[:-2]) or ():
            yield from _values(row, rest)
    else:
        yield from _values(node.get(step), rest)
