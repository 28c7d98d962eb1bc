"""JSON as the contract has it, whatever text AWS gave."""

import orjson

from scanner.model.unicode import mended


def encode(document: object) -> bytes:
    """Encode JSON as the contract has it. Text that is no Unicode (a lone surrogate) becomes U+FFFD."""
    try:
        return orjson.dumps(document)
    except TypeError:
        return orjson.dumps(mended(document))


def fragment(document: object) -> orjson.Fragment:
    """Encode a part of many documents once; `encode` puts it into each as it is."""
    return orjson.Fragment(encode(document))
