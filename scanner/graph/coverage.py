"""The coverage of resources by backup rules, and the outcomes of their copies."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from scanner.model.inventory import (
    BackupPlan,
    BackupRule,
    BackupSelection,
    CopyAction,
    Resource,
    SelectionTerms,
    ShardInventory,
)
from scanner.model.known import Answer, EvidenceRef, Gap, GapKind, Known, Ternary, Unread, any_of, negate
from scanner.model.names import Arn, copy_action_subject, parse_arn
from scanner.protection.copies import Destination, Link
from scanner.protection.selection import OptIn, clause_results, could_select, selects
from scanner.protection.tag_conditions import condition_holds, is_negative, wildcard

STACK: Final = "CloudFormation"


@dataclass(frozen=True, slots=True)
class CoveringRule:
    """A rule that covers a resource, with its plan, and through what: `selection`, `instance` or `stack`."""

    plan: BackupPlan
    rule: BackupRule
    via: str
    parent: Resource | None  # what is backed up, if not the resource itself
    refs: tuple[EvidenceRef, ...]
    subject: str  # the rule's name in findings
    selection: str = ""  # the selection's name in findings

    @property
    def parent_arn(self) -> Arn | None:
        """The ARN of what is backed up, if not the resource itself."""
        return None if self.parent is None else self.parent.arn


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something that may cover a resource, and why that is unknown."""

    name: str
    because: str
    gap: Gap | None
    plan: str = ""  # the plan's ARN; empty: a plan that was not listed


@dataclass(frozen=True, slots=True)
class Coverage:
    """The rules that cover a resource, and the doubts whether others do.

    `ways`: a rule appears once for the resource itself, and once for each instance or stack through which it
    covers. `open_parents`: instances and stacks through which the resource may be covered. `by_selection`:
    each rule once for each selection that selects. Resources selected by the same selections share one
    object.
    """

    ways: tuple[CoveringRule, ...]
    doubts: tuple[Doubt, ...]
    open_parents: tuple[Arn, ...] = ()
    by_selection: tuple[CoveringRule, ...] = ()

    @property
    def rules(self) -> tuple[CoveringRule, ...]:
        """The covering rules, each once: the direct one, if a rule covers in several ways."""
        once = {way.subject: way for way in reversed(self.ways)}
        return tuple(once[subject] for subject in sorted(once))

    @property
    def covered(self) -> Ternary:
        """Whether at least one rule covers the resource."""
        if self.ways:
            return True
        return None if self.doubts else False


@dataclass(frozen=True, slots=True)
class CopyOfResource:
    """The outcome of a copy action of a covering rule for one resource."""

    covering: CoveringRule
    copy: CopyAction
    destination: Destination
    links: tuple[Link, ...]
    verdict: Answer
    gap: Gap | None

    @property
    def subject(self) -> str:
        """The copy action's name in findings."""
        return copy_action_subject(self.covering.subject, self.copy.destination)


@dataclass(frozen=True, slots=True)
class Selected:
    """The resources that a backup selection selects. `doubt`: why it may select more; None: it does not.

    `unsupported`: what it would select if AWS Backup could back up its kind (catalogue, ruling 19).
    """

    resources: tuple[Resource, ...]
    doubt: Doubt | None
    unsupported: tuple[Resource, ...] = ()


def each_outcome_once(copy_outcomes: Iterable[CopyOfResource]) -> tuple[CopyOfResource, ...]:
    """Return one outcome for each copy action and verdict, sorted by the action's name."""
    once: dict[tuple[str, Ternary], CopyOfResource] = {}
    for outcome in copy_outcomes:
        once.setdefault((outcome.subject, outcome.verdict.value), outcome)
    return tuple(sorted(once.values(), key=lambda outcome: outcome.subject))


def copy_grouping_key(resource: Resource) -> tuple[object, ...]:
    """Return everything of a resource that the outcome of its copies depends on (`resource_links`)."""
    _, _, service, *_ = f"{resource.arn}:::".split(":", 3)
    encryption = resource.encryption
    encryption_facts = encryption.value if isinstance(encryption, Known) else encryption.gap
    return (resource.type, resource.capability, service, encryption_facts, bool(resource.product_codes))


