"""Condition operators: how one value of the policy compares with one cell of request values.

Every comparison has three answers: True (each string of the cell compares), False (none does), None
(some do, or it cannot be told). Negated operators are the negation of the comparison over all the
values of the clause, which `conditions` does.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators".
"""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from scanner.protection.policy.document import MAX_TEXT
from scanner.protection.policy.match import (
    arn_covers,
    arn_overlaps,
    covers,
    has_wildcard,
    is_no_principal,
    overlaps,
)

Comparison = Callable[[str, str], bool | None]


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator taken apart: `ForAnyValue:StringNotLikeIfExists` is any, StringLike, negated, if_exists."""

    quantifier: Literal["", "any", "all"]
    compare: Comparison | None
    negated: bool
    if_exists: bool

    @property
    def is_null(self) -> bool:
        """Whether this is the Null operator, which asks for presence and compares nothing."""
        return self.compare is None


def _equals(cell: str, value: str) -> bool | None:
    if not has_wildcard(cell):
        return cell == value
    # The value is meant literally: a star of it is a star, which only a star of the cell can stand for.
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
    except ArithmeticError:  # of which decimal's exceptions are a kind
        return None


def _moment(text: str) -> Decimal:
    """Seconds since 1970 of an ISO 8601 date or a count of seconds; ValueError when it is neither."""
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
        found = difference(cell, value)
        return None if found is None or not found.is_finite() else wanted(found)

    return compare


def _address(cell: str, value: str) -> bool | None:
    try:
        address, network = ipaddress.ip_address(cell), ipaddress.ip_network(value, strict=False)
    except ValueError:
        return None
    return address in network


_ORDERS: dict[str, Callable[[Decimal], bool]] = {
    "equals": lambda found: found == 0,
    "lessthan": lambda found: found < 0,
    "lessthanequals": lambda found: found <= 0,
    "greaterthan": lambda found: found > 0,
    "greaterthanequals": lambda found: found >= 0,
}
_COMPARISONS: dict[str, Comparison] = {
    "stringequals": _equals,
    "stringequalsignorecase": _equals_ignore_case,
    "stringlike": _like,
    # Documented to behave alike: both take wildcards.
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
    """Take an operator's name apart; None when there is no such operator."""
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


def compare(how: Comparison, cell: str, value: str, *, literal: bool = False) -> bool | None:
    """Compare one value with one cell; None for policy variables and texts no request could hold."""
    if ("${" in value and not literal) or len(value) > MAX_TEXT:
        return None
    return how(cell, value)
