"""Packs, aliases and frameworks as files: what they select, and every mistake at once."""

from pathlib import Path

import pytest

from scanner import resources
from scanner.errors import ConfigurationError
from scanner.evaluate.compliance.audit_manager import COUNTERPARTS
from scanner.evaluate.controls.requirements import load_frameworks, load_standards, unknown_requirements
from scanner.evaluate.controls.selection import select

CONTROL = """\
id: {id}
title: It has a tag
severity: low
subject: resource
population: assessable
require: covered
reason: It is not covered.
motivation: Because.
remediation: {{text: Do it., cli: aws}}
{more}
"""


def control(folder: Path, name: str, more: str = "") -> Path:
    (folder / f"{name}.yaml").write_text(CONTROL.format(id=name, more=more))
    return folder


def pack(folder: Path, name: str, body: str) -> Path:
    (folder / "packs").mkdir(exist_ok=True)
    file = folder / "packs" / f"{name}.yaml"
    file.write_text(f"id: {name}\ntitle: T\ndescription: D\n{body}")
    return file


def told(*words: str) -> str:
    with pytest.raises(ConfigurationError) as raised:
        select(words)
    return "\n".join(map(str, raised.value.mistakes))


def test_the_audit_manager_pack_has_the_counterpart_of_each_of_its_controls_and_says_where_they_differ() -> (
    None
):
    (found,) = select(("aws-backup-audit-manager",)).chosen
    assert found.controls == tuple(sorted(each.control for each in COUNTERPARTS.values()))
    assert found.differences.keys() == set(found.controls)


def test_a_framework_pack_has_every_control_that_serves_it_and_no_other() -> None:
    selection = select(("dora",))
    serving = {each.id for each in selection.all_controls if "dora" in each.frameworks}
    assert {each.id for each in selection.controls} == serving
    assert serving < {each.id for each in selection.all_controls}


def test_every_shipped_mapping_leads_to_a_requirement_and_every_pack_of_a_framework_to_a_framework() -> None:
    selection, frameworks = select(), load_frameworks()
    assert [
        found for each in selection.all_controls for found in unknown_requirements(each, frameworks)
    ] == []
    assert {each.framework for each in selection.packs if each.framework} == {each.id for each in frameworks}


def test_ids_packs_folders_and_pack_files_mix(tmp_path: Path) -> None:
    control(tmp_path, "ours")
    file = pack(
        tmp_path, "small", "controls: [ours, vault-locked]\nparameters: {vault-locked: {mode: compliance}}"
    )
    alone = select((str(file),))
    assert [each.id for each in alone.controls] == ["ours", "vault-locked"]
    assert alone.parameters == {"vault-locked": {"mode": "compliance"}}
    mixed = select((str(tmp_path), "small", "dora", "restore-tested"))
    assert {"ours", "vault-locked", "restore-tested", "restore-time-target"} <= {
        one.id for one in mixed.controls
    }


def test_what_lies_beside_packs_and_is_no_control_is_not_read(tmp_path: Path) -> None:
    control(tmp_path, "ours")
    file = pack(tmp_path, "small", "controls: [ours]")
    (tmp_path / "audit.yaml").write_text("waivers: []\n")
    assert [each.id for each in select((str(file),)).controls] == ["ours"]
    assert "audit.yaml:1: this is no control (keep other files in another folder" in told(str(tmp_path))
    (tmp_path / "theirs.yaml").write_text("require: covered\n")
    assert "theirs.yaml:1: id: the key is missing" in told(str(file))


def test_an_alias_selects_the_control_that_it_stands_for_with_a_notice(tmp_path: Path) -> None:
    control(tmp_path, "ours", "aliases: [formerly-ours]")
    found = select((str(tmp_path), "formerly-ours"))
    assert [each.id for each in found.controls] == ["ours"]
    assert any("formerly-ours is now called ours" in notice for notice in found.notices)


def test_an_alias_that_is_an_id_is_a_mistake(tmp_path: Path) -> None:
    control(tmp_path, "ours", "aliases: [vault-locked]")
    assert "is taken by" in told(str(tmp_path))
    control(tmp_path, "ours", "aliases: [ours]")
    assert "alias" in told(str(tmp_path))


