"""All calls of AWS Backup that the simulation answers: moto's own and the extension's."""

from scanner.demo.backup.assurance import (
    AuditManagerOperations,
    LegalHoldOperations,
    RestoreTestingOperations,
)
from scanner.demo.backup.plans import PlanOperations
from scanner.demo.backup.recovery_points import JobOperations, RecoveryPointOperations
from scanner.demo.backup.settings import SettingsOperations, TieringOperations
from scanner.demo.backup.vaults import VaultOperations


class DemoBackupResponse(
    VaultOperations,
    PlanOperations,
    RecoveryPointOperations,
    JobOperations,
    RestoreTestingOperations,
    LegalHoldOperations,
    AuditManagerOperations,
    TieringOperations,
    SettingsOperations,
):
    """The handler of one request to AWS Backup."""
