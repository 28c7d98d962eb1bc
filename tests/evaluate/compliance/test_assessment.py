"""Scores and standings: unknown is never passed, and nothing judged is no score."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import product

from scanner.evaluate.compliance.assessment import assess
from scanner.evaluate.controls.loader import load_controls
from scanner.evaluate.controls.requirements import load_standards
from scanner.model.compliance import Assessment, FrameworkView, RequirementStatus
from scanner.model.finding import Finding, Severity, Status
from scanner.model.manifest import ReadShare
from scanner.report.view.assessment import assessment_document, assessment_of
from tests.fakes.counted import Cell, counted, counts_of, groups_of

KNOWN = load_controls(("restore-tested", "restore-time-target", "resource-in-backup-plan"))
STANDARDS = load_standards(KNOWN)


def finding(
    status: Status, control: str = "restore-tested", severity: Severity = Severity.HIGH, n: int = 0
) -> Finding:
    return Finding(
        control=control,
        status=status,
        severity=severity,
        subject=f"s{n}",
        subject_type="EBS",
        account="111111111111",
        region="eu-west-1",
        reason="",
        details={"tier": "critical"} if n % 2 else {},
    )


def assessed(findings: Iterable[Finding], *ids: str, unlisted: frozenset[str] = frozenset()) -> Assessment:
    asked = [each for each in KNOWN if each.id in ids]
    cells: Counter[Cell] = Counter()
    assert tuple(counted(findings, cells)) == tuple(findings)
    units = {"111111111111": ("r-1", "ou-1")}
    groups = groups_of(findings, asked)
    return assess(counts_of(cells), groups, asked, STANDARDS, units, unlisted=unlisted)


def framework(found: Assessment, name: str) -> FrameworkView:
    return next(each for each in found.frameworks if each.id == name)


def standings(found: Assessment, name: str) -> dict[str, RequirementStatus]:
    return {each.requirement.id: each.standing for each in framework(found, name).requirements}


def test_nothing_judged_is_no_score_and_not_a_hundred() -> None:
    for findings in (
        [],
        [finding(Status.UNKNOWN)],
        [finding(Status.NOT_APPLICABLE)],
        [finding(Status.ERROR)],
    ):
        total = assessed(findings, "restore-tested").score.total
        assert total.percent is None
        assert total.score is None
        assert assessment_document(assessed(findings, "restore-tested"))["score"]["total"]["score"] is None


def test_a_score_weighs_by_severity_and_leaves_unknown_out() -> None:
    found = assessed(
        [
            finding(Status.PASS, severity=Severity.CRITICAL),
            finding(Status.FAIL, severity=Severity.HIGH, n=1),
            finding(Status.WAIVED, severity=Severity.LOW, n=2),
            finding(Status.UNKNOWN, severity=Severity.CRITICAL, n=3),
        ],
        "restore-tested",
    ).score
    assert (found.total.weight_passed, found.total.weight_judged) == (20, 32)
    assert (found.total.passed, found.total.judged, found.total.open) == (1, 3, 1)
    assert found.groups["tier"]["critical"].judged == 1
    assert found.groups["ou"]["ou-1"].judged == 3


def test_every_group_has_all_checks_with_numerator_and_denominator() -> None:
    tiers: tuple[dict[str, str | None], ...] = ({}, {"tier": ""}, {"tier": "gold"}, {"tier": None})
    findings = [
        replace(
            finding(status, n=number, control=control),
            account=account,
            region=region,
            subject_type=kind,
            details=details,
        )
        for number, (status, control, account, region, kind, details) in enumerate(
            product(
                Status,
                ("restore-tested", "restore-time-target"),
                ("111111111111", "222222222222"),
                ("eu-west-1", "aws-global"),
                ("EBS", "vault"),
                tiers,
            )
        )
    ]
    groups = assessed(findings, "restore-tested", "restore-time-target").score.groups
    assert {name: sorted(members) for name, members in groups.items()} == {
        "control": ["restore-tested", "restore-time-target"],
        "account": ["111111111111", "222222222222"],
        "ou": ["", "ou-1", "r-1"],
        "region": ["aws-global", "eu-west-1"],
        "type": ["EBS", "vault"],
        "tier": ["", "gold", "not known"],
    }
    for name, members in groups.items():
        result = {key: each for key, each in members.items() if (name, key) != ("ou", "r-1")}
        assert sum(each.total for each in result.values()) == len(findings), name
        for each in members.values():
            assert (each.passed, each.judged, each.open) == (
                each.total / 6,
                each.total / 2,
                each.total / 3,
            )


def test_an_account_counts_in_every_unit_above_it() -> None:
    cells: Counter[Cell] = Counter()
    accounts = ("111111111111", "222222222222", "333333333333")
    findings = [replace(finding(Status.PASS), account=account) for account in accounts]
    assert len([*counted(findings, cells)]) == len(findings)
    units = {accounts[0]: ("r-1", "ou-a", "ou-b"), accounts[1]: ("r-1", "ou-a")}
    found = assess(counts_of(cells), groups_of(findings, KNOWN), KNOWN, STANDARDS, units).score
    result = {unit: each.judged for unit, each in found.groups["ou"].items()}
    assert result == {"r-1": 2, "ou-a": 2, "ou-b": 1, "": 1}
    assert found.total.judged == len(findings)


def test_no_score_where_less_than_half_of_the_scope_was_read() -> None:
    cells: Counter[Cell] = Counter()
    findings = [finding(Status.PASS, n=1), finding(Status.FAIL, n=2)]
    assert len([*counted(findings, cells)]) == len(findings)
    groups = groups_of(findings, KNOWN)
    half, less = (
        assess(counts_of(cells), groups, KNOWN, STANDARDS, {}, ReadShare(read, 4)) for read in (2, 1)
    )
    assert (half.score.withheld, half.score.total.score) == ("", 50)
    assert less.score.withheld == "only 1 of 4 account-Regions in scope could be read"
    figures = [less.score.total, *(each for group in less.score.groups.values() for each in group.values())]
    figures += [each.figures for each in less.frameworks]
    assert {(each.score, each.percent) for each in figures} == {(None, None)}
    assert less.score.total.judged == 2  # counts stay
    document = assessment_document(less)
    assert (document["score"]["withheld"], document["score"]["total"]["score"]) == (
        less.score.withheld,
        None,
    )
    assert assessment_of(document) == less


def test_no_score_where_less_than_half_of_the_checks_were_evaluated() -> None:
    known = [finding(Status.PASS, n=1), finding(Status.UNKNOWN, n=2)]
    assert assessed(known, "restore-tested").score.total.score == 100
    score = assessed([*known, finding(Status.ERROR, n=3)], "restore-tested").score
    assert (score.total.score, score.withheld) == (None, "only 1 of 3 checks could be evaluated")
    not_asked = finding(Status.NOT_APPLICABLE, n=3)
    assert assessed([*known, not_asked], "restore-tested").score.withheld == ""


def test_a_requirement_stands_as_the_worst_of_its_checks_for_every_mix() -> None:
    order = [
        ({Status.FAIL}, RequirementStatus.FAILED),
        ({Status.UNKNOWN, Status.ERROR}, RequirementStatus.UNKNOWN),
        ({Status.WAIVED}, RequirementStatus.WAIVED),
        ({Status.PASS}, RequirementStatus.MET),
        ({Status.NOT_APPLICABLE}, RequirementStatus.NOT_APPLICABLE),
    ]
    for one, two in product(Status, repeat=2):
        expected = next(standing for statuses, standing in order if statuses & {one, two})
        found = assessed([finding(one), finding(two, n=1)], "restore-tested")
        assert standings(found, "cis-controls-8")["11.5"] is expected


def test_a_requirement_is_not_met_by_controls_whose_subjects_were_not_listed() -> None:
    for status in (Status.PASS, Status.WAIVED, Status.NOT_APPLICABLE, Status.UNKNOWN):
        found = assessed([finding(status)], "restore-tested", unlisted=frozenset(("restore-tested",)))
        assert standings(found, "cis-controls-8")["11.5"] is RequirementStatus.UNKNOWN
    for findings, standing in (
        ([], RequirementStatus.UNKNOWN),
        ([finding(Status.FAIL)], RequirementStatus.FAILED),
    ):
        found = assessed(findings, "restore-tested", unlisted=frozenset(("restore-tested",)))
        assert standings(found, "cis-controls-8")["11.5"] is standing


def test_what_no_selected_control_serves_is_not_asked_and_what_none_serves_not_covered() -> None:
    found = standings(assessed([finding(Status.PASS)], "restore-tested"), "cis-controls-8")
    assert found == {
        "11.1": RequirementStatus.NOT_COVERED,
        "11.2": RequirementStatus.NOT_ASKED,
        "11.3": RequirementStatus.NOT_ASKED,
        "11.4": RequirementStatus.NOT_ASKED,
        "11.5": RequirementStatus.MET,
    }


def test_a_requirement_names_those_of_its_controls_that_were_not_evaluated() -> None:
    for selected, standing in (
        ("restore-tested", RequirementStatus.MET),  # the key control
        ("restore-time-target", RequirementStatus.NOT_ASKED),
    ):
        found = assessed([finding(Status.PASS, selected)], selected)
        for view in framework(found, "dora").requirements:
            serving = {each.id for each in KNOWN if view.requirement.id in each.frameworks.get("dora", ())}
            assert {name for name, _ in view.controls} == serving & {selected}
            assert set(view.not_evaluated) == serving - {selected}
        assert standings(found, "dora")["11(6)"] is standing
        again = assessment_of(assessment_document(found))
        assert again == found


def test_a_requirement_counts_its_subjects_once_however_many_controls_ask_them() -> None:
    both = ("restore-tested", "restore-time-target")
    found = assessed([finding(Status.PASS, name, n=n) for name in both for n in range(3)], *both)
    view = next(each for each in framework(found, "dora").requirements if each.requirement.id == "11(6)")
    assert (view.subjects, view.figures.judged) == (3, 6)
    assert framework(found, "dora").figures.judged == 6


def test_an_assessment_comes_back_from_its_document() -> None:
    found = assessed([finding(Status.PASS), finding(Status.FAIL, n=1)], "restore-tested")
    document = assessment_document(found)
    again = assessment_of(document)
    assert again == found
    assert assessment_document(again) == document
    assert assessment_of({"controls": {}}) is None
