"""Which backups a malicious administrator can delete: the access of an account to a vault's content.

Sources: catalogue, `survives-account-compromise`, rulings 11 and 15; facts 5.
"""

from dataclasses import replace
from datetime import datetime
from typing import Final

from scanner.graph.control_plane import ControlPlane
from scanner.model.inventory import Vault
from scanner.model.known import Answer, Gap, Known, Unread
from scanner.model.names import AccountId, Arn
from scanner.protection.copies import context_of, organization_of
from scanner.protection.lifecycle import lock_mode
from scanner.protection.policy import parse
from scanner.protection.policy.admits import any_principal_allowed

_DESTRUCTIVE: Final = (
    "backup:DeleteRecoveryPoint",
    "backup:UpdateRecoveryPointLifecycle",
    "backup:DisassociateRecoveryPoint",
    "backup:PutBackupVaultAccessPolicy",
    "backup:DeleteBackupVaultAccessPolicy",
)
"""Actions that delete backups, shorten their retention, or remove the policy that protects them."""

AnswerWithGap = tuple[Answer, Gap | None]
"""An answer whose reason continues after the vault's name, and the missing read if it is unknown."""

_NOT_READ: Final = Answer(None, "was not read")


class DeletionAccess:
    """Answers what accounts can delete from vaults, and caches the answers."""

    def __init__(self, plane: ControlPlane, as_of: datetime) -> None:
        self._plane = plane
        self._as_of = as_of
        self._protected: dict[tuple[Arn, AccountId], AnswerWithGap] = {}

    def immutable(self, vault: Vault | None) -> Answer:
        """Check whether no principal can delete from a vault: by a compliance lock in force or an air gap."""
        if vault is None:
            return _NOT_READ
        mode = lock_mode(vault, self._as_of)
        if mode == "compliance":
            how = "is logically air-gapped" if vault.air_gapped else "has a compliance lock in force"
            return Answer(value=True, because=how)
        if mode is None:
            return Answer(None, "may be locked, which the list of vaults does not report")
        graced = vault.lock.locked and vault.lock.lock_date is not None
        how = "has a compliance lock that is not in force yet" if graced else "has no compliance lock"
        return Answer(value=False, because=how)

    def cannot_delete(self, vault: Vault | None, owner: AccountId, account: AccountId) -> AnswerWithGap:
        """Check whether another account can delete nothing from a vault of `owner`."""
        if vault is None:
            return _NOT_READ, None
        managed, gap = self._is_management_account(owner, account)
        if (by_policy_and_gap := self._protected.get((vault.arn, account))) is None:
            by_policy_and_gap = self._protected[vault.arn, account] = self._by_policy(vault, account)
        by_policy, policy_gap = by_policy_and_gap
        if by_policy.value is False or managed.value is False:
            return by_policy_and_gap
        if managed.value:
            return Answer(value=False, because=managed.because), None
        return (managed, gap) if by_policy.value else (by_policy, policy_gap)

    def _is_management_account(self, owner: AccountId, account: AccountId) -> AnswerWithGap:
        """Check whether an account manages the organisation of a vault's owner (ruling 15)."""
        organization = self._plane.organization
        management = organization.management_account
        if isinstance(management, Unread):
            because = f"is out of reach unless account {account} manages the organisation, which was not read"
            return Answer(None, because), management.gap
        if management.value != account:
            return Answer(value=False), None
        because = f"is within reach of account {account}, which manages the organisation"
        member = organization.accounts.get(owner)
        if member is not None and (member.status is not None or isinstance(organization.members, Known)):
            return Answer(value=True, because=because), None
        if isinstance(organization.members, Unread):
            because = (
                f"{because}, if its own account {owner} is a member, "
                "but not all accounts of the organisation were read"
            )
            return Answer(None, because), organization.members.gap
        return Answer(value=False), None

    def _by_policy(self, vault: Vault, account: AccountId) -> AnswerWithGap:
        if isinstance(vault.policy, Unread):
            return Answer(None, "has an access policy that was not read"), vault.policy.gap
        document = parse(vault.policy.value)
        organization = self._plane.organization
        member = organization.accounts.get(account)
        context = replace(
            context_of(organization, member.ou_path if member else None),
            resource_organization_id=organization_of(organization, vault.account),
            as_of=self._as_of,
        )
        doubt: Answer | None = None
        for action in _DESTRUCTIVE:
            answer = any_principal_allowed(
                document, account=account, action=action, resource=vault.arn, context=context
            )
            if answer.value:
                because = f"has an access policy that allows account {account} {action}: {answer.because}"
                return Answer(value=False, because=because), None
            if answer.value is None and doubt is None:
                because = f"has an access policy that may allow account {account} {action}"
                doubt = Answer(None, f"{because}: {answer.because}")
        nothing = Answer(value=True, because=f"does not allow account {account} to delete anything")
        return doubt or nothing, None
