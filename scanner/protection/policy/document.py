"""Policy documents, parsed into frozen statements, and the results of the questions about them.

Parsing never raises: a document that AWS would not accept, or that was tampered with, becomes a `Document`
with `readable = False`, and every question about it is answered "unknown".

Source: IAM User Guide, "Grammar of the IAM JSON policy language".
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NoReturn

from scanner.model.text import mended_json
from scanner.protection.policy.match import arn_part, has_wildcard, is_account_id

# An ARN has at most 2,048 characters; nothing that a policy compares with is longer.
MAX_TEXT = 2048

_STATEMENT_KEYS = frozenset(
    (
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    )
)
_VERSION, _OLD_VERSION = "2012-10-17", "2008-10-17"
_DOCUMENT_KEYS = frozenset(("Version", "Id", "Statement"))
_PRINCIPAL_ARNS = ("role/", "user/", "assumed-role/", "federated-user/")


class _UnreadableError(Exception):
    """The document is unreadable; never leaves this module."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One entry of a Condition block: operator, key (lower case) and values, of which one must match.

    `literal`: the document's Version has no policy variables, so `${...}` is plain text.
    """

    operator: str
    key: str
    values: tuple[str, ...]
    literal: bool = False


@dataclass(frozen=True, slots=True)
class Principals:
    """A Principal or NotPrincipal element, sorted by kind.

    `everyone`: it contains a bare `*`. `accounts`: the ids of whole accounts (root ARN or bare id). `arns`:
    users, roles and sessions. `services`: service principals. `opaque`: principals whose account the text
    does not name: federated identities, canonical users, unique ids (`AROA…`), ARNs with wildcards.
    """

    everyone: bool
    accounts: frozenset[str]
    arns: tuple[str, ...]
    services: frozenset[str]
    opaque: tuple[str, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class Patterns:
    """An Action or Resource element (`negated` for NotAction, NotResource; `literal` as in `Clause`)."""

    patterns: tuple[str, ...]
    negated: bool
    literal: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. `index` counts from 1; actions are in lower case."""

    index: int
    sid: str
    allow: bool
    principals: Principals
    actions: Patterns
    resources: Patterns
    clauses: tuple[Clause, ...]

    @property
    def label(self) -> str:
        """The name of the statement for a reader: its number, and its Sid if it has one."""
        return f"statement {self.index}" + (f" ({_shown(self.sid)})" if self.sid else "")

    @property
    def weight(self) -> int:
        """About how many texts each request is compared with."""
        named = len(self.principals.arns) + len(self.principals.opaque)
        patterns = len(self.actions.patterns) + len(self.resources.patterns)
        return 1 + named + patterns + sum(len(clause.values) for clause in self.clauses)


@dataclass(frozen=True, slots=True)
class Document:
    """A policy: without statements if there is none, with a problem if it cannot be read."""

    statements: tuple[Statement, ...] = ()
    problem: str = ""
    exists: bool = field(default=True)

    @property
    def readable(self) -> bool:
        """Whether the policy was parsed in full."""
        return not self.problem


def parse(text: object) -> Document:
    """Parse a policy document: JSON text, or parsed JSON; None: there is no policy.

    Never raises. What is refused here (unknown elements, both Action and NotAction, a duplicate name …), AWS
    refuses too, so such a document is not interpreted: it is unreadable, with the reason.
    """
    if text is None:
        return Document(exists=False)
    return _parsed_text(text) if isinstance(text, str) else _parsed(text)


@lru_cache(maxsize=256)
def _parsed_text(text: str) -> Document:
    """Parse a text once: most vaults and keys of an account share one policy text."""
    return _parsed(text)


def _parsed(text: object) -> Document:
    try:
        return Document(_statements(_decoded(text)))
    except _UnreadableError as problem:
        return Document(problem=str(problem))
    except RecursionError:
        return Document(problem="it is nested too deeply")
    except ValueError as problem:
        return Document(problem=f"it is not valid JSON: {_shown(str(problem))}")


