"""May an account as a whole, or a service, do something? Vault policies, key policies, trust policies.

Sources: facts part 6 (rows 4, 9, 10); AWS KMS Developer Guide, "AWS KMS condition keys"; ruling 11 of
the catalogue of controls.
"""

from collections.abc import Mapping
from dataclasses import replace

from scanner.protection.policy.answers import Answer
from scanner.protection.policy.conditions import ALL, NONE, Reach, Verdict, judge, judge_all, meet, shown
from scanner.protection.policy.document import Clause, Document, Principals, Statement
from scanner.protection.policy.domains import ABSENT, Domain, exactly
from scanner.protection.policy.known import Context, Domains, Population, domains_of
from scanner.protection.policy.match import arn_part, covers
from scanner.protection.policy.operators import operator_of
from scanner.protection.policy.statements import Request, decide, reach_of, reach_of_patterns

# What a copy needs of the source's key in the destination account (facts 6, row 9).
SOURCE_KEY_ACTIONS = (
    "kms:DescribeKey",
    "kms:Decrypt",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:GenerateDataKey",
    "kms:CreateGrant",
)
_GRANT_ACTIONS = frozenset(("kms:creategrant", "kms:listgrants", "kms:revokegrant"))
_VIA_SERVICE = "kms:viaservice"
# Through which services AWS Backup may reach a key at all; a clause about others concerns it never.
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


def admits_account(
    document: Document, *, account: str, action: str, resource: str, context: Context
) -> Answer:
    """Whether a policy allows an account as a whole to do `action` on `resource` (the vault's ARN).

    True: every principal of the account. False: none. None: only some of them, an undecidable
    condition, a Deny on some, or a policy that cannot be read. `context` describes the account;
    `known` has the table of condition keys.
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
    """Whether a key policy lets an account as a whole use the key for all of the actions.

    `services` are the services through which AWS Backup uses the key, as kms:ViaService names them:
    the owning one for types that it does not fully manage (`ec2`, `rds` …), `backup` for the others.
    A clause on kms:ViaService holds when it lets all of these through (in `context.region`, the key's
    Region); does not hold when it names only services that AWS Backup never uses; else is unknown.
    kms:GrantIsForAWSResource is true for the grant actions (AWS Backup grants to AWS resources) and
    absent for others; kms:CallerAccount is the account. Without `key_arn`, a Resource that names one
    key is unknown rather than assumed to be this one.
    """
    if not actions:
        return Answer(None, "no action was asked for")
    resource = key_arn or f"arn:{context.partition}:kms:*:{key_account}:key/*"
    population = Population(account, context.partition)
    known, via = domains_of(population, context, resource), _via(services, context)
    answers = []
    for action in actions:
        request = Request(action, resource, _key_domains(population, known, action))
        answers.append(_key_answer(document, population, request, via))
    for wanted in (False, None):
        for answer, action in zip(answers, actions, strict=True):
            if answer.value is wanted:
                return replace(answer, because=f"{action}: {answer.because}")
    return answers[0]


def admits_service(
    document: Document, *, service: str, action: str, resource: str, context: Context
) -> Answer:
    """Whether a policy allows a service principal (`backup.amazonaws.com`), as in a role's trust policy.

    `context` is of no account: its organisation is left aside. Conditions on the source of the call
    (aws:SourceAccount, aws:SourceArn …) are unknown unless `context.extra` holds them.
    """
    domains = domains_of(Population(""), context)
    persons = ("aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths")
    sources = ("aws:sourceaccount", "aws:sourceorgid", "aws:sourceorgpaths")
    known = {
        **domains,
        **dict.fromkeys(persons, ABSENT),
        **dict.fromkeys(sources, Domain()),
        "aws:principalisawsservice": exactly("true"),
        "aws:principalservicename": exactly(service),
        "aws:principalservicenameslist": Domain(),
        **{key.lower(): exactly(*values) if values else ABSENT for key, values in context.extra},
    }

    def reached(statement: Statement) -> Verdict:
        named = _names_service(statement.principals, service)
        action_reach = reach_of_patterns(statement.actions, action.lower(), "Action")
        resource_reach = reach_of_patterns(statement.resources, resource, "Resource")
        return meet((named, action_reach, resource_reach, judge_all(statement.clauses, known)))

    return decide(document, reached, service)


def _names_service(principals: Principals, service: str) -> Verdict:
    named = principals.everyone or any(covers(pattern, service) for pattern in principals.services)
    return ALL if named is not principals.negated else NONE


def _key_domains(population: Population, known: Mapping[str, Domain], action: str) -> Mapping[str, Domain]:
    domains = Domains(known)
    grants = action.lower() in _GRANT_ACTIONS
    domains.setdefault("kms:calleraccount", exactly(population.account))
    domains.setdefault("kms:grantisforawsresource", exactly("true") if grants else ABSENT)
    return domains


def _via(services: tuple[str, ...], context: Context) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The values of kms:ViaService that will occur, and all that could."""
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
        return meet((whole, *(_judge_via(clause, *via) for clause in about)))

    return decide(document, reached, f"account {population.account} to use the key")


def _judge_via(clause: Clause, used: tuple[str, ...], possible: tuple[str, ...]) -> Verdict:
    """Decided when the clause names all services in question, or none that AWS Backup uses; else open."""
    operator = operator_of(clause.operator)
    if operator is None or operator.is_null:
        return Verdict(Reach.OPEN, f"the condition {shown(clause)} cannot be decided")
    named = Reach.NONE if operator.negated else Reach.ALL
    if used:
        verdict = judge(clause, Domain(members=(used,), present=True))
        if verdict.reach is named:
            return verdict
    verdict = judge(clause, Domain(members=(possible,), present=True))
    return verdict if verdict.reach in (Reach.ALL, Reach.NONE) else replace(verdict, reach=Reach.OPEN)
