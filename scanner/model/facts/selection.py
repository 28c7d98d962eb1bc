"""The table `selection`."""

from dataclasses import dataclass

from scanner.model.facts.base import Row, column
from scanner.model.facts.reads import RESOURCE_READS, SELECTION_READS
from scanner.model.known import Ternary

_LISTED = ("backup:ListBackupPlans", "backup:ListBackupSelections")
_TERMS = (*_LISTED, "backup:GetBackupSelection")
_ROLES = (*_TERMS, "iam:ListRoles", "iam:GetRole")


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionFacts(Row):
    """One backup selection of a plan."""

    plan: str = column("The plan's ARN.", _LISTED)
    plan_name: str = column("The plan's name.", _LISTED)
    from_organization: bool = column("Whether an Organizations backup policy made its plan.", _LISTED)
    selects_resources: Ternary = column(
        "Whether it selects at least one resource.", (*RESOURCE_READS, *SELECTION_READS)
    )
    selected: tuple[str | None, ...] = column(
        "The ARNs of the resources that it selects.", (*RESOURCE_READS, *SELECTION_READS)
    )
    selected_unsupported: tuple[str, ...] = column(
        "The ARNs of the known resources that it matches and that AWS Backup cannot back up: they are not "
        "selected.",
        (*RESOURCE_READS, *SELECTION_READS),
    )
    role: str | None = column("The ARN of its IAM role; empty: it names none.", _TERMS)
    role_exists: Ternary = column("Whether that role exists.", _ROLES)
    role_admits_backup: Ternary = column(
        "Whether the role's trust policy lets backup.amazonaws.com assume it; false where it does not exist.",
        _ROLES,
    )
    role_reason: str = column("What is wrong with the role, or unknown about it; else empty.", _ROLES)
