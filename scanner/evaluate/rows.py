"""Chosen rows of a table, as bytes: "1" or "0" for each of them, in the order of the table."""

from collections.abc import Iterable

_FLIP = bytes.maketrans(b"01", b"10")


def all_rows(number: int) -> bytes:
    """Choose every row."""
    return b"1" * number


def is_one_of(letters: bytes, wanted: Iterable[int]) -> bytes:
    """Choose the rows whose letter is one of those wanted."""
    ones = frozenset(wanted)
    return letters.translate(bytes(b"01"[letter in ones] for letter in range(256)))


def neither(rows: bytes) -> bytes:
    """Choose the rows that are not chosen."""
    return rows.translate(_FLIP)


def both(rows: bytes, others: bytes) -> bytes:
    """Choose the rows that are chosen twice."""
    if not rows:
        return rows
    return format(int(rows, 2) & int(others, 2), f"0{len(rows)}b").encode("ascii")
