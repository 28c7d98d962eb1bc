"""Text that AWS or somebody's tool gave, and that is no Unicode: a lone surrogate, half of a character."""

from collections.abc import Mapping
from typing import Any


def mended(content: Any) -> Any:  # noqa: ANN401 -- whatever JSON holds
    """Give JSON's values with U+FFFD in the place of what is no Unicode."""
    if isinstance(content, str):
        return content.encode(errors="surrogatepass").decode(errors="replace")
    if isinstance(content, Mapping):
        return {mended(key): mended(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [mended(member) for member in content]
    return content
