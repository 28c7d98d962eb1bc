"""Tiering configurations: S3 backups that move to a cheaper tier of warm storage."""

from typing import Final

from moto.backup.exceptions import InvalidParameterValueException
from moto.core.utils import unix_time
from moto.moto_api._internal import mock_random

from scanner.demo.backup.base import Operations, answer, check_name

_KIND: Final = "tiering configuration"
_NAME: Final = r"[a-zA-Z0-9_]{1,200}"  # API reference, "TieringConfigurationInputForCreate"
_DAYS: Final = range(60, 36_501)
_ALL_VAULTS: Final = "*"


class TieringOperations(Operations):
    """The calls about tiering configurations."""

    def create_tiering_configuration(self) -> str:
        """CreateTieringConfiguration; the vault exists, or is all of them."""
        body = self._get_param("TieringConfiguration")
        name = check_name(body["TieringConfigurationName"], _NAME)
        if body["BackupVaultName"] != _ALL_VAULTS:
            self.backend.vault(body["BackupVaultName"])
        for chosen in body["ResourceSelection"]:
            if chosen["TieringDownSettingsInDays"] not in _DAYS:
                raise InvalidParameterValueException(msg="TieringDownSettingsInDays must be 60 to 36500")
        made = {
            "TieringConfigurationArn": self.backend.arn(
                f"tiering-configuration:{name}-{mock_random.get_random_hex(8)}"
            ),
            "CreationTime": unix_time(),
            "LastUpdatedTime": unix_time(),
        }
        self.backend.keep(_KIND, name, {**body, **made})
        del made["LastUpdatedTime"]
        return answer({**made, "TieringConfigurationName": name})

    def get_tiering_configuration(self) -> str:
        """GetTieringConfiguration."""
        name = self._get_param("TieringConfigurationName")
        return answer({"TieringConfiguration": self.backend.find(_KIND, name)})

    def list_tiering_configurations(self) -> str:
        """ListTieringConfigurations: without what they choose."""
        found = [
            {key: value for key, value in each.items() if key != "ResourceSelection"}
            for each in self.backend.kept[_KIND].values()
        ]
        return answer({"TieringConfigurations": found})
