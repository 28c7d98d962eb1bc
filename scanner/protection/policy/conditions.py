"""Conditions evaluated for many requests at once: a clause holds for all of them, for some, or for none.

A question such as "may this account copy?" is about all requests that the account's principals could make.
The values that a key may have in these requests are its `Domain`. A clause then holds for all, some or none
of the requests, or is open: it cannot be decided.

Source: IAM User Guide, "Condition operators" and "Single-valued vs. multivalued context keys".
"""

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Literal

from scanner.protection.policy.context_keys import UNKNOWN, Domain
from scanner.protection.policy.document import MAX_TEXT, Clause
from scanner.protection.policy.match import (
    arn_covers,
    arn_overlaps,
    covers,
    has_wildcard,
    is_no_principal,
    overlaps,
)

# No policy that AWS accepts has a clause that needs more comparisons of values with cells.
_MAX_COMPARISONS = 200_000
Comparison = Callable[[str, str], bool | None]
_VARIABLE = "${"

# No real value has more; a longer one is left unresolved.
_MAX_VARIABLES = 8


class Reach(Enum):
    """How many of the requests in question something applies to."""

    ALL = "all"
    SOME = "some"  # certainly not all; which ones depends on the request or the principal
    OPEN = "open"  # it cannot be decided
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A reach, what limits it (as text), and the groups of keys that a SOME depends on."""

    reach: Reach
    because: str = ""
    groups: frozenset[str] = frozenset()


ALL = Verdict(Reach.ALL)
NONE = Verdict(Reach.NONE)


def evaluate_clause(clause: Clause, domain: Domain) -> Verdict:
    """Return how many of the requests fulfil one clause."""
    operator = operator_of(clause.operator)
    answer = None if operator is None else _holds(operator, clause, domain)
    if answer is not None:
        return ALL if answer else Verdict(Reach.NONE, f"the condition {shown(clause)} is not met")
    if domain.varies and operator is not None and not _has_variable(clause):
        because = f"the condition {shown(clause)} is met for some requests only"
        return Verdict(Reach.SOME, because, frozenset((domain.varies,)))
    return Verdict(Reach.OPEN, f"the condition {shown(clause)} cannot be evaluated")


def combined(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict of all parts together. Two SOMEs of one group may exclude each other: OPEN."""
    parts: list[Verdict] = []
    for verdict in verdicts:
        if verdict.reach is Reach.NONE:
            return verdict
        if verdict.reach is not Reach.ALL:
            parts.append(verdict)
    groups = frozenset[str]().union(*(part.groups for part in parts))
    because = " and ".join(dict.fromkeys(part.because for part in parts[:3]))
    if any(part.reach is Reach.OPEN for part in parts) or sum(len(part.groups) for part in parts) > len(
        groups
    ):
        return Verdict(Reach.OPEN, because, groups)
    return Verdict(Reach.SOME, because, groups) if parts else ALL


def evaluate_clauses(clauses: Iterable[Clause], domains: Mapping[str, Domain]) -> Verdict:
    """Return how many of the requests fulfil every clause of a statement."""
    return combined(
        evaluate_clause(resolved(clause, domains), domains.get(clause.key, UNKNOWN)) for clause in clauses
    )


def shown(clause: Clause) -> str:
    """Return the operator and key of a clause, for a reason."""
    return repr(f"{clause.operator} {clause.key}"[:100])[1:-1]


def negate(answer: bool | None) -> bool | None:  # noqa: FBT001 - a third value, no flag
    """Return NOT in three-valued logic."""
    return None if answer is None else not answer


def _has_variable(clause: Clause) -> bool:
    return not clause.literal and any("${" in value for value in clause.values)


# Condition operators compare one value of the policy with one cell of request values: True (each string of
# the cell matches), False (none does), None (some do, or it cannot be decided). A negated operator negates
# the comparison over all values of the clause.
#
# Source: IAM User Guide, "IAM JSON policy elements: Condition operators".
@dataclass(frozen=True, slots=True)
class Operator:
    """A parsed operator: `ForAnyValue:StringNotLikeIfExists` is any, StringLike, negated, if_exists."""

    quantifier: Literal["", "any", "all"]
    compare: Comparison | None
    negated: bool
    if_exists: bool

    @property
    def is_null(self) -> bool:
        """Whether this is the Null operator, which checks for the key and compares no value."""
        return self.compare is None


