"""Bodies of answers made up from botocore's models, honest and hostile, in JSON and in XML.

Everything follows from one number, the seed of a generator.
"""

import json
from collections.abc import Callable
from random import Random
from typing import Any
from xml.sax.saxutils import escape

from botocore.model import OperationModel

TIMES = (
    "2026-11-22T18:00:00.123Z",
    "2026-11-22T18:00:00Z",
    "2026-11-22T18:00:00.123456Z",
    "2026-11-22T18:00:00.9999Z",
    "2026-11-22T18:00:00+02:00",
    "2026-11-22T18:00:00",
    "2026-11-22T18:00Z",
    "2026-11-22",
    "20261122",
    "20261122T180000Z",
    "2026-W47-7T18:00:00.000Z",
    "2026-02-30T18:00:00.000Z",
    "2026-11-22T24:00:00.000Z",
    "2026-11-22T18:00:60.000Z",
    "2026-11-22t18:00:00.000z",
    "2026-11-22T18:00:00,123Z",
    "0001-01-01T00:00:00.000+14:00",
    "0000-11-22T18:00:00.000Z",
    "9999-12-31T23:59:59.999Z",
    "Sun, 22 Nov 2026 18:00:00 GMT",
    "1763827200",
    "1763827200.5",
    "1e3",
    "nan",
    "inf",
    "yesterday",
    " ",
    "",
    "٢٠٢٦-11-22T18:00:00.123Z",
)
"""Texts where a time is expected."""

NUMBERS = (
    0, 1, -1, 1763827200, 1763827200.123, 1763827200.9999996, 0.0005, -0.5, 253402300799.9999,
    253402300800, 1e18, 10**30, -(10**30), 1 << 63, (1 << 64) - 1, float("nan"), float("inf"),
)  # fmt: skip
"""Numbers where a time is expected, and anywhere else."""

_HOSTILE: tuple[Any, ...] = (
    None, {}, [], "", "x", "true", "False", True, False, "\ud800", "5", "5.5", "bm8=", "no base64!",
    [None], [[]], {"a": None}, {"a": [10**30]}, [10**30], ["x", None, 1.5], *NUMBERS,
)  # fmt: skip
_DEEP = 6


def json_body(operation: OperationModel, seed: int, hostility: float) -> bytes:
    """An answer in JSON. `hostility`: how likely each value is of another kind than it should be."""
    return json.dumps(_json_value(operation.output_shape, _generator(seed), hostility, 0)).encode()


def _generator(seed: int) -> Random:
    return Random(seed)  # noqa: S311 -- what follows from a seed can be told again


def _json_value(shape: Any, random: Random, hostility: float, depth: int) -> Any:
    if depth and random.random() < hostility:
        return random.choice(_HOSTILE)
    make = _JSON.get(shape.type_name)
    return (
        random.choice(("x", "Ünïcode \U0001f600", "null", ""))
        if make is None
        else make(shape, random, hostility, depth + 1)
    )


def _json_object(shape: Any, random: Random, hostility: float, depth: int) -> dict[str, Any]:
    chosen = list(shape.members.items())
    if shape.is_tagged_union and random.random() > hostility:
        chosen = [random.choice(chosen)]
    found = {
        member.serialization.get("name", name): _json_value(member, random, hostility, depth)
        for name, member in chosen
        if (random.random() < 0.8 or len(chosen) == 1) and (depth < _DEEP or _is_leaf(member))
    }
    if random.random() < hostility:
        found[random.choice(("Unknown", "__type", "nextPage"))] = random.choice(_HOSTILE)
    return found


_JSON: dict[str, Callable[..., Any]] = {
    "structure": _json_object,
    "list": lambda shape, random, hostility, depth: [
        _json_value(shape.member, random, hostility, depth) for _ in range(random.randrange(3))
    ],
    "map": lambda shape, random, hostility, depth: {
        f"key{number}": _json_value(shape.value, random, hostility, depth)
        for number in range(random.randrange(3))
    },
    "boolean": lambda _shape, random, *_: random.choice((True, False)),
    "integer": lambda _shape, random, *_: random.randrange(100),
    "long": lambda _shape, random, *_: random.randrange(1 << 40),
    "float": lambda _shape, random, *_: random.random(),
    "double": lambda _shape, random, *_: random.choice((random.random(), 5)),
    "blob": lambda *_: "bm8=",
    "timestamp": lambda _shape, random, hostility, _depth: (
        random.choice((*TIMES, *NUMBERS))
        if random.random() < hostility
        else random.choice((TIMES[0], round(random.random() * 2e9, 3)))
    ),
}


