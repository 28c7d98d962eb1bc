"""Parameters and waivers of audit.yaml are held against the controls that there are."""

from pathlib import Path

import pytest

from scanner.cli.scan.judgement import judgement_of
from scanner.cli.scan.requests import settings_of
from scanner.errors import ConfigurationError

LOCK = "vault-locked: min_retention_days is to be"
WAIVER = """waivers:
  - id: W-1
    control: vault-locked
    subject: "*"
    owner: me
    approver: you
    reason: a lab
    expires: 2030-01-31
"""


def mistakes(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "audit.yaml"
    file.write_text(text)
    try:
        judgement_of(settings_of(file), None, None)
    except ConfigurationError as problem:
        return [str(mistake).replace(f"{file}:", "") for mistake in problem.mistakes]
    return []


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ("vault-locked: {mode: compliance, min_retention_days: 7}", ()),
        ("resource-cross-region-copy: {regions: [eu-west-1]}", ()),
        ("vault-lock: {}", ("3: there is no control 'vault-lock'", "vault-locked")),
        ("zzz: {}", ("3: there is no control 'zzz'",)),
        ("vault-locked: {moda: x}", ("3: vault-locked has no parameter 'moda'", "mode")),
        ("recovery-point-encrypted: {x: 1}", ("3: recovery-point-encrypted has no parameter 'x'",)),
        ("vault-locked: {mode: none}", ("3: vault-locked: mode is to be one of",)),
        (
            "vault-locked: {min_retention_days: '7'}",
            (f"3: {LOCK} a number",),
        ),
        (
            "vault-locked: {min_retention_days: true}",
            (f"3: {LOCK} a number",),
        ),
        (
            "copy-customer-managed-key: {exempt_fully_managed: 1}",
            ("3: copy-customer-managed-key: exempt_fully_managed is to be true or false",),
        ),
        (
            "vault-locked: {min_retention_days: -1}",
            (f"3: {LOCK} at least 0",),
        ),
        (
            "vault-locked: {min_retention_days: null}",
            (f"3: {LOCK} a number",),
        ),
    ],
)
def test_parameters(tmp_path: Path, parameters: str, told: tuple[str, ...]) -> None:
    found = mistakes(tmp_path, f"parameters:\n  controls:\n    {parameters}\n")
    assert len(found) == bool(told)
    assert all(text in found[0] for text in told)


def test_the_mistakes_of_settings_and_of_controls_are_told_together(tmp_path: Path) -> None:
    file = tmp_path / "audit.yaml"
    file.write_text(WAIVER.replace("    owner: me\n", ""))
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "x.yaml").write_text("id: x\n")
    with pytest.raises(ConfigurationError) as raised:
        settings_of(file, [str(tmp_path / "ours")])
    told = "\n".join(map(str, raised.value.mistakes))
    assert "waivers.0.owner is missing" in told
    assert "x.yaml:1: require: the key is missing" in told
    with pytest.raises(ConfigurationError) as alone:
        settings_of(file, None)
    assert len(alone.value.mistakes) == 1


def test_a_waiver(tmp_path: Path) -> None:
    assert mistakes(tmp_path, WAIVER) == []


def test_a_waiver_of_a_control_that_is_not_there(tmp_path: Path) -> None:
    (told,) = mistakes(tmp_path, WAIVER.replace("vault-locked", "vault-loked"))
    assert told.startswith("3: there is no control 'vault-loked'")
    assert "vault-locked" in told


def test_the_scope_of_a_framework_that_is_not_there(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "frameworks: {hipaa: {scope: {tags: {a: b}}}}") == []
    (mistake,) = mistakes(tmp_path, "frameworks: {hippa: {scope: {tags: {a: b}}}}")
    assert mistake.startswith("1: there is no framework 'hippa'")
    assert "hipaa" in mistake
