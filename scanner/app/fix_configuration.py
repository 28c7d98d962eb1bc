"""The configuration that changes start from, read from the evidence of a scan."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from scanner.evidence.bundle import Bundle
from scanner.evidence.reader import shard_file
from scanner.fixes.configuration import (
    RecordedKey,
    RecordedPlan,
    RecordedSelection,
    RecordedShard,
    RecordedVault,
)
from scanner.model.inventory import ShardStatus
from scanner.model.names import AccountId, RegionName, Shard, partition_of
from scanner.what_if import shard_edits as names
from scanner.what_if.shard_lines import Document, ShardLines

_DESCRIBE_KEY: Final = "kms:DescribeKey"
_READ: Final = frozenset(
    {names.PLANS, names.PLAN, names.SELECTIONS, names.SELECTION, names.VAULTS, names.POLICY}
    | {names.NOTIFICATIONS, names.REGION_SETTINGS, names.ROLES, names.ROLE, names.KEY_POLICY, _DESCRIBE_KEY}
)
_NONE: Final = "ResourceNotFoundException"


def recorded_shard(bundle: Bundle, account: str, region: str) -> RecordedShard | None:
    """Read the configuration of an account-Region. None: the scan did not read it."""
    name = _file_of(bundle, account, region)
    if name is None:
        return None
    lines = ShardLines(bundle.folder, name, _READ)
    roles = dict(_roles(lines))
    return RecordedShard(
        account=account,
        region=region,
        partition=partition_of(region),
        plans={plan.id: plan for plan in _plans(lines)},
        selections=tuple(_selections(lines)),
        vaults={vault.name: vault for vault in _vaults(lines)},
        keys={key.arn: key for key in _keys(lines)},
        opt_in=_opt_in(lines),
        roles=roles,
        are_plans_read=lines.is_read(names.PLANS),
        are_vaults_read=lines.is_read(names.VAULTS),
        are_roles_read=lines.is_read(names.ROLES),
    )


def _file_of(bundle: Bundle, account: str, region: str) -> str | None:
    for record in bundle.manifest.shards:
        if (record.account, record.region) == (account, region):
            is_read = record.status in {ShardStatus.COMPLETE, ShardStatus.PARTIAL}
            # A record of a failed shard may name a file that has only some answers.
            return record.file or None if is_read else None
    return shard_file(bundle.folder, Shard(AccountId(account), RegionName(region)))


def _answers(lines: ShardLines, operation: str) -> Iterator[Document]:
    for line in lines.of(operation):
        response = line.get("response")
        if isinstance(response, dict):
            yield response


def _plans(lines: ShardLines) -> Iterator[RecordedPlan]:
    # ListBackupPlans with includeDeleted returns deleted plans, too (API reference).
    deleted = {
        row.get("BackupPlanId")
        for row in lines.rows(names.PLANS, "BackupPlansList")
        if row.get("DeletionDate")
    }
    for answer in _answers(lines, names.PLAN):
        identity, document = answer.get("BackupPlanId"), answer.get("BackupPlan")
        if isinstance(identity, str) and isinstance(document, dict) and identity not in deleted:
            yield RecordedPlan(identity, str(answer.get("BackupPlanArn") or ""), document)


def _selections(lines: ShardLines) -> Iterator[RecordedSelection]:
    for answer in _answers(lines, names.SELECTION):
        identity, plan, document = (
            answer.get(name) for name in ("SelectionId", "BackupPlanId", "BackupSelection")
        )
        if isinstance(identity, str) and isinstance(plan, str) and isinstance(document, dict):
            yield RecordedSelection(identity, plan, document)


def _vaults(lines: ShardLines) -> Iterator[RecordedVault]:
    for row in lines.rows(names.VAULTS, "BackupVaultList"):
        name = row.get("BackupVaultName")
        if not isinstance(name, str):
            continue
        policy, policy_problem = _part(lines, names.POLICY, name, "access policy")
        target, target_problem = _part(lines, names.NOTIFICATIONS, name, "notifications")
        document = None if policy is None else _policy(policy.get("Policy"))
        # A policy that cannot be parsed must not be extended: the rest of it would be lost.
        if policy is not None and document is None:
            policy_problem = f"The access policy of the backup vault {name} cannot be parsed."
        yield RecordedVault(
            name=name,
            row=row,
            policy=document,
            policy_problem=policy_problem,
            notifications=None
            if target is None
            else {key: target[key] for key in ("SNSTopicArn", "BackupVaultEvents") if key in target},
            notifications_problem=target_problem,
        )


def _part(lines: ShardLines, operation: str, vault: str, what: str) -> tuple[Document | None, str]:
    """Return the answer about a part of a vault; None: there is none, or why it is not known."""
    for line in lines.of(operation, BackupVaultName=vault):
        if isinstance(response := line.get("response"), dict):
            return response, ""
        # ResourceNotFoundException is how AWS Backup says that there is no policy, or no notifications.
        if (line.get("error") or {}).get("code") == _NONE:
            return None, ""
    return None, f"The scan did not read the {what} of the backup vault {vault}, so they cannot be extended."


def _policy(text: object) -> Mapping[str, Any] | None:
    try:
        document = orjson.loads(text) if isinstance(text, str) else text
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None


def _keys(lines: ShardLines) -> Iterator[RecordedKey]:
    policies = {
        # Refused reads have no response; the key is then listed without a policy.
        str(line["parameters"].get("KeyId")): _policy((line.get("response") or {}).get("Policy"))
        for line in lines.of(names.KEY_POLICY)
    }
    for answer in _answers(lines, _DESCRIBE_KEY):
        key = answer.get("KeyMetadata")
        if isinstance(key, dict) and isinstance(arn := key.get("Arn"), str):
            yield RecordedKey(
                arn, key.get("KeyManager") == "CUSTOMER", key.get("KeyState") == "Enabled", policies.get(arn)
            )


def _opt_in(lines: ShardLines) -> Mapping[str, bool] | None:
    preferences = (
        answer.get("ResourceTypeOptInPreference") for answer in _answers(lines, names.REGION_SETTINGS)
    )
    return next((preference for preference in preferences if isinstance(preference, dict)), None)


def _roles(lines: ShardLines) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    # Both lists: GetRole has roles by name, ListRoles those that no selection names yet.
    rows = list(lines.rows(names.ROLES, "Roles"))
    rows += [answer["Role"] for answer in _answers(lines, names.ROLE) if isinstance(answer.get("Role"), dict)]
    for row in rows:
        if isinstance(arn := row.get("Arn"), str):
            yield arn, _policy(row.get("AssumeRolePolicyDocument"))
