"""`audit run` evaluates the baseline by default, `audit evaluate` all controls if the bundle stores none."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from scanner.app.judged import read_judged
from scanner.cli.commands import audit
from scanner.evaluate.controls.loader import load_controls
from scanner.report.view.view import build
from tests.cli.conftest import bundle_of_two_volumes

ALL_IDS = frozenset(control.id for control in load_controls())
BASELINE_IDS = frozenset(control.id for control in load_controls() if control.is_baseline)


pytestmark = pytest.mark.usefixtures("two_volumes_collected")


def audited(*words: str | Path) -> Result:
    done = CliRunner().invoke(audit, [*map(str, words), "--format", "json"])
    assert done.exit_code == 0, (done.stderr, done.exception)
    return done


def controls_of(scan: Path) -> set[str]:
    return {control["id"] for control in json.loads((scan / "findings.json").read_bytes())["controls"]}


def test_a_scan_evaluates_the_baseline_and_repeats_it_unless_others_are_named(tmp_path: Path) -> None:
    scan, again, every = (tmp_path / name for name in ("scan", "again", "every"))
    audited("run", "--out", scan)
    assert controls_of(scan) == BASELINE_IDS
    assert "reads" not in json.loads((scan / "manifest.json").read_bytes())
    repeated = audited("evaluate", scan, "--out", again)
    assert "inputs/audit.yaml: controls baseline" in repeated.stderr
    assert controls_of(again) == BASELINE_IDS
    audited("evaluate", scan, "--config", scan / "inputs" / "audit.yaml", "--controls", "all", "--out", every)
    assert controls_of(every) == ALL_IDS
    # The verdicts of the baseline are those of all controls.
    both = [json.loads((folder / "findings.json").read_bytes())["findings"] for folder in (scan, every)]
    statuses = [{(row["control"], row["subject"]): row["status"] for row in rows} for rows in both]
    assert statuses[0].items() <= statuses[1].items()


def test_a_bundle_of_others_is_evaluated_with_all_controls(tmp_path: Path) -> None:
    bundle = bundle_of_two_volumes(tmp_path / "bundle")
    done = audited("evaluate", bundle, "--out", tmp_path / "judged")
    assert "using the default settings and all packaged controls" in done.stderr
    assert controls_of(tmp_path / "judged") == ALL_IDS


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Judge one bundle by all controls, by the baseline, and by each compared with the other."""
    base = tmp_path_factory.mktemp("scans")
    folders = {name: bundle_of_two_volumes(base / name) for name in ("all", "baseline", "fewer", "more")}
    formats = ["--format", "json,html,markdown", "-q"]
    for name, controls, since in (
        ("all", "all", None),
        ("baseline", "baseline", None),
        ("fewer", "baseline", "all"),
        ("more", "all", "baseline"),
    ):
        words = ["evaluate", str(folders[name]), "--controls", controls, *formats]
        done = CliRunner().invoke(audit, [*words, *(["--since", str(folders[since])] if since else [])])
        assert done.exit_code == 0, (done.stderr, done.exception)
    return folders


def failing(scan: Path) -> set[tuple[str, str]]:
    findings = json.loads((scan / "findings.json").read_bytes())["findings"]
    return {(row["control"], row["subject"]) for row in findings if row["status"] == "fail"}


def changes(old: Path, new: Path, *words: str, code: int = 0) -> dict[str, dict[tuple[str, str], str]]:
    done = CliRunner().invoke(audit, ["diff", str(old), str(new), "--format", "json", *words])
    assert done.exit_code == code, (done.stderr, done.exception)
    kinds: dict[str, dict[tuple[str, str], str]] = {}
    for change in json.loads(done.stdout)["changes"]:
        kinds.setdefault(change["kind"], {})[change["control"], change["subject"]] = change["why"]
    return kinds


def test_a_control_that_is_no_longer_evaluated_is_neither_fixed_nor_deleted(scans: dict[str, Path]) -> None:
    gone = {key for key in failing(scans["all"]) if key[0] not in BASELINE_IDS}
    assert gone
    kinds = changes(scans["all"], scans["baseline"])
    assert gone <= kinds["not_asked"].keys()
    assert set(kinds["not_asked"].values()) == {"The control was not run."}
    assert not kinds.keys() & {"fixed", "deleted", "no_longer_asked", "new", "not_known"}


def test_a_control_that_is_evaluated_for_the_first_time_raises_no_alarm(scans: dict[str, Path]) -> None:
    came = {key for key in failing(scans["all"]) if key[0] not in BASELINE_IDS}
    kinds = changes(scans["baseline"], scans["all"], "--fail-on", "low")
    assert kinds["changed_rule"].keys() == came
    assert set(kinds["changed_rule"].values()) == {"The earlier scan did not run this control."}
    assert not kinds.keys() & {"new", "reopened", "fixed"}


@pytest.mark.parametrize("name", ["fewer", "more"])
def test_the_scores_of_different_controls_are_not_compared(scans: dict[str, Path], name: str) -> None:
    summary = json.loads((scans[name] / "summary.json").read_bytes())["summary"]
    assert summary["changes"]["since"]["same_controls"] is False
    note = "The scans evaluated different controls, so their totals and scores cannot be compared."
    assert note in summary["changes"]["notes"]
    assert summary["changes"]["alarm"] is None
    page = (scans[name] / "summary.md").read_text("utf-8")
    assert "The score was" not in page
    assert note in page
    view = build(read_judged(scans[name]))
    assert view.trend is not None
    assert view.trend.score_was is not None
    assert view.trend.score_change == ""


def test_reports_say_which_controls_were_evaluated_and_how_to_evaluate_the_others(
    scans: dict[str, Path],
) -> None:
    number, total = len(BASELINE_IDS), len(ALL_IDS)
    sentence = (
        f"Evaluated: the pack baseline, {number} of {total} controls. The other {total - number} were not "
        "evaluated and count nowhere; --controls all evaluates them."
    )
    scan = scans["baseline"]
    assert build(read_judged(scan)).selection_sentence == sentence
    page = (scan / "report.html").read_text("utf-8")
    assert page.count(sentence) >= 2
    assert 'id="not-evaluated"' in page
    markdown = (scan / "summary.md").read_text("utf-8")
    assert "`--controls all` evaluates them." in markdown
    assert f"{number} controls and " in markdown
    for name in ALL_IDS - BASELINE_IDS:
        assert f"<code>{name}</code>" in page
        assert f"`{name}`" in markdown
    selection = json.loads((scan / "summary.json").read_bytes())["summary"]["selection"]
    assert selection["controls"] == ["baseline"]
    assert selection["evaluated"] == number
    assert {row["id"] for row in selection["not_evaluated"]} == ALL_IDS - BASELINE_IDS
    assert all(row["baseline"]["reason"] for row in selection["not_evaluated"])
    every = build(read_judged(scans["all"]))
    assert every.selection_sentence == f"Evaluated: all {total} controls."
    assert 'id="not-evaluated"' not in (scans["all"] / "report.html").read_text("utf-8")
