"""A world: a bundle as another program would write it, and what the contract says of each subject.

The truth was derived from the evidence format, the catalogue's rulings and the facts sheet alone, before
the scanner's code was read. Each cell is an account of its own, so that one bundle holds many of them.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.fakes.bundles import ORG_ID, BundleBuilder, Lines, ShardScript, stamp

PASS, FAIL, NOT_APPLICABLE, UNKNOWN = "pass", "fail", "not_applicable", "unknown"

IN_PLAN = "resource-in-backup-plan"
RECENT = "resource-backed-up-recently"
FREQUENT = "plan-frequency-and-retention"
UNDELETABLE = "vault-manual-deletion-denied"
LOCKED = "vault-locked"
ENCRYPTED = "recovery-point-encrypted"
KEPT = "recovery-point-retention"
CROSS_REGION = "resource-cross-region-copy"
CROSS_ACCOUNT = "resource-cross-account-copy"
EXISTS = "copy-destination-exists"
KEY = "copy-customer-managed-key"
ASSESSED = "account-region-assessed"

Truth = dict[tuple[str, str], str]
"""The status expected, by control and subject."""

DELETIONS = (
    "backup:DeleteRecoveryPoint",
    "backup:UpdateRecoveryPointLifecycle",
    "backup:PutBackupVaultAccessPolicy",
    "backup:DeleteBackupVaultAccessPolicy",
)


@dataclass(frozen=True, slots=True)
class World:
    """A bundle that is judged once.

    `config` is what audit.yaml says under `parameters`, `spoil` changes the lines before they are written;
    of the controls in `closed` the truth names every subject, so that members of clusters are none.
    """

    name: str
    build: Callable[[BundleBuilder], Truth]
    config: str = ""
    spoil: Callable[[Lines], Lines] = lambda lines: lines
    closed: tuple[str, ...] = ()


def policy(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def deny(action: object = DELETIONS, principal: object = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Principal": principal, "Action": action, "Resource": "*", **more}


def allow(principal: object, action: object = "backup:CopyIntoBackupVault", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*", **more}


def member_lines(members: Mapping[str, str], management: str, cross_account: str | None) -> ShardScript:
    """Give the organisation's lines. `cross_account` None: the global setting was refused."""
    script = ShardScript("", "org", page=100)
    script.call(
        "organizations:DescribeOrganization",
        {"Organization": {"Id": ORG_ID, "MasterAccountId": management}},
    )
    rows = [{"Id": member, "Name": member, "Status": status} for member, status in members.items()]
    script.listed("organizations:ListAccounts", *rows)
    for member in members:  # no backup policy reaches anybody
        asked: dict[str, Any] = {"PolicyType": "BACKUP_POLICY", "TargetId": member}
        script.call(
            "organizations:DescribeEffectivePolicy", error="EffectivePolicyNotFoundException", **asked
        )
    if cross_account is None:
        return script.call("backup:DescribeGlobalSettings", error="AccessDeniedException")
    setting = {"GlobalSettings": {"isCrossAccountBackupEnabled": cross_account}}
    return script.call("backup:DescribeGlobalSettings", setting)


def with_organization(lines: Lines, members: Mapping[str, str], cross_account: str | None = "true") -> Lines:
    return {**lines, "evidence/org": list(member_lines(members, "999999999999", cross_account).lines())}


def after(days: float, made_hours_ago: float) -> str:
    """Give the instant so many days after something that was made so many hours ago."""
    return stamp(made_hours_ago - 24 * days)
