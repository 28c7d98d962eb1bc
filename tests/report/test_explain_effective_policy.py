"""The effective backup policy in the tree of an account: values, their policies, and differences."""

import io
import json
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator
from rich.console import Console

from scanner.cli.explain import rendered
from scanner.model.explanation import Explanation, Node, NodeKind, Verdict
from scanner.report.explain.effective_policy import effective_policy_nodes
from scanner.report.formats.explanation import explanation_document
from scanner.report.redact.pseudonyms import Pseudonyms
from scanner.report.redact.scan import redacted_explanation

SCHEMA: Final = json.loads(
    (Path(__file__).parents[2] / "docs/schema/explanation.schema.json").read_text(encoding="utf-8")
)
PLAN: Final = ("plans", "daily")
ACCOUNT: Final = {"evidence": [{"about": "backup_policy", "file": "evidence/1/aws-global.jsonl", "line": 5}]}


def row(*path: str, **columns: Any) -> dict[str, Any]:
    return {
        "account": "111111111111",
        "setting": list(path),
        "value": "a",
        "described": "a",
        "agrees": True,
        "because": "",
        "sources": [source()],
        **columns,
    }


def source(**columns: Any) -> dict[str, Any]:
    return {
        "policy": "p-1",
        "name": "nightly-policy",
        "attached_to": "r-1",
        "operator": "@@assign",
        "value": "a",
        "effective": True,
        "limited_by": [],
        "file": "evidence/org.jsonl",
        "line": 14,
        **columns,
    }


def whole(**columns: Any) -> dict[str, Any]:
    return row(value="attached", described="attached", sources=[], **columns)


def tree(*rows: dict[str, Any]) -> Node:
    (node,) = effective_policy_nodes(ACCOUNT, rows)
    return node


def setting(**columns: Any) -> Node:
    (node,) = [
        node for node in tree(whole(), row(*PLAN, "vault", **columns)).walk() if node.kind == "setting"
    ]
    return node


def test_settings_are_below_their_plan_rule_selection_and_copy_action() -> None:
    node = tree(
        whole(),
        row(*PLAN, "regions", value='["x", "y"]', described='["x", "y"]'),
        row(*PLAN, "rules", "nightly", "copy_actions", "arn:vault", "lifecycle", "delete_after_days"),
        row(*PLAN, "rules", "nightly", "schedule_expression"),
        row(*PLAN, "selections", "tags", "by-tag", "tag_key"),
    )
    assert [(inner.kind.value, inner.label) for inner in node.walk()] == [
        ("group", "Effective backup policy of the organization"),
        ("plan", "daily"),
        ("setting", "regions"),
        ("rule", "nightly"),
        ("setting", "schedule_expression"),
        ("copy", "arn:vault"),
        ("setting", "lifecycle / delete_after_days"),
        ("selection", "by-tag"),
        ("setting", "tag_key"),
    ]
    assert node.children[0].children[0].because == "x, y"
    assert (node.evidence[0].line, node.because) == (5, "")


def test_a_setting_names_its_policy_node_and_operator() -> None:
    node = setting(sources=[source(), source(policy="p-2", attached_to="ou-1-a", operator="@@append")])
    assert node.facts == (
        ("set by", "nightly-policy (p-1) at root r-1, @@assign"),
        ("set by", "nightly-policy (p-2) at unit ou-1-a, @@append"),
    )
    assert [ref.line for ref in node.evidence] == [14]
    assert node.verdict is Verdict.STATED


def test_where_aws_differs_its_value_is_shown_and_the_difference_said() -> None:
    node = tree(
        whole(), row(*PLAN, "vault", value="b", agrees=False), row(*PLAN, "more", value="", agrees=False)
    )
    assert (
        node.because
        == "2 values differ from what the policies give. The values shown are AWS's, which count."
    )
    first, second = node.children[0].children
    assert (first.because, first.verdict) == ("a", Verdict.STATED)
    assert first.facts[0] == ("policies give", "b")
    assert second.facts[0] == ("policies give", "no value")


def test_an_unknown_value_is_unknown_and_names_the_policies_that_may_set_it() -> None:
    node = setting(
        value=None, described=None, agrees=None, because="Not read.", sources=[source(effective=None)]
    )
    assert (node.verdict, node.because) == (Verdict.UNKNOWN, "Not read.")
    assert node.facts == (("perhaps set by", "nightly-policy (p-1) at root r-1, @@assign a"),)
    known_by_aws = setting(value=None, agrees=None, because="Two policies.")
    assert (known_by_aws.verdict, known_by_aws.because) == (Verdict.STATED, "a")
    assert known_by_aws.facts[-1] == ("note:", "Two policies.")


def test_a_policy_without_effect_says_what_limits_it() -> None:
    limited = source(effective=False, value="b", limited_by=["top (p-0) at r-1"])
    assert setting(sources=[source(), limited]).facts[1] == (
        "without effect:",
        "nightly-policy (p-1) at root r-1, @@assign b, not allowed by top (p-0) at r-1",
    )


def test_a_value_that_only_aws_has_says_so() -> None:
    assert "no policy that was read" in setting(value="", agrees=False, sources=[]).facts[-1][1]


def test_no_policy_and_unread_answers_are_sentences() -> None:
    none = tree(row(value="none", described="none", sources=[]))
    assert none.because == "No backup policy of the organization reaches the account."
    unread = tree(row(value="attached", described=None, agrees=None, sources=[]))
    assert "own answer was not read" in unread.because
    unknown = tree(row(value=None, described=None, agrees=None, because="Not read.", sources=[]))
    assert (unknown.verdict, unknown.because) == (Verdict.UNKNOWN, "Not read.")


def test_scans_without_the_table_and_accounts_without_an_organization_have_no_node() -> None:
    assert not list(effective_policy_nodes(ACCOUNT, ()))
    outside = row(value=None, described="none", agrees=None, because="Not called.", sources=[])
    assert not list(effective_policy_nodes(ACCOUNT, (outside,)))


def explanation() -> Explanation:
    return Explanation(
        scan_id="s",
        as_of="2026-11-20T06:00:00Z",
        subject="aws:account:111111111111",
        subject_type="account",
        account="111111111111",
        account_name="own",
        region="aws-global",
        name="own",
        root=Node(
            kind=NodeKind.GROUP,
            label="own",
            children=(tree(whole(), row(*PLAN, "rules", "nightly", "target_backup_vault_name")),),
        ),
    )


def test_the_document_has_the_policies_and_is_valid() -> None:
    document = explanation_document(explanation())
    Draft202012Validator(SCHEMA).validate(document)
    rule = document["chain"]["children"][0]["children"][0]["children"][0]
    assert rule["children"][0]["set_by"] == [
        {
            "policy": "p-1",
            "name": "nightly-policy",
            "attached_to": "r-1",
            "operator": "@@assign",
            "value": "a",
            "effective": True,
            "limited_by": [],
        }
    ]
    assert "set_by" not in rule


def test_the_short_chain_shows_each_value_with_its_policy() -> None:
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(rendered(explanation()))
    text = console.export_text()
    expected = "target_backup_vault_name  a  (set by nightly-policy (p-1) at root r-1, @@assign)"
    assert expected in text


def test_a_redacted_document_does_not_name_the_policy() -> None:
    text = json.dumps(explanation_document(redacted_explanation(explanation(), Pseudonyms(b"0" * 32))))
    assert "nightly-policy" not in text
    assert "p-1" not in text
