"""Is an action denied to everybody but some? The question behind `vault-manual-deletion-denied`.

Each Deny becomes a `DenyScope`: whom it hits. Several strikes together leave those whom none of them
hits. Who could act at all are the principals of the vault's own account, since AWS Backup refuses all
others anything but backup:CopyIntoBackupVault (facts part 5, access policy).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from scanner.protection.policy.answers import Denial
from scanner.protection.policy.conditions import Operator, Reach, Verdict, judge, operator_of, resolved, shown
from scanner.protection.policy.context_keys import (
    PRINCIPAL_ARN,
    Context,
    Domain,
    Population,
    domains_of,
    is_identity,
)
from scanner.protection.policy.document import MAX_TEXT, Clause, Document, Principals, Statement
from scanner.protection.policy.match import (
    ARN_PARTS,
    arn_covers,
    arn_part,
    common,
    covers,
    has_wildcard,
    is_no_principal,
    overlaps,
    session_of,
)
from scanner.protection.policy.statements import reach_of_patterns

# These act on recovery points, whose ARNs are of many services (facts 1.3); the others on the vault.
RECOVERY_POINT_ACTIONS = frozenset(
    (
        "backup:deleterecoverypoint",
        "backup:updaterecoverypointlifecycle",
        "backup:disassociaterecoverypoint",
        "backup:disassociaterecoverypointfromparent",
    )
)

# The ARNs of recovery points, kind by kind (facts 1.3).
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

# A policy of 20 kB cannot come near.
_MOST_COMPARISONS = 1_000_000
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
    """Check whether `action` is denied to every principal but the exceptions.

    `resource` is the vault's ARN. Actions on recovery points must be denied on all of them, so only
    `*` and patterns that cover every ARN do; what covers every kind that is known is undecided. `context`
    describes the vault's account; its Region is read from the ARN when it does not say.

    True: everybody but `exceptions` is denied. False: others get through: no Deny, a Deny on one role or
    another account, or with a condition that only some requests fulfil (MFA, address …). None: a Deny
    cannot be decided, or the policy cannot be read.
    """
    if not document.readable:
        return Denial(None, (), f"the policy cannot be read: {document.problem}")
    if not document.exists:
        return Denial(denied=False, exceptions=(), because="there is no policy")
    place = _place(action, resource, vault_account, context or Context())
    strikes = [found for one in document.statements if not one.allow and (found := strike_of(one, place))]
    if not strikes:
        return Denial(denied=False, exceptions=(), because=f"no statement denies {action}")
    return _weigh(strikes, place.population.cells)


# Whom one Deny statement hits.
#
# Sources: IAM User Guide, "AWS global condition context keys" (aws:PrincipalArn shows the role, not its
# session), "NotPrincipal"; facts part 5 (the guide's Deny pattern with aws:userId or aws:PrincipalArn).
@dataclass(frozen=True, slots=True)
class Place:
    """The action, the resource cell (and the parts of it that are known) and the account in question."""

    action: str
    resource: str
    population: Population
    domains: Mapping[str, Domain]
    parts: tuple[str, ...] = ()


def _place(action: str, resource: str, vault_account: str, context: Context) -> Place:
    partition = arn_part(resource, 1) or context.partition
    here = replace(context, partition=partition, region=context.region or arn_part(resource, 3) or None)
    if action.lower() not in RECOVERY_POINT_ACTIONS:
        return place_of(action, resource, vault_account, here)
    kinds = (kind.format(region=here.region or "*", account=vault_account) for kind in _RECOVERY_POINTS)
    parts = tuple(f"arn:{partition}:{kind}" for kind in kinds)
    return place_of(action, f"arn:{partition}:*", vault_account, here, parts)


@dataclass(frozen=True, slots=True)
class DenyScope:
    """Hits those who lie in every group of `required_principals` and in none of `exempt_principals`.

    `exempt_principals` may hold None, a principal whose ARN is not known. `partial` are the groups of keys
    that let some requests of everybody through; `not_decidable_by_arn`: hits only principals who cannot be
    told by ARN; `undecided`: a clause that cannot be evaluated. `because` says what limits it.
    """

    label: str
    required_principals: tuple[tuple[str, ...], ...] = ()
    exempt_principals: tuple[str | None, ...] = ()
    partial: frozenset[str] = frozenset()
    not_decidable_by_arn: bool = False
    undecided: bool = False
    because: str = ""

    @property
    def is_sure(self) -> bool:
        """Whether whom it hits is known, and hit by every request."""
        return not (self.partial or self.not_decidable_by_arn or self.undecided)

    @property
    def is_base(self) -> bool:
        """Whether it hits all but its exempt principals."""
        return self.is_sure and not self.required_principals

    @property
    def may_be_base(self) -> bool:
        """Whether it hits all but its exempt principals if its open clauses hold."""
        return not (self.partial or self.not_decidable_by_arn or self.required_principals)

    @property
    def weight(self) -> int:
        """How many comparisons it takes to ask for one principal."""
        return 1 + sum(len(group) for group in self.required_principals) + len(self.exempt_principals)

    @property
    def may_do_more(self) -> bool:
        """Whether it may hit somebody fully, which cannot be told."""
        return not self.partial and (self.not_decidable_by_arn or self.undecided)

    def hits(self, one: str | None, *, possibly: bool = False) -> bool:
        """Check whether it hits everybody of a pattern (`possibly`: if its open clauses hold)."""
        if one is None or self.partial or self.not_decidable_by_arn or (self.undecided and not possibly):
            return False
        return all(
            any(_within(one, must) for must in group) for group in self.required_principals
        ) and not any(
            spare is None or overlaps(spare, one) or session_of(one, spare) or session_of(spare, one)
            for spare in self.exempt_principals
        )

    def may_hit(self, one: str | None) -> bool:
        """Check whether it may hit somebody of a pattern."""
        if one is None:
            return True
        inside = all(
            any(overlaps(must, one) or _within(one, must) for must in group)
            for group in self.required_principals
        )
        return inside and not any(
            spare is not None and _within(one, spare) for spare in self.exempt_principals
        )


def _weigh(strikes: list[DenyScope], cells: tuple[str, ...]) -> Denial:
    bases = [strike for strike in strikes if strike.is_base]
    unsure = [strike for strike in strikes if strike.may_do_more]
    if not bases:
        return _without_base(strikes, unsure, cells)
    left = _left_by(bases)
    limited = [strike for strike in strikes if strike.is_sure and strike.required_principals]
    if left is None or len(left) * sum(one.weight for one in (*limited, *unsure)) > _MOST_COMPARISONS:
        return Denial(None, (), "the policy has too many exceptions to compare")
    left = tuple(one for one in left if not any(strike.hits(one) for strike in limited))
    by = _labels(bases)
    doubt = next((strike for strike in unsure if any(strike.may_hit(one) for one in left)), None)
    if doubt is not None:
        return Denial(
            None, (), f"{doubt.label}: {doubt.because}; it may deny some of the principals that {by} exempts"
        )
    if left and _complement(strikes):
        return Denial(None, (), "several conditional Deny statements may together deny the exceptions")
    return Denial(denied=True, exceptions=left, because=f"denied by {by}")


def _left_by(bases: list[DenyScope]) -> tuple[str | None, ...] | None:
    """Whom all of these spare; None when that is too much to compare."""
    left: tuple[str | None, ...] | None = common(bases[0].exempt_principals, bases[0].exempt_principals)
    for strike in bases[1:]:
        left = common(left, strike.exempt_principals)
    return left


def _without_base(strikes: list[DenyScope], unsure: list[DenyScope], cells: tuple[str, ...]) -> Denial:
    """No Deny surely hits everybody; several on some principals each may do so together."""
    sure = [strike for strike in strikes if strike.is_sure]
    if _all_hit(cells, sure):
        return Denial(denied=True, exceptions=(), because=f"denied by {_labels(sure)} together")
    doubt = next((strike for strike in unsure if strike.may_be_base), None)
    if doubt is None and unsure and _all_hit(cells, strikes, possibly=True):
        doubt = unsure[0]
    if doubt is not None:
        return Denial(None, (), f"{doubt.label}: {doubt.because}")
    if _complement(strikes):
        return Denial(None, (), "several conditional Deny statements may together deny every principal")
    return Denial(denied=False, exceptions=(), because=f"{strikes[0].label}: {strikes[0].because}")


def _all_hit(cells: tuple[str, ...], strikes: list[DenyScope], *, possibly: bool = False) -> bool:
    return all(any(strike.hits(cell, possibly=possibly) for strike in strikes) for cell in cells)


def _labels(strikes: list[DenyScope]) -> str:
    names = [strike.label for strike in strikes]
    return ", ".join(names[:3]) + (" …" if len(names) > 3 else "")  # noqa: PLR2004 - enough to find them


def _complement(strikes: list[DenyScope]) -> bool:
    """Check whether two conditional Denies limit the same thing, so that together they may cover it."""
    seen = Counter(group for strike in strikes for group in strike.partial)
    by_resource = seen.pop("Resource+", 0), seen.pop("Resource-", 0)
    return any(count > 1 for count in seen.values()) or (by_resource[1] > 0 and sum(by_resource) > 1)


def place_of(
    action: str, resource: str, account: str, context: Context, parts: tuple[str, ...] = ()
) -> Place:
    """`context` describes the account, which is the resource's too, and the request's Region."""
    population = Population(account, context.partition)
    here = replace(context, resource_organization_id=context.organization_id)
    domains = domains_of(population, here, f"arn:{context.partition}:backup::{account}:")
    return Place(action, resource, population, domains, parts)


def strike_of(statement: Statement, place: Place) -> DenyScope | None:
    """Whom a Deny hits when the question is about this place; None when it hits nobody there."""
    action = reach_of_patterns(statement.actions, place.action.lower(), "Action")
    if action.reach is Reach.NONE:
        return None
    resource = _resource_reach(statement, place)
    start = _by_principals(DenyScope(statement.label), statement.principals, place)
    strike = _by_verdict(_by_verdict(start, action), resource)
    for clause in statement.clauses:
        strike = _by_clause(strike, resolved(clause, place.domains), place)
    return strike


def _resource_reach(statement: Statement, place: Place) -> Verdict:
    """As always; but what takes in every part of the place, one by one, may take in all of it."""
    whole = reach_of_patterns(statement.resources, place.resource, "Resource")
    parts = [reach_of_patterns(statement.resources, part, "Resource") for part in place.parts]
    if whole.reach is Reach.SOME and parts and all(part.reach is Reach.ALL for part in parts):
        because = "its Resource covers every known kind of recovery point, but not others"
        return Verdict(Reach.OPEN, because)
    return whole


def _within(one: str, pattern: str) -> bool:
    """Check whether everybody of the first pattern surely lies in the second, by string and part by part.

    The second may come from an ARN operator or from a string operator, the first likewise; both read an
    ARN alike as long as no wildcard of the first can reach over a colon.
    """
    if arn_part(one, 4) and not has_wildcard(":".join(one.split(":", ARN_PARTS - 1)[:-1])):
        return _takes(pattern, one) or (session_of(one, pattern) and arn_part(pattern, 5) == "role/*")
    return False


def _takes(pattern: str, cell: str) -> bool:
    return covers(pattern, cell) and arn_covers(pattern, cell) is not False


def _by_principals(strike: DenyScope | None, element: Principals, place: Place) -> DenyScope | None:
    if strike is None or (element.negated and element.everyone):
        return None
    if element.negated:
        return replace(strike, exempt_principals=_spared(element, place))
    if element.everyone or place.population.account in element.accounts:
        return strike
    prefix = f"arn:{place.population.partition}"
    accounts = (
        f"{prefix}:{kind}::{account}:*" for account in sorted(element.accounts) for kind in ("iam", "sts")
    )
    named = (*element.arns, *accounts)
    if element.opaque:
        return replace(strike, not_decidable_by_arn=True, because=f"it names {element.opaque[0][:80]!r} only")
    because = "it names only some principals"
    return replace(strike, required_principals=(named,), because=because) if named else None


def _spared(element: Principals, place: Place) -> tuple[str | None, ...]:
    """The principals of NotPrincipal. A role's own sessions, listed beside it, add nobody."""
    arns = [
        arn
        for arn in element.arns
        if ":assumed-role/" not in arn or not any(session_of(arn, other) for other in element.arns)
    ]
    roots = [f"arn:{place.population.partition}:iam::{account}:root" for account in sorted(element.accounts)]
    return (*arns, *roots, *((None,) if element.opaque else ()))


