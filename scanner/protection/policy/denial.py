"""Is an action denied to everybody but some? The question behind `vault-manual-deletion-denied`.

Each Deny becomes a `Strike`: whom it hits. Several strikes together leave those whom none of them
hits. Who could act at all are the principals of the vault's own account, since AWS Backup refuses all
others anything but backup:CopyIntoBackupVault (facts part 5, access policy).
"""

from collections import Counter
from dataclasses import replace

from scanner.protection.policy.answers import Denial
from scanner.protection.policy.document import Document
from scanner.protection.policy.known import Context
from scanner.protection.policy.match import arn_part
from scanner.protection.policy.patterns import common
from scanner.protection.policy.strike import Place, Strike, place_of, strike_of

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


def denied_to_all(
    document: Document,
    *,
    action: str,
    resource: str,
    vault_account: str,
    context: Context | None = None,
) -> Denial:
    """Whether `action` is denied to every principal but the exceptions.

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


def _place(action: str, resource: str, vault_account: str, context: Context) -> Place:
    partition = arn_part(resource, 1) or context.partition
    here = replace(context, partition=partition, region=context.region or arn_part(resource, 3) or None)
    if action.lower() not in RECOVERY_POINT_ACTIONS:
        return place_of(action, resource, vault_account, here)
    kinds = (kind.format(region=here.region or "*", account=vault_account) for kind in _RECOVERY_POINTS)
    parts = tuple(f"arn:{partition}:{kind}" for kind in kinds)
    return place_of(action, f"arn:{partition}:*", vault_account, here, parts)


def _weigh(strikes: list[Strike], cells: tuple[str, ...]) -> Denial:
    bases = [strike for strike in strikes if strike.is_base]
    unsure = [strike for strike in strikes if strike.may_do_more]
    if not bases:
        return _without_base(strikes, unsure, cells)
    left = _left_by(bases)
    limited = [strike for strike in strikes if strike.is_sure and strike.musts]
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


def _left_by(bases: list[Strike]) -> tuple[str | None, ...] | None:
    """Whom all of these spare; None when that is too much to compare."""
    left: tuple[str | None, ...] | None = common(bases[0].spares, bases[0].spares)
    for strike in bases[1:]:
        left = common(left, strike.spares)
    return left


def _without_base(strikes: list[Strike], unsure: list[Strike], cells: tuple[str, ...]) -> Denial:
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


def _all_hit(cells: tuple[str, ...], strikes: list[Strike], *, possibly: bool = False) -> bool:
    return all(any(strike.hits(cell, possibly=possibly) for strike in strikes) for cell in cells)


def _labels(strikes: list[Strike]) -> str:
    names = [strike.label for strike in strikes]
    return ", ".join(names[:3]) + (" …" if len(names) > 3 else "")  # noqa: PLR2004 - enough to find them


def _complement(strikes: list[Strike]) -> bool:
    """Whether two conditional Denies limit the same thing, so that one may take what the other leaves."""
    seen = Counter(group for strike in strikes for group in strike.partial)
    by_resource = seen.pop("Resource+", 0), seen.pop("Resource-", 0)
    return any(count > 1 for count in seen.values()) or (by_resource[1] > 0 and sum(by_resource) > 1)
