"""VMware virtual machines: AWS Backup gateway's ListVirtualMachines; ListHypervisors tells who runs them."""

from collections.abc import Iterator, Mapping
from typing import Final

from scanner.evidence.shape import Shape
from scanner.inventory.ec2 import STACK_TAG
from scanner.inventory.gaps import rows
from scanner.inventory.sources import Sources
from scanner.model.inventory import Encryption, Resource
from scanner.model.names import Arn
from scanner.model.reading import EvidenceRef, GapKind, Known

_HYPERVISORS: Final = "backup-gateway:ListHypervisors"


def parse_virtual_machines(sources: Sources) -> Iterator[Resource]:
    """Parse virtual machines. Their state is that of their hypervisor; AWS tells nothing of encryption."""
    states = {
        row.need("HypervisorArn").rpartition("/")[2]: row.text("State")
        for row, _ in rows(sources.answers, _HYPERVISORS, "Hypervisors")
    }
    machines = {
        row.need("ResourceArn"): (row, ref)
        for row, ref in rows(sources.answers, "backup-gateway:ListVirtualMachines", "VirtualMachines")
    }
    if machines:
        _note_unread(sources)
    for _, (row, ref) in sorted(machines.items()):
        yield _machine(sources, row, ref, states)


def _note_unread(sources: Sources) -> None:
    answers = sources.answers.every(_HYPERVISORS)
    if not any(answer.gap is None for answer in answers):
        unasked = sources.answers.gap(_HYPERVISORS, "", GapKind.NEVER_ASKED)
        sources.gaps.note(answers[-1].gap if answers else unasked)


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
