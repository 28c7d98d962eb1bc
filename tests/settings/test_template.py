"""A first audit.yaml can be read as it is, and with every example that it has as a comment."""

import re
from pathlib import Path

import pytest

from scanner.model.compliance import TagScope
from scanner.settings.settings import load_settings
from scanner.settings.template import Answers, settings_text

FULL = Answers(
    organization=True,
    accounts=("111111111111",),
    units=("ou-ab12-34cd56ef",),
    regions=("eu-west-1", "eu-central-1"),
    role_name="Audit",
    external_id="secret: #1".replace(": #", "-"),
    controls=("vault-locked",),
    formats=("html", "json"),
    directory="scans/{date}",
    fail_on="high",
    unread={"222222222222": 'Says "no": #1'},
    owner_tags=("Owner", "a: b #c"),
    tiers=("gold", "x: [y]"),
    source="scan\n- evil: true",
)


@pytest.mark.parametrize("answers", [Answers(), FULL], ids=["empty", "full"])
def test_it_can_be_read(tmp_path: Path, answers: Answers) -> None:
    file = tmp_path / "audit.yaml"
    file.write_text(settings_text(answers), encoding="utf-8")
    settings = load_settings(file)
    assert settings.scope.regions == answers.regions
    assert settings.scope.organization == answers.organization
    assert settings.outputs.formats == answers.formats
    assert tuple(tag for section in settings.owners for tag in section.tag or ()) == answers.owner_tags
    assert (settings.fail_on or "") == answers.fail_on


def test_its_examples_can_be_read_without_the_comment_marks(tmp_path: Path) -> None:
    text = settings_text(Answers())
    example = re.compile(r"^(\s*)# (\s*)(?=- |[a-z_]+:|[a-z-]+: \{)", re.MULTILINE)
    file = tmp_path / "audit.yaml"
    file.write_text(example.sub(r"\1\2", text), encoding="utf-8")
    settings = load_settings(file)
    assert settings.waivers[0].id == "W-1"
    assert settings.tiers[0].name == "critical"
    assert settings.scope.exclude[0].account == "123456789012"
    assert settings.parameters.controls["vault-locked"] == {"mode": "compliance"}
    assert settings.framework_scopes() == {"hipaa": TagScope((("data", ("ephi",)),))}
