"""The settings that a scan stores are those that its verdicts rest on, and no others."""

from pathlib import Path

import pytest

from scanner.errors import ConfigurationError
from scanner.settings.settings import Settings, load_settings
from scanner.settings.stored_settings import refuse_secrets, stored_settings

SETTINGS = """
scope: {role_name: Reader, external_id: shared-secret-1}
outputs: {directory: "s3://bucket-of-ours/x"}
notify: {topic: "arn:aws:sns:eu-west-1:111111111111:backup-audit"}
fail_on: high
controls: [all]
parameters:
  controls:
    vault-locked: {min_retention_days: 7}
waivers:
  - {id: "1e5", control: vault-locked, subject: "*", owner: "NO", approver: "12:30",
     reason: "yes: #1 'a' \\" b", expires: 2030-01-31}
tiers:
  gold:
    match: {tags: {tier: [gold, "0123", "1_000", ""]}, accounts: "012345678901"}
    parameters: {restore-tested: {max_age_days: 60}}
overrides:
  - {match: {subjects: ["*\u00e9*"]}, parameters: {restore-tested: {max_age_days: 90}}}
owners:
  - tag: owner
  - {match: {tags: {a: b}}, owner: me}
score: {weights: {high: 1.5e+5}}
frameworks: {hipaa: {scope: {tags: {data: [ephi, "1"]}}}}
"""
JUDGING = ("parameters", "waivers", "tiers", "overrides", "owners", "score", "frameworks")


def stored(tmp_path: Path, text: str, words: tuple[str, ...] = ("all",)) -> tuple[Settings, Settings, str]:
    file, copy = tmp_path / "audit.yaml", tmp_path / "stored.yaml"
    file.write_text(text, "utf-8")
    settings = load_settings(file)
    copy.write_bytes(stored_settings(settings, words))
    return settings, load_settings(copy), copy.read_text("utf-8")


def test_what_verdicts_rest_on_is_read_back_as_it_was(tmp_path: Path) -> None:
    settings, again, _ = stored(tmp_path, SETTINGS, ("all", "inputs/controls/1"))
    assert again.controls == ("all", "inputs/controls/1")
    for section in JUDGING:
        assert getattr(again, section) == getattr(settings, section), section


def test_other_sections_are_left_out(tmp_path: Path) -> None:
    _, again, text = stored(tmp_path, SETTINGS)
    assert "shared-secret-1" not in text
    assert "bucket-of-ours" not in text
    assert (again.scope, again.outputs, again.notify, again.fail_on) == (
        Settings().scope,
        Settings().outputs,
        Settings().notify,
        None,
    )


def test_a_default_that_may_change_is_written(tmp_path: Path) -> None:
    assert "count_inherited_backup: true" in stored(tmp_path, "")[2]


@pytest.mark.parametrize(
    "secret", ["AKIA" + "ABCDEFGHIJKLMN23", "-----BEGIN RSA " + "PRIVATE KEY-----", "ASIA" + "2" * 16]
)
def test_a_secret_is_refused_with_its_line(secret: str) -> None:
    with pytest.raises(ConfigurationError, match=r"x\.yaml:2: this looks like a secret"):
        refuse_secrets("x.yaml", f"a: 1\nb: {secret}\n".encode())
    refuse_secrets("x.yaml", b"a: AKIA\nb: arn:aws:iam::111111111111:role/AKIAS\n")