def _by_verdict(strike: DenyScope | None, verdict: Verdict) -> DenyScope | None:
    if strike is None or verdict.reach is Reach.NONE:
        return None
    if verdict.reach is Reach.ALL:
        return strike
    because = strike.because or verdict.because
    if verdict.reach is Reach.SOME:
        return replace(strike, partial=strike.partial | verdict.groups, because=because)
    return replace(strike, undecided=True, because=because)


def _by_clause(strike: DenyScope | None, clause: Clause, place: Place) -> DenyScope | None:
    operator = operator_of(clause.operator)
    if strike is None or operator is None or not _is_plain(clause):
        return _by_verdict(strike, Verdict(Reach.OPEN, f"the condition {shown(clause)} cannot be evaluated"))
    if clause.key == PRINCIPAL_ARN and not operator.is_null:
        return _by_arn(strike, clause, operator, place.population.cells)
    if is_identity(clause.key) and clause.key not in place.domains:
        return _by_identity(strike, clause, operator)
    return _by_verdict(strike, judge(clause, place.domains.get(clause.key, Domain())))


def _is_plain(clause: Clause) -> bool:
    variable = not clause.literal and any("${" in one for one in clause.values)
    return bool(clause.values) and not variable and not any(len(one) > MAX_TEXT for one in clause.values)


