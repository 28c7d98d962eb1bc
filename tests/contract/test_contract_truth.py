"""Bundles that another program could have written, judged as the contract says, subject by subject."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from scanner.cli.scan.judgement import judgement_of
from scanner.cli.scan.requests import settings_of
from tests.contract import (
    arrivals_truth,
    assigned_truth,
    assignments,
    blinded_truth,
    composites_truth,
    copies,
    failed_truth,
    gates,
    kept_truth,
    peers,
    plans,
    points_truth,
    refuges_truth,
    refused,
    restores_truth,
    selections,
    timing,
    told_truth,
    types_truth,
    unsupported_truth,
    vaults,
)
from tests.contract.variants import findings_of
from tests.contract.world import ENCRYPTED, FAIL, FREQUENT, IN_PLAN, PASS, RECENT, UNKNOWN, World
from tests.fakes.bundles import BundleBuilder, Lines
from tests.fakes.bundles import refused as refuse_line

ASSESSED: Final = "account-region-assessed"
LAX: Final = "vault-manual-deletion-denied: {strict: false}"
EXEMPT: Final = f"vault-manual-deletion-denied: {{exempt_principal_arns: ['{vaults.BREAK_GLASS}']}}"
TIGHT: Final = "vault-locked: {mode: compliance, min_retention_days: 30, max_retention_days: 90}"
HALF: Final = "controls: {backup-jobs-succeed: {max_failure_ratio: 0.5}}"
LOOSE: Final = "plan-frequency-and-retention: {max_interval_hours: 72, min_retention_days: 7}"
DATABASES: Final = "controls: {resource-continuous-backup: {types: [RDS]}}"
GAPPED: Final = "controls: {resource-in-air-gapped-vault: {max_age_hours: 720}}"

# (what is known of members, verdicts on an active member, on two that are none, a stranger and the setting)
DESTINATIONS: Final = (
    ("all known", (PASS, FAIL, FAIL, PASS), arrivals_truth.known_members("true")),
    ("switched off", (PASS, FAIL, FAIL, FAIL), arrivals_truth.known_members("false")),
    ("setting refused", (PASS, FAIL, FAIL, UNKNOWN), arrivals_truth.known_members(None)),
    ("list cut off", (PASS, FAIL, UNKNOWN, PASS), arrivals_truth.members_cut),
    ("nothing told", (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN), dict),
)

NO_ORGANISATION: Final = (
    ("organizations:DescribeOrganization",),
    ("organizations:ListAccounts",),
    ("backup:DescribeGlobalSettings",),
    ("organizations:DescribeOrganization", "organizations:ListAccounts", "backup:DescribeGlobalSettings"),
)


def without_policies(lines: Lines) -> Lines:
    """Refuse the policies of the two vaults whose name says so."""
    return {stem: [_spoilt(line) for line in of_file] for stem, of_file in lines.items()}


def _spoilt(line: dict[str, Any]) -> dict[str, Any]:
    name = str(line["parameters"].get("BackupVaultName", ""))
    spoilt = line["operation"] == "GetBackupVaultAccessPolicy" and name.endswith("refused")
    return refuse_line(line) if spoilt else line


WORLDS: Final = (
    World("selections", selections.build),
    World("assignments", assignments.build, spoil=assignments.spoil),
    World("cases of other tools", peers.build),
    World("refused reads", refused.build, spoil=refused.spoil, closed=(IN_PLAN, FREQUENT, ENCRYPTED)),
    World("policies", vaults.policies(0), spoil=without_policies),
    World("policies, lax", vaults.policies(1), f"controls: {{{LAX}}}", without_policies),
    World("policies, exempt", vaults.policies(2), f"controls: {{{EXEMPT}}}", without_policies),
    World("locks", vaults.locks(0)),
    World("locks, compliance", vaults.locks(1), f"controls: {{{TIGHT}}}"),
    World("gates of vaults", gates.gates(organisation=True), spoil=gates.with_events),
    World("gates of vaults, no organisation", gates.gates(organisation=False), spoil=gates.with_events),
    World("recovery points", vaults.points, closed=(RECENT,)),
    World("frequencies", plans.frequencies(0)),
    World("frequencies, loose", plans.frequencies(1), f"controls: {{{LOOSE}}}"),
    World("states", plans.states(inherited=True), closed=(IN_PLAN,)),
    World("states, not inherited", plans.states(inherited=False), "count_inherited_backup: false"),
    World("organisation plans", plans.organization_plans, spoil=plans.in_organization),
    World("waits", timing.waits(0), closed=(timing.RPO, timing.SCHEDULED)),
    World("waits of three days", timing.waits(1), "controls: {resource-meets-rpo: {max_gap_hours: 72}}"),
    World("lifecycles", timing.lifecycles),
    World("overlaps", timing.overlaps, closed=(timing.OVERLAPS,)),
    World("continuous", timing.continuous, "controls: {resource-continuous-backup: {types: [S3, RDS]}}"),
    World("locks and retentions", timing.locks, spoil=timing.without_vaults_of_other),
    World("rules in doubt", timing.in_doubt, spoil=timing.without_tags),
    World("copies to a Region", copies.near),
    World(
        "copies to a Region far enough",
        copies.distances,
        "controls: {resource-cross-region-copy: {min_distance_km: 500}}",
    ),
    World("copies to an account", copies.far(None), spoil=copies.with_members("true")),
    World("copies to an account, off", copies.far(FAIL), spoil=copies.with_members("false")),
    World("copies to an account, setting refused", copies.far(UNKNOWN), spoil=copies.with_members(None)),
    World("backup jobs", restores_truth.Jobs(0), spoil=restores_truth.without_jobs),
    World("backup jobs, half may fail", restores_truth.Jobs(1), HALF, restores_truth.without_jobs),
    World("restores", restores_truth.restores),
    World("restores of a type", restores_truth.by_type, "controls: {restore-tested: {by: type}}"),
    World("vaults that admit", arrivals_truth.admission, spoil=arrivals_truth.admitting),
    *(
        World(f"destinations, {name}", arrivals_truth.destinations(*verdicts), spoil=spoil)
        for name, verdicts, spoil in DESTINATIONS
    ),
    *(
        World(
            f"no organisation, {number}", arrivals_truth.alone, spoil=arrivals_truth.no_organization(*names)
        )
        for number, names in enumerate(NO_ORGANISATION)
    ),
    World("keys that are shared", arrivals_truth.keys),
    World("retentions of copies", arrivals_truth.retentions),
    World("copies that arrive", arrivals_truth.arrivals),
    World("rare copies that arrive", arrivals_truth.rare_arrivals),
    World("shards that failed", failed_truth.shards),
    World("roles", assigned_truth.roles),
    World("plans that protect", assigned_truth.plans, spoil=assigned_truth.blind),
    World("policies of the organisation", assigned_truth.policies, closed=(assigned_truth.REACHED,)),
    World("recovery points, usable and clean", points_truth.points),
    World("air-gapped vaults", points_truth.air_gapped(PASS), spoil=points_truth.spoil),
    World("air-gapped vaults, of thirty days", points_truth.air_gapped(FAIL), GAPPED, points_truth.spoil),
    World("refuges", refuges_truth.refuges),
    World("vaults half told of", kept_truth.vaults),
    World("recovery points half told of", kept_truth.points),
    World("what types can", types_truth.kinds, spoil=types_truth.without_databases),
    World("continuous backups of databases", types_truth.continuous, DATABASES, types_truth.blind),
    World("refuges, a read missing", blinded_truth.refuges, spoil=blinded_truth.blind),
    World("backup jobs half told of", told_truth.backups, HALF),
    World("other jobs and roles half told of", told_truth.others),
    *(World(f"composites, {each.__name__}", each, closed=(IN_PLAN,)) for each in composites_truth.ALL),
    World("unsupported kinds, all selected", unsupported_truth.everything, closed=(IN_PLAN,)),
    World("unsupported kinds, nothing else selected", unsupported_truth.only_such, closed=(IN_PLAN,)),
    World("unsupported kinds in a stack", unsupported_truth.in_a_stack),
    World("3-2-1-1-0", refuges_truth.three_two_one, spoil=refuges_truth.refuse),
)


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_every_verdict_is_the_contracts(world: World, tmp_path: Path) -> None:
    builder = BundleBuilder(tmp_path / "bundle")
    truth = world.build(builder)
    lines = world.spoil(builder.lines())
    for stem in lines:  # the order of the lines means nothing
        lines[stem] = sorted(lines[stem], key=json.dumps, reverse=True)
    builder.write(lines, suffix=".jsonl.gz" if len(world.name) % 2 else ".jsonl")
    findings = judged(tmp_path, world.config, {control for control, _ in truth} | {*world.closed})
    found = {(finding["control"], finding["subject"]): finding for finding in findings}
    assert len(found) == len(findings)
    told = {key: finding["status"] for key, finding in found.items() if key in truth}
    wrong = {key: (truth[key], told.get(key)) for key in truth if truth[key] != told.get(key)}
    assert wrong == {}
    fabricated = {key for key in found.keys() - truth.keys() if key[0] in world.closed}
    assert fabricated == set()
    assert all(finding["reason"].endswith(".") and ": ." not in finding["reason"] for finding in findings)


def judged(folder: Path, config: str, controls: set[str]) -> list[dict[str, Any]]:
    """Return the findings of the folder's bundle as `audit evaluate` writes them.

    Only the controls that the truth mentions are judged: a control does not depend on others, except for the
    one that lists the controls that missing reads affect.
    """
    settings = None
    if config:
        settings = folder / "audit.yaml"
        settings.write_text(f"parameters: {{{config}}}\n")
    chosen = None if ASSESSED in controls else sorted(controls)
    judgement = judgement_of(settings_of(settings), chosen, None)
    return [finding.document() for finding in findings_of(folder / "bundle", judgement)]