def xml_body(operation: OperationModel, seed: int, hostility: float) -> bytes:
    """An answer in XML. `hostility`: how likely each element is repeated, empty, foreign or wrong."""
    random = _generator(seed)
    shape: Any = operation.output_shape
    payload = shape.serialization.get("payload")
    body = shape.members[payload] if payload else shape
    inner = _xml_value(body, random, hostility, 0)
    if wrapper := shape.serialization.get("resultWrapper"):
        inner = _repeat(f"<{wrapper}>{inner}</{wrapper}>", random, hostility / 4)
    namespace = random.choice(("", ' xmlns="http://x/y/"', ' xmlns="urn:a" xmlns:b="urn:b"'))
    metadata = random.choice(
        ("", "<requestId>r</requestId>", "<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>")
    )
    start = random.choice(("", '<?xml version="1.0" encoding="UTF-8"?>\n'))
    return f"{start}<Answer{namespace}>{inner}{metadata}</Answer>".encode()


def _xml_value(shape: Any, random: Random, hostility: float, depth: int) -> str:
    if depth and random.random() < hostility:
        return random.choice(("", " ", "<a/>", "<a>1</a><a>2</a>", "<![CDATA[<x>]]>", "5", "1e400", "x<b/>y"))
    kind = shape.type_name
    if kind == "structure":
        return _xml_members(shape, random, hostility, depth + 1)
    if kind == "list":
        tag = shape.member.serialization.get("name", "member")
        values = [_xml_value(shape.member, random, hostility, depth + 1) for _ in range(random.randrange(3))]
        return "".join(f"<{tag}>{value}</{tag}>" for value in values)
    if kind == "map":
        return "".join(f"<entry>{_xml_pair(shape, random, hostility, depth)}</entry>" for _ in range(2))
    return _xml_text(kind, random, hostility)


def _xml_text(kind: str, random: Random, hostility: float) -> str:
    if kind == "timestamp":
        return escape(random.choice(TIMES) if random.random() < hostility else TIMES[0])
    texts = {
        "boolean": ("true", "false", "TRUE"),
        "integer": ("5", " 7 ", "-1", str(10**30)),
        "long": ("5", "1099511627776"),
        "float": ("0.5", "5", "nan"),
        "double": ("0.5", "1e10"),
        "blob": ("bm8=",),
    }
    return random.choice(texts.get(kind, ("x", "a &amp; b", "<![CDATA[a < b]]>", "x<!-- c -->y", "Ünï", "")))


def _xml_members(shape: Any, random: Random, hostility: float, depth: int) -> str:
    found = []
    for name, member in shape.members.items():
        if random.random() < 0.8 and (depth < _DEEP or _is_leaf(member)):
            found.append(_repeat(_xml_member(name, member, random, hostility, depth), random, hostility / 4))
    if random.random() < hostility:
        found.append(
            random.choice(("<unknown>1</unknown>", "<!-- c -->", "<?pi x?>", "<unknown/><unknown/>"))
        )
    return "\n".join(found)


def _xml_member(name: str, member: Any, random: Random, hostility: float, depth: int) -> str:
    tag = member.serialization.get("name", name)
    if not member.serialization.get("flattened"):
        return f"<{tag}>{_xml_value(member, random, hostility, depth)}</{tag}>"
    if member.type_name == "map":
        return "".join(f"<{tag}>{_xml_pair(member, random, hostility, depth)}</{tag}>" for _ in range(2))
    tag = member.member.serialization.get("name", tag)
    values = [_xml_value(member.member, random, hostility, depth) for _ in range(random.randrange(3))]
    return "".join(f"<{tag}>{value}</{tag}>" for value in values)


def _xml_pair(shape: Any, random: Random, hostility: float, depth: int) -> str:
    key = shape.key.serialization.get("name", "key")
    value = shape.value.serialization.get("name", "value")
    pair = [
        f"<{key}>k</{key}>",
        f"<{value}>{_xml_value(shape.value, random, hostility, depth + 1)}</{value}>",
    ]
    if random.random() < hostility:
        pair.pop(random.randrange(2))
    if random.random() < hostility:
        pair.reverse()
    return "".join(pair)


def _repeat(element: str, random: Random, hostility: float) -> str:
    return element * (2 if random.random() < hostility else 1)


def _is_leaf(shape: Any) -> bool:
    return shape.type_name not in {"structure", "list", "map"}
