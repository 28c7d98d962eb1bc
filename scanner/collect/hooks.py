"""botocore's event hooks, with copies that share their common nodes.

botocore copies the hooks of the session, a tree of about 400 nodes, for each client, which then adds two or
three handlers. Here nodes are immutable: adding a handler replaces the nodes on the path to it.
"""

import copy
from collections.abc import Callable
from typing import Any

from botocore import hooks
from botocore.hooks import EventAliaser, HierarchicalEmitter
from botocore.session import Session


def open_hooked_session(profile: str | None) -> Session:
    """Return a session of a profile whose clients share its hooks, where botocore's are as expected."""
    if not are_shareable():
        return Session(profile=profile)
    emitter = HierarchicalEmitter()
    vars(emitter)["_handlers"] = _tree()
    session = Session(profile=profile, event_hooks=emitter)
    session.register_component("event_emitter", SharedAliaser(emitter))
    return session


def are_shareable() -> bool:
    """Return whether botocore stores its hooks in the expected tree, which can be shared."""
    tree: Any = vars(HierarchicalEmitter()).get("_handlers")
    if _tree_class() is None or type(tree) is not _tree_class():
        return False
    tree.append_item("event", print)
    root: dict[str, Any] = {"chunk": None, "values": None, "children": {}}
    leaf = {"chunk": "event", "values": ([], [print], []), "children": {}}
    aliaser = vars(EventAliaser(HierarchicalEmitter()))
    return vars(tree) == {"_root": root | {"children": {"event": leaf}}} and (
        aliaser.keys() == {"_event_aliases", "_alias_name_cache", "_emitter"}
    )


class SharedAliaser(EventAliaser):
    """Translator for old event names. Its copies share the cache of translated names."""

    def __copy__(self) -> "SharedAliaser":
        """Return an aliaser of a copy of the hooks."""
        own: dict[str, Any] = vars(self)
        copied = SharedAliaser(copy.copy(own["_emitter"]), own["_event_aliases"])
        vars(copied)["_alias_name_cache"] = own["_alias_name_cache"]
        return copied


def _tree_class() -> Any:  # noqa: ANN401 -- a private class of botocore
    return getattr(hooks, "_PrefixTrie", None)


def _tree() -> Any:  # noqa: ANN401 -- the like
    class SharedTree(_tree_class()):  # type: ignore[misc]
        """The tree of handlers by the parts of an event's name. No node is changed that a copy may hold."""

        _root: dict[str, Any]

        def append_item(self, key: str, value: Callable[..., Any], *section: int, **sections: int) -> None:
            self._root = _renewed(self._root, key.split("."))
            super().append_item(key, value, *section, **sections)

        def remove_item(self, key: str, value: Callable[..., Any]) -> None:
            self._root = _renewed(self._root, key.split("."))
            super().remove_item(key, value)

        def __copy__(self) -> Any:  # noqa: ANN401
            copied: Any = SharedTree()
            copied._root = self._root  # noqa: SLF001 -- its own class
            return copied

    return SharedTree()


def _renewed(node: dict[str, Any], parts: list[str]) -> dict[str, Any]:
    """Return a copy of a node and of its descendants along `parts`, which shares all other nodes."""
    children = dict(node["children"])
    if parts and parts[0] in children:
        children[parts[0]] = _renewed(children[parts[0]], parts[1:])
    return {"chunk": node["chunk"], "values": copy.copy(node["values"]), "children": children}
