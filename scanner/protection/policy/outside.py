"""Does a policy admit a principal outside the organisation?

"Somebody outside" is made concrete: each statement that allows is asked about the outside accounts
that it names itself, and about one that it does not name, each in no organisation, in every foreign
organisation that the statement names, and in one that it does not name.

Source: IAM User Guide, "AWS global condition context keys" (aws:PrincipalOrgID, …OrgPaths); ruling 11
of the catalogue of controls.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from scanner.protection.policy.answers import Answer
from scanner.protection.policy.conditions import ABSENT, Reach, Verdict, exactly, judge_all, meet, within
from scanner.protection.policy.document import Document, Patterns, Statement
from scanner.protection.policy.known import PRINCIPAL, PRINCIPAL_ARN, Context, Domains, Population, domains_of
from scanner.protection.policy.match import arn_part, has_wildcard, is_account_id
from scanner.protection.policy.statements import reach_of_patterns, reach_of_principals

_ACCOUNT_KEYS = frozenset(("aws:principalaccount", "kms:calleraccount", PRINCIPAL_ARN))
_ORGANIZATION_KEYS = frozenset(("aws:principalorgid", "aws:principalorgpaths"))
_FOREIGN = "o-foreign000"
_FOREIGN_TOO = "o-foreign001"
# More comparisons than any policy that AWS accepts (20 or 32 kB) can ask for.
_MOST_STEPS = 100_000


@dataclass(frozen=True, slots=True)
class _Inside:
    """Who is inside: the organisation's id and its accounts, each None when not known."""

    organization_id: str | None
    accounts: frozenset[str] | None
    own: str | None
    partition: str

    def holds(self, account: str) -> bool:
        return account == self.own or (self.accounts is not None and account in self.accounts)


@dataclass(frozen=True, slots=True)
class _Somebody:
    """An outsider in question.

    `named`: the policy names the account, so its organisation is a fact that is not known, rather than
    ours to choose.
    """

    population: Population
    named: bool

    @property
    def who(self) -> str:
        return self.population.arn or (f"account {self.population.account}" if self.named else "anybody")


@dataclass(frozen=True, slots=True)
class _Denies:
    """The Deny statements that may concern outsiders, and whom they speak of."""

    statements: tuple[Statement, ...]
    accounts: tuple[str, ...]
    organizations: tuple[str, ...]
    by_organization: bool


class _TooMuchError(Exception):
    """The policy asks for more comparisons than any real one; never leaves this module."""


def admits_outside(
    document: Document,
    *,
    organization_id: str | None,
    member_accounts: frozenset[str] | None,
    vault_account: str | None = None,
    partition: str = "aws",
) -> Answer:
    """Whether any Allow admits a principal outside the organisation, whatever the action.

    True names the statement; False: none does; None: it cannot be told. `vault_account` is always
    inside. An Allow that a Deny takes back from outsiders does not count. Service principals are not
    outside; federated identities, canonical users and unique ids may be, which gives None.
    """
    if not document.readable:
        return Answer(None, f"the policy cannot be read: {document.problem}")
    inside = _Inside(organization_id, member_accounts, vault_account, partition)
    denies = _denies_of(document, inside)
    steps = iter(range(_MOST_STEPS))
    open_answer: Answer | None = None
    try:
        for statement in document.statements:
            answer = _statement_admits(statement, inside, denies, steps) if statement.allow else None
            if answer is not None and answer.value:
                return answer
            open_answer = open_answer or answer
    except _TooMuchError:
        return Answer(None, "the policy has too many statements and principals to compare")
    return open_answer or Answer(
        value=False, because="no statement admits a principal outside the organisation"
    )


def _denies_of(document: Document, inside: _Inside) -> _Denies:
    found = [one for one in document.statements if not one.allow and _concerns_outside(one, inside)]
    return _Denies(
        statements=tuple(found),
        accounts=tuple(dict.fromkeys(account for one in found for account in _accounts_of(one, inside))),
        organizations=tuple(dict.fromkeys(name for one in found for name in _organizations_of(one))),
        by_organization=any(_asks_organization(one) for one in found),
    )


