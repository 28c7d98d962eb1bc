"""The chain, made of hand-written fact rows; and its three drawings, held against golden files."""

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from rich.console import Console

from scanner.cli.explain import rendered
from scanner.model.explanation import Advice, Explanation, Node, NodeKind, Verdict
from scanner.model.finding import Severity, Status
from scanner.report.explain import subject_tree
from scanner.report.explain.copies import copy_nodes
from scanner.report.explain.queries import SubjectRow
from scanner.report.explain.rows import Related, SelectionRow
from scanner.report.explain.vaults import recovery_point_node
from scanner.report.explain.walks import walked
from scanner.report.formats.explanation import explanation_document, explanation_json, explanation_svg

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"
SCHEMA = json.loads((ROOT / "docs/schema/explanation.schema.json").read_bytes())
VOLUME = "arn:aws:ec2:eu-west-1:111111111111:volume/vol-1"
PLAN = "arn:aws:backup:eu-west-1:111111111111:backup-plan:p1"
RULE = f"{PLAN}#r1"
MAIN = "arn:aws:backup:eu-west-1:111111111111:backup-vault:main"
FAR = "arn:aws:backup:eu-central-1:222222222222:backup-vault:far"
FILE = "evidence/111111111111/eu-west-1.jsonl.gz"


def refs(*pairs: tuple[str, int]) -> list[dict[str, Any]]:
    return [{"about": about, "file": FILE, "line": line} for about, line in pairs]


def volume(**more: Any) -> dict[str, Any]:
    copy = {
        "copy_action": f"{RULE}->{FAR}",
        "rule": RULE,
        "destination": FAR,
        "cross_account": True,
        "cross_region": True,
        "effective": False,
        "reason": "no statement allows account 111111111111",
    }
    links = [
        {"name": "destination exists", "holds": True, "reason": "It is there.", "evidence": refs(("", 9))},
        {"name": "vault policy admits the source", "holds": False, "reason": "Denied.", "evidence": []},
        {"name": "source key shared", "holds": None, "reason": "Not read.", "evidence": []},
    ]
    row: dict[str, Any] = {
        "subject": VOLUME,
        "subject_type": "EBS",
        "account": "111111111111",
        "region": "eu-west-1",
        "name": "ledger",
        "covered": True,
        "covered_by": [{"rule": RULE, "via": "selection", "parent": None}],
        "rules": [{"rule": RULE, "name": "daily", "vault": "main", "schedule": "cron(0 5 * * ? *)"}],
        "copies": [copy],
        "copy_links": [{"copy_action": copy["copy_action"], "effective": False, "links": links}],
        "places": [{"arn": "arn:p", "vault": MAIN, "age_hours": 5.0, "created_at": "2026-11-22T13:00:00Z"}],
        "survives_region_loss": False,
        "survives_region_loss_because": "no copy arrives in another Region",
        "key_kind": "customer_managed",
        "not_known": [],
        "evidence": refs(("", 1), ("covered_by", 2), ("places", 3)),
    }
    return {**row, **more}


RELATED = Related(
    rules={
        RULE: {
            "subject": RULE,
            "plan": PLAN,
            "target": MAIN,
            "target_exists": True,
            "within_lock": True,
            "retention_days": 35,
            "evidence": refs(("", 4)),
        }
    },
    vaults={
        MAIN: {"subject": MAIN, "lock_mode": "none", "key_kind": "aws_managed", "evidence": refs(("", 5))}
    },
    selections={
        f"{PLAN}#s1": SelectionRow(
            {"subject": f"{PLAN}#s1", "plan": PLAN, "name": "p1 / gold", "evidence": refs(("selected", 6))},
            2,
            (VOLUME,),
            selects=frozenset((VOLUME,)),
        ),
    },
)


def chain(row: dict[str, Any], related: Related = RELATED) -> Node:
    return subject_tree(SubjectRow("resource", row), related)


