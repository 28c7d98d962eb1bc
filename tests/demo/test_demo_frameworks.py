"""The frameworks of the simulated organisation: compared with our controls, and as a pack."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scanner.cli.commands import audit
from scanner.demo.backup.assurance import CONTROLS
from scanner.demo.story.accounts import FRANKFURT, IRELAND, PRODUCTION
from scanner.evaluate.compliance.audit_manager import COUNTERPARTS
from scanner.yamlfile import read_yaml

pytestmark = pytest.mark.slow


def test_the_simulation_knows_the_controls_that_have_a_counterpart() -> None:
    assert COUNTERPARTS.keys() == CONTROLS


def test_both_scopes_stand_side_by_side(scan: Any) -> None:
    result = json.loads((scan.folder / "findings.json").read_bytes())["summary"]["audit_manager"]
    found = {(each["account"], each["region"], each["name"]): each for each in result}
    assert found.keys() == {
        (PRODUCTION, IRELAND, "old_one"),
        (PRODUCTION, IRELAND, "plans_only"),
        (PRODUCTION, IRELAND, "production"),
        (PRODUCTION, FRANKFURT, "production"),
    }
    assert found[PRODUCTION, FRANKFURT, "production"]["controls"] is None  # it may not be described
    by_name = {each["name"]: each for each in found[PRODUCTION, IRELAND, "production"]["controls"]}
    everything = by_name["BACKUP_RESOURCES_PROTECTED_BY_BACKUP_PLAN"]
    limited = by_name["BACKUP_RESOURCES_PROTECTED_BY_BACKUP_VAULT_LOCK"]
    assert everything["comparison"] == "equal"
    assert limited["comparison"] == "weaker"  # ours asks for no minimum retention
    assert 0 < limited["covered"] < everything["covered"] < everything["subjects"]
    assert everything["judged"] > 0


def test_a_framework_of_the_organisation_becomes_a_pack(scan: Any, tmp_path: Path) -> None:
    words = ("controls", "import", str(scan.folder), "--framework", "production", "--out", str(tmp_path))
    result = CliRunner().invoke(audit, words)
    assert result.exit_code == 0
    pack, _ = read_yaml((tmp_path / "audit-manager-production.yaml").read_text(), "pack")
    assert pack is not None
    assert pack.data["parameters"] == {
        "plan-frequency-and-retention": {"max_interval_hours": 24, "min_retention_days": 35},
        "vault-locked": {"mode": "governance", "min_retention_days": 35, "max_retention_days": 0},
    }
    assert f"could not be described: backup:DescribeFramework of production in {PRODUCTION}/{FRANKFURT}" in (
        result.stderr
    )
    assert "its scope (resource types 'EBS', 'RDS'; tag 'tier' = 'gold')" in result.stderr
