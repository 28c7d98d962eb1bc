"""The computed effective policy and the one that AWS describes, setting by setting.

What AWS describes counts: a difference is reported, and changes no verdict.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from scanner.model.known import Ternary
from scanner.model.text import mended_json
from scanner.protection.backup_policy.document import Operand, SettingPath, canonical
from scanner.protection.backup_policy.effective import ComputedPolicy
from scanner.protection.backup_policy.inheritance import PolicySetting, same_value

_ACCOUNT: Final = "$account"


@dataclass(frozen=True, slots=True)
class ComparedSetting:
    """A setting as computed and as described. `described` (): AWS's answer does not have it.

    `computed` None: no policy that was read sets it. `agrees` None: one of both is unknown.
    """

    path: SettingPath
    computed: PolicySetting | None
    described: Operand | None
    agrees: Ternary


def compared_settings(
    computed: ComputedPolicy, described: str | None, account: str
) -> tuple[ComparedSetting, ...]:
    """Return the settings of both, by path. `described`: the JSON of AWS's answer; None: it was not read."""
    settings = {setting.path: setting for setting in computed.settings}
    shown = None if described is None else described_settings(described)
    # Keys that differ in case only are the same, whatever AWS shows.
    paths = {_folded(path, account): path for path in (*(shown or ()), *settings)}
    folded = None if shown is None else {_folded(path, account): value for path, value in shown.items()}
    return tuple(
        _compared(
            path, settings.get(path), None if folded is None else folded.get(key, ()), computed, account
        )
        for key, path in sorted(paths.items())
    )


def described_settings(content: str) -> Mapping[SettingPath, Operand] | None:
    """Return the values of an effective policy by path. None: it is no JSON object, so they are unknown."""
    try:
        document = json.loads(mended_json(content))
    except (ValueError, RecursionError):
        return None
    return dict(_values((), document)) if isinstance(document, dict) else None


def _compared(
    path: SettingPath,
    setting: PolicySetting | None,
    described: Operand | None,
    computed: ComputedPolicy,
    account: str,
) -> ComparedSetting:
    if described is None or (setting is not None and setting.value is None):
        return ComparedSetting(path, setting, described, None)
    if setting is None:
        return ComparedSetting(path, None, described, None if computed.because else False)
    value = _with_account(setting.value or (), account)
    return ComparedSetting(path, setting, described, same_value(value, _with_account(described, account)))


def _with_account(value: Operand, account: str) -> Operand:
    """Return a value with the account's id: AWS's guide shows the variable both replaced and not."""
    if isinstance(value, str):
        return value.replace(_ACCOUNT, account)
    return tuple(member.replace(_ACCOUNT, account) for member in value)


def _folded(path: SettingPath, account: str) -> SettingPath:
    return tuple(key.lower().replace(_ACCOUNT, account) for key in path)


def _values(path: SettingPath, document: Mapping[str, Any]) -> Iterator[tuple[SettingPath, Operand]]:
    for key, value in document.items():
        inner = (*path, key)
        if isinstance(value, dict):
            # The guide's examples keep the operator of a copy action's vault.
            if set(value) == {"@@assign"}:
                yield canonical(inner), _operand(value["@@assign"])
            else:
                yield from _values(inner, value)
        else:
            yield canonical(inner), _operand(value)


def _operand(value: object) -> Operand:
    if isinstance(value, list):
        return tuple(map(_text, value))
    return _text(value)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
