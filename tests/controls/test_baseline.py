"""Every packaged control says whether it is in the baseline, and why; the pack is what they say."""

import re
from pathlib import Path

import pytest

from scanner.errors import ConfigurationError
from scanner.evaluate.controls.loader import load_controls
from scanner.evaluate.controls.selection import select
from scanner.model.control import BASELINE, Control

CONTROLS = load_controls()
IDS = frozenset(control.id for control in CONTROLS)

OWN = """\
id: {id}
title: It has a tag
severity: low
subject: resource
{baseline}
population: assessable
require: covered
reason: It is not covered.
motivation: Because.
remediation: {{text: Do it., cli: aws}}
"""


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.id)
def test_a_packaged_control_says_in_one_sentence_why_it_is_in_the_baseline_or_not(control: Control) -> None:
    assert control.baseline is not None
    reason = control.baseline.reason
    assert re.fullmatch(r"[A-Z][^.]*(\.[a-z][^.]*)*\.", reason), reason
    # Ids that a reason names exist, and what a reason refers to is evaluated by default.
    for name in re.findall(r"\b[a-z]+(?:-[a-z]+){2,}\b", reason):
        if name in IDS:
            assert name in {row.id for row in CONTROLS if row.is_baseline}


def test_the_pack_has_exactly_the_controls_that_say_so() -> None:
    selection = select((BASELINE,))
    assert {control.id for control in selection.controls} == {
        control.id for control in CONTROLS if control.is_baseline
    }
    # With parameters of its own a finding would have another verdict than with all controls.
    assert selection.parameters == {}


def test_the_baseline_covers_what_nearly_every_organisation_wants_and_no_more_than_half() -> None:
    ids = {control.id for control in select((BASELINE,)).controls}
    assert ids >= {
        *("resource-in-backup-plan", "resource-backed-up-recently", "resource-retention"),
        *("recovery-point-encrypted", "vault-manual-deletion-denied", "vault-locked", "copy-arrives"),
        *("backup-jobs-succeed", "restore-tested", "account-region-assessed"),
    }
    assert len(ids) < len(IDS) / 2


def own(folder: Path, name: str, baseline: str = "") -> Path:
    (folder / f"{name}.yaml").write_text(OWN.format(id=name, baseline=baseline))
    return folder


def test_an_own_control_need_not_say_it_and_one_that_does_is_in_the_pack(tmp_path: Path) -> None:
    own(tmp_path, "without")
    own(tmp_path, "within", "baseline: {included: true, reason: All need it.}")
    (tmp_path / "packs").mkdir()
    (tmp_path / "packs" / "strict.yaml").write_text(
        "id: strict\ntitle: T\ndescription: D\ncontrols: baseline\n"
        "parameters: {vault-locked: {mode: compliance}}\n"
    )
    selection = select((str(tmp_path / "packs" / "strict.yaml"),))
    ids = {control.id for control in selection.controls}
    assert "within" in ids
    assert "without" not in ids
    assert selection.parameters == {"vault-locked": {"mode": "compliance"}}


@pytest.mark.parametrize(
    ("baseline", "message"),
    [
        ("baseline: {included: true}", "baseline.reason: the key is missing"),
        ("baseline: {included: 1, reason: R.}", "baseline.included: this is to be true or false"),
        ("baseline: yes", "baseline: this is to be a mapping"),
        ("baseline: {included: true, reason: R., because: B}", "because"),
    ],
)
def test_a_wrong_baseline_is_reported_with_its_line(tmp_path: Path, baseline: str, message: str) -> None:
    own(tmp_path, "wrong", baseline)
    with pytest.raises(ConfigurationError) as raised:
        select((str(tmp_path),))
    (mistake,) = raised.value.mistakes
    assert message in str(mistake)
    assert "wrong.yaml:5" in str(mistake)
