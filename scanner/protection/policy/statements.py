"""Which requests a statement applies to: its principals, action, resource and conditions at once.

Source: IAM User Guide, "Policy evaluation logic", "AWS JSON policy elements: Principal" and
"NotPrincipal".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from scanner.model.known import Answer
from scanner.protection.policy.conditions import ALL, NONE, Reach, Verdict, combined, evaluate_clauses
from scanner.protection.policy.context_keys import PRINCIPAL, Domain, Population
from scanner.protection.policy.document import Document, Patterns, Principals, Statement
from scanner.protection.policy.match import arn_part, covers, overlaps, session_of

_NONE = NONE
Reached = Callable[[Statement], Verdict]


@dataclass(frozen=True, slots=True)
class Request:
    """One action on one resource (a cell, which may contain wildcards), and the domains of the keys."""

    action: str
    resource: str
    domains: Mapping[str, Domain]


def reach_of(statement: Statement, population: Population, request: Request) -> Verdict:
    """Return to how many of the population's requests a statement applies."""
    action = reach_of_patterns(statement.actions, request.action.lower(), "Action")
    if action.reach is Reach.NONE:
        return action
    principals = reach_of_principals(statement.principals, population)
    if principals.reach is Reach.NONE:
        return principals
    resource = reach_of_patterns(statement.resources, request.resource, "Resource")
    return combined((action, principals, resource, evaluate_clauses(statement.clauses, request.domains)))


def reach_of_patterns(element: Patterns, cell: str, name: str) -> Verdict:
    """Check whether an Action or Resource element (or its Not form) covers all, some or none of a cell."""
    if not element.literal and any("${" in pattern for pattern in element.patterns):
        return Verdict(Reach.OPEN, f"its {name} contains a policy variable")
    if any(covers(pattern, cell) for pattern in element.patterns):
        return _NONE if element.negated else ALL
    if any(overlaps(pattern, cell) for pattern in element.patterns):
        group = f"{name}-" if element.negated else f"{name}+"
        return Verdict(Reach.SOME, f"its {name} covers only some", frozenset((group,)))
    return ALL if element.negated else _NONE


def reach_of_principals(element: Principals, population: Population) -> Verdict:
    """Check whether a Principal or NotPrincipal element names all, some or none of a population.

    In Principal, an account id or its root ARN means every principal of the account. In NotPrincipal, the
    guide lists it in addition to the users that it excludes, so whether it excludes the whole account is
    open. Service principals do not belong to an account.
    """
    if element.negated:
        return _reach_of_not_principal(element, population)
    if element.everyone or population.account in element.accounts:
        return ALL
    named = _named_principals(element, population)
    if named:
        return ALL if _is_named(population.arn, named) else _some_principals(population, named)
    return (
        Verdict(Reach.OPEN, f"which principal {_opaque(element)} refers to is unknown")
        if element.opaque
        else _NONE
    )


def _reach_of_not_principal(element: Principals, population: Population) -> Verdict:
    if element.everyone:
        return _NONE
    if population.account in element.accounts or element.opaque:
        what = "the account itself" if population.account in element.accounts else _opaque(element)
        return Verdict(Reach.OPEN, f"which principal NotPrincipal excludes with {what} is unknown")
    named = _named_principals(element, population)
    if _is_named(population.arn, named):
        return _NONE
    return _some_principals(population, named) if named else ALL


def _named_principals(element: Principals, population: Population) -> list[str]:
    """Return the principals of the element that belong to the population, at least in part."""
    principal = population.arn
    mine = [arn for arn in element.arns if arn_part(arn, 4) == population.account]
    return (
        mine
        if not principal
        else [arn for arn in mine if overlaps(principal, arn) or _related(principal, arn)]
    )


def _is_named(principal: str, named: list[str]) -> bool:
    """Check whether a principal is named itself, or is a session of a named role."""
    return bool(principal) and any(principal == arn or session_of(principal, arn) for arn in named)


def _related(first: str, second: str) -> bool:
    return session_of(first, second) or session_of(second, first)


def _some_principals(population: Population, named: list[str]) -> Verdict:
    because = f"only some principals are named ({named[0]!r}{' …' if len(named) > 1 else ''})"
    reach = Reach.OPEN if population.arn else Reach.SOME  # a role and its session, perhaps
    return Verdict(reach, because, frozenset((PRINCIPAL,)))


def _opaque(element: Principals) -> str:
    return repr(element.opaque[0][:80])


def decide(document: Document, reached: Reached, who: str) -> Answer:
    """Return whether the request is allowed to all (True), to none (False), or neither or unknown (None).

    A Deny wins. `reached` returns how much of the population one statement applies to.
    """
    if not document.readable:
        return Answer(None, f"the policy cannot be read: {document.problem}")
    if not document.exists:
        return Answer(value=False, because="there is no policy")
    allow = _deciding_statement(document, reached, allow=True)
    if allow is None:
        return Answer(value=False, because=f"no statement allows {who}")
    deny = _deciding_statement(document, reached, allow=False)
    if deny is not None:
        denied = deny[1].reach is Reach.ALL
        return Answer(
            value=False if denied else None,
            because=f"{deny[0].label} denies {who}" if denied else f"{deny[0].label}: {deny[1].because}",
        )
    if allow[1].reach is Reach.ALL:
        return Answer(value=True, because=f"{allow[0].label} allows {who}")
    return Answer(None, f"{allow[0].label}: {allow[1].because}")


def _deciding_statement(
    document: Document, reached: Reached, *, allow: bool
) -> tuple[Statement, Verdict] | None:
    """Return the first statement of one effect that applies to all; else the first that applies to some."""
    partial: tuple[Statement, Verdict] | None = None
    for statement in document.statements:
        if statement.allow is not allow:
            continue
        verdict = reached(statement)
        if verdict.reach is Reach.ALL:
            return statement, verdict
        if verdict.reach is not Reach.NONE and partial is None:
            partial = (statement, verdict)
    return partial
