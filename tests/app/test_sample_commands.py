"""The commands of every failure of the sample: complete, and valid by botocore's models of the services."""

from collections import Counter
from itertools import pairwise
from pathlib import Path
from shutil import copytree

import pytest

from scanner.app.judged import read_judged
from scanner.model.finding import Finding, Status
from scanner.report.commands.placeholders import PLACEHOLDER
from scanner.report.view.view import View, build
from scripts.sample_reports import BUNDLE, audit
from tests.report.commands.cli_model import complaints

pytestmark = pytest.mark.slow

# What the scan can not know: choices of the user, and what was not read.
CHOICES = {"OTHER_REGION", "KEY_ARN", "TOPIC_ARN", "TEAM_ARN", "POLICY_ID", "TAG_KEY", "TAG_VALUE"}


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> View:
    scan = tmp_path_factory.mktemp("sample") / "scan"
    copytree(BUNDLE, scan)
    audit("evaluate", scan, "--format", "json", "--quiet")
    return build(read_judged(Path(scan)))


@pytest.fixture(scope="module")
def failures(view: View) -> list[tuple[Finding, list[str]]]:
    failed = (finding for finding in view.findings if finding.status is Status.FAIL)
    pairs = ((finding, view.to_do(finding)) for finding in failed)
    return [(finding, to_do.cli.splitlines()) for finding, to_do in pairs if to_do is not None]


def commands(lines: list[str]) -> list[str]:
    return [line for line in lines if not line.startswith("#")]


def test_every_failure_has_commands_but_those_of_waivers(
    view: View, failures: list[tuple[Finding, list[str]]]
) -> None:
    # Images that may not leave their account, and plans without a rule, take more than a command.
    without = Counter(finding.control for finding, lines in failures if not commands(lines))
    assert set(without) <= {"waiver-expired", "resource-cross-account-copy", "resource-in-backup-plan"}
    assert len(failures) == view.counts.failed


def test_every_command_is_one_of_the_service(failures: list[tuple[Finding, list[str]]]) -> None:
    lines = {line for _, lines in failures for line in commands(lines) if line.startswith("aws ")}
    assert len(lines) > 400
    assert [complaint for line in sorted(lines) for complaint in complaints(line)] == []


def test_what_the_scan_knows_is_filled(failures: list[tuple[Finding, list[str]]]) -> None:
    left: Counter[tuple[str, str]] = Counter()
    for finding, lines in failures:
        for command in commands(lines):
            for name in set(PLACEHOLDER.findall(command)) - CHOICES:
                left[name, finding.control] += 1
                assert any(line.startswith(f"# {name}: ") for line in lines), (finding, name)
    # PLAN_ID: account-Regions have no plan, or several; JOB_ID: the command before lists the jobs.
    allowed = {"PLAN_ID", "VAULT_NAME", "JOB_ID"}
    assert {name for name, _ in left} <= allowed
    assert left.total() <= 25


def test_every_region_is_named(failures: list[tuple[Finding, list[str]]]) -> None:
    without = {
        line.split()[1]
        for _, lines in failures
        for line in commands(lines)
        if line.startswith("aws ") and "--region" not in line
    }
    assert without <= {"iam", "organizations"}


def test_nothing_irreversible_comes_without_a_mark(failures: list[tuple[Finding, list[str]]]) -> None:
    for _, lines in failures:
        for before, line in pairwise(lines):
            if "create-logically-air-gapped-backup-vault" in line and not line.startswith("#"):
                assert "cannot be undone" in before
            assert "--changeable-for-days" not in line or line.startswith("# ")


def test_the_first_command_of_a_table_whose_vault_is_missing_creates_the_vault(
    failures: list[tuple[Finding, list[str]]],
) -> None:
    (lines,) = (
        lines
        for finding, lines in failures
        if finding.subject.endswith(":table/audit-trail") and finding.control == "resource-backed-up-recently"
    )
    assert [line.split()[2] for line in commands(lines)] == [
        "create-backup-vault",
        "list-backup-jobs",
        "start-backup-job",
    ]
