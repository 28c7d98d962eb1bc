"""The fact table `selection`: a row for each backup selection, with what it selects and its role."""

from typing import Final

from scanner.facts.notes import Notes
from scanner.graph.coverage import Selected
from scanner.graph.shard_graph import ShardGraph
from scanner.model.facts import SelectionFacts
from scanner.model.inventory import BackupPlan, BackupSelection, Role
from scanner.model.known import Answer, Known, Ternary, Unread
from scanner.model.names import partition_of, rule_subject
from scanner.protection.copy_keys import organization_of
from scanner.protection.policy import Context, admits_service, parse

BACKUP_SERVICE: Final = "backup.amazonaws.com"
_ASSUME: Final = "sts:AssumeRole"


def selection_row(
    graph: ShardGraph, plan: BackupPlan, selection: BackupSelection
) -> tuple[SelectionFacts, Notes]:
    """Build the row of one selection."""
    notes = Notes()
    notes.evidence("", plan.refs)
    shard = graph.inventory.shard
    role = _role_name(selection, notes)
    exists, admits = _role(graph, selection, role, notes)
    selection_result = graph.selected_by(plan, selection)
    selects, selected = _selected(selection_result, selection, notes)
    facts = SelectionFacts(
        subject=rule_subject(plan.arn, selection.id),
        subject_type="selection",
        account=shard.account,
        region=shard.region,
        name=f"{plan.name} / {selection.name}",
        not_applicable_because="",
        plan=plan.arn,
        plan_name=plan.name,
        from_organization=plan.from_organization,
        selects_resources=selects,
        selected=selected,
        selected_unsupported=tuple(resource.arn for resource in selection_result.unsupported),
        role=role,
        role_exists=exists,
        role_admits_backup=admits.value,
        role_reason="" if admits.value else admits.because,
        not_known=notes.not_known,
        evidence=notes.references,
    )
    return facts, notes


def _selected(
    selection_result: Selected, selection: BackupSelection, notes: Notes
) -> tuple[Ternary, tuple[str | None, ...]]:
    arns = tuple(resource.arn for resource in selection_result.resources)
    if isinstance(selection.terms, Known):
        notes.evidence("selected", selection.terms.refs)
    if selection_result.doubt is None:
        return bool(arns), arns
    notes.unknown("selected", selection_result.doubt.because, selection_result.doubt.gap)
    # A selection that certainly selects something does so whatever else it may select.
    if not arns:
        notes.unknown("selects_resources", selection_result.doubt.because, selection_result.doubt.gap)
    return bool(arns) or None, (*arns, None)


def _role_name(selection: BackupSelection, notes: Notes) -> str | None:
    if isinstance(selection.terms, Unread):
        notes.unknown("role", "the selection was not read", selection.terms.gap)
        return None
    # The API requires IamRoleArn, but templates that are judged before deployment may lack it.
    return selection.terms.value.role or ""


def _role(
    graph: ShardGraph, selection: BackupSelection, name: str | None, notes: Notes
) -> tuple[Ternary, Answer]:
    """Return whether the role exists, and whether AWS Backup can assume it (facts 3.1)."""
    columns = ("role_exists", "role_admits_backup")
    if name is None:
        for column in columns:
            gap = selection.terms.gap if isinstance(selection.terms, Unread) else None
            notes.unknown(column, "the selection that names the role was not read", gap)
        return None, Answer(None, "the selection that names the role was not read")
    if not name:
        return False, Answer(value=False, because="the selection names no role")
    reading = graph.inventory.roles.get(name)
    if not isinstance(reading, Known):
        for column in columns:
            notes.unknown(column, f"the role {name} was not read", reading.gap if reading else None)
        return None, Answer(None, f"the role {name} was not read")
    notes.evidence("role_exists", reading.refs)
    if reading.value is None:
        # A role can be deleted after the selection was created: the selection stays, and its jobs fail.
        return False, Answer(value=False, because=f"the role {name} does not exist")
    return True, _admits(graph, reading.value, notes)


def _admits(graph: ShardGraph, role: Role, notes: Notes) -> Answer:
    """Return whether the trust policy lets AWS Backup assume the role, for the shard's account and Region."""
    # GetRole returns the document, but the API model makes it optional.
    if role.trust_policy is None:
        notes.unknown("role_admits_backup", f"AWS does not report the trust policy of {role.arn}")
        return Answer(None, f"AWS does not report the trust policy of {role.arn}")
    answer = admits_service(
        parse(role.trust_policy),
        service=BACKUP_SERVICE,
        action=_ASSUME,
        resource=role.arn,
        context=_context(graph),
        account=graph.inventory.shard.account,
    )
    if answer.value is None:
        notes.unknown("role_admits_backup", f"trust policy of {role.arn}: {answer.because}")
    return Answer(answer.value, f"trust policy of {role.arn}: {answer.because}")


def _context(graph: ShardGraph) -> Context:
    """Return the context of the shard's account, for whose jobs AWS Backup assumes the role."""
    shard, organization = graph.inventory.shard, graph.plane.organization
    member = organization.accounts.get(shard.account)
    # A role's trust policy may depend on the caller's organisation, which is that of the selection's account.
    organization_id = organization_of(organization, shard.account)
    return Context(
        organization_id=organization_id,
        resource_organization_id=organization_id,
        organization_path=member.ou_path if member else None,
        region=shard.region,
        partition=partition_of(shard.region),
    )