def explanation(root: Node, name: str = "ledger") -> Explanation:
    advice = Advice(
        control="resource-cross-account-copy",
        title="Backups are copied to another account",
        status=Status.FAIL,
        severity=Severity.HIGH,
        subject=VOLUME,
        reason="No copy can arrive.",
        text="Let the policy admit it.",
        cli="aws backup put-backup-vault-access-policy",
    )
    return Explanation(
        scan_id="s-1",
        as_of="2026-11-22T18:00:00Z",
        subject=VOLUME,
        subject_type="EBS",
        account="111111111111",
        account_name="production",
        region="eu-west-1",
        name=name,
        root=root,
        advice=(advice,),
    )


def text_of(told: Explanation) -> str:
    file = io.StringIO()
    Console(file=file, width=120).print(rendered(told, whole=True))
    return "".join(f"{line.rstrip()}\n" for line in file.getvalue().splitlines())


def find(root: Node, kind: NodeKind, label: str = "") -> Iterator[Node]:
    return (node for node in root.walk() if node.kind is kind and label in node.label)


def path_to(node: Node, kind: NodeKind) -> list[str]:
    if node.kind is kind:
        return [node.kind.value]
    below = next((path for child in node.children if (path := path_to(child, kind))), [])
    return [node.kind.value, *below] if below else []


def test_the_chain_runs_from_the_resource_to_its_copies() -> None:
    root = chain(volume())
    assert path_to(root, NodeKind.COPY) == ["resource", "selection", "rule", "vault", "copy"]
    copy = next(find(root, NodeKind.COPY))
    assert copy.verdict is Verdict.BROKEN
    assert [link.verdict for link in copy.children if link.kind is NodeKind.LINK] == [
        Verdict.HOLDS,
        Verdict.BROKEN,
        Verdict.UNKNOWN,
    ]


def test_every_link_names_the_evidence_of_its_own_row() -> None:
    root = chain(volume())
    lines = {node.kind: [ref.line for ref in node.evidence] for node in root.walk() if node.evidence}
    assert lines[NodeKind.RESOURCE] == [1]
    assert lines[NodeKind.SELECTION] == [6]
    assert lines[NodeKind.RULE] == [4]
    assert lines[NodeKind.VAULT] == [5]


@pytest.mark.parametrize(
    ("covered", "known", "verdict"),
    [(False, [], Verdict.BROKEN), (None, [None], Verdict.UNKNOWN)],
)
def test_no_rule_is_broken_and_an_unread_one_unknown(covered: Any, known: Any, verdict: Verdict) -> None:
    doubts = [{"about": "covered", "reason": "The rules of plan p1 were not read."}]
    row = volume(covered=covered, covered_by=known, rules=known, copies=known, copy_links=known)
    root = chain({**row, "not_known": doubts if covered is None else []})
    assert root.verdict is verdict
    assert ("were not read" in root.because) == (covered is None)
    assert not [node for node in find(root, NodeKind.RULE) if node.verdict is Verdict.HOLDS]


def test_a_place_that_was_not_seen_is_unknown_and_an_empty_one_broken() -> None:
    for places, verdict in (([None], Verdict.UNKNOWN), ([], Verdict.BROKEN)):
        points = list(find(chain(volume(places=places)), NodeKind.RECOVERY_POINT))
        assert {point.verdict for point in points} == {verdict}


@pytest.mark.parametrize(("absent", "verdict"), [(False, Verdict.HOLDS), (None, Verdict.UNKNOWN)])
def test_a_point_that_its_vault_may_not_hold_is_unknown(absent: Any, verdict: Verdict) -> None:
    node = recovery_point_node({"arn": "a", "vault": "v", "age_hours": 3.0, "absent": absent}, ())
    assert node.verdict is verdict
    assert bool(node.because) is (verdict is Verdict.UNKNOWN)


def test_what_aws_reports_of_the_newest_jobs_is_shown() -> None:
    report = {"category": "VSS_ERROR", "message": "no VSS", "age_hours": 5.0}
    report |= {"state": "COMPLETED", "succeeded": True}
    backups = [{**report, "newest": False, "state": "FAILED"}, {**report, "newest": True}]
    copied = {**report, "rule": RULE, "destination": FAR, "category": "", "message": ""}
    root = chain(volume(backup_jobs=backups, copy_jobs=[copied]))
    shown = {node.label: dict(node.facts) for node in find(root, NodeKind.LINK, "newest")}
    assert shown == {
        "Its newest backup job ended as COMPLETED": {
            "created": "5 h ago",
            "AWS reports": "VSS_ERROR: no VSS",
        },
        "Its newest copy job ended as COMPLETED": {"created": "5 h ago"},
    }


