"""What a shard's graph answers: covering rules, doubts, and how copies fare."""

from collections.abc import Iterable
from dataclasses import dataclass

from scanner.model.inventory import BackupPlan, BackupRule, CopyAction, Resource
from scanner.model.names import Arn, copy_action_subject
from scanner.model.reading import EvidenceRef, Gap, Known
from scanner.model.ternary import Answer, Ternary
from scanner.protection.copies import Destination, Link


@dataclass(frozen=True, slots=True)
class CoveringRule:
    """A rule that covers a resource: of which plan, and through what (`selection` or `instance`)."""

    plan: BackupPlan
    rule: BackupRule
    via: str
    parent: Resource | None  # the instance that is backed up, where it is not the resource itself
    refs: tuple[EvidenceRef, ...]
    subject: str  # the rule as findings name it

    @property
    def parent_arn(self) -> Arn | None:
        """The ARN of what is backed up, where it is not the resource itself."""
        return None if self.parent is None else self.parent.arn


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something that may cover a resource, and why that is not known."""

    name: str
    because: str
    gap: Gap | None
    plan: str = ""  # the plan's ARN; empty: a plan that was not listed


@dataclass(frozen=True, slots=True)
class Coverage:
    """The rules that cover a resource, once for each way in which they do, and what else may.

    `open_parents`: the instances through which it may be covered, where that is not known. Resources that
    the same selections select share one object.
    """

    ways: tuple[CoveringRule, ...]
    doubts: tuple[Doubt, ...]
    open_parents: tuple[Arn, ...] = ()

    @property
    def rules(self) -> tuple[CoveringRule, ...]:
        """The covering rules, each once; where one covers in several ways, the direct one stands for it."""
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
    """A copy action of a covering rule, as it fares for one resource."""

    covering: CoveringRule
    copy: CopyAction
    destination: Destination
    links: tuple[Link, ...]
    verdict: Answer
    gap: Gap | None

    @property
    def subject(self) -> str:
        """The copy action as findings name it."""
        return copy_action_subject(self.covering.subject, self.copy.destination)


@dataclass(frozen=True, slots=True)
class Selected:
    """What a backup selection selects, by ARN. `doubt`: why it may select more; None: it does not.

    `unsupported`: what it would select if AWS Backup could back up its kind (catalogue, ruling 19).
    """

    resources: tuple[Resource, ...]
    doubt: Doubt | None
    unsupported: tuple[Resource, ...] = ()


def each_once(fates: Iterable[CopyOfResource]) -> tuple[CopyOfResource, ...]:
    """Give each copy action once, and again where it fares differently; sorted by its name."""
    once: dict[tuple[str, Ternary], CopyOfResource] = {}
    for fate in fates:
        once.setdefault((fate.subject, fate.verdict.value), fate)
    return tuple(sorted(once.values(), key=lambda fate: fate.subject))


def likeness_of(resource: Resource) -> tuple[object, ...]:
    """Give all of a resource that the fate of its copies depends on (`resource_links`)."""
    _, _, service, *_ = f"{resource.arn}:::".split(":", 3)
    encryption = resource.encryption
    told = encryption.value if isinstance(encryption, Known) else encryption.gap
    return (resource.type, resource.capability, service, told, bool(resource.product_codes))
