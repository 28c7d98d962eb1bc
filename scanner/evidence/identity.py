"""Check that an answer is about what was requested, and that no two rows of a list contradict each other.

A well-formed answer may be about something else: a cache, a proxy or a fault in AWS returned the policy of
another vault, or the list of another account; or a bundle was edited. Such an answer would decide about
the wrong resource. While collecting, it is a broken answer: it is requested again, and recorded as a failure
if it stays as it is. While reading evidence, it is a failed read, and so a gap.

The rules are package data (`identity.json`), generated from botocore's models and the declared operations:

- `echoes`: a member of the output that has the name of a parameter has its value (`BackupPlanId` of
  GetBackupPlan); an ARN whose name is that of a parameter that ends in Name or Id is of that name;
- `own`: an ARN or account id that an operation declares as its account's own is of the account, and of the
  Region;
- `lists`: a list that AWS always sends, if only an empty one, is there: an empty object is no empty list;
- `may_be_empty`: an answer has at least one member, except where an empty one means something;
- `closed`: no member unknown to the model is below a node where it changes the meaning of the others;
- `rows`: the members that identify a row. Two rows of one identity are equal: AWS may list a row on two
  pages, but which of two different ones is right is unknown.

Some answers have nothing to compare: the details of a bucket (GetBucketTagging, GetBucketVersioning,
GetBucketEncryption, GetBucketLocation), GetKeyPolicy, ListTargetsForPolicy, ListAccountsForParent and
ListOrganizationalUnitsForParent, DescribeRegionSettings, DescribeGlobalSettings, GetSupportedResourceTypes
and DescribeEffectivePolicy of the own account name neither what they are about nor their account. For these,
the request decides, as for any client of AWS.
"""

import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

import orjson

from scanner.evidence.shape import Shape
from scanner.model.names import AWS_GLOBAL, ORG, Shard, parse_arn

Path = tuple[str, ...]
"""The members that lead to a value; a member that ends in `[]` is a list."""

Members = Mapping[str, "Members | None"]
"""The known members of a node, with those of their own nodes."""

RowIdentity = tuple[str | None, ...]

ANY: Final = "*"
"""A member of any name: parsing does not drop it, whatever it is called."""

_ALIAS: Final = "alias/"


@dataclass(frozen=True, slots=True)
class Echo:
    """A member of the output that repeats a parameter. `agrees` compares the requested and the returned."""

    parameter: str
    path: Path
    agrees: Callable[[object, str], bool]


@dataclass(frozen=True, slots=True)
class IdentityRules:
    """The rules of one operation; see the module."""

    echoes: tuple[Echo, ...] = ()
    own: tuple[Path, ...] = ()
    lists: tuple[str, ...] = ()
    closed: tuple[tuple[Path, Members], ...] = ()
    may_be_empty: bool = False
    rows: Path = ()
    names: tuple[str, ...] = ()


_SHARED: Final = ("BackupVaultAccountId", "ByShared", "IncludeShared")
"""Parameters with which a call returns what other accounts share."""

_NO_RULES: Final = IdentityRules(may_be_empty=True)


def mismatch(operation: str, parameters: Mapping[str, Any], answer: Mapping[str, Any], shard: Shard) -> str:
    """Return a sentence about how an answer does not fit its request; empty: it fits.

    `operation`: `service:Operation`. `shard`: the account that the call was made for, and the Region that
    answered.
    """
    rules = identity_rules().get(operation, _NO_RULES)
    name = operation.partition(":")[2]
    if missing := next((member for member in rules.lists if answer.get(member) is None), ""):
        return f"{name} was answered without its list {missing}."
    if not answer and not rules.may_be_empty:
        return f"{name} was answered with an empty object."
    if returned := _of_another_request(rules, parameters, answer):
        return f"{name} was called for the {returned[0]} and answered for {returned[1]}."
    if is_of_shard(operation, parameters, answer, shard) is False:
        foreign = _foreign_name(rules, answer, shard)
        return f"{name} was answered with {foreign}, which is not of {_named(shard)}."
    if unknown := _unknown_member(rules, answer):
        return f"{name} was answered with {unknown}, which this version does not know."
    return ""


