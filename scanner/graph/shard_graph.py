"""The protection of one shard: which rules cover a resource, through what, and where its copies go.

    resource -selected by-> selection -of-> plan -has-> rule      volume -attached to-> instance

An edge `selected by` carries a three-valued answer. Coverage of an instance includes the volumes attached to
it, and coverage of a CloudFormation stack the resources whose tag names it, with nested stacks; there is no
inheritance upwards (catalogue, ruling 3). An instance that a volume names is a node even if the list of
instances was not read; its tags are unknown. So is a stack: if a selection names it, it is unknown whether
its backup covers the resource.

The edges are plain dictionaries, because there may be millions, and each is followed only once or twice.
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
from scanner.model.known import Answer, Gap, GapKind, Known, Ternary, Unread
from scanner.model.names import Arn, Shard, rule_subject
from scanner.model.resource_types import RESOURCE_LISTS
from scanner.protection.capabilities import can_be_backed_up, is_unsupported, skipped_state
from scanner.protection.copies import Destination, Source, crosses_accounts
from scanner.protection.equivalence import Candidates
from scanner.protection.key_kinds import ResourceKeys
from scanner.protection.selection import OptIn

_VIA = {"EC2": "instance", STACK: "stack"}
"""The value of `CoveringRule.via` for backups of another resource, by its type."""

Parents = tuple[tuple[Resource, tuple[Arn, ...]], ...]
"""Resources whose backups contain a resource, each with the ARNs on the path from it to the resource."""


SelectionAnswer = tuple[BackupPlan, BackupSelection, Answer]
"""A selection that selects or may select a resource, with its plan and the answer."""

NO_COVERAGE: Final = Coverage((), ())
"""The coverage of what AWS Backup cannot back up, even if it is selected (catalogue, ruling 19)."""

_NOTHING: Final[Mapping[str, SelectionAnswer]] = MappingProxyType({})


class ShardGraph:
    """The protection of one shard, built once for all its resources.

    `as_of`: the time for which policy conditions on time are evaluated; None: they are not evaluated.
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
        self._selected_by: dict[str, dict[str, SelectionAnswer]] = {}  # resource -> selection -> answer
        self._selects: dict[str, dict[Arn, Answer]] = {}  # selection -> resource -> answer
        self._attached_to: dict[str, tuple[Arn, ...]] = {}
        self._resources = {resource.arn: resource for resource in inventory.resources}
        unlisted = (*unlisted_instances(inventory), *unlisted_stacks(inventory))
        self._unlisted = {resource.arn: resource for resource in unlisted}
        self._stacks = tuple(entry for entry in (*inventory.resources, *unlisted) if entry.type == STACK)
        self._unsupported = sorted(filter(is_unsupported, inventory.resources), key=lambda entry: entry.arn)
        self._candidates = Candidates((*inventory.resources, *self._unlisted.values()))
        self._coverages: dict[str, Coverage] = {}
        self._shared_coverages: dict[tuple[tuple[str, ...], tuple[str, ...]], Coverage] = {}
        self._keys = KeysOfShard(inventory.shard, plane)
        self._copy_outcomes = CopyOutcomes(inventory, plane, self._keys, as_of)
        self._plan_in_doubt: dict[str, Doubt] | None = None
        self._plan_doubts = tuple(self.unread_selections())
        for resource in inventory.resources:
            self._attach(resource)
        for plan in inventory.plans:
            self._add_plan(plan)

    def unread_selections(self) -> Iterator[Doubt]:
        """Yield a doubt for each plan list or selection list that is not complete."""
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
        if arns := tuple(arn for arn in named if arn in self._resources or arn in self._unlisted):
            self._attached_to[resource.arn] = arns

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
        """Return the resources that a selection may select: all of them if its terms were not read."""
        if isinstance(selection.terms, Unread):
            return (*self.inventory.resources, *self._unlisted.values())
        return self._candidates.of(selection.terms.value)

    def opt_in(self, *, from_organization: bool) -> OptIn:
        """Return the settings whose opt-in decides: the management account's for an Organizations plan."""
        shard = self.inventory.shard
        if not from_organization:
            return OptIn(self.inventory.settings, f"account {shard.account}")
        management = self.plane.organization.management_account
        if isinstance(management, Unread):
            return OptIn(management, "the management account")
        if management.value is None:  # the account has left the organisation that made the plan
            gap = Gap(shard.account, shard.region, "backup:DescribeRegionSettings", "", GapKind.NEVER_ASKED)
            return OptIn(Unread(gap), "the management account")
        settings = self.plane.settings(Shard(management.value, shard.region))
        return OptIn(settings, f"the management account {management.value}")

    def coverage(self, resource: Resource) -> Coverage:
        """Return the rules that cover a resource, directly or through what it belongs to."""
        if (coverage := self._coverages.get(resource.arn)) is None:
            coverage = self._coverages[resource.arn] = self._cover(resource)
        return coverage

    def _cover(self, resource: Resource) -> Coverage:
        if is_unsupported(resource):
            return NO_COVERAGE
        parents = self._parents(resource)
        selections = self._selected_by.get(resource.arn, _NOTHING)
        if (
            self._open_stack(resource, parents)
            or any(parent.type == STACK for parent, _ in parents)
            or not all(answer.value for _, _, answer in selections.values())
        ):
            return self._cover_with(resource, parents)
        # The coverage does not depend on the resource itself: resources with the same selections share it.
        key = (tuple(selections), tuple(parent.arn for parent, _ in parents))
        if (shared := self._shared_coverages.get(key)) is None:
            shared = self._shared_coverages[key] = self._cover_with(resource, parents)
        return shared

    def _cover_with(self, resource: Resource, parents: Parents) -> Coverage:
        covering_rules: dict[tuple[str, str], CoveringRule] = {}
        doubts = list(self._plan_doubts)
        by_selection = list(self._direct(resource, None, doubts))
        for covering in by_selection:
            covering_rules.setdefault((covering.subject, ""), covering)
        open_parents = []
        for parent, inside in parents:
            own_doubts: list[Doubt] = []
            by_parent = list(self._direct(parent, parent, own_doubts, inside))
            by_selection += by_parent
            for covering in by_parent:
                covering_rules.setdefault((covering.subject, parent.arn), covering)
            if not by_parent and (own_doubts or self._plan_doubts):
                open_parents.append(parent.arn)
            doubts += own_doubts
        if (why := self._open_stack(resource, parents)) is not None:
            known_parents = {parent.arn for parent, _ in parents}
            stacks = [stack for stack in self._stacks if stack.arn not in known_parents]
            doubts += self._stack_doubts(resource, stacks, *why)
            open_parents += [stack.arn for stack in stacks if stack.arn != resource.arn]
        if (kind := can_be_backed_up(resource)).value is None:
            doubts += [
                Doubt(covering.plan.name, kind.because, None, covering.plan.arn)
                for covering in covering_rules.values()
            ]
            covering_rules.clear()
            by_selection.clear()
        ways = tuple(covering_rules[name] for name in sorted(covering_rules))
        return Coverage(ways, tuple(doubts), tuple(open_parents), tuple(by_selection))

    def _open_stack(self, resource: Resource, parents: Parents) -> tuple[str, Gap] | None:
        """Return why it is unknown which stacks a resource belongs to, if it is.

        Its own tags would show it, or the tags or description of what contains it.
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
        """Yield the rules that may cover a resource through a stack, if its stack is unknown."""
        for stack in stacks:
            open_doubts: list[Doubt] = []
            for covering in self._direct(stack, stack, open_doubts, (resource.arn,)):
                yield Doubt(covering.plan.name, because, gap, covering.plan.arn)
            yield from open_doubts
        if not isinstance(self.inventory.lists.get("cloudformation:DescribeStacks"), Known):
            for plan in self.inventory.plans:
                if any(map(may_name_stacks, _selections_of(plan))):
                    yield Doubt(plan.name, because, gap, plan.arn)

    def _parents(self, resource: Resource) -> Parents:
        """Return the resources whose backups contain this one: its instance, its stack, the parent stacks.

        What AWS Backup cannot back up, such as an instance with an instance store as root device, is left
        out. Each comes with the ARNs on the path from it to the resource, including the resource.
        """
        if not self._inherit or resource.arn not in self._attached_to:
            return ()
        parents: dict[str, tuple[Resource, tuple[Arn, ...]]] = {}
        todo: list[tuple[Resource, tuple[Arn, ...]]] = [(resource, (resource.arn,))]
        # Breadth first. The path stops cycles: tags may claim that two stacks contain each other.
        while todo:
            inner, path = todo.pop(0)
            for arn in self._attached_to.get(inner.arn, ()):
                if arn not in path and arn not in parents:
                    parent = self._resources.get(arn) or self._unlisted[arn]
                    if is_unsupported(parent):
                        continue
                    parents[arn] = (parent, path)
                    todo.append((parent, (*path, arn)))
        return tuple(parents.values())

    def _direct(
        self,
        backed_up: Resource,
        parent: Resource | None,
        doubts: list[Doubt],
        inside: tuple[Arn, ...] = (),
    ) -> Iterator[CoveringRule]:
        """Yield the rules that cover by selection; add rules that may cover to `doubts`.

        `inside`: the ARNs on the path from what is backed up to the resource. A stack's backup leaves out
        what the selection excludes (AWS Backup developer guide, "CloudFormation stack backups"). If AWS
        Backup may skip what is backed up because of its state, it is unknown whether the rule covers the
        resource.
        """
        for plan, selection, answer in self._selected_by.get(backed_up.arn, _NOTHING).values():
            left_out = leaves_out(selection, self._all(inside)) if backed_up.type == STACK else False
            if left_out:
                continue
            if answer.value is None or backed_up.arn in self._unlisted:
                doubts.append(self._doubt(plan, selection, backed_up, answer))
            elif parent is not None and (because := _why_not_certain(parent, left_out)):
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
        """Return why it is unknown whether a selection selects a resource, with the missing read."""
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
        """Return the resources that each rule (`PLAN_ARN#RULE_ID`) backs up.

        Resources that AWS Backup skips, such as a volume that is being deleted, are left out (ruling 5).
        """
        reach: dict[str, dict[str, Resource]] = {}
        for resource in self.inventory.resources:
            for covering in self.coverage(resource).ways:
                for backed_up in _backed_up(resource, covering.parent):
                    if not skipped_state(backed_up):
                        reach.setdefault(covering.subject, {})[backed_up.arn] = backed_up
        return {rule: tuple(by_arn[arn] for arn in sorted(by_arn)) for rule, by_arn in reach.items()}

    def reach_doubt(self, plan: BackupPlan) -> Doubt | None:
        """Return why a plan may select resources that are not known; None: it does not.

        Reasons are a selection or the tags of a resource that were not read, and an incomplete list of
        resources that one of its selections could select from.
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
        """Return the doubt if a selection could select from a list of resources that is not complete."""
        for name, kind in RESOURCE_LISTS.items():
            reading = self.inventory.lists[name]
            if isinstance(reading, Unread) and could_select_of(selection, kind):
                return Doubt(plan.name, "not all resources were listed", reading.gap, plan.arn)
        return None

    def selected_by(self, plan: BackupPlan, selection: BackupSelection) -> Selected:
        """Return the resources that a selection itself selects, without what these contain.

        Resources that AWS Backup skips because of their state are left out (ruling 5).
        """
        selected = self._selects[rule_subject(plan.arn, selection.id)]
        certain: list[Resource] = []
        doubt = self._unlisted_resources(plan, selection)
        for arn, answer in selected.items():
            resource = self._resources.get(arn)
            if resource is not None and answer.value:
                skipped = skipped_state(resource)
                if skipped is False:
                    certain.append(resource)
                elif skipped is None:
                    state = (
                        f"is {resource.state}, which AWS does not document"
                        if resource.state
                        else "was not read"
                    )
                    because = f"AWS Backup may skip {resource.arn}, because its state {state}"
                    doubt = doubt or Doubt(f"{plan.name}/{selection.name}", because, None, plan.arn)
            else:
                # Not listed, or selected only perhaps: either way, it is not certain that it is selected.
                doubt = doubt or self._doubt(plan, selection, resource or self._unlisted[arn], answer)
        return Selected(
            tuple(sorted(certain, key=lambda resource: resource.arn)),
            doubt,
            tuple(self._unsupported_by(plan, selection)),
        )

    def _unsupported_by(self, plan: BackupPlan, selection: BackupSelection) -> Iterator[Resource]:
        """Yield what a selection would select if AWS Backup could back up its kind, ordered by ARN."""
        opt_in = self.opt_in(from_organization=plan.from_organization)
        for resource in self._unsupported:
            if selects_in_graph(selection, replace(resource, unsupported_kind=""), opt_in).value:
                yield resource

    def _first_doubts(self) -> Mapping[str, Doubt]:
        """Return for each plan's ARN the first doubt whether it covers a listed resource."""
        if self._plan_in_doubt is None:
            self._plan_in_doubt = {}
            for resource in self.inventory.resources:
                for doubt in self.coverage(resource).doubts:
                    self._plan_in_doubt.setdefault(doubt.plan, doubt)
        return self._plan_in_doubt

    def copies(self, resource: Resource, coverage: Coverage) -> tuple[CopyOfResource, ...]:
        """Return the outcome of each copy action of the covering rules; equal outcomes share one tuple."""
        return self._copy_outcomes.of(resource, coverage)

    @property
    def copy_outcomes(self) -> CopyOutcomes:
        """The evaluation of copies, link by link."""
        return self._copy_outcomes

    @property
    def source(self) -> Source:
        """This shard as the source of copies."""
        return self._copy_outcomes.source

    def crosses_accounts(self, destination: Destination) -> bool:
        """Check whether a copy from this shard to a destination leaves the account."""
        return crosses_accounts(self.source, destination)

    def keys(self, resource: Resource) -> ResourceKeys:
        """Return the keys that encrypt a resource."""
        return self._keys.of(resource)


def _backed_up(resource: Resource, parent: Resource | None) -> tuple[Resource, ...]:
    """Return what a rule backs up to cover a resource: for a stack, its template and the resource itself."""
    if parent is None:
        return (resource,)
    return (parent, resource) if parent.type == STACK and resource.stack is not None else (parent,)


def _why_not_certain(parent: Resource, left_out: Ternary) -> str:
    """Return why the backups of a parent may not contain the resource; empty: they do."""
    if left_out is None:
        return f"its tags were not read, and the selection of {parent.name} may exclude it by a tag"
    if skipped_state(parent) is not False:
        state = parent.state or "not read"
        return f"it is part of {parent.name}, which AWS Backup skips in some states: {state}"
    return ""


def _selections_of(plan: BackupPlan) -> tuple[BackupSelection, ...]:
    return plan.selections.value if isinstance(plan.selections, Known) else ()
