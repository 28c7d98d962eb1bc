"""Whom one Deny statement hits.

Sources: IAM User Guide, "AWS global condition context keys" (aws:PrincipalArn shows the role, not its
session), "NotPrincipal"; facts part 5 (the guide's Deny pattern with aws:userId or aws:PrincipalArn).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from scanner.protection.policy.conditions import Reach, Verdict, judge, shown
from scanner.protection.policy.document import MAX_TEXT, Clause, Principals, Statement
from scanner.protection.policy.domains import Domain
from scanner.protection.policy.known import PRINCIPAL_ARN, Context, Population, domains_of, is_identity
from scanner.protection.policy.match import (
    ARN_PARTS,
    arn_covers,
    arn_part,
    covers,
    has_wildcard,
    is_no_principal,
    overlaps,
)
from scanner.protection.policy.operators import Operator, operator_of
from scanner.protection.policy.patterns import session_of
from scanner.protection.policy.statements import reach_of_patterns
from scanner.protection.policy.variables import resolved

_LITERAL = ("stringequals", "stringnotequals")
_GLOB = ("stringlike", "stringnotlike")
_ARN = ("arnequals", "arnlike", "arnnotequals", "arnnotlike")


@dataclass(frozen=True, slots=True)
class Place:
    """The action, the resource cell (and the parts of it that are known) and the account in question."""

    action: str
    resource: str
    population: Population
    domains: Mapping[str, Domain]
    parts: tuple[str, ...] = ()


def place_of(
    action: str, resource: str, account: str, context: Context, parts: tuple[str, ...] = ()
) -> Place:
    """`context` describes the account, which is the resource's too, and the request's Region."""
    population = Population(account, context.partition)
    here = replace(context, resource_organization_id=context.organization_id)
    domains = domains_of(population, here, f"arn:{context.partition}:backup::{account}:")
    return Place(action, resource, population, domains, parts)


@dataclass(frozen=True, slots=True)
class Strike:
    """Hits those who lie in every group of `musts` and in none of `spares`.

    `spares` may hold None, a principal whose ARN is not known. `partial` are the groups of keys that
    let some requests of everybody through; `blurred`: hits only principals who cannot be told by ARN;
    `undecided`: a clause that cannot be evaluated. `because` says what limits it.
    """

    label: str
    musts: tuple[tuple[str, ...], ...] = ()
    spares: tuple[str | None, ...] = ()
    partial: frozenset[str] = frozenset()
    blurred: bool = False
    undecided: bool = False
    because: str = ""

    @property
    def is_sure(self) -> bool:
        """Whether whom it hits is known, and hit by every request."""
        return not (self.partial or self.blurred or self.undecided)

    @property
    def is_base(self) -> bool:
        """Whether it hits everybody but its spares."""
        return self.is_sure and not self.musts

    @property
    def may_be_base(self) -> bool:
        """Whether it hits everybody but its spares if its open clauses hold."""
        return not (self.partial or self.blurred or self.musts)

    @property
    def weight(self) -> int:
        """How many comparisons it takes to ask for one principal."""
        return 1 + sum(len(group) for group in self.musts) + len(self.spares)

    @property
    def may_do_more(self) -> bool:
        """Whether it may hit somebody fully, which cannot be told."""
        return not self.partial and (self.blurred or self.undecided)

    def hits(self, one: str | None, *, possibly: bool = False) -> bool:
        """Whether it hits everybody of a pattern (`possibly`: if its open clauses hold)."""
        if one is None or self.partial or self.blurred or (self.undecided and not possibly):
            return False
        return all(any(_within(one, must) for must in group) for group in self.musts) and not any(
            spare is None or overlaps(spare, one) or session_of(one, spare) or session_of(spare, one)
            for spare in self.spares
        )

    def may_hit(self, one: str | None) -> bool:
        """Whether it may hit somebody of a pattern."""
        if one is None:
            return True
        inside = all(any(overlaps(must, one) or _within(one, must) for must in group) for group in self.musts)
        return inside and not any(spare is not None and _within(one, spare) for spare in self.spares)


def strike_of(statement: Statement, place: Place) -> Strike | None:
    """Whom a Deny hits when the question is about this place; None when it hits nobody there."""
    action = reach_of_patterns(statement.actions, place.action.lower(), "Action")
    if action.reach is Reach.NONE:
        return None
    resource = _resource_reach(statement, place)
    start = _by_principals(Strike(statement.label), statement.principals, place)
    strike = _by_verdict(_by_verdict(start, action), resource)
    for clause in statement.clauses:
        strike = _by_clause(strike, resolved(clause, place.domains), place)
    return strike


def _resource_reach(statement: Statement, place: Place) -> Verdict:
    """As always; but what takes in every part of the place, one by one, may take in all of it."""
    whole = reach_of_patterns(statement.resources, place.resource, "Resource")
    parts = [reach_of_patterns(statement.resources, part, "Resource") for part in place.parts]
    if whole.reach is Reach.SOME and parts and all(part.reach is Reach.ALL for part in parts):
        because = "its Resource covers every known kind of recovery point, but not others"
        return Verdict(Reach.OPEN, because)
    return whole


def _within(one: str, pattern: str) -> bool:
    """Whether everybody of the first pattern surely lies in the second, by string and part by part.

    The second may come from an ARN operator or from a string operator, the first likewise; both read an
    ARN alike as long as no wildcard of the first can reach over a colon.
    """
    if arn_part(one, 4) and not has_wildcard(":".join(one.split(":", ARN_PARTS - 1)[:-1])):
        return _takes(pattern, one) or (session_of(one, pattern) and arn_part(pattern, 5) == "role/*")
    return False


def _takes(pattern: str, cell: str) -> bool:
    return covers(pattern, cell) and arn_covers(pattern, cell) is not False


def _by_principals(strike: Strike | None, element: Principals, place: Place) -> Strike | None:
    if strike is None or (element.negated and element.everyone):
        return None
    if element.negated:
        return replace(strike, spares=_spared(element, place))
    if element.everyone or place.population.account in element.accounts:
        return strike
    prefix = f"arn:{place.population.partition}"
    accounts = (
        f"{prefix}:{kind}::{account}:*" for account in sorted(element.accounts) for kind in ("iam", "sts")
    )
    named = (*element.arns, *accounts)
    if element.opaque:
        return replace(strike, blurred=True, because=f"it names {element.opaque[0][:80]!r} only")
    because = "it names only some principals"
    return replace(strike, musts=(named,), because=because) if named else None


def _spared(element: Principals, place: Place) -> tuple[str | None, ...]:
    """The principals of NotPrincipal. A role's own sessions, listed beside it, add nobody."""
    arns = [
        arn
        for arn in element.arns
        if ":assumed-role/" not in arn or not any(session_of(arn, other) for other in element.arns)
    ]
    roots = [f"arn:{place.population.partition}:iam::{account}:root" for account in sorted(element.accounts)]
    return (*arns, *roots, *((None,) if element.opaque else ()))


