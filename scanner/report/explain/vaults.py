"""A vault in a tree: whether it exists, its lock, its key, who can delete from it, and its newest backup."""

from scanner.graph.protection_graph import Relation
from scanner.model.explanation import Node, NodeKind, Verdict, verdict_of
from scanner.model.known import EvidenceRef, all_of
from scanner.model.text import sentence
from scanner.report.explain.rows import (
    NO_ROW,
    Related,
    Row,
    facts,
    members,
    number,
    reasons,
    references,
    ternary,
    text,
)
from scanner.report.explain.walks import verdict_of_edge, walk_of
from scanner.report.wording import days, hours, place, short_name

_KEY_KINDS = {
    "none": "Not encrypted",
    "aws_owned": "AWS owned key",
    "aws_managed": "AWS managed key",
    "customer_managed": "Customer managed key",
}


def vault_facts(vault: Row) -> tuple[Node, ...]:
    """Return the vault's lock, key and deletion guard, as far as its row has them."""
    if not vault:
        return ()
    return (lock_node(vault), key_node(vault), *deletion_nodes(vault))


def lock_node(vault: Row) -> Node:
    """Build the node of the vault's lock, which bounds retention and can prevent deletion."""
    mode = text(vault, "lock_mode")
    # No mode is unknown: an unlocked vault has the mode `none`.
    if not mode:
        because = reasons(vault, "lock_mode") or "Whether the vault is locked is unknown."
        return Node(kind=NodeKind.LINK, label="Lock", verdict=Verdict.UNKNOWN, because=because)
    grace = text(vault, "lock_grace_until")
    words = {"none": "No lock", "governance": "Governance lock", "compliance": "Compliance lock"}.get(
        mode, mode
    )
    least, most = number(vault, "min_retention_days"), number(vault, "max_retention_days")
    bounds = facts(
        ("minimum retention", days(least) if least else ""),
        # Facts have a number for "no maximum" too, which is no limit to show.
        ("maximum retention", days(most) if most and days(most) != "never expires" else ""),
        ("removable until", grace),
    )
    return Node(
        kind=NodeKind.LINK,
        label=words,
        facts=bounds if mode != "none" else (),
        evidence=references(vault, ""),
    )


def key_node(row: Row, column: str = "key_kind") -> Node:
    """Build the node of the key of a vault or a resource, and whether it is enabled."""
    kind = text(row, column)
    enabled = ternary(row, "key_enabled")
    label = _KEY_KINDS.get(kind, kind)
    if not kind:
        because = reasons(row, column) or "Who manages its key is unknown."
        return Node(kind=NodeKind.KEY, label="Key", verdict=Verdict.UNKNOWN, because=because)
    deletion = text(row, "key_deletion_at")
    # A resource's row does not say whether its key is enabled; only a vault's does.
    usable = "key_enabled" in row and kind != "none"
    # An enabled key is only a statement: whether it suits depends on what is copied.
    verdict = verdict_of(enabled) if usable and enabled is not True else Verdict.STATED
    because = reasons(row, "key_enabled") if verdict is Verdict.UNKNOWN else ""
    if verdict is Verdict.BROKEN:
        because = "The key is not enabled, so backups that it encrypts cannot be restored."
    return Node(
        kind=NodeKind.KEY,
        label=label,
        verdict=verdict,
        because=because,
        facts=facts(("deletion scheduled for", deletion)),
        evidence=references(row, column, "key_enabled"),
    )


def deletion_nodes(vault: Row) -> tuple[Node, ...]:
    """Return whether recovery points can be deleted manually, and what prevents it."""
    protected = text(vault, "protected_by")
    refs = references(vault, "deletion_guards")
    # Compliance locks and air gaps protect whatever the access policy allows.
    if protected:
        words = {
            "air_gapped": "the vault is logically air-gapped",
            "compliance_lock": "its compliance lock is in force",
        }
        because = sentence(f"no principal can delete them: {words.get(protected, protected)}")
        return (_guard(Verdict.HOLDS, because, references(vault, "")),)
    guards, _ = members(vault.get("deletion_guards"))
    if not guards:
        why = reasons(vault, "deletion_guards", "protected_by")
        return (_guard(Verdict.UNKNOWN, why, refs),) if why else ()
    denied = all_of(ternary(guard, "denied") for guard in guards)
    # Unknown counts as open here, so that the text names what is not certain.
    open_to = [guard for guard in guards if guard.get("denied") is not True]
    because = "Its access policy denies every deletion action."
    if open_to:
        actions = ", ".join(text(guard, "action").removeprefix("backup:") for guard in open_to)
        because = sentence(f"{actions}: {text(open_to[0], 'because')}")
    return (_guard(verdict_of(denied), because, refs, _exceptions(guards)),)


