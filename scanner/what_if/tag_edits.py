"""Tags in recorded answers, which services return in different forms and places."""

from collections.abc import Callable, Mapping
from typing import Any, Final

_NAMES: Final = ("Tags", "TagSet", "TagList", "tags", "tagSet")
_IDENTITIES: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("VolumeId", "InstanceId", "FileSystemId", "FileSystemArn", "ResourceARN", "ClusterArn"), "Tags"
    ),
    **dict.fromkeys(("DBInstanceArn", "DBClusterArn"), "TagList"),
    "ClusterNamespaceArn": "Tags",
}
"""The members that identify a resource in the lists of services, and where these have the tags.

AWS leaves the tags of a resource without any out of most lists.
"""
_SEPARATORS: Final = "/:"


def edit_tags(arn: str, tags: Mapping[str, str]) -> tuple[bytes, Callable[[Any], bool]]:
    """Return a text that lines about a resource contain, and what replaces its tags in such an answer.

    A row is about the resource if a member of it is the ARN, or the identifier at the ARN's end.
    """
    # Lists name a resource by its id, which is the end of its ARN.
    identifier = arn
    for separator in _SEPARATORS:
        identifier = identifier.rpartition(separator)[2] or identifier
    names = {arn, identifier}

    def edit(document: dict[str, Any]) -> bool:
        response = document.get("response")
        if not isinstance(response, dict):
            return False
        # Calls like ListTagsOfResource name the resource in the request only, never in the answer.
        if "Tag" in document["operation"] and names & set(_texts(document["parameters"])):
            name = next((name for name in _NAMES if name in response), _NAMES[0])
            response[name] = _in_form(response.get(name), tags)
            return True
        return _replaced(response, names, tags)

    return identifier.encode(), edit


def _texts(parameters: Mapping[str, Any]) -> list[str]:
    return [value for value in parameters.values() if isinstance(value, str)]


def _replaced(node: Any, names: set[str], tags: Mapping[str, str]) -> bool:  # noqa: ANN401 -- JSON
    """Replace the tags of each object that is about the resource, in place. Return whether there is one."""
    if isinstance(node, list):
        return sum(_replaced(item, names, tags) for item in node) > 0
    if not isinstance(node, dict):
        return False
    is_changed = sum(_replaced(inner, names, tags) for inner in node.values()) > 0
    owns = [key for key in _IDENTITIES if isinstance(value := node.get(key), str) and value in names]
    if owns == ["FileSystemId"] and "VolumeId" in node:  # a volume of the file system
        owns = []
    if owns:
        name = next((name for name in _NAMES if name in node), _IDENTITIES[owns[0]])
        node[name] = _in_form(node.get(name), tags)
    return is_changed or bool(owns)


def _in_form(present: object, tags: Mapping[str, str]) -> object:
    if isinstance(present, Mapping):
        return dict(tags)
    # Some services spell the members in lower case: the form that is there is kept.
    is_lower = isinstance(present, list) and any(isinstance(tag, Mapping) and "key" in tag for tag in present)
    key, value = ("key", "value") if is_lower else ("Key", "Value")
    return [{key: name, value: text} for name, text in tags.items()]
