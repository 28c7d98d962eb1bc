"""Planned changes of backup policies: what they change in the accounts below."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from scanner.evidence.bundle import Bundle
from scanner.inventory.shard import parse_shard
from scanner.judging.planned_policies import overlay_with_policies
from scanner.judging.tables import governance_of
from scanner.model.inventory import BackupPlan
from scanner.model.known import Known, Unread
from scanner.model.planning.planned_change import UNKNOWN, Action, ChangeKind, NotJudged, PlannedChange
from scanner.what_if.changes import Defaults
from scanner.what_if.overlay import Overlay
from scanner.what_if.read import read_changes
from tests.fakes.bundles import ACCOUNT, OTHER, REGION, BundleBuilder, ShardScript
from tests.what_if.terraform_plans import change, plan, refers, resource

ROOT, UNIT, POLICY = "r-root", "ou-root-one", "p-12345678"
ATTACHED: Final[dict[str, Any]] = {"PolicyType": "BACKUP_POLICY"}


def daily(days: str = "35", vault: str = "main", regions: tuple[str, ...] = (REGION,)) -> dict[str, Any]:
    rule = {
        "schedule_expression": {"@@assign": "cron(0 5 ? * * *)"},
        "target_backup_vault_name": {"@@assign": vault},
        "lifecycle": {"delete_after_days": {"@@assign": days}},
    }
    selection = {
        "iam_role_arn": {"@@assign": "arn:aws:iam::$account:role/backup"},
        "tag_key": {"@@assign": "backup"},
        "tag_value": {"@@assign": ["daily"]},
    }
    settings = {
        "regions": {"@@assign": list(regions)},
        "rules": {"nightly": rule},
        "selections": {"tags": {"by-tag": selection}},
    }
    return {"plans": {"daily": settings}}


def described() -> str:
    """Return the effective policy of `daily()`, as AWS describes it."""
    rule = {
        "schedule_expression": "cron(0 5 ? * * *)",
        "target_backup_vault_name": "main",
        "lifecycle": {"delete_after_days": "35"},
    }
    selection = {
        "iam_role_arn": f"arn:aws:iam::{ACCOUNT}:role/backup",
        "tag_key": "backup",
        "tag_value": ["daily"],
    }
    settings = {
        "regions": [REGION],
        "rules": {"nightly": rule},
        "selections": {"tags": {"by-tag": selection}},
    }
    return json.dumps({"plans": {"daily": settings}})


def organization(script: ShardScript, *targets: str) -> None:
    """Record a root with one unit, in which both accounts are, and a policy with these targets."""
    types = [{"Type": "BACKUP_POLICY", "Status": "ENABLED"}]
    script.call("organizations:ListRoots", {"Roots": [{"Id": ROOT, "PolicyTypes": types}]})
    accounts = [{"Id": ACCOUNT}, {"Id": OTHER}]
    for parent, units, members in ((ROOT, [{"Id": UNIT}], []), (UNIT, [], accounts)):
        name = "organizations:ListOrganizationalUnitsForParent"
        script.call(name, {"OrganizationalUnits": units}, ParentId=parent)
        script.call("organizations:ListAccountsForParent", {"Accounts": members}, ParentId=parent)
    summary = {"Id": POLICY, "Name": "nightly", "Type": "BACKUP_POLICY"}
    script.call("organizations:ListPolicies", {"Policies": [summary]}, Filter="BACKUP_POLICY")
    policy = {"PolicySummary": summary, "Content": json.dumps(daily())}
    script.call("organizations:DescribePolicy", {"Policy": policy}, PolicyId=POLICY)
    rows = [{"TargetId": target} for target in targets]
    script.call("organizations:ListTargetsForPolicy", {"Targets": rows}, PolicyId=POLICY)


def bundle_of(folder: Path, *targets: str, content: str | None = None, refused: bool = False) -> Bundle:
    """Write a scan of one account. `content`: its effective policy as described; None: it has none."""
    builder = BundleBuilder(folder / "scan")
    organization(builder.organization(ACCOUNT, OTHER), *targets)
    own = builder.account(ACCOUNT)
    if refused:
        own.call("organizations:DescribeEffectivePolicy", error="AccessDeniedException", **ATTACHED)
    elif content is None:
        code = "EffectivePolicyNotFoundException"
        own.call("organizations:DescribeEffectivePolicy", error=code, **ATTACHED)
    else:
        answer = {"EffectivePolicy": {"PolicyContent": content, "TargetId": ACCOUNT}}
        own.call("organizations:DescribeEffectivePolicy", answer, **ATTACHED)
    shard = builder.shard()
    if content is not None:
        lifecycle = {"DeleteAfterDays": 35}
        schedule = {"ScheduleExpression": "cron(0 5 ? * * *)", "Lifecycle": lifecycle}
        rule = {"RuleId": "r1", "RuleName": "nightly", "TargetBackupVaultName": "main", **schedule}
        shard.plan("daily", rules=[rule])
    return Bundle(builder.record().write())


def laid(bundle: Bundle, *changes: dict[str, Any], **more: Any) -> tuple[Overlay, Bundle]:
    """Lay the changes of a Terraform plan over a scan."""
    scratch = bundle.folder.parent / "scratch"
    scratch.mkdir()
    file = scratch / "plan.json"
    file.write_text(json.dumps(plan(*changes, **more)), "utf-8")
    change_set = read_changes([file], Defaults())
    assert change_set.not_judged == ()
    overlay = overlay_with_policies(bundle, change_set.changes, scratch)
    return overlay, Bundle(scratch / "bundle", what_if=True)


def policy_change(document: Any, actions: str = "update", *, unknown: bool = False) -> dict[str, Any]:
    before = {"id": POLICY, "name": "nightly", "type": "BACKUP_POLICY", "content": json.dumps(daily())}
    after = {**before, "content": json.dumps(document)}
    if unknown:
        after.pop("content")
    return change(
        "aws_organizations_policy.nightly",
        [actions],
        before=None if actions == "create" else before,
        after=None if actions == "delete" else after,
        unknown={"content": True} if unknown else {},
    )


def attachment(target: str, actions: str = "create") -> dict[str, Any]:
    values = {"policy_id": POLICY, "target_id": target}
    is_removed = actions == "delete"
    address = "aws_organizations_policy_attachment.nightly"
    before, after = (values, None) if is_removed else (None, values)
    return change(address, [actions], before=before, after=after)


def plans(bundle: Bundle) -> dict[str, BackupPlan]:
    inventories = (
        parse_shard(bundle.answers(shard), bundle.account_answers(shard.account), status)
        for shard, status in bundle.scope()
    )
    return {plan.name: plan for inventory in inventories for plan in inventory.plans}


def effective(bundle: Bundle) -> Any:
    (account,) = [one for one in governance_of(bundle).accounts if one.account == ACCOUNT]
    return account.effective_policy


def test_another_content_changes_the_plan_of_the_accounts_below(tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path, UNIT, content=described())
    overlay, after = laid(bundle, policy_change(daily("7")))
    assert overlay.not_judged == ()
    assert [change.title for change in overlay.applied] == [
        "update backup policy nightly in the organization",
        f"update effective backup policy in {ACCOUNT}/aws-global",
        f"update backup plan daily in {ACCOUNT}/{REGION}",
    ]
    rules = plans(after)["daily"].rules
    assert isinstance(rules, Known)
    assert [(rule.id, rule.lifecycle.delete_after_days) for rule in rules.value] == [("r1", 7)]
    policy = effective(after)
    assert json.loads(policy.value.content)["plans"]["daily"]["rules"]["nightly"]["lifecycle"] == {
        "delete_after_days": "7"
    }


def test_an_attachment_to_a_unit_makes_the_plan_and_its_selection(tmp_path: Path) -> None:
    overlay, after = laid(bundle_of(tmp_path), attachment(UNIT))
    assert [(change.kind, change.action) for change in overlay.applied] == [
        (ChangeKind.POLICY_ATTACHMENT, Action.CREATE),
        (ChangeKind.EFFECTIVE_POLICY, Action.UPDATE),
        (ChangeKind.PLAN, Action.CREATE),
        (ChangeKind.SELECTION, Action.CREATE),
    ]
    selections = plans(after)["daily"].selections
    assert isinstance(selections, Known)
    (selection,) = selections.value
    assert isinstance(selection.terms, Known)
    assert selection.terms.value.role == f"arn:aws:iam::{ACCOUNT}:role/backup"
    assert effective(after).value.plans == ("daily",)


@pytest.mark.parametrize("planned", [attachment(UNIT, "delete"), policy_change({}, "delete")])
def test_without_its_policy_the_plan_is_gone(tmp_path: Path, planned: dict[str, Any]) -> None:
    overlay, after = laid(bundle_of(tmp_path, UNIT, content=described()), planned)
    assert [change.kind for change in overlay.applied[1:]] == [ChangeKind.EFFECTIVE_POLICY, ChangeKind.PLAN]
    assert plans(after) == {}
    assert effective(after).value is None


def test_a_new_policy_and_its_attachment_by_reference(tmp_path: Path) -> None:
    new = policy_change(daily(), "create")
    attached = change(
        "aws_organizations_policy_attachment.nightly",
        ["create"],
        after={"target_id": ACCOUNT},
        unknown={"policy_id": True},
    )
    reference = refers("aws_organizations_policy.nightly.id", "aws_organizations_policy.nightly")
    resources = (
        resource("aws_organizations_policy.nightly"),
        resource("aws_organizations_policy_attachment.nightly", policy_id=reference),
    )
    overlay, after = laid(bundle_of(tmp_path), new, attached, resources=resources)
    assert overlay.not_judged == ()
    assert list(plans(after)) == ["daily"]


def test_an_unknown_content_leaves_plan_and_policy_unknown(tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path, UNIT, content=described())
    overlay, after = laid(bundle, policy_change({}, unknown=True))
    assert isinstance(effective(after), Unread)
    assert isinstance(plans(after)["daily"].rules, Unread)
    content = "The content of backup policy nightly is known only after the change is applied."
    assert [one.why for one in overlay.not_judged] == [
        f"The effective backup policy of account {ACCOUNT} is unknown: {content}"
    ]


def test_what_aws_describes_otherwise_is_no_base(tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path, UNIT, content=described().replace("35", "36"))
    overlay, after = laid(bundle, policy_change(daily("7")))
    assert isinstance(effective(after), Unread)
    (not_judged,) = overlay.not_judged
    assert "AWS describes another effective backup policy" in not_judged.why


def test_a_refused_answer_stays_refused_while_plans_change(tmp_path: Path) -> None:
    overlay, after = laid(bundle_of(tmp_path, refused=True), attachment(ROOT))
    assert isinstance(effective(after), Unread)
    assert ChangeKind.EFFECTIVE_POLICY not in {change.kind for change in overlay.applied}
    assert list(plans(after)) == ["daily"]


def test_a_region_that_was_not_scanned_is_not_judged(tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path, UNIT, content=described())
    overlay, _ = laid(bundle, policy_change(daily(regions=(REGION, "us-east-1"))))
    assert {one.why for one in overlay.not_judged} == {
        f"{ACCOUNT}/us-east-1 was not read by the scan, so what the change does there is unknown."
    }


def test_an_attachment_elsewhere_changes_nothing_here(tmp_path: Path) -> None:
    overlay, _ = laid(bundle_of(tmp_path), attachment(OTHER))
    assert [change.kind for change in overlay.applied] == [ChangeKind.POLICY_ATTACHMENT]


def test_a_policy_that_is_too_long_and_one_that_is_not_there_are_refused(tmp_path: Path) -> None:
    long: dict[str, Any] = {"plans": {"x" * 11_000: {}}}
    overlay, _ = laid(bundle_of(tmp_path, UNIT, content=described()), policy_change(long))
    assert "takes at most 10000" in overlay.not_judged[0].why
    gone = bundle_of(tmp_path / "other", UNIT, content=described())
    other = change(
        "aws_organizations_policy_attachment.x", ["create"], after={"policy_id": "p-9", "target_id": UNIT}
    )
    overlay, _ = laid(gone, other)
    assert overlay.not_judged == (
        NotJudged(overlay.not_judged[0].origin, "The scan has no backup policy p-9 to attach."),
    )


TEMPLATE: Final = """
Resources:
  Policy:
    Type: AWS::Organizations::Policy
    Properties:
      Name: nightly
      Type: {kind}
      TargetIds: [{target}]
      Content: {content}
"""


def template_changes(folder: Path, content: str, kind: str = "BACKUP_POLICY") -> tuple[PlannedChange, ...]:
    file = folder / "template.yaml"
    file.write_text(TEMPLATE.format(kind=kind, target=UNIT, content=content), "utf-8")
    change_set = read_changes([file], Defaults(ACCOUNT, REGION))
    assert change_set.not_judged == ()
    return change_set.changes


def test_a_template_sets_content_and_targets(tmp_path: Path) -> None:
    (planned,) = template_changes(tmp_path, json.dumps(daily("7")))
    assert (planned.name, planned.document["TargetIds"]) == ("nightly", [UNIT])
    overlay = overlay_with_policies(bundle_of(tmp_path), (planned,), tmp_path)
    assert [change.action for change in overlay.applied[2:]] == [Action.CREATE, Action.CREATE]
    (unknown,) = template_changes(tmp_path, "{plans: {daily: {vault: {'@@assign': !Ref Vault}}}}")
    assert unknown.document["Content"] is UNKNOWN
    assert template_changes(tmp_path, "{}", "TAG_POLICY") == ()
