from dataclasses import replace

import pytest

from scanner.model.explanation import NodeKind, Verdict
from scanner.model.finding import Status
from scanner.model.inventory import ShardStatus
from scanner.model.known import LEFT_OUT, Gap, GapKind
from scanner.model.manifest import CollectedReads
from scanner.model.names import AccountId, RegionName
from scanner.model.scan import Scan
from scanner.report import wording
from scanner.report.formats.markdown import summary_md
from scanner.report.formats.templates import bars
from scanner.report.view.counts import count
from scanner.report.view.view import build, chain


def test_denominators_leave_unknown_and_not_applicable_apart() -> None:
    counts = count(
        [Status.PASS, Status.FAIL, Status.WAIVED, Status.UNKNOWN, Status.ERROR, Status.NOT_APPLICABLE]
    )
    assert (counts.judged, counts.open, counts.asked, counts.total) == (3, 2, 5, 6)


def test_every_way_of_grouping_counts_every_finding_once(scan: Scan) -> None:
    view = build(scan)
    for groups in (view.accounts, view.regions, view.types, view.severities):
        assert sum(each.counts.total for each in groups) == len(scan.findings)
        assert sum(each.counts.failed for each in groups) == view.counts.failed
    assert sum(each.counts.total for each in view.controls) == len(scan.findings)
    assert sum(number for _, number in view.failures) == view.counts.failed


def test_findings_and_controls_come_worst_first(scan: Scan) -> None:
    view = build(scan)
    assert (view.worst[0].status, view.worst[0].severity) == (Status.FAIL, "critical")
    assert view.worst[-1].status is Status.NOT_APPLICABLE
    ranks = [wording.STATUS_ORDER[each.standing] for each in view.controls]
    assert ranks == sorted(ranks)


def test_parameters_in_effect_win_over_defaults(scan: Scan) -> None:
    by_id = {each.control.id: each for each in build(scan).controls}
    assert by_id["recovery-point-retention"].parameters == (("min_days", "30"),)
    assert by_id["resource-cross-account-copy"].parameters == (("accounts", "none given"),)


def test_the_grid_holds_every_place_of_the_scope(scan: Scan) -> None:
    whole = build(scan).completeness
    assert whole.columns == ("aws-global", "eu-west-1", "eu-central-1", "us-east-1")
    assert whole.shards == 24
    assert {status: whole.number(status) for status in ShardStatus} == {
        ShardStatus.COMPLETE: 17,
        ShardStatus.PARTIAL: 1,
        ShardStatus.FAILED: 4,
        ShardStatus.SKIPPED: 1,
        ShardStatus.MISSING: 1,
    }
    assert whole.organization is not None
    assert not whole.whole


def test_missing_reads_are_grouped_with_the_controls_they_blind(scan: Scan) -> None:
    first = build(scan).completeness.groups[0]
    assert (first.operations, first.kind, first.number) == (("sts:AssumeRole",), GapKind.REFUSED, 3)
    assert first.affected_controls == ("resource-cross-account-copy", "vault-manual-deletion-denied")
    assert first.places[0] == "666666666666/eu-west-1"


def test_an_account_that_cannot_be_entered_is_one_line(scan: Scan) -> None:
    more = tuple(
        replace(gap, operation=f"ec2:Describe{what}") for gap in scan.gaps[2:] for what in ("A", "B")
    )
    groups = build(replace(scan, gaps=(*scan.gaps, *more))).completeness.groups
    assert groups[0].operations == ("ec2:DescribeA", "ec2:DescribeB", "sts:AssumeRole")
    assert (groups[0].number, len(groups[0].places), len(groups)) == (9, 3, 3)


