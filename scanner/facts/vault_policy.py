"""What the access policy of a vault says: who is kept from deleting, who gets in from outside."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from scanner.facts.notes import Notes
from scanner.graph.control_plane import ControlPlane
from scanner.model.facts import DeletionGuard
from scanner.model.inventory import Organization, Vault
from scanner.model.names import partition_of
from scanner.model.reading import Gap, Known, Unread
from scanner.model.ternary import Ternary
from scanner.protection.copies import COPY_INTO, context_of
from scanner.protection.policy import Context, Document, denied_to_all, outsiders, parse, who_can

DELETION_ACTIONS: Final = (
    "backup:DeleteRecoveryPoint",
    "backup:UpdateRecoveryPointLifecycle",
    "backup:PutBackupVaultAccessPolicy",
    "backup:DeleteBackupVaultAccessPolicy",
)
"""Whoever may do one of these can delete recovery points, shorten their life, or take the Deny away."""

_COLUMNS: Final = (
    "has_policy",
    "deletion_guards",
    "policy_stays_in_organization",
    "outsiders",
    "copying_principals",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyColumns:
    """The columns of a vault's row that rest on its access policy."""

    has_policy: Ternary
    deletion_guards: tuple[DeletionGuard, ...]
    policy_stays_in_organization: Ternary
    outsiders: tuple[str | None, ...]
    copying_principals: tuple[str | None, ...]


def policy_columns(vault: Vault, plane: ControlPlane, as_of: datetime, notes: Notes) -> PolicyColumns:
    """Make the columns; the policy is parsed once, and asked as of the evaluation's clock."""
    if isinstance(vault.policy, Unread):
        for column in _COLUMNS:
            notes.unknown(column, "its access policy was not read", vault.policy.gap)
        return PolicyColumns(
            has_policy=None,
            deletion_guards=tuple(_unread_guards()),
            policy_stays_in_organization=None,
            outsiders=(None,),
            copying_principals=(None,),
        )
    for column in _COLUMNS:
        notes.evidence(column, vault.policy.refs)
    document = parse(vault.policy.value)
    organization = plane.organization
    member = organization.accounts.get(vault.account)
    context = context_of(organization, member.ou_path if member else None)
    context = replace(context, as_of=as_of, partition=partition_of(vault.region))
    if not document.readable:
        notes.unknown("deletion_guards", f"its access policy could not be parsed: {document.problem}")
    stays, outside = _outside(document, vault, plane, context, notes)
    return PolicyColumns(
        has_policy=document.exists,
        deletion_guards=tuple(_guards(document, vault, context, notes)),
        policy_stays_in_organization=stays,
        outsiders=outside,
        copying_principals=_copying(document, vault, plane, context, notes),
    )


def _unread_guards() -> Iterator[DeletionGuard]:
    for action in DELETION_ACTIONS:
        because = "the access policy was not read"
        yield DeletionGuard(
            action=_short(action), denied=None, exceptions=(None,), spares_unnamed=None, because=because
        )


def _guards(document: Document, vault: Vault, context: Context, notes: Notes) -> Iterator[DeletionGuard]:
    for action in DELETION_ACTIONS:
        denial = denied_to_all(
            document, action=action, resource=vault.arn, vault_account=vault.account, context=context
        )
        if denial.denied is None and document.readable:
            notes.unknown(
                "deletion_guards", f"whether {_short(action)} is denied is unknown: {denial.because}"
            )
        yield DeletionGuard(
            action=_short(action),
            denied=denial.denied,
            exceptions=denial.exceptions if denial.denied is not None else (None,),
            spares_unnamed=None if denial.denied is None else None in denial.exceptions,
            because=denial.because,
        )


def _short(action: str) -> str:
    return action.removeprefix("backup:")


def _outside(
    document: Document, vault: Vault, plane: ControlPlane, context: Context, notes: Notes
) -> tuple[Ternary, tuple[str | None, ...]]:
    """Whether the policy admits nobody outside the organisation, and whom it admits there."""
    organization = plane.organization
    found = outsiders(
        document,
        organization_id=organization.id.value if isinstance(organization.id, Known) else None,
        member_accounts=plane.insiders,
        vault_account=vault.account,
        # Without the management account's id, an account that is not listed may be that one (ruling 15).
        complete=isinstance(organization.members, Known)
        and isinstance(organization.management_account, Known),
        resource=vault.arn,
        context=context,
    )
    if None in found.who:
        because = (
            found.because
            if found.admitted is None
            else "it may allow other principals outside the organisation"
        )
        gap = _organization_gap(organization) if document.readable else None
        notes.unknown("outsiders", because, gap)
        if found.admitted is None:
            notes.unknown("policy_stays_in_organization", because, gap)
    stays = None if found.admitted is None else not found.admitted
    return stays, found.who


def _organization_gap(organization: Organization) -> Gap | None:
    for reading in (organization.id, organization.members, organization.management_account):
        if isinstance(reading, Unread):
            return reading.gap
    return None


def _copying(
    document: Document, vault: Vault, plane: ControlPlane, context: Context, notes: Notes
) -> tuple[str | None, ...]:
    """Whom the policy lets copy into the vault; ends with None where others may."""
    found = who_can(
        document, action=COPY_INTO, resource=vault.arn, context=context, member_accounts=plane.insiders
    )
    if found.complete and not found.undecided:
        return found.allowed
    because = "; ".join(f"{one.principals}: {one.because}" for one in found.undecided[:3]) or found.because
    notes.unknown("copying_principals", f"which other principals may copy into it is unknown ({because})")
    return (*found.allowed, None)
