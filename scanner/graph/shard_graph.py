"""One shard's protection: which rules cover a resource, through what, and where its copies go.

    resource -selected by-> selection -of-> plan -has-> rule      volume -attached to-> instance

An edge `selected by` carries a three-valued answer. Coverage through an instance counts for the
volumes attached to it, that through a CloudFormation stack for what its tag says is part of it, nested
stacks included; there is no inheritance upwards (catalogue, ruling 3). An instance that a volume names and
that nobody listed, because the list was not read, is a node too: of unknown tags. So is a stack: where a
selection names it, it is not known whether its backup covers the resource.

The edges are plain dictionaries: each is followed once or twice, and there may be millions.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from scanner.graph.control_plane import ControlPlane
from scanner.graph.copy_outcomes import CopyOutcomes, KeysOfShard
from scanner.graph.coverage import (
    STACK,
    CopyOfResource,
    Coverage,
    CoveringRule,
    Doubt,
    Selected,
    could_select_of,
    leaves_out,
    may_name_stacks,
    missing_read,
    selects_in_graph,
    stack_of,
    unlisted_instances,
    unlisted_stacks,
)
from scanner.model.inventory import (
    BackupPlan,
    BackupSelection,
    Resource,
    ShardInventory,
)
from scanner.model.names import Arn, Shard, rule_subject
from scanner.model.reading import Gap, GapKind, Known, Unread
from scanner.model.resource_types import RESOURCE_LISTS
from scanner.model.ternary import Answer, Ternary
from scanner.protection.capabilities import can_be_backed_up, is_unsupported, skipped_state
from scanner.protection.copies import Destination, Source, crosses_accounts
from scanner.protection.equivalence import Candidates
from scanner.protection.key_kinds import ResourceKeys
from scanner.protection.opt_in import OptIn

_VIA = {"EC2": "instance", STACK: "stack"}
"""What a covering rule is said to cover through, by the type of what is backed up."""

Parents = tuple[tuple[Resource, tuple[Arn, ...]], ...]
"""Whose backups hold a resource, and for each the ARNs of what lies in it on the way to the resource."""


Asked = tuple[BackupPlan, BackupSelection, Answer]
"""A selection that selects a resource, or may: of which plan, and what it answers."""

NO_COVERAGE: Final = Coverage((), ())
"""The coverage of what AWS Backup cannot back up, whatever selects it (catalogue, ruling 19)."""

_NOTHING: Final[Mapping[str, Asked]] = MappingProxyType({})


class ShardGraph:
    """The protection of one shard, built once and asked for each resource.

    `as_of`: the clock that conditions of policies on time are held against; None: there is none.
    """

    def __init__(
        self,
        inventory: ShardInventory,
        plane: ControlPlane,
        *,
        inherit: bool = True,
        as_of: datetime | None = None,
    ) -> None:
        self.inventory = inventory
        self.plane = plane
        self._inherit = inherit
        self._selected_by: dict[str, dict[str, Asked]] = {}  # resource -> selection -> what it answers
        self._selects: dict[str, dict[Arn, Answer]] = {}  # selection -> resource -> answer
        self._attached_to: dict[str, tuple[Arn, ...]] = {}
        self._resources = {resource.arn: resource for resource in inventory.resources}
        unlisted = (*unlisted_instances(inventory), *unlisted_stacks(inventory))
        self._unlisted = {resource.arn: resource for resource in unlisted}
        self._stacks = tuple(one for one in (*inventory.resources, *unlisted) if one.type == STACK)
        self._unsupported = sorted(filter(is_unsupported, inventory.resources), key=lambda one: one.arn)
        self._candidates = Candidates((*inventory.resources, *self._unlisted.values()))
        self._coverages: dict[str, Coverage] = {}
        self._alike: dict[tuple[tuple[str, ...], tuple[str, ...]], Coverage] = {}
        self._keys = KeysOfShard(inventory.shard, plane)
        self._copy_outcomes = CopyOutcomes(inventory, plane, self._keys, as_of)
        self._plan_in_doubt: dict[str, Doubt] | None = None
        self._plan_doubts = tuple(self.unread_selections())
        for resource in inventory.resources:
            self._attach(resource)
        for plan in inventory.plans:
            self._add_plan(plan)

    def unread_selections(self) -> Iterator[Doubt]:
        """Say which plans, and the selections of which, were not listed to the end."""
        plans = self.inventory.lists.get("backup:ListBackupPlans")
        if isinstance(plans, Unread):
            yield Doubt("a backup plan that was not listed", "the backup plans were not read", plans.gap)
        for plan in self.inventory.plans:
            if isinstance(plan.selections, Unread):
                because = f"the backup selections of plan {plan.name} were not read"
                yield Doubt(plan.name, because, plan.selections.gap, plan.arn)
            elif plan.unlisted_selections is not None:
                because = f"not all backup selections of plan {plan.name} were listed"
                yield Doubt(plan.name, because, plan.unlisted_selections, plan.arn)

    def _attach(self, resource: Resource) -> None:
        named = (*resource.attached_to, *stack_of(resource))
        if found := tuple(arn for arn in named if arn in self._resources or arn in self._unlisted):
            self._attached_to[resource.arn] = found

    def _add_plan(self, plan: BackupPlan) -> None:
        opt_in = self.opt_in(from_organization=plan.from_organization)
        for selection in _selections_of(plan):
            subject = rule_subject(plan.arn, selection.id)
            selected = self._selects.setdefault(subject, {})
            for resource in self._reachable(selection):
                answer = selects_in_graph(selection, resource, opt_in)
                if answer.value is not False:
                    selected[resource.arn] = answer
                    self._selected_by.setdefault(resource.arn, {})[subject] = (plan, selection, answer)

    def _reachable(self, selection: BackupSelection) -> Iterable[Resource]:
        """Give what a selection may select: all there is where its terms were not read."""
        if isinstance(selection.terms, Unread):
            return (*self.inventory.resources, *self._unlisted.values())
        return self._candidates.of(selection.terms.value)

    def opt_in(self, *, from_organization: bool) -> OptIn:
        """Give the settings whose opt-in decides: for an Organizations plan the management account's."""
        shard = self.inventory.shard
        if not from_organization:
            return OptIn(self.inventory.settings, f"account {shard.account}")
        management = self.plane.organization.management_account
        if isinstance(management, Unread):
            return OptIn(management, "the management account")
        if management.value is None:  # a plan of an organisation that the account has left
            gap = Gap(shard.account, shard.region, "backup:DescribeRegionSettings", "", GapKind.NEVER_ASKED)
            return OptIn(Unread(gap), "the management account")
        settings = self.plane.settings(Shard(management.value, shard.region))
        return OptIn(settings, f"the management account {management.value}")

    def coverage(self, resource: Resource) -> Coverage:
        """Tell which rules cover a resource, directly or through the instance that it is attached to."""
        if (known := self._coverages.get(resource.arn)) is None:
            known = self._coverages[resource.arn] = self._cover(resource)
        return known

    def _cover(self, resource: Resource) -> Coverage:
        if is_unsupported(resource):
            return NO_COVERAGE
        parents = self._parents(resource)
        asked = self._selected_by.get(resource.arn, _NOTHING)
        if (
            self._open_stack(resource, parents)
            or any(parent.type == STACK for parent, _ in parents)
            or not all(answer.value for _, _, answer in asked.values())
        ):
            return self._cover_with(resource, parents)
        # Nothing of the resource itself is in the answer: what the same selections select shares it.
        alike = (tuple(asked), tuple(parent.arn for parent, _ in parents))
        if (known := self._alike.get(alike)) is None:
            known = self._alike[alike] = self._cover_with(resource, parents)
        return known

    def _cover_with(self, resource: Resource, parents: Parents) -> Coverage:
        ways: dict[tuple[str, str], CoveringRule] = {}
        doubts = list(self._plan_doubts)
        by_selection = list(self._direct(resource, None, doubts))
        for covering in by_selection:
            ways.setdefault((covering.subject, ""), covering)
        open_parents = []
        for parent, inside in parents:
            own_doubts: list[Doubt] = []
            found = list(self._direct(parent, parent, own_doubts, inside))
            by_selection += found
            for covering in found:
                ways.setdefault((covering.subject, parent.arn), covering)
            if not found and (own_doubts or self._plan_doubts):
                open_parents.append(parent.arn)
            doubts += own_doubts
        if (why := self._open_stack(resource, parents)) is not None:
            others = [one for one in self._stacks if one.arn not in {parent.arn for parent, _ in parents}]
            doubts += self._stack_doubts(resource, others, *why)
            open_parents += [one.arn for one in others if one.arn != resource.arn]
        if (kind := can_be_backed_up(resource)).value is None:
            doubts += [Doubt(way.plan.name, kind.because, None, way.plan.arn) for way in ways.values()]
            ways.clear()
            by_selection.clear()
        covering_rules = tuple(ways[way] for way in sorted(ways))
        return Coverage(covering_rules, tuple(doubts), tuple(open_parents), tuple(by_selection))

    def _open_stack(self, resource: Resource, parents: Parents) -> tuple[str, Gap] | None:
        """Say why it is not known which stacks a resource is part of, where it is not.

        Its own tags would say so, or the tags or the description of what it lies in.
        """
        if not self._inherit:
            return None
        if resource.stack is None and isinstance(resource.tags, Unread):
            return (
                "its tags were not read, and it may be part of a stack that is backed up",
                resource.tags.gap,
            )
        for parent, _ in parents:
            if parent.arn in self._unlisted and isinstance(parent.tags, Unread):
                because = f"{parent.name}, which contains it, was not listed, and may be part of a stack"
                return because, parent.tags.gap
        return None

    def _stack_doubts(
        self, resource: Resource, stacks: Iterable[Resource], because: str, gap: Gap
    ) -> Iterator[Doubt]:
        """Give what may cover a resource through a stack, where it is not known which one it is part of."""
        for stack in stacks:
            open_ones: list[Doubt] = []
            for way in self._direct(stack, stack, open_ones, (resource.arn,)):
                yield Doubt(way.plan.name, because, gap, way.plan.arn)
            yield from open_ones
        if not isinstance(self.inventory.lists.get("cloudformation:DescribeStacks"), Known):
            for plan in self.inventory.plans:
                if any(map(may_name_stacks, _selections_of(plan))):
                    yield Doubt(plan.name, because, gap, plan.arn)

    def _parents(self, resource: Resource) -> Parents:
        """Give whose backups hold the resource: its instance, its stack, the stack that that is part of.

        What AWS Backup cannot back up holds nothing: an instance with an instance store as its root device.

        With each, the ARNs of what lies in it on the way to the resource, itself included.
        """
        if not self._inherit or resource.arn not in self._attached_to:
            return ()
        found: dict[str, tuple[Resource, tuple[Arn, ...]]] = {}
        todo: list[tuple[Resource, tuple[Arn, ...]]] = [(resource, (resource.arn,))]
        while todo:
            inner, way = todo.pop(0)
            for arn in self._attached_to.get(inner.arn, ()):
                if arn not in way and arn not in found:
                    parent = self._resources.get(arn) or self._unlisted[arn]
                    if is_unsupported(parent):
                        continue
                    found[arn] = (parent, way)
                    todo.append((parent, (*way, arn)))
        return tuple(found.values())

    def _direct(
        self,
        backed_up: Resource,
        parent: Resource | None,
        doubts: list[Doubt],
        inside: tuple[Arn, ...] = (),
    ) -> Iterator[CoveringRule]:
        """Give the rules that cover by selection; what may cover is added to `doubts`.

        `inside`: the ARNs of what lies in what is backed up. A stack's backup leaves out what the selection
        excludes (AWS Backup developer guide, "CloudFormation stack backups"). Where AWS Backup
        skips what is backed up in its state, it is open whether it covers what lies in it.
        """
        for plan, selection, answer in self._selected_by.get(backed_up.arn, _NOTHING).values():
            left_out = leaves_out(selection, self._all(inside)) if backed_up.type == STACK else False
            if left_out:
                continue
            if answer.value is None or backed_up.arn in self._unlisted:
                doubts.append(self._doubt(plan, selection, backed_up, answer))
            elif parent is not None and (because := _not_sure(parent, left_out)):
                doubts.append(Doubt(f"{plan.name}/{selection.name}", because, None, plan.arn))
            elif isinstance(plan.rules, Unread):
                because = f"the rules of plan {plan.name} were not read"
                doubts.append(Doubt(plan.name, because, plan.rules.gap, plan.arn))
            else:
                refs = (*selection.terms.refs, *plan.rules.refs) if isinstance(selection.terms, Known) else ()
                via = "selection" if parent is None else _VIA[parent.type]
                for rule in plan.rules.value:
                    subject = rule_subject(plan.arn, rule.id)
                    selected_by = rule_subject(plan.arn, selection.id)
                    yield CoveringRule(plan, rule, via, parent, refs, subject, selected_by)

    def _all(self, arns: Iterable[Arn]) -> Iterator[Resource]:
        return (self._resources.get(arn) or self._unlisted[arn] for arn in arns)

    def _doubt(
        self, plan: BackupPlan, selection: BackupSelection, resource: Resource, answer: Answer
    ) -> Doubt:
        """Say why it is not known whether a selection selects a resource, and which read is missing."""
        gap = missing_read(selection, resource, self.opt_in(from_organization=plan.from_organization))
        because = answer.because
        if resource.type == STACK and resource.arn in self._unlisted:
            because = (
                f"it is part of the stack {resource.name}, which {selection.name} names "
                "but which was not listed"
            )
            return Doubt(f"{plan.name}/{selection.name}", because, None, plan.arn)
        if resource.arn in self._unlisted and isinstance(resource.tags, Unread):
            gap = resource.tags.gap
            because = f"the instance {resource.name}, which it is attached to, was not read"
        return Doubt(f"{plan.name}/{selection.name}", because, gap, plan.arn)

    def rule_reach(self) -> dict[str, tuple[Resource, ...]]:
        """Tell for each rule (`PLAN_ARN#RULE_ID`) which resources it backs up.

        What AWS Backup skips in its state, a volume that is being deleted, is not among them (ruling 5).
        """
        reach: dict[str, dict[str, Resource]] = {}
        for resource in self.inventory.resources:
            for covering in self.coverage(resource).ways:
                for backed_up in _backed_up(resource, covering.parent):
                    if not skipped_state(backed_up):
                        reach.setdefault(covering.subject, {})[backed_up.arn] = backed_up
        return {rule: tuple(found[arn] for arn in sorted(found)) for rule, found in reach.items()}

    def reach_doubt(self, plan: BackupPlan) -> Doubt | None:
        """Say why a plan may select resources that are not known, where it may; else None.

        A selection that was not read, a resource whose tags were not read, or a list of resources that
        was not read and that one of its selections could select from.
        """
        if isinstance(plan.selections, Unread):
            return Doubt(
                plan.name, f"its selections were not read: {plan.name}", plan.selections.gap, plan.arn
            )
        if plan.unlisted_selections is not None:
            return Doubt(plan.name, "not all its selections were listed", plan.unlisted_selections, plan.arn)
        if (doubt := self._first_doubts().get(plan.arn)) is not None:
            return doubt
        doubts = (self._unlisted_resources(plan, selection) for selection in plan.selections.value)
        return next(filter(None, doubts), None)

    def _unlisted_resources(self, plan: BackupPlan, selection: BackupSelection) -> Doubt | None:
        """Say which list that was not read to the end a selection could select from."""
        for name, kind in RESOURCE_LISTS.items():
            reading = self.inventory.lists[name]
            if isinstance(reading, Unread) and could_select_of(selection, kind):
                return Doubt(plan.name, "not all resources were listed", reading.gap, plan.arn)
        return None

    def selected_by(self, plan: BackupPlan, selection: BackupSelection) -> Selected:
        """Tell which resources a selection selects by itself: what they hold is not among them.

        Nor is what AWS Backup skips in its state (ruling 5).
        """
        selected = self._selects[rule_subject(plan.arn, selection.id)]
        sure: list[Resource] = []
        doubt = self._unlisted_resources(plan, selection)
        for arn, answer in selected.items():
            resource = self._resources.get(arn)
            if resource is not None and answer.value:
                skipped = skipped_state(resource)
                if skipped is False:
                    sure.append(resource)
                elif skipped is None:
                    state = f"{resource.state} is not documented" if resource.state else "was not read"
                    because = f"the state of {resource.arn}, in which AWS Backup may skip it: {state}"
                    doubt = doubt or Doubt(f"{plan.name}/{selection.name}", because, None, plan.arn)
            else:
                found = resource or self._unlisted[arn]
                doubt = doubt or self._doubt(plan, selection, found, answer)
        return Selected(
            tuple(sorted(sure, key=lambda resource: resource.arn)),
            doubt,
            tuple(self._unsupported_by(plan, selection)),
        )

    def _unsupported_by(self, plan: BackupPlan, selection: BackupSelection) -> Iterator[Resource]:
        """Return what a selection would select if AWS Backup could back up its kind, in the order of ARNs."""
        opt_in = self.opt_in(from_organization=plan.from_organization)
        for resource in self._unsupported:
            if selects_in_graph(selection, replace(resource, unsupported_kind=""), opt_in).value:
                yield resource

    def _first_doubts(self) -> Mapping[str, Doubt]:
        """Give for each plan's ARN the first doubt whether it covers a listed resource."""
        if self._plan_in_doubt is None:
            self._plan_in_doubt = {}
            for resource in self.inventory.resources:
                for doubt in self.coverage(resource).doubts:
                    self._plan_in_doubt.setdefault(doubt.plan, doubt)
        return self._plan_in_doubt

    def copies(self, resource: Resource, coverage: Coverage) -> tuple[CopyOfResource, ...]:
        """Tell how each copy action of the covering rules fares; whose copies fare alike share one tuple."""
        return self._copy_outcomes.of(resource, coverage)

    @property
    def copy_outcomes(self) -> CopyOutcomes:
        """How copies fare, link by link."""
        return self._copy_outcomes

    @property
    def source(self) -> Source:
        """This shard as the source of copies."""
        return self._copy_outcomes.source

    def crosses_accounts(self, destination: Destination) -> bool:
        """Check whether a copy from this shard to a destination leaves the account."""
        return crosses_accounts(self.source, destination)

    def keys(self, resource: Resource) -> ResourceKeys:
        """Give the keys that a resource is encrypted under."""
        return self._keys.of(resource)


def _backed_up(resource: Resource, parent: Resource | None) -> tuple[Resource, ...]:
    """Tell what a rule backs up to cover a resource: of a stack both, its template and what is part of it."""
    if parent is None:
        return (resource,)
    return (parent, resource) if parent.type == STACK and resource.stack is not None else (parent,)


def _not_sure(parent: Resource, left_out: Ternary) -> str:
    """Say why the backups of a parent may not hold what lies in it; empty: they do."""
    if left_out is None:
        return f"its tags were not read, and the selection of {parent.name} may exclude it by a tag"
    if skipped_state(parent) is not False:
        state = parent.state or "not read"
        return f"it is part of {parent.name}, which AWS Backup skips in some states: {state}"
    return ""


def _selections_of(plan: BackupPlan) -> tuple[BackupSelection, ...]:
    return plan.selections.value if isinstance(plan.selections, Known) else ()
