"""Conditions over many requests at once: does a clause hold for all of them, for some, for none?

A question such as "may this account copy?" stands for all requests that the account's principals
could make. What is known of a key in all of these is its `Domain`; a clause then reaches all, none,
or some of the requests, or is open: it cannot be told.

Source: IAM User Guide, "Condition operators" and "Single-valued vs. multivalued context keys".
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from scanner.protection.policy.document import Clause
from scanner.protection.policy.domains import UNKNOWN, Domain
from scanner.protection.policy.operators import Comparison, Operator, compare, operator_of
from scanner.protection.policy.variables import resolved

# A clause with more values than this times cells is no clause of a policy that AWS would take.
_MOST_COMPARISONS = 200_000


class Reach(Enum):
    """How many of the requests in question something applies to."""

    ALL = "all"
    SOME = "some"  # a part, and surely not all; which part is up to the request or the principal
    OPEN = "open"  # it cannot be told
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A reach, what limited it (in words), and the group of keys that a SOME depends on."""

    reach: Reach
    because: str = ""
    groups: frozenset[str] = frozenset()


ALL = Verdict(Reach.ALL)
NONE = Verdict(Reach.NONE)


def judge(clause: Clause, domain: Domain) -> Verdict:
    """How many of the requests fulfil one clause."""
    operator = operator_of(clause.operator)
    answer = None if operator is None else _holds(operator, clause, domain)
    if answer is not None:
        return ALL if answer else Verdict(Reach.NONE, f"the condition {shown(clause)} is not met")
    if domain.varies and operator is not None and not _has_variable(clause):
        because = f"the condition {shown(clause)} is met for some requests only"
        return Verdict(Reach.SOME, because, frozenset((domain.varies,)))
    return Verdict(Reach.OPEN, f"the condition {shown(clause)} cannot be evaluated")


def meet(verdicts: Iterable[Verdict]) -> Verdict:
    """All of the parts at once. Two SOMEs of one group may exclude each other: open."""
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


def judge_all(clauses: Iterable[Clause], domains: Mapping[str, Domain]) -> Verdict:
    """How many of the requests fulfil every clause of a statement."""
    return meet(judge(resolved(clause, domains), domains.get(clause.key, UNKNOWN)) for clause in clauses)


def shown(clause: Clause) -> str:
    """Operator and key of a clause, for a reason."""
    return repr(f"{clause.operator} {clause.key}"[:100])[1:-1]


def negate(answer: bool | None) -> bool | None:  # noqa: FBT001 - a third value, no flag
    """NOT with three values."""
    return None if answer is None else not answer


def _has_variable(clause: Clause) -> bool:
    return not clause.literal and any("${" in value for value in clause.values)


def _holds(operator: Operator, clause: Clause, domain: Domain) -> bool | None:
    """True for all requests, False for none, None for neither or not known."""
    if not clause.values:
        return None
    cases = []
    if domain.present is not True:
        cases.append(_absent(operator, clause))
    if domain.present is not False:
        cases.append(_present(operator, clause, domain.members))
    return cases[0] if all(case is cases[0] for case in cases) else None


def _absent(operator: Operator, clause: Clause) -> bool | None:
    """What the clause says when the request does not have the key."""
    if operator.is_null:
        return _any(_flag(value) for value in clause.values)
    if operator.quantifier == "any":
        # IfExists says yes, ForAnyValue says no; which wins is not documented.
        return None if operator.if_exists else False
    return operator.quantifier == "all" or operator.if_exists or operator.negated


def _present(operator: Operator, clause: Clause, members: tuple[tuple[str, ...], ...]) -> bool | None:
    if operator.compare is None:
        return _any(negate(_flag(value)) for value in clause.values)
    if sum(len(cells) for cells in members) * len(clause.values) > _MOST_COMPARISONS:
        return None
    if len(members) != 1 and not operator.quantifier:
        return None  # several values without a set operator: not documented
    answers = (_member(operator, operator.compare, cells, clause) for cells in members)
    return _all(answers) if operator.quantifier == "all" else _any(answers)


def _member(operator: Operator, how: Comparison, cells: tuple[str, ...], clause: Clause) -> bool | None:
    """One value of the request, which lies in one of the cells, against the values of the policy."""
    answers = {
        _any(compare(how, cell, value, literal=clause.literal) for value in clause.values) for cell in cells
    }
    answer = answers.pop() if len(answers) == 1 else None
    return negate(answer) if operator.negated else answer


def _flag(value: str) -> bool | None:
    return {"true": True, "false": False}.get(value.lower())


def _any(answers: Iterable[bool | None]) -> bool | None:
    unknown = False
    for answer in answers:
        if answer:
            return True
        unknown = unknown or answer is None
    return None if unknown else False


def _all(answers: Iterable[bool | None]) -> bool | None:
    return negate(_any(negate(answer) for answer in answers))