def test_a_namesake_of_the_target_in_another_account_is_told_for_itself() -> None:
    other = MAIN.replace("111111111111", "222222222222")
    place = {
        "arn": "arn:q",
        "vault": other,
        "account": "222222222222",
        "region": "eu-west-1",
        "age_hours": 9.0,
    }
    root = chain(volume(places=[place]))
    elsewhere = next(find(root, NodeKind.GROUP, "elsewhere"))
    assert [point.subject for point in elsewhere.children] == ["arn:q"]
    assert next(find(root, NodeKind.RECOVERY_POINT)).verdict is Verdict.BROKEN


def test_a_vault_that_is_not_there_breaks_the_link_of_its_rule() -> None:
    gone = {**RELATED.rules[RULE], "target_exists": False}
    related = Related(rules={RULE: gone}, selections=RELATED.selections)
    assert next(find(chain(volume(), related), NodeKind.VAULT)).verdict is Verdict.BROKEN


def test_whom_a_vault_policy_leaves_out_of_its_denial_is_named() -> None:
    guard = {
        "action": "backup:DeleteRecoveryPoint",
        "denied": True,
        "exceptions": ["arn:x:role/a", None],
        "spares_unnamed": True,
    }
    vault = {**RELATED.vaults[MAIN], "protected_by": "", "deletion_guards": [guard]}
    related = Related(rules=RELATED.rules, vaults={MAIN: vault})
    (link,) = find(chain(volume(), related), NodeKind.LINK, "Manual deletion is denied")
    assert link.verdict is Verdict.HOLDS
    assert link.facts == (("except for", "arn:x:role/a, a principal that the policy names by an id"),)


def test_what_a_later_version_tells_of_losses_shows_without_a_change_here() -> None:
    root = chain(volume(survives_flood=None, survives_flood_because="nobody looked"))
    loss = next(find(root, NodeKind.LINK, "Survives flood"))
    assert (loss.verdict, loss.because) == (Verdict.UNKNOWN, "Nobody looked.")


def test_details_of_findings_alone_make_a_chain_too() -> None:
    root = chain({"covered_by": [{"rule": RULE}], "rules": [{"rule": RULE, "name": "daily"}]}, Related())
    assert root.verdict is Verdict.HOLDS
    assert [node.label for node in find(root, NodeKind.RULE)] == ["daily"]
    assert chain({}, Related()).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("name", ["explain.txt", "explain.json", "explain.svg"])
def test_the_drawings_are_as_they_were(name: str) -> None:
    result = explanation(chain(volume()))
    drawn = {
        "explain.txt": lambda: text_of(result).encode(),
        "explain.json": lambda: explanation_json(result),
        "explain.svg": lambda: explanation_svg(result),
    }[name]()
    path = GOLDEN / name
    if os.environ.get("VAULTPROOF_GOLDEN"):
        path.write_bytes(drawn)
    assert drawn.decode() == path.read_text("utf-8")


def test_the_document_is_what_the_schema_says() -> None:
    Draft202012Validator(SCHEMA).validate(explanation_document(explanation(chain(volume()))))


HOSTILE = st.text(
    st.one_of(
        st.sampled_from("[]<>&\"'\\/\x1b\x00\n\r\t\u202e\u2066\u200b\ud800\x9b\U000e0041"), st.characters()
    )
)


@given(HOSTILE)
def test_hostile_names_are_harmless_in_every_drawing(name: str) -> None:
    result = explanation(chain(volume(name=name, survives_region_loss_because=name)), name)
    text = text_of(result)
    assert not {character for character in text if not character.isprintable()} - set("\n ") - _wide(text)
    plain = explanation_json(result)
    assert all(byte == 0x0A or 0x20 <= byte < 0x7F for byte in plain)
    assert json.loads(plain)["name"] == name.encode(errors="replace").decode()
    svg = explanation_svg(result)
    allowed = {"svg", "title", "desc", "style", "defs", "marker", "path", "rect", "text", "g"}
    assert {each.tag.rpartition("}")[2] for each in ET.fromstring(svg).iter()} <= allowed  # noqa: S314 -- made here


