"""An id of former times keeps working: in parameters, waivers, `--controls`, packs and `show`."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scanner.cli.commands import audit
from tests.fakes.bundles import BundleBuilder, volume_arn

OURS = """\
id: volumes-named
title: Volumes have few tags
severity: low
subject: resource
population: assessable
require: len(tags) <= $most
reason: "It has {len(tags)} tags; {$most} are allowed."
parameters: {most: {default: 5, minimum: 0, doc: The most tags.}}
aliases: [volumes-tagged, tags-of-volumes]
motivation: Nobody reads them.
remediation: {text: Take some off.}
"""
CONFIG = """\
parameters:
  controls:
    volumes-tagged: {most: 1}
waivers:
  - id: W-1
    control: tags-of-volumes
    subject: "*waived"
    owner: me
    approver: you
    reason: a lab
    expires: 2030-01-31
"""
PACK = "id: our-pack\ntitle: Ours\ndescription: Ours.\ncontrols: [volumes-tagged]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    bundle = BundleBuilder(tmp_path / "scan")
    shard = bundle.shard().volume("one", {"a": "1"})
    for name in ("two", "waived"):
        shard.volume(name, {"a": "1", "b": "2"})
    bundle.write()
    (tmp_path / "ours" / "packs").mkdir(parents=True)
    (tmp_path / "ours" / "volumes-named.yaml").write_text(OURS)
    (tmp_path / "ours" / "packs" / "our-pack.yaml").write_text(PACK)
    (tmp_path / "audit.yaml").write_text(CONFIG)
    return tmp_path


def judged(folder: Path, *words: str) -> tuple[dict[str, dict[str, Any]], str]:
    controls = [part for word in words for part in ("--controls", word)]
    asked = ["evaluate", str(folder / "scan"), "--out", str(folder / "out"), "--format", "json"]
    result = CliRunner().invoke(audit, [*asked, "--config", str(folder / "audit.yaml"), *controls])
    assert result.exit_code == 0, result.stderr
    with gzip.open(folder / "out" / "findings.jsonl.gz") as lines:
        findings = [json.loads(line) for line in lines]
    assert {each["control"] for each in findings} == {"volumes-named"}
    return {each["subject"]: each for each in findings}, result.stderr


@pytest.mark.parametrize("word", ["volumes-tagged", "tags-of-volumes", "our-pack", "volumes-named"])
def test_former_ids_select_set_and_waive(folder: Path, word: str) -> None:
    other = "resource-in-backup-plan"
    found, told = judged(folder, str(folder / "ours"), word)
    statuses = {name: found[volume_arn(name)]["status"] for name in ("one", "two", "waived")}
    assert statuses == {"one": "pass", "two": "fail", "waived": "waived"}
    assert found[volume_arn("two")]["reason"] == "It has 2 tags; 1 are allowed."
    assert found[volume_arn("waived")]["waiver"]["id"] == "W-1"
    for former in ("volumes-tagged", "tags-of-volumes"):
        assert f"{former} is now called volumes-named" in told
    assert other not in told


def test_the_summary_knows_it_by_its_present_id(folder: Path) -> None:
    judged(folder, str(folder / "ours"), "volumes-tagged")
    summary = json.loads((folder / "out" / "summary.json").read_bytes())
    assert list(summary["summary"]["controls"]) == ["volumes-named", "waiver-expired"]


def test_show_knows_former_ids(folder: Path) -> None:
    result = CliRunner().invoke(
        audit, ["controls", "show", str(folder / "ours"), "tags-of-volumes", "--format", "markdown"]
    )
    assert result.exit_code == 0
    assert "`volumes-tagged`, `tags-of-volumes`" in result.stdout


@pytest.mark.parametrize("taken", ["volumes-tagged", "vault-locked"])
def test_a_former_id_is_never_given_to_another_control(folder: Path, taken: str) -> None:
    other = OURS.replace("volumes-named", taken).replace("aliases: [volumes-tagged, tags-of-volumes]\n", "")
    (folder / "ours" / f"{taken}.yaml").write_text(other)
    result = CliRunner().invoke(audit, ["controls", "lint", "all", str(folder / "ours")])
    assert result.exit_code == 2
    assert f"'{taken}' is taken by" in result.stderr
    assert "choose another" in result.stderr
