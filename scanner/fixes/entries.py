"""Changes as JSON of AWS Backup: what `audit what-if --change` reads, and the AWS CLI takes."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import orjson

from scanner.model.planning.fix import FixChange
from scanner.model.planning.planned_change import ChangeKind


def change_documents(changes: Iterable[FixChange]) -> list[dict[str, Any]]:
    """Return changes in envelopes that say their account and Region."""
    return [
        {
            "account": change.account,
            "region": change.region,
            "action": "create" if change.is_new else "update",
            "change": _FORMS[change.kind](change),
        }
        for change in changes
    ]


def plan_document(change: FixChange) -> dict[str, Any]:
    """Return a plan as CreateBackupPlan takes it: without the ids that AWS has given to its rules."""
    rules = [
        {key: value for key, value in rule.items() if key != "RuleId"}
        # GetBackupPlan returns RuleId; CreateBackupPlan and UpdateBackupPlan refuse it.
        for rule in change.document.get("Rules") or ()
    ]
    return {**change.document, "Rules": rules}


def policy_text(change: FixChange) -> str:
    """Return a policy as the text that AWS stores."""
    return orjson.dumps(change.document).decode()


def _plan(change: FixChange) -> dict[str, Any]:
    identity = {"BackupPlanId": change.id} if change.id else {}
    return {**identity, "BackupPlan": plan_document(change)}


def _selection(change: FixChange) -> dict[str, Any]:
    plan = {"BackupPlanId": change.plan_id} if change.plan_id else {"BackupPlanName": change.plan_name}
    return {**plan, "BackupSelection": dict(change.document)}


def _vault_part(change: FixChange) -> dict[str, Any]:
    return {"BackupVaultName": change.name, **change.document}


def _role(change: FixChange) -> dict[str, Any]:
    # IAM wants paths with a slash at both ends.
    path, _, name = change.name.partition(":role/")[2].rpartition("/")
    role = {"Arn": change.name, "RoleName": name, "Path": f"/{path}/" if path else "/"}
    return {"Role": {**role, **change.document}}


_FORMS: Final[Mapping[ChangeKind, Callable[[FixChange], dict[str, Any]]]] = {
    ChangeKind.PLAN: _plan,
    ChangeKind.SELECTION: _selection,
    ChangeKind.VAULT: lambda change: dict(change.document),
    ChangeKind.VAULT_POLICY: lambda change: {"BackupVaultName": change.name, "Policy": policy_text(change)},
    ChangeKind.VAULT_LOCK: _vault_part,
    ChangeKind.VAULT_NOTIFICATIONS: _vault_part,
    ChangeKind.REGION_SETTINGS: lambda change: dict(change.document),
    ChangeKind.GLOBAL_SETTINGS: lambda change: dict(change.document),
    ChangeKind.ROLE: _role,
    ChangeKind.KEY_POLICY: lambda change: {"KeyId": change.name, "Policy": policy_text(change)},
    ChangeKind.TAGS: lambda change: {"ResourceARN": change.name, **change.document},
}
"""The form of each kind of change."""
