"""Region settings (opt-in, full management) and the organisation's global settings."""

from moto.organizations.models import organizations_backends

from scanner.demo.backup.backend import OPT_IN_TYPES, DemoBackupBackend, backend_of
from scanner.demo.backup.base import Operations, answer
from scanner.demo.services.regions import UNSUPPORTED

_HOME = "us-east-1"
"""Global settings are one for the organisation; the simulation keeps them in this Region."""


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
        master = organizations_backends.master_accounts.get(self.current_account)
        return backend_of(master[0] if master else self.current_account, _HOME)
