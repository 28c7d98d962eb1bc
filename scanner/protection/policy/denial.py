"""Whether an action is denied to all principals except some (control `vault-manual-deletion-denied`).

Each Deny statement becomes a `DenyScope`: the principals that it denies. The exceptions are the principals
that no scope denies. Only principals of the vault's own account matter, because AWS Backup refuses all others
everything except backup:CopyIntoBackupVault (facts part 5, access policy).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from scanner.protection.policy.conditions import (
    Operator,
    Reach,
    Verdict,
    evaluate_clause,
    operator_of,
    resolved,
    shown,
)
from scanner.protection.policy.context_keys import (
    PRINCIPAL_ARN,
    Context,
    Domain,
    Population,
    domains_of,
    is_identity,
)
from scanner.protection.policy.document import MAX_TEXT, Clause, Denial, Document, Principals, Statement
from scanner.protection.policy.match import (
    ARN_PARTS,
    arn_covers,
    arn_part,
    covers,
    has_wildcard,
    intersection,
    is_no_principal,
    overlaps,
    session_of,
)
from scanner.protection.policy.statements import reach_of_patterns

# These actions are on recovery points, which have ARNs of many services (facts 1.3); others are on the vault.
RECOVERY_POINT_ACTIONS = frozenset(
    (
        "backup:deleterecoverypoint",
        "backup:updaterecoverypointlifecycle",
        "backup:disassociaterecoverypoint",
        "backup:disassociaterecoverypointfromparent",
    )
)

# The known ARNs of recovery points (facts 1.3).
_RECOVERY_POINTS = (
    "backup:{region}:{account}:recovery-point:*",
    "ec2:{region}::snapshot/*",
    "ec2:{region}::image/*",
    "rds:{region}:{account}:snapshot:awsbackup:*",
    "rds:{region}:{account}:cluster-snapshot:awsbackup:*",
    "fsx:{region}:{account}:backup/*",
    "redshift:{region}:{account}:snapshot:*",
    "redshift-serverless:{region}:{account}:snapshot/*",
    "dynamodb:{region}:{account}:table/*",
)

# More comparisons than any policy that AWS accepts (20 kB) needs.
_MAX_COMPARISONS = 1_000_000
_LITERAL = ("stringequals", "stringnotequals")
_GLOB = ("stringlike", "stringnotlike")
_ARN = ("arnequals", "arnlike", "arnnotequals", "arnnotlike")


def denied_to_all(
    document: Document,
    *,
    action: str,
    resource: str,
    vault_account: str,
    context: Context | None = None,
) -> Denial:
    """Check whether `action` is denied to all principals except some.

    `resource` is the vault's ARN. Actions on recovery points must be denied on all of them: `*` and patterns
    that match every ARN do, patterns for every known kind are undecided. `context` describes the vault's
    account; the Region is taken from the ARN if the context has none.

    True: all principals except `exceptions` are denied. False: others are not denied, because there is no
    Deny, or only one for a role or another account, or one with a condition that only some requests fulfil
    (MFA, address …). None: a Deny cannot be evaluated, or the policy cannot be read.
    """
    if not document.readable:
        return Denial(None, (), f"the policy cannot be read: {document.problem}")
    if not document.exists:
        return Denial(denied=False, exceptions=(), because="there is no policy")
    target = _target(action, resource, vault_account, context or Context())
    scopes = [
        scope
        for statement in document.statements
        if not statement.allow and (scope := deny_scope(statement, target))
    ]
    if not scopes:
        return Denial(denied=False, exceptions=(), because=f"no statement denies {action}")
    return _combined_denial(scopes, target.population.cells)


# The principals that one Deny statement denies.
#
# Sources: IAM User Guide, "AWS global condition context keys" (aws:PrincipalArn shows the role, not its
# session), "NotPrincipal"; facts part 5 (the guide's Deny pattern with aws:userId or aws:PrincipalArn).
@dataclass(frozen=True, slots=True)
class DenyTarget:
    """The action, the resource cell (with its known parts) and the principals of the account in question."""

    action: str
    resource: str
    population: Population
    domains: Mapping[str, Domain]
    parts: tuple[str, ...] = ()


def _target(action: str, resource: str, vault_account: str, context: Context) -> DenyTarget:
    partition = arn_part(resource, 1) or context.partition
    here = replace(context, partition=partition, region=context.region or arn_part(resource, 3) or None)
    if action.lower() not in RECOVERY_POINT_ACTIONS:
        return deny_target(action, resource, vault_account, here)
    kinds = (kind.format(region=here.region or "*", account=vault_account) for kind in _RECOVERY_POINTS)
    parts = tuple(f"arn:{partition}:{kind}" for kind in kinds)
    return deny_target(action, f"arn:{partition}:*", vault_account, here, parts)


@dataclass(frozen=True, slots=True)
class DenyScope:
    """The principals that match every group of `required_principals` and none of `exempt_principals`.

    `exempt_principals` may contain None, a principal whose ARN is not known. `partial`: the groups of keys by
    which some requests of every principal are not denied. `not_decidable_by_arn`: it denies only principals
    that cannot be recognised by ARN. `undecided`: a clause cannot be evaluated. `because` says what limits
    it.
    """

    label: str
    required_principals: tuple[tuple[str, ...], ...] = ()
    exempt_principals: tuple[str | None, ...] = ()
    partial: frozenset[str] = frozenset()
    not_decidable_by_arn: bool = False
    undecided: bool = False
    because: str = ""

    @property
    def is_certain(self) -> bool:
        """Whether it denies every request of a known set of principals."""
        return not (self.partial or self.not_decidable_by_arn or self.undecided)

    @property
    def denies_all_but_exempt(self) -> bool:
        """Whether it denies all but its exempt principals."""
        return self.is_certain and not self.required_principals

    @property
    def may_deny_all_but_exempt(self) -> bool:
        """Whether it denies all but its exempt principals if its open clauses hold."""
        return not (self.partial or self.not_decidable_by_arn or self.required_principals)

    @property
    def weight(self) -> int:
        """How many comparisons it takes to check one principal."""
        return 1 + sum(len(group) for group in self.required_principals) + len(self.exempt_principals)

    @property
    def may_deny_more(self) -> bool:
        """Whether it may deny some principals altogether, which cannot be decided."""
        return not self.partial and (self.not_decidable_by_arn or self.undecided)

    def denies(self, principal: str | None, *, possibly: bool = False) -> bool:
        """Check whether it denies all principals of a pattern (`possibly`: if its open clauses hold)."""
        if (
            principal is None
            or self.partial
            or self.not_decidable_by_arn
            or (self.undecided and not possibly)
        ):
            return False
        return all(
            any(_is_within(principal, required) for required in group) for group in self.required_principals
        ) and not any(
            exempt is None
            or overlaps(exempt, principal)
            or session_of(principal, exempt)
            or session_of(exempt, principal)
            for exempt in self.exempt_principals
        )

    def may_deny(self, principal: str | None) -> bool:
        """Check whether it may deny a principal of a pattern."""
        if principal is None:
            return True
        inside = all(
            any(overlaps(required, principal) or _is_within(principal, required) for required in group)
            for group in self.required_principals
        )
        return inside and not any(
            exempt is not None and _is_within(principal, exempt) for exempt in self.exempt_principals
        )


def _combined_denial(scopes: list[DenyScope], cells: tuple[str, ...]) -> Denial:
    general = [scope for scope in scopes if scope.denies_all_but_exempt]
    uncertain = [scope for scope in scopes if scope.may_deny_more]
    if not general:
        return _without_general_deny(scopes, uncertain, cells)
    # General statements deny all but their exempt principals; specific ones may deny some of these.
    left = _exempt_from_all(general)
    specific = [scope for scope in scopes if scope.is_certain and scope.required_principals]
    if (
        left is None
        or len(left) * sum(principal.weight for principal in (*specific, *uncertain)) > _MAX_COMPARISONS
    ):
        return Denial(None, (), "the policy has too many exceptions to compare")
    left = tuple(principal for principal in left if not any(scope.denies(principal) for scope in specific))
    by = _labels(general)
    # An uncertain statement only matters if it may deny a principal that is still exempt.
    doubt = next((scope for scope in uncertain if any(scope.may_deny(principal) for principal in left)), None)
    if doubt is not None:
        return Denial(
            None, (), f"{doubt.label}: {doubt.because}; it may deny some of the principals that {by} exempts"
        )
    if left and _may_complement(scopes):
        return Denial(None, (), "several conditional Deny statements may together deny the exceptions")
    return Denial(denied=True, exceptions=left, because=f"denied by {by}")


def _exempt_from_all(general: list[DenyScope]) -> tuple[str | None, ...] | None:
    """Return the principals that all of these exempt; None: there are too many to compare."""
    left: tuple[str | None, ...] | None = intersection(
        general[0].exempt_principals, general[0].exempt_principals
    )
    for scope in general[1:]:
        left = intersection(left, scope.exempt_principals)
    return left


def _without_general_deny(
    scopes: list[DenyScope], uncertain: list[DenyScope], cells: tuple[str, ...]
) -> Denial:
    """Return the result if no Deny certainly denies everyone, though several together may do so."""
    certain = [scope for scope in scopes if scope.is_certain]
    if _all_denied(cells, certain):
        return Denial(denied=True, exceptions=(), because=f"denied by {_labels(certain)} together")
    doubt = next((scope for scope in uncertain if scope.may_deny_all_but_exempt), None)
    if doubt is None and uncertain and _all_denied(cells, scopes, possibly=True):
        doubt = uncertain[0]
    if doubt is not None:
        return Denial(None, (), f"{doubt.label}: {doubt.because}")
    if _may_complement(scopes):
        return Denial(None, (), "several conditional Deny statements may together deny every principal")
    return Denial(denied=False, exceptions=(), because=f"{scopes[0].label}: {scopes[0].because}")


def _all_denied(cells: tuple[str, ...], scopes: list[DenyScope], *, possibly: bool = False) -> bool:
    return all(any(scope.denies(cell, possibly=possibly) for scope in scopes) for cell in cells)


def _labels(scopes: list[DenyScope]) -> str:
    names = [scope.label for scope in scopes]
    return ", ".join(names[:3]) + (" …" if len(names) > 3 else "")  # noqa: PLR2004 -- three are enough to find them


def _may_complement(scopes: list[DenyScope]) -> bool:
    """Check whether two conditional Denies limit the same thing, so that together they may cover it."""
    seen = Counter(group for scope in scopes for group in scope.partial)
    by_resource = seen.pop("Resource+", 0), seen.pop("Resource-", 0)
    return any(count > 1 for count in seen.values()) or (by_resource[1] > 0 and sum(by_resource) > 1)


def deny_target(
    action: str, resource: str, account: str, context: Context, parts: tuple[str, ...] = ()
) -> DenyTarget:
    """Return the target; `context` describes the account, which also owns the resource, and the Region."""
    population = Population(account, context.partition)
    here = replace(context, resource_organization_id=context.organization_id)
    domains = domains_of(population, here, f"arn:{context.partition}:backup::{account}:")
    return DenyTarget(action, resource, population, domains, parts)


def deny_scope(statement: Statement, target: DenyTarget) -> DenyScope | None:
    """Return which principals a Deny denies this target to; None: it denies nothing of it."""
    action = reach_of_patterns(statement.actions, target.action.lower(), "Action")
    if action.reach is Reach.NONE:
        return None
    resource = _resource_reach(statement, target)
    start = _by_principals(DenyScope(statement.label), statement.principals, target)
    scope = _by_verdict(_by_verdict(start, action), resource)
    for clause in statement.clauses:
        scope = _by_clause(scope, resolved(clause, target.domains), target)
    return scope


def _resource_reach(statement: Statement, target: DenyTarget) -> Verdict:
    """Return the reach of Resource: covering every known kind of recovery point may be all of them."""
    whole = reach_of_patterns(statement.resources, target.resource, "Resource")
    parts = [reach_of_patterns(statement.resources, part, "Resource") for part in target.parts]
    if whole.reach is Reach.SOME and parts and all(part.reach is Reach.ALL for part in parts):
        because = "its Resource covers every known kind of recovery point, but not others"
        return Verdict(Reach.OPEN, because)
    return whole


def _is_within(principal: str, pattern: str) -> bool:
    """Check whether all principals of the first pattern match the second, as a string and as an ARN.

    Either may come from an ARN operator or a string operator; both treat an ARN the same as long as no
    wildcard of the first can match a colon.
    """
    if arn_part(principal, 4) and not has_wildcard(":".join(principal.split(":", ARN_PARTS - 1)[:-1])):
        return _matches(pattern, principal) or (
            session_of(principal, pattern) and arn_part(pattern, 5) == "role/*"
        )
    return False


def _matches(pattern: str, cell: str) -> bool:
    return covers(pattern, cell) and arn_covers(pattern, cell) is not False


def _by_principals(scope: DenyScope | None, element: Principals, target: DenyTarget) -> DenyScope | None:
    if scope is None or (element.negated and element.everyone):
        return None
    if element.negated:
        return replace(scope, exempt_principals=_not_principals(element, target))
    if element.everyone or target.population.account in element.accounts:
        return scope
    prefix = f"arn:{target.population.partition}"
    accounts = (
        f"{prefix}:{kind}::{account}:*" for account in sorted(element.accounts) for kind in ("iam", "sts")
    )
    named = (*element.arns, *accounts)
    if element.opaque:
        return replace(scope, not_decidable_by_arn=True, because=f"it names {element.opaque[0][:80]!r} only")
    because = "it names only some principals"
    return replace(scope, required_principals=(named,), because=because) if named else None


def _not_principals(element: Principals, target: DenyTarget) -> tuple[str | None, ...]:
    """Return the principals of NotPrincipal. A role's own sessions, listed with the role, add nothing."""
    arns = [
        arn
        for arn in element.arns
        if ":assumed-role/" not in arn or not any(session_of(arn, role) for role in element.arns)
    ]
    roots = [f"arn:{target.population.partition}:iam::{account}:root" for account in sorted(element.accounts)]
    return (*arns, *roots, *((None,) if element.opaque else ()))


