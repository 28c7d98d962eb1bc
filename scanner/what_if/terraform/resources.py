"""Terraform's resources of AWS Backup as AWS Backup's own documents.

Source: documentation of the AWS provider, "Resource: aws_backup_...".
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from scanner.model.names import AWS_GLOBAL, ORG, partition_of
from scanner.model.planning.planned_change import (
    UNKNOWN,
    Action,
    ChangeKind,
    NotJudged,
    Origin,
    PlannedChange,
    PlanReference,
)
from scanner.what_if.changes import unplaced
from scanner.what_if.terraform.places import Places
from scanner.what_if.terraform.references import References, ResourceChange, is_configured

Result = PlannedChange | NotJudged
_VAULTS: Final = ("aws_backup_vault", "aws_backup_logically_air_gapped_vault")
_AIR_GAPPED: Final = "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"


@dataclass(frozen=True, slots=True)
class Resource:
    """One changed resource, and what is needed to place it and to follow its references."""

    change: ResourceChange
    action: Action
    origin: Origin
    places: Places
    references: References

    @property
    def values(self) -> Mapping[str, Any]:
        """The values that identify it: those before, where it exists, else those after."""
        return self.change.before or self.change.after

    def text(self, name: str) -> str:
        """Return an identifying value; empty where it is absent or UNKNOWN."""
        value = self.values.get(name)
        return value if isinstance(value, str) else ""

    def change_of(  # noqa: PLR0913 -- what identifies a change
        self,
        kind: ChangeKind,
        document: Mapping[str, Any],
        *,
        name: str,
        region: str = "",
        identity: str = "",
        plan: PlanReference | None = None,
    ) -> Result:
        """Return the change with its account and Region, or why it has none."""
        account, own_region = self.places.of(self.change)
        region = region or own_region
        where = unplaced(self.origin, f"the {kind.value} {name}".rstrip(), account, region)
        if where is not None:
            return where
        return PlannedChange(
            kind=kind,
            action=self.action,
            account=account,
            region=region,
            origin=self.origin,
            name=name,
            id=identity,
            plan=plan,
            document={} if self.action is Action.REMOVE else document,
        )

    def name_of_vault(self, value: object, path: tuple[str, ...], rule_name: object = None) -> object:
        """Return the name of a vault; one that is unknown is that of the resource it refers to."""
        referred = self.references.referred(self.change, path, rule_name) if value is UNKNOWN else None
        # The provider uses the name of a vault as its id.
        if referred is None or referred[0].type not in _VAULTS or referred[1] not in {"name", "id", ""}:
            return value
        return referred[0].after.get("name", UNKNOWN)

    def arn_of_vault(self, value: object, path: tuple[str, ...], rule_name: object = None) -> object:
        """Return the ARN of a vault; one that is unknown follows from the vault that it refers to."""
        referred = self.references.referred(self.change, path, rule_name) if value is UNKNOWN else None
        if referred is None or referred[0].type not in _VAULTS or referred[1] not in {"arn", ""}:
            return value
        account, region = self.places.of(referred[0])
        name = referred[0].after.get("name")
        if not (account and region and isinstance(name, str)):
            return UNKNOWN
        return f"arn:{partition_of(region)}:backup:{region}:{account}:backup-vault:{name}"

    def role_arn(self, value: object) -> object:
        """Return the ARN of a role; one that is unknown is that of the role that the same plan creates."""
        referred = self.references.referred(self.change, ("iam_role_arn",)) if value is UNKNOWN else None
        if referred is None or referred[0].type != "aws_iam_role":
            return value
        return role_arn(Resource(referred[0], self.action, self.origin, self.places, self.references))

    def if_configured(self, value: object, *path: str) -> object:
        """Return a value; None if it is UNKNOWN only because the configuration does not set it.

        Arguments that are optional and computed, like `not_resources`, are known only after apply where they
        are not set. The provider then sends nothing to AWS.
        """
        if value is not UNKNOWN or "expressions" not in self.change.configuration:
            return value
        return UNKNOWN if is_configured(self.change, path) else None


def role_arn(role: Resource) -> object:
    """Return the ARN of a role by account, path and name; UNKNOWN where one of these is.

    A name that the provider generates is not known: the resource's own name is taken for it.
    """
    if arn := role.text("arn"):
        return arn
    account, region = role.places.of(role.change)
    name, path = role.change.after.get("name"), role.change.after.get("path") or "/"
    # The name only has to be the same wherever the role is referred to.
    name = role.change.name if name is UNKNOWN else name
    if not (account and isinstance(name, str) and isinstance(path, str)):
        return UNKNOWN
    return f"arn:{partition_of(region)}:iam::{account}:role{path}{name}"


def plan_changes(resource: Resource) -> Iterator[Result]:
    """Yield the change of an `aws_backup_plan`."""
    after = resource.change.after
    document = {
        "BackupPlanName": after.get("name"),
        "Rules": blocks_of(after.get("rule"), lambda rule: _rule(resource, rule)),
        **present(AdvancedBackupSettings=blocks_of(after.get("advanced_backup_setting"), _advanced)),
    }
    name = resource.text("name")
    # The new name is what others refer to; the id still finds the plan that exists.
    if resource.action in {Action.UPDATE, Action.REPLACE} and isinstance(after.get("name"), str):
        name = str(after["name"])
    yield resource.change_of(ChangeKind.PLAN, document, name=name, identity=id_before(resource))


def id_before(resource: Resource) -> str:
    """Return the id that a resource has before the change; empty: none."""
    value = resource.change.before.get("id")
    return value if isinstance(value, str) else ""


def _rule(resource: Resource, rule: Mapping[str, Any]) -> dict[str, Any]:
    name = rule.get("rule_name")
    target = resource.name_of_vault(rule.get("target_vault_name"), ("rule", "target_vault_name"), name)
    air_gapped = rule.get("target_logically_air_gapped_backup_vault_arn")
    air_gapped = resource.arn_of_vault(
        air_gapped, ("rule", "target_logically_air_gapped_backup_vault_arn"), name
    )
    return {
        "RuleName": name,
        "TargetBackupVaultName": target,
        **present(
            ScheduleExpression=rule.get("schedule"),
            ScheduleExpressionTimezone=rule.get("schedule_expression_timezone"),
            StartWindowMinutes=rule.get("start_window"),
            CompletionWindowMinutes=rule.get("completion_window"),
            EnableContinuousBackup=rule.get("enable_continuous_backup"),
            Lifecycle=_lifecycle(resource, rule.get("lifecycle"), "rule"),
            RecoveryPointTags=rule.get("recovery_point_tags"),
            TargetLogicallyAirGappedBackupVaultArn=air_gapped,
            CopyActions=blocks_of(rule.get("copy_action"), lambda copy: _copy(resource, copy, name)),
            ScanActions=blocks_of(rule.get("scan_action"), _scan),
        ),
    }


def _copy(resource: Resource, copy: Mapping[str, Any], rule_name: object) -> dict[str, Any]:
    path = ("rule", "copy_action", "destination_vault_arn")
    arn = resource.arn_of_vault(copy.get("destination_vault_arn"), path, rule_name)
    return {
        "DestinationBackupVaultArn": arn,
        **present(Lifecycle=_lifecycle(resource, copy.get("lifecycle"), "rule", "copy_action")),
    }


def _scan(action: Mapping[str, Any]) -> dict[str, Any]:
    return present(MalwareScanner=action.get("malware_scanner"), ScanMode=action.get("scan_mode"))


def _lifecycle(resource: Resource, blocks: object, *path: str) -> object:
    """Return a lifecycle; None where there is no block, which keeps backups for ever. 0 means no value."""
    lifecycles = blocks_of(blocks, lambda block: block)
    if not isinstance(lifecycles, list):
        return lifecycles
    if not lifecycles or lifecycles[0] is UNKNOWN:
        return lifecycles[0] if lifecycles else None
    block = lifecycles[0]
    opt_in = "opt_in_to_archive_for_supported_resources"
    return present(
        # The provider writes 0 for a number that is not set. AWS Backup takes 1 day at least.
        MoveToColdStorageAfterDays=block.get("cold_storage_after") or None,
        DeleteAfterDays=block.get("delete_after") or None,
        OptInToArchiveForSupportedResources=resource.if_configured(
            block.get(opt_in), *path, "lifecycle", opt_in
        ),
    )


def _advanced(setting: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "ResourceType": setting.get("resource_type"),
        "BackupOptions": setting.get("backup_options") or {},
    }


def vault_changes(resource: Resource) -> Iterator[Result]:
    """Yield the change of an `aws_backup_vault`, or of a logically air-gapped one."""
    after = resource.change.after
    document = {
        "BackupVaultName": after.get("name"),
        # Vaults have kms_key_arn, logically air-gapped ones encryption_key_arn.
        **present(EncryptionKeyArn=after.get("kms_key_arn") or after.get("encryption_key_arn")),
    }
    if resource.change.type != _VAULTS[0]:
        limits = present(
            MinRetentionDays=after.get("min_retention_days"), MaxRetentionDays=after.get("max_retention_days")
        )
        document = {**document, "VaultType": _AIR_GAPPED, **limits}
    yield from _of_vault(resource, ChangeKind.VAULT, document, "name")


def policy_changes(resource: Resource) -> Iterator[Result]:
    """Yield the change of an `aws_backup_vault_policy`."""
    document = {"Policy": resource.change.after.get("policy")}
    yield from _of_vault(resource, ChangeKind.VAULT_POLICY, document, "backup_vault_name")


def lock_changes(resource: Resource) -> Iterator[Result]:
    """Yield the change of an `aws_backup_vault_lock_configuration`."""
    after = resource.change.after
    document = present(
        MinRetentionDays=after.get("min_retention_days"),
        MaxRetentionDays=after.get("max_retention_days"),
        ChangeableForDays=after.get("changeable_for_days"),
    )
    yield from _of_vault(resource, ChangeKind.VAULT_LOCK, document, "backup_vault_name")


def notification_changes(resource: Resource) -> Iterator[Result]:
    """Yield the change of an `aws_backup_vault_notifications`."""
    after = resource.change.after
    document = {
        "SNSTopicArn": after.get("sns_topic_arn"),
        "BackupVaultEvents": after.get("backup_vault_events"),
    }
    yield from _of_vault(resource, ChangeKind.VAULT_NOTIFICATIONS, document, "backup_vault_name")


def _of_vault(
    resource: Resource, kind: ChangeKind, document: Mapping[str, Any], attribute: str
) -> Iterator[Result]:
    """Yield the change of a vault, or of what belongs to one; another name means a removal and a creation."""
    before, after = resource.change.before.get(attribute), resource.change.after.get(attribute)
    after = resource.name_of_vault(after, (attribute,))
    # The name identifies a vault, so another name is another vault.
    if isinstance(before, str) and resource.action in {Action.REMOVE, Action.REPLACE} and before != after:
        yield replace(resource, action=Action.REMOVE).change_of(kind, {}, name=before)
        resource = replace(resource, action=Action.CREATE)
    if resource.change.after and isinstance(after, str):
        yield resource.change_of(kind, document, name=after)
    elif resource.change.after:
        yield NotJudged(resource.origin, "The name of the vault is known only after apply.")


def region_settings(resource: Resource) -> Iterator[Result]:
    """Yield the change of `aws_backup_region_settings`. Its removal leaves the settings as they are."""
    after, management = resource.change.after, "resource_type_management_preference"
    document = present(
        ResourceTypeOptInPreference=after.get("resource_type_opt_in_preference"),
        ResourceTypeManagementPreference=resource.if_configured(after.get(management), management),
    )
    yield from _settings(resource, ChangeKind.REGION_SETTINGS, document)


def global_settings(resource: Resource) -> Iterator[Result]:
    """Yield the change of `aws_backup_global_settings`, which belong to the whole organization."""
    document = {"GlobalSettings": resource.change.after.get("global_settings")}
    yield from _settings(resource, ChangeKind.GLOBAL_SETTINGS, document, ORG)


def _settings(
    resource: Resource, kind: ChangeKind, document: Mapping[str, Any], region: str = ""
) -> Iterator[Result]:
    if resource.action is Action.REMOVE:
        # The provider deletes settings from its state only: AWS has no call that removes them.
        yield NotJudged(resource.origin, "Terraform stops managing these settings: they stay as they are.")
    else:
        yield resource.change_of(kind, document, name="", region=region)


def role_changes(resource: Resource) -> Iterator[Result]:
    """Yield the change of an `aws_iam_role`, which a selection may name. Without its name there is none."""
    arn = role_arn(resource)
    # Selections that refer to a role without a name are unknown themselves, which is enough.
    if not isinstance(arn, str) or not resource.places.of(resource.change)[0]:
        return
    after = resource.change.after
    document = {"AssumeRolePolicyDocument": after.get("assume_role_policy"), "Path": after.get("path") or "/"}
    yield resource.change_of(ChangeKind.ROLE, document, name=arn, region=AWS_GLOBAL)


def tag_changes(resource: Resource) -> Iterator[Result]:
    """Yield the change of the tags of a resource that exists; nothing where the tags stay."""
    arn, before, after = resource.text("arn"), resource.change.before, resource.change.after
    # Types without tags_all have no tags, or have them as resources of their own.
    if resource.action is not Action.UPDATE or not arn or "tags_all" not in before:
        return
    tags = after.get("tags_all")
    if tags == before.get("tags_all"):
        return
    document = {"Tags": tags if tags is not None else {}}
    yield resource.change_of(ChangeKind.TAGS, document, name=arn)


def blocks_of(value: object, parse: Callable[[Mapping[str, Any]], Any]) -> Any:  # noqa: ANN401 -- a list, or UNKNOWN
    """Parse a list of blocks; UNKNOWN where the list, or as an item where the block is unknown."""
    if not isinstance(value, list):
        return value
    return [parse(block) if isinstance(block, Mapping) else block for block in value]


def present(**values: object) -> dict[str, Any]:
    """Return the values that are set: Terraform has null, or an empty list or text, for all others."""
    return {name: value for name, value in values.items() if value is not None and value not in ("", [], {})}
