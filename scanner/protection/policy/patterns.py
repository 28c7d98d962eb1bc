"""Sets of principals, written as ARN patterns, and what two of them have in common.

None in a set is a principal whose ARN is not known. A session's ARN
(`arn:aws:sts::A:assumed-role/R/S`) belongs to the role R, whatever its path.
"""

from scanner.protection.policy.match import arn_part, covers, has_wildcard, overlaps

Patterns = tuple[str | None, ...]
# Beyond this the answer is not worth its time.
_MOST_PAIRS = 1_000_000


def common(ours: Patterns | None, theirs: Patterns) -> Patterns | None:
    """Those in both sets, without repetition; None when the sets are too large to compare."""
    if ours is None:
        return None
    known = frozenset(theirs)
    hard = tuple(one for one in theirs if one is None or _is_class(one))
    pairs = sum(
        len(theirs) if one is None or _is_class(one) else len(hard) for one in ours if one not in known
    )
    if pairs > _MOST_PAIRS:
        return None
    found: dict[str | None, None] = {}
    for one in ours:
        if one in known:
            found[one] = None
            continue
        others = theirs if one is None or _is_class(one) else hard
        found.update((shared, None) for other in others for shared in shared_by(one, other))
    return tuple(sorted(found, key=lambda one: one is None))


def shared_by(one: str | None, other: str | None) -> Patterns:
    """What two patterns share: one of them, nothing, or (None,) when it has no pattern of its own."""
    if one is None or other is None:
        return (None,)
    if covers(other, one) or session_of(one, other):
        return (one,)
    if covers(one, other) or session_of(other, one):
        return (other,)
    return (None,) if overlaps(one, other) else ()


def session_of(session: str, role: str) -> bool:
    """Whether the first is a session ARN of the role (or of a role of the pattern) that is the second."""
    prefix, _, rest = session.partition(":assumed-role/")
    account, name = prefix.rpartition(":")[2], rest.partition("/")[0]
    if not rest or arn_part(role, 4) != account:
        return False
    path = arn_part(role, 5)
    return path.startswith("role/") and covers(path.rpartition("/")[2], name)


def _is_class(pattern: str) -> bool:
    return has_wildcard(pattern) or ":assumed-role/" in pattern
