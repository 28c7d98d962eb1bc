"""Does a policy admit a principal outside the organisation?

"Somebody outside" is made concrete: each statement that allows is asked about the outside accounts
that it names itself, and about one that it does not name, each in no organisation, in every foreign
organisation that the statement names, and in one that it does not name.

Source: IAM User Guide, "AWS global condition context keys" (aws:PrincipalOrgID, …OrgPaths); ruling 11
of the catalogue of controls.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

from scanner.protection.policy.answers import Answer, Outsiders
from scanner.protection.policy.conditions import Reach, Verdict, judge_all, meet
from scanner.protection.policy.context_keys import (
    ABSENT,
    PRINCIPAL,
    PRINCIPAL_ARN,
    Context,
    Domain,
    Domains,
    Population,
    domains_of,
    exactly,
    within,
)
from scanner.protection.policy.document import Document, Patterns, Statement
from scanner.protection.policy.match import arn_part, has_wildcard, is_account_id, overlaps
from scanner.protection.policy.statements import reach_of_patterns, reach_of_principals

_ACCOUNT_KEYS = frozenset(("aws:principalaccount", "aws:sourceaccount", "kms:calleraccount", PRINCIPAL_ARN))
_ORGANIZATION_KEYS = frozenset(
    ("aws:principalorgid", "aws:principalorgpaths", "aws:sourceorgid", "aws:sourceorgpaths")
)
_ANYBODY = "anybody"
_NOTHING_KNOWN = Context()
_FOREIGN = "o-foreign000"
_FOREIGN_TOO = "o-foreign001"

# Nobody reads a longer list; that it goes on is said by its last element.
_MOST_NAMED = 200

# More comparisons than any policy that AWS accepts (20 or 32 kB) can ask for.
MOST_STEPS = 100_000
_TEXTS_A_STEP = 10


@dataclass(frozen=True, slots=True)
class _Inside:
    """Who is inside: the organisation's id (None: not known), its accounts, and the vault's own one."""

    organization_id: str | None
    accounts: frozenset[str]
    complete: bool  # whether `accounts` are all of its members
    own: str | None
    resource: str | None
    request: Context  # what is known of every request, whoever makes it

    @property
    def partition(self) -> str:
        return self.request.partition

    def holds(self, account: str) -> bool:
        return account == self.own or account in self.accounts


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
        return self.population.arn or (self.population.account if self.named else _ANYBODY)


@dataclass(frozen=True, slots=True)
class _Denies:
    """The Deny statements that may concern outsiders, and whom they speak of."""

    statements: tuple[Statement, ...]
    accounts: tuple[str, ...]
    organizations: tuple[str, ...]
    by_organization: bool


@dataclass(slots=True)
class _Found:
    """Who gets in, as far as was asked, and the first doubt."""

    who: dict[str, None] = field(default_factory=dict)
    because: str = ""
    doubt: str = ""

    def outsiders(self) -> Outsiders:
        if not self.who:
            nobody = "no statement allows a principal outside the organisation"
            return Outsiders(None, (None,), self.doubt) if self.doubt else Outsiders(False, (), nobody)  # noqa: FBT003 - the answer
        more: tuple[str | None, ...] = (None,) if self.doubt and _ANYBODY not in self.who else ()
        return Outsiders(True, (*self.who, *more), self.because)  # noqa: FBT003 - the answer


def admits_outside(  # noqa: PLR0913 - who is inside has this many parts
    document: Document,
    *,
    organization_id: str | None,
    member_accounts: frozenset[str] | None,
    vault_account: str | None = None,
    complete: bool = True,
    resource: str | None = None,
    context: Context = _NOTHING_KNOWN,
) -> Answer:
    """Check whether any Allow admits a principal outside the organisation, whatever the action.

    True names the statement; False: none does; None: it cannot be told. The parameters are those of
    `outsiders`.
    """
    found = outsiders(
        document,
        organization_id=organization_id,
        member_accounts=member_accounts,
        vault_account=vault_account,
        complete=complete,
        resource=resource,
        context=context,
    )
    return Answer(found.admitted, found.because)


def outsiders(  # noqa: PLR0913 - who is inside has this many parts
    document: Document,
    *,
    organization_id: str | None,
    member_accounts: frozenset[str] | None,
    vault_account: str | None = None,
    complete: bool = True,
    resource: str | None = None,
    context: Context = _NOTHING_KNOWN,
) -> Outsiders:
    """Who outside the organisation gets in by any Allow, whatever the action.

    `member_accounts` are members of the organisation (all of them, unless `complete` is False; None: none
    is known). `vault_account` is always inside. With `resource`, the vault's ARN, statements about other
    vaults do not count. `context` is what is known of every request: its Region, its partition, the time.
    An Allow that a Deny takes back from outsiders does not count either. Service principals are not
    outside; federated identities, canonical users and unique ids may be, which gives None.
    """
    if not document.readable:
        return Outsiders(None, (None,), f"the policy cannot be read: {document.problem}")
    inside = _Inside(
        organization_id,
        member_accounts or frozenset(),
        complete and member_accounts is not None,
        vault_account,
        resource,
        replace(context, organization_id=None, organization_path=None),
    )
    found = _Found()
    try:
        _search(document, inside, found)
    except TooMuchError:
        found.doubt = found.doubt or "the policy has too many statements and principals to compare"
    return found.outsiders()


def _search(document: Document, inside: _Inside, found: _Found) -> None:
    denies = _denies_of(document, inside)
    steps = iter(range(MOST_STEPS))
    for statement in document.statements:
        if statement.allow and _concerns(statement, inside.resource):
            _look_at(statement, inside, denies, steps, found)
            if _ANYBODY in found.who:
                return


def _concerns(statement: Statement, resource: str | None) -> bool:
    """Check whether an Allow may be about the vault at all: it is not when it names other vaults only."""
    element = statement.resources
    if resource is None or element.negated:
        return True
    return not all(
        arn_part(pattern, 5).startswith("backup-vault:")
        and "${" not in pattern
        and not overlaps(pattern, resource)
        for pattern in element.patterns
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


def _look_at(
    statement: Statement, inside: _Inside, denies: _Denies, steps: Iterator[int], found: _Found
) -> None:
    """Add to what is found whom one Allow admits."""
    if statement.principals.opaque and not statement.principals.negated:
        what = repr(statement.principals.opaque[0][:80])
        doubt = f"{statement.label}: whether {what} is inside the organisation is unknown"
        found.doubt = found.doubt or doubt
    for somebody in _candidates(statement, inside, denies):
        admitted, who, because = _admitted(statement, somebody, inside, denies, steps)
        if admitted:
            found.because = found.because or f"{statement.label} admits {_called(who)}"
            found.who[who] = None
        elif admitted is None:
            found.doubt = found.doubt or f"{statement.label}: {because}"
        if len(found.who) > _MOST_NAMED:
            raise TooMuchError
        if who == _ANYBODY and admitted:
            return


def _called(who: str) -> str:
    return f"account {who}" if is_account_id(who) else who


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
) -> tuple[bool | None, str, str]:
    """Check whether one outsider gets in, over the organisations that he may belong to; who it is; why."""
    answers: dict[str, bool | None] = {}
    because = ""
    for organization, domains, sure in _variants(statement, somebody, inside, denies):
        answer, reason = gets_in(statement, somebody.population, domains, denies.statements, steps)
        answers[organization] = answer if sure or answer is False else None
        because = because or ("" if answer is False else reason)
    if not somebody.named and True in answers.values():
        return True, _who(somebody, answers), because
    if all(answer is False for answer in answers.values()):
        return False, somebody.who, because
    known_outside = not somebody.named or inside.complete
    if known_outside and all(answers.values()):
        return True, somebody.who, because
    what = "which organisation it belongs to" if known_outside else "whether it is inside the organisation"
    return None, somebody.who, because or f"{_called(somebody.who)}: {what} is unknown"


def _who(somebody: _Somebody, answers: dict[str, bool | None]) -> str:
    """Anybody, unless only the members of one named organisation get in."""
    admitted = [organization for organization, answer in answers.items() if answer is not False]
    foreign = admitted[0] if len(admitted) == 1 else ""
    return f"organization {foreign}" if foreign not in ("", _FOREIGN, _FOREIGN_TOO) else somebody.who


def _variants(
    statement: Statement, somebody: _Somebody, inside: _Inside, denies: _Denies
) -> Iterator[tuple[str, Domains, bool]]:
    """The outsider in no organisation (""), in an unnamed one, in each named one; is it surely foreign?"""
    population = somebody.population
    base = Domains(domains_of(population, inside.request))
    base["kms:calleraccount"] = exactly(population.account)
    if inside.own is not None:
        base["aws:resourceaccount"] = exactly(inside.own)
    if inside.organization_id is not None:
        base["aws:resourceorgid"] = exactly(inside.organization_id)
    if not denies.by_organization and not _asks_organization(statement):
        yield "", base, True
        return
    yield "", _in_organization(base, None), True
    foreign = _FOREIGN if inside.organization_id != _FOREIGN else _FOREIGN_TOO
    yield foreign, _in_organization(base, foreign), True
    for organization in dict.fromkeys((*_organizations_of(statement), *denies.organizations)):
        if organization != inside.organization_id:
            yield organization, _in_organization(base, organization), inside.organization_id is not None


def _in_organization(base: Domains, organization: str | None) -> Domains:
    keys = {"aws:principalorgid": ABSENT, "aws:principalorgpaths": ABSENT}
    keys |= {"aws:sourceorgid": ABSENT, "aws:sourceorgpaths": ABSENT}
    if organization is not None:
        paths = within(f"{organization}/*", varies="organization")
        keys = {"aws:principalorgid": exactly(organization), "aws:principalorgpaths": paths}
        # A service that calls on behalf of an outsider's resource has these; the outsider himself has not.
        keys["aws:sourceorgid"] = Domain(members=((organization,),), present=None)
        keys["aws:sourceorgpaths"] = Domain(members=((f"{organization}/*",),), present=None)
    return Domains({**base, **keys})


def _organizations_of(statement: Statement) -> Iterator[str]:
    for clause in statement.clauses:
        if clause.key in _ORGANIZATION_KEYS:
            for value in clause.values:
                if "${" not in value:
                    yield value.partition("/")[0].replace("*", "0").replace("?", "0")


# Does an Allow let one outsider in, or do Deny statements take all of it back?
#
# Source: IAM User Guide, "Policy evaluation logic": an explicit Deny wins, action by action and resource
# by resource.
class TooMuchError(Exception):
    """The policy asks for more comparisons than any real one; never leaves this package."""


def gets_in(
    statement: Statement,
    population: Population,
    domains: Domains,
    denies: tuple[Statement, ...],
    steps: Iterator[int],
) -> tuple[bool | None, str]:
    """Check whether an Allow lets these principals in, and what keeps the answer open or limits it.

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
    """Check whether Deny statements revoke all that the Allow grants this outsider, or which may do so."""
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