def _by_arn(
    strike: DenyScope, clause: Clause, operator: Operator, cells: tuple[str, ...]
) -> DenyScope | None:
    """A clause on aws:PrincipalArn, which every principal has, with one value."""
    patterns = _arn_patterns(clause)
    if patterns is None:
        return _by_verdict(strike, Verdict(Reach.OPEN, f"the condition {shown(clause)} cannot be evaluated"))
    if operator.negated:
        everybody = any(one and all(_takes(one, cell) for cell in cells) for one in patterns)
        return (
            None if everybody else replace(strike, exempt_principals=(*strike.exempt_principals, *patterns))
        )
    named = tuple(one for one in patterns if one is not None)
    because = strike.because or f"the condition {shown(clause)} names only some principals"
    if len(named) < len(patterns):
        return replace(strike, not_decidable_by_arn=True, because=because)
    if any(all(_takes(one, cell) for cell in cells) for one in named):
        return strike
    return (
        replace(strike, required_principals=(*strike.required_principals, named), because=because)
        if named
        else None
    )


def _arn_patterns(clause: Clause) -> tuple[str | None, ...] | None:
    """The values as patterns (None: a principal that no pattern describes); None when undecidable.

    The ARN of a session is never shown by aws:PrincipalArn, and so is left out.
    """
    name = clause.operator.lower().rpartition(":")[2].removesuffix("ifexists")
    if name in _LITERAL:
        real = (one for one in clause.values if one.startswith("arn:") and not is_no_principal(one))
        real = (one for one in real if not _is_session(one))
        return tuple(None if has_wildcard(one) else one for one in real)
    if name in _GLOB or (name in _ARN and all(one == "*" or arn_part(one, 1) for one in clause.values)):
        return tuple(one for one in clause.values if not _is_session(one))
    return None


def _is_session(pattern: str) -> bool:
    return arn_part(pattern, 2) == "sts" and arn_part(pattern, 5).startswith("assumed-role/")


def _by_identity(strike: DenyScope, clause: Clause, operator: Operator) -> DenyScope | None:
    """A clause on a key that tells principals apart, but not by ARN."""
    because = strike.because or f"the condition {shown(clause)} applies to only some principals"
    if clause.key == "aws:userid":
        if "*" in clause.values and clause.operator.lower().rpartition(":")[2].startswith(_GLOB):
            return None if operator.negated else strike
        exempt_principals = operator.negated
    elif operator.is_null:
        exempt_principals = all(value.lower() == "true" for value in clause.values)
    elif operator.quantifier == "any":
        return _by_verdict(strike, Verdict(Reach.OPEN, f"the condition {shown(clause)} cannot be evaluated"))
    else:
        # Who lacks the key is hit; who has it may be spared.
        exempt_principals = operator.negated or operator.if_exists or operator.quantifier == "all"
    if exempt_principals:
        return replace(strike, exempt_principals=(*strike.exempt_principals, None))
    return replace(strike, not_decidable_by_arn=True, because=because)
