"""What the table `account` says: the backup policy that reaches an account, and what it gives."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from scanner.evaluate.controls.loader import load_controls
from scanner.evaluate.needs import affected_controls
from scanner.facts.account import AccountRows, build_account_rows
from scanner.facts.build import FactsRequest, build_facts
from scanner.model.facts import AccountFacts
from scanner.model.inventory import Account, Organization
from scanner.model.known import Known
from scanner.model.names import AccountId
from scanner.services.organizations import parse_account, parse_governance
from tests.fakes.bundles import ACCOUNT, AS_OF, BundleBuilder, Line, answers_of, inventories_of, plane_of
from tests.fakes.models import UNREAD

EFFECTIVE: Final = "organizations:DescribeEffectivePolicy"
INVALID: Final = "organizations:ListAccountsWithInvalidEffectivePolicy"
ORGANIZATION = Organization(
    id=Known("o-ours"),
    management_account=UNREAD,
    members=Known(None),
    accounts={AccountId(ACCOUNT): Account(AccountId(ACCOUNT), "prod", "ACTIVE", None)},
    cross_account_backup=Known(True),  # noqa: FBT003 -- a reading
)


def line(name: str, response: dict[str, Any] | None = None, error: str = "", **parameters: str) -> Line:
    service, _, operation = name.partition(":")
    told: dict[str, Any] = {"response": response or {}}
    if error:
        told = {"error": {"code": error, "message": "no", "status": 403, "attempts": 1}}
    of_call = {"service": service, "operation": operation, "parameters": parameters}
    return {**of_call, "at": "2026-11-22T17:00:00.000Z", **told}


def effective(content: str | None = None, error: str = "", **more: str) -> Line:
    policy = {"PolicyContent": content, **more} if content is not None else {}
    return line(EFFECTIVE, {"EffectivePolicy": policy}, error, PolicyType="BACKUP_POLICY")


def invalid(*accounts: str) -> Line:
    rows = [{"Id": account} for account in accounts]
    return line(INVALID, {"Accounts": rows}, PolicyType="BACKUP_POLICY")


def told(account: list[Line], organization: list[Line]) -> AccountRows:
    lines = answers_of(organization, ACCOUNT, "org")
    inventory = parse_account(answers_of(account, ACCOUNT, "aws-global"), lines)
    return build_account_rows((inventory,), parse_governance(lines), ORGANIZATION)


def row(account: list[Line], organization: list[Line]) -> AccountFacts:
    (found,) = told(account, organization).rows
    return found


DAILY: Final = json.dumps({"plans": {"monthly": {}, "daily": {}}})


@pytest.mark.parametrize(
    ("answer", "reaches", "plans", "changed"),
    [
        (
            effective(DAILY, LastUpdatedTimestamp="2026-01-02T03:04:05Z"),
            True,
            ("daily", "monthly"),
            "2026-01-02T03:04:05Z",
        ),
        (effective(DAILY), True, ("daily", "monthly"), None),
        (effective('{"plans": {}}'), False, (), None),
        (effective("{}"), False, (), None),
        (effective("no JSON"), None, (None,), None),
        (effective(error="EffectivePolicyNotFoundException"), False, (), ""),
        (effective(error="AccessDeniedException"), None, (None,), None),
        (effective(), None, (None,), None),
        (line("sts:GetCallerIdentity"), None, (None,), None),
    ],
)
def test_what_reaches_an_account(
    answer: Line, *, reaches: bool | None, plans: tuple[str | None, ...], changed: str | None
) -> None:
    found = row([answer], [invalid()])
    assert (found.backup_policy, found.policy_plans, found.policy_updated_at) == (reaches, plans, changed)
    assert (found.subject, found.region, found.name) == (f"aws:account:{ACCOUNT}", "aws-global", "prod")
    about = {note.about for note in found.not_known}
    assert ("backup_policy" in about, "policy_updated_at" in about) == (reaches is None, changed is None)


@pytest.mark.parametrize(
    ("answer", "organization", "valid"),
    [
        (effective(DAILY), [invalid()], True),
        (effective(DAILY), [invalid(ACCOUNT)], False),
        (effective(DAILY), [line(INVALID, error="AccessDeniedException", PolicyType="BACKUP_POLICY")], None),
        (effective(error="EffectivePolicyNotFoundException"), [], True),
        (effective(error="AccessDeniedException"), [invalid(ACCOUNT)], None),
        (effective(error="AccessDeniedException"), [invalid()], True),
    ],
)
def test_whether_it_is_valid(answer: Line, organization: list[Line], *, valid: bool | None) -> None:
    assert row([answer], organization).policy_valid is valid


def test_a_policy_that_was_not_read_is_missed_in_each_region_of_the_account(tmp_path: Path) -> None:
    builder = BundleBuilder(tmp_path)
    builder.shard()
    builder.account()
    folder = builder.write()
    found = told([effective(error="AccessDeniedException")], [invalid()])
    controls = [each for each in load_controls(()) if each.id == "account-backup-policy"]
    request = FactsRequest(as_of=AS_OF, affected_controls=affected_controls(controls), account_rows=found)
    (inventory,) = inventories_of(folder)
    (region,) = build_facts(inventory, plane_of(folder), request).tables["account_region"]
    (missing,) = region.missing_reads  # type: ignore[attr-defined]
    assert (missing.operation, missing.blinds) == (EFFECTIVE, ("account-backup-policy",))