def is_of_shard(
    operation: str, parameters: Mapping[str, Any], answer: Mapping[str, Any], shard: Shard
) -> bool | None:
    """Return whether an answer is of the account and Region of a shard; None: it does not name both."""
    if any(parameters.get(name) for name in _SHARED):
        return None
    rules = identity_rules().get(operation, _NO_RULES)
    belongs = {_is_of(name, shard) for path in rules.own for name in _texts(answer, path)}
    # One foreign name is enough: no answer of AWS mixes accounts or
    # Regions, apart from shared vaults (above).
    return False if False in belongs else True if True in belongs else None


def _named(shard: Shard) -> str:
    return f"account {shard.account} in {shard.region}"


def _foreign_name(rules: IdentityRules, answer: Mapping[str, Any], shard: Shard) -> str:
    names = sorted(name for path in rules.own for name in _texts(answer, path))
    return next(name for name in names if _is_of(name, shard) is False)


def _of_another_request(
    rules: IdentityRules, parameters: Mapping[str, Any], answer: Mapping[str, Any]
) -> tuple[str, str] | None:
    """Return what was requested and what was returned, where a member does not repeat its parameter."""
    for echo in rules.echoes:
        if (requested := parameters.get(echo.parameter)) in (None, ""):
            continue
        # Sorted, so that every run has the same message.
        for returned in sorted(_texts(answer, echo.path)):
            if not echo.agrees(requested, returned):
                return f"{echo.parameter} {requested}", returned
    return None


def contradictions(operation: str, pages: Iterable[Shape]) -> Mapping[RowIdentity, tuple[Shape, Shape]]:
    """Return the pages of the first two rows that differ, by the identity that both have.

    `pages`: those of one call. Where another call describes a row again, the later call counts.
    """
    rules = identity_rules().get(operation, _NO_RULES)
    if not rules.rows or not _repeats(rules, pages := tuple(pages)):
        return {}
    first: dict[RowIdentity, tuple[Mapping[str, Any], Shape]] = {}
    different: dict[RowIdentity, tuple[Shape, Shape]] = {}
    for page in pages:
        for identity, row in _rows(rules, page.data):
            earlier, earlier_page = first.setdefault(identity, (row, page))
            if earlier != row:
                different.setdefault(identity, (earlier_page, page))
    return different


def without_rows(operation: str, page: Shape, identities: Container[RowIdentity]) -> Shape:
    """Return a page without the rows of some identities."""
    rules = identity_rules().get(operation, _NO_RULES)
    data = _pruned(page.data, rules.rows, lambda row: _identity(rules, row) in identities)
    return Shape(data, page.where, page.ref)


@cache
def identity_rules() -> Mapping[str, IdentityRules]:
    """Return the rules of each declared operation: package data, generated from botocore's models."""
    text = resources.files("scanner.evidence").joinpath("identity.json").read_bytes()
    return {operation: _parsed(entry) for operation, entry in orjson.loads(text).items()}


def _parsed(entry: Mapping[str, Any]) -> IdentityRules:
    identities = [_path(path) for path in entry.get("rows", ())]
    return IdentityRules(
        echoes=tuple(Echo(name, _path(path), _AGREES[kind]) for name, path, kind in entry.get("echoes", ())),
        own=tuple(map(_path, entry.get("own", ()))),
        lists=tuple(entry.get("lists", ())),
        closed=tuple((_path(path), members) for path, members in entry.get("closed", {}).items()),
        may_be_empty=bool(entry.get("may_be_empty")),
        rows=identities[0][:-1] if identities else (),
        names=tuple(path[-1] for path in identities),
    )


def _path(text: str) -> Path:
    return tuple(text.split("."))


def _is_of(returned: str, shard: Shard) -> bool | None:
    """Return whether an ARN or an account id is of a shard; None: it does not say.

    IAM and AWS Organizations have no Region in their ARNs, Amazon S3 no account either.
    """
    if not shard.account.isdecimal() or shard.region == ORG:  # the call that learns the account
        return None
    arn = parse_arn(returned)
    if arn is None:  # an account id; any other text is read as the malformed ARN that it is
        return False if returned.isdecimal() and returned != shard.account else None
    if arn.account not in ("", shard.account) or arn.region not in ("", shard.region):
        return False
    # Without a Region (IAM), an ARN only shows that the account's global services answered.
    return True if arn.region or shard.region == AWS_GLOBAL else None


