"""The effective backup policy of an account, computed from what was read of the organization.

A policy whose targets were not read may be attached to any node above the account, so the effective policy is
computed for every combination: what is the same in all of them is known. Source: Organizations User Guide,
"Understanding management policy inheritance".
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Final

from scanner.model.backup_policies import BackupGovernance, BackupPolicy
from scanner.model.known import Gap, Known, Ternary, Unread
from scanner.protection.backup_policy.document import Operand, PolicyNodes, SettingPath, parse_policy
from scanner.protection.backup_policy.inheritance import (
    AttachedPolicy,
    IgnoredOperator,
    Level,
    MergedPolicy,
    PolicySetting,
    merged_policy,
    same_value,
)

_MOST_COMBINATIONS: Final = 256
_PLANS: Final = "plans"
_NO_PLACE: Final = (
    "The place of the account in the organization was not read, so the policies above it are unknown."
)
_NO_POLICY: Final = (
    "The content of policy {name} is no backup policy: no JSON object, or one that repeats a key."
)
_SAME_NAME: Final = "AWS does not document whether plans whose names differ in case only are one plan."


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputedPolicy:
    """The effective backup policy of an account, as computed.

    `reached`: whether a policy is attached to the account or above it. `settings`: those that exist or may
    exist. `because`: why there may be others; empty: there are none. `gap`: the missing read behind it.
    """

    reached: Ternary
    settings: tuple[PolicySetting, ...] = ()
    ignored: tuple[IgnoredOperator, ...] = ()
    because: str = ""
    gap: Gap | None = None

    @property
    def is_known(self) -> bool:
        """Whether every setting is known, and that there are no others."""
        return not self.because and all(setting.value is not None for setting in self.settings)

    @property
    def plans(self) -> tuple[str, ...]:
        """The names of the plans that have settings, sorted."""
        return tuple(sorted({setting.path[1] for setting in self.settings if _is_of_plan(setting.path)}))

    def document(self) -> dict[str, object]:
        """Return the policy without operators, as AWS shows it, without what is unknown or empty."""
        document: dict[str, object] = {_PLANS: {}} if self.reached else {}
        for setting in self.settings:
            if setting.value:
                _insert(document, setting.path, setting.value)
        return document


class EffectivePolicies:
    """The effective backup policies of an organization's accounts. Each policy and path is read once."""

    def __init__(self, governance: BackupGovernance) -> None:
        self._governance = governance
        self._documents: dict[str, PolicyNodes | None] = {}
        self._merged: dict[tuple[tuple[str, tuple[str, ...]], ...], MergedPolicy] = {}

    def of(self, nodes: Sequence[str] | None) -> ComputedPolicy:
        """Return the effective policy of an account.

        `nodes`: the ids of the root, the units and the account, from the top; None: its place was not read.
        """
        enabled, policies = self._governance.policies_enabled, self._governance.policies
        if isinstance(enabled, Known) and not enabled.value:
            return ComputedPolicy(reached=False)
        if isinstance(policies, Unread):
            return _unread(policies.gap)
        if isinstance(enabled, Unread):
            return _unread(enabled.gap)
        if nodes is None:
            is_attached = any(
                isinstance(policy.targets, Unread) or policy.targets.value for policy in policies.value
            )
            because = _NO_PLACE if is_attached else ""
            return ComputedPolicy(reached=None if is_attached else False, because=because)
        may_apply = {policy.id: policy for policy in policies.value if _targets(policy, nodes) != ()}
        because, gap = self._unreadable(may_apply.values())
        if because:
            return ComputedPolicy(reached=_is_reached(may_apply.values(), nodes), because=because, gap=gap)
        return self._of_path(may_apply, nodes)

    def _unreadable(self, policies: Iterable[BackupPolicy]) -> tuple[str, Gap | None]:
        """Return why the content of a policy is unknown, and the missing read if there is one."""
        for policy in policies:
            if isinstance(policy.content, Unread):
                return policy.content.gap.sentence(), policy.content.gap
            if policy.id not in self._documents:
                self._documents[policy.id] = parse_policy(policy.content.value)
            if self._documents[policy.id] is None:
                return _NO_POLICY.format(name=f"{policy.name} ({policy.id})"), None
        return "", None

    def _of_path(self, policies: Mapping[str, BackupPolicy], nodes: Sequence[str]) -> ComputedPolicy:
        """Return the effective policy; policies with unread targets may be attached anywhere."""
        reached = _is_reached(policies.values(), nodes)
        gaps = {
            id_: policy.targets.gap for id_, policy in policies.items() if isinstance(policy.targets, Unread)
        }
        placed = {id_: _targets(policy, nodes) or () for id_, policy in policies.items() if id_ not in gaps}
        ways = [
            self._merge(nodes, policies, placed | dict(zip(gaps, way, strict=True)))
            for way in _ways(nodes, len(gaps))
        ]
        gap = next(iter(gaps.values()), None)
        because = " ".join(missing.sentence() for missing in gaps.values())
        if not ways:
            return ComputedPolicy(reached=reached, because=because, gap=gap)
        return ComputedPolicy(
            reached=reached,
            settings=tuple(_common_settings(ways, because)),
            ignored=tuple(
                ignored for ignored in ways[0].ignored if all(ignored in way.ignored for way in ways)
            ),
            gap=gap,
        )

    def _merge(
        self,
        nodes: Sequence[str],
        policies: Mapping[str, BackupPolicy],
        attached: Mapping[str, Sequence[str]],
    ) -> MergedPolicy:
        by_node = ((node, tuple(sorted(id_ for id_ in attached if node in attached[id_]))) for node in nodes)
        levels = tuple((node, ids) for node, ids in by_node if ids)
        if levels not in self._merged:
            self._merged[levels] = merged_policy(
                Level(
                    node,
                    tuple(AttachedPolicy(id_, policies[id_].name, self._documents[id_] or {}) for id_ in ids),
                )
                for node, ids in levels
            )
        return self._merged[levels]