def _asks_organization(statement: Statement) -> bool:
    return any(clause.key in _ORGANIZATION_KEYS for clause in statement.clauses)


def _concerns_outside(statement: Statement, inside: _Inside) -> bool:
    element = statement.principals
    return (
        element.everyone
        or element.negated
        or bool(element.opaque)
        or not all(inside.holds(account) for account in element.accounts)
        or not all(inside.holds(arn_part(arn, 4)) for arn in element.arns)
    )


def _statement_admits(
    statement: Statement, inside: _Inside, denies: _Denies, steps: Iterator[int]
) -> Answer | None:
    """True or None with the reason; None itself when the statement admits no outsider."""
    unsure: Answer | None = None
    if statement.principals.opaque and not statement.principals.negated:
        what = repr(statement.principals.opaque[0][:80])
        unsure = Answer(None, f"{statement.label}: whether {what} is inside the organisation is not known")
    for somebody in _candidates(statement, inside, denies):
        admitted, because = _admitted(statement, somebody, inside, denies, steps)
        if admitted:
            return Answer(value=True, because=f"{statement.label} admits {somebody.who}")
        if admitted is None and unsure is None:
            unsure = Answer(None, f"{statement.label}: {because}")
    return unsure


def _candidates(statement: Statement, inside: _Inside, denies: _Denies) -> Iterator[_Somebody]:
    element = statement.principals
    if not element.everyone and not element.negated:
        for account in sorted(element.accounts):
            if not inside.holds(account):
                yield _Somebody(Population(account, inside.partition), named=True)
        for arn in element.arns:
            if not inside.holds(arn_part(arn, 4)):
                yield _Somebody(Population(arn_part(arn, 4), inside.partition, arn), named=True)
        return
    named = dict.fromkeys((*_accounts_of(statement, inside), *denies.accounts))
    yield _Somebody(Population(_unlike(named, inside), inside.partition), named=False)
    for account in named:
        yield _Somebody(Population(account, inside.partition), named=True)


def _accounts_of(statement: Statement, inside: _Inside) -> Iterator[str]:
    """The outside accounts that a statement speaks of; a pattern stands for one that matches it."""
    element = statement.principals
    for account in (*sorted(element.accounts), *(arn_part(arn, 4) for arn in element.arns)):
        if not inside.holds(account):
            yield account
    for clause in statement.clauses:
        if clause.key in _ACCOUNT_KEYS:
            for value in clause.values:
                account = _example(arn_part(value, 4) if clause.key == PRINCIPAL_ARN else value, inside)
                if account and not inside.holds(account):
                    yield account


def _example(text: str, inside: _Inside) -> str:
    """The account id itself, or an outside one that matches the pattern; "" when there is none."""
    if is_account_id(text) or not has_wildcard(text):
        return text if is_account_id(text) else ""
    missing = max(0, 12 - len(text.replace("*", "")))
    form = text.replace("*", "?" * missing, 1).replace("*", "")
    free = form.count("?")
    for number in range(10**free if len(form) <= 12 else 0):  # noqa: PLR2004 - the length of an account id
        digits = iter(str(number).zfill(free))
        filled = "".join(next(digits) if sign == "?" else sign for sign in form)
        if not is_account_id(filled):
            return ""
        if not inside.holds(filled):
            return filled
    return ""


def _unlike(named: Iterable[str], inside: _Inside) -> str:
    """An account that is neither named nor inside."""
    taken = frozenset(named)
    number = 999_999_999_999
    while str(number) in taken or inside.holds(str(number)):
        number -= 1
    return str(number)


