"""What planned changes of Organizations backup policies change in the accounts: effective policies and plans.

The changes are laid over the answers about the organization first. From these, the effective policy of each
account is computed before and after; what differs becomes changes of the account, laid over its own answers.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from scanner.evidence.bundle import Bundle
from scanner.judging.tables import governance_of
from scanner.model.backup_policies import AccountInventory
from scanner.model.known import Known
from scanner.model.names import AWS_GLOBAL, AccountId
from scanner.model.planning.planned_change import (
    POLICY_KINDS,
    UNKNOWN,
    Action,
    ChangeKind,
    NotJudged,
    Origin,
    PlannedChange,
    PlanReference,
)
from scanner.protection.backup_policy.comparison import compared_settings, described_settings
from scanner.protection.backup_policy.effective import ComputedPolicy, EffectivePolicies, account_nodes
from scanner.protection.backup_policy.inheritance import PolicySetting
from scanner.protection.backup_policy.plans import PolicyPlan, plan_regions, policy_plan
from scanner.services.organizations import parse_governance, parse_organization
from scanner.what_if.overlay import Overlay, write_overlay
from scanner.what_if.shard_lines import AFTER_CHANGE

Settings = Mapping[tuple[str, ...], PolicySetting]
_PLAN: Final = 2  # keys of the path to a plan


def overlay_with_policies(bundle: Bundle, changes: Sequence[PlannedChange], scratch: Path) -> Overlay:
    """Write the what-if bundle of a scan and its changes into `scratch`/bundle, as `write_overlay` does."""
    of_policies = [change for change in changes if change.kind in POLICY_KINDS]
    if not of_policies:
        return write_overlay(bundle, changes, scratch / "bundle")
    first = write_overlay(bundle, of_policies, scratch / "policies")
    after = Bundle(scratch / "policies", what_if=True)
    accounts = _AccountChanges(first.applied)
    # Without an applied change of a policy no account's effective policy can differ.
    if first.applied:
        accounts.add(bundle, after)
    # Changes of plans and selections come second: the plans that policies make must be there first.
    others = [change for change in changes if change.kind not in POLICY_KINDS]
    second = write_overlay(after, [*others, *accounts.changes], scratch / "bundle")
    second.effects.notes[:0] = first.effects.notes
    return replace(
        second,
        applied=(*first.applied, *second.applied),
        # One doubt may be found for many settings; each is reported once.
        not_judged=tuple(dict.fromkeys((*first.not_judged, *accounts.not_judged, *second.not_judged))),
        edited=first.edited | second.edited,
    )


@dataclass(slots=True)
class _AccountChanges:
    """The changes of accounts that follow from changes of policies, and what cannot be judged of them."""

    of_policies: tuple[PlannedChange, ...]
    changes: list[PlannedChange] = field(default_factory=list)
    not_judged: list[NotJudged] = field(default_factory=list)

    def add(self, before: Bundle, after: Bundle) -> None:
        """Compare the effective policies of all accounts before and after."""
        governance = governance_of(before)
        members = parse_organization(before.organization_answers(), before.manifest).accounts
        was = EffectivePolicies(governance.organization)
        now = EffectivePolicies(parse_governance(after.organization_answers()))
        for account in governance.accounts:
            member = members.get(account.account)
            nodes = account_nodes(member.ou_path if member else None, account.account)
            old, new = was.of(nodes), now.of(nodes)
            # `reached` too: an empty policy differs from no policy, although neither has settings.
            if _values(old) == _values(new) and old.reached == new.reached:
                continue
            if doubt := _doubt(account, old):
                self.not_judged.append(NotJudged(self._origin(), doubt))
                # None marks the answer as unknown, so that no check passes on what AWS described before the
                # change.
                self._put_effective(account, None)
                # A wrong base would blame the change for a difference that exists already.
                continue
            self._put_effective(account, new)
            for name in sorted({*old.plans, *new.plans}):
                # An unknown policy still changes the plans, whose rules become unknown rather than stay as
                # they were.
                after_change = None if new.because else _of_plan(new, name)
                self._put_plan(account.account, name, _of_plan(old, name), after_change)
            if new.because:
                why = f"The effective backup policy of account {account.account} is unknown: {_because(new)}"
                self.not_judged.append(NotJudged(self._origin(), why))

    def _origin(self, settings: Settings | None = None) -> Origin:
        """Return where the change is written that sets one of these settings; else the first one."""
        ids = {source.policy.id for setting in (settings or {}).values() for source in setting.sources}
        named = (
            change.origin for change in self.of_policies if {change.id, change.document.get("PolicyId")} & ids
        )
        return next(named, self.of_policies[0].origin)

    def _put_effective(self, account: AccountInventory, policy: ComputedPolicy | None) -> None:
        """Change what AWS describes as the effective policy; an answer that was not read stays unread."""
        # Overlaying a failed read with a computed answer would claim knowledge that the scan does not have.
        if not isinstance(account.effective_policy, Known):
            return
        is_known = policy is not None and policy.is_known
        content = json.dumps(policy.document()) if policy is not None and is_known else UNKNOWN
        self.changes.append(
            PlannedChange(
                kind=ChangeKind.EFFECTIVE_POLICY,
                # Removing the answer is what DescribeEffectivePolicy does without a policy
                # (EffectivePolicyNotFoundException).
                action=Action.REMOVE if policy is not None and policy.reached is False else Action.UPDATE,
                account=account.account,
                region=AWS_GLOBAL,
                origin=self._origin(),
                document={"PolicyContent": content},
            )
        )

    def _put_plan(self, account: AccountId, name: str, old: Settings, new: Settings | None) -> None:
        """Change the plan that AWS Backup makes of a policy, in each Region of it. `new` None: unknown."""
        # A policy names the Regions of a plan; AWS Backup makes one plan in each of them.
        was = plan_regions(old) or ()
        now = was if new is None else plan_regions(new)
        origin = self._origin(new or old)
        origin = replace(origin, address=f"{origin.address or origin.file}: {name}")
        if now is None:
            why = (
                f"The Regions of plan {name} in account {account} are known only after the change is applied."
            )
            self.not_judged.append(NotJudged(origin, why))
            # With unknown Regions the plan is judged where it is today.
            now = was
        for region in sorted({*was, *now}):
            change = PlannedChange(
                kind=ChangeKind.PLAN,
                action=_action(is_there=region in was, stays=region in now),
                account=account,
                region=region,
                origin=origin,
                name=name,
            )
            if change.action is Action.REMOVE:
                self.changes.append(change)
                continue
            before = policy_plan(name, old if region in was else {}, account, region)
            after = _unknown_plan(before) if new is None else policy_plan(name, new, account, region)
            self.changes += _plan_changes(change, before, after)


def _plan_changes(change: PlannedChange, old: PolicyPlan, new: PolicyPlan) -> Iterator[PlannedChange]:
    """Yield what differs between two states of a plan: the plan itself, and each of its selections."""
    # A new plan is always a change, even if it equals the empty one.
    if old.plan != new.plan or change.action is Action.CREATE:
        yield replace(change, document=new.plan)
    plan = PlanReference(name=change.name, address=change.origin.address)
    for name in sorted({*old.selections, *new.selections}):
        if old.selections.get(name) == new.selections.get(name):
            continue
        yield replace(
            change,
            kind=ChangeKind.SELECTION,
            action=_action(is_there=name in old.selections, stays=name in new.selections),
            name=name,
            plan=plan,
            document=new.selections.get(name, {}),
        )


def _unknown_plan(plan: PolicyPlan) -> PolicyPlan:
    """Return a plan of which nothing is known but the names."""
    return PolicyPlan(
        # The names stay: findings of the plan keep their subjects and become unknown.
        {**plan.plan, "Rules": UNKNOWN},
        {name: {"SelectionName": name, "IamRoleArn": UNKNOWN} for name in plan.selections},
    )


def _because(policy: ComputedPolicy) -> str:
    """Return why a policy is unknown; what is known only after apply is said by the failed read itself."""
    is_planned = policy.gap is not None and policy.gap.code == AFTER_CHANGE
    return policy.gap.message if policy.gap is not None and is_planned else policy.because


def _action(*, is_there: bool, stays: bool) -> Action:
    if not stays:
        return Action.REMOVE
    return Action.UPDATE if is_there else Action.CREATE


def _values(policy: ComputedPolicy) -> dict[tuple[str, ...], object]:
    # The reason is part of the comparison: a policy that becomes unknown differs, whatever its settings.
    return {(): policy.because, **{setting.path: setting.value for setting in policy.settings}}


def _of_plan(policy: ComputedPolicy, name: str) -> Settings:
    return {
        setting.path[_PLAN:]: setting
        for setting in policy.settings
        # A path is "plans", the plan's name, then the setting within the plan.
        if len(setting.path) > _PLAN and setting.path[1] == name
    }


def _doubt(account: AccountInventory, computed: ComputedPolicy) -> str:
    """Return why what the policies give today cannot be the base of a comparison; empty: it can.

    It has to be known, and to be what AWS describes, where that was read.
    """
    if not computed.is_known:
        because = computed.because or next(
            setting.because for setting in computed.settings if setting.value is None
        )
        return f"What the change does in account {account.account} is unknown: {because}"
    reading = account.effective_policy
    # No description to compare with: the computed policy is the best that is known.
    if not isinstance(reading, Known):
        return ""
    content = "{}" if reading.value is None else reading.value.content
    settings = compared_settings(computed, content, account.account)
    # An answer that is no policy has no settings that could differ.
    is_read = described_settings(content) is not None
    is_same = all(setting.agrees for setting in settings) and computed.reached is (reading.value is not None)
    return (
        ""
        if is_read and is_same
        else f"What the change does in account {account.account} is unknown: AWS describes another effective "
        "backup policy than the policies that were read give."
    )
