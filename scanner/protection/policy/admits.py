"""Whether a vault, key or trust policy allows an account as a whole, or a service, to do something.

Sources: facts part 6 (rows 4, 9, 10); AWS KMS Developer Guide, "AWS KMS condition keys"; ruling 11 of
the catalogue of controls.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from scanner.model.known import Answer
from scanner.protection.policy.conditions import (
    ALL,
    NONE,
    Reach,
    Verdict,
    combined,
    evaluate_clause,
    evaluate_clauses,
    operator_of,
    shown,
)
from scanner.protection.policy.context_keys import (
    ABSENT,
    Context,
    Domain,
    Domains,
    Population,
    domains_of,
    exactly,
    within,
)
from scanner.protection.policy.document import Clause, Document, Principals, Statement
from scanner.protection.policy.match import arn_part, covers, is_account_id
from scanner.protection.policy.statements import Request, decide, reach_of, reach_of_patterns

# The actions that AWS Backup needs for any key (facts 6, row 10).
MINIMUM_KEY_ACTIONS = ("kms:CreateGrant", "kms:Decrypt", "kms:GenerateDataKey")

# What AWS re:Post requires as well for copies of backups under another account's key (facts 6, row 9).
FURTHER_KEY_ACTIONS = (
    "kms:DescribeKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)
SOURCE_KEY_ACTIONS = (*MINIMUM_KEY_ACTIONS, *FURTHER_KEY_ACTIONS)
_GRANT_ACTIONS = frozenset(("kms:creategrant", "kms:listgrants", "kms:revokegrant"))
_VIA_SERVICE = "kms:viaservice"
_ARN_OPERATORS = {
    f"{quantifier}{text}{suffix}": f"{quantifier}{arn}{suffix}"
    for text, arn in (("stringlike", "ArnLike"), ("stringnotlike", "ArnNotLike"))
    for quantifier in ("", "foranyvalue:", "forallvalues:")
    for suffix in ("", "ifexists")
}

# The services through which AWS Backup may use a key; clauses about other services never apply to it.
_BACKUP_SERVICES = (
    "backup",
    "backup-gateway",
    "backup-storage",
    "cloudformation",
    "docdb",
    "dynamodb",
    "ebs",
    "ec2",
    "eks",
    "elasticfilesystem",
    "fsx",
    "neptune",
    "rds",
    "redshift",
    "redshift-serverless",
    "s3",
    "ssm-sap",
    "storagegateway",
    "timestream",
)
_ANY: Final = "arn:{partition}:*"
_Reached = tuple[Statement, Verdict]
_ON_POINTS: Final = frozenset(
    (
        "backup:deleterecoverypoint",
        "backup:updaterecoverypointlifecycle",
        "backup:disassociaterecoverypoint",
    )
)
"""Actions on recovery points, whose ARNs are those of snapshots, images or AWS Backup itself."""


def admits_account(
    document: Document, *, account: str, action: str, resource: str, context: Context
) -> Answer:
    """Check whether a policy allows an account as a whole to do `action` on `resource` (the vault's ARN).

    True: every principal of the account. False: none. None: only some of them, an undecidable
    condition, a Deny on some, or a policy that cannot be read. `context` describes the account; the table of
    condition keys is in `context_keys`.
    """
    population = Population(account, arn_part(resource, 1) or context.partition)
    request = Request(action, resource, domains_of(population, context, resource))
    return decide(document, lambda statement: reach_of(statement, population, request), f"account {account}")


def key_allows_account(  # noqa: PLR0913 - the question has this many parts
    document: Document,
    *,
    account: str,
    key_account: str,
    actions: tuple[str, ...] = SOURCE_KEY_ACTIONS,
    context: Context,
    services: tuple[str, ...] = (),
    key_arn: str | None = None,
) -> Answer:
    """Check whether a key policy lets an account as a whole use the key for all of the actions.

    `services` are the services through which AWS Backup uses the key, as kms:ViaService names them:
    the owning one for types that it does not fully manage (`ec2`, `rds` …), `backup` for the others.
    A clause on kms:ViaService holds when it lets all of these through (in `context.region`, the key's
    Region); does not hold if it names only services that AWS Backup never uses; else it is unknown.
    kms:GrantIsForAWSResource is true for the grant actions (AWS Backup grants to AWS resources) and
    absent for others; kms:CallerAccount is the account. Without `key_arn`, a Resource that names one
    key is unknown rather than assumed to be this one. A reason names every action that it applies to.
    """
    if not actions:
        return Answer(None, "no action was given")
    resource = key_arn or f"arn:{context.partition}:kms:*:{key_account}:key/*"
    population = Population(account, context.partition)
    domains, via = domains_of(population, context, resource), _via(services, context)
    answers = []
    for action in actions:
        request = Request(action, resource, _key_domains(population, domains, action))
        answers.append(_key_answer(document, population, request, via))
    for value in (False, None):
        if lacking := [pair for pair in zip(actions, answers, strict=True) if pair[1].value is value]:
            return Answer(value, _by_reason(lacking))
    return answers[0]


def _by_reason(lacking: Iterable[tuple[str, Answer]]) -> str:
    """Return the actions that are not allowed, grouped by reason: `kms:A, kms:B: because`."""
    actions: dict[str, list[str]] = {}
    for action, answer in lacking:
        actions.setdefault(answer.because, []).append(action)
    return "; ".join(f"{', '.join(names)}: {because}" for because, names in actions.items())


def admits_service(  # noqa: PLR0913 - as above
    document: Document, *, service: str, action: str, resource: str, context: Context, account: str = ""
) -> Answer:
    """Check whether a policy allows a service principal (`backup.amazonaws.com`), like a trust policy.

    `account` is the account for which the service works: the service sends it as aws:SourceAccount, and one
    of its own ARNs in that account and `context.region` as aws:SourceArn. AWS does not document which ARN
    that is, so a clause that allows only some of them is open, and so is one on the ARN of another service.
    Without `account`, such conditions are open. `context.extra` overrides all this.

    Source: AWS Backup developer guide, "Cross-service confused deputy prevention".
    """
    strict, lenient = (
        decide(document, _service_reach(service, action, resource, domains), service)
        for domains in _service_domains(service, account, resource, context)
    )
    # True if it holds for the service's own ARNs; False only if it fails for any ARN of the account.
    return strict if strict.value is not False or lenient.value is False else lenient


def _service_domains(
    service: str, account: str, resource: str, context: Context
) -> tuple[Mapping[str, Domain], Mapping[str, Domain]]:
    """Return the keys of the service's calls: with ARNs of the service, and with any ARN of the account."""
    place = f"{context.region or '*'}:{account}:*"
    own = f"arn:{context.partition}:{service.partition('.')[0]}:{place}"
    any_service = (f"arn:{context.partition}:*:{place}", f"arn:{context.partition}:*::{account}:*")
    persons = ("aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths")
    domains = {
        **domains_of(Population(account), context, resource),
        **dict.fromkeys(persons, ABSENT),
        **_source_domains(account, context),
        "aws:principalisawsservice": exactly("true"),
        "aws:principalservicename": exactly(service),
        "aws:principalservicenameslist": Domain(),
        "aws:requestedregion": Domain(),  # STS has a global endpoint, too
    }
    extra = {key.lower(): exactly(*values) if values else ABSENT for key, values in context.extra}
    if not account:
        return {**domains, **extra}, {**domains, **extra}
    strict, lenient = ({**domains, "aws:sourcearn": within(*cells)} for cells in ((own,), any_service))
    return {**strict, **extra}, {**lenient, **extra}


def _source_domains(account: str, context: Context) -> Mapping[str, Domain]:
    """Return the keys for the account on whose behalf the service calls, and for its organisation."""
    organization, path = context.organization_id, context.organization_path
    return {
        "aws:sourceaccount": exactly(account) if account else Domain(),
        "aws:sourceorgid": exactly(organization) if account and organization else Domain(),
        "aws:sourceorgpaths": exactly(path) if account and path else Domain(),
    }


def _service_reach(
    service: str, action: str, resource: str, domains: Mapping[str, Domain]
) -> Callable[[Statement], Verdict]:
    def reached(statement: Statement) -> Verdict:
        named = _names_service(statement.principals, service)
        action_reach = reach_of_patterns(statement.actions, action.lower(), "Action")
        resource_reach = reach_of_patterns(statement.resources, resource, "Resource")
        clauses = map(_by_arn_parts, statement.clauses)
        return combined((named, action_reach, resource_reach, evaluate_clauses(clauses, domains)))

    return reached


def _by_arn_parts(clause: Clause) -> Clause:
    """Compare aws:SourceArn part by part if StringLike names an account.

    As text, `arn:aws:backup:*:222222222222:*` could match an ARN of another account whose last part holds
    that account id between colons. No ARN of AWS Backup does.
    """
    operator = _ARN_OPERATORS.get(clause.operator.lower())
    if clause.key != "aws:sourcearn" or operator is None:
        return clause
    if not all(is_account_id(arn_part(value, 4)) for value in clause.values):
        return clause
    return replace(clause, operator=operator)


def _names_service(principals: Principals, service: str) -> Verdict:
    named = principals.everyone or any(covers(pattern, service) for pattern in principals.services)
    return ALL if named is not principals.negated else NONE


def _key_domains(population: Population, base: Mapping[str, Domain], action: str) -> Mapping[str, Domain]:
    domains = Domains(base)
    grants = action.lower() in _GRANT_ACTIONS
    domains.setdefault("kms:calleraccount", exactly(population.account))
    domains.setdefault("kms:grantisforawsresource", exactly("true") if grants else ABSENT)
    return domains


def _via(services: tuple[str, ...], context: Context) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the values of kms:ViaService that will occur, and all that may occur."""
    suffix = "amazonaws.com.cn" if context.partition == "aws-cn" else "amazonaws.com"
    place = f"{context.region or '*'}.{suffix}"
    return (
        tuple(f"{service}.{place}" for service in services),
        tuple(f"{service}.{place}" for service in (*_BACKUP_SERVICES, *services)),
    )


def _key_answer(
    document: Document,
    population: Population,
    request: Request,
    via: tuple[tuple[str, ...], tuple[str, ...]],
) -> Answer:
    def reached(statement: Statement) -> Verdict:
        rest = tuple(clause for clause in statement.clauses if clause.key != _VIA_SERVICE)
        about = [clause for clause in statement.clauses if clause.key == _VIA_SERVICE]
        if not about:
            return reach_of(statement, population, request)
        whole = reach_of(replace(statement, clauses=rest), population, request)
        return combined((whole, *(_evaluate_via(clause, *via) for clause in about)))

    return decide(document, reached, f"account {population.account} to use the key")


def _evaluate_via(clause: Clause, used: tuple[str, ...], possible: tuple[str, ...]) -> Verdict:
    """Decide if the clause names all services in question, or none that AWS Backup uses; else it is open."""
    operator = operator_of(clause.operator)
    if operator is None or operator.is_null:
        return Verdict(Reach.OPEN, f"the condition {shown(clause)} cannot be evaluated")
    named = Reach.NONE if operator.negated else Reach.ALL
    if used:
        verdict = evaluate_clause(clause, Domain(members=(used,), present=True))
        if verdict.reach is named:
            return verdict
    verdict = evaluate_clause(clause, Domain(members=(possible,), present=True))
    return verdict if verdict.reach in (Reach.ALL, Reach.NONE) else replace(verdict, reach=Reach.OPEN)


# An attacker who takes over an account can act as each of its roles and users, and create new ones. So it is
# enough if one principal is allowed, whereas `admits_account` requires the account as a whole (ruling 11).
def any_principal_allowed(
    document: Document, *, account: str, action: str, resource: str, context: Context
) -> Answer:
    """Check whether a policy lets some principal of an account do `action` on `resource` (the vault's ARN).

    If the action is on recovery points, any recovery point of the vault counts. False: no principal of the
    account. None: unknown, or the policy cannot be read. An explicit Deny wins, but a Deny on some principals
    revokes only a part of an Allow to the whole account.
    """
    if not document.readable:
        return Answer(None, f"the policy cannot be read: {document.problem}")
    population = Population(account, arn_part(resource, 1) or context.partition)
    domains = domains_of(population, context, resource)
    points = _ANY.format(partition=population.partition)
    cells = (resource, points) if action.lower() in _ON_POINTS else (resource,)
    answers = [_evaluated(document, population, Request(action, cell, domains)) for cell in cells]
    return next(
        (answer for wanted in (True, None) for answer in answers if answer.value is wanted), answers[0]
    )


def _evaluated(document: Document, population: Population, request: Request) -> Answer:
    reached = [(statement, reach_of(statement, population, request)) for statement in document.statements]
    met = [pair for pair in reached if pair[1].reach is not Reach.NONE]
    allows = [pair for pair in met if pair[0].allow]
    denies = [pair for pair in met if not pair[0].allow]
    who = f"account {population.account}"
    if not allows:
        return Answer(value=False, because=f"no statement allows it to {who}")
    if denied := _first_with(denies, Reach.ALL):
        return Answer(value=False, because=f"{denied.label} denies it to {who}")
    if _leaves_some_allowed(allows, denies):
        allowed = _first_with(allows, Reach.ALL) or _first_with(allows, Reach.SOME) or allows[0][0]
        return Answer(value=True, because=f"{allowed.label} allows it to {who}")
    statement, verdict = (denies or allows)[0]
    return Answer(None, f"{statement.label}: {verdict.because}")


def _leaves_some_allowed(allows: Iterable[_Reached], denies: list[_Reached]) -> bool:
    """Check whether some request is certainly allowed: two parts may be disjoint, a whole and a part not."""
    if not denies:
        return _first_with(allows, Reach.ALL, Reach.SOME) is not None
    one_part = len(denies) == 1 and denies[0][1].reach is Reach.SOME
    return one_part and _first_with(allows, Reach.ALL) is not None


def _first_with(reached: Iterable[_Reached], *reaches: Reach) -> Statement | None:
    return next((statement for statement, verdict in reached if verdict.reach in reaches), None)
