"""Turns reasons into sentences: with a capital at the beginning, except for names of AWS operations."""


def sentence(words: str) -> str:
    """Return a text as a sentence: `backup:ListX` at its beginning and an empty text stay as they are."""
    text = words.strip().rstrip(".")
    if not text:
        return ""
    first = text.split(maxsplit=1)[0]
    return f"{text}." if ":" in first.rstrip(":") else f"{text[0].upper()}{text[1:]}."