def test_what_the_scan_left_out_is_no_missing_read(scan: Scan) -> None:
    whole = build(scan).completeness
    place = AccountId("111111111111"), RegionName("eu-west-1")
    left_out = Gap(*place, "kms:DescribeKey", "k", GapKind.NEVER_ASKED, LEFT_OUT)
    reads = CollectedReads(("vault-locked",), (), ("backup:ListBackupVaults",))
    narrow = replace(scan, gaps=(*scan.gaps, left_out), manifest=replace(scan.manifest, reads=reads))
    view = build(narrow)
    assert (view.completeness.gaps, view.completeness.groups) == (whole.gaps, whole.groups)
    assert view.completeness.left_out == ("kms:DescribeKey",)
    assert view.completeness.collected == reads.sentence()
    assert (whole.left_out, whole.collected) == ((), "")
    markdown = b"".join(summary_md(view)).decode()
    assert "needed by these controls: `kms:DescribeKey`" in markdown
    assert "only what its controls need (vault-locked)" in markdown


def test_a_control_whose_subjects_were_not_listed_is_unknown(empty: Scan) -> None:
    reads = CollectedReads(("resource-in-backup-plan",), (), ("backup:ListBackupPlans",))
    narrow = build(replace(empty, manifest=replace(empty.manifest, reads=reads)))
    standings = {each.control.subject: each.standing for each in narrow.controls}
    assert standings["vault"] is Status.UNKNOWN
    assert standings["plan"] is Status.NOT_APPLICABLE


def test_reconciliation_names_only_the_shards_that_differ(scan: Scan) -> None:
    ebs = build(scan).completeness.reconciliation[1]
    assert (ebs.subject_type, ebs.listed, ebs.elsewhere, len(ebs.shards)) == ("EBS", 23, 1, 1)


def test_an_empty_scan_has_a_view(empty: Scan) -> None:
    view = build(empty)
    assert view.counts.total == 0
    assert view.organization == "Account 111111111111"
    assert [each.counts.asked for each in view.controls] == [0] * 12
    assert {each.standing for each in view.controls} == {Status.NOT_APPLICABLE}  # not a pass
    assert (view.completeness.whole, view.completeness.broken_shards) == (False, 3)
    assert view.resources == ()
    assert view.completeness.number(ShardStatus.MISSING) == 3


RULE = {
    "rule": "P#r1",
    "name": "daily",
    "vault": "arn:aws:backup:eu-west-1:1:backup-vault:main",
    "retention_days": 35,
}


def test_a_chain_names_rules_vaults_and_copies() -> None:
    copies = [
        {"rule": "P#r1", "destination": "D", "cross_region": True, "effective": False, "reason": "locked"},
        {"rule": "P#r1", "destination": "E", "cross_account": True, "effective": None},
        {"rule": "P#other", "destination": "F", "effective": True},
    ]
    cover = {"rule": "P#r1", "via": "instance", "parent": "arn:aws:ec2:r:a:instance/i-1"}
    found = chain([{"covered_by": [cover]}, {"rules": [RULE], "copies": copies}])
    assert found.covered is True
    result = {node.kind: node for node in found.root.walk() if node.kind is not NodeKind.COPY}
    assert result[NodeKind.PARENT].label == "instance/i-1"
    assert ("retention", "35 days") in result[NodeKind.RULE].facts
    assert result[NodeKind.VAULT].label == "main"
    assert [
        (copy.facts[0][1], copy.verdict, copy.because)
        for copy in found.root.walk()
        if copy.kind is NodeKind.COPY
    ] == [("another Region", Verdict.BROKEN, "Locked."), ("another account", Verdict.UNKNOWN, "")]


@pytest.mark.parametrize(
    ("details", "result", "covered"),
    [
        ({}, False, None),
        ({"covered_by": []}, True, False),
        ({"covered_by": [None]}, True, None),
        ({"rules": [RULE, None]}, True, True),
        ({"covered_by": "nonsense"}, True, None),
    ],
)
def test_a_chain_never_guesses(details: dict[str, object], *, result: bool, covered: bool | None) -> None:
    found = chain([details])
    assert (found.has_rules, found.covered) == (result, covered)
    assert found.newest_exists is None


def test_a_list_that_may_be_incomplete_says_so() -> None:
    found = chain([{"rules": [RULE, None], "copies": [None]}])
    more = [(node.label, node.verdict) for node in found.root.walk() if node.kind is NodeKind.MORE]
    assert more == [("Copies", Verdict.UNKNOWN), ("More rules", Verdict.UNKNOWN)]