def _by_verdict(scope: DenyScope | None, verdict: Verdict) -> DenyScope | None:
    if scope is None or verdict.reach is Reach.NONE:
        return None
    if verdict.reach is Reach.ALL:
        return scope
    because = scope.because or verdict.because
    if verdict.reach is Reach.SOME:
        return replace(scope, partial=scope.partial | verdict.groups, because=because)
    return replace(scope, undecided=True, because=because)


def _by_clause(scope: DenyScope | None, clause: Clause, target: DenyTarget) -> DenyScope | None:
    operator = operator_of(clause.operator)
    if scope is None or operator is None or not _is_plain(clause):
        return _by_verdict(scope, Verdict(Reach.OPEN, f"the condition {shown(clause)} cannot be evaluated"))
    if clause.key == PRINCIPAL_ARN and not operator.is_null:
        return _by_arn(scope, clause, operator, target.population.cells)
    if is_identity(clause.key) and clause.key not in target.domains:
        return _by_identity(scope, clause, operator)
    return _by_verdict(scope, evaluate_clause(clause, target.domains.get(clause.key, Domain())))


def _is_plain(clause: Clause) -> bool:
    variable = not clause.literal and any("${" in value for value in clause.values)
    return bool(clause.values) and not variable and not any(len(value) > MAX_TEXT for value in clause.values)


