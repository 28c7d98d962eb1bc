"""Terraform plans as `terraform show -json` writes them, by hand."""

from typing import Any

PROVIDER = "registry.terraform.io/hashicorp/aws"
ACCOUNT = "333333333333"
REGION = "eu-west-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/service-role/AWSBackupDefaultServiceRole"


def change(  # noqa: PLR0913 -- what a plan has for a resource
    address: str,
    actions: list[str],
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    unknown: dict[str, Any] | None = None,
    module: str = "",
    index: str | int | None = None,
) -> dict[str, Any]:
    kind, name = address.rpartition("module.")[2].split(".")[-2:]
    entry: dict[str, Any] = {
        "address": address,
        "mode": "managed",
        "type": kind,
        "name": name.partition("[")[0],
        "provider_name": PROVIDER,
        "change": {
            "actions": actions,
            "before": before,
            "after": after,
            "after_unknown": unknown or {},
            "before_sensitive": False if before is None else {},
            "after_sensitive": {},
        },
    }
    return (
        entry | ({"module_address": module} if module else {}) | ({} if index is None else {"index": index})
    )


def resource(address: str, **expressions: Any) -> dict[str, Any]:
    kind, name = address.split(".")
    return {
        "address": address,
        "mode": "managed",
        "type": kind,
        "name": name,
        "provider_config_key": "aws",
        "expressions": expressions,
        "schema_version": 0,
    }


def refers(*names: str) -> dict[str, list[str]]:
    return {"references": list(names)}


def plan(*changes: dict[str, Any], resources: tuple[dict[str, Any], ...] = (), **more: Any) -> dict[str, Any]:
    assumed = {"role_arn": {"constant_value": f"arn:aws:iam::{ACCOUNT}:role/deploy"}}
    aws = {
        "name": "aws",
        "full_name": PROVIDER,
        "expressions": {"assume_role": [assumed], "region": refers("var.region")},
    }
    configured = {entry["address"] for entry in resources}
    addresses = dict.fromkeys(f"{entry['type']}.{entry['name']}" for entry in changes)
    resources += tuple(resource(address) for address in addresses if address not in configured)
    return {
        "format_version": "1.2",
        "terraform_version": "1.9.8",
        "variables": {"region": {"value": REGION}},
        "planned_values": {"root_module": {}},
        "resource_changes": list(changes),
        "configuration": {"provider_config": {"aws": aws}, "root_module": {"resources": list(resources)}},
        "timestamp": "2026-11-21T08:00:00Z",
        "applyable": True,
        "complete": True,
        "errored": False,
        **more,
    }


def rule(**values: Any) -> dict[str, Any]:
    """Return a block `rule` with all attributes of the provider's schema."""
    return {
        "completion_window": 180,
        "copy_action": [],
        "enable_continuous_backup": None,
        "lifecycle": [],
        "recovery_point_tags": None,
        "rule_name": "nightly",
        "scan_action": [],
        "schedule": "cron(0 2 ? * * *)",
        "schedule_expression_timezone": "Etc/UTC",
        "start_window": 60,
        "target_logically_air_gapped_backup_vault_arn": None,
        "target_vault_name": "main",
        **values,
    }


def lifecycle(delete_after: int | None, cold: int | None = None) -> list[dict[str, Any]]:
    opt_in = {"opt_in_to_archive_for_supported_resources": None}
    return [{"cold_storage_after": cold, "delete_after": delete_after, **opt_in}]