def _decoded(text: object) -> object:
    if not isinstance(text, str):
        return text
    return json.loads(
        mended_json(text), object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant
    )


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _UnreadableError("a name occurs twice in one object")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise _UnreadableError(f"{name} is not a JSON value")


def _statements(document: object) -> tuple[Statement, ...]:
    if not isinstance(document, Mapping):
        raise _UnreadableError("it is not a JSON object")
    _refuse_unknown(document, _DOCUMENT_KEYS, "the document")
    if "Statement" not in document:
        raise _UnreadableError("it has no Statement")
    literal = _version(document) == _OLD_VERSION
    statement = document["Statement"]
    entries = statement if isinstance(statement, list | tuple) else [statement]
    return tuple(_statement(index, entry, literal=literal) for index, entry in enumerate(entries, start=1))


def _version(document: Mapping[object, object]) -> str:
    """Return the Version; without one, the older version applies (IAM User Guide, "Version")."""
    version = document.get("Version", _OLD_VERSION)
    if version not in (_OLD_VERSION, _VERSION):
        raise _UnreadableError(f"it has an unknown Version {_shown(version)}")
    return str(version)


def _statement(index: int, entry: object, *, literal: bool) -> Statement:
    place = f"statement {index}"
    if not isinstance(entry, Mapping):
        raise _UnreadableError(f"{place} is not an object")
    _refuse_unknown(entry, _STATEMENT_KEYS, place)
    effect, sid = entry.get("Effect"), entry.get("Sid", "")
    if effect not in ("Allow", "Deny"):
        raise _UnreadableError(f"{place} has no Effect of Allow or Deny")
    if not isinstance(sid, str):
        raise _UnreadableError(f"{place} has a Sid that is not a string")
    name, value = _either(entry, "Principal", "NotPrincipal", place)
    return Statement(
        index=index,
        sid=sid,
        allow=effect == "Allow",
        principals=_principals(value, place, negated=name.startswith("Not")),
        actions=_patterns(entry, "Action", place),
        resources=_resources(entry, place, literal=literal),
        clauses=tuple(_clauses(entry.get("Condition", {}), place, literal=literal)),
    )


def _refuse_unknown(entry: Mapping[object, object], allowed: frozenset[str], place: str) -> None:
    for key in entry:
        if key not in allowed:
            raise _UnreadableError(f"{place} has an unknown element {_shown(key)}")


def _either(entry: Mapping[object, object], name: str, negated: str, place: str) -> tuple[str, object]:
    if (name in entry) == (negated in entry):
        raise _UnreadableError(f"{place} must have either {name} or {negated}")
    return (name, entry[name]) if name in entry else (negated, entry[negated])


def _patterns(entry: Mapping[object, object], name: str, place: str, *, literal: bool = False) -> Patterns:
    element, value = _either(entry, name, f"Not{name}", place)
    texts = tuple(_single_stars(text) for text in _texts(value, f"{element} of {place}"))
    cased = tuple(text.lower() for text in texts) if name == "Action" else texts
    return Patterns(cased, element != name, literal)


def _resources(entry: Mapping[object, object], place: str, *, literal: bool) -> Patterns:
    if "Resource" not in entry and "NotResource" not in entry:
        return Patterns(("*",), negated=False)  # a trust policy, which is about its own role
    return _patterns(entry, "Resource", place, literal=literal)


def _texts(value: object, place: str) -> tuple[str, ...]:
    entries = value if isinstance(value, list | tuple) else (value,)
    if not entries:
        raise _UnreadableError(f"{place} is empty")
    return tuple(_text(entry, place) for entry in entries)


def _text(entry: object, place: str) -> str:
    if not isinstance(entry, str):
        raise _UnreadableError(f"{place} contains something that is not a string")
    if len(entry) > MAX_TEXT:
        raise _UnreadableError(f"{place} contains a string of more than {MAX_TEXT} characters")
    return entry


def _single_stars(text: str) -> str:
    """Replace `**` by `*`, which means the same and is cheaper to match."""
    while "**" in text:
        text = text.replace("**", "*")
    return text


