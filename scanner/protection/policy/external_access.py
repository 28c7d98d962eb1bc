"""Whether a policy admits principals outside the organisation.

Each Allow is evaluated for the outside accounts that it names, and for one that it does not name; each of
them in no organisation, in every foreign organisation that the statement names, and in one that it does not
name.

Source: IAM User Guide, "AWS global condition context keys" (aws:PrincipalOrgID, …OrgPaths); ruling 11
of the catalogue of controls.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

from scanner.model.known import Answer
from scanner.protection.policy.conditions import Reach, Verdict, combined, evaluate_clauses
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
from scanner.protection.policy.document import Document, ExternalPrincipals, Patterns, Statement
from scanner.protection.policy.match import arn_part, has_wildcard, is_account_id, overlaps
from scanner.protection.policy.statements import reach_of_patterns, reach_of_principals

_ACCOUNT_KEYS = frozenset(("aws:principalaccount", "aws:sourceaccount", "kms:calleraccount", PRINCIPAL_ARN))
_ORGANIZATION_KEYS = frozenset(
    ("aws:principalorgid", "aws:principalorgpaths", "aws:sourceorgid", "aws:sourceorgpaths")
)
_ANYONE = "anybody"
_NOTHING_KNOWN = Context()
_FOREIGN_ORGANIZATION = "o-foreign000"
_OTHER_FOREIGN_ORGANIZATION = "o-foreign001"

# A longer list helps no reader; its last element, None, says that there are more.
_MAX_NAMED = 200

# More comparisons than any policy that AWS accepts (20 or 32 kB) needs.
MAX_STEPS = 100_000
_TEXTS_PER_STEP = 10


@dataclass(frozen=True, slots=True)
class _Inside:
    """The accounts that count as inside: those of the organisation, and the vault's own."""

    organization_id: str | None
    accounts: frozenset[str]
    complete: bool  # whether `accounts` are all of its members
    own: str | None
    resource: str | None
    request: Context  # what is known about every request, independent of the principal

    @property
    def partition(self) -> str:
        return self.request.partition

    def holds(self, account: str) -> bool:
        return account == self.own or account in self.accounts


@dataclass(frozen=True, slots=True)
class _Outsider:
    """A principal for which an Allow is evaluated.

    `named`: the policy names the account, which exists, so its organisation is unknown. The organisation of
    an account that the policy does not name can be chosen freely.
    """

    population: Population
    named: bool

    @property
    def who(self) -> str:
        return self.population.arn or (self.population.account if self.named else _ANYONE)


@dataclass(frozen=True, slots=True)
class _Denies:
    """The Deny statements that may apply to outsiders, with the accounts and organisations they name."""

    statements: tuple[Statement, ...]
    accounts: tuple[str, ...]
    organizations: tuple[str, ...]
    by_organization: bool


@dataclass(slots=True)
class _Results:
    """The outsiders that are admitted so far, and the first doubt."""

    who: dict[str, None] = field(default_factory=dict)
    because: str = ""
    doubt: str = ""

    def outsiders(self) -> ExternalPrincipals:
        if not self.who:
            if self.doubt:
                return ExternalPrincipals(None, (None,), self.doubt)
            because = "no statement allows a principal outside the organisation"
            return ExternalPrincipals(admitted=False, who=(), because=because)
        more: tuple[str | None, ...] = (None,) if self.doubt and _ANYONE not in self.who else ()
        return ExternalPrincipals(admitted=True, who=(*self.who, *more), because=self.because)