def _by_arn(scope: DenyScope, clause: Clause, operator: Operator, cells: tuple[str, ...]) -> DenyScope | None:
    """Apply a clause on aws:PrincipalArn, a key that every principal has with one value."""
    patterns = _arn_patterns(clause)
    if patterns is None:
        return _by_verdict(scope, Verdict(Reach.OPEN, f"the condition {shown(clause)} cannot be evaluated"))
    if operator.negated:
        everyone = any(pattern and all(_matches(pattern, cell) for cell in cells) for pattern in patterns)
        return None if everyone else replace(scope, exempt_principals=(*scope.exempt_principals, *patterns))
    named = tuple(pattern for pattern in patterns if pattern is not None)
    because = scope.because or f"the condition {shown(clause)} names only some principals"
    if len(named) < len(patterns):
        return replace(scope, not_decidable_by_arn=True, because=because)
    if any(all(_matches(pattern, cell) for cell in cells) for pattern in named):
        return scope
    return (
        replace(scope, required_principals=(*scope.required_principals, named), because=because)
        if named
        else None
    )


def _arn_patterns(clause: Clause) -> tuple[str | None, ...] | None:
    """Return the values as patterns (None: a principal that no pattern describes); None: undecidable.

    aws:PrincipalArn never contains the ARN of a session, so these are left out.
    """
    name = clause.operator.lower().rpartition(":")[2].removesuffix("ifexists")
    if name in _LITERAL:
        real = (value for value in clause.values if value.startswith("arn:") and not is_no_principal(value))
        real = (value for value in real if not _is_session(value))
        return tuple(None if has_wildcard(value) else value for value in real)
    if name in _GLOB or (name in _ARN and all(value == "*" or arn_part(value, 1) for value in clause.values)):
        return tuple(value for value in clause.values if not _is_session(value))
    return None


def _is_session(pattern: str) -> bool:
    return arn_part(pattern, 2) == "sts" and arn_part(pattern, 5).startswith("assumed-role/")


def _by_identity(scope: DenyScope, clause: Clause, operator: Operator) -> DenyScope | None:
    """Apply a clause on a key that distinguishes principals other than by ARN."""
    because = scope.because or f"the condition {shown(clause)} applies to only some principals"
    if clause.key == "aws:userid":
        if "*" in clause.values and clause.operator.lower().rpartition(":")[2].startswith(_GLOB):
            return None if operator.negated else scope
        exempt_principals = operator.negated
    elif operator.is_null:
        exempt_principals = all(value.lower() == "true" for value in clause.values)
    elif operator.quantifier == "any":
        return _by_verdict(scope, Verdict(Reach.OPEN, f"the condition {shown(clause)} cannot be evaluated"))
    else:
        # Principals without the key are denied; principals with it may be exempt.
        exempt_principals = operator.negated or operator.if_exists or operator.quantifier == "all"
    if exempt_principals:
        return replace(scope, exempt_principals=(*scope.exempt_principals, None))
    return replace(scope, not_decidable_by_arn=True, because=because)
