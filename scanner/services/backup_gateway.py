"""AWS Backup gateway: VMware virtual machines and their hypervisors."""

from collections.abc import Iterator, Mapping
from typing import Final

from scanner.evidence.shape import Shape
from scanner.model.inventory import Encryption, Resource
from scanner.model.known import EvidenceRef, GapKind, Known
from scanner.model.names import Arn
from scanner.services.base import Operation, distinct, objects, rows
from scanner.services.caller import Caller
from scanner.services.sources import Sources
from scanner.services.tagging import STACK_TAG

_HYPERVISORS: Final = "backup-gateway:ListHypervisors"

# No page size: the API model states no maximum.
OPERATIONS: Final = (
    Operation(
        "backup-gateway",
        "ListVirtualMachines",
        "backup-gateway:ListVirtualMachines",
        own=("VirtualMachines[].ResourceArn",),
        identity=("VirtualMachines[].ResourceArn",),
    ),
    Operation(
        "backup-gateway",
        "ListHypervisors",
        "backup-gateway:ListHypervisors",
        after=("backup-gateway:ListVirtualMachines",),
        per="account-Region that has virtual machines",
        own=("Hypervisors[].HypervisorArn",),
        identity=("Hypervisors[].HypervisorArn",),
    ),
)


def collect(caller: Caller) -> set[str]:
    """Record virtual machines, and hypervisors if there are any. The answers name no keys."""
    has_machines = False
    for answer in caller.pages("backup-gateway", "ListVirtualMachines"):
        has_machines |= any(True for _ in objects(answer, "VirtualMachines"))
    if has_machines:
        for _ in caller.pages("backup-gateway", "ListHypervisors"):
            pass
    return set()


def parse(sources: Sources) -> Iterator[Resource]:
    """Parse virtual machines. Their state is that of the hypervisor; AWS does not report encryption."""
    states = {
        # By the last part of the ARN, because a machine may name its hypervisor by ARN or by id.
        row.need("HypervisorArn").rpartition("/")[2]: row.text("State")
        for row, _ in rows(sources.answers, _HYPERVISORS, "Hypervisors")
    }
    machines = distinct(
        rows(sources.answers, "backup-gateway:ListVirtualMachines", "VirtualMachines"), "ResourceArn"
    )
    if machines:
        _note_unread_hypervisors(sources)
    for _, (row, ref) in sorted(machines.items()):
        yield _machine(sources, row, ref, states)


def _note_unread_hypervisors(sources: Sources) -> None:
    answers = sources.answers.every(_HYPERVISORS)
    # Without hypervisors the machines have no state, so the missing
    # list counts as soon as there are machines.
    if not any(answer.gap is None for answer in answers):
        never_called = sources.answers.gap(_HYPERVISORS, "", GapKind.NEVER_ASKED)
        sources.gaps.note(answers[-1].gap if answers else never_called)


def _machine(sources: Sources, row: Shape, ref: EvidenceRef, states: Mapping[str, str | None]) -> Resource:
    arn = row.need("ResourceArn")
    tags = sources.tags(arn, "backup-gateway:vm", "backup-gateway:ListTagsForResource", ResourceArn=arn)
    hypervisor = (row.text("HypervisorId") or "").rpartition("/")[2]
    return Resource(
        arn=Arn(arn),
        type="VirtualMachine",
        capability="VirtualMachine",
        account=sources.shard.account,
        region=sources.shard.region,
        name=row.text("Name") or arn.rpartition("/")[2],
        state=states.get(hypervisor),
        tags=tags,
        encryption=Known(Encryption(encrypted=None), (ref,)),
        stack=tags.value.get(STACK_TAG) if isinstance(tags, Known) else None,
        refs=(ref,),
    )