def admits_external_principals(  # noqa: PLR0913 - who is inside has this many parts
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

    True names the statement; False: none does; None: unknown. The parameters are those of
    `external_principals`.
    """
    results = external_principals(
        document,
        organization_id=organization_id,
        member_accounts=member_accounts,
        vault_account=vault_account,
        complete=complete,
        resource=resource,
        context=context,
    )
    return Answer(results.admitted, results.because)


def external_principals(  # noqa: PLR0913 - who is inside has this many parts
    document: Document,
    *,
    organization_id: str | None,
    member_accounts: frozenset[str] | None,
    vault_account: str | None = None,
    complete: bool = True,
    resource: str | None = None,
    context: Context = _NOTHING_KNOWN,
) -> ExternalPrincipals:
    """Return who outside the organisation is admitted by any Allow, whatever the action.

    `member_accounts` are members of the organisation (all of them, unless `complete` is False; None: none is
    known). `vault_account` is always inside. With `resource`, the vault's ARN, statements about other vaults
    do not count. `context` is what is known about every request: its Region, partition and time. An Allow
    that a Deny revokes for outsiders does not count either. Service principals are not outside; federated
    identities, canonical users and unique ids may be, so they lead to None.
    """
    if not document.readable:
        return ExternalPrincipals(None, (None,), f"the policy cannot be read: {document.problem}")
    inside = _Inside(
        organization_id,
        member_accounts or frozenset(),
        complete and member_accounts is not None,
        vault_account,
        resource,
        replace(context, organization_id=None, organization_path=None),
    )
    results = _Results()
    try:
        _search(document, inside, results)
    except TooManyComparisonsError:
        results.doubt = results.doubt or "the policy has too many statements and principals to compare"
    return results.outsiders()


def _search(document: Document, inside: _Inside, results: _Results) -> None:
    denies = _denies_of(document, inside)
    steps = iter(range(MAX_STEPS))
    for statement in document.statements:
        if statement.allow and _applies_to_vault(statement, inside.resource):
            _check_allow(statement, inside, denies, steps, results)
            if _ANYONE in results.who:
                return


def _applies_to_vault(statement: Statement, resource: str | None) -> bool:
    """Check whether an Allow may apply to the vault: not if it names only other vaults."""
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
    statements = [
        statement
        for statement in document.statements
        if not statement.allow and _concerns_outsiders(statement, inside)
    ]
    return _Denies(
        statements=tuple(statements),
        accounts=tuple(
            dict.fromkeys(account for statement in statements for account in _accounts_of(statement, inside))
        ),
        organizations=tuple(
            dict.fromkeys(name for statement in statements for name in _organizations_of(statement))
        ),
        by_organization=any(_depends_on_organization(statement) for statement in statements),
    )


def _depends_on_organization(statement: Statement) -> bool:
    return any(clause.key in _ORGANIZATION_KEYS for clause in statement.clauses)


def _concerns_outsiders(statement: Statement, inside: _Inside) -> bool:
    element = statement.principals
    return (
        element.everyone
        or element.negated
        or bool(element.opaque)
        or not all(inside.holds(account) for account in element.accounts)
        or not all(inside.holds(arn_part(arn, 4)) for arn in element.arns)
    )


def _check_allow(
    statement: Statement, inside: _Inside, denies: _Denies, steps: Iterator[int], results: _Results
) -> None:
    """Add the outsiders that one Allow admits to the results."""
    if statement.principals.opaque and not statement.principals.negated:
        what = repr(statement.principals.opaque[0][:80])
        doubt = f"{statement.label}: whether {what} is inside the organisation is unknown"
        results.doubt = results.doubt or doubt
    for outsider in _candidates(statement, inside, denies):
        admitted, who, because = _admitted(statement, outsider, inside, denies, steps)
        if admitted:
            results.because = results.because or f"{statement.label} admits {_label(who)}"
            results.who[who] = None
        elif admitted is None:
            results.doubt = results.doubt or f"{statement.label}: {because}"
        if len(results.who) > _MAX_NAMED:
            raise TooManyComparisonsError
        if who == _ANYONE and admitted:
            return


def _label(who: str) -> str:
    return f"account {who}" if is_account_id(who) else who


def _candidates(statement: Statement, inside: _Inside, denies: _Denies) -> Iterator[_Outsider]:
    element = statement.principals
    if not element.everyone and not element.negated:
        for account in sorted(element.accounts):
            if not inside.holds(account):
                yield _Outsider(Population(account, inside.partition), named=True)
        for arn in element.arns:
            if not inside.holds(arn_part(arn, 4)):
                yield _Outsider(Population(arn_part(arn, 4), inside.partition, arn), named=True)
        return
    named = dict.fromkeys((*_accounts_of(statement, inside), *denies.accounts))
    yield _Outsider(Population(_unnamed_account(named, inside), inside.partition), named=False)
    for account in named:
        yield _Outsider(Population(account, inside.partition), named=True)


def _accounts_of(statement: Statement, inside: _Inside) -> Iterator[str]:
    """Yield the outside accounts that a statement names; for a pattern, one account that matches it."""
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
    """Return the account id itself, or an outside one that matches the pattern; "" if there is none."""
    if is_account_id(text) or not has_wildcard(text):
        return text if is_account_id(text) else ""
    # Turn the pattern into twelve characters with `?`, and count through its digits.
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


def _unnamed_account(named: Iterable[str], inside: _Inside) -> str:
    """Return an account that is neither named nor inside."""
    taken = frozenset(named)
    number = 999_999_999_999
    while str(number) in taken or inside.holds(str(number)):
        number -= 1
    return str(number)


def _admitted(
    statement: Statement,
    outsider: _Outsider,
    inside: _Inside,
    denies: _Denies,
    steps: Iterator[int],
) -> tuple[bool | None, str, str]:
    """Check whether one outsider is admitted, in each organisation it may belong to; return who and why."""
    answers: dict[str, bool | None] = {}
    because = ""
    for organization, domains, sure in _variants(statement, outsider, inside, denies):
        answer, reason = is_admitted(statement, outsider.population, domains, denies.statements, steps)
        answers[organization] = answer if sure or answer is False else None
        because = because or ("" if answer is False else reason)
    if not outsider.named and True in answers.values():
        return True, _who(outsider, answers), because
    if all(answer is False for answer in answers.values()):
        return False, outsider.who, because
    is_outside = not outsider.named or inside.complete
    if is_outside and all(answers.values()):
        return True, outsider.who, because
    what = "which organisation it belongs to" if is_outside else "whether it is inside the organisation"
    return None, outsider.who, because or f"{_label(outsider.who)}: {what} is unknown"


def _who(outsider: _Outsider, answers: dict[str, bool | None]) -> str:
    """Return "anybody", or the organisation if only members of one named organisation are admitted."""
    admitted = [organization for organization, answer in answers.items() if answer is not False]
    foreign = admitted[0] if len(admitted) == 1 else ""
    return (
        f"organization {foreign}"
        if foreign not in ("", _FOREIGN_ORGANIZATION, _OTHER_FOREIGN_ORGANIZATION)
        else outsider.who
    )


def _variants(
    statement: Statement, outsider: _Outsider, inside: _Inside, denies: _Denies
) -> Iterator[tuple[str, Domains, bool]]:
    """Yield the outsider in no organisation (""), an unnamed and each named one; is it certainly foreign?"""
    population = outsider.population
    base = Domains(domains_of(population, inside.request))
    base["kms:calleraccount"] = exactly(population.account)
    if inside.own is not None:
        base["aws:resourceaccount"] = exactly(inside.own)
    if inside.organization_id is not None:
        base["aws:resourceorgid"] = exactly(inside.organization_id)
    if not denies.by_organization and not _depends_on_organization(statement):
        yield "", base, True
        return
    yield "", _in_organization(base, None), True
    foreign = (
        _FOREIGN_ORGANIZATION
        if inside.organization_id != _FOREIGN_ORGANIZATION
        else _OTHER_FOREIGN_ORGANIZATION
    )
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
        # Only requests that a service makes for an outsider's resource have these keys.
        keys["aws:sourceorgid"] = Domain(members=((organization,),), present=None)
        keys["aws:sourceorgpaths"] = Domain(members=((f"{organization}/*",),), present=None)
    return Domains({**base, **keys})


def _organizations_of(statement: Statement) -> Iterator[str]:
    for clause in statement.clauses:
        if clause.key in _ORGANIZATION_KEYS:
            for value in clause.values:
                if "${" not in value:
                    yield value.partition("/")[0].replace("*", "0").replace("?", "0")


# Whether an Allow admits one outsider, or Deny statements revoke all of it.
#
# Source: IAM User Guide, "Policy evaluation logic": an explicit Deny wins, action by action and resource
# by resource.
class TooManyComparisonsError(Exception):
    """The policy needs more comparisons than any real one; never leaves this package."""


def is_admitted(
    statement: Statement,
    population: Population,
    domains: Domains,
    denies: tuple[Statement, ...],
    steps: Iterator[int],
) -> tuple[bool | None, str]:
    """Check whether an Allow admits these principals, and what limits the answer or leaves it unknown.

    `steps` is the rest of the budget. Raise TooManyComparisonsError when it is used up.
    """
    _step(steps, statement)
    principals = reach_of_principals(statement.principals, population)
    allowed = _for_one_principal(
        combined((principals, evaluate_clauses(statement.clauses, domains))), population
    )
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
            answers.append(_is_revoked(statement, allowed, verdicts(action, resource)))
            if answers[-1] is False:
                return False, ""
    return (True, "") if all(answers) else (None, doubts[0])


def _cells(element: Patterns) -> tuple[str, ...]:
    """Return what an Allow covers, to be denied piece by piece; a Not form covers everything or nothing."""
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
    return _for_one_principal(
        combined(
            (
                reach_of_patterns(deny.actions, action, "Action"),
                reach_of_principals(deny.principals, population),
                reach_of_patterns(deny.resources, resource, "Resource"),
                evaluate_clauses(deny.clauses, domains),
            )
        ),
        population,
    )


def _for_one_principal(verdict: Verdict, population: Population) -> Verdict:
    """Return OPEN for a single principal whose tag or id would decide: these are not known."""
    if population.arn and verdict.reach is Reach.SOME and PRINCIPAL in verdict.groups:
        return replace(verdict, reach=Reach.OPEN)
    return verdict


def _is_revoked(statement: Statement, allowed: Verdict, verdicts: Iterable[Verdict]) -> bool | None:
    """Return True if everything is denied, False if something is still allowed, None if that is unknown."""
    parts = [allowed]
    not_forms = {"Action-"} if statement.actions.negated else set()
    not_forms |= {"Resource-"} if statement.resources.negated else set()
    for verdict in verdicts:
        if verdict.reach is Reach.ALL:
            return True
        if verdict.groups & not_forms:
            return None  # both may leave out the same actions or resources
        if verdict.reach is not Reach.NONE:
            parts.append(verdict)
    return None if combined(parts).reach is Reach.OPEN and allowed.reach is not Reach.OPEN else False


def _step(steps: Iterator[int], statement: Statement) -> None:
    """Charge the budget for one comparison with a statement; a long statement costs more."""
    wanted = 1 + statement.weight // _TEXTS_PER_STEP
    if sum(1 for _ in islice(steps, wanted)) < wanted:
        raise TooManyComparisonsError