def _by_verdict(strike: Strike | None, verdict: Verdict) -> Strike | None:
    if strike is None or verdict.reach is Reach.NONE:
        return None
    if verdict.reach is Reach.ALL:
        return strike
    because = strike.because or verdict.because
    if verdict.reach is Reach.SOME:
        return replace(strike, partial=strike.partial | verdict.groups, because=because)
    return replace(strike, undecided=True, because=because)


def _by_clause(strike: Strike | None, clause: Clause, place: Place) -> Strike | None:
    operator = operator_of(clause.operator)
    if strike is None or operator is None or not _is_plain(clause):
        return _by_verdict(strike, Verdict(Reach.OPEN, f"the condition {shown(clause)} cannot be evaluated"))
    if clause.key == PRINCIPAL_ARN and not operator.is_null:
        return _by_arn(strike, clause, operator, place.population.cells)
    if is_identity(clause.key) and clause.key not in place.domains:
        return _by_identity(strike, clause, operator)
    return _by_verdict(strike, judge(clause, place.domains.get(clause.key, Domain())))


def _is_plain(clause: Clause) -> bool:
    variable = not clause.literal and any("${" in one for one in clause.values)
    return bool(clause.values) and not variable and not any(len(one) > MAX_TEXT for one in clause.values)


def _by_arn(strike: Strike, clause: Clause, operator: Operator, cells: tuple[str, ...]) -> Strike | None:
    """A clause on aws:PrincipalArn, which every principal has, with one value."""
    patterns = _arn_patterns(clause)
    if patterns is None:
        return _by_verdict(strike, Verdict(Reach.OPEN, f"the condition {shown(clause)} cannot be evaluated"))
    if operator.negated:
        everybody = any(one and all(_takes(one, cell) for cell in cells) for one in patterns)
        return None if everybody else replace(strike, spares=(*strike.spares, *patterns))
    named = tuple(one for one in patterns if one is not None)
    because = strike.because or f"the condition {shown(clause)} names only some principals"
    if len(named) < len(patterns):
        return replace(strike, blurred=True, because=because)
    if any(all(_takes(one, cell) for cell in cells) for one in named):
        return strike
    return replace(strike, musts=(*strike.musts, named), because=because) if named else None


def _arn_patterns(clause: Clause) -> tuple[str | None, ...] | None:
    """The values as patterns (None: a principal that no pattern describes); None when undecidable.

    The ARN of a session is never shown by aws:PrincipalArn, and so is left out.
    """
    name = clause.operator.lower().rpartition(":")[2].removesuffix("ifexists")
    if name in _LITERAL:
        real = (one for one in clause.values if one.startswith("arn:") and not is_no_principal(one))
        real = (one for one in real if not _is_session(one))
        return tuple(None if has_wildcard(one) else one for one in real)
    if name in _GLOB or (name in _ARN and all(one == "*" or arn_part(one, 1) for one in clause.values)):
        return tuple(one for one in clause.values if not _is_session(one))
    return None


def _is_session(pattern: str) -> bool:
    return arn_part(pattern, 2) == "sts" and arn_part(pattern, 5).startswith("assumed-role/")


def _by_identity(strike: Strike, clause: Clause, operator: Operator) -> Strike | None:
    """A clause on a key that tells principals apart, but not by ARN."""
    because = strike.because or f"the condition {shown(clause)} applies to only some principals"
    if clause.key == "aws:userid":
        if "*" in clause.values and clause.operator.lower().rpartition(":")[2].startswith(_GLOB):
            return None if operator.negated else strike
        spares = operator.negated
    elif operator.is_null:
        spares = all(value.lower() == "true" for value in clause.values)
    elif operator.quantifier == "any":
        return _by_verdict(strike, Verdict(Reach.OPEN, f"the condition {shown(clause)} cannot be evaluated"))
    else:
        # Who lacks the key is hit; who has it may be spared.
        spares = operator.negated or operator.if_exists or operator.quantifier == "all"
    if spares:
        return replace(strike, spares=(*strike.spares, None))
    return replace(strike, blurred=True, because=because)
