"""Access policies: statements are added to what a policy says; nothing that it says is removed."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from scanner.fixes.configuration import Document

_CHANGE: Final = "backup:putbackupvaultaccesspolicy"
_VERSION: Final = "2012-10-17"
# The AWS Config rule about manual deletion demands the first three in one statement.
# The fourth closes the way around it: removing the policy removes the Deny.
_DELETION: Final = (
    "backup:DeleteRecoveryPoint",
    "backup:UpdateRecoveryPointLifecycle",
    "backup:PutBackupVaultAccessPolicy",
    "backup:DeleteBackupVaultAccessPolicy",
)
# What AWS re:Post names for shared keys: more than the minimum of the developer guide.
_KEY_USE: Final = ("kms:DescribeKey", "kms:Decrypt", "kms:Encrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*")


def statements(policy: Mapping[str, Any]) -> list[Any]:
    """Return the statements of a policy, which may be one object."""
    content = policy.get("Statement") or []
    # One statement may be an object of its own (IAM User Guide, "Statement").
    # IAM accepts a single statement without a list.
    return list(content) if isinstance(content, list) else [content]


def add_statement(policy: Document, statement: Mapping[str, Any]) -> None:
    """Add a statement in place of one with the same id."""
    policy.setdefault("Version", _VERSION)
    others = [
        present
        # Applied twice, the policy stays the same.
        for present in statements(policy)
        if not (isinstance(present, Mapping) and present.get("Sid") == statement["Sid"])
    ]
    policy["Statement"] = [*others, dict(statement)]


def deny_deletion(exempt: list[str]) -> dict[str, Any]:
    """Return the statement that denies deleting recovery points, except to some principals (ARN patterns)."""
    condition = {"Condition": {"ArnNotLike": {"aws:PrincipalArn": exempt}}} if exempt else {}
    return {
        "Sid": "VaultproofDenyDeletion",
        "Effect": "Deny",
        # AWS Backup Audit Manager accepts the Deny only with wildcards for principal and resource.
        "Principal": "*",
        "Action": list(_DELETION),
        "Resource": "*",
        **condition,
    }


def admit_organization(organization: str) -> dict[str, Any]:
    """Return the statement that lets all accounts of the organisation copy into a vault."""
    return {
        "Sid": "VaultproofAdmitOrganizationCopies",
        "Effect": "Allow",
        "Principal": "*",
        # Cross-account principals can get nothing else in a vault's policy (AWS Backup, "Access policies").
        "Action": "backup:CopyIntoBackupVault",
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:PrincipalOrgID": organization}},
    }


def share_key(account: str, partition: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the statements that let an account use a key for copies, and create grants for AWS resources."""
    principal = {"AWS": f"arn:{partition}:iam::{account}:root"}
    use = {
        "Sid": f"VaultproofUse{account}",
        "Effect": "Allow",
        "Principal": principal,
        "Action": list(_KEY_USE),
        "Resource": "*",
    }
    grant = {
        "Sid": f"VaultproofGrant{account}",
        "Effect": "Allow",
        "Principal": principal,
        "Action": "kms:CreateGrant",
        "Resource": "*",
        # Grants only for AWS services, as the KMS documentation recommends for shared keys.
        "Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}},
    }
    return use, grant


def restrict_to_organization(policy: Document, organization: str) -> int:
    """Add a condition to each Allow for principals that may be outside. Return the number of statements.

    A statement for a service principal alone stays: services carry no organisation of their own.
    """
    changed = 0
    edited = []
    for statement in statements(policy):
        if isinstance(statement, Mapping) and _is_for_principals(statement):
            condition = {name: dict(values) for name, values in (statement.get("Condition") or {}).items()}
            # A condition on another organization that is there already is a decision, and stays.
            condition.setdefault("StringEquals", {}).setdefault("aws:PrincipalOrgID", organization)
            if condition != statement.get("Condition"):
                changed += 1
                statement = {**statement, "Condition": condition}  # noqa: PLW2901 -- the edited copy
        edited.append(statement)
    policy["Statement"] = edited
    return changed


def _is_for_principals(statement: Mapping[str, Any]) -> bool:
    principal = statement.get("Principal")
    names_principals = principal == "*" or (isinstance(principal, Mapping) and "AWS" in principal)
    return statement.get("Effect") == "Allow" and names_principals


def denies_its_change(policy: Mapping[str, Any]) -> bool:
    """Check whether a policy denies every principal, without a condition, to change the policy itself."""
    return any(
        isinstance(statement, Mapping)
        and statement.get("Effect") == "Deny"
        and statement.get("Principal") in ("*", {"AWS": "*"}, {"AWS": ["*"]})
        # A Deny with exceptions still lets the excepted principals change the policy.
        and not statement.get("Condition")
        and any(
            # Actions may have wildcards, and their case does not matter (IAM User Guide, "Action").
            fnmatchcase(_CHANGE, action.lower())
            for action in _listed(statement.get("Action"))
        )
        for statement in statements(policy)
    )


def _listed(content: object) -> list[str]:
    return [str(member) for member in content] if isinstance(content, list) else [str(content)]


def admit_service() -> dict[str, Any]:
    """Return the trust statement that lets AWS Backup assume a role."""
    return {
        "Sid": "VaultproofAWSBackup",
        "Effect": "Allow",
        "Principal": {"Service": "backup.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
