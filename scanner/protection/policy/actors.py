"""Which principals can do an action by a policy?

The policy itself says whom to ask about: everybody (an account that it does not name, in no organisation
and in a foreign one), the organisations and organisational units of its conditions, the accounts, roles
and users that it names, the services. Each is asked like any other question; those of whom it cannot be
told are kept apart, with the clause that stopped the answer.

Source: IAM User Guide, "Policy evaluation logic", "AWS JSON policy elements: Principal".
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from scanner.model.ternary import Answer
from scanner.protection.policy.admits import admits_service
from scanner.protection.policy.answers import Admission, Undecided
from scanner.protection.policy.conditions import Reach, shown
from scanner.protection.policy.context_keys import PRINCIPAL_ARN, Context, Population, domains_of
from scanner.protection.policy.document import Document, Statement
from scanner.protection.policy.match import arn_part, covers, has_wildcard, is_account_id
from scanner.protection.policy.statements import Request, decide, reach_of, reach_of_patterns

_EVERYBODY = "*"
_IN_NONE = (("aws:PrincipalOrgID", ()), ("aws:PrincipalOrgPaths", ()))
_FOREIGN, _UNNAMED = "o-foreign000", "vaultproof-nobody"
_ACCOUNT_KEYS = frozenset(("aws:principalaccount", "kms:calleraccount"))
_ORGANIZATION, _PATHS = "aws:principalorgid", "aws:principalorgpaths"
# More than any policy that AWS accepts (20 or 32 kB) can ask for.
_MOST_TEXTS_ASKED = 1_000_000
_MOST_STRANGERS = 1_000


@dataclass(frozen=True, slots=True)
class _Party:
    """Somebody to ask about: how to write them, who they are, what is known of them."""

    pattern: str
    population: Population
    context: Context


@dataclass(slots=True)
class _Found:
    allowed: dict[str, None] = field(default_factory=dict)
    excepted: dict[str, None] = field(default_factory=dict)
    undecided: dict[str, Undecided] = field(default_factory=dict)

    @property
    def wide(self) -> bool:
        """Whether somebody is allowed by a pattern that others may fall under."""
        return any("*" in pattern for pattern in self.allowed)

    def note(self, pattern: str, answer: Answer, *, implied: bool = False) -> None:
        """Keep an answer; `implied`: a wider pattern already says that they may."""
        if answer.value is None:
            self.undecided.setdefault(pattern, Undecided(pattern, answer.because))
        elif answer.value and not implied:
            self.allowed[pattern] = None
        elif not answer.value and (implied or self.wide):
            self.excepted[pattern] = None


def who_can(
    document: Document,
    *,
    action: str,
    resource: str,
    context: Context,
    member_accounts: frozenset[str] = frozenset(),
) -> Admission:
    """Who can do `action` on `resource` (the vault's ARN) by this policy.

    `context` describes the resource's own account and its organisation; `member_accounts` are accounts that
    are known to belong to the same organisation. Never raises; a policy that cannot be read gives an
    Admission that is not complete.
    """
    if not document.readable:
        return Admission((), (), (), complete=False, because=f"the policy cannot be read: {document.problem}")
    statements = tuple(one for one in document.statements if _concerns(one, action, resource))
    narrow = replace(document, statements=statements)
    if not any(statement.allow for statement in statements):
        return Admission((), (), (), complete=True, because="no statement allows it to any principal")
    partition = arn_part(resource, 1) or context.partition
    here = replace(context, partition=partition, resource_organization_id=context.organization_id)
    survey = _Survey(narrow, action, resource, here, member_accounts)
    if survey.size * sum(statement.weight for statement in statements) > _MOST_TEXTS_ASKED:
        return Admission(
            (), (), (), complete=False, because="the policy names too many principals to evaluate each"
        )
    return survey.admission()


def _concerns(statement: Statement, action: str, resource: str) -> bool:
    return (
        reach_of_patterns(statement.actions, action.lower(), "Action").reach is not Reach.NONE
        and reach_of_patterns(statement.resources, resource, "Resource").reach is not Reach.NONE
    )


class _Survey:
    """All that a policy names, asked one after the other, the widest first."""

    def __init__(
        self, document: Document, action: str, resource: str, context: Context, members: frozenset[str]
    ) -> None:
        self._document, self._action, self._resource = document, action, resource
        # Whom no text tells is listed apart, and so left out of what everybody else is asked.
        told = (_told(one) if one.allow else one for one in document.statements)
        self._asked = replace(document, statements=tuple(told))
        self._own, self._context, self._members = arn_part(resource, 4), context, members
        own, place = _by_variable(document, self._own, context)
        self._accounts = dict.fromkeys((*own, *_accounts(document)))
        self._arns: dict[str, dict[str, None]] = {}
        for arn in _arns(document):
            self._arns.setdefault(arn_part(arn, 4), {})[arn] = None
        self._services = dict.fromkeys(
            name for one in document.statements if one.allow for name in one.principals.services
        )
        self._organizations = dict.fromkeys((*place, *_organizations(document)))
        self._vague = dict.fromkeys(_vague(document))

    @property
    def size(self) -> int:
        """How many parties there are to ask about."""
        named = sum(len(arns) for arns in self._arns.values())
        return 5 * len(self._accounts) + named + len(self._services) + len(self._organizations) + 3

    def admission(self) -> Admission:
        """Ask about everybody, organisations, accounts, principals and services."""
        found = _Found()
        everybody = self._everybody(found)
        for account in self._accounts:
            self._whole(account, found, everybody=everybody)
        for service in self._services if not everybody else ():
            found.note(service, self._service(service))
        self._opaque(found)
        return Admission(
            tuple(found.allowed), tuple(found.excepted), tuple(found.undecided.values()), complete=True
        )

    def _everybody(self, found: _Found) -> bool:
        """Ask about an account that nothing names: in no organisation, a foreign one, each named one."""
        stranger = Population(self._stranger(), self._context.partition)
        nowhere = replace(self._context, organization_id=None, organization_path=None)
        homeless = replace(nowhere, extra=(*nowhere.extra, *_IN_NONE))
        foreign = replace(nowhere, organization_id=_FOREIGN)
        answers = [self._ask(_Party(_EVERYBODY, stranger, one)) for one in (homeless, foreign)]
        answer = next((one for one in answers if one.value is None), answers[0])
        if answers[0].value is not answers[1].value and answer.value is not None:
            answer = Answer(None, f"{answers[1].because}: it depends on the organisation that they belong to")
        found.note(_EVERYBODY, answer)
        for clause in self._vague:
            found.note(_EVERYBODY, Answer(None, clause))
        for place in self._organizations:
            identity, slash, below = place.partition("/")
            path = place if slash and below != "*" else None
            context = replace(nowhere, organization_id=identity, organization_path=path)
            inside = self._ask(_Party(place, stranger, context))
            if inside.value is not None or answer.value is not None:
                found.note(place, inside, implied=bool(answer.value))
        return bool(answer.value)

    def _whole(self, account: str, found: _Found, *, everybody: bool) -> None:
        """Ask about an account, and about those of it that the policy names."""
        party = self._account(account)
        answer = self._ask(party)
        implied = everybody or f"{party.context.organization_id}/*" in found.allowed
        mine = self._arns.get(account, {})
        if answer.value is not None or not mine:
            found.note(party.pattern, answer, implied=implied)
        elif any(self._principal(arn).value is not False for arn in self._others(account)):
            found.note(party.pattern, answer)
        if answer.value is not False:
            for arn in mine:
                found.note(arn, self._principal(arn), implied=implied or bool(answer.value))

    def _others(self, account: str) -> tuple[str, ...]:
        """Principals of an account, one of each kind, that no policy names."""
        iam, sts = (f"arn:{self._context.partition}:{name}::{account}" for name in ("iam", "sts"))
        return (
            f"{iam}:root",
            f"{iam}:user/{_UNNAMED}",
            f"{iam}:role/{_UNNAMED}",
            f"{sts}:federated-user/{_UNNAMED}",
        )

    def _account(self, account: str) -> _Party:
        population = Population(account, self._context.partition)
        pattern = f"arn:{self._context.partition}:iam::{account}:root"
        return _Party(pattern, population, self._known_of(account))

    def _known_of(self, account: str) -> Context:
        if account == self._own:
            return self._context
        known = self._context.organization_id if account in self._members else None
        return replace(self._context, organization_id=known, organization_path=None)

    def _principal(self, arn: str) -> Answer:
        account = arn_part(arn, 4)
        population = Population(account, self._context.partition, arn)
        return self._ask(_Party(arn, population, self._known_of(account)))

    def _service(self, service: str) -> Answer:
        return admits_service(
            self._document,
            service=service,
            action=self._action,
            resource=self._resource,
            context=self._context,
        )

    def _opaque(self, found: _Found) -> None:
        for statement in self._document.statements:
            if statement.allow and not statement.principals.negated:
                for text in statement.principals.opaque:
                    because = f"{statement.label}: which principal {text[:80]!r} refers to is unknown"
                    found.note(text, Answer(None, because))

    def _ask(self, party: _Party) -> Answer:
        domains = domains_of(party.population, party.context, self._resource)
        request = Request(self._action, self._resource, domains)
        return decide(
            self._asked,
            lambda statement: reach_of(statement, party.population, request),
            party.pattern,
        )

    def _stranger(self) -> str:
        """An account of which the policy does not speak, not even by a pattern."""
        patterns = [account for account in self._accounts if has_wildcard(account)]
        for number in range(_MOST_STRANGERS):
            account = str(999_999_999_999 - number * 111_111_111_101 % 900_000_000_000)
            known = account in self._accounts or account in self._members or account == self._own
            if not known and not any(covers(pattern, account) for pattern in patterns):
                return account
        self._vague["the policy distinguishes all accounts by patterns"] = None
        return "000000000000"


def _told(statement: Statement) -> Statement:
    principals = statement.principals
    return statement if principals.negated else replace(statement, principals=replace(principals, opaque=()))


def _accounts(document: Document) -> Iterator[str]:
    """Every account that a statement names in whatever way; patterns that fit some accounts only, too."""
    for statement in document.statements:
        yield from sorted(statement.principals.accounts)
        yield from (arn_part(arn, 4) for arn in statement.principals.arns)
        for clause in statement.clauses:
            if clause.key in _ACCOUNT_KEYS or clause.key == PRINCIPAL_ARN:
                for value in clause.values:
                    account = arn_part(value, 4) if clause.key == PRINCIPAL_ARN else value
                    if is_account_id(account) or _fits_some(account):
                        yield account


def _fits_some(account: str) -> bool:
    """Check whether it is a pattern that fits some accounts and not others."""
    return has_wildcard(account) and "${" not in account and any(sign.isdigit() for sign in account)


def _vague(document: Document) -> Iterator[str]:
    """The clauses on ARNs by which accounts are told apart in a way that cannot be followed."""
    for statement in document.statements:
        for clause in statement.clauses:
            texts = (one for one in clause.values if clause.key == PRINCIPAL_ARN and has_wildcard(one))
            if any(not arn_part(text, 4) and any(sign.isdigit() for sign in text) for text in texts):
                yield f"{statement.label}: the condition {shown(clause)} cannot be evaluated for each account"


def _arns(document: Document) -> Iterator[str]:
    """Every principal of one account that a statement names, by pattern or one by one."""
    for statement in document.statements:
        yield from statement.principals.arns
        for clause in statement.clauses:
            if clause.key == PRINCIPAL_ARN:
                yield from (value for value in clause.values if is_account_id(arn_part(value, 4)))


def _by_variable(
    document: Document, account: str, context: Context
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The resource's own account and organisation, which policy variables name without naming them."""
    clauses = (clause for statement in document.statements for clause in statement.clauses)
    if not any("${" in value for clause in clauses for value in clause.values):
        return (), ()
    return (account,), (f"{context.organization_id}/*",) if context.organization_id else ()


def _organizations(document: Document) -> Iterator[str]:
    """Every organisation, and every place in one, that a condition names: as patterns of their paths."""
    for statement in document.statements:
        for clause in statement.clauses:
            for value in clause.values if clause.key in (_ORGANIZATION, _PATHS) else ():
                if "${" not in value:
                    in_tree = clause.key == _PATHS and "/" in value
                    yield value if in_tree else f"{value.partition('/')[0]}/*"
