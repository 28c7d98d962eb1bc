"""The account and Region of a resource in a Terraform plan.

They are its own, those of its ARN, those of its provider, or those of the options.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from scanner.model.names import parse_arn
from scanner.what_if.changes import Defaults
from scanner.what_if.terraform.references import ResourceChange, objects

_REGION_NAME: Final = re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9]")
_IDENTITY: Final = "aws_caller_identity"
_REGION: Final = "aws_region"


class Places:
    """What a plan says about the accounts and Regions of its providers."""

    def __init__(self, document: Mapping[str, Any], defaults: Defaults) -> None:
        self._defaults = defaults
        configuration = _mapping(document.get("configuration"))
        self._providers = _mapping(configuration.get("provider_config"))
        self._variables = _mapping(document.get("variables"))
        state = _mapping(_mapping(document.get("prior_state")).get("values"))
        self._data = dict(_data_values(_mapping(state.get("root_module"))))
        self._data_of_provider = {
            (str(resource.get("provider_config_key")), str(resource.get("type"))): str(
                resource.get("address")
            )
            for resource in objects(_mapping(configuration.get("root_module")).get("resources"))
            if resource.get("mode") == "data"
        }

    def of(self, change: ResourceChange) -> tuple[str, str]:
        """Return the account and the Region of a resource; empty where nothing says it."""
        key = str(change.configuration.get("provider_config_key") or "")
        # What exists says itself where it is; the provider may have been changed since.
        account, region = self._in_arn(change)
        # Version 6 of the provider has an argument `region` on each resource, which wins over the provider's.
        expressions = _mapping(self._provider(change).get("expressions"))
        region = _text(change.after.get("region")) or _text(change.before.get("region")) or region
        region = region or _region(self._value(expressions.get("region")))
        region = region or self._from_data(key, _REGION, ("region", "name", "id"))
        account = (
            account or self._provider_account(expressions) or self._from_data(key, _IDENTITY, ("account_id",))
        )
        return account or self._defaults.account, region or self._defaults.region

    def has_default_tags(self, change: ResourceChange) -> bool:
        """Check whether the provider of a resource adds tags, or is not in the plan."""
        # Without the configuration nothing shows that there are no default tags.
        if not self._providers:
            return True
        return "default_tags" in _mapping(self._provider(change).get("expressions"))

    def _provider(self, change: ResourceChange) -> Mapping[str, Any]:
        key = str(change.configuration.get("provider_config_key") or "")
        # A module's key may have the module's address before a provider that it inherits.
        return _mapping(self._providers.get(key) or self._providers.get(key.rpartition(":")[2]))

    def _in_arn(self, change: ResourceChange) -> tuple[str, str]:
        for values in (change.before, change.after):
            for name in ("arn", "backup_vault_arn"):
                parts = parse_arn(_text(values.get(name)))
                # ARNs of buckets have no account.
                if parts is not None and parts.account:
                    return parts.account, parts.region
        return "", ""

    def _provider_account(self, expressions: Mapping[str, Any]) -> str:
        """Return the account of a provider, from the role that it assumes or the only account it allows."""
        for role in objects(expressions.get("assume_role")):
            parts = parse_arn(self._value(role.get("role_arn")))
            if parts is not None and parts.account:
                return parts.account
        allowed = _mapping(expressions.get("allowed_account_ids")).get("constant_value")
        # With several accounts allowed, which of them is used depends on the credentials.
        return str(allowed[0]) if isinstance(allowed, list) and len(allowed) == 1 else ""

    def _value(self, expression: object) -> str:
        """Return the text of an expression that is a constant, or nothing but one variable."""
        fields = _mapping(expression)
        if isinstance(constant := fields.get("constant_value"), str):
            return constant
        names = references if isinstance(references := fields.get("references"), list) else []
        if len(names) == 1 and _text(names[0]).startswith("var."):
            return _text(_mapping(self._variables.get(names[0].removeprefix("var."))).get("value"))
        return ""

    def _from_data(self, provider: str, kind: str, names: tuple[str, ...]) -> str:
        """Return a value that a data source of the provider had when the plan was made."""
        values = self._data.get(self._data_of_provider.get((provider, kind), ""), {})
        return next((text for name in names if (text := _text(values.get(name)))), "")


def _data_values(module: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for resource in objects(module.get("resources")):
        if resource.get("mode") == "data":
            yield str(resource.get("address")), _mapping(resource.get("values"))


def _region(text: str) -> str:
    """Return a Region; empty: the text is none, as where a variable is only a part of the expression."""
    return text if _REGION_NAME.fullmatch(text) else ""


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