def governance_after(
    governance: BackupGovernance, changes: Mapping[str, BackupPolicy | None]
) -> BackupGovernance:
    """Return the governance after policies are created, changed or (None) deleted, by their ids."""
    if isinstance(governance.policies, Unread):
        return governance
    before = {policy.id: policy for policy in governance.policies.value}
    after = tuple(policy for policy in {**before, **changes}.values() if policy is not None)
    return replace(governance, policies=Known(after, governance.policies.refs))


def account_nodes(ou_path: str | None, account: str) -> tuple[str, ...] | None:
    """Return the ids of the root, the units and the account itself, from its path `o-.../r-.../ou-.../`."""
    units = [unit for unit in (ou_path or "").split("/") if unit.startswith(("r-", "ou-"))]
    return (*units, account) if units and units[0].startswith("r-") else None


def _unread(gap: Gap) -> ComputedPolicy:
    return ComputedPolicy(reached=None, because=gap.sentence(), gap=gap)


def _targets(policy: BackupPolicy, nodes: Sequence[str]) -> tuple[str, ...] | None:
    """Return the nodes of a path that a policy is attached to; None: its targets were not read."""
    if isinstance(policy.targets, Unread):
        return None
    targets = {target.id for target in policy.targets.value}
    return tuple(node for node in nodes if node in targets)


def _is_reached(may_apply: Collection[BackupPolicy], nodes: Sequence[str]) -> Ternary:
    if any(_targets(policy, nodes) for policy in may_apply):
        return True
    return None if may_apply else False


def _ways(nodes: Sequence[str], count: int) -> Iterator[tuple[tuple[str, ...], ...]]:
    """Yield the nodes that each of some policies may be attached to; nothing: there are too many ways."""
    subsets = [subset for size in range(len(nodes) + 1) for subset in combinations(nodes, size)]
    if len(subsets) ** count <= _MOST_COMBINATIONS:
        yield from product(subsets, repeat=count)


def _common_settings(ways: Sequence[MergedPolicy], because: str) -> Iterator[PolicySetting]:
    """Yield what is the same in all the ways in which policies may be attached; the rest is unknown."""
    by_path = [{setting.path: setting for setting in way.settings} for way in ways]
    paths = sorted({path for settings in by_path for path in settings})
    names = {path[1] for path in paths if _is_of_plan(path)}
    spelled = Counter(name.lower() for name in names)
    for path in paths:
        settings = [by_path_of_way.get(path) for by_path_of_way in by_path]
        first = next(setting for setting in settings if setting is not None)
        sources = (source for setting in settings if setting is not None for source in setting.sources)
        if _is_of_plan(path) and spelled[path[1].lower()] > 1:
            yield PolicySetting(path, None, tuple(dict.fromkeys(sources)), _SAME_NAME)
        elif all(setting is not None and same_value(setting.value, first.value) for setting in settings):
            yield first
        else:
            yield PolicySetting(path, None, tuple(dict.fromkeys(sources)), first.because or because)


def _is_of_plan(path: SettingPath) -> bool:
    return len(path) > 1 and path[0] == _PLANS


def _insert(document: dict[str, object], path: SettingPath, value: Operand) -> None:
    for key in path[:-1]:
        inner = document.setdefault(key, {})
        if not isinstance(inner, dict):
            return
        document = inner
    document[path[-1]] = list(value) if isinstance(value, tuple) else value
