"""Wildcards and ARNs: whether a pattern matches every string of a cell, some, or none.

A *cell* is a set of strings, itself written as a pattern: `arn:aws:iam::111122223333:role/*` is every role of
that account. A cell without wildcards is one string. `*` matches any number of characters, `?` exactly one
(IAM User Guide, "IAM JSON policy elements: Resource").

Patterns are untrusted input, so there are no regular expressions. The pieces between the stars are searched
one after the other, at worst in the product of the lengths of piece and cell.
"""

from itertools import chain

ARN_PARTS = 6
Patterns = tuple[str | None, ...]

# More comparisons take too long.
_MAX_PAIRS = 1_000_000


def has_wildcard(text: str) -> bool:
    """Check whether the text contains `*` or `?`."""
    return "*" in text or "?" in text


def covers(pattern: str, cell: str) -> bool:
    """Check whether every string of `cell` matches `pattern`.

    Sound, not complete: it may return False for odd cases such as `?*` against `*?`. Only a `*` of the
    pattern can cover a `*` of the cell.
    """
    if not has_wildcard(pattern):
        return pattern == cell
    pieces = pattern.split("*")
    return _fits(pieces, cell, lenient=False)


def overlaps(first: str, second: str) -> bool:
    """Check whether at least one string matches both patterns. Exact."""
    if "*" in first and "*" in second:
        # A star can match everything in between, so only the two ends can differ.
        return _ends_agree(first, second)
    if "*" in first:
        first, second = second, first
    return _fits(second.split("*"), first, lenient=True)


def arn_covers(pattern: str, cell: str) -> bool | None:
    """Apply `covers` to each part of two ARNs, as the ARN operators do; None: the pattern is no ARN.

    The six parts are compared separately, so a wildcard never matches a colon except in the last one (IAM
    User Guide, "Condition operators", ARN). A bare `*` matches every ARN.
    """
    pairs = _part_pairs(pattern, cell)
    return None if pairs is None else all(covers(mine, theirs) for mine, theirs in pairs)


def arn_overlaps(pattern: str, cell: str) -> bool | None:
    """Apply `overlaps` to each part of two ARNs; None: the pattern is no ARN."""
    pairs = _part_pairs(pattern, cell)
    return None if pairs is None else all(overlaps(mine, theirs) for mine, theirs in pairs)


def arn_part(arn: str, index: int) -> str:
    """Return one part of an ARN (1 partition, 3 Region, 4 account, 5 the rest), or "" if there is none."""
    parts = arn.split(":", ARN_PARTS - 1)
    return parts[index] if len(parts) == ARN_PARTS and parts[0] == "arn" else ""


def is_account_id(text: str) -> bool:
    """Check whether the text is a twelve-digit account id."""
    return len(text) == 12 and text.isascii() and text.isdigit()  # noqa: PLR2004 - the length of every account id


def is_no_principal(text: str) -> bool:
    """Check whether the literal text is no principal's ARN: its name or account contains a wildcard.

    Names of roles and users consist of letters, digits and `+=,.@_-`; only a path may contain a star
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

    Placing each middle piece as far left as possible leaves the most room for the others.
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
        at = _find(piece, text, start, end, lenient=lenient)
        if at < 0:
            return False
        start = at + len(piece)
    return True


def _find(piece: str, text: str, start: int, end: int, *, lenient: bool) -> int:
    """Return the first position between start and end where the piece fits, or -1."""
    if "?" not in piece and not (lenient and "?" in text):
        return text.find(piece, start, end)
    for place in range(start, end - len(piece) + 1):
        if _same(piece, text[place : place + len(piece)], lenient=lenient):
            return place
    return -1


def _same(piece: str, text: str, *, lenient: bool) -> bool:
    """Compare two texts of which `?` matches any character; lenient: a `?` of the text matches, too."""
    if piece == text:
        return True
    if "?" not in piece and not (lenient and "?" in text):
        return False
    return len(piece) == len(text) and all(
        mine == theirs or (mine == "?" and theirs != "*") or (lenient and theirs == "?")
        for mine, theirs in zip(piece, text, strict=True)
    )


def _ends_agree(first: str, second: str) -> bool:
    heads = (first.partition("*")[0], second.partition("*")[0])
    tails = (first.rpartition("*")[2][::-1], second.rpartition("*")[2][::-1])
    return all(
        mine == theirs or "?" in (mine, theirs)
        for pair in (heads, tails)
        for mine, theirs in zip(*pair, strict=False)
    )


# Intersections of sets of principals, which are written as ARN patterns.
#
# None in a set is a principal whose ARN is not known. A session's ARN
# (`arn:aws:sts::A:assumed-role/R/S`) belongs to the role R, whatever its path.
def intersection(ours: Patterns | None, theirs: Patterns) -> Patterns | None:
    """Return the principals in both sets, each once; None: the sets are too large to compare."""
    if ours is None:
        return None
    exact = frozenset(theirs)
    # A plain ARN that is not in the other set can only match one of its patterns and sessions.
    wide = tuple(pattern for pattern in theirs if _is_wide(pattern))
    pairs = sum(len(theirs if _is_wide(pattern) else wide) for pattern in ours if pattern not in exact)
    if pairs > _MAX_PAIRS:
        return None
    principals: dict[str | None, None] = {}
    for pattern in ours:
        if pattern in exact:
            principals[pattern] = None
            continue
        candidates = theirs if _is_wide(pattern) else wide
        principals.update(
            dict.fromkeys(chain(*(pair_intersection(pattern, candidate) for candidate in candidates)))
        )
    return tuple(sorted(principals, key=lambda principal: principal is None))


def pair_intersection(first: str | None, second: str | None) -> Patterns:
    """Return what two patterns share: one of them, nothing, or (None,) if no single pattern describes it."""
    if first is None or second is None:
        return (None,)
    if covers(second, first) or session_of(first, second):
        return (first,)
    if covers(first, second) or session_of(second, first):
        return (second,)
    return (None,) if overlaps(first, second) else ()


def session_of(session: str, role: str) -> bool:
    """Check whether the first is a session ARN of the second, a role (or a pattern of roles)."""
    prefix, _, rest = session.partition(":assumed-role/")
    account, name = prefix.rpartition(":")[2], rest.partition("/")[0]
    if not rest or arn_part(role, 4) != account:
        return False
    path = arn_part(role, 5)
    return path.startswith("role/") and covers(path.rpartition("/")[2], name)


def _is_wide(pattern: str | None) -> bool:
    """Check whether more than one principal, or an unknown one, may match; a session belongs to its role."""
    return pattern is None or has_wildcard(pattern) or ":assumed-role/" in pattern
