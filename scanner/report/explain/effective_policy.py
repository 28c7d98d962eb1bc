"""The effective backup policy of an account: each value, and the policy of the organization that sets it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from scanner.model.explanation import Node, NodeKind, SetBy, Verdict
from scanner.report.explain.rows import Row, facts, members, references, refs_of, ternary, text, texts
from scanner.report.wording import count_word

_TITLE: Final = "Effective backup policy of the organization"
_NONE: Final = "none"
_NO_POLICY: Final = "No backup policy of the organization reaches the account."
_NOT_DESCRIBED: Final = "AWS's own answer was not read, so this is what the policies give."
_DESCRIBED_ONLY: Final = "AWS's answer has it, but no policy that was read sets it."
_POLICIES_GIVE: Final = "policies give"
_NO_VALUE: Final = "no value"
_COUNTS: Final = "The values shown are AWS's, which count."
_RULES: Final = "rules"
_SELECTIONS: Final = "selections"
_COPIES: Final = "copy_actions"
_SEPARATOR: Final = " / "
_PLAN: Final = 2  # keys of the path to a plan

_NESTED: Final[Mapping[str, tuple[NodeKind, int]]] = {
    _RULES: (NodeKind.RULE, 2),
    _SELECTIONS: (NodeKind.SELECTION, 3),  # selections, tags or resources, and the name
    _COPIES: (NodeKind.COPY, 2),
}
"""Keys below which names have a node of their own: its kind, and the number of keys to the name."""


def effective_policy_nodes(account: Row, settings: Sequence[Row]) -> Iterator[Node]:
    """Yield the node of the effective policy, from the rows of `policy_settings`; nothing: there are none."""
    # The row without a path is about the policy as a whole.
    whole = next((row for row in settings if not row.get("setting")), None)
    if whole is None or (whole.get("value") is None and whole.get("described") == _NONE):
        return
    rows = [(tuple(texts(row["setting"])[0]), row) for row in settings if row.get("setting")]
    # One of the two sources is enough to know the policy.
    is_unknown = whole.get("value") is None and whole.get("described") is None
    yield Node(
        kind=NodeKind.GROUP,
        label=_TITLE,
        verdict=Verdict.UNKNOWN if is_unknown else Verdict.STATED,
        because=_summary(whole, [row for _, row in rows]),
        evidence=references(account, "backup_policy"),
        children=tuple(_plans(rows)),
    )


def _summary(whole: Row, settings: Sequence[Row]) -> str:
    """Return what is known of the policy as a whole, and whether AWS's answer agrees with the policies."""
    differing = sum(row.get("agrees") is False for row in settings)
    described = whole.get("described")
    statements = [text(whole, "because")]
    if _NONE in {whole.get("value"), described} and not settings:
        statements.append(_NO_POLICY)
    if described is None and whole.get("value") is not None:
        statements.append(_NOT_DESCRIBED)
    if differing:
        verb = "differs" if differing == 1 else "differ"
        statements.append(f"{count_word(differing, 'value')} {verb} from what the policies give. {_COUNTS}")
    return " ".join(filter(None, statements))


def _plans(rows: Sequence[tuple[tuple[str, ...], Row]]) -> Iterator[Node]:
    by_plan: dict[tuple[str, ...], list[tuple[tuple[str, ...], Row]]] = {}
    for path, row in rows:
        by_plan.setdefault(path[:_PLAN], []).append((path[_PLAN:], row))
    for plan, settings in by_plan.items():
        yield Node(kind=NodeKind.PLAN, label=plan[-1], children=tuple(_nodes(settings)))


def _nodes(rows: Sequence[tuple[tuple[str, ...], Row]]) -> Iterator[Node]:
    """Yield the settings at these paths, those of a rule, a selection or a copy action below its name."""
    nested: dict[tuple[str, ...], list[tuple[tuple[str, ...], Row]]] = {}
    for path, row in rows:
        _, depth = _NESTED.get(path[0] if path else "", (NodeKind.SETTING, 0))
        # A path that ends at the name itself is a value: an empty selection, for example.
        if 0 < depth < len(path):
            nested.setdefault(path[:depth], []).append((path[depth:], row))
        else:
            yield _setting(path, row)
    for path, inner in nested.items():
        kind, _ = _NESTED[path[0]]
        yield Node(kind=kind, label=path[-1], children=tuple(_nodes(inner)))


def _setting(path: tuple[str, ...], row: Row) -> Node:
    """Return one value: as AWS describes it, or as the policies give it where AWS's answer was not read."""
    computed, described = row.get("value"), row.get("described")
    sources, _ = members(row.get("sources"))
    set_by = tuple(map(_set_by, sources))
    # AWS's own answer counts: it also has policies that the scan could not read.
    counting = computed if described is None else described
    because = text(row, "because")
    return Node(
        kind=NodeKind.SETTING,
        label=_SEPARATOR.join(path),
        verdict=Verdict.UNKNOWN if counting is None else Verdict.STATED,
        because=because if counting is None else _shown(counting),
        facts=facts(
            (_POLICIES_GIVE, _shown(computed) if ternary(row, "agrees") is False else ""),
            *((_role(by), _words(by)) for by in set_by),
            ("note:", _DESCRIBED_ONLY if described and not set_by else ""),
            ("note:", because if counting is not None else ""),
        ),
        evidence=refs_of(source for source in sources if source.get("line") is not None),
        set_by=set_by,
    )


def _shown(value: object) -> str:
    """Return a value for people: the members of a list with commas."""
    if not isinstance(value, str) or not value:
        return _NO_VALUE
    # Lists are stored as JSON, all other values as the text that the policy has.
    if not value.startswith("["):
        return value
    return ", ".join(json.loads(value))


def _set_by(source: Row) -> SetBy:
    return SetBy(
        policy=text(source, "policy"),
        name=text(source, "name"),
        attached_to=text(source, "attached_to"),
        operator=text(source, "operator"),
        value=text(source, "value"),
        effective=ternary(source, "effective"),
        limited_by=tuple(texts(source.get("limited_by"))[0]),
    )


def _role(by: SetBy) -> str:
    """Return the name of the fact about a policy: whether it sets the value."""
    return {True: "set by", None: "perhaps set by", False: "without effect:"}[by.effective]


def _words(by: SetBy) -> str:
    """Return a policy, where it is attached, its operator, and what leaves it without effect."""
    limits = f", not allowed by {' and '.join(by.limited_by)}" if by.limited_by else ""
    operator = f"{by.operator} {_shown(by.value)}" if by.effective is not True else by.operator
    return f"{by.name} ({by.policy}) at {_node_name(by.attached_to)}, {operator}{limits}"


def _node_name(target: str) -> str:
    kinds = {"r-": "root", "ou": "unit"}
    return f"{kinds.get(target[:2], 'account')} {target}"