def _admitted(
    statement: Statement,
    somebody: _Somebody,
    inside: _Inside,
    denies: _Denies,
    steps: Iterator[int],
) -> tuple[bool | None, str]:
    """Whether one outsider gets in, over the organisations that he may belong to."""
    answers: list[bool | None] = []
    because = ""
    for domains, sure in _variants(statement, somebody, inside, denies):
        answer, reason = _gets_in(statement, somebody, domains, denies, steps)
        answers.append(answer if sure or answer is False else None)
        because = because or ("" if answer is False else reason)
    if not somebody.named and True in answers:
        return True, because
    if all(answer is False for answer in answers):
        return False, because
    known_outside = not somebody.named or inside.accounts is not None
    if known_outside and all(answers):
        return True, because
    what = "which organisation it belongs to" if known_outside else "whether it is inside the organisation"
    return None, because or f"{somebody.who}: {what} is not known"


def _variants(
    statement: Statement, somebody: _Somebody, inside: _Inside, denies: _Denies
) -> Iterator[tuple[Domains, bool]]:
    """The outsider in no organisation, in an unnamed one, in each named one; is it surely foreign?"""
    base = Domains(domains_of(somebody.population, Context(partition=inside.partition)))
    base["kms:calleraccount"] = exactly(somebody.population.account)
    if not denies.by_organization and not _asks_organization(statement):
        yield base, True
        return
    yield _in_organization(base, None), True
    yield _in_organization(base, _FOREIGN if inside.organization_id != _FOREIGN else _FOREIGN_TOO), True
    for organization in dict.fromkeys((*_organizations_of(statement), *denies.organizations)):
        if organization != inside.organization_id:
            yield _in_organization(base, organization), inside.organization_id is not None


def _in_organization(base: Domains, organization: str | None) -> Domains:
    ids, paths = ABSENT, ABSENT
    if organization is not None:
        ids, paths = exactly(organization), within(f"{organization}/*", varies="organization")
    return Domains({**base, "aws:principalorgid": ids, "aws:principalorgpaths": paths})


def _organizations_of(statement: Statement) -> Iterator[str]:
    for clause in statement.clauses:
        if clause.key in _ORGANIZATION_KEYS:
            for value in clause.values:
                yield value.partition("/")[0].replace("*", "0").replace("?", "0")


def _gets_in(
    statement: Statement,
    somebody: _Somebody,
    domains: Domains,
    denies: _Denies,
    steps: Iterator[int],
) -> tuple[bool | None, str]:
    _step(steps)
    principals = reach_of_principals(statement.principals, somebody.population)
    allowed = _of_one(meet((principals, judge_all(statement.clauses, domains))), somebody.population)
    if allowed.reach is Reach.NONE:
        return False, ""
    blocked = _blocked(statement, allowed, somebody.population, domains, denies, steps)
    if blocked is True:
        return False, ""
    return (None if blocked is None or allowed.reach is Reach.OPEN else True), allowed.because


def _blocked(  # noqa: PLR0913, PLR0917 - one Allow against all Denies needs them
    statement: Statement,
    allowed: Verdict,
    population: Population,
    domains: Domains,
    denies: _Denies,
    steps: Iterator[int],
) -> bool | None:
    """Whether Deny statements take back all that the Allow gives this outsider."""
    answers = []
    for action in _cells(statement.actions):
        for resource in _cells(statement.resources):
            verdicts = (
                _denies(deny, action, resource, population, domains, steps) for deny in denies.statements
            )
            answers.append(_taken_back(statement, allowed, verdicts))
            if answers[-1] is False:
                return False
    return True if all(answers) else None


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
    _step(steps)
    verdict = meet(
        (
            reach_of_patterns(deny.actions, action, "Action"),
            reach_of_principals(deny.principals, population),
            reach_of_patterns(deny.resources, resource, "Resource"),
            judge_all(deny.clauses, domains),
        )
    )
    return _of_one(verdict, population)


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


def _step(steps: Iterator[int]) -> None:
    if next(steps, None) is None:
        raise _TooMuchError