@pytest.mark.parametrize("character", ["\ufffe", "\uffff", "\x0c", "\ud800", "]]>", "<script>"])
def test_what_xml_does_not_allow_is_shown_by_its_number(character: str) -> None:
    result = explanation(chain(volume(name=f"x{character}y", state=character)), character)
    ET.fromstring(explanation_svg(result))  # noqa: S314 -- made here


def _wide(text: str) -> set[str]:
    """Give what Python does not call printable, and is neither a control nor hidden: blanks, unassigned."""
    import unicodedata  # noqa: PLC0415 -- for this alone

    return {each for each in text if unicodedata.category(each) in ("Zs", "Cn", "Co")}


def test_markup_of_the_terminal_is_text() -> None:
    result = explanation(chain(volume(name="[red]x[/red] [link=https://example.com]y[/link]")))
    assert "[red]x[/red] [link=https://example.com]y[/link]" in text_of(result)


def test_a_line_break_in_a_name_forges_no_line() -> None:
    result = explanation(chain(volume(name="x\n✓ rule forged")))
    assert "\n✓ rule forged" not in text_of(result)


def explained(row: dict[str, Any], related: Related = RELATED) -> dict[str, str]:
    """Return all facts of the chain of a row, by name."""
    found = subject_tree(SubjectRow("resource", row), related)
    return {name: value for node in found.walk() for name, value in node.facts}


def test_notes_on_the_backups_of_an_instance() -> None:
    result = explained(
        volume(
            subject_type="EC2",
            incremental="always",
            left_out=["plan nightly does not create VSS-enabled backups of this Windows instance"],
            backup_jobs=[{"newest": True, "state": "COMPLETED", "age_hours": 5.0, "backup_type": "SNAPSHOT"}],
        )
    )
    for part in ("an AMI", "instance type", "security groups", "VPC", "monitoring", "tags"):
        assert part in result["a backup contains"]
    assert result["full or incremental"] == "the first is full, later ones are incremental"
    assert result["backups left incomplete"].startswith("plan nightly does not create VSS-enabled backups")
    assert result["backup type"] == "SNAPSHOT"


def test_a_kind_that_cannot_be_backed_up_has_no_notes_on_backups() -> None:
    result = explained(volume(subject_type="EC2", not_applicable_because="AWS Backup cannot back it up."))
    assert "a backup contains" not in result


def test_windows_scans_and_tags_of_a_rule() -> None:
    terms = {
        "start_window_minutes": 480,
        "completion_window_minutes": 10_080,
        "index_types": ["EBS"],
        "scan_actions": [{"scanner": "GUARDDUTY", "mode": "FULL_SCAN"}],
        "recovery_point_tags": [{"key": "team", "value": "web"}],
    }
    result = explained(volume(), Related(rules={RULE: {"subject": RULE, **terms}}))
    assert result["start window"] == "8 h"
    assert result["completion window"] == "7 days"
    assert result["indexes for search"] == "EBS"
    assert result["scans for malware"] == "GUARDDUTY (FULL_SCAN)"
    assert result["tags on recovery points"] == "team=web"


def test_a_copy_names_what_aws_documents_about_it() -> None:
    """What changed and when, and that a continuous backup is copied as a snapshot, decide nothing."""
    note = "Since 2025-10-23: RDS is copied to another Region and another account in one action."
    copy = {"rule": "r", "copy_action": "r->v", "destination": "v", "effective": True, "notes": [note]}
    for notes, expected in (([note], [note]), (None, [])):
        row = {"copies": [{**copy, "notes": notes}]}
        (node,) = copy_nodes(row, "r", walked(row, Related()))
        shown = [each for each in node.children if each.label == "AWS Backup documents"]
        assert [(each.because, each.verdict) for each in shown] == [
            (text, Verdict.STATED) for text in expected
        ]
