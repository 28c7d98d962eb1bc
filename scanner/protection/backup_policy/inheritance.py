"""The backup policies of a path from the root to an account, merged to one effective policy.

Source: Organizations User Guide, "Inheritance operators" and "Inheritance examples". What the guide leaves
open is unknown, with the reason: two policies of one node that differ (AWS applies the one that was attached
first, and no API reports which one that is), and operators whose order is not documented.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from scanner.model.known import Ternary
from scanner.protection.backup_policy.document import (
    ALL_OPERATORS,
    Operand,
    Operator,
    PolicyNode,
    PolicyNodes,
    SettingPath,
)


@dataclass(frozen=True, slots=True, order=True)
class PolicyAt:
    """A policy at one of the nodes that it is attached to: a root, a unit or an account."""

    id: str
    name: str
    target: str

    def __str__(self) -> str:
        return f"{self.name} ({self.id}) at {self.target}"


@dataclass(frozen=True, slots=True)
class AttachedPolicy:
    """A policy and its keys."""

    id: str
    name: str
    nodes: PolicyNodes


@dataclass(frozen=True, slots=True)
class Level:
    """A node of the organization, and the policies that are attached to it."""

    target: str
    policies: tuple[AttachedPolicy, ...]


@dataclass(frozen=True, slots=True)
class SettingSource:
    """A policy that sets a value, or a part of it, with an operator."""

    policy: PolicyAt
    operator: Operator
    operand: Operand


@dataclass(frozen=True, slots=True)
class PolicySetting:
    """A setting of an effective policy. `value` None: unknown, for the reason in `because`.

    `sources`: the policies that set the value; those that may set it, if it is unknown.
    """

    path: SettingPath
    value: Operand | None
    sources: tuple[SettingSource, ...] = ()
    because: str = ""


@dataclass(frozen=True, slots=True)
class IgnoredOperator:
    """An operator without effect: a child control operator of a policy above does not allow it."""

    path: SettingPath
    source: SettingSource
    limits: tuple[PolicyAt, ...]


@dataclass(frozen=True, slots=True)
class MergedPolicy:
    """The settings of an effective policy, by path, and the operators without effect."""

    settings: tuple[PolicySetting, ...] = ()
    ignored: tuple[IgnoredOperator, ...] = ()


@dataclass(frozen=True, slots=True)
class _State:
    """What is merged of one key so far. `is_set`: whether it has a value, known or not.

    `is_unclear`: it is not documented whether the key was added at all, so nothing below makes it known.
    """

    is_set: bool = False
    is_unclear: bool = False
    value: Operand | None = None
    because: str = ""
    sources: tuple[SettingSource, ...] = ()
    allowed: frozenset[Operator] = ALL_OPERATORS
    limits: tuple[PolicyAt, ...] = ()


@dataclass(frozen=True, slots=True)
class _Entry:
    """What one policy has at a key."""

    policy: PolicyAt
    node: PolicyNode

    def sources(self) -> Iterator[SettingSource]:
        for operator, operand in self.node.operations:
            yield SettingSource(self.policy, operator, operand)


@dataclass(slots=True)
class _Merge:
    states: dict[SettingPath, _State] = field(default_factory=lambda: {(): _State()})
    ignored: list[IgnoredOperator] = field(default_factory=list)


_ADDING_UNCLEAR: Final = (
    "AWS does not document whether a policy may add a key here: {limits} allows child policies other "
    "operators than @@append."
)
_FIRST_ATTACHED: Final = (
    "{policies}, attached to the same node, do not agree. AWS applies the one that was attached first, and "
    "does not report which one that is."
)
_SEVERAL_OPERATORS: Final = "AWS does not document the order of several operators at one key."
_NO_LIST: Final = "{operator} is for lists only, and the inherited value is none."


def merged_policy(levels: Iterable[Level]) -> MergedPolicy:
    """Return the effective policy of the levels from the root to the account."""
    merge = _Merge()
    for level in levels:
        _merge_level(merge, level)
    settings = tuple(
        PolicySetting(path, state.value, state.sources, state.because)
        for path, state in sorted(merge.states.items())
        if state.is_set
    )
    return MergedPolicy(settings, tuple(merge.ignored))


def same_value(first: Operand | None, second: Operand | None) -> bool:
    """Return whether two values are equal: the order of a list does not matter."""
    if isinstance(first, tuple) and isinstance(second, tuple):
        return set(first) == set(second)
    return first == second


def _merge_level(merge: _Merge, level: Level) -> None:
    entries: dict[SettingPath, list[_Entry]] = {}
    for policy in sorted(level.policies, key=lambda policy: policy.id):
        at = PolicyAt(policy.id, policy.name, level.target)
        for path, node in policy.nodes.items():
            entries.setdefault(path, []).append(_Entry(at, node))
    # Policies of one node do not limit each other, so all of them start from what was inherited.
    changes = {path: _merge_key(merge, path, entries[path]) for path in sorted(entries)}
    merge.states |= {path: state for path, state in changes.items() if state is not None}


def _merge_key(merge: _Merge, path: SettingPath, entries: Sequence[_Entry]) -> _State | None:
    """Return the new state of a key; None: the policies may not add it."""
    sources = tuple(source for entry in entries for source in entry.sources())
    inherited = merge.states.get(path)
    if inherited is not None and inherited.is_unclear:
        every = tuple(dict.fromkeys((*inherited.sources, *sources)))
        return replace(inherited, is_set=bool(every), sources=every)
    if inherited is not None:
        return _combined(merge, path, inherited, entries)
    above = (merge.states.get(path[:length]) for length in range(len(path) - 1, -1, -1))
    ancestor = next(state for state in above if state is not None)
    may_add = _may_add(ancestor.allowed)
    if may_add:
        return _combined(merge, path, _State(), entries)
    if may_add is False:
        merge.ignored += [IgnoredOperator(path, source, ancestor.limits) for source in sources]
        return None
    because = _ADDING_UNCLEAR.format(limits=" and ".join(map(str, ancestor.limits)))
    return _State(is_set=bool(sources), is_unclear=True, because=because, sources=sources)


def _may_add(allowed: frozenset[Operator]) -> Ternary:
    """Return whether a child policy may add a key below one that allows these operators."""
    if Operator.APPEND in allowed:
        return True
    return None if allowed else False


def _combined(merge: _Merge, path: SettingPath, inherited: _State, entries: Sequence[_Entry]) -> _State:
    """Return the state of a key after the policies of one node."""
    limiting = [entry for entry in entries if entry.node.allowed is not None]
    allowed = inherited.allowed.intersection(*(entry.node.allowed or () for entry in limiting))
    limits = tuple(entry.policy for entry in limiting if entry.node.allowed != ALL_OPERATORS)
    sources: list[SettingSource] = []
    for source in (source for entry in entries for source in entry.sources()):
        if source.operator in inherited.allowed:
            sources.append(source)
        else:
            merge.ignored.append(IgnoredOperator(path, source, inherited.limits))
    fault = next((entry.node.fault for entry in entries if entry.node.fault), "")
    if fault:
        state = replace(inherited, is_set=True, value=None, because=fault, sources=tuple(sources))
    else:
        state = _set(inherited, sources)
    return replace(state, allowed=allowed, limits=tuple(dict.fromkeys((*inherited.limits, *limits))))


def _set(inherited: _State, sources: Sequence[SettingSource]) -> _State:
    """Return the state after the allowed operators of the policies of one node."""
    only_removed = all(source.operator is Operator.REMOVE for source in sources)
    if not sources or (only_removed and not inherited.is_set):
        return inherited
    assigned = [source for source in sources if source.operator is Operator.ASSIGN]
    outcomes = list(_outcomes(inherited, sources, assigned))
    values = [outcome for outcome in outcomes if isinstance(outcome, tuple | str)]
    if len(values) == len(outcomes) and all(same_value(value, values[0]) for value in values):
        decisive = assigned or [*inherited.sources, *sources]
        return replace(inherited, is_set=True, value=values[0], because="", sources=tuple(decisive))
    if len(values) == len(outcomes):
        return _undecided(inherited, sources)
    because = next(outcome.because for outcome in outcomes if isinstance(outcome, _Undecided))
    every = tuple(dict.fromkeys((*inherited.sources, *sources)))
    return replace(inherited, is_set=True, value=None, because=because, sources=every)


@dataclass(frozen=True, slots=True)
class _Undecided:
    because: str


def _undecided(inherited: _State, sources: Sequence[SettingSource]) -> _State:
    policies = tuple(dict.fromkeys(source.policy for source in sources))
    because = _SEVERAL_OPERATORS
    if len(policies) > 1:
        because = _FIRST_ATTACHED.format(policies=" and ".join(f"{at.name} ({at.id})" for at in policies))
    return replace(inherited, is_set=True, value=None, because=because, sources=tuple(sources))


def _outcomes(
    inherited: _State, sources: Sequence[SettingSource], assigned: Sequence[SettingSource]
) -> Iterator[Operand | _Undecided]:
    """Yield the values that the setting may have, for each order that AWS may apply.

    An operator may have been passed over in favour of an earlier one, or been applied after it.
    """
    others = [source for source in sources if source.operator is not Operator.ASSIGN]
    for source in assigned:
        yield source.operand
        if others:
            yield from _changed(source.operand, others)
    if others:
        yield from _inherited_value(inherited, others)


def _inherited_value(inherited: _State, others: Sequence[SettingSource]) -> Iterator[Operand | _Undecided]:
    if inherited.because:
        yield _Undecided(inherited.because)
        return
    yield from _changed(inherited.value if inherited.value is not None else (), others)


def _changed(value: Operand, others: Sequence[SettingSource]) -> Iterator[Operand | _Undecided]:
    """Yield the list after members were appended and removed, in both orders."""
    if isinstance(value, str):
        yield _Undecided(_NO_LIST.format(operator=others[0].operator))
        return
    members: Mapping[Operator, list[str]] = {operator: [] for operator in Operator}
    for source in others:
        members[source.operator] += source.operand
    added, removed = members[Operator.APPEND], set(members[Operator.REMOVE])
    all_members = dict.fromkeys((*value, *added))
    yield tuple(member for member in all_members if member not in removed)
    remaining = [member for member in value if member not in removed]
    yield tuple(dict.fromkeys((*remaining, *added)))