def _principals(value: object, place: str, *, negated: bool) -> Principals:
    kinds = {"AWS": value} if value == "*" else value
    if not isinstance(kinds, Mapping) or not kinds:
        raise _UnreadableError(f"{place} has a principal that is neither * nor an object")
    named = {str(kind): _texts(entries, f"{_shown(kind)} of {place}") for kind, entries in kinds.items()}
    accounts, arns, opaque = _aws_principals(named.pop("AWS", ()))
    return Principals(
        everyone=value == "*" or "*" in opaque,
        accounts=frozenset(accounts),
        arns=tuple(arns),
        services=frozenset(named.pop("Service", ())),
        opaque=(*(text for text in opaque if text != "*"), *_flat(named.values())),
        negated=negated,
    )


def _aws_principals(texts: Iterable[str]) -> tuple[list[str], list[str], list[str]]:
    accounts: list[str] = []
    arns: list[str] = []
    opaque: list[str] = []
    for text in texts:
        account, rest = arn_part(text, 4), arn_part(text, 5)
        if is_account_id(text):
            accounts.append(text)
        elif is_account_id(account) and rest == "root":
            accounts.append(account)
        elif is_account_id(account) and rest.startswith(_PRINCIPAL_ARNS) and not has_wildcard(text):
            arns.append(text)
        else:
            opaque.append(text)
    return accounts, arns, opaque


def _flat(lists: Iterable[tuple[str, ...]]) -> list[str]:
    return [text for texts in lists for text in texts]


def _clauses(block: object, place: str, *, literal: bool) -> Iterable[Clause]:
    if not isinstance(block, Mapping):
        raise _UnreadableError(f"{place} has a Condition that is not an object")
    for operator, keys in block.items():
        if not isinstance(keys, Mapping):
            raise _UnreadableError(f"{place} has a condition {_shown(operator)} that is not an object")
        for key, value in keys.items():
            yield Clause(str(operator), str(key).lower(), _condition_values(value, place), literal)


def _condition_values(value: object, place: str) -> tuple[str, ...]:
    entries = value if isinstance(value, list | tuple) else (value,)
    return tuple(_condition_value(entry, place) for entry in entries)


def _condition_value(entry: object, place: str) -> str:
    """Return the value as text: a condition may also contain bare booleans and numbers."""
    if isinstance(entry, bool):
        return "true" if entry else "false"
    if isinstance(entry, int | float):
        return repr(entry)
    if not isinstance(entry, str):
        raise _UnreadableError(f"{place} has a condition value that is not a string")
    return entry


def _shown(text: object) -> str:
    """Return untrusted text for a message: short and without control characters."""
    shown = repr(str(text)[:80])
    return shown[1:-1]


@dataclass(frozen=True, slots=True)
class Denial:
    """Whether an action is denied to all principals except some.

    `exceptions` are the ARN patterns (`*` and `?` are wildcards) of the principals to which no Deny applies;
    None is an exception whose ARN is not known (by aws:userid, a tag …). They are complete if `denied` is
    True, and empty otherwise.
    """

    denied: bool | None
    exceptions: tuple[str | None, ...]
    because: str


@dataclass(frozen=True, slots=True)
class ExternalPrincipals:
    """Whether a policy admits principals outside the organisation, and which.

    `who` contains ARNs, account ids, `organization o-...` and `anybody`; it ends with None if others may be
    admitted too. It is empty if there are none.
    """

    admitted: bool | None
    who: tuple[str | None, ...]
    because: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """Principals that may or may not be allowed, and the clause that cannot be evaluated."""

    principals: str
    because: str


@dataclass(frozen=True, slots=True)
class Admission:
    """Who can do an action by a policy.

    `allowed` are patterns of principals: an account's root ARN is the whole account, `*` everyone, and
    `o-.../*` all accounts of an organisation. `excepted` are principals that are not allowed although a
    pattern of `allowed` matches them. `undecided`: not known. All other principals are not allowed.
    `complete` is False if the policy could not be read or evaluated in full, and `because` says why.
    """

    allowed: tuple[str, ...]
    excepted: tuple[str, ...]
    undecided: tuple[Undecided, ...]
    complete: bool
    because: str = ""
