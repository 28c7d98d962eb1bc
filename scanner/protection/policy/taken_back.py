"""Does an Allow let one outsider in, or do Deny statements take all of it back?

Source: IAM User Guide, "Policy evaluation logic": an explicit Deny wins, action by action and resource
by resource.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

from scanner.protection.policy.conditions import Reach, Verdict, judge_all, meet
from scanner.protection.policy.document import Patterns, Statement
from scanner.protection.policy.known import PRINCIPAL, Domains, Population
from scanner.protection.policy.statements import reach_of_patterns, reach_of_principals

# More comparisons than any policy that AWS accepts (20 or 32 kB) can ask for.
MOST_STEPS = 100_000
_TEXTS_A_STEP = 10


class TooMuchError(Exception):
    """The policy asks for more comparisons than any real one; never leaves this package."""


def gets_in(
    statement: Statement,
    population: Population,
    domains: Domains,
    denies: tuple[Statement, ...],
    steps: Iterator[int],
) -> tuple[bool | None, str]:
    """Whether an Allow lets these principals in, and what keeps the answer open or limits it.

    `steps` is what is left of the budget; TooMuchError when it is used up.
    """
    _step(steps, statement)
    principals = reach_of_principals(statement.principals, population)
    allowed = _of_one(meet((principals, judge_all(statement.clauses, domains))), population)
    if allowed.reach is Reach.NONE:
        return False, ""
    blocked, because = _blocked(statement, allowed, population, domains, denies, steps)
    if blocked is True:
        return False, ""
    if allowed.reach is Reach.OPEN:
        return None, allowed.because
    return (None, because) if blocked is None else (True, allowed.because)


def _blocked(  # noqa: PLR0913, PLR0917 - one Allow against all Denies needs them
    statement: Statement,
    allowed: Verdict,
    population: Population,
    domains: Domains,
    denies: tuple[Statement, ...],
    steps: Iterator[int],
) -> tuple[bool | None, str]:
    """Whether Deny statements take back all that the Allow gives this outsider; if not known, which may."""
    answers: list[bool | None] = []
    doubts: list[str] = []

    def verdicts(action: str, resource: str) -> Iterator[Verdict]:
        for deny in denies:
            verdict = _denies(deny, action, resource, population, domains, steps)
            if verdict.reach is not Reach.NONE:
                doubts.append(f"{deny.label}: {verdict.because}")
                yield verdict

    for action in _cells(statement.actions):
        for resource in _cells(statement.resources):
            answers.append(_taken_back(statement, allowed, verdicts(action, resource)))
            if answers[-1] is False:
                return False, ""
    return (True, "") if all(answers) else (None, doubts[0])


def _cells(element: Patterns) -> tuple[str, ...]:
    """What an Allow takes in, to be denied piece by piece; the Not form is nearly everything, or nothing."""
    if not element.negated:
        return element.patterns
    return () if "*" in element.patterns else ("*",)


def _denies(  # noqa: PLR0913, PLR0917 - as above
    deny: Statement,
    action: str,
    resource: str,
    population: Population,
    domains: Domains,
    steps: Iterator[int],
) -> Verdict:
    _step(steps, deny)
    return _of_one(
        meet(
            (
                reach_of_patterns(deny.actions, action, "Action"),
                reach_of_principals(deny.principals, population),
                reach_of_patterns(deny.resources, resource, "Resource"),
                judge_all(deny.clauses, domains),
            )
        ),
        population,
    )


def _of_one(verdict: Verdict, population: Population) -> Verdict:
    """Of one principal, a tag or an id is a fact that is not known, rather than ours to choose."""
    if population.arn and verdict.reach is Reach.SOME and PRINCIPAL in verdict.groups:
        return replace(verdict, reach=Reach.OPEN)
    return verdict


def _taken_back(statement: Statement, allowed: Verdict, verdicts: Iterable[Verdict]) -> bool | None:
    """True: wholly denied. False: something is left. None: what is left cannot be told."""
    parts = [allowed]
    not_forms = {"Action-"} if statement.actions.negated else set()
    not_forms |= {"Resource-"} if statement.resources.negated else set()
    for verdict in verdicts:
        if verdict.reach is Reach.ALL:
            return True
        if verdict.groups & not_forms:
            return None  # what both leave out may be the same
        if verdict.reach is not Reach.NONE:
            parts.append(verdict)
    return None if meet(parts).reach is Reach.OPEN and allowed.reach is not Reach.OPEN else False


def _step(steps: Iterator[int], statement: Statement) -> None:
    """Take from the budget what one look at a statement costs; a long one costs more."""
    wanted = 1 + statement.weight // _TEXTS_A_STEP
    if sum(1 for _ in islice(steps, wanted)) < wanted:
        raise TooMuchError