def unlisted_instances(inventory: ShardInventory) -> Iterator[Resource]:
    """Yield the instances that volumes name and that an incomplete list does not contain."""
    instances = inventory.lists.get("ec2:DescribeInstances")
    if not isinstance(instances, Unread):
        return
    listed = {resource.arn for resource in inventory.resources}
    parents = {parent for resource in inventory.resources for parent in resource.attached_to}
    named = {parent for parent in parents if not _is_stack(parent)}
    for arn in sorted(named - listed):
        yield Resource(
            arn=arn,
            type="EC2",
            capability="EC2",
            account=inventory.shard.account,
            region=inventory.shard.region,
            name=arn.rpartition("/")[2],
            state=None,
            tags=instances,
            encryption=instances,
        )


def unlisted_stacks(inventory: ShardInventory) -> Iterator[Resource]:
    """Yield the CloudFormation stacks that tags name and that an incomplete list does not contain.

    Nested stacks and recovery points may name them, too. If the list is complete, a stack that is not in it
    was deleted, and resources that it left behind are not backed up with it.
    """
    shard = inventory.shard
    if isinstance(inventory.lists.get("cloudformation:DescribeStacks"), Known):
        return
    listed = {resource.arn for resource in inventory.resources}
    named = {arn for resource in inventory.resources for arn in stack_of(resource)}
    named |= {arn for resource in inventory.resources for arn in resource.attached_to if _is_stack(arn)}
    named |= {Arn(point.resource) for point in inventory.recovery_points if _is_stack(point.resource)}
    for arn in sorted(named - listed):
        gap = Gap(shard.account, shard.region, "cloudformation:DescribeStacks", arn, GapKind.NEVER_ASKED)
        yield Resource(
            arn=arn,
            type=STACK,
            capability=STACK,
            account=shard.account,
            region=shard.region,
            name=arn.split("/")[1] if "/" in arn else arn,
            state=None,
            tags=Unread(gap),
            encryption=Unread(gap),
        )


def stack_of(resource: Resource) -> tuple[Arn, ...]:
    """Return the ARN of the stack that created a resource, if its tag names one."""
    return (Arn(resource.stack),) if resource.stack and _is_stack(resource.stack) else ()


def _is_stack(arn: str) -> bool:
    parts = parse_arn(arn)
    return parts is not None and parts.service == "cloudformation"


def selects_in_graph(selection: BackupSelection, resource: Resource, opt_in: OptIn) -> Answer:
    """Return whether a selection selects a resource; it selects an unlisted stack only by name."""
    if isinstance(selection.terms, Unread):
        return Answer(None, f"the backup selection {selection.name} was not read")
    if (
        resource.type == STACK
        and isinstance(resource.tags, Unread)
        and not names_stacks(selection.terms.value)
    ):
        return Answer(value=False, because="it names no stack")
    return selects(selection.terms.value, resource, opt_in)


def names_stacks(terms: SelectionTerms) -> bool:
    """Check whether Resources names stacks; a selection of all types selects their resources anyway."""
    return any(arn and arn.service == "cloudformation" for arn in map(parse_arn, terms.resources))


def could_select_of(selection: BackupSelection, kind: tuple[str, str]) -> bool:
    """Check whether a selection could select resources of a type, by the service and prefix of its ARNs."""
    return isinstance(selection.terms, Unread) or could_select(selection.terms.value, *kind)


def leaves_out(selection: BackupSelection, inside: Iterable[Resource]) -> Ternary:
    """Check whether the backup of a stack leaves out one of these: a resource, and what contains it.

    NotResources and negative conditions leave out (AWS Backup developer guide, "CloudFormation stack
    backups"; facts 3.4). None: the tags that decide were not read.
    """
    if isinstance(selection.terms, Unread):
        return False  # the selection's own answer is already unknown
    terms = selection.terms.value
    return any_of(_left_out(terms, resource) for resource in inside)


def _left_out(terms: SelectionTerms, resource: Resource) -> Ternary:
    if any(wildcard(entry, resource.arn) for entry in terms.not_resources):
        return True
    tags = resource.tags.value if isinstance(resource.tags, Known) else None
    return any_of(
        negate(condition_holds(condition, tags)) for condition in terms.conditions if is_negative(condition)
    )


def missing_read(selection: BackupSelection, resource: Resource, opt_in: OptIn) -> Gap | None:
    """Return the missing read that leaves unknown whether a selection selects a resource."""
    if isinstance(selection.terms, Unread):
        return selection.terms.gap
    results = clause_results(selection.terms.value, resource, opt_in)
    return None if results is None else results.gap(resource, opt_in)


def may_name_stacks(selection: BackupSelection) -> bool:
    """Check whether a selection names stacks, or was not read."""
    return isinstance(selection.terms, Unread) or names_stacks(selection.terms.value)