def test_all_mistakes_of_a_pack_are_told_at_once(tmp_path: Path) -> None:
    control(tmp_path, "ours")
    pack(
        tmp_path,
        "bad",
        "controls: [ours, vault-loked]\n"
        "parameters: {ours: {x: 1}, restore-tested: {}}\ndifferences: {nobody: x}",
    )
    text = told(str(tmp_path))
    assert "bad.yaml:4: there is no control 'vault-loked'" in text
    assert "did you mean vault-locked" in text
    assert "ours has no parameter 'x'" in text
    assert "the pack has no control 'restore-tested'" in text
    assert "the pack has no control 'nobody'" in text


@pytest.mark.parametrize(
    "body", ["", "controls: []", "controls: all\nframework: dora", "controls: 3", "kontrols: all"]
)
def test_a_pack_without_a_selection_is_a_mistake(tmp_path: Path, body: str) -> None:
    control(tmp_path, "ours")
    pack(tmp_path, "bad", body)
    assert "bad.yaml" in told(str(tmp_path))


def test_packs_that_set_one_parameter_otherwise_are_not_mixed(tmp_path: Path) -> None:
    file = pack(tmp_path, "other", "controls: [vault-locked]\nparameters: {vault-locked: {mode: governance}}")
    assert "another selected pack sets mode" in told("ransomware-resilience", str(file))


def test_a_control_that_is_named_as_a_pack_is_the_only_mistake() -> None:
    file = resources.controls_folder() / "vault-locked.yaml"
    with pytest.raises(ConfigurationError) as raised:
        select((f"{file}",))
    (mistake,) = raised.value.mistakes
    assert mistake.message == "this is the file of a control, not of a pack"
    assert "vault-locked" in mistake.hint


def test_a_misspelt_word_is_told_with_what_was_meant() -> None:
    assert "did you mean ransomware-resilience" in told("ransomware-resilience-pack")


def test_a_framework_of_theirs_adds_requirements_and_a_wrong_one_is_told(tmp_path: Path) -> None:
    (tmp_path / "frameworks").mkdir()
    file = tmp_path / "frameworks" / "ours.yaml"
    file.write_text('id: ours\ntitle: T\nsource: S\nrequirements:\n  "1": {title: R, source: reading}\n')
    assert "ours" in {each.id for each in load_standards((), folders=[tmp_path]).frameworks}
    file.write_text('id: ours\ntitle: T\nsource: S\nrequirements:\n  "1": {source: reading}\n')
    ours = next(each for each in load_standards((), folders=[tmp_path]).frameworks if each.id == "ours")
    assert [each.title for each in ours.requirements] == [""]
    file.write_text('id: ours\ntitle: T\nsource: S\nrequirements:\n  "1": {title: R, source: guess}\n')
    with pytest.raises(ConfigurationError, match=r"ours\.yaml"):
        load_standards((), folders=[tmp_path])


@pytest.mark.parametrize(
    ("key_controls", "mistake"),
    [
        ("[ours]", ""),
        ("[vault-locked]", "the control 'vault-locked' does not name the requirement"),
        ("[our]", "there is no control 'our' (did you mean ours"),
        ("[ours, ours]", "'ours' is listed twice"),
        ("[]", "list should have at least 1 item"),
        ("[a, b, c, d, e, f]", "this has 6 entries, 5 are allowed"),
        ("ours", "this is to be a list"),
    ],
)
def test_key_controls_of_an_own_framework_are_looked_up(
    tmp_path: Path, key_controls: str, mistake: str
) -> None:
    control(tmp_path, "ours", "frameworks: {ours: ['1']}")
    file = tmp_path / "frameworks" / "ours.yaml"
    file.parent.mkdir()
    file.write_text(
        f'id: ours\ntitle: T\nsource: S\nrequirements:\n  "1":\n    key_controls: {key_controls}\n'
    )
    controls = select((str(tmp_path),)).all_controls
    if not mistake:
        (ours,) = (each for each in load_frameworks([tmp_path], controls) if each.id == "ours")
        assert ours.requirements[0].key_controls == ("ours",)
        return
    with pytest.raises(ConfigurationError) as raised:
        load_standards(controls, folders=[tmp_path])
    (only,) = raised.value.mistakes
    assert f"ours.yaml:6: requirements.1.key_controls: {mistake}" in str(only)


def test_an_own_control_may_replace_a_key_control_of_a_packaged_framework(tmp_path: Path) -> None:
    control(tmp_path, "recovery-point-clean")
    standards = load_standards(select((str(tmp_path),)).all_controls, folders=[tmp_path])
    own = next(each for each in standards.all_controls if each.id == "recovery-point-clean")
    assert own.file.startswith(str(tmp_path))
