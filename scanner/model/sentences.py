"""Reasons become sentences: they begin with a capital, and names of AWS's operations stay as they are."""


def sentence(words: str) -> str:
    """Begin with a capital and end with one full stop; nothing stays nothing, `backup:ListX` as it is."""
    told = words.strip().rstrip(".")
    if not told:
        return ""
    first = told.split(maxsplit=1)[0]
    return f"{told}." if ":" in first.rstrip(":") else f"{told[0].upper()}{told[1:]}."
