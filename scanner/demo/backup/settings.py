"""Region settings (opt-in, full management) and the organisation's global settings."""

from typing import Final

from moto.backup.exceptions import InvalidParameterValueException
from moto.core.utils import unix_time
from moto.moto_api._internal import mock_random
from moto.organizations.models import organizations_backends

from scanner.demo.backup.backend import OPT_IN_TYPES, DemoBackupBackend, backend_of
from scanner.demo.backup.base import Operations, answer, check_name
from scanner.demo.services.stock import UNSUPPORTED

_HOME = "us-east-1"
"""Global settings are one for the organisation; the simulation keeps them in this Region."""
_KIND: Final = "tiering configuration"
_NAME: Final = r"[a-zA-Z0-9_]{1,200}"  # API reference, "TieringConfigurationInputForCreate"
_DAYS: Final = range(60, 36_501)
_ALL_VAULTS: Final = "*"


class SettingsOperations(Operations):
    """The calls about settings."""

    def describe_region_settings(self) -> str:
        """DescribeRegionSettings."""
        return answer(
            {
                "ResourceTypeOptInPreference": self.backend.opt_in,
                "ResourceTypeManagementPreference": self.backend.management,
                "ResourceTypeOptInIncremental": self.backend.incremental,
            }
        )

    def update_region_settings(self) -> str:
        """UpdateRegionSettings: what is named changes, the rest stays."""
        self.backend.opt_in.update(self._get_param("ResourceTypeOptInPreference") or {})
        self.backend.management.update(self._get_param("ResourceTypeManagementPreference") or {})
        self.backend.incremental.update(self._get_param("ResourceTypeOptInIncremental") or {})
        return answer({})

    def get_supported_resource_types(self) -> str:
        """GetSupportedResourceTypes: not every type is in every Region."""
        # A type that is missing here must not become a gap of the scan.
        unsupported = UNSUPPORTED.get(self.region, frozenset())
        return answer({"ResourceTypes": [kind for kind in OPT_IN_TYPES if kind not in unsupported]})

    def describe_global_settings(self) -> str:
        """DescribeGlobalSettings: the management account's, whoever of the organisation asks."""
        home = self._home()
        return answer(
            {"GlobalSettings": home.global_settings, "LastUpdateTime": home.global_settings_changed}
        )

    def update_global_settings(self) -> str:
        """UpdateGlobalSettings."""
        self._home().global_settings.update(self._get_param("GlobalSettings") or {})
        return answer({})

    def _home(self) -> DemoBackupBackend:
        # A member's call answers with the settings of its organization.
        master = organizations_backends.master_accounts.get(self.current_account)
        return backend_of(master[0] if master else self.current_account, _HOME)


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
        created = {
            "TieringConfigurationArn": self.backend.arn(
                f"tiering-configuration:{name}-{mock_random.get_random_hex(8)}"
            ),
            "CreationTime": unix_time(),
            "LastUpdatedTime": unix_time(),
        }
        self.backend.keep(_KIND, name, {**body, **created})
        # The answer of the creation has no time of the last update, unlike the list.
        del created["LastUpdatedTime"]
        return answer({**created, "TieringConfigurationName": name})

    def get_tiering_configuration(self) -> str:
        """GetTieringConfiguration."""
        name = self._get_param("TieringConfigurationName")
        return answer({"TieringConfiguration": self.backend.find(_KIND, name)})

    def list_tiering_configurations(self) -> str:
        """ListTieringConfigurations: without what they choose."""
        listed = [
            {key: value for key, value in configuration.items() if key != "ResourceSelection"}
            for configuration in self.backend.kept[_KIND].values()
        ]
        return answer({"TieringConfigurations": listed})