def _exceptions(guards: list[Row]) -> str:
    """Return the principals that the policy exempts from its denial, in one text."""
    principals = [
        str(principal)
        for guard in guards
        for principal in guard.get("exceptions") or ()
        if principal is not None
    ]
    # A unique id may be that of a deleted principal: IAM shows it instead of the ARN.
    if any(guard.get("spares_unnamed") for guard in guards):
        principals.append("a principal that the policy names by an id")
    return ", ".join(dict.fromkeys(principals))


def _guard(verdict: Verdict, because: str, refs: tuple[EvidenceRef, ...], exceptions: str = "") -> Node:
    return Node(
        kind=NodeKind.LINK,
        label="Manual deletion is denied",
        verdict=verdict,
        because=because,
        facts=facts(("except for", exceptions)),
        evidence=refs,
    )


def target_node(rule: Row, terms: Row, resource: Row, related: Related, copies: tuple[Node, ...]) -> Node:
    """Build the node of a rule's target vault: it must exist, and its lock must allow the retention."""
    edge = walk_of(related).edge(text(rule, "subject"), Relation.STORED_IN) if rule else None
    arn = edge.target if edge else ""
    vault = related.vaults.get(arn, NO_ROW)
    name = short_name(text(terms, "vault") or arn)
    exists, verdict = ternary(rule, "target_exists"), verdict_of_edge(edge)
    because = ""
    if verdict is not Verdict.HOLDS and rule:
        because = reasons(rule, "target_exists", "within_lock") or text(rule, "lock_reason")
        # A missing vault explains more than the lock that it does not have.
        because = "The vault does not exist, so it cannot hold backups." if exists is False else because
    points = (newest_point_node(arn or name, resource, own=True),) if has_points(resource) else ()
    return Node(
        kind=NodeKind.VAULT,
        label=name,
        verdict=verdict,
        subject=arn,
        because=sentence(because),
        facts=facts(("in", place(arn))),
        evidence=references(vault, "") or references(rule, "target_exists"),
        children=(*points, *vault_facts(vault), *copies),
    )


def has_points(resource: Row) -> bool:
    """Return whether the row has columns about the locations of recovery points."""
    return "newest_recovery_points" in resource or "places" in resource


def newest_point_node(vault: str, resource: Row, *, own: bool) -> Node:
    """Build the node of a resource's newest usable recovery point in a vault (its ARN or name).

    `own`: the vault is in the resource's own account and Region, where `newest_recovery_points` is complete.
    """
    column = "newest_recovery_points" if own and "newest_recovery_points" in resource else "places"
    points, complete = members(resource.get(column))
    for point in points:
        # Rules name a vault by its name, copy actions by its ARN.
        if vault in (text(point, "vault"), text(point, "vault_name"), short_name(text(point, "vault"))):
            return recovery_point_node(point, references(resource, column))
    because = "Its newest usable recovery point here is unknown."
    if not complete:
        because = " ".join(filter(None, (because, reasons(resource, column))))
    return Node(
        kind=NodeKind.RECOVERY_POINT,
        label="No usable recovery point was read" if not complete else "No usable recovery point",
        # An incomplete list may miss the very recovery point.
        verdict=Verdict.BROKEN if complete else Verdict.UNKNOWN,
        because="It has no usable recovery point in this vault." if complete else because,
    )


def recovery_point_node(point: Row, refs: tuple[EvidenceRef, ...]) -> Node:
    """Build the node of a recovery point: its age, and whether it is certain that the vault contains it."""
    age = number(point, "age_hours")
    is_doubtful = (
        "absent" in point and point["absent"] is None
    )  # in a restore-access vault, or one of unknown type
    continuous = "continuous" if point.get("continuous") is True else ""
    return Node(
        kind=NodeKind.RECOVERY_POINT,
        label=f"Newest usable recovery point, {hours(age)} old",
        # A restore-access vault gives access to another vault, which may be gone.
        verdict=Verdict.UNKNOWN if is_doubtful else Verdict.HOLDS,
        because="The vault lists it, but may not hold it." if is_doubtful else "",
        subject=text(point, "arn"),
        facts=facts(("created", text(point, "created_at")), ("kind", continuous)),
        evidence=refs,
    )
