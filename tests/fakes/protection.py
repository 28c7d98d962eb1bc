"""Rows of the tables that the protection graph is built from, with the columns that a test leaves out."""

from collections.abc import Sequence
from typing import Any

HOME, BACKUP = "111111111111", "222222222222"
DUBLIN, FRANKFURT = "eu-west-1", "eu-central-1"


def vault(name: str, account: str = HOME, region: str = DUBLIN) -> str:
    return f"arn:aws:backup:{region}:{account}:backup-vault:{name}"


def key(name: str, account: str = HOME, region: str = DUBLIN) -> str:
    return f"arn:aws:kms:{region}:{account}:key/{name}"


def role(name: str, account: str = HOME) -> str:
    return f"arn:aws:iam::{account}:role/{name}"


def plan(name: str, account: str = HOME, region: str = DUBLIN) -> str:
    return f"arn:aws:backup:{region}:{account}:backup-plan:{name}"


def existing(
    vault_arn: str, keys: Sequence[str] | None = (), *, effective: bool | None = True
) -> dict[str, Any]:
    because = "" if effective else "its status is not reported"
    return {"vault": vault_arn, "keys": keys, "effective": effective, "because": because}


def unread(account: str = "", region: str = "", vault_arn: str = "") -> dict[str, Any]:
    return {
        "operation": "backup:ListBackupVaults",
        "account": account,
        "region": region,
        "vault": vault_arn,
        "because": "the vaults were not read",
    }


def scheduled(
    vault_arn: str, keys: Sequence[str] | None = (), rule: str = "daily", selection: str = "all"
) -> dict[str, Any]:
    return {
        "selection": f"{plan('p')}#{selection}",
        "rule": f"{plan('p')}#{rule}",
        "plan": plan("p"),
        "vault": vault_arn,
        "via": "selection",
        "keys": keys,
    }


def copies(vault_arn: str, *, effective: bool | None = True, because: str = "") -> dict[str, Any]:
    rule = f"{plan('p')}#daily"
    return {
        "copy_action": f"{rule}->{vault_arn}",
        "rule": rule,
        "vault": vault_arn,
        "keys": (),
        "effective": effective,
        "because": because,
    }


def group(name: str = "vol-1", count: int = 1, **columns: Any) -> dict[str, Any]:
    account, region = columns.get("account", HOME), columns.get("region", DUBLIN)
    return {
        "account": account,
        "region": region,
        "type": "EBS",
        "count": count,
        "examples": (f"arn:aws:ec2:{region}:{account}:volume/{name}",),
        "keys": (),
        "existing": (),
        "existing_unread": (),
        "scheduled": (),
        "scheduled_unread": (),
        "copies": (),
        **columns,
    }


def rule_row(vault_arn: str, name: str = "daily", **columns: Any) -> dict[str, Any]:
    return {
        "subject": f"{plan('p')}#{name}",
        "account": HOME,
        "region": DUBLIN,
        "name": f"p / {name}",
        "plan": plan("p"),
        "kind": "rule",
        "target": vault_arn,
        "target_exists": True,
        "within_lock": True,
        "lock_reason": "",
        "starts_within_a_year": True,
        **columns,
    }


def selection_row(name: str = "all", role_arn: str | None = role("backup"), **columns: Any) -> dict[str, Any]:
    return {
        "subject": f"{plan('p')}#{name}",
        "account": HOME,
        "region": DUBLIN,
        "name": f"p / {name}",
        "plan": plan("p"),
        "role": role_arn,
        "role_exists": True,
        "role_admits_backup": True,
        "role_reason": "",
        **columns,
    }
