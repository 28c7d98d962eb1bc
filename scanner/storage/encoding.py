"""JSON encoding that also accepts text that is not valid Unicode."""

import orjson

from scanner.model.text import mended


def encode(document: object) -> bytes:
    """Encode a document as JSON. Text that is not valid Unicode (a lone surrogate) becomes U+FFFD."""
    try:
        return orjson.dumps(document)
    except TypeError:
        return orjson.dumps(mended(document))


def fragment(document: object) -> orjson.Fragment:
    """Encode a value that many documents contain once; `encode` then copies its bytes."""
    return orjson.Fragment(encode(document))
