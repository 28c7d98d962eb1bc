"""May anybody at all of an account do something by a policy? The question of who has taken it over.

An administrator of an account can act as every role and user of it, and make new ones. So one principal
that is let in is enough, where `admits_account` asks for the account as a whole (ruling 11).
"""

from collections.abc import Iterable
from typing import Final

from scanner.protection.policy.answers import Answer
from scanner.protection.policy.conditions import Reach, Verdict
from scanner.protection.policy.document import Document, Statement
from scanner.protection.policy.known import Context, Population, domains_of
from scanner.protection.policy.match import arn_part
from scanner.protection.policy.statements import Request, reach_of

_ANY: Final = "arn:{partition}:*"
_Reached = tuple[Statement, Verdict]

_ON_POINTS: Final = frozenset(
    (
        "backup:deleterecoverypoint",
        "backup:updaterecoverypointlifecycle",
        "backup:disassociaterecoverypoint",
    )
)
"""Actions on recovery points, whose ARNs are those of snapshots, images and of AWS Backup's own."""


def somebody_may(document: Document, *, account: str, action: str, resource: str, context: Context) -> Answer:
    """Whether a policy lets some principal of an account do `action` on `resource` (the vault's ARN).

    Or on a recovery point in it, where the action is on one. False: nobody of the account. None: it cannot
    be told, or the policy cannot be read. An explicit Deny wins; one that is known to leave somebody out
    takes only part of an Allow to the whole account away.
    """
    if not document.readable:
        return Answer(None, f"the policy cannot be read: {document.problem}")
    population = Population(account, arn_part(resource, 1) or context.partition)
    domains = domains_of(population, context, resource)
    points = _ANY.format(partition=population.partition)
    cells = (resource, points) if action.lower() in _ON_POINTS else (resource,)
    answers = [_asked(document, population, Request(action, cell, domains)) for cell in cells]
    return next(
        (answer for wanted in (True, None) for answer in answers if answer.value is wanted), answers[0]
    )


def _asked(document: Document, population: Population, request: Request) -> Answer:
    reached = [(one, reach_of(one, population, request)) for one in document.statements]
    met = [(one, verdict) for one, verdict in reached if verdict.reach is not Reach.NONE]
    allows = [each for each in met if each[0].allow]
    denies = [each for each in met if not each[0].allow]
    who = f"account {population.account}"
    if not allows:
        return Answer(value=False, because=f"no statement allows it to {who}")
    if denied := _with(denies, Reach.ALL):
        return Answer(value=False, because=f"{denied.label} denies it to {who}")
    if _leaves_somebody(allows, denies):
        allowed = _with(allows, Reach.ALL) or _with(allows, Reach.SOME) or allows[0][0]
        return Answer(value=True, because=f"{allowed.label} allows it to {who}")
    statement, verdict = (denies or allows)[0]
    return Answer(None, f"{statement.label}: {verdict.because}")


def _leaves_somebody(allows: Iterable[_Reached], denies: list[_Reached]) -> bool:
    """Whether some request is surely allowed: two parts may exclude each other, a whole and a part do not."""
    if not denies:
        return _with(allows, Reach.ALL, Reach.SOME) is not None
    one_part = len(denies) == 1 and denies[0][1].reach is Reach.SOME
    return one_part and _with(allows, Reach.ALL) is not None


def _with(reached: Iterable[_Reached], *reaches: Reach) -> Statement | None:
    return next((statement for statement, verdict in reached if verdict.reach in reaches), None)
