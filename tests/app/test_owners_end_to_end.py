"""Owners from evidence to findings, tables and `audit explain`."""

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from scanner.app import judgement as app
from scanner.app.criteria import Judgement
from scanner.app.reports import explain
from scanner.evaluate.controls.loader import load_controls
from scanner.model.decisions import ContactWay, OwnedBy, RuleWay, TagWay, Way
from scanner.report.formats.explanation import explanation_document
from scanner.report.read import read_scan
from scanner.report.view.view import build
from tests.fakes.bundles import ACCOUNT, BundleBuilder, pairs, rule

WAYS: tuple[Way, ...] = (
    RuleWay(1, OwnedBy(types=("vault",)), "backup-team"),
    TagWay(("team",)),
    ContactWay(("email",)),
)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundle = BundleBuilder(tmp_path_factory.mktemp("owners"))
    shard = bundle.shard()
    shard.vault("main").plan("daily", rules=[rule()], selections=[{"Resources": ["*"]}])
    shard.volume("vol-1", Tags=pairs({"team": "blue"})).volume("vol-2")
    controls = load_controls(("resource-in-backup-plan", "vault-locked", "plan-protects-something"))
    folder = bundle.write()
    app.evaluate(folder, folder, Judgement(controls=controls, owners=WAYS), ("csv",))
    return folder


def documents(folder: Path) -> list[dict[str, Any]]:
    with gzip.open(folder / "findings.jsonl.gz") as lines:
        return [json.loads(line) for line in lines]


def test_every_finding_says_who_is_asked(judged: Path) -> None:
    told = {each["subject"].rpartition("/")[2]: each for each in documents(judged)}
    assert (told["vol-1"]["owner"], told["vol-1"]["owner_source"]) == ("blue", "tag team")
    assert told["vol-2"]["owner"] is None
    assert told["vol-2"]["owner_source"].startswith("not known: the ")
    assert {each["owner"] for each in told.values() if each["subject_type"] == "vault"} == {"backup-team"}


def test_the_summary_counts_by_owner(judged: Path) -> None:
    document = json.loads((judged / "findings.json").read_bytes())
    found = Counter((each["owner"], each["status"]) for each in document["findings"])
    told = document["summary"]["owners"]
    assert {
        (group["owner"], status): number
        for group in told
        for status, number in group.items()
        if status != "owner" and number
    } == dict(found)
    assert [group["fail"] for group in told] == sorted((group["fail"] for group in told), reverse=True)


def test_owners_are_read_back_with_the_scan(judged: Path) -> None:
    view = build(read_scan(judged))
    assert {group.label for group in view.owners} == {"blue", "backup-team", "Unknown"}
    rows = (judged / "findings.csv").read_text("utf-8-sig").splitlines()
    assert ",owner,owner_source,to_do," in rows[0]
    assert any(",blue,tag team," in row for row in rows)


def test_explain_says_who_is_asked(judged: Path) -> None:
    told = explanation_document(explain(judged, "vol-1"))
    assert (told["owner"], told["owner_source"]) == ("blue", "tag team")


def test_without_owners_nothing_is_said(tmp_path: Path) -> None:
    bundle = BundleBuilder(tmp_path)
    bundle.shard().vault("main")
    folder = bundle.write()
    app.evaluate(folder, folder, Judgement(controls=load_controls(("vault-locked",))), ())
    (finding,) = documents(folder)
    assert "owner" not in finding
    assert "owners" not in json.loads((folder / "findings.json").read_bytes())["summary"]
    assert finding["account"] == ACCOUNT
