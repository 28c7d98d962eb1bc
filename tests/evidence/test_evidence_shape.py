from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from scanner.errors import BundleError
from scanner.evidence.shape import Shape
from scanner.model.known import EvidenceRef

REF = EvidenceRef("evidence/1/eu-west-1.jsonl", 3)


def shape(value: Any) -> Shape:
    return Shape({"key": value}, "backup:ListX", REF)


READERS: dict[str, Callable[[Shape], Any]] = {
    "text": lambda s: s.text("key"),
    "need": lambda s: s.need("key"),
    "flag": lambda s: s.flag("key"),
    "integer": lambda s: s.integer("key"),
    "instant": lambda s: s.instant("key"),
    "child": lambda s: s.child("key"),
    "need_child": lambda s: s.need_child("key"),
    "children": lambda s: list(s.children("key")),
    "texts": lambda s: s.texts("key"),
    "mapping": lambda s: s.mapping("key", bool),
}


WRONG: dict[str, tuple[Any, ...]] = {
    "text": (5, True, [], {}),
    "need": (None, "", 5),
    "flag": ("true", 1, 0, []),
    "integer": (True, "5", 5.5, 1e300, 1 << 63, -(1 << 63) - 1),
    "instant": (
        "",
        "yesterday",
        1700000000,
        "2026-13-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-01:00",
    ),
    "child": ([], "x", 5),
    "need_child": (None, [], "x"),
    "children": ({}, "x", ["x"], [{}, None]),
    "texts": ("x", [1], [None], {}),
    "mapping": ([], {"a": "true"}, {"a": None}, {"a": 1}),
}


@pytest.mark.parametrize(
    ("reader", "value"), [(reader, value) for reader, values in WRONG.items() for value in values]
)
def test_a_field_of_the_wrong_type_is_a_corrupt_bundle(reader: str, value: Any) -> None:
    with pytest.raises(BundleError, match=r"eu-west-1\.jsonl: line 3: backup:ListX\.key.* should be"):
        READERS[reader](shape(value))


@pytest.mark.parametrize("value", [35, 35.0])
def test_a_whole_number_may_have_a_point(value: float) -> None:
    number = shape(value).integer("key")
    assert (number, type(number)) == (35, int)


@pytest.mark.parametrize(
    ("reader", "empty"),
    [
        ("text", None),
        ("flag", None),
        ("integer", None),
        ("instant", None),
        ("child", None),
        ("children", []),
        ("texts", ()),
        ("mapping", {}),
    ],
)
def test_null_is_the_same_as_absent(reader: str, empty: Any) -> None:
    read = READERS[reader]
    assert read(shape(None)) == read(Shape({}, "x", REF)) == empty


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T18:00:00Z",
        "2026-11-22T18:00:00",
        "2026-11-22T18:00:00.000+00:00",
        "2026-11-22T23:30:00+05:30",
    ],
)
def test_instants_are_utc(text: str) -> None:
    instant = shape(text).instant("key")
    assert instant == datetime(2026, 11, 22, 18, tzinfo=UTC)
    assert instant is not None
    assert instant.tzinfo is UTC


def test_the_place_of_a_nested_field_is_named() -> None:
    nested = Shape({"a": [{"b": {"c": 5}}]}, "backup:ListX", REF)
    child = next(iter(nested.children("a"))).need_child("b")
    with pytest.raises(BundleError, match=r"backup:ListX\.a\[0\]\.b\.c should be a string"):
        child.text("c")
