"""A planted resource, and tags."""

from collections.abc import Mapping
from dataclasses import dataclass

Tags = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Resource:
    """A planted resource. `key` is the ARN of the key that encrypts it; None where nothing does."""

    arn: str
    type: str
    name: str
    account: str
    region: str
    key: str | None = None
    fully_managed: bool = False


def tag_list(tags: Tags) -> list[dict[str, str]]:
    """Tags as most APIs want them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]
