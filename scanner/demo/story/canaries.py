"""Secrets that are planted wherever an API can return one: none of them may reach a bundle or a report."""

from collections.abc import Mapping
from typing import Final

CANARIES: Final[Mapping[str, str]] = {
    "stack parameter": "Canary-Parameter-q7Wz4kT1",
    "stack parameter, resolved": "Canary-Resolved-m2Xv8bN5",
    "stack output": "Canary-Output-p9Lr3cJ6",
    "user data": "Canary-UserData-h5Gd1sF8",
    "database password": "Canary-Database-t4Yk7wQ2",
    "database cluster password": "Canary-DatabaseCluster-z8Bn6vM3",
    "warehouse password": "Canary-Warehouse-j1Hf5gD9",
    "file system password": "Canary-FileSystem-c6Vx2lK4",
    "file system password, about to change": "Canary-FileSystemPending-r3Tp8yU7",
    "volume's file system password": "Canary-Volume-e5Ws9aZ1",
    "cluster activation code": "Canary-Activation-n7Jm4hB6",
    "name of a secret": "Canary-SecretName-g2Fk1dS8",
}
"""By what they are; each text stands nowhere else."""
