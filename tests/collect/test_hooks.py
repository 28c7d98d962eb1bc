"""Hooks whose copies share their nodes call the same handlers as botocore's."""

import copy
import os
from typing import Any

import pytest
from botocore import hooks as botocore_hooks
from botocore.handlers import BUILTIN_HANDLERS
from botocore.hooks import EventAliaser, HierarchicalEmitter
from botocore.session import Session

from scanner.collect import session as hooks
from scanner.collect.session import SharedAliaser, are_shareable, open_hooked_session

EVENTS = sorted({handler[0].replace("*", "AnyOperation") for handler in BUILTIN_HANDLERS})
OLD_NAMES = [
    "before-call.efs",
    "creating-client-class.elasticfilesystem",
    "needs-retry.resourcegroupstaggingapi",
]


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)


def handlers(emitter: Any, event: str) -> list[str]:
    """Return the names of the handlers of an event, in the order in which they are called."""
    own = vars(emitter)
    name = emitter._alias_event_name(event)
    return [handler_name(handler) for handler in vars(own["_emitter"])["_handlers"].prefix_search(name)]


def handler_name(handler: Any) -> str:
    """Return a name; a bound method of a session's own is compared by its class."""
    return getattr(handler, "__qualname__", type(handler).__name__)


def test_the_locked_botocore_shares_its_hooks() -> None:
    assert are_shareable()
    assert isinstance(open_hooked_session(None).get_component("event_emitter"), SharedAliaser)


@pytest.mark.parametrize("copies", [0, 2])
def test_the_same_handlers_are_called_in_the_same_order(copies: int) -> None:
    ours = open_hooked_session(None).get_component("event_emitter")
    plain = Session().get_component("event_emitter")
    for emitter in (ours, plain):
        emitter.register_first("before-call.s3", sorted_first)
        emitter.register_last("before-call.s3.*", sorted_last, unique_id="last")
        emitter.register("before-call.*.DeleteObjects", any_service)
    for _ in range(copies):
        ours, plain = copy.copy(ours), copy.copy(plain)
    for event in EVENTS + OLD_NAMES:
        assert handlers(ours, event) == handlers(plain, event), event
    assert len(handlers(ours, "before-call.s3.DeleteObjects")) > 4


def sorted_first(**_: Any) -> str:
    return "first"


def sorted_last(**_: Any) -> str:
    return "last"


def any_service(**_: Any) -> str:
    return "any"


def test_copies_do_not_see_each_other() -> None:
    session = open_hooked_session(None).get_component("event_emitter")
    session.register("x.y", any_service)
    one, other = copy.copy(session), copy.copy(session)
    one.register("x.y", sorted_first)
    other.register("x.y.z", sorted_last)
    other.unregister("x.y", any_service)
    session.register("x", sorted_last)
    names = [[response for _, response in emitter.emit("x.y.z")] for emitter in (session, one, other)]
    assert names == [["any", "last"], ["any", "first"], ["last"]]
    again = copy.copy(one)
    again.unregister("x.y", any_service)
    assert [response for _, response in one.emit("x.y")] == ["any", "first"]
    assert [response for _, response in again.emit("x.y")] == ["first"]


@pytest.mark.parametrize("difference", ["no tree", "another tree", "other nodes", "other names"])
def test_with_another_botocore_the_hooks_are_its_own(
    monkeypatch: pytest.MonkeyPatch, difference: str
) -> None:
    def emitter(self: Any) -> None:
        vars(self)["_handlers" if difference == "another tree" else "_tree"] = {}

    def append_item(self: Any, *_: object) -> None:
        vars(self)["_root"]["more"] = 1

    with monkeypatch.context() as later:
        if "tree" in difference:
            later.setattr(HierarchicalEmitter, "__init__", emitter)
        if difference == "other nodes":
            later.setattr(vars(botocore_hooks)["_PrefixTrie"], "append_item", append_item)
        if difference == "other names":
            later.setattr(EventAliaser, "__init__", lambda self, _: setattr(self, "emitter", None))
        assert not are_shareable()
    monkeypatch.setattr(hooks, "are_shareable", lambda: False)
    component = open_hooked_session(None).get_component("event_emitter")
    assert type(component) is EventAliaser
    assert type(vars(component)["_emitter"]) is HierarchicalEmitter
