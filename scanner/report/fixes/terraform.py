"""Changes as Terraform: one file for each account-Region, with import blocks for what exists.

Terraform can only change what is in its state. What exists and is in no state yet is imported first; if it is
in the state of another configuration, change it there: the arguments are the same.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from scanner.fixes.entries import plan_document
from scanner.model.planning.fix import FixChange
from scanner.model.planning.planned_change import ChangeKind
from scanner.report.fixes.commands import ROLE_POLICIES, added_tags
from scanner.report.fixes.hcl import Block, jsonencode, text
from scanner.report.fixes.places import FixPlace, comment_lines

_NOT_WRITTEN: Final = ("IndexActions", "ScanActions")
"""Members of a rule that the provider has no argument for in all versions from 5.0 on."""


def module(place: FixPlace) -> str:
    """Return the configuration of an account-Region."""
    lines = [
        f"# Changes of {place.title}, proposed by audit fix. README.md says what is proven.",
        # Only the opening line: the attribute and the inner block follow as text.
        *Block("terraform").lines()[:1],
        '  required_version = ">= 1.5"',
        *("  " + line for line in _required_provider().lines()),
        "}",
        "",
        *Block("provider", "aws")
        .set("region", place.call_region)
        # The provider stops before any change if the credentials are of another account.
        .set("allowed_account_ids", [place.account])
        .lines(),
    ]
    for change in place.changes:
        lines += ["", *(f"# {line}" for line in comment_lines(change)), *_RESOURCES[change.kind](change)]
    return "\n".join(lines) + "\n"


def _required_provider() -> Block:
    block = Block("required_providers")
    block.expression("aws", '{ source = "hashicorp/aws", version = ">= 5.0" }')
    return block


def modules(places: tuple[FixPlace, ...]) -> Iterator[tuple[str, str]]:
    """Yield the configurations, each in a folder of its own: a folder is a root module."""
    for place in places:
        yield f"terraform/{place.stem}/main.tf", module(place)


def label(name: str) -> str:
    """Return the name of a resource in the configuration: of letters and digits, and unique."""
    # The digest keeps names apart that become equal without their special characters.
    short = re.sub(r"[^A-Za-z0-9_]+", "_", name.rpartition(":")[2])[-40:].strip("_") or "resource"
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return f"{short if short[0].isalpha() else 'r_' + short}_{digest}"


def _import(resource: Block, kind: str, name: str, identity: str) -> list[str]:
    block = Block("import").expression("to", f"{kind}.{label(name)}").set("id", identity)
    return [*block.lines(), *resource.lines()]


def _vault(change: FixChange) -> list[str]:
    block = Block("resource", "aws_backup_vault", label(change.name)).set("name", change.name)
    return block.set("kms_key_arn", change.document.get("EncryptionKeyArn")).lines()


def _part(kind: str, change: FixChange, fill: Callable[[Block], None]) -> list[str]:
    """Return a part of a vault. It refers to the vault if the same file creates it."""
    block = Block("resource", kind, label(change.name))
    if change.context.get("vault"):
        block.set("backup_vault_name", change.name)
    else:
        block.expression("backup_vault_name", f"aws_backup_vault.{label(change.name)}.name")
    fill(block)
    # The provider imports parts of a vault by the vault's name.
    return block.lines() if change.is_new else _import(block, kind, change.name, change.name)


def _policy(change: FixChange) -> list[str]:
    return _part(
        "aws_backup_vault_policy",
        change,
        lambda block: void(block.expression("policy", jsonencode(change.document))),
    )


def void(_: object) -> None:
    """Return nothing: a block is filled for its effect."""


def _lock(change: FixChange) -> list[str]:
    terms = change.document

    def fill(block: Block) -> None:
        block.set("min_retention_days", terms.get("MinRetentionDays"))
        block.set("max_retention_days", terms.get("MaxRetentionDays"))
        block.set("changeable_for_days", terms.get("ChangeableForDays"))

    lines = _part("aws_backup_vault_lock_configuration", change, fill)
    if "ChangeableForDays" not in terms:
        return lines
    warning = "# IRREVERSIBLE after the grace time: remove the comment signs only if that is what you want."
    return [warning, *(f"# {line}" for line in lines)]


def _notifications(change: FixChange) -> list[str]:
    def fill(block: Block) -> None:
        block.set("sns_topic_arn", change.document.get("SNSTopicArn"))
        block.set("backup_vault_events", change.document.get("BackupVaultEvents"))

    return _part("aws_backup_vault_notifications", change, fill)


def _plan(change: FixChange) -> list[str]:
    document = plan_document(change)
    block = Block("resource", "aws_backup_plan", label(change.id or change.name)).set(
        "name", document.get("BackupPlanName")
    )
    # Applying a plan without them would remove them from the plan.
    left_out: set[str] = set()
    for rule in document["Rules"]:
        left_out.update(name for name in _NOT_WRITTEN if rule.get(name))
        _rule(block.block("rule"), rule)
    for setting in document.get("AdvancedBackupSettings") or ():
        inner = block.block("advanced_backup_setting")
        inner.set("resource_type", setting.get("ResourceType")).set(
            "backup_options", setting.get("BackupOptions")
        )
    left_out.update(name for name in ("ScanSettings",) if document.get(name))
    warning = [
        f"# {name} is not written here: apply the plan with the AWS CLI, which has the full document."
        for name in sorted(left_out)
    ]
    lines = block.lines() if not change.id else _import(block, "aws_backup_plan", change.id, change.id)
    return [*warning, *lines]


_RULE: Final = (
    ("rule_name", "RuleName"),
    ("target_vault_name", "TargetBackupVaultName"),
    ("target_logically_air_gapped_backup_vault_arn", "TargetLogicallyAirGappedBackupVaultArn"),
    ("schedule", "ScheduleExpression"),
    ("schedule_expression_timezone", "ScheduleExpressionTimezone"),
    ("start_window", "StartWindowMinutes"),
    ("completion_window", "CompletionWindowMinutes"),
    ("enable_continuous_backup", "EnableContinuousBackup"),
    ("recovery_point_tags", "RecoveryPointTags"),
)
_LIFECYCLE: Final = (
    ("cold_storage_after", "MoveToColdStorageAfterDays"),
    ("delete_after", "DeleteAfterDays"),
    ("opt_in_to_archive_for_supported_resource_types", "OptInToArchiveForSupportedResources"),
)


def _rule(block: Block, rule: Mapping[str, Any]) -> None:
    for argument, member in _RULE:
        block.set(argument, rule.get(member))
    _lifecycle(block, rule)
    for action in rule.get("CopyActions") or ():
        inner = block.block("copy_action").set(
            "destination_vault_arn", action.get("DestinationBackupVaultArn")
        )
        _lifecycle(inner, action)


def _lifecycle(block: Block, terms: Mapping[str, Any]) -> None:
    lifecycle = terms.get("Lifecycle")
    if lifecycle:
        inner = block.block("lifecycle")
        for argument, member in _LIFECYCLE:
            inner.set(argument, lifecycle.get(member))


def _selection(change: FixChange) -> list[str]:
    block = Block(
        "resource", "aws_backup_selection", label(f"{change.plan_id}{change.plan_name}{change.name}")
    )
    block.set("name", change.name).set("iam_role_arn", change.document.get("IamRoleArn"))
    if change.plan_id:
        block.set("plan_id", change.plan_id)
    else:
        block.expression("plan_id", f"aws_backup_plan.{label(change.plan_name)}.id")
    return block.set("resources", change.document.get("Resources")).lines()


def _region_settings(change: FixChange) -> list[str]:
    block = Block("resource", "aws_backup_region_settings", "settings")
    block.set("resource_type_opt_in_preference", change.document["ResourceTypeOptInPreference"])
    return block.lines()


def _global_settings(change: FixChange) -> list[str]:
    block = Block("resource", "aws_backup_global_settings", "settings")
    return block.set("global_settings", change.document["GlobalSettings"]).lines()


def _role(change: FixChange) -> list[str]:
    path, _, name = change.name.partition(":role/")[2].rpartition("/")
    block = Block("resource", "aws_iam_role", label(change.name)).set("name", name)
    block.set("path", f"/{path}/" if path else "/")
    block.expression("assume_role_policy", jsonencode(change.document["AssumeRolePolicyDocument"]))
    if not change.is_new:
        return _import(block, "aws_iam_role", change.name, name)
    lines = block.lines()
    partition = change.name.split(":")[1]
    for policy in ROLE_POLICIES:
        attached = Block("resource", "aws_iam_role_policy_attachment", f"{label(change.name)}_{policy}")
        attached.expression("role", f"aws_iam_role.{label(change.name)}.name")
        attached.set("policy_arn", f"arn:{partition}:iam::aws:policy/service-role/{policy}")
        lines += attached.lines()
    return lines


def _key_policy(change: FixChange) -> list[str]:
    block = Block("resource", "aws_kms_key_policy", label(change.name)).set("key_id", change.name)
    block.expression("policy", jsonencode(change.document))
    # The provider imports a key policy by the key's id, not by its ARN.
    return _import(block, "aws_kms_key_policy", change.name, change.name.rpartition("/")[2])


def _tags(change: FixChange) -> list[str]:
    tags = ", ".join(f"{text(key)} = {text(value)}" for key, value in added_tags(change).items())
    return [
        "# Terraform has no resource for the tags of what it does not manage. Add the tag where the resource",
        "# is declared, or run the AWS CLI script:",
        f"#   tags = {{ {tags} }}".replace("\n", " "),
    ]


_RESOURCES: Final[Mapping[ChangeKind, Callable[[FixChange], list[str]]]] = {
    ChangeKind.VAULT: _vault,
    ChangeKind.VAULT_POLICY: _policy,
    ChangeKind.VAULT_LOCK: _lock,
    ChangeKind.VAULT_NOTIFICATIONS: _notifications,
    ChangeKind.PLAN: _plan,
    ChangeKind.SELECTION: _selection,
    ChangeKind.REGION_SETTINGS: _region_settings,
    ChangeKind.GLOBAL_SETTINGS: _global_settings,
    ChangeKind.ROLE: _role,
    ChangeKind.KEY_POLICY: _key_policy,
    ChangeKind.TAGS: _tags,
}
