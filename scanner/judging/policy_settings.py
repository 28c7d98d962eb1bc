"""The rows of the inventory table `policy_settings`: which backup policy sets which value in each account."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from scanner.model.backup_policies import AccountInventory, BackupGovernance
from scanner.model.inventory import Account
from scanner.model.inventory_tables import PolicySettingTable, PolicySourceTable
from scanner.model.known import EvidenceRef, Known, Ternary
from scanner.model.names import AccountId
from scanner.protection.backup_policy.comparison import ComparedSetting, compared_settings
from scanner.protection.backup_policy.document import Operand, SettingPath
from scanner.protection.backup_policy.effective import ComputedPolicy, EffectivePolicies, account_nodes
from scanner.protection.backup_policy.inheritance import IgnoredOperator, SettingSource, same_value

ATTACHED: Final = "attached"
NONE: Final = "none"
_DIFFERS: Final = "The policies that were read {read}, but AWS describes {described}."


def policy_setting_rows(
    governance: BackupGovernance,
    accounts: Iterable[AccountInventory],
    members: Mapping[AccountId, Account],
) -> Iterator[PolicySettingTable]:
    """Yield the rows of each account, the one about its policy as a whole first."""
    policies = EffectivePolicies(governance)
    contents = _contents(governance)
    for account in accounts:
        member = members.get(account.account)
        computed = policies.of(account_nodes(member.ou_path if member else None, account.account))
        reading = account.effective_policy
        described = reading.value if isinstance(reading, Known) else None
        yield _whole(account.account, computed, _state(is_there=described is not None, is_read=reading))
        # EffectivePolicyNotFoundException means no policy; an unread answer (None) cannot be compared at all.
        content = "{}" if described is None else described.content
        settings = compared_settings(
            computed, content if isinstance(reading, Known) else None, account.account
        )
        # Settings that child policies may not set: AWS Organizations ignores them, which the user should see.
        ignored = _by_path(computed.ignored)
        for setting in settings:
            yield _setting(account.account, setting, ignored.pop(setting.path, ()), contents)
        # Ignored settings that no policy sets effectively have a row of their own.
        for path, rest in ignored.items():
            nothing = ComparedSetting(path, None, (), agrees=True)
            yield _setting(account.account, nothing, rest, contents)


def _state(*, is_there: bool, is_read: object) -> str | None:
    if not isinstance(is_read, Known):
        return None
    return ATTACHED if is_there else NONE


def _contents(governance: BackupGovernance) -> Mapping[str, EvidenceRef]:
    """Return the evidence of each policy's content, by the policy's id."""
    policies = governance.policies.value if isinstance(governance.policies, Known) else ()
    return {
        policy.id: policy.content.refs[0]
        for policy in policies
        if isinstance(policy.content, Known) and policy.content.refs
    }


def _whole(account: str, computed: ComputedPolicy, described: str | None) -> PolicySettingTable:
    value = None if computed.reached is None else ATTACHED if computed.reached else NONE
    # Without both sides there is nothing to agree on: None, and no claim.
    because, agrees = computed.because, None if value is None or described is None else value == described
    if agrees is False:
        read = "give the account an effective policy" if computed.reached else "do not reach the account"
        because = _DIFFERS.format(read=read, described="one" if described == ATTACHED else NONE)
    return PolicySettingTable(
        account=account,
        setting=(),
        value=value,
        described=described,
        agrees=agrees,
        because=because,
        sources=(),
    )


def _setting(
    account: str,
    setting: ComparedSetting,
    ignored: Iterable[IgnoredOperator],
    contents: Mapping[str, EvidenceRef],
) -> PolicySettingTable:
    computed = setting.computed
    sources = computed.sources if computed is not None else ()
    rows = [_source(source, _is_effective(source, setting), contents) for source in sources]
    rows += [
        _source(operator.source, effective=False, contents=contents, limits=tuple(map(str, operator.limits)))
        for operator in ignored
    ]
    value = None if computed is None else computed.value
    # Absent in the policies: empty text. Not comparable: NULL.
    is_absent = computed is None and setting.agrees is not None
    return PolicySettingTable(
        account=account,
        setting=setting.path,
        value="" if is_absent else _text(value),
        described=_text(setting.described),
        agrees=setting.agrees,
        because=computed.because if computed is not None else "",
        sources=tuple(rows),
    )


def _is_effective(source: SettingSource, setting: ComparedSetting) -> Ternary:
    """Return whether a policy sets the value. If policies do not agree, AWS's answer may show which does."""
    if setting.computed is not None and setting.computed.value is not None:
        return True
    # If AWS's value equals one of the candidates, that policy is the one in force.
    return True if setting.described and same_value(source.operand, setting.described) else None


def _source(
    source: SettingSource,
    effective: Ternary,
    contents: Mapping[str, EvidenceRef],
    limits: tuple[str, ...] = (),
) -> PolicySourceTable:
    # A policy whose content was not read has no evidence to point at.
    ref = contents.get(source.policy.id)
    return PolicySourceTable(
        policy=source.policy.id,
        name=source.policy.name,
        attached_to=source.policy.target,
        operator=source.operator.value,
        value=_text(source.operand) or "",
        effective=effective,
        limited_by=limits,
        file=ref.file if ref else None,
        line=ref.line if ref else None,
    )


def _by_path(ignored: Iterable[IgnoredOperator]) -> dict[SettingPath, tuple[IgnoredOperator, ...]]:
    by_path: dict[SettingPath, tuple[IgnoredOperator, ...]] = {}
    for operator in ignored:
        by_path[operator.path] = (*by_path.get(operator.path, ()), operator)
    return by_path


def _text(value: Operand | None) -> str | None:
    """Return a value as text: a list as JSON, an absent setting as the empty text."""
    if isinstance(value, tuple):
        return json.dumps(value, ensure_ascii=False) if value else ""
    return value
