"""The document is valid for compliance-trestle, its references lead somewhere, and nothing unknown is met."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from typing import Any, Final
from uuid import UUID

import jsonschema
import pytest

from scanner.model.compliance import (
    Assessment,
    DecidedSubjects,
    Figures,
    FrameworkView,
    Requirement,
    RequirementStatus,
    RequirementView,
    Score,
    Source,
    SubjectCounts,
    TagScope,
)
from scanner.model.decisions import Owner
from scanner.model.finding import Status
from scanner.model.known import EvidenceRef
from scanner.model.manifest import Manifest
from scanner.model.root_causes import Blocker, CauseKind, RootCause
from scanner.model.scan import REDACTED, Scan
from scanner.report.formats.oscal import EVIDENCE, oscal
from scanner.report.formats.oscal_requirements import NAMESPACE, RELATED, control_id, line, prose
from scanner.report.view import overview
from scanner.report.view.view import View, build
from tests.fakes.hostile import HOSTILE, planted
from tests.fakes.validators import OSCAL, there

# Trestle's modules import each other in a circle: the factory has to come first.
import_module("trestle.core.validator_factory")
CHECKS = import_module("trestle.core.all_validator").AllValidator()
MODEL = import_module("trestle.oscal.assessment_results").Model

REFERENCE: Final = re.compile(r"(^|-)uuids?$")


def text(scan: Scan) -> bytes:
    return b"".join(oscal(build(scan)))


def results(scan: Scan) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(text(scan))["assessment-results"]
    return document


def result(scan: Scan) -> dict[str, Any]:
    (only,) = results(scan)["results"]
    assert isinstance(only, dict)
    return only


def props(part: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in part["props"]}


def check(document: Any) -> None:
    model = MODEL.model_validate(document)
    assert CHECKS.model_is_valid(model.assessment_results, quiet=True, trestle_root=None)


def walk(part: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(part, dict):
        for key, value in part.items():
            yield key, value
            yield from walk(value)
    elif isinstance(part, list):
        for each in part:
            yield from walk(each)


def observed(scan: Scan, **changes: Any) -> dict[str, Any]:
    """Give the observation of the first failure, changed."""
    failure = next(each for each in scan.findings if each.status is Status.FAIL)
    made = result(replace(scan, findings=(replace(failure, **changes),)))
    (only,) = (each for each in made["observations"] if "fingerprint" in props(each))
    assert isinstance(only, dict)
    return only


def standing(scan: Scan, standing: RequirementStatus, **counts: int) -> Scan:
    """Give a scan of which one requirement of one framework stands so."""
    figures = Figures({Status(name): number for name, number in counts.items()})
    requirement = Requirement("CP-9(3)", "Kept apart", Source.STATED)
    view = RequirementView(requirement, standing, figures, 1, ((scan.controls[0].id, figures),))
    framework = FrameworkView("nist-800-53-r5", "NIST", "NIST", figures, (view,))
    return replace(scan, assessment=Assessment(Score({}, figures, {}), (framework,)))


@pytest.mark.slow
def test_trestle_takes_every_scan(scan: Scan, named: Scan, blind: Scan, empty: Scan, sample: Scan) -> None:
    manifest = Manifest(
        evaluated_as_of=empty.manifest.evaluated_as_of, scope=empty.manifest.scope, accounts=()
    )
    bare = replace(empty, controls=(), parameters={}, manifest=manifest)
    for each in (scan, named, blind, empty, bare, planted(scan), sample, replace(scan, redacted=True)):
        check(json.loads(text(each)))


def test_the_check_notices_what_is_not_valid(scan: Scan) -> None:
    document = json.loads(text(scan))
    document["assessment-results"]["results"][0]["observations"][0]["methods"] = []
    with pytest.raises(ValueError, match="methods"):
        check(document)


@pytest.mark.slow
@there(OSCAL)
def test_the_schema_of_nist_takes_every_scan(scan: Scan, blind: Scan, empty: Scan, sample: Scan) -> None:
    schema = OSCAL.read_text("utf-8")
    # Python's expressions have no classes of Unicode: letters and digits by their own names.
    schema = schema.replace(r"\\p{L}", r"[^\\W\\d_]").replace(r"\\p{N}", r"\\d")
    rules = jsonschema.Draft7Validator(json.loads(schema))
    for each in (scan, blind, empty, planted(scan), sample):
        assert [error.message for error in rules.iter_errors(json.loads(text(each)))] == []


def test_every_resource_of_the_back_matter_is_referred_to(scan: Scan, empty: Scan) -> None:
    for each in (scan, empty):
        document = results(each)
        hrefs = {value for key, value in walk(document) if key == "href"}
        assert {f"#{resource['uuid']}" for resource in document["back-matter"]["resources"]} <= hrefs


def test_an_observation_has_its_root_cause(scan: Scan) -> None:
    cause = RootCause(kind=CauseKind.VAULT_MISSING, subject="a:vault", account="1", region="eu-west-1")
    traced = props(observed(scan, root_cause=cause, blocked_by=Blocker("vault-locked", "a:vault")))
    names = ("root-cause", "root-cause-subject", "blocked-by")
    assert [traced[name] for name in names] == ["vault_missing", "a:vault", "vault-locked of a:vault"]
    assert not set(names) & set(props(observed(scan)))


def test_every_uuid_that_is_referred_to_is_there_once(scan: Scan, sample: Scan) -> None:
    for each in (scan, planted(scan), sample):
        document = results(each)
        own = [value for key, value in walk(document) if key == "uuid"]
        # The tool and the organization are told once each; a UUID is never told of two things.
        assert [name for name, number in Counter(own).items() if number > 1] == []
        assert {UUID(name).version for name in own} == {5}
        named = [value for key, value in walk(document) if REFERENCE.search(key) and key != "uuid"]
        flat = {name for value in named for name in (value if isinstance(value, list) else [value])}
        assert flat
        assert flat - set(own) == set()
        assert document["import-ap"]["href"].removeprefix("#") in own


def test_the_same_scan_gives_the_same_bytes(scan: Scan) -> None:
    assert text(scan) == text(scan)


def test_another_scan_has_other_observations_of_the_same_subjects(scan: Scan) -> None:
    later = replace(scan, manifest=replace(scan.manifest, scan_id="another"))
    one, two = result(scan), result(later)
    assert one["local-definitions"]["inventory-items"] == two["local-definitions"]["inventory-items"]
    assert not {each["uuid"] for each in one["observations"]} & {each["uuid"] for each in two["observations"]}


def test_an_observation_for_what_was_judged_or_is_open_and_all_are_counted(scan: Scan) -> None:
    made = result(planted(scan))
    answer = Counter((props(each)["control"], props(each)["status"]) for each in made["observations"]
                   if "status" in props(each))  # fmt: skip
    expected = Counter((each.control, each.status.value) for each in planted(scan).findings)
    assert answer == {key: n for key, n in expected.items() if key[1] != "not_applicable"}
    counted = {
        (props(each)["control"], status.value): int(props(each)[f"count-{status.value}"])
        for each in made["observations"] if "count-fail" in props(each)
        for status in Status
    }  # fmt: skip
    assert {key: number for key, number in counted.items() if number} == expected


@pytest.mark.parametrize("status", Status)
def test_what_is_unknown_says_so(scan: Scan, status: Status) -> None:
    if status is Status.NOT_APPLICABLE:
        failure = replace(scan.findings[0], status=status)  # type: ignore[index]
        answer = result(replace(scan, findings=(failure,)))["observations"]
        assert not any("fingerprint" in props(each) for each in answer)
        return
    assert props(observed(scan, status=status)).get("unknown") == (
        "true" if status in (Status.UNKNOWN, Status.ERROR) else None
    )


def test_nothing_unknown_is_satisfied(blind: Scan) -> None:
    made = result(blind)
    assert made["findings"]
    for each in made["findings"]:
        assert each["target"]["status"]["state"] == "not-satisfied"
        assert each["target"]["status"]["reason"] == "other"
        assert props(each)["unknown"] == "true"
    assert "risks" not in made


@pytest.mark.parametrize(
    ("how", "counts", "state", "reason"),
    [
        (RequirementStatus.MET, {"pass": 3}, "satisfied", "pass"),
        (RequirementStatus.FAILED, {"pass": 1, "fail": 2, "unknown": 1}, "not-satisfied", "fail"),
        (RequirementStatus.UNKNOWN, {"pass": 1, "error": 1}, "not-satisfied", "other"),
        (RequirementStatus.WAIVED, {"pass": 1, "waived": 1}, "not-satisfied", "other"),
    ],
)
def test_how_a_requirement_stands(
    scan: Scan, how: RequirementStatus, counts: dict[str, int], state: str, reason: str
) -> None:
    made = result(standing(scan, how, **counts))
    (finding,) = made["findings"]
    assert finding["target"]["target-id"] == "cp-9.3_smt"
    assert (finding["target"]["status"]["state"], finding["target"]["status"]["reason"]) == (state, reason)
    assert props(finding)["standing"] == how.value
    assert ("unknown" in props(finding)) == bool(counts.keys() & {"unknown", "error"})
    (selection,) = made["reviewed-controls"]["control-selections"]
    assert selection["include-controls"] == [{"control-id": "cp-9.3"}]


@pytest.mark.parametrize(
    "how", [RequirementStatus.NOT_COVERED, RequirementStatus.NOT_ASKED, RequirementStatus.NOT_APPLICABLE]
)
def test_what_was_not_reviewed_has_no_finding_and_is_told(scan: Scan, how: RequirementStatus) -> None:
    made = result(standing(scan, how))
    assert "findings" not in made
    assert "CP-9(3)" in made["reviewed-controls"]["remarks"]
    check(json.loads(text(standing(scan, how))))


def test_a_requirement_has_its_distinct_subjects_and_key_controls(scan: Scan) -> None:
    old = standing(scan, RequirementStatus.FAILED, fail=9)
    assert old.assessment is not None
    (framework,) = old.assessment.frameworks
    (view,) = framework.requirements
    key = view.controls[0][0]
    decided = DecidedSubjects((("vault", "vault", SubjectCounts(3, 1, 0, 8)),), view.figures)
    requirement = replace(view.requirement, key_controls=(key, "missing"))
    view = replace(view, requirement=requirement, decided=decided)
    framework = replace(framework, requirements=(view,), declared=TagScope((("data", ("cde",)),)))
    changed = replace(old, assessment=replace(old.assessment, frameworks=(framework,)))
    (finding,) = result(changed)["findings"]
    words = "Gaps: 3 of 12 vaults; 1 of its 2 key controls not evaluated; 1 unknown."
    assert words in finding["target"]["status"]["remarks"]
    named = props(finding)
    assert (named["subjects"], named["subjects-with-gaps"], named["subjects-unknown"]) == ("12", "3", "1")
    assert (named["declared-scope"], named["unknown"]) == ("data=cde", "true")
    assert [each["value"] for each in finding["props"] if each["name"] == "key-control"] == [key, "missing"]
    check(json.loads(text(changed)))


def test_failures_are_open_risks_and_waived_ones_approved(scan: Scan) -> None:
    made = result(scan)
    answer = {(props(each)["control"], each["status"]): props(each)["subjects"] for each in made["risks"]}
    counts = Counter((each.control, each.status) for each in scan.findings)
    words = {Status.FAIL: "open", Status.WAIVED: "deviation-approved"}
    assert answer == {
        (control, words[status]): str(number)
        for (control, status), number in counts.items()
        if status in words
    }
    waived = next(each for each in made["risks"] if each["status"] == "deviation-approved")
    (waiver,) = (each for each in waived["props"] if each["name"] == "waiver")
    assert waiver["value"] == "W-17"
    assert "2027-01-31" in waiver["remarks"]


def test_evidence_names_file_and_line_and_what_is_left_out(scan: Scan) -> None:
    refs = tuple(EvidenceRef("evidence/a b/c#d.jsonl.gz", number) for number in range(1, EVIDENCE + 4))
    made = observed(scan, evidence=refs)
    assert made["relevant-evidence"][1]["href"] == "evidence/a%20b/c%23d.jsonl.gz#L2"
    assert len(made["relevant-evidence"]) == EVIDENCE
    assert props(made)["evidence-left-out"] == "3"


def test_the_owner_is_named_or_nobody_or_unknown(scan: Scan) -> None:
    named = props(observed(scan, owner=Owner("payments", "tag team")))
    assert (named["owner-status"], named["owner"]) == ("named", "payments")
    for owner, word in ((Owner("", "nobody"), "nobody"), (Owner(None, "no tags"), "unknown")):
        answer = props(observed(scan, owner=owner))
        assert (answer["owner-status"], "owner" in answer) == (word, False)
    assert "owner-status" not in props(observed(scan, owner=None))


def test_what_is_left_out_is_counted(scan: Scan) -> None:
    view = build(scan)
    worst = tuple(each for each in view.worst if each.status is Status.FAIL)[:5]
    cut: View = replace(view, worst=worst)
    document = json.loads(b"".join(oscal(cut)))
    (made,) = document["assessment-results"]["results"]
    check(document)
    assert props(made)["observations-left-out"] == str(view.counts.asked - 5)
    assert "findings.jsonl.gz" in made["remarks"]
    assert sum("fingerprint" in props(each) for each in made["observations"]) == 5
    for each in made["findings"]:
        asked = sum(int(props(each)[f"count-{s.value}"]) for s in Status if s is not Status.NOT_APPLICABLE)
        subjects = len(each["related-observations"]) - _controls(each, made)
        assert int(props(each)["observations-left-out"]) == asked - subjects


def _controls(finding: dict[str, Any], made: dict[str, Any]) -> int:
    controls = {each["uuid"] for each in made["observations"] if "count-fail" in props(each)}
    return sum(each["observation-uuid"] in controls for each in finding["related-observations"])


def test_related_observations_are_bounded(scan: Scan) -> None:
    made = result(scan)
    assert (
        max(len(each["related-observations"]) - _controls(each, made) for each in made["findings"]) <= RELATED
    )
    assert overview.SHOWN == 20_000  # what docs/formats.md says


def test_a_redacted_copy_says_so(scan: Scan) -> None:
    metadata = results(replace(scan, redacted=True))["metadata"]
    assert props(metadata)["notice"] == REDACTED


def test_properties_are_in_our_namespace_but_those_of_oscal(scan: Scan) -> None:
    answer = [each for key, value in walk(results(scan)) if key == "props" for each in value]
    assert {each["name"] for each in answer if each.get("ns") != NAMESPACE} == {"asset-id", "type", "version"}


@pytest.mark.parametrize(
    ("framework", "requirement", "token"),
    [
        ("nist-800-53-r5", "CP-9(3)", "cp-9.3"),
        ("nist-800-53-r5", "SI-12", "si-12"),
        ("iso-27001-2022", "A.8.13", "iso-27001-2022_A.8.13"),
        ("dora", "12(6)", "dora_12-6"),
        ("0x", "1", "_0x_1"),
    ],
)
def test_requirements_as_tokens(framework: str, requirement: str, token: str) -> None:
    assert control_id(framework, requirement) == token


def test_tokens_of_odd_requirements_stay_apart() -> None:
    odd = ["a b", "a-b", "a:b", "a/b", *HOSTILE]
    tokens = [control_id("mine", each) for each in odd]
    assert len(set(tokens)) == len(odd)
    assert all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9._-]*", each) for each in tokens)


@pytest.mark.parametrize("value", [*HOSTILE, "", " ", "\n", "\u00a0x\u2003"])
def test_hostile_values_are_one_line_and_no_markup(value: str) -> None:
    assert re.fullmatch(r"\S(.*\S)?", line(value))
    assert "\n" not in prose(value)
    bare = re.sub(r"\\[!-/:-@\[-`{-~]", "x", prose(value))
    assert not re.search(r"[\\<>\[\]*`&{~^$]|^[#+=-]|^\d+[.)]|(^|\W)_|_($|\W)", bare)


def test_plain_sentences_stay_as_they_are() -> None:
    for text_ in (
        "CP-9(3) and 12(6): 3 of 4 subjects.",
        "iam_role of arn:aws:ec2:eu-west-1:1:volume/vol-1, 35 d.",
    ):
        assert prose(text_) == text_
    assert prose("1. a_ # *b*") == r"1\. a\_ # \*b\*"
