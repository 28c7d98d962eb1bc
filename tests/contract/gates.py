"""Vaults: whose key works, who gets in from outside, who is told, who approves."""

import json
from typing import Any, Final

from tests.contract.world import FAIL, NOT_APPLICABLE, PASS, UNKNOWN, Truth, allow, deny, policy
from tests.fakes.bundles import (
    ACCOUNT,
    MANAGEMENT,
    ORG_ID,
    OTHER,
    REGION,
    BundleBuilder,
    Lines,
    key_arn,
    stamp,
    vault_arn,
)

KEYED: Final = "vault-customer-managed-key"
INSIDE: Final = "vault-policy-stays-in-organization"
TOLD: Final = "vault-notifications"
APPROVED: Final = "vault-multi-party-approval"

P, F, N, U = PASS, FAIL, NOT_APPLICABLE, UNKNOWN
STRANGER: Final = "333333333333"
AIR_GAPPED: Final = "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"
TOPIC: Final = f"arn:aws:sns:{REGION}:{ACCOUNT}:backups"
ID: Final = "aws:PrincipalOrgID"


def when(operator: str, key: str, *values: str) -> dict[str, Any]:
    return {"Condition": {operator: {key: list(values)}}}


def root(account: str) -> dict[str, str]:
    return {"AWS": f"arn:aws:iam::{account}:root"}


# (name, what DescribeKey tells, the verdict)
KEYS: Final[tuple[tuple[str, dict[str, Any] | None, str], ...]] = (
    ("works", {"KeyManager": "CUSTOMER", "KeyState": "Enabled", "Enabled": True}, P),
    ("of-aws", {"KeyManager": "AWS", "KeyState": "Enabled", "Enabled": True}, F),
    ("off", {"KeyManager": "CUSTOMER", "KeyState": "Disabled", "Enabled": False}, F),
    ("going", {"KeyManager": "CUSTOMER", "KeyState": "PendingDeletion", "DeletionDate": stamp(-99)}, F),
    ("unseen", None, U),
)
# (name, the policy, the verdict where the organisation is known, and where it is not)
GUESTS: Final[tuple[tuple[str, str | None, str, str], ...]] = (
    ("closed", None, P, P),
    ("no-json", "{", U, U),
    ("deny-only", policy(deny()), P, P),
    ("member", policy(allow(root(OTHER))), P, U),
    ("management", policy(allow(root(MANAGEMENT))), P, U),
    ("itself", policy(allow(root(ACCOUNT))), P, P),
    ("stranger", policy(allow(root(STRANGER))), F, U),
    ("everybody", policy(allow("*")), F, F),
    ("organisation", policy({**allow("*"), **when("StringEquals", ID, ORG_ID)}), P, U),
    ("other-organisation", policy({**allow("*"), **when("StringEquals", ID, "o-other")}), F, U),
    ("if-exists", policy({**allow("*"), **when("StringEqualsIfExists", ID, ORG_ID)}), F, F),
    ("all-values", policy(
        {**allow("*"), **when("ForAllValues:StringLike", "aws:PrincipalOrgPaths", f"{ORG_ID}/*")}), F, F),
    ("any-value", policy(
        {**allow("*"), **when("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", f"{ORG_ID}/*")}), P, U),
    ("perimeter", policy(
        allow("*"), {**deny("backup:*"), **when("StringNotEquals", ID, ORG_ID)}), P, U),
    ("service", policy(allow({"Service": "backup.amazonaws.com"})), P, P),
    ("tagged", policy({**allow("*"), **when("StringEquals", "aws:ResourceTag/x", "y")}), U, U),
)  # fmt: skip
# (name, the events; None: no configuration, the verdict)
EVENTS: Final[tuple[tuple[str, list[str] | None, str], ...]] = (
    ("both", ["COPY_JOB_FAILED", "BACKUP_JOB_COMPLETED", "BACKUP_JOB_FAILED"], P),
    ("deprecated", ["COPY_JOB_FAILED", "BACKUP_JOB_FAILED"], F),
    ("silent", None, F),
)


def gates(*, organisation: bool) -> Any:
    """Give the builder of the world; without the organisation's reads, or with them."""

    def build(bundle: BundleBuilder) -> Truth:
        script, truth = bundle.shard(page=9), Truth()
        if organisation:
            bundle.organization(ACCOUNT, OTHER)
        for name, told, expected in KEYS:
            script.vault(f"key-{name}", key=key_arn(name))
            truth[KEYED, vault_arn(f"key-{name}")] = expected
            if told is not None:
                metadata = {"KeyId": name, "Arn": key_arn(name), **told}
                script.call("kms:DescribeKey", {"KeyMetadata": metadata}, KeyId=key_arn(name))
        for name, text, *expectations in GUESTS:
            script.vault(f"in-{name}", policy=text)
            truth[INSIDE, vault_arn(f"in-{name}")] = expectations[0 if organisation else 1]
        for name, _, expected in EVENTS:
            script.vault(f"tells-{name}")
            truth[TOLD, vault_arn(f"tells-{name}")] = expected
        for name, described, expected in (
            ("team", {"MpaApprovalTeamArn": "arn:aws:mpa:x"}, P),
            ("alone", {}, F),
        ):
            script.vault(name, VaultType=AIR_GAPPED, EncryptionKeyType="AWS_OWNED_KMS_KEY")
            script.call(
                "backup:DescribeBackupVault", {"BackupVaultName": name, **described}, BackupVaultName=name
            )
            truth[APPROVED, vault_arn(name)] = expected
            truth[KEYED, vault_arn(name)] = N
        script.vault("undescribed", VaultType=AIR_GAPPED)
        truth[APPROVED, vault_arn("undescribed")] = U
        truth[APPROVED, vault_arn("key-works")] = N
        return truth

    return build


def with_events(lines: Lines) -> Lines:
    """Let the vaults whose name says so tell a topic of their events."""
    return {stem: [_telling(line) for line in of_file] for stem, of_file in lines.items()}


def _telling(line: dict[str, Any]) -> dict[str, Any]:
    name = str(line["parameters"].get("BackupVaultName", "")).removeprefix("tells-")
    events = next((one for known, one, _ in EVENTS if known == name), None)
    if line["operation"] != "GetBackupVaultNotifications" or events is None:
        return line
    told = {key: value for key, value in line.items() if key != "error"}
    return {**told, "response": json.loads(json.dumps({"SNSTopicArn": TOPIC, "BackupVaultEvents": events}))}
