"""Wildcards and ARNs: does a pattern match every string of a cell, some, or none?

A *cell* is a set of strings, written as a pattern itself: `arn:aws:iam::111122223333:role/*` is
"any role of that account". A cell without wildcards is one string. `*` stands for any number of
characters, `?` for exactly one (IAM User Guide, "IAM JSON policy elements: Resource").

No regular expressions: patterns come from strangers. The cost is that of searching the pieces
between the stars one after the other, at worst the product of the lengths of piece and cell.
"""

ARN_PARTS = 6
Patterns = tuple[str | None, ...]

# Beyond this the answer is not worth its time.
_MOST_PAIRS = 1_000_000


def has_wildcard(text: str) -> bool:
    """Check whether the text holds `*` or `?`."""
    return "*" in text or "?" in text


def covers(pattern: str, cell: str) -> bool:
    """Check whether every string of `cell` matches `pattern`.

    Sound, not complete: False may stand for "not shown" in odd cases such as `?*` against `*?`.
    A `*` of the cell can only lie under a `*` of the pattern.
    """
    if not has_wildcard(pattern):
        return pattern == cell
    pieces = pattern.split("*")
    return _fits(pieces, cell, lenient=False)


def overlaps(one: str, other: str) -> bool:
    """Check whether at least one string matches both patterns. Exact."""
    if "*" in one and "*" in other:
        # The stars can swallow all that stands between, so that only the two ends can disagree.
        return _ends_agree(one, other)
    if "*" in one:
        one, other = other, one
    return _fits(other.split("*"), one, lenient=True)


def arn_covers(pattern: str, cell: str) -> bool | None:
    """`covers` part by part, as the ARN operators compare; None when the pattern is no ARN.

    The six parts are compared separately, so a wildcard never reaches over a colon except in the
    last one (IAM User Guide, "Condition operators", ARN). A bare `*` matches every ARN.
    """
    pairs = _part_pairs(pattern, cell)
    return None if pairs is None else all(covers(mine, theirs) for mine, theirs in pairs)


def arn_overlaps(pattern: str, cell: str) -> bool | None:
    """`overlaps` part by part; None when the pattern is no ARN."""
    pairs = _part_pairs(pattern, cell)
    return None if pairs is None else all(overlaps(mine, theirs) for mine, theirs in pairs)


def arn_part(arn: str, index: int) -> str:
    """One of the six parts of an ARN (1 partition, 3 Region, 4 account, 5 the rest), "" if there is none."""
    parts = arn.split(":", ARN_PARTS - 1)
    return parts[index] if len(parts) == ARN_PARTS and parts[0] == "arn" else ""


def is_account_id(text: str) -> bool:
    """Check whether the text is a twelve-digit account id."""
    return len(text) == 12 and text.isascii() and text.isdigit()  # noqa: PLR2004 - the length of every account id


def is_no_principal(text: str) -> bool:
    """Check whether the literal text is no principal's ARN: its name or account contains a wildcard.

    Names of roles and users are made of letters, digits and `+=,.@_-`; only a path may hold a star
    (IAM User Guide, "IAM and AWS STS quotas, name requirements").
    """
    return text.startswith("arn:") and (
        has_wildcard(text.partition("/")[0]) or has_wildcard(text.rpartition("/")[2])
    )


def _part_pairs(pattern: str, cell: str) -> list[tuple[str, str]] | None:
    if pattern == "*":
        return [(pattern, cell)]
    mine, theirs = pattern.split(":", ARN_PARTS - 1), cell.split(":", ARN_PARTS - 1)
    if len(mine) != ARN_PARTS or len(theirs) != ARN_PARTS:
        return None
    return list(zip(mine, theirs, strict=True))


def _fits(pieces: list[str], text: str, *, lenient: bool) -> bool:
    """Check whether the pieces occur in the text in order, the first at its start and the last at its end.

    Taking each middle piece as far left as it goes leaves the most room for the others.
    """
    if len(pieces) == 1:
        return len(pieces[0]) == len(text) and _same(pieces[0], text, lenient=lenient)
    first, last = pieces[0], pieces[-1]
    start, end = len(first), len(text) - len(last)
    if start > end:
        return False
    if not _same(first, text[:start], lenient=lenient) or not _same(last, text[end:], lenient=lenient):
        return False
    for piece in pieces[1:-1]:
        found = _find(piece, text, start, end, lenient=lenient)
        if found < 0:
            return False
        start = found + len(piece)
    return True


def _find(piece: str, text: str, start: int, end: int, *, lenient: bool) -> int:
    """The first place between start and end where the piece fits, or -1."""
    if "?" not in piece and not (lenient and "?" in text):
        return text.find(piece, start, end)
    for place in range(start, end - len(piece) + 1):
        if _same(piece, text[place : place + len(piece)], lenient=lenient):
            return place
    return -1


def _same(piece: str, text: str, *, lenient: bool) -> bool:
    """Equal but for `?`. Lenient: a `?` of the text may turn out as any character, too."""
    if piece == text:
        return True
    if "?" not in piece and not (lenient and "?" in text):
        return False
    return len(piece) == len(text) and all(
        mine == theirs or (mine == "?" and theirs != "*") or (lenient and theirs == "?")
        for mine, theirs in zip(piece, text, strict=True)
    )


def _ends_agree(one: str, other: str) -> bool:
    heads = (one.partition("*")[0], other.partition("*")[0])
    tails = (one.rpartition("*")[2][::-1], other.rpartition("*")[2][::-1])
    return all(
        mine == theirs or "?" in (mine, theirs)
        for pair in (heads, tails)
        for mine, theirs in zip(*pair, strict=False)
    )


# Sets of principals, written as ARN patterns, and what two of them have in common.
#
# None in a set is a principal whose ARN is not known. A session's ARN
# (`arn:aws:sts::A:assumed-role/R/S`) belongs to the role R, whatever its path.
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
    """Check whether the first is a session ARN of the second, a role (or a pattern of roles)."""
    prefix, _, rest = session.partition(":assumed-role/")
    account, name = prefix.rpartition(":")[2], rest.partition("/")[0]
    if not rest or arn_part(role, 4) != account:
        return False
    path = arn_part(role, 5)
    return path.startswith("role/") and covers(path.rpartition("/")[2], name)


def _is_class(pattern: str) -> bool:
    return has_wildcard(pattern) or ":assumed-role/" in pattern
