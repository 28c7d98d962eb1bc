"""Legal holds."""

from typing import Final

from moto.backup.exceptions import InvalidParameterValueException
from moto.core.utils import unix_time
from moto.moto_api._internal import mock_random

from scanner.demo.backup.backend import Document
from scanner.demo.backup.base import Operations, answer

_KIND: Final = "legal hold"
_ACTIVE: Final = "ACTIVE"
_DETAILS: Final = ("RecoveryPointSelection", "CancelDescription", "RetainRecordUntil")
"""What GetLegalHold alone tells."""


class LegalHoldOperations(Operations):
    """The calls about legal holds."""

    def create_legal_hold(self) -> str:
        """CreateLegalHold."""
        identity = str(mock_random.uuid4())
        hold = {
            "Title": self._get_param("Title"),
            "Status": _ACTIVE,
            "Description": self._get_param("Description"),
            "LegalHoldId": identity,
            "LegalHoldArn": self.backend.arn(f"legal-hold:{identity}"),
            "CreationDate": unix_time(),
            "RecoveryPointSelection": self._get_param("RecoveryPointSelection"),
        }
        return answer(self.backend.keep(_KIND, identity, hold))

    def cancel_legal_hold(self) -> str:
        """CancelLegalHold: it stays in the list."""
        hold = self.backend.find(_KIND, self._get_param("LegalHoldId"))
        if hold["Status"] != _ACTIVE:
            raise InvalidParameterValueException(msg="The legal hold is not active")
        why = self._get_param("CancelDescription")
        hold |= {"Status": "CANCELED", "CancelDescription": why, "CancellationDate": unix_time()}
        return answer({})

    def get_legal_hold(self) -> str:
        """GetLegalHold."""
        return answer(self.backend.find(_KIND, self._get_param("LegalHoldId")))

    def list_legal_holds(self) -> str:
        """ListLegalHolds: canceled ones, too, and of none what it holds."""
        holds = self.backend.kept[_KIND].values()
        return answer({"LegalHolds": [_listed(hold) for hold in holds]})

    def list_recovery_points_by_legal_hold(self) -> str:
        """ListRecoveryPointsByLegalHold: those in its vaults, or of its resources."""
        hold = self.backend.find(_KIND, self._get_param("LegalHoldId"))
        chosen = hold.get("RecoveryPointSelection") or {}
        keys = ("RecoveryPointArn", "ResourceArn", "ResourceType", "BackupVaultName")
        held = [point for point in self.backend.recovery_points() if _is_held(point, chosen)]
        return answer({"RecoveryPoints": [{key: point[key] for key in keys} for point in held]})


def _listed(hold: Document) -> Document:
    return {key: value for key, value in hold.items() if key not in _DETAILS}


def _is_held(point: Document, chosen: Document) -> bool:
    return point["BackupVaultName"] in chosen.get("VaultNames", ()) or point["ResourceArn"] in chosen.get(
        "ResourceIdentifiers", ()
    )