def _holds(operator: Operator, clause: Clause, domain: Domain) -> bool | None:
    """Return True if the clause holds for all requests, False if for none, else None."""
    if not clause.values:
        return None
    cases = []
    if domain.present is not True:
        cases.append(_holds_without_key(operator, clause))
    if domain.present is not False:
        cases.append(_holds_with_key(operator, clause, domain.members))
    return cases[0] if all(case is cases[0] for case in cases) else None


def _holds_without_key(operator: Operator, clause: Clause) -> bool | None:
    """Return whether the clause holds if the request does not have the key."""
    if operator.is_null:
        return _any_of(_flag(value) for value in clause.values)
    if operator.quantifier == "any":
        # True by IfExists, False by ForAnyValue; AWS does not document which one wins.
        return None if operator.if_exists else False
    return operator.quantifier == "all" or operator.if_exists or operator.negated


def _holds_with_key(operator: Operator, clause: Clause, members: tuple[tuple[str, ...], ...]) -> bool | None:
    if operator.compare is None:
        return _any_of(negate(_flag(value)) for value in clause.values)
    if sum(len(cells) for cells in members) * len(clause.values) > _MAX_COMPARISONS:
        return None
    if len(members) != 1 and not operator.quantifier:
        return None  # several values without a set operator: not documented
    answers = (_value_holds(operator, operator.compare, cells, clause) for cells in members)
    return _all_of(answers) if operator.quantifier == "all" else _any_of(answers)


def _value_holds(operator: Operator, how: Comparison, cells: tuple[str, ...], clause: Clause) -> bool | None:
    """Compare one value of the request, which is in one of the cells, with the values of the policy."""
    answers = {
        _any_of(compare(how, cell, value, literal=clause.literal) for value in clause.values)
        for cell in cells
    }
    answer = answers.pop() if len(answers) == 1 else None
    return negate(answer) if operator.negated else answer


def _flag(value: str) -> bool | None:
    return {"true": True, "false": False}.get(value.lower())


def _any_of(answers: Iterable[bool | None]) -> bool | None:
    unknown = False
    for answer in answers:
        if answer:
            return True
        unknown = unknown or answer is None
    return None if unknown else False


def _all_of(answers: Iterable[bool | None]) -> bool | None:
    return negate(_any_of(negate(answer) for answer in answers))


def _equals(cell: str, value: str) -> bool | None:
    if not has_wildcard(cell):
        return cell == value
    # The value is literal: a `*` in it is a character, which only a `*` of the cell can match.
    return None if covers(cell, value) and not is_no_principal(value) else False


def _equals_ignore_case(cell: str, value: str) -> bool | None:
    return _equals(cell.lower(), value.lower())


def _like(cell: str, value: str) -> bool | None:
    if covers(value, cell):
        return True
    return None if overlaps(value, cell) else False


def _arn_like(cell: str, value: str) -> bool | None:
    if arn_covers(value, cell):
        return True
    return None if arn_overlaps(value, cell) is not False else False


def _number(first: str, second: str) -> Decimal | None:
    try:
        return Decimal(first) - Decimal(second)
    except ArithmeticError:  # the base class of decimal's exceptions
        return None