def is_same(requested: object, returned: str) -> bool:
    """Return whether two names are one thing's: AWS takes an ARN where it returns a name, and the reverse."""
    text = str(requested)
    if _ALIAS in text:  # an alias of a key is answered with the key
        return True
    return returned == text or _ends(text, returned) or _ends(returned, text)


def _ends(arn: str, name: str) -> bool:
    return arn.startswith("arn:") and arn.endswith((f":{name}", f"/{name}"))


def _is_among(requested: object, returned: str) -> bool:
    # Only a list of names limits which names may be returned.
    return not isinstance(requested, list | tuple) or any(is_same(name, returned) for name in requested)


def _is_named(requested: object, returned: str) -> bool:
    """Return whether an ARN is of a name: AWS Backup appends a UUID to the names of some."""
    arn = parse_arn(returned)
    if arn is None:
        return True
    name = re.split("[:/]", arn.resource, maxsplit=1)[-1]
    return name == requested or name.startswith(f"{requested}-") or is_same(requested, returned)


_AGREES: Final[Mapping[str, Callable[[object, str], bool]]] = {
    "same": is_same,
    "among": _is_among,
    "named": _is_named,
}


def _texts(node: object, path: Path) -> set[str]:
    """Return the different texts at a path; an absent or empty one says nothing."""
    return {value for value in _nodes(node, path) if isinstance(value, str) and value}


def _nodes(node: object, path: Path) -> Iterator[object]:
    if not path:
        yield node
        return
    if not isinstance(node, Mapping):
        return
    step, rest = path[0], path[1:]
    if not step.endswith("[]"):
        yield from _nodes(node.get(step), rest)
        return
    rows = node.get(step[:-2])
    for row in rows if isinstance(rows, list) else ():
        yield from _nodes(row, rest)


def _unknown_member(rules: IdentityRules, answer: Mapping[str, Any]) -> str:
    for path, members in rules.closed:
        for node in _nodes(answer, path):
            if unknown := _foreign(node, members):
                return ".".join((*(step.removesuffix("[]") for step in path), unknown))
    return ""


def _foreign(node: object, members: Members | None) -> str:
    """Return the path of a member that is not among the known ones, anywhere below; empty: there is none."""
    if members is None:
        return ""
    if isinstance(node, list):
        return next(filter(None, (_foreign(row, members) for row in node)), "")
    for name, value in node.items() if isinstance(node, Mapping) else ():
        # Below a map, names are data and no members.
        if name not in members and ANY not in members:
            return str(name)
        if below := _foreign(value, members.get(name, members.get(ANY))):
            return f"{name}.{below}"
    return ""


def _identity(rules: IdentityRules, row: Mapping[str, Any]) -> RowIdentity:
    names = (row.get(name) for name in rules.names)
    return tuple(name if isinstance(name, str) else None for name in names)


def _rows(rules: IdentityRules, data: Mapping[str, Any]) -> Iterator[tuple[RowIdentity, Mapping[str, Any]]]:
    """Yield the rows with their identities, without those that name nothing: parsing refuses them."""
    for row in _nodes(data, rules.rows):
        if isinstance(row, Mapping) and row.get(rules.names[-1]) is not None:
            yield _identity(rules, row), row


def _repeats(rules: IdentityRules, pages: Iterable[Shape]) -> bool:
    """Check whether an identity may occur twice: hashes take less memory than the identities of all rows."""
    hashes: set[int] = set()
    count = 0
    for page in pages:
        for identity, _ in _rows(rules, page.data):
            hashes.add(hash(identity))
            count += 1
            # Different identities with one hash only cost the exact comparison.
            if len(hashes) < count:
                return True
    return False


def _pruned(node: Any, path: Path, is_removed: Callable[[Mapping[str, Any]], bool]) -> Any:  # noqa: ANN401 -- JSON
    """Return a copy of a node without the rows at a path of lists that `is_removed` returns true for."""
    name, rest = path[0].removesuffix("[]"), path[1:]
    rows = node.get(name) if isinstance(node, Mapping) else None
    if not isinstance(rows, list):
        return node
    if rest:
        return {**node, name: [_pruned(row, rest, is_removed) for row in rows]}
    return {**node, name: [row for row in rows if not (isinstance(row, Mapping) and is_removed(row))]}
