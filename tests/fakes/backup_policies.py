"""Backup policies of an organization as they were read, and missing reads of them."""

import json
from typing import Any, Final

from scanner.model.backup_policies import BackupGovernance, BackupPolicy, PolicyTarget
from scanner.model.known import EvidenceRef, Gap, GapKind, Known, Reading, Unread
from scanner.model.names import ORG, AccountId
from tests.fakes.bundles import MANAGEMENT


def unread(operation: str, about: str = "") -> Unread:
    return Unread(
        Gap(AccountId(MANAGEMENT), ORG, f"organizations:{operation}", about, GapKind.REFUSED, "AccessDenied")
    )


def policy(id_: str, document: Any, *targets: str, **unread_parts: Unread) -> BackupPolicy:
    text = document if isinstance(document, str) else json.dumps(document)
    return BackupPolicy(
        id=id_,
        arn=None,
        name=id_.upper(),
        content=unread_parts.get("content", Known(text, (EvidenceRef("evidence/org.jsonl", 7),))),
        targets=unread_parts.get("targets", Known(tuple(PolicyTarget(target, None) for target in targets))),
    )


ENABLED: Final[Reading[bool]] = Known(value=True)


def governance(
    policies: Reading[tuple[BackupPolicy, ...]], *, enabled: Reading[bool] = ENABLED
) -> BackupGovernance:
    return BackupGovernance(
        delegated_administrators=Known(()),
        trusted_access=Known(value=True),
        policies_enabled=enabled,
        policies=policies,
        invalid_accounts=Known(()),
    )
