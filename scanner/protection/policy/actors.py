"""Which principals can do an action by a policy.

The candidates come from the policy: everyone (an account that it does not name, in no organisation and in a
foreign one), the organisations and organisational units of its conditions, the accounts, roles and users
that it names, and the services. The policy is evaluated for each candidate. If the answer is unknown, the
candidate is listed with the clause that cannot be evaluated.

Source: IAM User Guide, "Policy evaluation logic", "AWS JSON policy elements: Principal".
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from scanner.model.known import Answer
from scanner.protection.policy.admits import admits_service
from scanner.protection.policy.conditions import Reach, shown
from scanner.protection.policy.context_keys import PRINCIPAL_ARN, Context, Population, domains_of
from scanner.protection.policy.document import Admission, Document, Statement, Undecided
from scanner.protection.policy.match import arn_part, covers, has_wildcard, is_account_id
from scanner.protection.policy.statements import Request, decide, reach_of, reach_of_patterns

_EVERYONE = "*"
_NO_ORGANIZATION = (("aws:PrincipalOrgID", ()), ("aws:PrincipalOrgPaths", ()))
_FOREIGN_ORGANIZATION, _UNNAMED_PRINCIPAL = "o-foreign000", "vaultproof-unnamed"
_ACCOUNT_KEYS = frozenset(("aws:principalaccount", "kms:calleraccount"))
_ORGANIZATION, _PATHS = "aws:principalorgid", "aws:principalorgpaths"
# More comparisons than any policy that AWS accepts (20 or 32 kB) needs.
_MAX_COMPARISONS = 1_000_000
_MAX_UNNAMED_ACCOUNTS = 1_000


@dataclass(frozen=True, slots=True)
class _Candidate:
    """Principals for which the policy is evaluated: their pattern in the result, and their context."""

    pattern: str
    population: Population
    context: Context


@dataclass(slots=True)
class _Results:
    allowed: dict[str, None] = field(default_factory=dict)
    excepted: dict[str, None] = field(default_factory=dict)
    undecided: dict[str, Undecided] = field(default_factory=dict)

    @property
    def has_wildcard_pattern(self) -> bool:
        """Whether an allowed pattern may match other principals, too."""
        return any("*" in pattern for pattern in self.allowed)

    def note(self, pattern: str, answer: Answer, *, implied: bool = False) -> None:
        """Record an answer; `implied`: a wider pattern already allows these principals."""
        if answer.value is None:
            self.undecided.setdefault(pattern, Undecided(pattern, answer.because))
        elif answer.value and not implied:
            self.allowed[pattern] = None
        elif not answer.value and (implied or self.has_wildcard_pattern):
            self.excepted[pattern] = None


def who_can(
    document: Document,
    *,
    action: str,
    resource: str,
    context: Context,
    member_accounts: frozenset[str] = frozenset(),
) -> Admission:
    """Return who can do `action` on `resource` (the vault's ARN) by this policy.

    `context` describes the resource's own account and its organisation; `member_accounts` are accounts that
    are known to belong to the same organisation. If the policy cannot be read, the result is not `complete`.
    """
    if not document.readable:
        return Admission((), (), (), complete=False, because=f"the policy cannot be read: {document.problem}")
    statements = tuple(entry for entry in document.statements if _applies(entry, action, resource))
    narrow = replace(document, statements=statements)
    if not any(statement.allow for statement in statements):
        return Admission((), (), (), complete=True, because="no statement allows it to any principal")
    partition = arn_part(resource, 1) or context.partition
    here = replace(context, partition=partition, resource_organization_id=context.organization_id)
    survey = _PrincipalSurvey(narrow, action, resource, here, member_accounts)
    if survey.size * sum(statement.weight for statement in statements) > _MAX_COMPARISONS:
        return Admission(
            (), (), (), complete=False, because="the policy names too many principals to evaluate each"
        )
    return survey.admission()


def _applies(statement: Statement, action: str, resource: str) -> bool:
    return (
        reach_of_patterns(statement.actions, action.lower(), "Action").reach is not Reach.NONE
        and reach_of_patterns(statement.resources, resource, "Resource").reach is not Reach.NONE
    )


class _PrincipalSurvey:
    """Evaluates a policy for all candidates that it names, the widest first."""

    def __init__(
        self, document: Document, action: str, resource: str, context: Context, members: frozenset[str]
    ) -> None:
        self._document, self._action, self._resource = document, action, resource
        # Opaque principals are reported by _note_opaque, and would leave every other answer unknown.
        decidable = (
            _without_opaque(statement) if statement.allow else statement for statement in document.statements
        )
        self._decidable = replace(document, statements=tuple(decidable))
        self._own, self._context, self._members = arn_part(resource, 4), context, members
        own, place = _by_variable(document, self._own, context)
        self._accounts = dict.fromkeys((*own, *_accounts(document)))
        self._arns: dict[str, dict[str, None]] = {}
        for arn in _arns(document):
            self._arns.setdefault(arn_part(arn, 4), {})[arn] = None
        self._services = dict.fromkeys(
            name
            for statement in document.statements
            if statement.allow
            for name in statement.principals.services
        )
        self._organizations = dict.fromkeys((*place, *_organizations(document)))
        self._undecidable_conditions = dict.fromkeys(_undecidable_conditions(document))

    @property
    def size(self) -> int:
        """The number of candidates."""
        named = sum(len(arns) for arns in self._arns.values())
        return 5 * len(self._accounts) + named + len(self._services) + len(self._organizations) + 3

    def admission(self) -> Admission:
        """Evaluate the policy for everyone, organisations, accounts, principals and services."""
        results = _Results()
        everyone = self._ask_everyone(results)
        for account in self._accounts:
            self._ask_account(account, results, everyone=everyone)
        for service in self._services if not everyone else ():
            results.note(service, self._ask_service(service))
        self._note_opaque(results)
        return Admission(
            tuple(results.allowed), tuple(results.excepted), tuple(results.undecided.values()), complete=True
        )

    def _ask_everyone(self, results: _Results) -> bool:
        """Evaluate for an account that is not named: in no, a foreign and each named organisation."""
        stranger = Population(self._unnamed_account(), self._context.partition)
        base = replace(self._context, organization_id=None, organization_path=None)
        in_none = self._ask(
            _Candidate(_EVERYONE, stranger, replace(base, extra=(*base.extra, *_NO_ORGANIZATION)))
        )
        in_foreign = self._ask(
            _Candidate(_EVERYONE, stranger, replace(base, organization_id=_FOREIGN_ORGANIZATION))
        )
        answer = in_foreign if in_none.value is not None and in_foreign.value is None else in_none
        if in_none.value is not in_foreign.value and answer.value is not None:
            answer = Answer(None, f"{in_foreign.because}: it depends on the organisation that they belong to")
        results.note(_EVERYONE, answer)
        for clause in self._undecidable_conditions:
            results.note(_EVERYONE, Answer(None, clause))
        for place in self._organizations:
            identity, slash, below = place.partition("/")
            path = place if slash and below != "*" else None
            context = replace(base, organization_id=identity, organization_path=path)
            inside = self._ask(_Candidate(place, stranger, context))
            if inside.value is not None or answer.value is not None:
                results.note(place, inside, implied=bool(answer.value))
        return bool(answer.value)

    def _ask_account(self, account: str, results: _Results, *, everyone: bool) -> None:
        """Evaluate for an account, and for its principals that the policy names."""
        candidate = self._account(account)
        answer = self._ask(candidate)
        implied = everyone or f"{candidate.context.organization_id}/*" in results.allowed
        # The account as a whole is undecided if statements name some of its principals. These are evaluated
        # one by one, so the rest of the account counts only if another principal of it may be allowed.
        mine = self._arns.get(account, {})
        if answer.value is not None or not mine:
            results.note(candidate.pattern, answer, implied=implied)
        elif any(self._ask_principal(arn).value is not False for arn in self._unnamed_principals(account)):
            results.note(candidate.pattern, answer)
        if answer.value is not False:
            for arn in mine:
                results.note(arn, self._ask_principal(arn), implied=implied or bool(answer.value))

    def _unnamed_principals(self, account: str) -> tuple[str, ...]:
        """Return principals of an account that no policy names, one of each kind."""
        iam, sts = (f"arn:{self._context.partition}:{name}::{account}" for name in ("iam", "sts"))
        return (
            f"{iam}:root",
            f"{iam}:user/{_UNNAMED_PRINCIPAL}",
            f"{iam}:role/{_UNNAMED_PRINCIPAL}",
            f"{sts}:federated-user/{_UNNAMED_PRINCIPAL}",
        )

    def _account(self, account: str) -> _Candidate:
        population = Population(account, self._context.partition)
        pattern = f"arn:{self._context.partition}:iam::{account}:root"
        return _Candidate(pattern, population, self._context_of(account))

    def _context_of(self, account: str) -> Context:
        if account == self._own:
            return self._context
        organization_id = self._context.organization_id if account in self._members else None
        return replace(self._context, organization_id=organization_id, organization_path=None)

    def _ask_principal(self, arn: str) -> Answer:
        account = arn_part(arn, 4)
        population = Population(account, self._context.partition, arn)
        return self._ask(_Candidate(arn, population, self._context_of(account)))

    def _ask_service(self, service: str) -> Answer:
        return admits_service(
            self._document,
            service=service,
            action=self._action,
            resource=self._resource,
            context=self._context,
        )

    def _note_opaque(self, results: _Results) -> None:
        for statement in self._document.statements:
            if statement.allow and not statement.principals.negated:
                for text in statement.principals.opaque:
                    because = f"{statement.label}: which principal {text[:80]!r} refers to is unknown"
                    results.note(text, Answer(None, because))

    def _ask(self, candidate: _Candidate) -> Answer:
        domains = domains_of(candidate.population, candidate.context, self._resource)
        request = Request(self._action, self._resource, domains)
        return decide(
            self._decidable,
            lambda statement: reach_of(statement, candidate.population, request),
            candidate.pattern,
        )

    def _unnamed_account(self) -> str:
        """Return an account that the policy neither names nor matches by a pattern."""
        patterns = [account for account in self._accounts if has_wildcard(account)]
        for number in range(_MAX_UNNAMED_ACCOUNTS):
            account = str(999_999_999_999 - number * 111_111_111_101 % 900_000_000_000)
            is_named = account in self._accounts or account in self._members or account == self._own
            if not is_named and not any(covers(pattern, account) for pattern in patterns):
                return account
        self._undecidable_conditions["the policy distinguishes all accounts by patterns"] = None
        return "000000000000"


def _without_opaque(statement: Statement) -> Statement:
    principals = statement.principals
    return statement if principals.negated else replace(statement, principals=replace(principals, opaque=()))


def _accounts(document: Document) -> Iterator[str]:
    """Yield every account that a statement names in any way, and patterns that match some accounts only."""
    for statement in document.statements:
        yield from sorted(statement.principals.accounts)
        yield from (arn_part(arn, 4) for arn in statement.principals.arns)
        for clause in statement.clauses:
            if clause.key in _ACCOUNT_KEYS or clause.key == PRINCIPAL_ARN:
                for value in clause.values:
                    account = arn_part(value, 4) if clause.key == PRINCIPAL_ARN else value
                    if is_account_id(account) or _matches_some(account):
                        yield account


def _matches_some(account: str) -> bool:
    """Check whether it is a pattern that matches some accounts and not others."""
    return has_wildcard(account) and "${" not in account and any(sign.isdigit() for sign in account)


def _undecidable_conditions(document: Document) -> Iterator[str]:
    """Yield the conditions on ARNs that distinguish accounts in a way that cannot be evaluated."""
    for statement in document.statements:
        for clause in statement.clauses:
            texts = (value for value in clause.values if clause.key == PRINCIPAL_ARN and has_wildcard(value))
            if any(not arn_part(text, 4) and any(sign.isdigit() for sign in text) for text in texts):
                yield f"{statement.label}: the condition {shown(clause)} cannot be evaluated for each account"


def _arns(document: Document) -> Iterator[str]:
    """Yield every principal of one account that a statement names, also by pattern."""
    for statement in document.statements:
        yield from statement.principals.arns
        for clause in statement.clauses:
            if clause.key == PRINCIPAL_ARN:
                yield from (value for value in clause.values if is_account_id(arn_part(value, 4)))


def _by_variable(
    document: Document, account: str, context: Context
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the resource's own account and organisation, if policy variables may refer to them."""
    clauses = (clause for statement in document.statements for clause in statement.clauses)
    if not any("${" in value for clause in clauses for value in clause.values):
        return (), ()
    return (account,), (f"{context.organization_id}/*",) if context.organization_id else ()


def _organizations(document: Document) -> Iterator[str]:
    """Yield every organisation and organisational unit that a condition names, as patterns of their paths."""
    for statement in document.statements:
        for clause in statement.clauses:
            for value in clause.values if clause.key in (_ORGANIZATION, _PATHS) else ():
                if "${" not in value:
                    in_tree = clause.key == _PATHS and "/" in value
                    yield value if in_tree else f"{value.partition('/')[0]}/*"