def _moment(text: str) -> Decimal:
    """Parse an ISO 8601 date or a count of seconds to seconds since 1970. Raise ValueError for other text."""
    if text.replace(".", "", 1).isdigit() and text.isascii():
        return Decimal(text)
    moment = datetime.fromisoformat(text)
    return Decimal(str((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()))


def _date(first: str, second: str) -> Decimal | None:
    try:
        return _moment(first) - _moment(second)
    except (ValueError, OverflowError):
        return None


def _ordered(
    difference: Callable[[str, str], Decimal | None], wanted: Callable[[Decimal], bool]
) -> Comparison:
    def compare(cell: str, value: str) -> bool | None:
        result = difference(cell, value)
        return None if result is None or not result.is_finite() else wanted(result)

    return compare


def _address(cell: str, value: str) -> bool | None:
    try:
        address, network = ipaddress.ip_address(cell), ipaddress.ip_network(value, strict=False)
    except ValueError:
        return None
    return address in network


_ORDERS: dict[str, Callable[[Decimal], bool]] = {
    "equals": lambda sign: sign == 0,
    "lessthan": lambda sign: sign < 0,
    "lessthanequals": lambda sign: sign <= 0,
    "greaterthan": lambda sign: sign > 0,
    "greaterthanequals": lambda sign: sign >= 0,
}


def compare(how: Comparison, cell: str, value: str, *, literal: bool = False) -> bool | None:
    """Compare one value with one cell; None for policy variables and for texts that are too long."""
    if ("${" in value and not literal) or len(value) > MAX_TEXT:
        return None
    return how(cell, value)


_COMPARISONS: dict[str, Comparison] = {
    "stringequals": _equals,
    "stringequalsignorecase": _equals_ignore_case,
    "stringlike": _like,
    # Documented to behave the same: both accept wildcards.
    "arnequals": _arn_like,
    "arnlike": _arn_like,
    "bool": _equals_ignore_case,
    "binaryequals": _equals,
    "ipaddress": _address,
    **{f"numeric{name}": _ordered(_number, wanted) for name, wanted in _ORDERS.items()},
    **{f"date{name}": _ordered(_date, wanted) for name, wanted in _ORDERS.items()},
}
_NEGATIONS = {
    "stringnotequals": "stringequals",
    "stringnotequalsignorecase": "stringequalsignorecase",
    "stringnotlike": "stringlike",
    "arnnotequals": "arnequals",
    "arnnotlike": "arnlike",
    "numericnotequals": "numericequals",
    "datenotequals": "dateequals",
    "notipaddress": "ipaddress",
}
_QUANTIFIERS: dict[str, Literal["any", "all"]] = {"foranyvalue:": "any", "forallvalues:": "all"}


@lru_cache(maxsize=256)
def operator_of(name: str) -> Operator | None:
    """Parse the name of a condition operator; None: there is no such operator."""
    rest = name.lower()
    quantifier: Literal["", "any", "all"] = ""
    for prefix, meaning in _QUANTIFIERS.items():
        if rest.startswith(prefix):
            quantifier, rest = meaning, rest.removeprefix(prefix)
    if rest == "null":
        return Operator("", None, negated=False, if_exists=False) if not quantifier else None
    if_exists = rest.endswith("ifexists")
    rest = rest.removesuffix("ifexists")
    compare = _COMPARISONS.get(_NEGATIONS.get(rest, rest))
    return Operator(quantifier, compare, rest in _NEGATIONS, if_exists) if compare else None


# Policy variables: `${aws:PrincipalAccount}` in a condition, replaced where its value is known.
#
# Only documents of Version 2012-10-17 have them; in older ones, and in those without a Version, `${...}` is
# literal text. Source: IAM User Guide, "Policy variables", "Version".
def resolved(clause: Clause, domains: Mapping[str, Domain]) -> Clause:
    """Return the clause with every variable replaced whose single value is known."""
    if clause.literal or not any(_VARIABLE in value for value in clause.values):
        return clause
    return replace(clause, values=tuple(_with_variables(value, domains) for value in clause.values))


def _with_variables(value: str, domains: Mapping[str, Domain]) -> str:
    """Replace each variable by its value; a variable without one known value stays as it is."""
    if value.count(_VARIABLE) > _MAX_VARIABLES:
        return value
    head, *rest = value.split(_VARIABLE)
    parts = [head]
    for piece in rest:
        name, closing, tail = piece.partition("}")
        resolved_value = _value(domains.get(name.strip().lower())) if closing else None
        parts.append(f"{_VARIABLE}{piece}" if resolved_value is None else resolved_value + tail)
    return "".join(parts)


def _value(domain: Domain | None) -> str | None:
    if domain is None or domain.present is not True or len(domain.members) != 1:
        return None
    cells = domain.members[0]
    return cells[0] if len(cells) == 1 and not has_wildcard(cells[0]) else None