@pytest.mark.parametrize(
    ("subject", "short"),
    [
        ("arn:aws:ec2:eu-west-1:111111111111:volume/vol-1", "volume/vol-1"),
        ("arn:aws:backup:eu-west-1:1:backup-plan:abc#r1", "abc#r1"),
        ("arn:aws:backup:r:1:backup-plan:abc#r1->arn:aws:backup:r:2:backup-vault:v", "abc#r1 \u2192 v"),
        ("aws:account-region:111111111111/eu-west-1", "111111111111/eu-west-1"),
        ("arn:aws:rds:r:1:db:a:b", "db:a:b"),
        ("no arn", "no arn"),
    ],
)
def test_subjects_are_shortened_to_what_tells_them_apart(subject: str, short: str) -> None:
    assert wording.short_name(subject) == short


ARN = "arn:aws:ec2:eu-west-1:111111111111:volume/vol-1"
COPY = "arn:aws:backup:r:1:backup-plan:abc#r1->arn:aws:backup:r:2:backup-vault:v"


@pytest.mark.parametrize(
    ("subject", "name", "title", "subtitle"),
    [
        (ARN, "ledger", "ledger", "volume/vol-1"),
        (ARN, "vol-1", "vol-1", ""),
        (ARN, "1", "1", "volume/vol-1"),
        (ARN, "", "volume/vol-1", ""),
        (ARN, "volume/vol-1", "volume/vol-1", ""),
        (ARN, "a -> b", "a -> b", "volume/vol-1"),
        ("arn:aws:rds:r:1:db:orders", "orders", "orders", ""),
        (COPY, "gold / daily -> v", "gold / daily \u2192 v", "abc#r1 \u2192 v"),
    ],
)
def test_a_subject_goes_by_its_name(subject: str, name: str, title: str, subtitle: str) -> None:
    assert (wording.title(subject, name), wording.subtitle(subject, name)) == (title, subtitle)


@pytest.mark.parametrize("details", [{}, {"name": None}, {"name": 7}, {"name": "  "}, {"name": ["x"]}])
def test_details_may_tell_no_name(details: dict[str, object]) -> None:
    assert wording.given_name(details) == ""


def test_a_resource_has_the_name_that_any_of_its_findings_tells(named: Scan) -> None:
    last = build(named).resources[-1]
    assert last.name == "billing-archive"
    one = replace(named, findings=tuple(replace(each, details={}) for each in last.findings[1:]))
    assert build(one).resources[0].name == ""


def test_hidden_characters_become_visible_and_scripts_stay() -> None:
    assert wording.visible("a\u202eb\x00\ud800") == "a\u2039U+202E\u203ab\u2039U+0000\u203a\u2039U+D800\u203a"
    assert wording.visible("\u05d0 \u0628 \U0001f9ca\tx\n") == "\u05d0 \u0628 \U0001f9ca\tx\n"


def test_words_for_numbers() -> None:
    assert wording.count_word(1, "read is", "reads are") == "1 read is"
    assert wording.count_word(1204, "account") == "1,204 accounts"
    assert [wording.days(each) for each in (1, 35, 999_999, None)] == [
        "1 day",
        "35 days",
        "never expires",
        "unknown retention",
    ]
    assert [wording.hours(each) for each in (13.0, 84.0, None)] == ["13 h", "3.5 days", "unknown"]
    assert wording.instant(None) == "not recorded"


def test_a_bar_shows_every_part_and_fills_its_width() -> None:
    laid = bars(count([Status.FAIL] + [Status.PASS] * 100_000 + [Status.NOT_APPLICABLE]))
    assert [status for status, _, _ in laid] == [Status.FAIL, Status.PASS]
    assert laid[0][2] > 0.5
    assert laid[1][1] + laid[1][2] == pytest.approx(100, abs=0.01)
    assert bars(count([])) == ()


def test_an_account_without_a_name_is_named_by_its_id(scan: Scan) -> None:
    view = build(replace(scan, manifest=replace(scan.manifest, accounts=())))
    assert view.account("111111111111") == "111111111111"
