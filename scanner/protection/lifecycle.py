"""How long recovery points are kept, and whether a vault's lock allows it (facts 4, 5; rulings 7, 8)."""

from datetime import datetime, timedelta
from typing import Final

from scanner.model.facts import FOREVER_DAYS
from scanner.model.inventory import BackupRule, CopyAction, Lifecycle, RecoveryPoint, Vault
from scanner.model.known import Answer, Ternary

AIR_GAPPED_MINIMUM_DAYS: Final = 7
"""The least retention of any logically air-gapped vault, even if its list entry names none (facts 5)."""

_USABLE: Final = frozenset({"COMPLETED", "AVAILABLE"})
_NOT_USABLE: Final = frozenset({"PARTIAL", "DELETING", "EXPIRED", "STOPPED", "CREATING"})
"""All other statuses of a recovery point (API reference, "RecoveryPointByBackupVault")."""

LONGEST_DAYS: Final = 36_500
"""The longest retention that AWS Backup accepts, and so the maximum of any lock."""


def retention_days(lifecycle: Lifecycle) -> int:
    """Return how many days a rule keeps its recovery points; FOREVER_DAYS if it sets no expiry."""
    return FOREVER_DAYS if lifecycle.delete_after_days is None else lifecycle.delete_after_days


def copy_retention_days(rule: BackupRule, copy: CopyAction) -> int:
    """Return how many days a copy is kept.

    A copy action without an expiry uses that of its source, even if the action says "for ever" (AWS Backup
    developer guide, "Creating a copy"; facts 4).
    """
    own = copy.lifecycle.delete_after_days
    return retention_days(rule.lifecycle) if own is None else own


def point_retention_days(point: RecoveryPoint) -> int | None:
    """Return how many days after its creation a recovery point expires; None: not known (ruling 7)."""
    if point.delete_after_days is not None:
        return FOREVER_DAYS if point.delete_after_days < 0 else point.delete_after_days
    if point.delete_at is not None and point.created_at is not None:
        return max(0, -((point.created_at - point.delete_at) // timedelta(days=1)))  # rounded up
    if point.delete_at is not None or point.continuous:
        return None
    return FOREVER_DAYS


def point_usable(point: RecoveryPoint) -> Ternary:
    """Return whether a recovery point can be restored from: COMPLETED or AVAILABLE (ruling 7).

    None where AWS reports no status, or one that it does not document.
    """
    if point.status in _USABLE:
        return True
    return False if point.status in _NOT_USABLE else None


def point_age_hours(point: RecoveryPoint, as_of: datetime) -> float | None:
    """Return a recovery point's age: 0 for an AVAILABLE continuous one, and for one that is dated later."""
    # A continuous backup can be restored up to the last minutes, although its creation date is old.
    if point.continuous and point.status == "AVAILABLE":
        return 0.0
    if point.created_at is None:
        return None
    return max(0.0, (as_of - point.created_at) / timedelta(hours=1))


def lock_mode(vault: Vault, as_of: datetime) -> str | None:
    """Return the mode of a vault's lock: `none`, `governance` or `compliance` (facts 5, "Lock reading").

    None: the list does not say whether there is a lock.

    A compliance lock in its grace time can still be removed, so it counts as governance. A logically
    air-gapped vault is always locked in compliance mode, whatever the list says.
    """
    if vault.air_gapped:
        return "compliance"
    if not vault.lock.locked:
        return None if vault.lock.locked is None else "none"
    # During the grace time, the lock can still be removed (AWS Backup developer guide, "Vault Lock").
    if vault.lock.lock_date is None or vault.lock.lock_date > as_of:
        return "governance"
    return "compliance"


def lock_admits(vault: Vault, days: int) -> Answer:
    """Check whether a vault's lock allows a recovery point with this retention; if not, the job fails."""
    if vault.lock.locked is False and not vault.air_gapped:
        return Answer(value=True)
    answer = _within(vault, days)
    if answer.value is False and vault.lock.locked is None and not vault.air_gapped:
        return Answer(None, f"whether the vault is locked is unknown, and {answer.because}")
    return answer


def _within(vault: Vault, days: int) -> Answer:
    least, most = vault.lock.min_retention_days, vault.lock.max_retention_days
    if vault.air_gapped:
        least, most = least or AIR_GAPPED_MINIMUM_DAYS, most or LONGEST_DAYS
    retention = (
        "a retention without expiry is" if days == FOREVER_DAYS else f"its retention of {days} days is"
    )
    if least is not None and days < least:
        return Answer(value=False, because=f"{retention} below the lock's minimum of {least} days")
    if most is not None and days > most:
        return Answer(value=False, because=f"{retention} above the lock's maximum of {most} days")
    return Answer(value=True)
